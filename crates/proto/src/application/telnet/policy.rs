//! What we want of a peer, and what we let it have.
//!
//! Sources: RFC 857 (who echoes), RFC 858 (ECHO with SUPPRESS-GO-AHEAD: a key at a time). That both
//! sides echo would be an endless loop, so a client never does, and a server is never echoed to.
//! Not here: how that is negotiated (`negotiation`).

use alloc::string::String;
use alloc::vec::Vec;

use super::code::Code;
use super::environ::Variable;
use super::naws::Size;
use super::negotiation::Wish;

/// Which end of the connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Where the person sits.
    Client,
    /// Where the program runs.
    Server,
}

/// How what is typed is handed over, and who shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// Lines, edited and shown by the client.
    Lines,
    /// Lines, edited by the client and shown by nobody: a password.
    Hidden,
    /// Each key at once; the server shows it.
    Keys,
}

/// What we want, and what we have to tell.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// Which end we are.
    pub role: Role,
    /// Whether octets go as they are in both directions; `None` leaves it to the peer.
    pub binary: Option<Wish>,
    /// Whether the server shows what is typed and gets each key; `None` leaves a client to its
    /// server, and a server to what [`want`](super::Machine::want) tells.
    pub echo: Option<Wish>,
    /// Client: names of the terminal, the best first; empty tells none.
    pub terminals: Vec<String>,
    /// Client: the size of the window, where it is known.
    pub size: Option<Size>,
    /// Client: what the server may know of the environment.
    pub environment: Vec<Variable>,
    /// How long a subnegotiation may be, in octets.
    pub subnegotiation_limit: usize,
}

impl Wishes {
    /// The least that a peer gets along with: of `role`, with nothing to tell.
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            binary: None,
            echo: None,
            terminals: Vec::new(),
            size: None,
            environment: Vec::new(),
            subnegotiation_limit: 16 * 1024,
        }
    }

    /// Whether we do `option` when the peer wants us to, while what is typed is handed over so.
    pub(super) fn of_us(&self, option: Code, typing: Typing) -> Wish {
        let client = self.role == Role::Client;
        on(match option {
            Code::BINARY => self.binary != Some(Wish::Off),
            Code::ECHO => !client && typing != Typing::Lines,
            Code::SGA => client || typing == Typing::Keys,
            Code::TERMINAL_TYPE => client && !self.terminals.is_empty(),
            Code::NAWS => client && self.size.is_some(),
            Code::NEW_ENVIRON => client && !self.environment.is_empty(),
            _ => false,
        })
    }

    /// Whether the peer may do `option` when it offers to.
    pub(super) fn of_him(&self, option: Code) -> Wish {
        let client = self.role == Role::Client;
        on(match option {
            Code::BINARY => self.binary != Some(Wish::Off),
            Code::ECHO => client && self.echo != Some(Wish::Off),
            Code::SGA => !client || self.echo != Some(Wish::Off),
            Code::TERMINAL_TYPE | Code::NAWS | Code::NEW_ENVIRON => !client,
            _ => false,
        })
    }
}

const fn on(wanted: bool) -> Wish {
    if wanted { Wish::On } else { Wish::Off }
}
