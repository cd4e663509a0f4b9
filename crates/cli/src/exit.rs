//! The exit codes: one table, the same in text, in JSON and in the manual.
//!
//! Every [`Kind`] of failure has a code of its own, so that a script can tell a refused connection
//! from a wrong name without reading messages. `wharf help exit-codes`, the man page and
//! `docs/exit-codes.md` print this table; nothing else in the program knows a number.

use std::process::ExitCode;

use wharf::Kind;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All was done.
    Done,
    /// It failed.
    Failed(Kind),
    /// Whoever read standard output has gone.
    StdoutClosed,
    /// A signal ended it before all was done.
    Signal(i32),
    /// With `--exit-from`: what the command or the peer ended with.
    Status(i32),
}

/// One line of the table.
pub struct Row {
    /// The code, or how it is made.
    pub code: &'static str,
    /// The word that JSON events carry.
    pub name: &'static str,
    /// When it is returned.
    pub meaning: &'static str,
}

/// Every way to end, in the order of the codes.
pub const TABLE: [Row; 19] = [
    row(
        "0",
        "done",
        "all was done; a listener that was asked to stop has drained",
    ),
    row(
        "1",
        "broken",
        "it broke while running, for a reason that no other code names",
    ),
    row(
        "2",
        "usage",
        "an address, an option or an argument cannot be meant",
    ),
    row("3", "name", "a name has no address"),
    row(
        "4",
        "unreachable",
        "the peer refused, or there is no way to it",
    ),
    row("5", "timeout", "it took longer than was allowed"),
    row(
        "6",
        "tls",
        "the peer cannot be trusted, or no TLS parameters are common",
    ),
    row("7", "auth", "the peer did not accept who we are"),
    row("8", "protocol", "the peer broke the rules of its protocol"),
    row(
        "9",
        "local",
        "a local file, device, command or port is missing, taken or full",
    ),
    row(
        "10",
        "privilege",
        "the operating system wants a privilege that we do not have",
    ),
    row("11", "reset", "the peer reset the connection"),
    row(
        "12",
        "truncated",
        "the peer's data ended before it was complete",
    ),
    row(
        "13",
        "status",
        "the peer reported a failure of its own, such as 404 in HTTP",
    ),
    row(
        "14",
        "checksum",
        "what came is not what was asked for: its sum is another",
    ),
    row(
        "70",
        "bug",
        "an invariant of wharf itself does not hold: please report it",
    ),
    row(
        "141",
        "stdout",
        "whoever read standard output has gone (128 + SIGPIPE)",
    ),
    row("128+n", "signal", "signal n ended it before all was done"),
    row(
        "any",
        "exit-from",
        "with --exit-from: what the command or the peer ended with",
    ),
];

const fn row(code: &'static str, name: &'static str, meaning: &'static str) -> Row {
    Row {
        code,
        name,
        meaning,
    }
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed(kind) => code_of(kind),
            Exit::StdoutClosed => 141,
            Exit::Signal(number) => u8::try_from(128 + number).unwrap_or(u8::MAX),
            Exit::Status(status) => u8::try_from(status).unwrap_or(u8::MAX),
        }
    }

    /// The word that JSON events carry.
    pub fn name(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Failed(kind) => kind.name(),
            Exit::StdoutClosed => "stdout",
            Exit::Signal(_) => "signal",
            Exit::Status(_) => "exit-from",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// The code of a kind of failure.
pub fn code_of(kind: Kind) -> u8 {
    match kind {
        Kind::Usage => 2,
        Kind::Name => 3,
        Kind::Unreachable => 4,
        Kind::Timeout => 5,
        Kind::Tls => 6,
        Kind::Auth => 7,
        Kind::Protocol => 8,
        Kind::Local => 9,
        Kind::Privilege => 10,
        Kind::Reset => 11,
        Kind::Truncated => 12,
        Kind::Status => 13,
        Kind::Checksum => 14,
        Kind::Bug => 70,
        // `Kind` may grow; a kind without a code of its own is one that broke while running.
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_in_the_table_with_its_code() {
        for kind in Kind::ALL {
            let row = TABLE.iter().find(|row| row.name == kind.name());
            let row = row.unwrap_or_else(|| panic!("{} has no row", kind.name()));
            assert_eq!(row.code, code_of(kind).to_string(), "{}", row.name);
        }
    }

    #[test]
    fn no_two_kinds_share_a_code() {
        let mut codes: Vec<u8> = Kind::ALL.into_iter().map(code_of).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Kind::ALL.len());
    }

    #[test]
    fn signals_count_from_128() {
        assert_eq!(Exit::Signal(15).code(), 143);
        assert_eq!(Exit::StdoutClosed.code(), 141);
    }
}
