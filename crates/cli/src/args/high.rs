//! What will run: the *high* stage. Addresses are parsed here, flags are put together, and all that
//! can be wrong without opening anything is found.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use clap_complete::Shell;
use wharf::catalog::CATALOG;
use wharf::relay::{AfterEnd, Direction, Full, Options, ServeOptions};
use wharf::socket::Address;
use wharf::socket::env::{Family, Names};
use wharf::socket::log::Level;
use wharf::socket::units::nearest;
use wharf::{Endpoint, Error, Result};

use super::help::Wish;
use super::low::{Command, CommonFlags, Low, ProbeFlags, RelayFlags, SideName, Sides, WhenFull};
use super::value::QuitAfter;
use crate::commands::endpoints;
use crate::terminal::voice::{Form, Voice};

/// What the program does.
#[derive(Debug)]
pub enum Job {
    /// Shows help or the version.
    Tell(Wish),
    /// Relays.
    Relay(Box<Relay>, Voice),
    /// Tells what a relay would do; one endpoint alone if there is no second.
    Explain {
        left: Endpoint,
        right: Option<Endpoint>,
        json: bool,
    },
    /// Lists endpoints.
    Endpoints {
        scheme: Option<String>,
        form: endpoints::Form,
    },
    /// Tells which ports are open.
    Probe(Probe, Voice),
    /// Prints completions.
    Completions(Shell),
    /// Prints the man page.
    Man,
    /// Explains a topic.
    Help(Option<String>),
}

/// A relay, ready to run.
#[derive(Debug)]
pub struct Relay {
    pub left: Endpoint,
    pub right: Endpoint,
    pub options: ServeOptions,
    pub names: Names,
    /// Threads; as many as fit if not given.
    pub workers: Option<usize>,
    /// Whom to become once everything is bound.
    pub user: Option<String>,
    pub exit_from: Option<SideName>,
    pub stats: bool,
    pub hexdump: bool,
    pub progress: bool,
}

/// A probe, ready to run.
#[derive(Debug)]
pub struct Probe {
    pub addresses: Vec<String>,
    pub parallel: usize,
    pub timeout: Duration,
    pub names: Names,
    pub json: bool,
}

/// Puts together what was typed.
///
/// # Errors
/// Kind `Usage`, pointing at the character where an address is wrong.
pub fn plan(low: Low) -> Result<Job> {
    let Low {
        command,
        sides,
        relay: flags,
        common,
    } = low;
    let json = common.json;
    Ok(match command {
        None if flags.dry_run => explain(sides, &flags, json)?,
        None => {
            let voice = voice(&common);
            Job::Relay(Box::new(relay(sides, &flags, &common)?), voice)
        }
        Some(Command::Explain { sides }) => explain(sides, &flags, json)?,
        Some(Command::Endpoints { scheme, markdown }) => Job::Endpoints {
            scheme,
            form: match (json, markdown) {
                (true, _) => endpoints::Form::Json,
                (_, true) => endpoints::Form::Markdown,
                _ => endpoints::Form::Text,
            },
        },
        Some(Command::Probe(flags)) => Job::Probe(probe(flags, &common)?, voice(&common)),
        Some(Command::Completions { shell }) => Job::Completions(shell),
        Some(Command::Man) => Job::Man,
        Some(Command::Help { topic }) => Job::Help(topic),
        Some(Command::Version) => Job::Tell(Wish::Version),
    })
}

/// What is said, and how.
fn voice(common: &CommonFlags) -> Voice {
    let form = match common.json {
        true => Form::Json,
        false => Form::Text,
    };
    let level = match (common.quiet, common.verbose) {
        (true, _) => Level::Error,
        (_, 0) => Level::Info,
        (_, 1) => Level::Debug,
        _ => Level::Trace,
    };
    Voice::new(form, level)
}

fn names(common: &CommonFlags) -> Names {
    Names {
        family: match (common.v4, common.v6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        },
        overrides: common.resolve.clone().into(),
        numeric_only: common.numeric,
    }
}

fn relay(sides: Sides, flags: &RelayFlags, common: &CommonFlags) -> Result<Relay> {
    let (left, right) = pair(sides)?;
    let (left, right) = (dress_left(left, flags)?, dress_right(right, flags)?);
    let workers = flags.workers;
    let direction = match (flags.send_only, flags.recv_only) {
        (true, _) => Direction::LeftToRight,
        (_, true) => Direction::RightToLeft,
        _ => Direction::Both,
    };
    let after_end = match flags.quit_after {
        Some(QuitAfter::Time(time)) => AfterEnd::QuitAfter(time),
        Some(QuitAfter::Never) | None => AfterEnd::ReadOn,
    };
    let relay = Options {
        idle_timeout: flags.idle_timeout,
        grace: flags.grace,
        wait: flags.wait,
        after_end,
        keep: flags.keep,
        direction,
        limit_rate: flags.limit_rate,
        ..Options::default()
    };
    let mut options = ServeOptions {
        relay,
        once: flags.once,
        full: match flags.when_full {
            WhenFull::Wait => Full::Wait,
            WhenFull::Refuse => Full::Refuse,
        },
        allow: flags.allow.clone(),
        deny: flags.deny.clone(),
        ..ServeOptions::default()
    };
    if let Some(most) = flags.max_connections {
        options.max_connections = most;
    }
    Ok(Relay {
        left,
        right,
        options,
        names: names(common),
        workers,
        user: flags.user.clone(),
        exit_from: flags.exit_from,
        stats: flags.stats,
        hexdump: flags.hexdump,
        progress: flags.progress,
    })
}

fn explain(sides: Sides, flags: &RelayFlags, json: bool) -> Result<Job> {
    let alone = sides.right.is_none() && sides.program.is_empty() && !flags.dry_run;
    let (left, right) = match alone {
        true => {
            // One address is explained as itself, not as the right side of standard input.
            let typed = sides.left.ok_or_else(missing)?;
            return Ok(Job::Explain {
                left: endpoint(&typed)?,
                right: None,
                json,
            });
        }
        false => pair(sides)?,
    };
    Ok(Job::Explain {
        left: dress_left(left, flags)?,
        right: Some(dress_right(right, flags)?),
        json,
    })
}

fn probe(flags: ProbeFlags, common: &CommonFlags) -> Result<Probe> {
    let mut addresses = Vec::new();
    for typed in flags.addresses {
        let text = typed.to_str().ok_or_else(|| not_utf8(&typed))?;
        addresses.extend(super::ports::expand(text)?);
    }
    Ok(Probe {
        addresses,
        parallel: flags.parallel,
        timeout: flags.timeout,
        names: names(common),
        json: common.json,
    })
}

/// The two sides, as endpoints.
fn pair(sides: Sides) -> Result<(Endpoint, Endpoint)> {
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
            habit_of_nc(&left, &right)?;
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

fn not_utf8(typed: &OsStr) -> Error {
    Error::usage(format!("{} is not UTF-8", typed.to_string_lossy()))
}

/// The endpoint of one argument; a file by its verbatim octets where they are no text.
fn endpoint(typed: &OsStr) -> Result<Endpoint> {
    let Some(text) = typed.to_str() else {
        let octets = typed.as_bytes();
        let is_path = ["/", "./", "../", "~/"]
            .iter()
            .any(|start| octets.starts_with(start.as_bytes()));
        return match is_path {
            true => Endpoint::build(Address::of_file(octets, &CATALOG)?),
            false => Err(not_utf8(typed)),
        };
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

/// `wharf HOST PORT`, as nc has it.
fn habit_of_nc(left: &OsStr, right: &OsStr) -> Result<()> {
    let (Some(host), Some(port)) = (left.to_str(), right.to_str()) else {
        return Ok(());
    };
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let is_host = !host.contains("://") && !host.starts_with(['-', '/', '.']);
    if !is_port || !is_host {
        return Ok(());
    }
    let host = match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    };
    Err(Error::usage(format!("{port} alone is no address")).hint(format!("wharf {host}:{port}")))
}

fn command_line(words: &[OsString]) -> Result<Endpoint> {
    let words: Vec<&str> = words
        .iter()
        .map(|word| word.to_str().ok_or_else(|| not_utf8(word)))
        .collect::<Result<_>>()?;
    Endpoint::of_command(&words)
}

/// The left side with what flags say of it.
fn dress_left(left: Endpoint, flags: &RelayFlags) -> Result<Endpoint> {
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

/// The right side with what flags say of it.
fn dress_right(right: Endpoint, flags: &RelayFlags) -> Result<Endpoint> {
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
