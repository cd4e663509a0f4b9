//! Whether help or the version is wanted, found out before anything can be wrong.
//!
//! `wharf --no-such-flag --help` shows help: who asks for help does not know the flags yet.
//! Not here: the texts (`commands/help.rs`).

use std::ffi::{OsStr, OsString};

use super::command;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A screen of help, on a command if one was named.
    Short(Option<String>),
    /// All of it.
    Long(Option<String>),
    /// The version.
    Version,
}

/// The first wish among the words, up to a `--`.
pub fn wish(words: &[OsString]) -> Option<Wish> {
    own(words).find_map(|word| match word.to_str()? {
        "-h" => Some(Wish::Short(command_of(words))),
        "--help" => Some(Wish::Long(command_of(words))),
        "-V" | "--version" => Some(Wish::Version),
        _ => None,
    })
}

/// The command that the words name, if they do.
pub fn command_of(words: &[OsString]) -> Option<String> {
    let declared = command();
    own(words).find_map(|word| {
        let known = declared.find_subcommand(word)?;
        Some(known.get_name().to_owned())
    })
}

/// The words that are for us; what follows `--` is for a program.
fn own(words: &[OsString]) -> impl Iterator<Item = &OsStr> {
    words
        .iter()
        .map(OsString::as_os_str)
        .take_while(|word| *word != "--")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<Wish> {
        wish(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn help_is_found_beside_anything_wrong() {
        assert_eq!(of("--no-such -h"), Some(Wish::Short(None)));
        assert_eq!(
            of("probe --no-such --help"),
            Some(Wish::Long(Some("probe".into())))
        );
        assert_eq!(of("a b c d --version"), Some(Wish::Version));
    }

    #[test]
    fn the_help_of_a_program_is_not_ours() {
        assert_eq!(of("tcp://h:1 -- ls --help"), None);
        assert_eq!(of("-v tcp://h:1"), None);
    }
}
