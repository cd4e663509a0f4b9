//! Every rule of the relay, with scripted peers and a paused clock.
//!
//! A minute of silence costs nothing here, and nothing depends on how fast the machine is.
//! Not here: real sockets (each endpoint's tests), every pair of endpoints (the matrix test).

mod controls;
mod ends;
mod packets;
mod pressure;
mod serve;
mod server;
mod sessions;
mod silence;
#[cfg(target_os = "linux")]
mod splice;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::socket::channel::{End, Finish, Idle, Profile};
use crate::socket::env::{Shutdown, Stage};
use crate::socket::error::Error;
use crate::testing::script::{Peer, Script};

/// Standard input and output of a person.
const PROMPT: Profile = Profile {
    idle: Idle::Yields,
    asks: true,
    ..Profile::STREAM
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Joins two channels with the environment that nobody stops.
async fn joined(left: Channel, right: Channel, options: &Options) -> Outcome {
    relay(left, right, options, &Env::new(), &Arc::default()).await
}

/// Joins two scripted streams as most relays are joined.
async fn streams(left: Script, right: Script) -> (Outcome, Peer, Peer) {
    streams_with(left, right, &Options::default()).await
}

async fn streams_with(left: Script, right: Script, options: &Options) -> (Outcome, Peer, Peer) {
    let (left, at_left) = left.stream(Profile::STREAM);
    let (right, at_right) = right.stream(Profile::STREAM);
    let outcome = joined(left, right, options).await;
    (outcome, at_left, at_right)
}

/// A peer that never says anything and never ends.
fn silent() -> Script {
    Script::new()
}
