//! One pair: opened by the relay of the library, driven from both ends, judged by what arrived.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use wharf::relay::{Cause, ServeOptions, Side, Summary, Unwatched, serve};
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
const SILENCE: Duration = Duration::from_millis(400);

/// Nothing here takes longer on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Tells each side's real address once it listens.
struct Listening(Mutex<Vec<(String, oneshot::Sender<SocketName>)>>);

impl Log for Listening {
    fn message(&self, message: &Message<'_>) {
        if let Message::Listening { at, local, .. } = message {
            let mut waiting = self.0.lock().unwrap();
            if let Some(index) = waiting.iter().position(|(address, _)| address == at)
                && let Some(name) = local.first()
            {
                let _ = waiting.remove(index).1.send(name.clone());
            }
        }
    }
}

/// Relays one pair and says what was wrong.
pub async fn pair(left: &'static Fixture, right: &'static Fixture) -> Result<(), String> {
    match tokio::time::timeout(DEADLINE, attempt(left, right)).await {
        Ok(result) => result,
        Err(_) => Err("not done in time".into()),
    }
}

async fn attempt(left: &'static Fixture, right: &'static Fixture) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let prepare = |fixture: &Fixture, side: Side| {
        let place = folder.path().join(side.name());
        std::fs::create_dir(&place).map_err(|e| e.to_string())?;
        Ok::<Ready, String>((fixture.prepare)(&place))
    };
    let (left, right) = (prepare(left, Side::Left)?, prepare(right, Side::Right)?);
    let endpoint = |ready: &Ready| Endpoint::parse(&ready.address).map_err(|e| e.to_string());
    let (a, b) = (endpoint(&left)?, endpoint(&right)?);
    let mut waiting = Vec::new();
    let mut name_of = |endpoint: &Endpoint| {
        let (tx, rx) = oneshot::channel();
        waiting.push((endpoint.to_string(), tx));
        rx
    };
    let (left_name, right_name) = (name_of(&a), name_of(&b));
    let env = Env::new().with_log(Arc::new(Listening(Mutex::new(waiting))));
    let mut options = ServeOptions {
        once: true,
        ..ServeOptions::default()
    };
    options.relay.idle_timeout = Some(SILENCE);
    options.relay.wait = SILENCE / 2;
    let relay = async { serve(a, b, &env, &options, Arc::new(Unwatched)).await };
    let script = async {
        let (left, right) = tokio::join!((left.join)(left_name), (right.join)(right_name));
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

async fn converse(left: Peer, right: Peer) -> Result<After, String> {
    match (left, right) {
        (Peer::Talks(mut a), Peer::Talks(mut b)) => {
            // Listening sides of packets exist only once their peer has spoken.
            a.say(LEFT_SAYS).await?;
            b.say(RIGHT_SAYS).await?;
            let (at_b, at_a) = tokio::join!(b.hear(LEFT_SAYS.len()), a.hear(RIGHT_SAYS.len()));
            same("the right side", &at_b?, LEFT_SAYS)?;
            same("the left side", &at_a?, RIGHT_SAYS)?;
            a.finish().await;
            b.finish().await;
            Ok(After::Nothing)
        }
        (Peer::Talks(mut one), Peer::Echoes) | (Peer::Echoes, Peer::Talks(mut one)) => {
            one.say(LEFT_SAYS).await?;
            same("the echo", &one.hear(LEFT_SAYS.len()).await?, LEFT_SAYS)?;
            one.finish().await;
            Ok(After::Nothing)
        }
        (Peer::Talks(mut one), Peer::Gives(given)) | (Peer::Gives(given), Peer::Talks(mut one)) => {
            // A listening side of packets has to be spoken to first.
            let _ = one.say(LEFT_SAYS).await;
            same("what was given", &one.hear(given.len()).await?, &given)?;
            one.finish().await;
            Ok(After::Nothing)
        }
        (Peer::Talks(mut one), Peer::Takes(file)) | (Peer::Takes(file), Peer::Talks(mut one)) => {
            one.say(LEFT_SAYS).await?;
            one.finish().await;
            Ok(file.map_or(After::Nothing, |file| After::File(file, LEFT_SAYS.to_vec())))
        }
        (Peer::Gives(given), Peer::Takes(Some(file)))
        | (Peer::Takes(Some(file)), Peer::Gives(given)) => Ok(After::File(file, given)),
        _ => Ok(After::Nothing),
    }
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
