//! The two sides: what was typed as addresses, and what flags add to them.
//!
//! Out of habit people type `wharf HOST PORT`, a command with a slip in it, or a command line without
//! quotes; each gets the line that was meant.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use wharf::catalog::CATALOG;
use wharf::socket::Address;
use wharf::socket::units::nearest;
use wharf::{Endpoint, Error, Result};

use super::low::{RelayFlags, Sides};

/// The two sides with what the flags say of them.
///
/// # Errors
/// Kind `Usage`, pointing at the character where an address is wrong.
pub fn pair(sides: Sides, flags: &RelayFlags) -> Result<(Endpoint, Endpoint)> {
    let (left, right) = bare(sides)?;
    Ok((raw(left, flags)?, crlf(right, flags)?))
}

/// The one address to be explained as itself, not as the right side of standard input; `None` if
/// there are two.
pub fn alone(sides: &Sides) -> Option<Result<Endpoint>> {
    match (&sides.left, &sides.right, &sides.program[..]) {
        (Some(typed), None, []) => Some(endpoint(typed)),
        (None, None, []) => Some(Err(missing())),
        _ => None,
    }
}

/// The two sides as endpoints.
fn bare(sides: Sides) -> Result<(Endpoint, Endpoint)> {
    let Sides {
        left,
        right,
        excess,
        program,
    } = sides;
    let program = match program.is_empty() {
        true => None,
        false => Some(command_line(&program)?),
    };
    if let Some(word) = excess.first() {
        return Err(Error::usage(format!(
            "{} is one address too many: two are relayed",
            word.to_string_lossy()
        ))
        .hint("quote a command line as one argument, or put it last after --"));
    }
    match (left, right, program) {
        (Some(left), Some(right), None) => {
            habit_of_nc("wharf", &left, &right)?;
            Ok((endpoint(&left)?, endpoint(&right)?))
        }
        (Some(only), None, None) => Ok((Endpoint::parse("-")?, endpoint(&only)?)),
        (Some(left), None, Some(program)) => Ok((endpoint(&left)?, program)),
        (None, _, Some(program)) => Ok((Endpoint::parse("-")?, program)),
        (Some(_), Some(_), Some(_)) => Err(Error::usage(
            "two addresses and a program are three sides: two are relayed",
        )),
        (None, _, None) => Err(missing()),
    }
}

fn missing() -> Error {
    Error::usage("an address is missing")
        .hint("wharf HOST:PORT, or wharf LEFT RIGHT; wharf -h shows more")
}

/// An argument as text.
///
/// # Errors
/// Kind `Usage` if it is not UTF-8.
pub fn text(typed: &OsStr) -> Result<&str> {
    typed
        .to_str()
        .ok_or_else(|| Error::usage(format!("{} is not UTF-8", typed.to_string_lossy())))
}

/// The endpoint of one argument; a file by its verbatim octets where they are no text.
///
/// # Errors
/// Kind `Usage`, pointing at the character where the address is wrong.
pub fn endpoint(typed: &OsStr) -> Result<Endpoint> {
    let octets = typed.as_bytes();
    let is_path = ["/", "./", "../", "~/"]
        .iter()
        .any(|start| octets.starts_with(start.as_bytes()));
    let text = match typed.to_str() {
        None if is_path => return Endpoint::build(Address::of_file(octets, &CATALOG)?),
        _ => text(typed)?,
    };
    Endpoint::parse(text).map_err(|error| match bare_word(text) {
        Some(better) => better,
        None => error,
    })
}

/// A bare word that is nearly a command was probably meant as one.
fn bare_word(text: &str) -> Option<Error> {
    if !text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let declared = super::command();
    let names: Vec<&str> = declared
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    let near = nearest(text, names)?;
    Some(Error::usage(format!("there is no command {text}")).hint(format!("did you mean {near}?")))
}

/// `HOST PORT` after `command`, as nc has it; a port may be a range.
///
/// # Errors
/// Kind `Usage` if that is what was typed.
pub fn habit_of_nc(command: &str, left: &OsStr, right: &OsStr) -> Result<()> {
    let (Some(host), Some(port)) = (left.to_str(), right.to_str()) else {
        return Ok(());
    };
    let is_port = port.starts_with(|c: char| c.is_ascii_digit())
        && port.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let is_host = !host.contains("://") && !host.starts_with(['-', '/', '.']);
    if !is_port || !is_host {
        return Ok(());
    }
    let host = match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    };
    Err(Error::usage(format!("{port} alone is no address"))
        .hint(format!("{command} {host}:{port}")))
}

fn command_line(words: &[OsString]) -> Result<Endpoint> {
    let words: Vec<&str> = words.iter().map(|word| text(word)).collect::<Result<_>>()?;
    Endpoint::of_command(&words)
}

/// The left side, with a raw terminal if that is wanted.
fn raw(left: Endpoint, flags: &RelayFlags) -> Result<Endpoint> {
    if !flags.raw {
        return Ok(left);
    }
    let is_stdio = left
        .layers()
        .first()
        .is_some_and(|layer| layer.scheme.name == "stdio");
    if !is_stdio {
        return Err(Error::usage(
            "--raw is about standard input, which is not the left side",
        ));
    }
    let text = typed(&left);
    let joint = if text.contains('#') { ',' } else { '#' };
    Endpoint::parse(&format!("{text}{joint}raw"))
}

/// The right side, with line ends of CR LF if they are wanted.
fn crlf(right: Endpoint, flags: &RelayFlags) -> Result<Endpoint> {
    if !flags.crlf {
        return Ok(right);
    }
    Endpoint::parse(&format!("crlf+{}", typed(&right)))
}

/// The address with its scheme, whatever short form was typed, and with its secrets and variables.
fn typed(endpoint: &Endpoint) -> String {
    match endpoint.is_template() {
        true => endpoint.address_text().to_owned(),
        false => endpoint.address().to_string_with_secrets(),
    }
}
