//! A port of the switch: what it was told to be, what state it is in, and what it has counted.
//!
//! Not here: what comes and goes by it (the driver counts that), the decisions (the machine).

use core::fmt;
use core::num::NonZeroU32;

use super::Verdict;
use super::probe::Guard;
use super::settings::Vlans;
use super::storm::Limit;
use super::vlan::Mode;
use crate::time::Instant;

/// A port, by its number. Numbers of ports that are gone are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u16);

impl Port {
    /// The number as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a port is told to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSettings {
    /// What it does with VLANs; without meaning where the switch has none.
    pub mode: Mode,
    /// Whether it may talk with other ports that are isolated.
    pub isolation: Isolation,
}

/// Whether a port may talk with everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// It may.
    #[default]
    Open,
    /// Not with other isolated ports.
    Isolated,
}

/// Why a frame went nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is shorter than a header.
    Runt,
    /// It is longer than the switch takes.
    Oversize,
    /// Its source is a group, or nobody, or the switch itself.
    Source,
    /// It is for the neighbour alone (01-80-C2-00-00-0x: spanning tree, pause, LLDP).
    Reserved,
    /// The port does not carry its VLAN, or takes no tags.
    Vlan,
    /// The port is blocked, because it is part of a loop.
    Blocked,
    /// More broadcasts than the limit lets in.
    Broadcast,
    /// More multicasts than the limit lets in.
    Multicast,
    /// More frames to unknown addresses than the limit lets in.
    Unknown,
    /// It is for an isolated port, from another one.
    Isolated,
    /// Its destination is on the side that it came from.
    Same,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 11] = [
        Reason::Runt,
        Reason::Oversize,
        Reason::Source,
        Reason::Reserved,
        Reason::Vlan,
        Reason::Blocked,
        Reason::Broadcast,
        Reason::Multicast,
        Reason::Unknown,
        Reason::Isolated,
        Reason::Same,
    ];

    /// The word for tables and JSON; stable.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Runt => "runt",
            Reason::Oversize => "oversize",
            Reason::Source => "source",
            Reason::Reserved => "reserved",
            Reason::Vlan => "vlan",
            Reason::Blocked => "blocked",
            Reason::Broadcast => "storm-broadcast",
            Reason::Multicast => "storm-multicast",
            Reason::Unknown => "storm-unknown",
            Reason::Isolated => "isolated",
            Reason::Same => "same",
        }
    }
}

/// What a port has counted of the frames that came in by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    dropped: [u64; Reason::ALL.len()],
    /// Frames that went to everybody.
    pub flooded: u64,
    /// Addresses that were learned here.
    pub learned: u64,
    /// Addresses that moved here from another port.
    pub moved: u64,
    /// Frames whose source was not learned: the table was full, the port had its share, or the address
    /// moves too often.
    pub unlearned: u64,
}

impl Counters {
    /// Frames that went nowhere for this reason.
    pub fn dropped(&self, reason: Reason) -> u64 {
        self.dropped.get(reason as usize).copied().unwrap_or(0)
    }

    /// Frames that went nowhere though they should have gone somewhere: all but those whose
    /// destination is on their own side.
    pub fn lost(&self) -> u64 {
        let all = Reason::ALL
            .into_iter()
            .filter(|reason| *reason != Reason::Same);
        all.map(|reason| self.dropped(reason)).sum()
    }
}

/// Limits on frames that go to everybody, for each port: so many a second, with a burst of a tenth
/// of that. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StormLimits {
    /// Of broadcasts.
    pub broadcast: Option<NonZeroU32>,
    /// Of other groups.
    pub multicast: Option<NonZeroU32>,
    /// Of frames to addresses that are not known.
    pub unknown: Option<NonZeroU32>,
}

impl StormLimits {
    /// The same limit for each.
    pub const fn each(rate: NonZeroU32) -> StormLimits {
        StormLimits {
            broadcast: Some(rate),
            multicast: Some(rate),
            unknown: Some(rate),
        }
    }
}

/// Frames that go to everybody, by why they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flooding {
    /// They are for everybody.
    Broadcast,
    /// They are for a group.
    Multicast,
    /// Nobody knows where their destination is.
    Unknown,
}

impl Flooding {
    pub(super) const fn reason(self) -> Reason {
        match self {
            Flooding::Broadcast => Reason::Broadcast,
            Flooding::Multicast => Reason::Multicast,
            Flooding::Unknown => Reason::Unknown,
        }
    }
}

impl fmt::Display for Flooding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flooding::Broadcast => "broadcasts",
            Flooding::Multicast => "multicasts",
            Flooding::Unknown => "frames to unknown addresses",
        })
    }
}

/// A port that is there.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: PortSettings,
    pub(super) counters: Counters,
    pub(super) guard: Guard,
    storms: [Option<Limit>; 3],
    /// Sweeps until a storm is news again, for each sort.
    pub(super) storming: [u8; 3],
    /// Sweeps until it is news again that it has its share of the table.
    pub(super) told_full: u8,
}

impl State {
    pub(super) fn new(settings: PortSettings, storms: StormLimits, guard: Guard) -> State {
        let limit = |rate: Option<NonZeroU32>| rate.map(Limit::new);
        State {
            settings,
            counters: Counters::default(),
            guard,
            storms: [
                limit(storms.broadcast),
                limit(storms.multicast),
                limit(storms.unknown),
            ],
            storming: [0; 3],
            told_full: 0,
        }
    }

    /// Counts a frame that goes nowhere.
    pub(super) fn drop(&mut self, reason: Reason) -> Verdict {
        if let Some(count) = self.counters.dropped.get_mut(reason as usize) {
            *count += 1;
        }
        Verdict::Drop(reason)
    }

    /// Whether one more such frame may come in.
    pub(super) fn admits(&mut self, flooding: Flooding, now: Instant) -> bool {
        match self.storms.get_mut(flooding as usize) {
            Some(Some(limit)) => limit.admits(now),
            _ => true,
        }
    }

    /// The VLAN and the tag of the next probe of this round, which is taken; `None` if there are no
    /// more. A trunk with many VLANs goes on where the last round ended.
    pub(super) fn next_probe(&mut self, vlans: Vlans) -> Option<(u16, Option<u16>)> {
        let pending = &mut self.guard.pending;
        let untagged = core::mem::take(&mut pending.untagged);
        let (tagged, native) = match (&self.settings.mode, vlans) {
            (_, Vlans::Transparent) => return untagged.then_some((0, None)),
            (Mode::Access(vlan), _) => return untagged.then_some((vlan.number(), None)),
            (Mode::Trunk { tagged, native }, _) => (tagged, *native),
        };
        if let Some(native) = native.filter(|_| untagged) {
            return Some((native.number(), None));
        }
        pending.tagged = pending.tagged.checked_sub(1)?;
        let mut others = tagged
            .from(pending.next)
            .filter(|vlan| Some(*vlan) != native);
        match others.next() {
            Some(vlan) => {
                pending.next = vlan.number() + 1;
                Some((vlan.number(), Some(vlan.number())))
            }
            None => {
                (pending.next, pending.tagged) = (0, 0);
                None
            }
        }
    }
}
