//! The thread that writes a file, at the places where octets belong, and sums them up on the way.
//!
//! No file is ever unready, and a slow disk must not stop the event loop; so connections hand their
//! chunks to a thread, which is at most [`QUEUE`] behind. What it has written is known at each moment.
//! Not here: names, folders and what is kept for a later run (`part.rs`).

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::ranges::Ranges;
use super::sum::Running;
use crate::socket::error::{Error, Op, Result};

/// So many octets may wait to be written; whoever has more waits.
pub(super) const QUEUE: usize = 4 << 20;

/// So many empty buffers are kept for the next chunks.
const SPARE: usize = 8;

/// What writes one file.
pub(super) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    file: Arc<File>,
    state: Mutex<State>,
    /// Something is to be done.
    work: Condvar,
}

struct State {
    queue: VecDeque<Chunk>,
    /// Octets that wait or are being written.
    queued: usize,
    done: Ranges,
    /// The system's number of the first failure.
    failed: Option<i32>,
    /// Who waits for room, for the end of the queue, or for the end of the thread.
    waiting: Vec<Waker>,
    spare: Vec<Vec<u8>>,
    closing: bool,
    ended: bool,
    sum: Option<Running>,
}

struct Chunk {
    at: u64,
    data: Vec<u8>,
}

impl Writer {
    /// Starts the thread. `done` is in the file already; with `sum`, the sum of octets that come in order
    /// from there on is taken on the way.
    ///
    /// # Errors
    /// There is no further thread.
    pub(super) fn start(file: Arc<File>, done: Ranges, sum: Option<Running>) -> Result<Writer> {
        let shared = Arc::new(Shared {
            file,
            state: Mutex::new(State {
                queue: VecDeque::new(),
                queued: 0,
                done,
                failed: None,
                waiting: Vec::new(),
                spare: Vec::new(),
                closing: false,
                ended: false,
                sum: None,
            }),
            work: Condvar::new(),
        });
        let own = shared.clone();
        std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || own.run(sum))
            .map_err(|error| Error::io_while(Op::Open, "a thread", error))?;
        Ok(Writer { shared })
    }

    /// Takes as much of `data` as there is room for, to be written at the octet `at`.
    ///
    /// # Errors
    /// What writing failed with, now or earlier.
    pub(super) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        at: u64,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.shared.state();
        state.check()?;
        let room = QUEUE.saturating_sub(state.queued).min(data.len());
        if room == 0 && !data.is_empty() {
            state.wait(cx);
            return Poll::Pending;
        }
        let mut buffer = state.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(data.get(..room).unwrap_or_default());
        state.queued += room;
        state.queue.push_back(Chunk { at, data: buffer });
        drop(state);
        self.shared.work.notify_one();
        Poll::Ready(Ok(room))
    }

    /// Waits until all that was taken is written. Errors as [`poll_write`](Writer::poll_write).
    pub(super) fn poll_written(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.shared.state();
        state.check()?;
        if state.queued == 0 {
            return Poll::Ready(Ok(()));
        }
        state.wait(cx);
        Poll::Pending
    }

    /// Octets that were taken and are not written.
    pub(super) fn queued(&self) -> usize {
        self.shared.state().queued
    }

    /// What is written.
    pub(super) fn done(&self) -> Ranges {
        self.shared.state().done.clone()
    }

    /// Writes what was taken, ends the thread, and returns what is in the file then, what writing
    /// failed with, if it did, and the sum as far as it was taken on the way.
    pub(super) async fn close(&self) -> (Ranges, io::Result<()>, Option<Running>) {
        self.shared.state().closing = true;
        self.shared.work.notify_one();
        std::future::poll_fn(|cx| {
            let mut state = self.shared.state();
            if state.ended {
                let result = state.check();
                return Poll::Ready((state.done.clone(), result, state.sum.take()));
            }
            state.wait(cx);
            Poll::Pending
        })
        .await
    }
}

/// Whoever has no use for it any more leaves the thread to write what it has, and end.
impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.state().closing = true;
        self.shared.work.notify_one();
    }
}

impl State {
    fn check(&self) -> io::Result<()> {
        match self.failed {
            Some(number) => Err(io::Error::from_raw_os_error(number)),
            None => Ok(()),
        }
    }

    fn wait(&mut self, cx: &Context<'_>) {
        if !self.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.waiting.push(cx.waker().clone());
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is left half changed by a panic elsewhere.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread.
    fn run(&self, mut sum: Option<Running>) {
        while let Some(chunk) = self.next() {
            let (written, result) = self.write(&chunk);
            if let Some(sum) = sum.as_mut().filter(|sum| sum.len() == chunk.at) {
                sum.add(chunk.data.get(..written).unwrap_or_default());
            }
            let mut state = self.state();
            state.done.add(chunk.at..chunk.at + written as u64);
            state.queued = state.queued.saturating_sub(chunk.data.len());
            if let Err(error) = result {
                // A file system has a number for each of its failures.
                state.failed = error
                    .raw_os_error()
                    .or(Some(rustix::io::Errno::IO.raw_os_error()));
                state.queue.clear();
                state.queued = 0;
            }
            if state.spare.len() < SPARE {
                let mut data = chunk.data;
                data.clear();
                state.spare.push(data);
            }
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            waiting.into_iter().for_each(Waker::wake);
        }
        let mut state = self.state();
        state.ended = true;
        state.sum = sum;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// The next chunk; `None` once no more will come.
    fn next(&self) -> Option<Chunk> {
        let mut state = self.state();
        loop {
            if let Some(chunk) = state.queue.pop_front() {
                return Some(chunk);
            }
            if state.closing {
                return None;
            }
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes a chunk; says how much of it was written before it failed.
    fn write(&self, chunk: &Chunk) -> (usize, io::Result<()>) {
        let mut written = 0;
        while let Some(rest) = chunk.data.get(written..).filter(|rest| !rest.is_empty()) {
            match self.file.write_at(rest, chunk.at + written as u64) {
                Ok(0) => return (written, Err(rustix::io::Errno::IO.into())),
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (written, Err(error)),
            }
        }
        (written, Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn write(writer: &Writer, mut at: u64, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let n = std::future::poll_fn(|cx| writer.poll_write(cx, at, data)).await?;
            (at, data) = (at + n as u64, &data[n..]);
        }
        Ok(())
    }

    #[tokio::test]
    async fn octets_land_where_they_belong_and_are_summed_up() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let sum = Some(Running::default());
        let writer = Writer::start(file.clone(), Ranges::default(), sum).unwrap();
        let data: Vec<u8> = (0..QUEUE + 100).map(|n| n as u8).collect();
        write(&writer, 0, &data).await.unwrap();
        write(&writer, 1 << 30, b"far").await.unwrap();
        std::future::poll_fn(|cx| writer.poll_written(cx))
            .await
            .unwrap();
        assert_eq!((writer.queued(), writer.done().len()), (0, 2));
        let (done, result, sum) = writer.close().await;
        result.unwrap();
        assert_eq!(done.octets(), data.len() as u64 + 3);
        assert_eq!(sum.unwrap().len(), data.len() as u64);
        let mut far = [0; 3];
        file.read_exact_at(&mut far, 1 << 30).unwrap();
        assert_eq!(&far, b"far");
    }

    #[tokio::test]
    async fn a_full_disk_is_told_to_whoever_writes_on() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let writer = Writer::start(Arc::new(full), Ranges::default(), None).unwrap();
        write(&writer, 0, b"x").await.unwrap();
        let written = std::future::poll_fn(|cx| writer.poll_written(cx)).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::StorageFull);
        let error = write(&writer, 1, b"y").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let (done, result, _) = writer.close().await;
        assert!(done.is_empty() && result.is_err());
    }
}
