//! What a switch has to tell: moves, loops, storms, and that there is no more room.
//!
//! Each is told when it begins, not frame by frame; the counters have the rest. Events that nobody
//! takes are bounded, and those that were not kept are counted.

use alloc::collections::VecDeque;
use core::time::Duration;

use super::port::{Flooding, Port};
use super::vlan::VlanId;
use crate::link::ethernet::MacAddress;

/// So many wait to be taken.
const MOST: usize = 64;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An address is on another port now.
    Moved {
        /// Which one.
        address: MacAddress,
        /// Its VLAN, where there are any.
        vlan: Option<VlanId>,
        /// Where it was.
        from: Port,
        /// Where it is.
        to: Port,
    },
    /// An address is seen on two ports in turn, and stays where it is for a second.
    Flapping {
        /// Which one.
        address: MacAddress,
        /// Its VLAN, where there are any.
        vlan: Option<VlanId>,
        /// Where it stays.
        stays: Port,
        /// Where it was seen, too.
        seen: Port,
    },
    /// Two ports lead to one another (or one to itself): one of them is blocked.
    Loop {
        /// The port that a probe went out by.
        sent: Port,
        /// The port that it came back by.
        heard: Port,
        /// The VLAN in which that was, where there are any.
        vlan: Option<VlanId>,
        /// Which one is blocked.
        blocked: Port,
        /// For how long, unless more probes come back.
        hold: Duration,
    },
    /// No probe has come back for as long as that: the port is tried again.
    Unblocked {
        /// Which one.
        port: Port,
    },
    /// More frames to everybody come in than the limit allows.
    Storm {
        /// By which port.
        port: Port,
        /// Of which sort.
        flooding: Flooding,
    },
    /// A port has as many addresses as it may have; further ones are not learned.
    PortFull {
        /// Which one.
        port: Port,
    },
    /// The table is full; further addresses are not learned.
    TableFull,
}

/// Events that wait.
#[derive(Debug, Default)]
pub(super) struct Events {
    waiting: VecDeque<Event>,
    lost: u64,
}

impl Events {
    pub(super) fn push(&mut self, event: Event) {
        if self.waiting.len() < MOST {
            self.waiting.push_back(event);
        } else {
            self.lost += 1;
        }
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        self.waiting.pop_front()
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }
}
