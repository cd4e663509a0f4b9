//! A device of the kernel's that is open: what is known of it, and what is put back when it is closed.
//!
//! It speaks to the kernel of the namespace in which it was opened, without going back inside.
//! Not here: opening it, frames (each endpoint).

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;
use wharf_sys::netdev::{Address, Change, Link, Route, Routing};

use crate::socket::error::{Error, Kind, Op};

/// A change of the MTU is seen so late at most.
const FRESH: Duration = Duration::from_secs(1);

/// One thing to be put back.
#[derive(Debug)]
pub(super) enum Undo {
    /// An address that was given to it.
    Address(Address),
    /// A route that was made through it.
    Route(Route),
    /// What it was before.
    Change(Change),
}

/// An open device.
pub(super) struct Device {
    routing: Routing,
    index: u32,
    name: String,
    /// The longest header of a frame.
    header_len: usize,
    /// The MTU, and when the kernel was asked.
    mtu: Cell<(u32, Instant)>,
    undo: Vec<Undo>,
}

impl Device {
    /// A device whose frames have at most `header_len` octets besides what its MTU counts.
    pub(super) fn new(routing: Routing, link: &Link, header_len: usize) -> Device {
        Device {
            routing,
            index: link.index,
            name: link.name.clone(),
            header_len,
            mtu: Cell::new((link.mtu, Instant::now())),
            undo: Vec::new(),
        }
    }

    pub(super) fn routing(&self) -> &Routing {
        &self.routing
    }

    pub(super) fn index(&self) -> u32 {
        self.index
    }

    /// Has something put back when this is dropped; the last first.
    pub(super) fn undo(&mut self, what: Undo) {
        self.undo.push(what);
    }

    /// Leaves it as it is now.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
    }

    /// What the kernel tells of it now; `None` if it is gone.
    pub(super) fn link(&self) -> Option<Link> {
        self.routing.link_at(self.index).ok()
    }

    /// Notes what the kernel tells of it.
    pub(super) fn note(&self, link: &Link) {
        self.mtu.set((link.mtu, Instant::now()));
    }

    /// The longest frame that it carries. The MTU may change while it is open.
    pub(super) fn max_len(&self) -> usize {
        let (_, asked) = self.mtu.get();
        if asked.elapsed() > FRESH
            && let Some(link) = self.link()
        {
            self.note(&link);
        }
        usize::try_from(self.mtu.get().0)
            .unwrap_or(usize::MAX)
            .saturating_add(self.header_len)
    }

    /// Somebody has removed it.
    pub(super) fn gone(&self, op: Op) -> Error {
        Error::new(op, Kind::Local, format!("the device {} is gone", self.name))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        for what in self.undo.drain(..).rev() {
            // What is gone already is what was wanted.
            let _ = match what {
                Undo::Address(address) => self.routing.remove_address(self.index, address),
                Undo::Route(route) => self.routing.remove_route(self.index, route),
                Undo::Change(change) => self.routing.change(self.index, change),
            };
        }
    }
}
