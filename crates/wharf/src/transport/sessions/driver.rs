//! The task that reads a shared socket, for as long as its listener or a session is there.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep};

use super::table::Put;
use super::{Datagrams, Left, Shared};
use crate::socket::env::Stage;
use crate::socket::log::Level;

/// So many datagrams are read before the sessions get their turn. What came of one peer meanwhile goes
/// on as one.
const TURN: usize = 256;

/// So many errors in a row that nothing explains mean that the socket is of no more use.
const STRANGE: usize = 16;

/// How long a session may be silent once the program was asked to stop. It has no end of its own, and
/// an answer that is under way should come.
const DRAIN: Duration = Duration::from_secs(1);

/// Reads one socket.
pub(super) struct Driver<D: Datagrams> {
    /// Weak, so that the socket closes with its last session and not a moment later.
    shared: Weak<Shared<D>>,
    expiry: Option<Interval>,
    draining: Option<BoxFuture<'static, ()>>,
    retry: Option<Pin<Box<Sleep>>>,
    strange: usize,
    /// A flood of peers has just gone by.
    has_ebbed: bool,
}

impl<D: Datagrams> Driver<D> {
    pub(super) fn new(shared: &Arc<Shared<D>>) -> Driver<D> {
        let mut shutdown = shared.env.shutdown.clone();
        Driver {
            shared: Arc::downgrade(shared),
            expiry: looking(shared.table().idle()),
            draining: Some(Box::pin(async move {
                shutdown.reached(Stage::Draining).await;
            })),
            retry: None,
            strange: 0,
            has_ebbed: false,
        }
    }

    fn poll_expiry(&mut self, cx: &mut Context<'_>, shared: &Shared<D>) {
        if let Some(draining) = &mut self.draining
            && draining.poll_unpin(cx).is_ready()
        {
            self.draining = None;
            self.expiry = looking(shared.table().hurry(DRAIN));
        }
        while let Some(Poll::Ready(now)) = self.expiry.as_mut().map(|e| e.poll_tick(cx)) {
            if std::mem::take(&mut self.has_ebbed) {
                // The sessions have ended since the last look. Their memory is free, and the allocator
                // would keep it.
                wharf_sys::process::trim_memory();
            }
            self.has_ebbed = shared.table().expire(now);
        }
    }

    /// Wakes who waits to write, once there is space; or after a while, where nobody tells.
    fn poll_writers(&mut self, cx: &mut Context<'_>, shared: &Shared<D>) {
        if !shared.table().has_writers() {
            return;
        }
        let again = self
            .retry
            .as_mut()
            .is_some_and(|r| r.as_mut().poll(cx).is_ready());
        if again || shared.datagrams.poll_space(cx).is_ready() {
            self.retry = None;
            shared.table().wake_writers();
        } else if let (None, Some(wait)) = (&self.retry, D::RETRY) {
            let mut retry = Box::pin(sleep(wait));
            // Now, so that it wakes this task; it has just begun.
            let _ = retry.as_mut().poll(cx);
            self.retry = Some(retry);
        }
    }

    /// Reads until there is nothing more, and lets the sessions work in between.
    fn poll_read(&mut self, cx: &mut Context<'_>, shared: &Shared<D>) -> Poll<io::Result<()>> {
        let mut left = TURN;
        while left > 0 {
            if D::WAITS && shared.table().is_full() {
                // Whoever makes room wakes this task.
                return Poll::Pending;
            }
            let mut guard = ready!(shared.datagrams.socket().poll_read_ready(cx))?;
            let mut taken = Taken::default();
            let read = guard.try_io(|_| {
                // One lock for all that one call gave.
                let mut table = None;
                shared.datagrams.recv(&mut |peer, runs| {
                    let (table, now) =
                        table.get_or_insert_with(|| (shared.table(), Instant::now()));
                    taken.add(table.put(peer, runs, *now));
                })
            });
            if taken.is_first_turned_away {
                let text = "there are max-peers sessions: further peers get no answer";
                shared.env.say(Level::Warn, &shared.at, text);
            }
            match read {
                Err(_would_block) => continue,
                Ok(Ok(found)) => {
                    self.strange = 0;
                    left = left.saturating_sub(taken.packets);
                    if found == Left::Nothing {
                        // Without asking in vain: what comes now is a new event.
                        guard.clear_ready();
                    }
                    if taken.is_filled {
                        break;
                    }
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => {
                    left -= 1;
                    if shared.take_errors() == 0 {
                        self.strange += 1;
                        if self.strange >= STRANGE {
                            return Poll::Ready(Err(error));
                        }
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What the table took of one read.
#[derive(Default)]
struct Taken {
    packets: usize,
    is_filled: bool,
    is_first_turned_away: bool,
}

impl Taken {
    fn add(&mut self, (packets, put): (usize, Put)) {
        self.packets += packets;
        self.is_filled |= put == Put::Filled;
        self.is_first_turned_away |= put == Put::TurnedAway { first: true };
    }
}

/// When to look for silent peers: eight times a period, so that a session lives an eighth longer at most.
fn looking(idle: Duration) -> Option<Interval> {
    let period = (idle / 8).max(Duration::from_millis(1));
    (idle > Duration::ZERO).then(|| {
        let mut interval = interval_at(Instant::now() + period, period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    })
}

impl<D: Datagrams> Future for Driver<D> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(shared) = self.shared.upgrade() else {
            return Poll::Ready(());
        };
        shared.table().driven_by(cx.waker());
        self.poll_expiry(cx, &shared);
        self.poll_writers(cx, &shared);
        let Err(error) = ready!(self.poll_read(cx, &shared)) else {
            return Poll::Ready(());
        };
        shared.table().break_with(&error);
        Poll::Ready(())
    }
}
