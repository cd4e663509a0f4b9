//! The open end of an endpoint: a [`Channel`] is a [`Stream`] or [`Packets`], with what is known of
//! the other side ([`Info`]), what it can do ([`Profile`]) and what is not data ([`ControlPort`]).
//!
//! Two kinds, no third. Differences between protocols are facts in the profile, not methods.
//! Not here: opening (`stack.rs`), moving data between two channels (`relay/`).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::control::ControlPort;
use super::info::Info;
use super::lend::{Drain, Fill};
use super::packets::{Batch, Got};

/// An open end.
#[derive(Debug)]
pub struct Channel {
    /// Where data goes in and out.
    pub io: Io,
    /// What is known of this side.
    pub info: Box<Info>,
    /// What it can do.
    pub profile: Profile,
    /// What is not data: window sizes, signals, errors of the network.
    pub control: Option<ControlPort>,
}

/// The two kinds.
pub enum Io {
    /// Octets without boundaries.
    Stream(Box<dyn Stream>),
    /// Anything with boundaries.
    Packets(Box<dyn Packets>),
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Io::Stream(_) => "Stream",
            Io::Packets(_) => "Packets",
        })
    }
}

/// The kind of a channel, for planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Octets without boundaries.
    Stream,
    /// Anything with boundaries.
    Packets,
    /// Known only once it is open (an inherited descriptor).
    Either,
}

impl Kind {
    /// The kind in a sentence.
    pub const fn in_words(self) -> &'static str {
        match self {
            Kind::Stream => "a stream",
            Kind::Packets => "packets",
            Kind::Either => "a stream or packets",
        }
    }

    /// The word for `explain` and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Stream => "stream",
            Kind::Packets => "packets",
            Kind::Either => "stream or packets",
        }
    }
}

/// How a side ended, or is to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// No more data from there; the other direction goes on.
    Fin,
    /// The connection was torn down.
    Reset,
    /// The data stopped before the protocol said that it was complete.
    Truncated,
    /// The whole ended with a status: an exit status, a response code.
    Status(Status),
}

/// A status with which a peer or a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether it means success.
    pub ok: bool,
    /// The number, as the protocol counts (128 + n for a signal).
    pub code: i32,
    /// The number in words.
    pub text: String,
}

impl End {
    /// Whether both directions are over, not only the one that was read.
    pub const fn is_whole(&self) -> bool {
        !matches!(self, End::Fin)
    }

    /// The word for JSON; stable.
    pub const fn name(&self) -> &'static str {
        match self {
            End::Fin => "fin",
            End::Reset => "reset",
            End::Truncated => "truncated",
            End::Status(_) => "status",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Fin => f.write_str("end of stream"),
            End::Reset => f.write_str("reset"),
            End::Truncated => f.write_str("cut off"),
            End::Status(status) => f.write_str(&status.text),
        }
    }
}

/// What can honestly be said about data that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The peer's machine has all of it.
    Yes,
    /// So many octets were not acknowledged.
    No(u64),
    /// There is no way to know.
    Unknown,
}

/// A stream of octets: `AsyncRead` and `AsyncWrite`, and how it ends.
///
/// Reading zero octets means that the direction ended; [`ended`](Stream::ended) tells how. A reset
/// and a truncation are errors of kind `ConnectionReset` and `UnexpectedEof`.
///
/// *Cancel safety*: all methods are `poll_*`; nothing is lost between polls.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// How the reading direction ended, once it has.
    fn ended(&self) -> End {
        End::Fin
    }

    /// Ends the writing direction. What cannot express `end` does what comes nearest.
    fn poll_finish(&mut self, cx: &mut Context<'_>, _end: &End) -> Poll<io::Result<()>> {
        Pin::new(self).poll_shutdown(cx)
    }

    /// Octets that were written and that the peer's machine has not acknowledged; `None` where
    /// nobody can tell.
    fn unsent(&self) -> Option<usize> {
        None
    }

    /// Ready with the reason once nobody takes any more what would be written, where that is known
    /// before something is. Asked while there is nothing to write, so that a side that is silent for
    /// long does not serve a peer that has gone.
    fn poll_gone(&mut self, _cx: &mut Context<'_>) -> Poll<io::Error> {
        Poll::Pending
    }

    /// What can move into a pipe what would be read, if that is possible at this moment.
    fn fills(&mut self) -> Option<&mut dyn Fill> {
        None
    }

    /// What can take from a pipe what would be written, if that is possible at this moment.
    fn drains(&mut self) -> Option<&mut dyn Drain> {
        None
    }
}

/// Packets of any protocol, in batches.
pub trait Packets: Send + Unpin {
    /// Adds to `batch` what has arrived: at least one packet, or the end.
    ///
    /// An empty packet is a packet. *Cancel safety*: packets that were added stay in `batch`.
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>>;

    /// Sends from the front of `batch` and removes what was sent; ready when at least one packet
    /// went out or was refused for good. A refusal is an error and removes its packet too; it comes
    /// alone, after those that went out before it were reported.
    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>>;

    /// Waits until what was sent has left this process.
    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends the writing direction, where the protocol can say so.
    fn poll_finish(&mut self, cx: &mut Context<'_>, _end: &End) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }

    /// The longest packet that can be sent now, in octets.
    fn max_len(&self) -> usize {
        65_535
    }

    /// Octets that were written and that the peer's machine has not acknowledged.
    fn unsent(&self) -> Option<usize> {
        None
    }
}

/// How a writing side can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// One direction alone, as TCP can.
    Half,
    /// Only both together.
    Whole,
    /// Not at all (UDP): there is no end to tell.
    None,
}

/// Whether a source that has nothing to say keeps a relay open after the other side ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// It does: its data may still come, and the other side still reads.
    Holds,
    /// It does not: nobody waits at a prompt for a peer that has gone.
    Yields,
    /// It does until it was silent for as long as the relay grants (`wait`), its beginning included.
    /// So a pipe that nobody closes does not hold on, and one that is being filled is neither cut
    /// off between two writes nor before its first.
    Waits,
}

/// What one unit of a channel's data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// An octet: there are no boundaries.
    Octet,
    /// A message of whatever the two ends speak.
    Message,
    /// A frame of Ethernet from its destination on, without a frame check sequence.
    EthernetFrame,
    /// A packet of IPv4 or IPv6 from its header on.
    IpPacket,
}

/// What a channel can do: facts that the relay asks for instead of knowing protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Stream or packets.
    pub kind: Kind,
    /// What one of them is, for those who look into it.
    pub unit: Unit,
    /// The longest packet in octets, for packets.
    pub max_len: Option<usize>,
    /// Whether nothing is lost on the way.
    pub lossless: bool,
    /// Whether order is kept.
    pub ordered: bool,
    /// Whether there is a reading direction. One that does not exist is not one that ended.
    pub readable: bool,
    /// Whether there is a writing direction.
    pub writable: bool,
    /// How the writing side can end.
    pub finish: Finish,
    /// Whether an idle source keeps the relay open.
    pub idle: Idle,
    /// Whether what it says is a question of the user's, so that no answer is an error, and so that
    /// the relay ends when it takes no more.
    pub asks: bool,
    /// Whether how it ends tells what became of what was written to it (the status of a request): it is
    /// read to its end even where nobody takes what it says.
    pub answers: bool,
    /// Whether the end that it was told counts as one octet more that is not taken yet: TCP has a number
    /// for it.
    pub counts_end: bool,
}

impl Profile {
    /// A reliable stream that can be half-closed: TCP, a Unix stream socket.
    pub const STREAM: Profile = Profile {
        kind: Kind::Stream,
        unit: Unit::Octet,
        max_len: None,
        lossless: true,
        ordered: true,
        readable: true,
        writable: true,
        finish: Finish::Half,
        idle: Idle::Holds,
        asks: false,
        answers: false,
        counts_end: false,
    };

    /// Unreliable packets that have no end: UDP.
    pub const DATAGRAMS: Profile = Profile {
        kind: Kind::Packets,
        unit: Unit::Message,
        max_len: Some(65_507),
        lossless: false,
        ordered: false,
        readable: true,
        writable: true,
        finish: Finish::None,
        idle: Idle::Holds,
        asks: false,
        answers: false,
        counts_end: false,
    };

    /// Reliable packets that can be half-closed: framed streams, seqpacket.
    pub const RECORDS: Profile = Profile {
        kind: Kind::Packets,
        unit: Unit::Message,
        max_len: Some(65_535),
        lossless: true,
        ordered: true,
        readable: true,
        writable: true,
        finish: Finish::Half,
        idle: Idle::Holds,
        asks: false,
        answers: false,
        counts_end: false,
    };
}

impl Channel {
    /// A channel of a stream.
    pub fn stream(stream: impl Stream + 'static, info: Info, profile: Profile) -> Channel {
        Channel {
            io: Io::Stream(Box::new(stream)),
            info: Box::new(info),
            profile,
            control: None,
        }
    }

    /// A channel of packets.
    pub fn packets(packets: impl Packets + 'static, info: Info, profile: Profile) -> Channel {
        Channel {
            io: Io::Packets(Box::new(packets)),
            info: Box::new(info),
            profile,
            control: None,
        }
    }

    /// The same channel, with a way for what is not data.
    #[must_use]
    pub fn with_control(mut self, control: ControlPort) -> Channel {
        self.control = Some(control);
        self
    }

    /// What was sent and not acknowledged.
    pub fn delivered(&self) -> Delivered {
        let unsent = match &self.io {
            Io::Stream(stream) => stream.unsent(),
            Io::Packets(packets) => packets.unsent(),
        };
        match unsent {
            Some(0) => Delivered::Yes,
            Some(n) => Delivered::No(n as u64),
            None => Delivered::Unknown,
        }
    }
}
