//! The schemes that put packets into a stream: `lines`, `nul`, `len16`, `len32` and `chunk`.
//!
//! Each keeps boundaries, empty packets included where the framing can say them (`chunk` cannot).
//! A packet is never cut or joined: one that is too long, or that the framing cannot carry, is an
//! error that names what to type instead.
//! Not here: finding and writing packets (`framed.rs`), what the octets mean (`proto`).

use std::num::NonZeroUsize;

use futures_util::future::BoxFuture;
use wharf_proto::transport::framing::{Ending, Framing};

use super::framed::Framed;
use crate::socket::channel::{Channel, Io, Kind, Profile, Unit};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Result};
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, BuildWrap, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Wrap;

/// `lines`
pub static LINES: Scheme = scheme(
    "lines",
    &[
        &[OptionSpec::flag(
            "crlf",
            "ends written lines with CR LF, not LF",
        )],
        MAX,
    ],
    "RFC 5321 2.3.8 (with crlf)",
    "a packet is a line; reading takes LF and CR LF",
    "lines+tcp://127.0.0.1:9000",
    |parts| {
        let ending = if parts.settings.flag("crlf") {
            Ending::CrLf
        } else {
            Ending::Lf
        };
        build(parts, "lines", Framing::Lines { ending })
    },
);

/// `nul`
pub static NUL: Scheme = scheme(
    "nul",
    &[MAX],
    "find -print0",
    "a packet ends with a NUL octet",
    "nul+exec:find . -print0",
    |parts| build(parts, "nul", Framing::Nul),
);

/// `len16`
pub static LEN16: Scheme = scheme(
    "len16",
    &[&[OptionSpec::new("max", OptionKind::Size, "refuses longer packets").default("65535")]],
    "RFC 1035 4.2.2",
    "two octets before each packet give its length",
    "len16+tcp://127.0.0.1:53",
    |parts| build(parts, "len16", Framing::Len16),
);

/// `len32`
pub static LEN32: Scheme = scheme(
    "len32",
    &[MAX],
    "network order, as RFC 4251 5",
    "four octets before each packet give its length",
    "len32+tcp://127.0.0.1:9000",
    |parts| build(parts, "len32", Framing::Len32),
);

/// `chunk`
pub static CHUNK: Scheme = scheme(
    "chunk",
    &[&[OptionSpec::new("size", OptionKind::Size, "the octets of a record").default("1KiB")]],
    "none",
    "records of one size without a mark; only the last may be shorter",
    "chunk+tcp://127.0.0.1:9000#size=1316",
    |parts| {
        let len = parts
            .settings
            .len_of("size")
            .and_then(NonZeroUsize::new)
            .ok_or_else(|| Error::usage("size=0: a record has one octet at least"))?;
        build(parts, "chunk", Framing::Chunk { len })
    },
);

/// A length that fits what people send in lines and records, and bounds what a peer can make us
/// hold.
const MAX: &[OptionSpec] =
    &[OptionSpec::new("max", OptionKind::Size, "refuses longer packets").default("1MiB")];

const fn scheme(
    name: &'static str,
    options: &'static [&'static [OptionSpec]],
    standard: &'static str,
    summary: &'static str,
    example: &'static str,
    build: BuildWrap,
) -> Scheme {
    Scheme {
        name,
        aliases: &[],
        layer: Layer::Framing,
        roles: Roles::Both,
        shape: Shape::Nothing,
        stands_on: StandsOn::Stream { usual: "tcp" },
        gives: Kind::Packets,
        owns_path: false,
        uses: &[],
        privilege: None,
        options,
        standard,
        summary,
        example,
        reopen: Reopen::Many,
        listeners: Listeners::One,
        build: Build::Wrap(build),
    }
}

/// One framing with its limit.
struct Records {
    name: &'static str,
    framing: Framing,
    max: usize,
}

fn build(parts: &Parts<'_>, name: &'static str, framing: Framing) -> Result<Box<dyn Wrap>> {
    let max = match framing {
        Framing::Chunk { len } => len.get(),
        _ => parts.settings.len_of("max").unwrap_or(usize::MAX),
    };
    if framing == Framing::Len16 && max > usize::from(u16::MAX) {
        return Err(
            Error::usage(format!("max={max}: two octets count to 65535"))
                .hint("len32+ carries longer packets"),
        );
    }
    Ok(Box::new(Records { name, framing, max }))
}

impl Wrap for Records {
    fn wrap<'a>(&'a self, lower: Channel, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(std::future::ready(self.frame(lower, cx.at)))
    }
}

impl Records {
    fn frame(&self, lower: Channel, at: &str) -> Result<Channel> {
        let Io::Stream(stream) = lower.io else {
            return Err(Error::usage(format!("{} stands on a stream", self.name)));
        };
        let framed = Framed::new(stream, self.framing, self.max, self.name, at);
        let profile = Profile {
            kind: Kind::Packets,
            unit: Unit::Message,
            max_len: Some(self.max),
            ..lower.profile
        };
        Ok(Channel {
            io: Io::Packets(Box::new(framed)),
            info: lower.info,
            profile,
            control: lower.control,
        })
    }
}
