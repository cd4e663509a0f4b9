//! `zero:` and `random:` give octets and take none.
//!
//! With a seed, `random:` gives the same octets on every machine and in every version: SplitMix64
//! (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), its 64-bit
//! words in little-endian order. It is for tests, not for keys, seeded or not.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::channel::{Channel, Finish, Kind, Profile, Stream};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind as ErrorKind, Op, Result};
use crate::socket::info::Info;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;

const SIZE: &[OptionSpec] = &[OptionSpec::new(
    "size",
    OptionKind::Size,
    "ends after so many octets; without it there is no end",
)];

/// `zero:`
pub static ZERO: Scheme = Scheme {
    name: "zero",
    options: &[SIZE],
    standard: "POSIX /dev/zero",
    summary: "gives zeros, without end or as many as asked for",
    example: "zero:#size=1MiB",
    build: Build::Ground(build_zero),
    ..SOURCE
};

/// `random:`
pub static RANDOM: Scheme = Scheme {
    name: "random",
    options: &[
        SIZE,
        &[OptionSpec::new(
            "seed",
            OptionKind::Integer {
                min: 0,
                max: i64::MAX,
            },
            "gives the same octets for the same seed",
        )],
    ],
    standard: "SplitMix64",
    summary: "gives octets without a pattern, repeatable with a seed; not for keys",
    example: "random:#size=1MiB,seed=7",
    build: Build::Ground(build_random),
    ..SOURCE
};

/// What the sources have in common.
const SOURCE: Scheme = Scheme {
    name: "",
    aliases: &[],
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Nothing,
    stands_on: StandsOn::Nothing,
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[],
    standard: "",
    summary: "",
    example: "",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build_zero),
};

/// It gives and takes nothing; there is nobody to be told an end.
const PROFILE: Profile = Profile {
    writable: false,
    finish: Finish::None,
    ..Profile::STREAM
};

fn build_zero(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    Ok(Box::new(Endpoint {
        size: parts.settings.size("size"),
        content: Content::Zeros,
    }))
}

fn build_random(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    Ok(Box::new(Endpoint {
        size: parts.settings.size("size"),
        content: Content::Random {
            seed: parts.settings.integer("seed"),
        },
    }))
}

struct Endpoint {
    size: Option<u64>,
    content: Content,
}

enum Content {
    Zeros,
    Random { seed: Option<u64> },
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        let opened = self.open().map(|generator| {
            let info = Info {
                size: self.size,
                ..Info::of(cx.at)
            };
            let left = self.size;
            Channel::stream(Source { generator, left }, info, PROFILE)
        });
        Box::pin(std::future::ready(opened))
    }
}

impl Endpoint {
    fn open(&self) -> Result<Option<SplitMix>> {
        Ok(match self.content {
            Content::Zeros => None,
            Content::Random { seed: Some(seed) } => Some(SplitMix::new(seed)),
            Content::Random { seed: None } => {
                let mut seed = [0; 8];
                aws_lc_rs::rand::fill(&mut seed).map_err(|_| {
                    Error::new(
                        Op::Open,
                        ErrorKind::Local,
                        "the system gives no random octets",
                    )
                })?;
                Some(SplitMix::new(u64::from_le_bytes(seed)))
            }
        })
    }
}

/// The generator, and what of its last word was not given yet.
struct SplitMix {
    state: u64,
    word: [u8; 8],
    used: usize,
}

impl SplitMix {
    const fn new(seed: u64) -> SplitMix {
        SplitMix {
            state: seed,
            word: [0; 8],
            used: 8,
        }
    }

    const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Fills `space`; however reads are cut, the octets are the same.
    fn fill(&mut self, space: &mut [u8]) {
        let rest = self.word.get(self.used..).unwrap_or_default();
        let now = rest.len().min(space.len());
        let (head, tail) = space.split_at_mut(now);
        head.copy_from_slice(rest.get(..now).unwrap_or_default());
        self.used += now;
        let mut words = tail.chunks_exact_mut(8);
        for word in &mut words {
            word.copy_from_slice(&self.next().to_le_bytes());
        }
        let last = words.into_remainder();
        if !last.is_empty() {
            self.word = self.next().to_le_bytes();
            self.used = last.len();
            for (octet, given) in last.iter_mut().zip(self.word) {
                *octet = given;
            }
        }
    }
}

/// Gives octets.
struct Source {
    /// Zeros without one.
    generator: Option<SplitMix>,
    left: Option<u64>,
}

impl AsyncRead for Source {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let most = this.left.map_or(usize::MAX, |left| {
            usize::try_from(left).unwrap_or(usize::MAX)
        });
        let space = buf.initialize_unfilled();
        let len = space.len().min(most);
        let space = space.get_mut(..len).unwrap_or_default();
        match &mut this.generator {
            None => space.fill(0),
            Some(generator) => generator.fill(space),
        }
        buf.advance(len);
        this.left = this.left.map(|left| left - len as u64);
        Poll::Ready(Ok(()))
    }
}

/// Nobody writes to a source: its profile says that there is no such direction.
impl AsyncWrite for Source {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Source {}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::socket::channel::Io;
    use crate::{Endpoint, Env};

    async fn read(address: &str) -> Vec<u8> {
        let endpoint = Endpoint::parse(address).unwrap();
        let mut channel = endpoint.connect(&Env::new(), None).await.unwrap();
        let Io::Stream(stream) = &mut channel.io else {
            panic!("a stream was expected");
        };
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).await.unwrap();
        octets
    }

    #[tokio::test]
    async fn so_many_and_no_more() {
        assert_eq!(read("zero:#size=1000").await, vec![0; 1000]);
        assert_eq!(read("zero:#size=0").await, b"");
        assert_eq!(read("random:#size=1001").await.len(), 1001);
    }

    #[tokio::test]
    async fn a_seed_repeats_and_its_lack_does_not() {
        let once = read("random:#size=64,seed=7").await;
        assert_eq!(once, read("random:#size=64,seed=7").await);
        assert_ne!(once, read("random:#size=64,seed=8").await);
        assert_ne!(read("random:#size=64").await, read("random:#size=64").await);
    }

    /// The first words for seed 1234567, from the reference implementation's published vector.
    #[test]
    fn it_is_splitmix64() {
        let mut generator = SplitMix::new(1_234_567);
        for word in [
            6_457_827_717_110_365_317_u64,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ] {
            assert_eq!(generator.next(), word);
        }
    }

    #[test]
    fn any_cut_gives_the_same_octets() {
        let mut whole = [0; 100];
        SplitMix::new(1).fill(&mut whole);
        for step in 1..20 {
            let mut generator = SplitMix::new(1);
            let mut parts = [0; 100];
            parts.chunks_mut(step).for_each(|part| generator.fill(part));
            assert_eq!(parts, whole, "in steps of {step}");
        }
    }
}
