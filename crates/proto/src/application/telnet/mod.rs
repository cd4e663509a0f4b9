//! TELNET as a machine: data and commands out of one stream of octets, and what is agreed about it.
//!
//! Sources: RFC 854 (the commands, the network virtual terminal), RFC 855 (options), RFC 1143 (the Q
//! method), and for the options RFC 856 (BINARY), 857 (ECHO), 858 (SUPPRESS-GO-AHEAD), 860
//! (TIMING-MARK), 1073 (NAWS), 1091 (TERMINAL-TYPE), 1572 (NEW-ENVIRON).
//! Refused, once: every other option, LINEMODE (RFC 1184) among them: without it a line is edited
//! where it is typed, or each key is sent, and that is what servers fall back to.
//! Not here: connections and time, the terminal itself, AUTHENTICATION and ENCRYPT.

mod code;
mod decoder;
mod encoder;
mod environ;
mod line_ends;
mod machine;
mod naws;
mod negotiation;
mod options;
mod policy;
mod terminal_type;
#[cfg(test)]
mod tests;

pub use code::{Code, Command, Verb};
pub use decoder::{Decoder, Error, Token};
pub use encoder::Encoder;
pub use environ::Variable;
pub use line_ends::LineEnds;
pub use machine::{Event, Machine, Step};
pub use naws::Size;
pub use negotiation::{Negotiation, Wish};
pub use policy::{Role, Typing, Wishes};
