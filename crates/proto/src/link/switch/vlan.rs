//! Virtual LANs of a switch: which a frame is in, and how a port marks it.
//!
//! Source: IEEE 802.1Q-2022, clauses 6.9 (ingress and egress) and 9.6 (the tag). An access port
//! carries one VLAN without tags; a trunk carries several with tags, and perhaps one without (its
//! native one). A tag with VID 0 only has a priority: the frame counts as untagged.
//! Not here: service tags (0x88A8), which are carried as any other type; translation of VIDs.

use alloc::boxed::Box;
use core::fmt;

/// The type that says that a tag follows.
pub(super) const TPID: u16 = 0x8100;

/// What a tag has beside its VID: priority and drop eligibility.
const PRIORITY: u16 = 0xf000;

/// The VID of a tag.
const VID: u16 = 0x0fff;

/// The number of a VLAN: 1 to 4094.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanId(u16);

impl VlanId {
    /// The one in which ports are that nobody has put elsewhere.
    pub const DEFAULT: VlanId = VlanId(1);

    /// The VLAN of that number; `None` unless it is 1 to 4094.
    pub const fn new(number: u16) -> Option<VlanId> {
        match number {
            1..=4094 => Some(VlanId(number)),
            _ => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Any number of VLANs.
#[derive(Clone, PartialEq, Eq)]
pub struct VlanSet([u64; 64]);

impl VlanSet {
    /// None.
    pub const fn new() -> VlanSet {
        VlanSet([0; 64])
    }

    /// All of them.
    pub fn all() -> VlanSet {
        (1..=4094).filter_map(VlanId::new).collect()
    }

    /// Adds one.
    pub fn insert(&mut self, vlan: VlanId) {
        if let Some(word) = self.0.get_mut(usize::from(vlan.0 >> 6)) {
            *word |= 1 << (vlan.0 & 63);
        }
    }

    /// Whether it is among them.
    pub fn contains(&self, vlan: VlanId) -> bool {
        self.has(vlan.0)
    }

    fn has(&self, number: u16) -> bool {
        let word = self.0.get(usize::from(number >> 6));
        word.is_some_and(|word| word >> (number & 63) & 1 == 1)
    }

    /// Which they are, in order.
    pub fn iter(&self) -> impl Iterator<Item = VlanId> + '_ {
        self.from(0)
    }

    /// Those from this number on, in order.
    pub(super) fn from(&self, number: u16) -> impl Iterator<Item = VlanId> + '_ {
        (number..4095).filter(|n| self.has(*n)).map(VlanId)
    }
}

impl Default for VlanSet {
    fn default() -> VlanSet {
        VlanSet::new()
    }
}

impl FromIterator<VlanId> for VlanSet {
    fn from_iter<I: IntoIterator<Item = VlanId>>(vlans: I) -> VlanSet {
        let mut set = VlanSet::new();
        vlans.into_iter().for_each(|vlan| set.insert(vlan));
        set
    }
}

impl fmt::Debug for VlanSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(VlanId::number))
            .finish()
    }
}

/// What a port does with VLANs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It carries one VLAN, without tags; what comes in tagged is dropped.
    Access(VlanId),
    /// It carries several, with tags.
    Trunk {
        /// Which they are.
        tagged: Box<VlanSet>,
        /// The one that goes without tags; untagged frames are dropped where there is none.
        native: Option<VlanId>,
    },
}

impl Default for Mode {
    fn default() -> Mode {
        Mode::Access(VlanId::DEFAULT)
    }
}

impl Mode {
    /// The VLAN of a frame that comes in with the tag `tci`, or without one.
    pub(super) fn classify(&self, tci: Option<u16>) -> Option<u16> {
        let vid = tci.map_or(0, |tci| tci & VID);
        match self {
            Mode::Access(vlan) => (vid == 0).then_some(vlan.0),
            Mode::Trunk { native, .. } if vid == 0 => native.map(|native| native.0),
            Mode::Trunk { tagged, native } => {
                let carried = tagged.has(vid) || native.is_some_and(|native| native.0 == vid);
                carried.then_some(vid)
            }
        }
    }

    /// Whether nobody beyond may choose a VLAN.
    pub(super) const fn is_access(&self) -> bool {
        matches!(self, Mode::Access(_))
    }

    /// How a frame of this VLAN goes out; `None` if it does not.
    pub(super) fn marking(&self, vlan: u16) -> Option<Marking> {
        match self {
            Mode::Access(own) => (own.0 == vlan).then_some(Marking::Untagged),
            Mode::Trunk { native, .. } if native.is_some_and(|native| native.0 == vlan) => {
                Some(Marking::Untagged)
            }
            Mode::Trunk { tagged, .. } => tagged.has(vlan).then_some(Marking::Tagged),
        }
    }
}

/// Whether a frame goes out with a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marking {
    Untagged,
    Tagged,
}

/// What has to be done to a frame before it goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Keep,
    /// The tag behind the two addresses goes (4 octets at 12).
    Pop,
    /// A tag comes behind the two addresses: its type and this, in network order.
    Push(u16),
    /// The tag gets this content (2 octets at 14).
    Retag(u16),
}

impl Change {
    /// What turns a frame of `vlan` that came in with `tci` into what `marking` wants. The priority
    /// stays.
    pub(super) const fn between(tci: Option<u16>, vlan: u16, marking: Marking) -> Change {
        match (tci, marking) {
            (None, Marking::Untagged) => Change::Keep,
            (Some(_), Marking::Untagged) => Change::Pop,
            (None, Marking::Tagged) => Change::Push(vlan),
            (Some(tci), Marking::Tagged) if tci & VID == vlan => Change::Keep,
            (Some(tci), Marking::Tagged) => Change::Retag(tci & PRIORITY | vlan),
        }
    }

    /// The octets that stand in place of the first `.0` of `frame`: `.1` of them.
    ///
    /// `None` where nothing changes, or where the frame is too short for a change that a machine
    /// asked for (it is not).
    pub fn head(self, frame: &[u8]) -> Option<(usize, [u8; 16], usize)> {
        const ADDRESSES: usize = 12;
        const TAGGED: usize = 16;
        let mut head = [0; TAGGED];
        let (addresses, tag) = head.split_first_chunk_mut::<ADDRESSES>()?;
        *addresses = *frame.first_chunk()?;
        let (skip, len, tci) = match self {
            Change::Keep => return None,
            Change::Pop => (TAGGED, ADDRESSES, 0),
            Change::Push(tci) => (ADDRESSES, TAGGED, tci),
            Change::Retag(tci) => (TAGGED, TAGGED, tci),
        };
        let [a, b] = TPID.to_be_bytes();
        let [c, d] = tci.to_be_bytes();
        tag.copy_from_slice(&[a, b, c, d]);
        (frame.len() >= skip).then_some((skip, head, len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn vlan(number: u16) -> VlanId {
        VlanId::new(number).unwrap()
    }

    fn trunk(tagged: &[u16], native: Option<u16>) -> Mode {
        Mode::Trunk {
            tagged: Box::new(tagged.iter().map(|n| vlan(*n)).collect()),
            native: native.map(vlan),
        }
    }

    #[test]
    fn numbers_end_where_the_standard_reserves_them() {
        assert_eq!(VlanId::new(0), None);
        assert_eq!(VlanId::new(4095), None);
        assert_eq!(vlan(4094).number(), 4094);
        assert_eq!(VlanSet::all().iter().count(), 4094);
        let some: VlanSet = [vlan(4094), vlan(1), vlan(64)].into_iter().collect();
        assert_eq!(
            some.iter().map(VlanId::number).collect::<Vec<_>>(),
            [1, 64, 4094]
        );
        assert!(some.contains(vlan(64)) && !some.contains(vlan(63)));
    }

    #[test]
    fn an_access_port_takes_only_what_has_no_vid() {
        let access = Mode::Access(vlan(10));
        assert_eq!(access.classify(None), Some(10));
        assert_eq!(access.classify(Some(0xe000)), Some(10), "a priority alone");
        assert_eq!(access.classify(Some(10)), None, "not even its own");
        assert_eq!(access.marking(10), Some(Marking::Untagged));
        assert_eq!(access.marking(20), None);
    }

    #[test]
    fn a_trunk_takes_what_it_carries() {
        let with = trunk(&[10, 20], Some(1));
        assert_eq!(with.classify(None), Some(1));
        assert_eq!(with.classify(Some(0xa000)), Some(1));
        assert_eq!(with.classify(Some(0x600a)), Some(10));
        assert_eq!(
            with.classify(Some(1)),
            Some(1),
            "its native one may be tagged"
        );
        assert_eq!(with.classify(Some(30)), None);
        assert_eq!(with.marking(1), Some(Marking::Untagged));
        assert_eq!(with.marking(20), Some(Marking::Tagged));
        let without = trunk(&[10], None);
        assert_eq!(without.classify(None), None);
        assert_eq!(without.classify(Some(0)), None);
    }

    #[test]
    fn changes_keep_the_priority() {
        use Marking::{Tagged, Untagged};
        assert_eq!(Change::between(None, 10, Untagged), Change::Keep);
        assert_eq!(Change::between(None, 10, Tagged), Change::Push(10));
        assert_eq!(Change::between(Some(0xa00a), 10, Untagged), Change::Pop);
        assert_eq!(Change::between(Some(0xa00a), 10, Tagged), Change::Keep);
        assert_eq!(
            Change::between(Some(0xa000), 10, Tagged),
            Change::Retag(0xa00a)
        );
    }

    #[test]
    fn heads_replace_what_stands_there() {
        let apply = |change: Change, frame: &[u8]| {
            let (skip, head, len) = change.head(frame).unwrap();
            [&head[..len], &frame[skip..]].concat()
        };
        let plain = *b"ddddddssssss\x08\x00payload";
        let tagged = *b"ddddddssssss\x81\x00\xa0\x0a\x08\x00payload";
        assert_eq!(apply(Change::Push(0xa00a), &plain), tagged);
        assert_eq!(apply(Change::Pop, &tagged), plain);
        let other = *b"ddddddssssss\x81\x00\xa0\x0b\x08\x00payload";
        assert_eq!(apply(Change::Retag(0xa00b), &tagged), other);
        assert_eq!(Change::Keep.head(&plain), None);
        assert_eq!(Change::Pop.head(&tagged[..15]), None);
    }
}
