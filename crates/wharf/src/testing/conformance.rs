//! The suite that every connected pair of channels passes, whatever its protocol.
//!
//! [`check`] opens a fresh pair for each case and asks only for what the profiles promise: where a
//! side cannot end one direction alone, that is not tested. A case that fails, or does not come
//! to its end in time, is [`Broken`] and says what was expected.
//! Not here: what a relay does with two channels (`relay/tests/`), hostile peers (each protocol).

mod talk;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};

use crate::socket::channel::{Channel, Finish, Io};
use crate::socket::env::Env;
use crate::socket::error::{Error, Op, Result};
use crate::socket::info::SocketName;
use crate::socket::packets::Batch;
use talk::{Talk, Until};

/// How long one case may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// What was not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The case.
    pub case: &'static str,
    /// What was expected, and what came instead.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.what)
    }
}

impl std::error::Error for Broken {}

/// Runs every case on pairs that `open` makes: two channels whose ends talk to each other.
///
/// # Errors
/// The first case that does not hold.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use wharf::testing::{conformance, memory};
///
/// conformance::check(async || Ok(memory::channels(64))).await?;
/// # Ok::<(), conformance::Broken>(()) }).unwrap();
/// ```
pub async fn check(open: impl AsyncFn() -> Result<(Channel, Channel)>) -> Result<(), Broken> {
    let cases: [(&'static str, Case); 8] = [
        ("echo", Case::Echo),
        ("near ends first", Case::NearEndsFirst),
        ("far ends first", Case::FarEndsFirst),
        ("large", Case::Large),
        ("empty packets", Case::EmptyPackets),
        ("nothing at all", Case::Nothing),
        ("a cancelled read", Case::CancelledRead),
        ("the peer dies", Case::PeerDies),
    ];
    for (name, case) in cases {
        let broken = |what: String| Broken { case: name, what };
        let (near, far) = open().await.map_err(|e| broken(e.to_string()))?;
        match tokio::time::timeout(DEADLINE, case.run(near, far)).await {
            Ok(Ok(())) => {}
            Ok(Err(what)) => return Err(broken(what)),
            Err(_) => return Err(broken(format!("did not end within {DEADLINE:?}"))),
        }
    }
    Ok(())
}

/// Listens with `server`, connects to what was bound with the address that `client` makes of it,
/// and accepts: a pair for [`check`].
///
/// # Errors
/// What parsing, listening, connecting or a handshake says.
pub async fn connected(
    server: &str,
    client: impl Fn(&SocketName) -> String,
) -> Result<(Channel, Channel)> {
    let env = Env::new();
    let mut listener = crate::Endpoint::parse(server)?.listen(&env).await?;
    let bound = listener.local();
    let local = bound
        .first()
        .ok_or_else(|| Error::new(Op::Listen, crate::Kind::Bug, "bound to nothing"))?;
    let client = crate::Endpoint::parse(&client(local))?;
    let accepted = async { listener.accept().await?.open().await };
    tokio::try_join!(client.connect(&env, None), accepted)
}

#[derive(Clone, Copy)]
enum Case {
    Echo,
    NearEndsFirst,
    FarEndsFirst,
    Large,
    EmptyPackets,
    Nothing,
    CancelledRead,
    PeerDies,
}

impl Case {
    async fn run(self, mut near: Channel, mut far: Channel) -> Result<(), String> {
        let half = near.profile.finish == Finish::Half && far.profile.finish == Finish::Half;
        let packets = matches!(near.io, Io::Packets(_));
        let lossless = near.profile.lossless && far.profile.lossless;
        let mortal = near.profile.finish != Finish::None;
        let (left, right) = (&mut near, &mut far);
        match self {
            Case::Echo => echo(left, right).await,
            Case::NearEndsFirst if half => ends_first(left, right).await,
            Case::FarEndsFirst if half => ends_first(right, left).await,
            Case::Large if half && lossless => large(left, right).await,
            Case::EmptyPackets if packets => empty_packets(left, right).await,
            Case::Nothing if half => nothing(left, right).await,
            Case::CancelledRead => cancelled_read(left, right).await,
            Case::PeerDies if mortal => peer_dies(near, far).await,
            // The profile promises nothing of the kind.
            _ => Ok(()),
        }
    }
}

async fn echo(near: &mut Channel, far: &mut Channel) -> Result<(), String> {
    for word in ["question", "and another"] {
        say(near, far, word.as_bytes()).await?;
        say(far, near, word.as_bytes()).await?;
    }
    Ok(())
}

/// One message, one way.
async fn say(from: &mut Channel, to: &mut Channel, data: &[u8]) -> Result<(), String> {
    let mut speaker = Talk::new(from, [data.to_vec()], Until::Sent);
    let mut hearer = Talk::new(to, [], Until::Heard(data.len()));
    speaker.with(&mut hearer).await?;
    hearer.heard_exactly([data])
}

/// One side ends and goes on reading what the other has still to say.
async fn ends_first(first: &mut Channel, second: &mut Channel) -> Result<(), String> {
    let mut early = Talk::new(first, [b"last words".to_vec()], Until::Sent).then_finish();
    let mut late = Talk::new(second, [], Until::End);
    early.with(&mut late).await?;
    late.heard_exactly([b"last words".as_slice()])?;
    let answer: Vec<Vec<u8>> = (0..100).map(|n| pattern(n, 1000)).collect();
    let mut late = Talk::new(second, answer.clone(), Until::Sent).then_finish();
    let mut early = Talk::new(first, [], Until::End);
    early.with(&mut late).await?;
    early.heard_exactly(answer)
}

/// More than buffers on the way usually hold, in both directions at once.
async fn large(near: &mut Channel, far: &mut Channel) -> Result<(), String> {
    let longest = near.profile.max_len.unwrap_or(65_536).min(65_535);
    let data = |seed: usize| -> Vec<Vec<u8>> {
        let lens = (0..100).map(|n| if n % 2 == 0 { longest } else { n });
        lens.map(|len| pattern(seed + len, len)).collect()
    };
    let (there, back) = (data(1), data(2));
    let mut left = Talk::new(near, there.clone(), Until::End).then_finish();
    let mut right = Talk::new(far, back.clone(), Until::End).then_finish();
    left.with(&mut right).await?;
    right.heard_exactly(there)?;
    left.heard_exactly(back)
}

/// An empty packet is a packet, and not an end.
async fn empty_packets(near: &mut Channel, far: &mut Channel) -> Result<(), String> {
    let packets: [&[u8]; 4] = [b"", b"x", b"", b"yz"];
    let mut speaker = Talk::new(near, packets.map(<[u8]>::to_vec), Until::Sent);
    let mut hearer = Talk::new(far, [], Until::Heard(3));
    speaker.with(&mut hearer).await?;
    hearer.heard_exactly(packets)
}

async fn nothing(near: &mut Channel, far: &mut Channel) -> Result<(), String> {
    let mut left = Talk::new(near, [], Until::End).then_finish();
    let mut right = Talk::new(far, [], Until::End).then_finish();
    left.with(&mut right).await?;
    left.heard_exactly([b""; 0])?;
    right.heard_exactly([b""; 0])
}

/// A read that was given up in vain took nothing with it.
async fn cancelled_read(near: &mut Channel, far: &mut Channel) -> Result<(), String> {
    poll_fn(|cx| {
        let mut space = [0; 16];
        let early = match &mut far.io {
            Io::Stream(stream) => Pin::new(stream)
                .poll_read(cx, &mut ReadBuf::new(&mut space))
                .is_ready(),
            Io::Packets(packets) => packets.poll_recv(cx, &mut Batch::new()).is_ready(),
        };
        Poll::Ready(if early {
            Err("something came before anything was sent".to_owned())
        } else {
            Ok(())
        })
    })
    .await?;
    say(near, far, b"after the wait").await
}

/// A peer that goes without a word ends the reading, and what is sent to it fails in the end.
async fn peer_dies(mut near: Channel, mut far: Channel) -> Result<(), String> {
    say(&mut near, &mut far, b"hello").await?;
    drop(far);
    let mut survivor = Talk::new(&mut near, [], Until::End);
    match poll_fn(|cx| survivor.poll(cx)).await {
        Ok(()) => {}
        Err(error) if is_gone(&error) => {}
        Err(error) => return Err(format!("the end of the peer came as {error}")),
    }
    let chunk = vec![0; 60_000];
    for _ in 0..1000 {
        let mut speaker = Talk::new(&mut near, [chunk.clone()], Until::Sent);
        match poll_fn(|cx| speaker.poll(cx)).await {
            Ok(()) => tokio::task::yield_now().await,
            Err(_) => return Ok(()),
        }
    }
    Err("60 MB could be sent to a peer that is gone".to_owned())
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe
    )
}

/// Octets that tell where they came from, so that a mixed-up chunk is seen.
fn pattern(seed: usize, len: usize) -> Vec<u8> {
    let mut state = seed as u32 | 1;
    let mut octets = Vec::with_capacity(len + 4);
    while octets.len() < len {
        // Marsaglia's xorshift: cheap, and no two chunks look alike.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        octets.extend_from_slice(&state.to_le_bytes());
    }
    octets.truncate(len);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory;

    #[tokio::test]
    async fn memory_conforms() {
        check(async || Ok(memory::channels(1000))).await.unwrap();
        let packets = async || Ok(memory::packets::channels(8, 2000));
        check(packets).await.unwrap();
    }

    #[tokio::test]
    async fn tcp_conforms() {
        let pair = async || connected("tcp-listen://127.0.0.1:0", |to| format!("tcp://{to}")).await;
        check(pair).await.unwrap();
    }

    #[tokio::test]
    async fn records_conform() {
        for layers in ["len16+tcp", "len32+tcp"] {
            let server = format!("{layers}-listen://127.0.0.1:0");
            let pair = async || connected(&server, |to| format!("{layers}://{to}")).await;
            if let Err(broken) = check(pair).await {
                panic!("{layers}: {broken}");
            }
        }
    }

    /// A listener of datagrams knows of a peer once that has said something.
    async fn greeted() -> Result<(Channel, Channel)> {
        let env = Env::new();
        let mut listener = crate::Endpoint::parse("udp-listen://127.0.0.1:0")?
            .listen(&env)
            .await?;
        let client = crate::Endpoint::parse(&format!("udp://{}", listener.local()[0]))?;
        let mut near = client.connect(&env, None).await?;
        let greeting = [b"hello".to_vec()];
        let mut talk = Talk::new(&mut near, greeting.clone(), Until::Sent);
        poll_fn(|cx| talk.poll(cx)).await.unwrap();
        let mut far = listener.accept().await?.open().await?;
        let mut talk = Talk::new(&mut far, [], Until::Heard(5));
        poll_fn(|cx| talk.poll(cx)).await.unwrap();
        talk.heard_exactly(greeting).unwrap();
        Ok((near, far))
    }

    #[tokio::test]
    async fn datagrams_conform() {
        check(greeted).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_pair_that_is_deaf_is_found() {
        let deaf = async || Ok((memory::channels(10).0, memory::channels(10).0));
        let broken = check(deaf).await.unwrap_err();
        assert_eq!(broken.case, "echo");
    }
}
