//! Arguments, in two stages: *low* is what was typed, checked word by word; *high* is what will run.
//!
//! Help and version come first and cannot fail, whatever else stands on the line. An error names
//! what was typed and the nearest thing that could have been meant.

pub mod habit;
pub mod help;
pub mod high;
pub mod low;
pub mod packets;
pub mod ports;
pub mod secret;
pub mod sides;
pub mod switch;
pub mod transfer;
pub mod value;

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use wharf::socket::log::Level;
use wharf::socket::units::nearest;
use wharf::{Error, Result};

pub use high::Job;
pub use low::Low;

use crate::terminal::voice::{Form, Voice};

/// The declaration of all flags and commands.
pub fn command() -> clap::Command {
    Low::command().version(env!("CARGO_PKG_VERSION"))
}

/// Reads the arguments: what to do, and how to speak of it. `words` does not contain the program's
/// own name.
///
/// # Errors
/// Kind `Usage`.
pub fn read(words: &[OsString]) -> Result<(Job, Voice)> {
    let tell = |wish| Ok((Job::Tell(wish), fallback(words)));
    if let Some(wish) = help::wish(words) {
        return tell(wish);
    }
    let name = std::iter::once(OsStr::new("wharf"));
    let typed = name.chain(words.iter().map(OsString::as_os_str));
    let matches = match command().try_get_matches_from(typed) {
        Ok(matches) => matches,
        // What is left of help after `help::wish`: a cluster of short flags such as -vh.
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            return tell(help::Wish::Short(help::command_of(words)));
        }
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            return tell(help::Wish::Version);
        }
        Err(error) => return Err(plain(&error, words)),
    };
    if let Some((name, _)) = matches.subcommand() {
        fits(name, &matches)?;
    }
    let low = Low::from_arg_matches(&matches).map_err(|error| plain(&error, words))?;
    let voice = high::voice(&low.common);
    Ok((high::plan(low)?, voice))
}

/// A voice for errors alone, in JSON if that was asked for: the arguments may not be readable.
pub fn fallback(words: &[OsString]) -> Voice {
    let own = words.iter().take_while(|word| *word != "--");
    let form = match own.into_iter().any(|word| word == "--json") {
        true => Form::Json,
        false => Form::Text,
    };
    Voice::new(form, Level::Error)
}

/// Refuses flags of a relay where a command has no use for them.
fn fits(name: &str, matches: &ArgMatches) -> Result<()> {
    let declared = command();
    let given =
        |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    for id in matches.ids().filter(given) {
        let flag = declared.get_arguments().find(|arg| arg.get_id() == id);
        let Some(flag) = flag.filter(|flag| !flag.is_global_set()) else {
            continue;
        };
        if flag.is_positional() {
            return Err(
                Error::usage(format!("a command comes first, and {name} does not"))
                    .hint(format!("wharf {name} ...")),
            );
        }
        if name != "explain" {
            let typed = flag
                .get_long()
                .map_or_else(|| id.to_string(), |long| format!("--{long}"));
            return Err(of_a_relay(&typed).hint(format!("wharf {name} -h")));
        }
    }
    Ok(())
}

fn of_a_relay(flag: &str) -> Error {
    Error::usage(format!("{flag} means something only for a relay"))
}

/// The flag alone of what the parser shows: `--wait <TIME>`, `--verbose...`.
fn bare(shown: &str) -> &str {
    let flag = shown.split(' ').next().unwrap_or_default();
    flag.trim_end_matches("...")
}

/// An error of the parser in our words.
fn plain(error: &clap::Error, words: &[OsString]) -> Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg).unwrap_or_default();
    let flag = bare(&argument).to_owned();
    let value = text(ContextKind::InvalidValue).unwrap_or_default();
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let here =
        help::command_of(words).map_or_else(|| "wharf -h".into(), |c| format!("wharf {c} -h"));
    match error.kind() {
        ErrorKind::UnknownArgument => {
            misplaced(&flag, words).unwrap_or_else(|| unknown(&flag, &here))
        }
        ErrorKind::ValueValidation => {
            Error::usage(format!("{flag} {value}: {}", cause.unwrap_or_default()))
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            Error::usage(format!("{flag} wants a value")).hint(argument)
        }
        ErrorKind::InvalidValue => {
            let words = text(ContextKind::ValidValue).unwrap_or_default();
            let error = Error::usage(format!("{flag} {value}: one of {words} is wanted"));
            match nearest(&value, words.split(", ")) {
                Some(near) => error.hint(format!("{flag} {near}")),
                None => error,
            }
        }
        ErrorKind::ArgumentConflict => {
            let other = text(ContextKind::PriorArg).unwrap_or_default();
            match bare(&other) {
                other if flag == other => Error::usage(format!("{flag} is given twice")),
                other => Error::usage(format!("{flag} and {other} exclude each other")),
            }
        }
        ErrorKind::MissingRequiredArgument => {
            Error::usage(format!("{argument} is missing")).hint(here)
        }
        ErrorKind::InvalidUtf8 => Error::usage("an argument is not UTF-8"),
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            Error::usage(line.trim_start_matches("error: ")).hint(here)
        }
    }
}

/// A flag of a relay behind a command, where only the command's own are known.
fn misplaced(flag: &str, words: &[OsString]) -> Option<Error> {
    let name = help::command_of(words)?;
    let is_known = command().get_arguments().any(|arg| {
        let mut longs = arg.get_long().into_iter();
        let mut shorts = arg.get_short().into_iter();
        longs.any(|long| flag == format!("--{long}"))
            || shorts.any(|short| flag == format!("-{short}"))
    });
    is_known.then(|| match name.as_str() {
        "explain" => Error::usage(format!("{flag} comes before explain"))
            .hint(format!("wharf {flag} ... explain LEFT RIGHT")),
        _ => of_a_relay(flag).hint(format!("wharf {name} -h")),
    })
}

/// A flag that does not exist: what nc, ncat and socat mean by it, or the nearest that does.
fn unknown(flag: &str, here: &str) -> Error {
    let error = Error::usage(format!("there is no flag {flag}"));
    if let Some(way) = habit::way(flag) {
        return error.hint(way);
    }
    let declared = command();
    let subcommands = declared
        .get_subcommands()
        .flat_map(clap::Command::get_arguments);
    let longs: Vec<String> = declared
        .get_arguments()
        .chain(subcommands)
        .filter_map(clap::Arg::get_long)
        .map(|long| format!("--{long}"))
        .collect();
    match nearest(flag, longs.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(here),
    }
}
