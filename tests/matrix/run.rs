//! One pair: opened by the relay of the library, driven from both ends, judged by what arrived.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use wharf::relay::{Cause, Counters, ServeOptions, Side, Summary, Watch, serve};
use wharf::socket::fast_path::FastPaths;
use wharf::socket::info::Info;
use wharf::socket::info::SocketName;
use wharf::socket::log::{Log, Message};
use wharf::{Endpoint, Env};

use crate::fixtures::{Fixture, Ready};
use crate::peers::{Boxed, Peer, Talk};

/// What the two sides say: 40 octets, which is the record of the `chunk` fixture. No newline and no
/// NUL, which some framings give a meaning to.
const LEFT_SAYS: &[u8] = b"what the left side says, in one message.";
const RIGHT_SAYS: &[u8] = b"what the right side says, in one message";

/// How long silence may last before a pair that has no end of its own is over.
const SILENCE: Duration = Duration::from_millis(800);

/// Nothing here takes longer on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Where an endpoint is to be found: what it listens on, or what it opened.
pub struct Names {
    pub listening: oneshot::Receiver<SocketName>,
    pub opened: oneshot::Receiver<SocketName>,
}

/// Who waits for the names of one side.
struct Waiting {
    address: String,
    listening: Option<oneshot::Sender<SocketName>>,
    opened: Option<oneshot::Sender<SocketName>>,
}

impl Waiting {
    fn new(endpoint: &Endpoint) -> (Waiting, Names) {
        let (listening, l) = oneshot::channel();
        let (opened, o) = oneshot::channel();
        let waiting = Waiting {
            address: endpoint.to_string(),
            listening: Some(listening),
            opened: Some(opened),
        };
        let names = Names {
            listening: l,
            opened: o,
        };
        (waiting, names)
    }
}

/// Tells the names as the relay makes them known.
struct Herald(Mutex<[Waiting; 2]>);

impl Herald {
    fn close(&self) {
        for side in self.0.lock().unwrap().iter_mut() {
            side.listening = None;
            side.opened = None;
        }
    }
}

impl Log for Herald {
    fn message(&self, message: &Message<'_>) {
        if let Message::Listening { at, local, .. } = message {
            let mut waiting = self.0.lock().unwrap();
            let side = waiting
                .iter_mut()
                .find(|side| side.address == *at && side.listening.is_some());
            if let Some(side) = side
                && let (Some(tx), Some(name)) = (side.listening.take(), local.first())
            {
                let _ = tx.send(name.clone());
            }
        }
    }
}

impl Watch for Herald {
    fn opened(&self, _id: u64, left: &Info, right: &Info, _counters: &Arc<Counters>) {
        for (side, info) in self.0.lock().unwrap().iter_mut().zip([left, right]) {
            if let (Some(tx), Some(name)) = (side.opened.take(), &info.local) {
                let _ = tx.send(name.clone());
            }
        }
    }
}

/// Relays one pair and says what was wrong.
pub async fn pair(
    left: &'static Fixture,
    right: &'static Fixture,
    paths: FastPaths,
) -> Result<(), String> {
    match tokio::time::timeout(DEADLINE, attempt(left, right, paths)).await {
        Ok(result) => result,
        Err(_) => Err("not done in time".into()),
    }
}

async fn attempt(
    left: &'static Fixture,
    right: &'static Fixture,
    paths: FastPaths,
) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let prepare = |fixture: &Fixture, side: Side| {
        let place = folder.path().join(side.name());
        std::fs::create_dir(&place).map_err(|e| e.to_string())?;
        Ok::<Ready, String>((fixture.prepare)(&place))
    };
    let (left, right) = (prepare(left, Side::Left)?, prepare(right, Side::Right)?);
    let endpoint = |ready: &Ready| Endpoint::parse(&ready.address).map_err(|e| e.to_string());
    let (a, b) = (endpoint(&left)?, endpoint(&right)?);
    let (left_waits, left_names) = Waiting::new(&a);
    let (right_waits, right_names) = Waiting::new(&b);
    let herald = Arc::new(Herald(Mutex::new([left_waits, right_waits])));
    let mut env = Env::new().with_log(herald.clone());
    env.fast_paths = paths;
    let mut options = ServeOptions {
        once: true,
        ..ServeOptions::default()
    };
    options.relay.idle_timeout = Some(SILENCE);
    options.relay.wait = SILENCE / 2;
    let relay = async {
        let summary = serve(a, b, &env, &options, herald.clone()).await;
        // Nobody is to wait for names that will not come.
        herald.close();
        summary
    };
    let script = async {
        // Some endpoints come to be only once their peer has spoken, so both sides speak first.
        let (left, right) = tokio::join!(
            enter((left.join)(left_names), LEFT_SAYS),
            enter((right.join)(right_names), RIGHT_SAYS)
        );
        converse(left?, right?).await
    };
    let (summary, heard) = tokio::join!(relay, script);
    heard
        .map_err(|why| format!("{why} (relay: {:?})", summary.as_ref().map(|s| &s.outcome)))?
        .check()?;
    judge(&summary.map_err(|e| e.to_string())?)
}

/// A relay may end by itself or by silence, never by a failure.
fn judge(summary: &Summary) -> Result<(), String> {
    let outcome = summary.outcome.as_ref().ok_or("nothing was relayed")?;
    match (&outcome.cause, &outcome.error) {
        (Cause::Idle, _) | (_, None) => {}
        // A peer that was dropped may say so with a reset.
        (Cause::Reset(_), _) => {}
        (cause, Some(error)) => return Err(format!("{cause:?}: {error}")),
    }
    match outcome.lost() {
        0 => Ok(()),
        lost => Err(format!("{lost} octets were lost")),
    }
}

/// What is to be looked at after the conversation.
enum After {
    Nothing,
    /// A file must contain this.
    File(std::path::PathBuf, Vec<u8>),
}

impl After {
    fn check(self) -> Result<(), String> {
        match self {
            After::Nothing => Ok(()),
            After::File(path, wanted) => {
                let found = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                same("the file", &found, &wanted)
            }
        }
    }
}

/// Waits until a peer is there, and has it say its text if it talks.
async fn enter(join: Boxed<'static, Result<Peer, String>>, text: &[u8]) -> Result<Peer, String> {
    let mut peer = join.await?;
    if let Peer::Talks(talk) = &mut peer {
        // Who only gives may be gone already; where it matters, the other side hears nothing.
        let _ = talk.say(text).await;
    }
    Ok(peer)
}

/// Checks what comes of it, once both have said what they had to say.
async fn converse(left: Peer, right: Peer) -> Result<After, String> {
    match (left, right) {
        (Peer::Talks(mut a), Peer::Talks(mut b)) => {
            let (at_b, at_a) = tokio::join!(b.hear(LEFT_SAYS.len()), a.hear(RIGHT_SAYS.len()));
            same("the right side", &at_b?, LEFT_SAYS)?;
            same("the left side", &at_a?, RIGHT_SAYS)?;
            a.finish().await;
            b.finish().await;
            Ok(After::Nothing)
        }
        (Peer::Talks(left), right) => alone(left, LEFT_SAYS, right).await,
        (left, Peer::Talks(right)) => alone(right, RIGHT_SAYS, left).await,
        (Peer::Gives(given, _), Peer::Takes(Some(file)))
        | (Peer::Takes(Some(file)), Peer::Gives(given, _)) => Ok(After::File(file, given)),
        _ => Ok(After::Nothing),
    }
}

/// One that talks, and has said `said`, with one that does not.
async fn alone(mut talk: Box<dyn Talk>, said: &[u8], other: Peer) -> Result<After, String> {
    let after = match &other {
        Peer::Echoes => {
            same("the echo", &talk.hear(said.len()).await?, said)?;
            After::Nothing
        }
        Peer::Gives(given, _open) => {
            same("what was given", &talk.hear(given.len()).await?, given)?;
            After::Nothing
        }
        Peer::Takes(Some(file)) => After::File(file.clone(), said.to_vec()),
        _ => After::Nothing,
    };
    talk.finish().await;
    Ok(after)
}

fn same(what: &str, found: &[u8], wanted: &[u8]) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    let text =
        |octets: &[u8]| String::from_utf8_lossy(&octets[..octets.len().min(60)]).into_owned();
    Err(format!(
        "{what} got {} octets {:?} instead of {} octets {:?}",
        found.len(),
        text(found),
        wanted.len(),
        text(wanted)
    ))
}

/// A peer that is there without waiting for anything.
pub fn at_once(peer: Peer) -> crate::fixtures::Join {
    Box::new(move |_| Box::pin(async move { Ok(peer) }) as Boxed<'static, _>)
}

/// A talking peer, boxed.
pub fn talks(talk: impl Talk + 'static) -> Result<Peer, String> {
    Ok(Peer::talks(talk))
}
