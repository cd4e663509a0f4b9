//! What every endpoint is given to work with: [`Env`], and [`Cx`] for one opening.
//!
//! Nothing in the library is global: log, names, net and the wish to stop all come from here.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::watch;

use super::address::Role;
use super::channel::Channel;
use super::fast_path::FastPaths;
use super::info::Info;
use super::log::{Level, Log, Message, Silent};
use super::net::Net;

/// What an opening may know: the environment, the net, and the other side.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    /// The environment.
    pub env: &'a Env,
    /// Where sockets are opened: the endpoint's own `via=`, else the environment's.
    pub net: &'a Net,
    /// The address of the endpoint that is opened, secrets masked.
    pub at: &'a str,
    /// What is known of the other side, if it was open first.
    pub origin: Option<&'a Info>,
}

impl Cx<'_> {
    /// Says a line about this endpoint.
    pub fn say(&self, level: Level, text: impl AsRef<str>) {
        self.env.say(level, self.at, text);
    }
}

/// Which addresses of a name may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Both.
    #[default]
    Any,
    /// Only IPv4.
    V4,
    /// Only IPv6.
    V6,
}

impl Family {
    /// Whether `address` may be used.
    pub const fn admits(self, address: &IpAddr) -> bool {
        matches!(
            (self, address),
            (Family::Any, _) | (Family::V4, IpAddr::V4(_)) | (Family::V6, IpAddr::V6(_))
        )
    }
}

/// An answer that stands in for a name lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The host name, or `*` for every name.
    pub host: String,
    /// The port for which it holds, or every one.
    pub port: Option<u16>,
    /// The addresses to use.
    pub addresses: Vec<IpAddr>,
}

/// How names become addresses.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Which families may be used.
    pub family: Family,
    /// Answers given beforehand; the first that fits wins.
    pub overrides: Arc<[Override]>,
    /// Whether only numeric addresses (and overrides) are allowed.
    pub numeric_only: bool,
}

/// How far the wish to stop has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Work goes on.
    #[default]
    Running,
    /// Nothing new is accepted; what is open is drained.
    Draining,
    /// Everything ends at once.
    Stopping,
}

/// The wish to stop, as those who work see it.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<Stage>);

/// The wish to stop, as the one who decides holds it.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<watch::Sender<Stage>>);

impl Shutdown {
    /// A pair: who decides, and what the others watch.
    pub fn pair() -> (Stopper, Shutdown) {
        let (tx, rx) = watch::channel(Stage::Running);
        (Stopper(Arc::new(tx)), Shutdown(rx))
    }

    /// How far it has come.
    pub fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Whether it has come further since this was asked for the first time. One load of an atomic:
    /// for what is asked again and again.
    pub fn has_moved(&self) -> bool {
        self.0.has_changed().unwrap_or(false)
    }

    /// Waits until it has come at least so far; for ever if nobody can decide any more.
    ///
    /// *Cancel safety*: nothing is lost.
    pub async fn reached(&mut self, stage: Stage) {
        if self.0.wait_for(|now| *now >= stage).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Stopper {
    /// Goes to `stage`, unless it is there or further already.
    pub fn advance(&self, stage: Stage) {
        self.0.send_if_modified(|now| {
            let further = stage > *now;
            *now = stage.max(*now);
            further
        });
    }
}

/// What endpoints work with. Cheap to clone.
#[derive(Clone)]
pub struct Env {
    /// Who listens to what the library says.
    pub log: Arc<dyn Log>,
    /// Where sockets are opened unless an address says `via=`.
    pub net: Net,
    /// How names become addresses.
    pub names: Names,
    /// The wish to stop.
    pub shutdown: Shutdown,
    /// Whether each worker has a listening socket of its own on one port (`SO_REUSEPORT`).
    pub shared_port: SharedPort,
    /// How many descriptors a command may open, where our own limit was raised: programs that use
    /// select(2) break with more than it was.
    pub descriptor_limit: Option<u64>,
    /// Which ways of moving data may be used that not every system has.
    pub fast_paths: FastPaths,
    /// Who looks into the stacks.
    pub tap: Option<Tap>,
    /// Keeps the wish alive while nobody else holds it.
    _stopper: Stopper,
}

/// Who looks at what one layer of a stack gives, whatever stands above it.
#[derive(Clone)]
pub struct Tap {
    /// The name of the layer's scheme.
    pub layer: &'static str,
    /// Gives the same channel, seen.
    pub put: Arc<dyn Fn(Channel, Role) -> Channel + Send + Sync>,
}

impl Tap {
    /// The channel that a layer gives, seen if this is the layer.
    pub(super) fn at(tap: Option<&Tap>, layer: &str, role: Role, channel: Channel) -> Channel {
        match tap {
            Some(tap) if tap.layer == layer => (tap.put)(channel, role),
            _ => channel,
        }
    }
}

/// Whether listeners of several workers share a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SharedPort {
    /// One listener: an address in use is an error.
    #[default]
    No,
    /// The first of several: refused if the address is in use, open to siblings afterwards.
    First,
    /// A sibling of the first.
    Sibling,
}

impl Env {
    /// An environment of its own: silent, on this host, never asked to stop.
    pub fn new() -> Env {
        let (stopper, shutdown) = Shutdown::pair();
        Env {
            log: Arc::new(Silent),
            net: Net::Host,
            names: Names::default(),
            shutdown,
            shared_port: SharedPort::No,
            descriptor_limit: None,
            fast_paths: FastPaths::default(),
            tap: None,
            _stopper: stopper,
        }
    }

    /// The same environment with another log.
    #[must_use]
    pub fn with_log(mut self, log: Arc<dyn Log>) -> Env {
        self.log = log;
        self
    }

    /// The same environment, stopped by whoever holds the other half of `shutdown`.
    #[must_use]
    pub fn with_shutdown(mut self, shutdown: Shutdown) -> Env {
        self.shutdown = shutdown;
        self
    }

    /// Says a line about the endpoint `at`.
    pub fn say(&self, level: Level, at: &str, text: impl AsRef<str>) {
        if self.log.wants(level) {
            self.log.message(&Message::Text {
                level,
                at,
                text: text.as_ref(),
            });
        }
    }
}

impl Default for Env {
    fn default() -> Env {
        Env::new()
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("net", &self.net)
            .field("names", &self.names)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_wish_to_stop_only_grows() {
        let (stopper, mut shutdown) = Shutdown::pair();
        assert_eq!(shutdown.stage(), Stage::Running);
        shutdown.reached(Stage::Running).await;
        stopper.advance(Stage::Stopping);
        stopper.advance(Stage::Draining);
        assert_eq!(shutdown.stage(), Stage::Stopping);
        shutdown.reached(Stage::Draining).await;
    }

    #[tokio::test]
    async fn everybody_who_waits_is_told() {
        let (stopper, shutdown) = Shutdown::pair();
        let (mut one, mut other) = (shutdown.clone(), shutdown);
        let told = async {
            tokio::join!(one.reached(Stage::Draining), other.reached(Stage::Draining));
        };
        tokio::join!(told, async { stopper.advance(Stage::Draining) });
    }

    /// Nobody is left who could decide: what waits goes on waiting.
    #[tokio::test]
    async fn a_wish_that_nobody_can_have_is_never_reached() {
        let (stopper, mut shutdown) = Shutdown::pair();
        drop(stopper);
        assert!(shutdown.reached(Stage::Draining).now_or_never().is_none());
    }

    #[test]
    fn families_admit_their_own() {
        let (v4, v6) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let admitted = |family: Family| (family.admits(&v4), family.admits(&v6));
        assert_eq!(admitted(Family::Any), (true, true));
        assert_eq!(admitted(Family::V4), (true, false));
        assert_eq!(admitted(Family::V6), (false, true));
    }
}
