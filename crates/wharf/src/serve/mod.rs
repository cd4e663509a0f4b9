//! A folder over HTTP: `wharf serve`, as a part of the library.
//!
//! Sources: RFC 9110 and 9112 (HTTP/1.1), RFC 9113 (HTTP/2), RFC 7617 (Basic); of the browser's side Fetch
//! (Origin, Sec-Fetch-Site) and CSP Level 3. The engine is hyper, which is part of no public signature.
//! Connections come from any endpoint that listens for streams ([`serve()`]); files from [`crate::files`],
//! which nothing escapes.
//! The way of a request: `wire` (octets, refused where two readers could differ), `connection`, `answer`
//! (who may ask what), then `get` or `put`; `body` is what goes back. Not here: printing, the command.

mod answer;
mod body;
mod connection;
mod gate;
mod get;
mod host;
mod listen;
mod listing;
mod media;
mod page;
mod pulse;
mod put;
#[cfg(test)]
mod tests;
mod watch;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use self::gate::Gate;
use self::host::Hosts;
use crate::files::{Folder, Users};
use crate::socket::error::Result;

pub use self::listen::serve;
pub use self::watch::{Counters, Exchange, Watch};

/// How a folder is served, beside what [`crate::files::Options`] say of it.
#[derive(Debug)]
pub struct Options {
    /// Names under which this server is asked for, beside loopback and the address that was reached;
    /// `*` is any.
    pub hosts: Vec<String>,
    /// Who may ask; everybody, if `None`.
    pub users: Option<Users>,
    /// Whether a folder that has an `index.html` is answered with it.
    pub index: bool,
    /// The longest file that may be uploaded, in octets.
    pub max_upload: u64,
    /// What peers may take their time for.
    pub patience: Patience,
    /// Connections at a time, of all workers together.
    pub max_connections: usize,
}

/// How long is waited for a peer.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a handshake.
    pub handshake: Duration,
    /// For the head of a request, from its first octet.
    pub head: Duration,
    /// For more of a body, and until a response moves on.
    pub body: Duration,
    /// For the next request.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body: Duration::from_secs(60),
            idle: Duration::from_secs(60),
        }
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            hosts: Vec::new(),
            users: None,
            index: false,
            max_upload: 4 << 30,
            patience: Patience::default(),
            max_connections: 10_000,
        }
    }
}

/// Uploads, and listings that are made, at a time.
const UPLOADS: usize = 64;
const LISTINGS: usize = 8;

/// A folder and how it is served; all workers share one.
#[derive(Debug)]
pub struct Site {
    folder: Folder,
    hosts: Hosts,
    gate: Option<Gate>,
    index: bool,
    max_upload: u64,
    patience: Patience,
    uploads: Arc<Semaphore>,
    changing: Mutex<()>,
    listings: Semaphore,
    places: Arc<Semaphore>,
}

impl Site {
    /// A site of `folder`.
    ///
    /// # Errors
    /// A name of a host that cannot be one (kind `Usage`), or no randomness.
    pub fn new(folder: Folder, options: Options) -> Result<Site> {
        let most = options.max_connections.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Site {
            folder,
            hosts: Hosts::parse(&options.hosts)?,
            gate: options.users.map(Gate::new).transpose()?,
            index: options.index,
            max_upload: options.max_upload,
            patience: options.patience,
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            changing: Mutex::new(()),
            listings: Semaphore::new(LISTINGS),
            places: Arc::new(Semaphore::new(most)),
        })
    }

    /// Whoever holds this is the only one of this server who gives a file its name or takes it away: what
    /// a condition says of the folder is true until then. To be held for short, and beside the event loop.
    fn changes(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
