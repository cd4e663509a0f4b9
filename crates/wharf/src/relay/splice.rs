//! Octets that go from one descriptor to another through a pipe of the kernel's, never copied here.
//!
//! A pipe pays only where much comes at once, so a direction begins by copying and goes over when it
//! proves to be bulk ([`Bulk`]). A pipe belongs to a direction only while something lies in it
//! ([`Flight`]); idle ones wait in a small pool of the thread, because an unprivileged user has 64 of
//! this size (pipe(7)). Where none is to be had, copying goes on.
//! Not here: which streams can do it (`socket/lend.rs`), counting and ends (`direction.rs`).

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wharf_sys::splice::Pipe;

/// What one pipe holds, in octets: as much as an unprivileged user may ask for
/// (`/proc/sys/fs/pipe-max-size`). Much, because a small piece takes the place of a page.
const CAPACITY: usize = 1 << 20;

/// So many octets are put into a pipe at once. Measured: with more, the receiver finds them no longer
/// in the processor's cache; with less, calls and wake-ups cost more.
pub(super) const FILL: usize = 512 * 1024;

/// So many pipes a thread may make.
const MOST: usize = 16;

/// A read of so many octets looks like bulk.
const LARGE: usize = 32 * 1024;

/// After so many octets in large reads a direction goes over.
const ENOUGH: usize = 256 * 1024;

/// After so many small fills in a row it goes back.
const SMALL_FILLS: u8 = 16;

/// Pipes that lie idle, and how many there are.
struct Pool {
    idle: Vec<Pipe>,
    made: Arc<AtomicUsize>,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::new(Pool {
        idle: Vec::new(),
        made: Arc::default(),
    });
}

/// An empty pipe, lent from the pool.
#[derive(Debug)]
pub(super) struct Lease {
    pipe: Option<Pipe>,
    /// The count of the thread that made it.
    made: Arc<AtomicUsize>,
}

impl Lease {
    /// Takes a pipe, or makes one; `None` if there are enough, or the kernel gives no more.
    pub(super) fn take() -> Option<Lease> {
        POOL.with_borrow_mut(|pool| {
            let made = pool.made.clone();
            if let Some(pipe) = pool.idle.pop() {
                return Some(Lease {
                    pipe: Some(pipe),
                    made,
                });
            }
            if made.load(Ordering::Relaxed) >= MOST {
                return None;
            }
            let pipe = Pipe::with_capacity(CAPACITY).ok()?;
            made.fetch_add(1, Ordering::Relaxed);
            Some(Lease {
                pipe: Some(pipe),
                made,
            })
        })
    }

    pub(super) fn pipe(&self) -> Option<&Pipe> {
        self.pipe.as_ref()
    }

    /// Gives an empty pipe back.
    fn give_back(&mut self) {
        let Some(pipe) = self.pipe.take() else {
            return;
        };
        // A task may have moved to another thread meanwhile: its pipe counts where it was made.
        let kept = POOL.try_with(|pool| match pool.try_borrow_mut() {
            Ok(mut pool) if Arc::ptr_eq(&pool.made, &self.made) => {
                pool.idle.push(pipe);
                true
            }
            _ => false,
        });
        if !kept.unwrap_or(false) {
            self.made.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Lease {
    /// Closes a pipe that was not given back: something may lie in it.
    fn drop(&mut self) {
        if self.pipe.take().is_some() {
            self.made.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What lies in a pipe, read from one side and not yet at the other.
#[derive(Debug)]
pub(super) struct Flight {
    lease: Lease,
    octets: usize,
}

impl Flight {
    /// `octets` of the source lie in the pipe of `lease`.
    pub(super) fn new(lease: Lease, octets: usize) -> Flight {
        Flight { lease, octets }
    }

    /// How many octets lie there.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    pub(super) fn pipe(&self) -> Option<&Pipe> {
        self.lease.pipe()
    }

    /// So many octets have left it. `true` if it is empty; its pipe is back in the pool then.
    pub(super) fn left(&mut self, octets: usize) -> bool {
        self.octets = self.octets.saturating_sub(octets);
        if self.octets == 0 {
            self.lease.give_back();
        }
        self.octets == 0
    }

    /// Takes what lies there out into memory, for a side that cannot take it from a pipe after all.
    pub(super) fn unload(mut self) -> std::io::Result<Vec<u8>> {
        let mut octets = vec![0; self.octets];
        let mut filled = 0;
        while let (Some(pipe), Some(rest)) = (self.pipe(), octets.get_mut(filled..))
            && !rest.is_empty()
        {
            filled += pipe.read(rest)?;
        }
        self.left(filled);
        Ok(octets)
    }
}

/// Closes the pipes of this thread that lie idle: nobody is there who could need them soon.
pub(super) fn close_idle() {
    POOL.with_borrow_mut(|pool| {
        pool.made.fetch_sub(pool.idle.len(), Ordering::Relaxed);
        pool.idle.clear();
    });
}

/// Gives an unused pipe back.
pub(super) fn unused(mut lease: Lease) {
    lease.give_back();
}

/// Whether a direction moves so much at once that a pipe pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bulk {
    /// It copies; so many octets came in large reads one after the other.
    Copying(u32),
    /// It splices; so many fills in a row were small.
    Splicing(u8),
    /// It copies for ever: it was switched off, or the kernel refused.
    Never,
}

impl Bulk {
    /// A read copied `octets`.
    pub(super) fn copied(&mut self, octets: usize) {
        if let Bulk::Copying(before) = self {
            let streak = match octets >= LARGE {
                true => (*before as usize).saturating_add(octets),
                false => 0,
            };
            *self = match streak >= ENOUGH {
                true => Bulk::Splicing(0),
                false => Bulk::Copying(streak as u32),
            };
        }
    }

    /// A fill moved `octets`.
    pub(super) fn filled(&mut self, octets: usize) {
        if let Bulk::Splicing(small) = self {
            *self = match (octets >= LARGE / 2, *small) {
                (true, _) => Bulk::Splicing(0),
                (false, SMALL_FILLS..) => Bulk::Copying(0),
                (false, small) => Bulk::Splicing(small + 1),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_goes_over_and_comes_back() {
        let mut bulk = Bulk::Copying(0);
        bulk.copied(ENOUGH - LARGE);
        bulk.copied(100);
        bulk.copied(ENOUGH - LARGE);
        assert_eq!(
            bulk,
            Bulk::Copying((ENOUGH - LARGE) as u32),
            "a small read began anew"
        );
        bulk.copied(LARGE);
        assert_eq!(bulk, Bulk::Splicing(0));
        for _ in 0..SMALL_FILLS {
            bulk.filled(100);
        }
        bulk.filled(LARGE);
        assert_eq!(bulk, Bulk::Splicing(0), "a large fill began anew");
        for _ in 0..=SMALL_FILLS {
            bulk.filled(100);
        }
        assert_eq!(bulk, Bulk::Copying(0));
        let mut never = Bulk::Never;
        never.copied(usize::MAX);
        assert_eq!(never, Bulk::Never);
    }

    /// Runs on a thread of its own, whose pool nobody else has.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_pool_is_bounded_and_takes_back_only_empty_pipes() {
        let run = || {
            let leases: Vec<Lease> = std::iter::from_fn(Lease::take).collect();
            assert_eq!(leases.len(), MOST);
            for (n, lease) in leases.into_iter().enumerate() {
                match n % 2 {
                    0 => unused(lease),
                    _ => drop(lease),
                }
            }
            POOL.with_borrow(|pool| {
                assert_eq!(pool.idle.len(), MOST / 2);
                assert_eq!(pool.made.load(Ordering::Relaxed), MOST / 2);
            });
            let mut flight = Flight::new(Lease::take().unwrap(), 5);
            assert!(!flight.left(3));
            assert!(flight.left(2));
            POOL.with_borrow(|pool| assert_eq!(pool.idle.len(), MOST / 2));
            close_idle();
            let leases: Vec<Lease> = std::iter::from_fn(Lease::take).collect();
            assert_eq!(leases.len(), MOST, "there is room for as many again");
        };
        std::thread::spawn(run).join().unwrap();
    }
}
