//! The one error of the library: what was tried, on which endpoint, why it failed, what to try.
//!
//! The stack attaches [`Op`] and [`At`] once, where an error leaves a layer; lower layers stay
//! the `source`. [`Display`](fmt::Display) prints its own level only.
//! Not here: exit codes and printing (the program maps [`Kind`] one to one in its `exit.rs`).

mod kind;

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::address::Address;

pub use kind::{Blame, Kind, Op};

/// What every fallible function of the library returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure: where, doing what, of which kind, why, and what to try.
pub struct Error(Box<Inner>);

struct Inner {
    at: Option<At>,
    op: Op,
    kind: Kind,
    reason: String,
    hint: Option<String>,
    pointer: Option<Pointer>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    elsewhere: Option<Box<Address>>,
}

/// The character that an error is about: an address as typed, and a place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The text, with secrets masked.
    pub text: String,
    /// The place, in octets from the start of `text`, at most its length.
    pub offset: usize,
}

/// Where an error happened: an address as typed (secrets masked) and the layer of its stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// The address, as it was typed, with secrets masked.
    pub address: String,
    /// The scheme of the layer that failed, if it is not the whole address.
    pub layer: Option<&'static str>,
}

impl Error {
    /// A failure of `kind` while doing `op`; `reason` is one lower-case line without a full stop.
    pub fn new(op: Op, kind: Kind, reason: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            at: None,
            op,
            kind,
            reason: reason.into(),
            hint: None,
            pointer: None,
            source: None,
            elsewhere: None,
        }))
    }

    /// What was typed cannot be meant.
    pub fn usage(reason: impl Into<String>) -> Error {
        Error::new(Op::Parse, Kind::Usage, reason)
    }

    /// An operating system error while doing `op`; the kind follows from it.
    ///
    /// An [`Error`] that travelled inside an [`io::Error`] comes out as itself.
    pub fn io(op: Op, error: io::Error) -> Error {
        if error.get_ref().is_some_and(|e| e.is::<Error>()) {
            if let Some(Ok(inner)) = error.into_inner().map(|e| e.downcast::<Error>()) {
                return *inner;
            }
            return Error::new(op, Kind::Bug, "an error was lost on its way");
        }
        let kind = Kind::of_io(&error);
        Error::new(op, kind, plain(&error)).because(error)
    }

    /// The same, saying first what was wanted: `reason: operating system's words`.
    pub fn io_while(op: Op, what: impl fmt::Display, error: io::Error) -> Error {
        let kind = Kind::of_io(&error);
        Error::new(op, kind, format!("{what}: {}", plain(&error))).because(error)
    }

    /// The operating system wants `capability` (`CAP_NET_RAW`) for `what`; the hint is the command that
    /// grants it to the program.
    pub fn lacks(op: Op, what: impl fmt::Display, capability: &str) -> Error {
        let grant = capability.to_ascii_lowercase();
        Error::new(op, Kind::Privilege, format!("{what} needs {capability}"))
            .hint(format!("sudo setcap {grant}+ep $(command -v wharf)"))
    }

    /// Adds what to try: a whole sentence, or the address to type.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// Points at a character of what was typed.
    #[must_use]
    pub fn pointing(mut self, text: impl Into<String>, offset: usize) -> Error {
        let text = text.into();
        let offset = offset.min(text.len());
        self.0.pointer = Some(Pointer { text, offset });
        self
    }

    /// Changes the kind.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Error {
        self.0.kind = kind;
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.0.source = Some(source.into());
        self
    }

    /// Says where what was wanted is to be found: who opens endpoints goes there in place of failing.
    /// No layer opens what is below it, so this is how one has another address opened.
    #[must_use]
    pub fn leads_to(mut self, address: Address) -> Error {
        self.0.elsewhere = Some(Box::new(address));
        self
    }

    /// Where what was wanted is to be found.
    pub fn elsewhere(&self) -> Option<&Address> {
        self.0.elsewhere.as_deref()
    }

    /// Says where it happened, unless that is known already.
    #[must_use]
    pub fn at(mut self, address: impl fmt::Display, layer: Option<&'static str>) -> Error {
        if self.0.at.is_none() {
            let address = address.to_string();
            self.0.at = Some(At { address, layer });
        }
        self
    }

    /// Where it happened.
    pub fn place(&self) -> Option<&At> {
        self.0.at.as_ref()
    }

    /// What was being done.
    pub fn op(&self) -> Op {
        self.0.op
    }

    /// Which kind of failure it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Why, in one line.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The character that it is about.
    pub fn pointer(&self) -> Option<&Pointer> {
        self.0.pointer.as_ref()
    }

    /// What to try.
    pub fn try_this(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

/// The operating system's words in our manner: lower case, number kept.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        match &inner.at {
            Some(at) => {
                // `stdio:` and its like end with the colon that follows every address here.
                let address = at.address.strip_suffix(':').unwrap_or(&at.address);
                // Reading an address is no deed: the address is what is wrong.
                if inner.op != Op::Parse {
                    write!(f, "{} ", inner.op.name())?;
                }
                write!(f, "{address}: ")?;
                if let Some(layer) = at.layer {
                    write!(f, "{layer}: ")?;
                }
            }
            None if inner.op == Op::Parse => {}
            None => write!(f, "{}: ", inner.op.name())?,
        }
        f.write_str(&inner.reason)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("at", &self.0.at)
            .field("op", &self.0.op)
            .field("kind", &self.0.kind)
            .field("reason", &self.0.reason)
            .field("hint", &self.0.hint)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|e| e as &(dyn StdError + 'static))
    }
}

/// Lets an [`Error`] travel through the `AsyncRead` and `AsyncWrite` traits and come out whole.
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        use io::ErrorKind as K;
        let kind = match error.kind() {
            Kind::Unreachable => K::ConnectionRefused,
            Kind::Timeout => K::TimedOut,
            Kind::Privilege => K::PermissionDenied,
            Kind::Reset => K::ConnectionReset,
            Kind::Truncated => K::UnexpectedEof,
            Kind::Protocol | Kind::Tls => K::InvalidData,
            Kind::Usage => K::InvalidInput,
            _ => K::Other,
        };
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_operation_endpoint_and_reason() {
        let error =
            Error::io(Op::Connect, io::Error::from_raw_os_error(111)).at("tcp://127.0.0.1:1", None);
        assert_eq!(
            error.to_string(),
            "connect tcp://127.0.0.1:1: connection refused (os error 111)"
        );
        assert_eq!(error.kind(), Kind::Unreachable);
    }

    #[test]
    fn a_place_is_said_once_and_reading_is_no_deed() {
        let usage = Error::usage("x is wanted");
        assert_eq!(usage.to_string(), "x is wanted");
        let told = usage.at("tcp://h:1", Some("tcp"));
        assert_eq!(told.to_string(), "tcp://h:1: tcp: x is wanted");
        let lost = Error::new(Op::Recv, Kind::Reset, "the peer reset it");
        assert_eq!(lost.to_string(), "recv: the peer reset it");
        // The colon that such an address ends with is not doubled.
        assert_eq!(
            lost.at("stdio:", None).to_string(),
            "recv stdio: the peer reset it"
        );
    }

    #[test]
    fn the_system_speaks_in_lower_case_and_keeps_its_number() {
        let error = Error::io_while(Op::Open, "x", io::Error::from_raw_os_error(2));
        assert_eq!(error.reason(), "x: no such file or directory (os error 2)");
        // A word in capitals stays one.
        let error = Error::io(Op::Open, io::Error::other("TLS is off"));
        assert_eq!(error.reason(), "TLS is off");
    }

    #[test]
    fn a_pointer_stays_inside_its_text() {
        let error = Error::usage("no").pointing("abc", 99);
        assert_eq!(error.pointer().map(|p| p.offset), Some(3));
    }

    #[test]
    fn an_error_survives_the_journey_through_io() {
        let error = Error::new(Op::Handshake, Kind::Tls, "unknown issuer").hint("pin it");
        let back = Error::io(Op::Recv, io::Error::from(error));
        assert_eq!(back.kind(), Kind::Tls);
        assert_eq!(back.op(), Op::Handshake);
        assert_eq!(back.try_this(), Some("pin it"));
    }

    #[test]
    fn the_first_place_is_kept() {
        let error = Error::usage("no").at("a:", Some("tcp")).at("b:", None);
        assert_eq!(error.place().map(|a| a.address.as_str()), Some("a:"));
    }
}
