//! What is not data: window sizes, how a person types, breaks, signals, a child's standard error, errors of the network.
//!
//! Each side has a [`ControlPort`]; the relay passes on blindly what it takes from one side to the
//! other, and who does not know a [`Control`] ignores it. The queues are bounded: a full one makes
//! its giver wait, and who cannot wait (an error of the network) gives nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;

/// One thing that is not data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control {
    /// The size of the terminal, in character cells.
    Winsize {
        /// Lines.
        rows: u16,
        /// Characters a line.
        columns: u16,
    },
    /// How what a person types is to be taken, as the side of the program wants it.
    Typing(Typing),
    /// A break on the line.
    Break,
    /// A signal for the foreground process, by its POSIX number.
    Signal(i32),
    /// What a command wrote to its standard error.
    Stderr(Arc<[u8]>),
    /// The network could not deliver a packet.
    PacketError {
        /// To whom.
        peer: Option<SocketAddr>,
        /// Why, in the operating system's terms.
        kind: std::io::ErrorKind,
        /// Why, in words.
        reason: String,
    },
}

/// Who edits what is typed, and who shows it: a terminal that is typed at follows this, and a
/// protocol for terminals passes it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// Lines, edited and shown where they are typed.
    Lines,
    /// Lines, edited where they are typed and shown by nobody: a password.
    Hidden,
    /// Each key at once; the side of the program shows it.
    Keys,
}

/// How many entries wait in a queue at most.
const QUEUE: usize = 16;

/// One end of a two-way queue of [`Control`].
#[derive(Debug)]
pub struct ControlPort {
    /// To the one who holds the other end.
    pub tx: mpsc::Sender<Control>,
    /// From the one who holds the other end.
    pub rx: mpsc::Receiver<Control>,
    /// Whether this side has a place for a command's standard error; otherwise it is logged.
    pub takes_stderr: bool,
}

impl ControlPort {
    /// Two ends that belong together: one for the endpoint, one for its channel.
    pub fn pair() -> (ControlPort, ControlPort) {
        let (here, there_rx) = mpsc::channel(QUEUE);
        let (there, here_rx) = mpsc::channel(QUEUE);
        (
            ControlPort {
                tx: here,
                rx: here_rx,
                takes_stderr: false,
            },
            ControlPort {
                tx: there,
                rx: there_rx,
                takes_stderr: false,
            },
        )
    }

    /// The same port, of a side that has a place for standard error.
    #[must_use]
    pub fn taking_stderr(mut self) -> ControlPort {
        self.takes_stderr = true;
        self
    }
}
