//! Opening again when opening failed: the options `retry`, `retry-interval` and `retry-max`.
//!
//! Each try looks names up anew. The wait doubles up to its limit, and ends when the program is asked
//! to stop. Here too: going where a peer says that what is wanted is. Not here: what happens when a peer
//! ends (`reconnect.rs`).

use std::time::Duration;

use super::channel::Channel;
use super::endpoint::Endpoint;
use super::env::{Cx, Env, Stage};
use super::error::{Blame, Error, Result};
use super::info::Info;
use super::log::Level;
use super::settings::{FOREVER, Settings};

/// How often and how soon.
struct Retries {
    left: i64,
    wait: Duration,
    longest: Duration,
}

impl Retries {
    fn of(general: &Settings) -> Retries {
        let wait = general.duration("retry-interval").unwrap_or_default();
        let longest = general.duration("retry-max").unwrap_or_default();
        Retries {
            left: general.integer("retry").unwrap_or_default(),
            wait,
            longest: longest.max(wait),
        }
    }

    /// How long to wait before the next try, if there is one.
    fn next(&mut self) -> Option<Duration> {
        match self.left {
            0 => return None,
            FOREVER => {}
            _ => self.left -= 1,
        }
        let wait = self.wait;
        self.wait = wait.saturating_mul(2).min(self.longest);
        Some(wait)
    }
}

impl Endpoint {
    /// Opens it, with the retries that its address asks for, and reopening if that is asked for.
    pub(super) async fn open(&self, env: &Env, origin: Option<&Info>) -> Result<Channel> {
        let general = self.stack().general();
        let channel = self.try_often(env, origin, Retries::of(general)).await?;
        if !general.flag("reconnect") {
            return Ok(channel);
        }
        let origin = origin.cloned();
        Ok(super::reconnect::wrap(
            channel,
            self.clone(),
            env.clone(),
            origin,
        ))
    }

    /// Opens what its peer has ended; without a limit unless `retry` was given. `soon` says that
    /// the last connection was short, so that a peer which always hangs up is not hammered.
    pub(super) async fn open_again(
        &self,
        env: &Env,
        origin: Option<&Info>,
        soon: bool,
    ) -> Result<Channel> {
        let general = self.stack().general();
        let mut retries = Retries::of(general);
        if !general.is_given("retry") {
            retries.left = FOREVER;
        }
        if soon {
            pause(retries.wait, env).await;
        }
        self.try_often(env, origin, retries).await
    }

    async fn try_often(
        &self,
        env: &Env,
        origin: Option<&Info>,
        mut retries: Retries,
    ) -> Result<Channel> {
        // Where a peer has sent us, if it did.
        let mut elsewhere: Option<Endpoint> = None;
        loop {
            let endpoint = elsewhere.as_ref().unwrap_or(self);
            let cx = Cx {
                env,
                net: &env.net,
                at: endpoint.address_text(),
                origin,
            };
            let error = match endpoint.stack().connect(cx).await {
                Ok(channel) => return Ok(channel),
                Err(error) => error,
            };
            // How often is counted in the address: each has one less to go than the one before.
            if let Some(address) = error.elsewhere() {
                cx.say(Level::Info, error.reason());
                let moved = Endpoint::build(address.clone());
                elsewhere = Some(moved.map_err(|error| error.at(cx.at, None))?);
                continue;
            }
            // What was typed wrong does not become right by waiting.
            if error.kind().blame() == Blame::Usage || env.shutdown.stage() > Stage::Running {
                return Err(error);
            }
            let Some(wait) = retries.next() else {
                return Err(error);
            };
            cx.say(Level::Info, told(&error, wait));
            pause(wait, env).await;
        }
    }
}

/// The log names the endpoint already.
fn told(error: &Error, wait: Duration) -> String {
    let layer = error.place().and_then(|place| place.layer);
    let layer = layer.map(|layer| format!("{layer}: ")).unwrap_or_default();
    let wait = super::units::format_duration(wait);
    format!("{layer}{}; trying again in {wait}", error.reason())
}

/// Waits, but not longer than until the program is asked to stop.
async fn pause(wait: Duration, env: &Env) {
    let mut shutdown = env.shutdown.clone();
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = shutdown.reached(Stage::Draining) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::Instant;

    use super::*;
    use crate::socket::env::Shutdown;
    use crate::socket::error::Kind;
    use crate::socket::fake::Sayings;
    use crate::testing::memory::endpoint::CATALOG;

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse_with(text, &CATALOG).unwrap()
    }

    /// How many seconds it took to fail, and what was said meanwhile.
    async fn failing(text: &str) -> (u64, Vec<String>) {
        let sayings = Sayings::default();
        let env = Env::new().with_log(Arc::new(sayings.clone()));
        let start = Instant::now();
        let error = endpoint(text).connect(&env, None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unreachable);
        (start.elapsed().as_secs(), sayings.take())
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_doubles_up_to_its_limit() {
        assert_eq!(failing("memory:none").await, (0, vec![]));
        let (seconds, said) = failing("memory:none#retry=4,retry-max=4s").await;
        assert_eq!(seconds, 1 + 2 + 4 + 4);
        assert_eq!(said.len(), 4);
        assert_eq!(said[1], "nobody listens on none; trying again in 2s");
        // The interval is kept where it is longer than the limit.
        let text = "memory:none#retry=2,retry-interval=9s,retry-max=4s";
        assert_eq!(failing(text).await.0, 18);
        let (seconds, _) = failing("memory:none#retry=1000,retry-interval=0").await;
        assert_eq!(seconds, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_try_succeeds() {
        let endpoint = endpoint("memory:late#retry=forever");
        let env = Env::new();
        let start = Instant::now();
        let listen = async {
            tokio::time::sleep(Duration::from_secs(100)).await;
            let listener = self::endpoint("memory-listen:late");
            listener.listen(&env).await.unwrap()
        };
        let (opened, _listener) = tokio::join!(endpoint.connect(&env, None), listen);
        opened.unwrap();
        // 1 + 2 + 4 + 8 + 16 + 30 + 30, and then 30 more.
        assert_eq!(start.elapsed().as_secs(), 121);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_asked_to_stop_tries_no_more() {
        let (stopper, shutdown) = Shutdown::pair();
        let env = Env::new().with_shutdown(shutdown);
        let endpoint = endpoint("memory:none#retry=forever,retry-interval=1h");
        let start = Instant::now();
        let stop = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            stopper.advance(Stage::Draining);
        };
        let (opened, ()) = tokio::join!(endpoint.connect(&env, None), stop);
        assert_eq!(opened.unwrap_err().kind(), Kind::Unreachable);
        assert_eq!(start.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_mistake_is_not_tried_again() {
        use crate::socket::fake::CATALOG;
        let endpoint = Endpoint::parse_with("dtls+fd:3#retry=forever", &CATALOG).unwrap();
        let error = endpoint.connect(&Env::new(), None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
    }

    #[test]
    fn waits_do_not_overflow() {
        let mut retries = Retries {
            left: FOREVER,
            wait: Duration::MAX,
            longest: Duration::MAX,
        };
        assert_eq!(retries.next(), Some(Duration::MAX));
        assert_eq!(retries.next(), Some(Duration::MAX));
    }
}
