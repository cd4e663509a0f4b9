//! epoll with a token for each descriptor, level-triggered. A closed descriptor leaves by itself.
//!
//! Not here: what is done when something is ready, and timers.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use crate::Failure;

pub(crate) const READ: EventFlags = EventFlags::IN.union(EventFlags::RDHUP);
pub(crate) const WRITE: EventFlags = EventFlags::OUT;

/// A set of descriptors to wait for.
pub(crate) struct Poll {
    epoll: OwnedFd,
}

/// What is ready: the token, and whether to read, to write, or both. Errors show as both.
#[derive(Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) token: usize,
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Poll {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
        })
    }

    pub(crate) fn add(
        &self,
        fd: impl AsFd,
        token: usize,
        flags: EventFlags,
    ) -> Result<(), Failure> {
        epoll::add(&self.epoll, fd, EventData::new_u64(token as u64), flags)?;
        Ok(())
    }

    pub(crate) fn modify(
        &self,
        fd: impl AsFd,
        token: usize,
        flags: EventFlags,
    ) -> Result<(), Failure> {
        epoll::modify(&self.epoll, fd, EventData::new_u64(token as u64), flags)?;
        Ok(())
    }

    /// Waits for at most `timeout` and puts what is ready into `ready`, which is cleared first.
    pub(crate) fn wait(&self, timeout: Duration, ready: &mut Vec<Ready>) -> Result<(), Failure> {
        ready.clear();
        let mut events = [const { MaybeUninit::<Event>::uninit() }; 256];
        let timeout = Timespec::try_from(timeout)?;
        let (events, _) = match epoll::wait(&self.epoll, &mut events, Some(&timeout)) {
            Ok(events) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        ready.extend(events.iter().map(|event| {
            let (flags, data) = (event.flags, event.data);
            let broken = flags.intersects(EventFlags::ERR | EventFlags::HUP);
            Ready {
                token: usize::try_from(data.u64()).unwrap_or(usize::MAX),
                read: broken || flags.intersects(READ),
                write: broken || flags.intersects(WRITE),
            }
        }));
        Ok(())
    }
}
