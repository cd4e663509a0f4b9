//! What a switch is told to do, and its bounds.

use core::time::Duration;

use super::port::StormLimits;
use super::probe::LoopGuard;

/// What a switch is told to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// An address that was silent for so long is forgotten.
    pub ageing: Duration,
    /// The table has so many entries at most; what comes then is not learned.
    pub max_entries: usize,
    /// One port has so many of them at most, so that it cannot take the place of others.
    pub max_port_entries: usize,
    /// Longer frames are dropped, in octets without a tag.
    pub max_frame: usize,
    /// What happens to frames that are for the neighbour alone.
    pub reserved: Reserved,
    /// How many frames for everybody a port may bring in.
    pub storms: StormLimits,
    /// How loops are looked for; `None` if they are not.
    pub loops: Option<LoopGuard>,
    /// Whether tags mean anything.
    pub vlans: Vlans,
    /// Whether addresses are learned.
    pub learning: Learning,
}

impl Settings {
    /// What the table of a switch has room for unless it is told otherwise.
    pub const MAX_ENTRIES: usize = 16_384;
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            // IEEE 802.1Q-2022, table 8-6.
            ageing: Duration::from_secs(300),
            max_entries: Settings::MAX_ENTRIES,
            max_port_entries: Settings::MAX_ENTRIES / 4,
            max_frame: 65_535,
            reserved: Reserved::Drop,
            storms: StormLimits::default(),
            loops: Some(LoopGuard::default()),
            vlans: Vlans::Transparent,
            learning: Learning::On,
        }
    }
}

/// What happens to frames that a bridge must not forward (IEEE 802.1Q-2022, table 8-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reserved {
    /// They are dropped and counted.
    #[default]
    Drop,
    /// They are flooded, all but those that pause a link (01-80-C2-00-00-01).
    Forward,
}

/// Whether tags mean anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Vlans {
    /// They are octets like others, and all ports are in one network.
    #[default]
    Transparent,
    /// Each port does what its [`Mode`](super::Mode) says.
    Aware,
}

/// Whether addresses are learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Learning {
    /// They are.
    #[default]
    On,
    /// They are not: every frame goes to everybody, as a hub has it.
    Off,
}

/// Numbers that nobody outside may know, drawn anew for each switch: they key the table and the
/// probes.
#[derive(Clone, Copy)]
pub struct Seed(pub [u64; 4]);
