//! The relay: any two channels, joined.
//!
//! It knows kinds and profiles, never protocols. [`relay`] joins two open channels; [`serve`] opens
//! and accepts them as the addresses say.

mod controls;
mod direction;
pub mod many;
mod options;
mod pace;
mod pair;
mod party;
mod plan;
mod report;
mod serve;
mod sessions;
mod settle;
mod silence;
mod splice;
#[cfg(test)]
mod tests;
mod tide;
mod watch;

use std::sync::Arc;
use std::time::Instant;

use crate::socket::channel::Channel;
use crate::socket::env::Env;

pub use options::{AfterEnd, Direction, Options, Oversize};
pub use plan::{Lint, Plan};
pub use report::{Cause, Counters, Flow, FlowCounters, Outcome, Side};
pub use serve::{Full, ServeOptions, Summary, serve};
pub use watch::{Refusal, Unwatched, Watch};

/// Joins two channels until both directions have ended, or one side failed.
///
/// `counters` can be read by others meanwhile. Both channels are closed when this returns; the
/// outcome says what each direction moved and what was lost.
///
/// *Cancel safety*: dropping the future closes both channels; what was read and not yet written is
/// lost.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use wharf::relay::{Options, relay};
/// use wharf::{Endpoint, Env};
///
/// let env = Env::new();
/// let left = Endpoint::parse("zero:#size=1MB")?.connect(&env, None).await?;
/// let right = Endpoint::parse("discard:")?.connect(&env, None).await?;
/// let outcome = relay(left, right, &Options::default(), &env, &Arc::default()).await;
/// assert_eq!(outcome.there.octets, 1_000_000);
/// # Ok::<(), wharf::Error>(()) }).unwrap();
/// ```
pub fn relay<'a>(
    left: Channel,
    right: Channel,
    options: &'a Options,
    env: &'a Env,
    counters: &Arc<Counters>,
) -> impl Future<Output = Outcome> + Send + use<'a> {
    // Not an `async fn`: that would keep room for both channels beside the pair made of them.
    let started = Instant::now();
    let mut pair = pair::Pair::new(left, right, options, counters.clone(), env.fast_paths);
    async move {
        let verdict = pair.run(env).await;
        // Boxed: it is needed once, and an idle relay should not have room for it.
        Box::pin(pair.settle(&verdict, env)).await;
        outcome(&pair, verdict, started)
    }
}

fn outcome(pair: &pair::Pair<'_>, verdict: pair::Verdict, started: Instant) -> Outcome {
    let flow = |direction: &direction::Direction, counters: &FlowCounters| Flow {
        octets: counters.octets(),
        packets: counters.packets(),
        dropped: counters.dropped(),
        end: direction.end().cloned(),
        lost: direction.lost(),
    };
    Outcome {
        there: flow(&pair.there, &pair.counters.there),
        back: flow(&pair.back, &pair.counters.back),
        cause: verdict.cause,
        error: verdict.error,
        elapsed: started.elapsed(),
    }
}
