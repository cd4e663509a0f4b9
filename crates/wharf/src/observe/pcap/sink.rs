//! Where captures are collected, and the thread that writes them.
//!
//! Appending takes a lock and copies into a buffer. Full buffers are handed to the thread, and come
//! back to be filled again; what lies in one that does not fill is written after a moment of quiet. The
//! memory is bounded: whoever can wait does so while half of it is in use, and what comes when all of
//! it is, is dropped.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::buffer::{BUFFER, Buffer};
use super::output::Output;
use crate::socket::error::{Error, Op};
use crate::socket::log::{Level, Log, Message};

/// So many buffers there are at most: 32 MiB of what waits to be written.
const BUFFERS: usize = 8;

/// So many are kept to be filled again.
const SPARE: usize = 2;

/// Whoever can wait does so while so many buffers wait to be written. Fewer stay nearer to the processor.
const HALF: usize = 4;

/// What does not fill a buffer is written after so long.
const QUIET: Duration = Duration::from_millis(100);

/// At the end, so long is waited for nothing to be taken.
const LAST_CHANCE: Duration = Duration::from_secs(2);

/// What the file came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) octets: u64,
    /// Appended, and not in the file because writing failed.
    pub(super) lost_packets: u64,
    pub(super) failure: Option<String>,
}

/// Collects what is appended, and has it written.
#[derive(Debug)]
pub(super) struct Sink {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something is to be written, or it ends.
    work: Condvar,
    /// Everything was written.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What is appended to; without memory while nothing is.
    active: Buffer,
    /// Where in the file it begins.
    at: u64,
    /// What waits to be written.
    full: VecDeque<Buffer>,
    /// Packets that are being written.
    under_way: u64,
    /// What was written, to be filled again; the last one is the warmest.
    spare: Vec<Vec<u8>>,
    /// So many buffers were written or given up.
    turn: u64,
    /// Somebody waited in vain: until the next turn nobody does.
    stuck: bool,
    /// Who waits for room.
    waiting: Vec<Waker>,
    /// Nothing more comes.
    closed: bool,
    /// And nothing is left.
    done: bool,
    written: Written,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Buffers are changed as a whole: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    /// One that writes to `output`.
    pub(super) fn new(output: Output, name: String, log: Arc<dyn Log>) -> io::Result<Sink> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let theirs = shared.clone();
        // It ends by itself, and need not be waited for if nobody takes what it writes.
        std::thread::Builder::new()
            .name("capture".into())
            .spawn(move || write_all(&theirs, output, &name, &*log))?;
        Ok(Sink { shared })
    }

    /// Room to append to, if there is any and the capture has not ended. Nobody else appends meanwhile.
    pub(super) fn room(&self) -> Option<Room<'_>> {
        let mut state = self.shared.state();
        if state.closed || state.written.failure.is_some() || state.full.len() >= BUFFERS {
            return None;
        }
        if !state.active.has_memory() {
            let spare = state.spare.pop();
            state.active = Buffer::at(state.at, spare);
        }
        let was_empty = state.active.len() == 0;
        Some(Room {
            shared: &self.shared,
            state,
            was_empty,
        })
    }

    /// Waits while half of the memory is in use, unless that was [in vain](Sink::give_up).
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.state();
        let has_ended = state.written.failure.is_some() || state.closed;
        if state.full.len() < HALF || state.stuck || has_ended {
            return Poll::Ready(());
        }
        let waiting = &mut state.waiting;
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// How many buffers were written: what somebody remembers who waits for room.
    pub(super) fn turn(&self) -> u64 {
        self.shared.state().turn
    }

    /// Room was waited for since `turn`, for as long as anybody should. If nothing was written since then, nobody
    /// waits before something is: not each connection again, and no waker is kept.
    pub(super) fn give_up(&self, turn: u64) {
        let mut state = self.shared.state();
        if state.turn != turn || state.stuck {
            return;
        }
        state.stuck = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// How many wait for room.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.shared.state().waiting.len()
    }

    /// Writes what is left, and waits for that as long as it goes on.
    pub(super) fn close(&self) -> Written {
        let mut state = self.shared.state();
        state.closed = true;
        self.shared.work.notify_all();
        while !state.done {
            let before = state.written.octets;
            let waited = self.shared.done.wait_timeout(state, LAST_CHANCE);
            let (now, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = now;
            if timeout.timed_out() && state.written.octets == before && !state.done {
                let waits = state.full.iter().map(|buffer| buffer.packets).sum::<u64>();
                state.written.lost_packets += state.under_way + waits + state.active.packets;
                state.written.failure = Some("nobody takes the last of it".into());
                break;
            }
        }
        state.written.clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if !self.shared.state().closed {
            self.close();
        }
    }
}

/// Where something is appended. Dropping it hands over what became full.
pub(super) struct Room<'a> {
    shared: &'a Shared,
    state: MutexGuard<'a, State>,
    was_empty: bool,
}

impl Room<'_> {
    /// What is appended to.
    pub(super) fn octets(&mut self) -> &mut Vec<u8> {
        self.state.active.appended()
    }

    /// So many packets were appended.
    pub(super) fn count(&mut self, packets: u64) {
        self.state.active.packets += packets;
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let len = self.state.active.len();
        if len >= BUFFER {
            self.state.hand_over();
        }
        // The thread looks at the time only while there is something to be written.
        if len >= BUFFER || self.was_empty && len > 0 {
            self.shared.work.notify_one();
        }
    }
}

impl State {
    /// Hands over what is full, to the last whole block of the disk; the rest goes into the next buffer.
    fn hand_over(&mut self) {
        let memory = self.spare.pop();
        let next = self.active.split_off(self.at, memory);
        let full = std::mem::replace(&mut self.active, next);
        self.at += full.len() as u64;
        self.full.push_back(full);
    }

    /// Takes what has not filled a buffer.
    fn take(&mut self) -> Buffer {
        self.at += self.active.len() as u64;
        let rest = std::mem::take(&mut self.active);
        self.begin(rest)
    }

    /// A buffer will be written now.
    const fn begin(&mut self, buffer: Buffer) -> Buffer {
        self.under_way = buffer.packets;
        buffer
    }
}

/// The thread: writes buffers as they come, until nothing more does.
fn write_all(shared: &Shared, mut output: Output, name: &str, log: &dyn Log) {
    while let Some(buffer) = next(shared) {
        let failed = shared.state().written.failure.is_some();
        let at = output.len();
        let result = match failed {
            true => Ok(()),
            false => output.write(buffer.content()),
        };
        let mut lost = 0;
        if result.is_err() {
            // What is in the file ends with a whole packet, so that every tool reads it.
            let written = usize::try_from(output.len() - at).unwrap_or(0);
            let end;
            (end, lost) = buffer.kept(at, written);
            output.cut(end);
        }
        let mut state = shared.state();
        state.under_way = 0;
        state.turn += 1;
        state.stuck = false;
        state.written.octets = output.len();
        match result {
            Ok(()) if failed => state.written.lost_packets += buffer.packets,
            Ok(()) => {}
            Err(error) => {
                let error = Error::io(Op::Send, error);
                state.written.failure = Some(error.reason().to_owned());
                state.written.lost_packets += lost;
            }
        }
        let failure = state.written.failure.clone().filter(|_| !failed);
        if state.spare.len() < SPARE {
            state.spare.push(buffer.into_memory());
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        if let Some(failure) = failure {
            let text = format!("{failure}; the capture ends here, and the relay goes on");
            let level = Level::Warn;
            log.message(&Message::Text {
                level,
                at: name,
                text: &text,
            });
        }
    }
    shared.state().done = true;
    shared.done.notify_all();
}

/// The next buffer to be written; `None` at the end.
fn next(shared: &Shared) -> Option<Buffer> {
    let mut state = shared.state();
    loop {
        if let Some(full) = state.full.pop_front() {
            return Some(state.begin(full));
        }
        let is_empty = state.active.len() == 0;
        if state.closed {
            return (!is_empty).then(|| state.take());
        }
        if is_empty {
            let woken = shared.work.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let waited = shared.work.wait_timeout(state, QUIET);
        let (now, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        state = now;
        if timeout.timed_out() && state.full.is_empty() {
            return Some(state.take());
        }
    }
}
