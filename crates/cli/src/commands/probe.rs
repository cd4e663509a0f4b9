//! `wharf probe`: which ports are open, many at once.
//!
//! What can be connected to is open; nothing is sent there. Packets have no handshake, so an empty
//! one is sent: what answers is open, what the network reports as unreachable is closed, and
//! silence tells nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinSet;
use wharf::socket::channel::Io;
use wharf::socket::control::Control;
use wharf::socket::env::Env;
use wharf::socket::log::Level;
use wharf::socket::packets::{Batch, Facts, Got};
use wharf::{Channel, Endpoint, Error, Kind, Op, Result};

use crate::args::high::Probe;
use crate::exit::{Exit, code_of};
use crate::terminal::{Voice, answer};

/// Up to so many addresses, each gets its line; of more, only the open ones do, unless with `-v`.
const FEW: usize = 32;

/// Probes every address.
///
/// # Errors
/// Kind `Usage` if one of them cannot be opened at all.
pub fn run(probe: &Probe, voice: &Voice) -> Result<Exit> {
    let endpoints = probe
        .addresses
        .iter()
        .map(|text| checked(text))
        .collect::<Result<Vec<Endpoint>>>()?;
    let total = endpoints.len();
    let runtime = super::relay::runtime()?;
    let shows_all = total <= FEW || voice.is_verbose();
    let ended = runtime.block_on(all(probe, endpoints, shows_all));
    runtime.shutdown_background();
    let (open, exit) = ended?;
    if total > 1 && !probe.json {
        voice.note(Level::Info, &format!("{open} of {total} open"));
    }
    Ok(exit)
}

fn checked(text: &str) -> Result<Endpoint> {
    let endpoint = Endpoint::parse(text)?;
    if endpoint.is_listener() {
        return Err(Error::usage(format!(
            "{endpoint} listens, and a probe opens"
        )));
    }
    Ok(endpoint)
}

/// Runs the probes, so many at a time, and prints what came of them in the order of the addresses.
/// Returns how many are open, and how to exit: as the first that is not.
async fn all(probe: &Probe, endpoints: Vec<Endpoint>, shows_all: bool) -> Result<(usize, Exit)> {
    let mut env = Env::new();
    env.names = probe.names.clone();
    let env = Arc::new(env);
    let mut tasks = JoinSet::new();
    let mut waiting = endpoints.into_iter().enumerate();
    let mut done = BTreeMap::new();
    let (mut next, mut open, mut exit) = (0, 0, Exit::Done);
    loop {
        while tasks.len() < probe.parallel
            && let Some((number, endpoint)) = waiting.next()
        {
            let (env, limit) = (env.clone(), probe.timeout);
            tasks.spawn(async move { (number, one(endpoint, &env, limit).await) });
        }
        let Some(ended) = tasks.join_next().await else {
            return Ok((open, exit));
        };
        let (number, found) = ended.map_err(|panic| {
            Error::new(Op::Connect, Kind::Bug, format!("a probe broke: {panic}"))
        })?;
        done.insert(number, found);
        while let Some(found) = done.remove(&next) {
            next += 1;
            match found.error {
                None => open += 1,
                Some(kind) if exit == Exit::Done => exit = Exit::Failed(kind),
                Some(_) => {}
            }
            let shown = shows_all || probe.json || found.error.is_none();
            if shown && found.print(probe.json)? == Exit::StdoutClosed {
                return Ok((open, Exit::StdoutClosed));
            }
        }
    }
}

/// What came of one probe.
#[derive(Serialize)]
struct Found {
    address: String,
    state: State,
    milliseconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    #[serde(skip)]
    error: Option<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It can be opened, or it answered.
    Open,
    /// It was refused, or there is no way to it.
    Closed,
    /// Nothing came back within the time.
    Silent,
    /// Something else went wrong.
    Error,
}

impl Found {
    fn print(&self, json: bool) -> Result<Exit> {
        let line = match json {
            true => serde_json::to_string(self)
                .map_err(|error| Error::new(Op::Send, Kind::Bug, error.to_string()))?,
            false => {
                let state = match self.state {
                    State::Open => "open",
                    State::Closed => "closed",
                    State::Silent => "silent",
                    State::Error => "error",
                };
                match &self.reason {
                    None => format!("{state:<7} {} ({:.1} ms)", self.address, self.milliseconds),
                    Some(reason) => format!("{state:<7} {}: {reason}", self.address),
                }
            }
        };
        answer::print(&(line + "\n"))
    }
}

async fn one(endpoint: Endpoint, env: &Env, limit: Duration) -> Found {
    let since = Instant::now();
    let result = match tokio::time::timeout(limit, open(&endpoint, env)).await {
        Ok(result) => result,
        Err(_) => Err(Error::new(Op::Connect, Kind::Timeout, "no answer")),
    };
    let error = result.as_ref().err().map(Error::kind);
    Found {
        address: endpoint.to_string(),
        state: match error {
            None => State::Open,
            Some(Kind::Unreachable) => State::Closed,
            Some(Kind::Timeout) => State::Silent,
            Some(_) => State::Error,
        },
        milliseconds: since.elapsed().as_secs_f64() * 1000.0,
        reason: result.err().map(|error| error.reason().to_owned()),
        code: error.map(code_of),
        error,
    }
}

/// Opens it, and asks where opening says nothing.
async fn open(endpoint: &Endpoint, env: &Env) -> Result<()> {
    let channel = endpoint.connect(env, None).await?;
    // What cannot tell an end has no connection, either.
    match channel.profile.finish {
        wharf::socket::channel::Finish::None => ask(channel).await,
        _ => Ok(()),
    }
}

/// Sends an empty packet and waits for anything to come back.
async fn ask(mut channel: Channel) -> Result<()> {
    let Io::Packets(packets) = &mut channel.io else {
        return Ok(());
    };
    let mut question = Batch::new();
    question.push(&[], Facts::default());
    std::future::poll_fn(|cx| packets.poll_send(cx, &mut question))
        .await
        .map_err(|error| Error::io(Op::Send, error))?;
    let mut answers = Batch::new();
    let answer = std::future::poll_fn(|cx| packets.poll_recv(cx, &mut answers));
    let refusal = async {
        match &mut channel.control {
            Some(control) => loop {
                match control.rx.recv().await {
                    Some(Control::PacketError { reason, .. }) => return reason,
                    Some(_) => {}
                    None => std::future::pending().await,
                }
            },
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        answer = answer => match answer.map_err(|error| Error::io(Op::Recv, error))? {
            Got::Packets(_) => Ok(()),
            Got::End(_) => Err(Error::new(Op::Recv, Kind::Unreachable, "it ended")),
        },
        reason = refusal => Err(Error::new(Op::Recv, Kind::Unreachable, reason)),
    }
}
