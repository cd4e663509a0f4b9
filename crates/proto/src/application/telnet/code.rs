//! The octets of TELNET by their names: commands, the verbs of negotiation, options.
//!
//! Sources: RFC 854 (commands), RFC 1184 (EOF, SUSP, ABORT), the registry of options at IANA.
//! Not here: what any of them means to us (`machine`).

use core::fmt;

/// What follows an IAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command(pub u8);

impl Command {
    /// The end of a file, where a line is edited by the client.
    pub const EOF: Self = Self(0xec);
    /// Suspend the process.
    pub const SUSP: Self = Self(0xed);
    /// Abort the process.
    pub const ABORT: Self = Self(0xee);
    /// The end of a subnegotiation.
    pub const SE: Self = Self(0xf0);
    /// Nothing.
    pub const NOP: Self = Self(0xf1);
    /// Where a Synch ends.
    pub const DM: Self = Self(0xf2);
    /// The Break key.
    pub const BRK: Self = Self(0xf3);
    /// Interrupt the process.
    pub const IP: Self = Self(0xf4);
    /// Abort the output.
    pub const AO: Self = Self(0xf5);
    /// Are you there?
    pub const AYT: Self = Self(0xf6);
    /// Erase the character before.
    pub const EC: Self = Self(0xf7);
    /// Erase the line.
    pub const EL: Self = Self(0xf8);
    /// Go ahead.
    pub const GA: Self = Self(0xf9);
    /// A subnegotiation begins.
    pub const SB: Self = Self(0xfa);
    /// The octet that announces a command, and in data stands for itself when doubled.
    pub const IAC: Self = Self(0xff);
}

/// Who is to do what about an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The sender does it, or offers to.
    Will,
    /// The sender does not.
    Wont,
    /// The receiver is to do it, or may.
    Do,
    /// The receiver is not to.
    Dont,
}

impl Verb {
    /// The verb that an octet after IAC stands for.
    pub const fn parse(octet: u8) -> Option<Self> {
        match octet {
            0xfb => Some(Self::Will),
            0xfc => Some(Self::Wont),
            0xfd => Some(Self::Do),
            0xfe => Some(Self::Dont),
            _ => None,
        }
    }

    /// Its octet.
    pub const fn octet(self) -> u8 {
        match self {
            Self::Will => 0xfb,
            Self::Wont => 0xfc,
            Self::Do => 0xfd,
            Self::Dont => 0xfe,
        }
    }
}

/// The number of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u8);

impl Code {
    /// Eight-bit data without the line ends of the virtual terminal (RFC 856).
    pub const BINARY: Self = Self(0);
    /// Who sends it shows what it receives (RFC 857).
    pub const ECHO: Self = Self(1);
    /// Who sends it sends no GA (RFC 858); with ECHO, it wants every key at once.
    pub const SGA: Self = Self(3);
    /// A mark in the stream that is answered when it has been reached (RFC 860).
    pub const TIMING_MARK: Self = Self(6);
    /// The name of a terminal (RFC 1091).
    pub const TERMINAL_TYPE: Self = Self(24);
    /// The size of a window (RFC 1073).
    pub const NAWS: Self = Self(31);
    /// Lines are edited by the client as the server says (RFC 1184).
    pub const LINEMODE: Self = Self(34);
    /// Variables of the user's environment (RFC 1572).
    pub const NEW_ENVIRON: Self = Self(39);
}

/// The name where we know one, else the number.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::BINARY => "BINARY",
            Self::ECHO => "ECHO",
            Self::SGA => "SUPPRESS-GO-AHEAD",
            Self::TIMING_MARK => "TIMING-MARK",
            Self::TERMINAL_TYPE => "TERMINAL-TYPE",
            Self::NAWS => "NAWS",
            Self::LINEMODE => "LINEMODE",
            Self::NEW_ENVIRON => "NEW-ENVIRON",
            Self(number) => return write!(f, "option {number}"),
        };
        f.write_str(name)
    }
}
