//! The thread behind endpoints that need an event loop: it drives, and the caller waits.
//!
//! A call polls its future on the caller's own thread, so that data is not handed from thread to
//! thread; the driver only watches descriptors and timers, and runs what an endpoint leaves behind
//! (the supervisor of a child, a session).

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::units::format_duration;

/// One thread with an event loop. Cheap to clone; the thread ends with the last clone.
#[derive(Clone, Debug)]
pub(super) struct Driver {
    handle: Handle,
    _alive: Arc<oneshot::Sender<()>>,
}

impl Driver {
    /// Starts the thread.
    pub(super) fn start() -> Result<Driver> {
        let failed = |e| Error::io_while(Op::Open, "no thread for the event loop", e);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let (alive, gone) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("wharf-driver".into())
            .spawn(move || {
                // The sender is never used: that it is gone is the message.
                let _ = runtime.block_on(gone);
            })
            .map_err(failed)?;
        Ok(Driver {
            handle,
            _alive: Arc::new(alive),
        })
    }

    /// Waits for `future`, at most for `timeout`.
    ///
    /// # Errors
    /// Kind `Timeout`; kind `Usage` on a thread that runs async tasks, which must not block.
    pub(super) fn wait<T>(
        &self,
        op: Op,
        timeout: Option<Duration>,
        future: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if Handle::try_current().is_ok() {
            return Err(
                Error::new(op, Kind::Usage, "a blocking call in an async task")
                    .hint("await the same of wharf::Channel, or use spawn_blocking"),
            );
        }
        self.handle.block_on(async {
            let Some(limit) = timeout else {
                return future.await;
            };
            match tokio::time::timeout(limit, future).await {
                Ok(result) => result,
                Err(_) => {
                    let limit = format_duration(limit);
                    let reason = format!("nothing happened within {limit}");
                    Err(Error::new(op, Kind::Timeout, reason).hint("set_timeout allows more time"))
                }
            }
        })
    }
}
