//! Which ports have something to do: a bit for each, and one task that all of them wake.
//!
//! A port that is woken costs its own visit, however many others there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;

use super::MOST_PORTS;
use crate::socket::forward::Port;

const WORD: usize = u64::BITS as usize;
const WORDS: usize = MOST_PORTS.div_ceil(WORD);

/// The ports that were woken, and the task that visits them.
pub(super) struct Signal {
    words: [AtomicU64; WORDS],
    task: AtomicWaker,
}

impl Signal {
    pub(super) fn new() -> Arc<Signal> {
        Arc::new(Signal {
            words: [const { AtomicU64::new(0) }; WORDS],
            task: AtomicWaker::new(),
        })
    }

    /// Has `waker` woken from now on. Ask for the ports afterwards.
    pub(super) fn register(&self, waker: &Waker) {
        self.task.register(waker);
    }

    /// Notes that a port has something to do.
    pub(super) fn set(&self, port: Port) {
        if let Some(word) = self.words.get(port.index() / WORD) {
            word.fetch_or(1 << (port.index() % WORD), Ordering::AcqRel);
        }
        self.task.wake();
    }

    /// Adds to `ports` those of the first `count` that were woken, and forgets them.
    pub(super) fn take(&self, count: usize, ports: &mut Vec<Port>) {
        let words = self.words.iter().take(count.div_ceil(WORD));
        for (start, word) in (0u16..).step_by(WORD).zip(words) {
            // A load costs no lock, and most of the time there is nothing.
            if word.load(Ordering::Acquire) == 0 {
                continue;
            }
            let mut bits = word.swap(0, Ordering::AcqRel);
            while bits != 0 {
                // At most 63.
                ports.push(Port(start + bits.trailing_zeros() as u16));
                bits &= bits - 1;
            }
        }
    }

    /// What wakes the task for that port.
    pub(super) fn waker(self: &Arc<Signal>, port: Port) -> Waker {
        Waker::from(Arc::new(PortWaker {
            signal: self.clone(),
            port,
        }))
    }
}

struct PortWaker {
    signal: Arc<Signal>,
    port: Port,
}

impl Wake for PortWaker {
    fn wake(self: Arc<PortWaker>) {
        self.signal.set(self.port);
    }

    fn wake_by_ref(self: &Arc<PortWaker>) {
        self.signal.set(self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_were_woken_are_told_once_and_in_order() {
        let signal = Signal::new();
        let numbers = [700, 3, 64, 63, 3];
        for number in numbers {
            signal.waker(Port(number)).wake();
        }
        let mut ports = Vec::new();
        signal.take(MOST_PORTS, &mut ports);
        assert_eq!(ports, [Port(3), Port(63), Port(64), Port(700)]);
        ports.clear();
        signal.take(MOST_PORTS, &mut ports);
        assert!(ports.is_empty());
    }
}
