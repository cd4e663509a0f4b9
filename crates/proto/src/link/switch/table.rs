//! Which port an address was last seen on: open addressing, bounded, no allocation after the start.
//!
//! A key is a VLAN and an address. Linear probing at a load of at most a half, with a seed that
//! nobody outside knows; removal shifts back, so that there are no tombstones. No run of probes is
//! longer than [`REACH`]: whom that leaves no place is not learned, as if the table were full.
//! Source: IEEE 802.1Q-2022, clause 8.8 (the filtering database).
//! Not here: what is done with an answer, and when entries are swept (the machine).

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::port::Port;

/// So many places are looked at.
const REACH: usize = 64;

/// An address that moved so often between two sweeps stays where it is until the next one.
pub(super) const MOVES: u16 = 5;

/// A VLAN (0 where there are none) and an address, as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u64);

impl Key {
    /// `address` has 48 bits.
    pub(super) const fn new(vlan: u16, address: u64) -> Key {
        Key((vlan as u64) << 48 | address)
    }

    pub(super) const fn vlan(self) -> u16 {
        (self.0 >> 48) as u16
    }

    pub(super) const fn address(self) -> u64 {
        self.0 & 0xffff_ffff_ffff
    }
}

/// A place for an entry. No key is 0: that would be the address of nobody.
#[derive(Clone, Copy, Debug)]
struct Slot {
    key: u64,
    /// When it was last seen, in ticks.
    seen: u32,
    port: u16,
    /// How often it moved since the last sweep.
    moves: u16,
}

const FREE: Slot = Slot {
    key: 0,
    seen: 0,
    port: 0,
    moves: 0,
};

/// What learning came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    /// It was known there.
    Known,
    /// It is new.
    New,
    /// It was somewhere else.
    Moved(Port),
    /// It was somewhere else, and stays there: it moves too often. How often it did so far is counted
    /// on.
    Held(Port, u16),
    /// The port has as many as it may have.
    PortFull,
    /// The table has no place.
    Full,
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): each bit depends on all.
const fn spread(seed: u64) -> u64 {
    let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let seed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ seed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ seed >> 31
}

/// An entry as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) port: Port,
    pub(super) seen: u32,
}

pub(super) struct Table {
    slots: Box<[Slot]>,
    /// The number of slots less one; that number is a power of two.
    mask: usize,
    shift: u32,
    seed: [u64; 2],
    len: usize,
    limit: usize,
    port_limit: u32,
    /// How many each port has.
    counts: Vec<u32>,
}

impl Table {
    /// A table of `limit` entries at most, of which no port has more than `port_limit`.
    pub(super) fn new(limit: usize, port_limit: usize, seed: [u64; 2]) -> Table {
        let slots = limit.max(REACH).saturating_mul(2).next_power_of_two();
        Table {
            slots: vec![FREE; slots].into_boxed_slice(),
            mask: slots - 1,
            shift: 64 - slots.trailing_zeros(),
            // An odd factor loses nothing; one with few bits would spread nothing.
            seed: [spread(seed[0]), spread(seed[1]) | 1],
            len: 0,
            limit,
            port_limit: u32::try_from(port_limit).unwrap_or(u32::MAX),
            counts: Vec::new(),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// How many entries the port has.
    pub(super) fn count(&self, port: Port) -> usize {
        self.counts
            .get(port.index())
            .map_or(0, |count| *count as usize)
    }

    /// The octets that the table takes, however many entries it has.
    pub(super) const fn octets(&self) -> usize {
        self.slots.len() * size_of::<Slot>()
    }

    fn home(&self, key: u64) -> usize {
        let product = u128::from(key ^ self.seed[0]) * u128::from(self.seed[1]);
        let folded = (product >> 64) as u64 ^ product as u64;
        (folded >> self.shift) as usize
    }

    fn slot(&self, at: usize) -> Slot {
        self.slots.get(at & self.mask).copied().unwrap_or(FREE)
    }

    fn put(&mut self, at: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(at & self.mask) {
            *place = slot;
        }
    }

    /// Where the key stands, or else the free slot in which it could.
    fn find(&self, key: u64) -> Result<usize, Option<usize>> {
        let home = self.home(key);
        for at in home..home + REACH {
            match self.slot(at).key {
                found if found == key => return Ok(at & self.mask),
                0 => return Err(Some(at & self.mask)),
                _ => {}
            }
        }
        Err(None)
    }

    /// The port of an address, if it is known.
    pub(super) fn port(&self, key: Key) -> Option<Port> {
        let at = self.find(key.0).ok()?;
        Some(Port(self.slot(at).port))
    }

    /// Notes that an address was seen on `port` at `tick`.
    pub(super) fn learn(&mut self, key: Key, port: Port, tick: u32) -> Learned {
        match self.find(key.0) {
            Ok(at) => match self.slots.get_mut(at) {
                Some(slot) if slot.port == port.0 => {
                    // Not written where nothing changes: the line stays clean.
                    if slot.seen != tick {
                        slot.seen = tick;
                    }
                    Learned::Known
                }
                Some(_) => self.relearn(at, port, tick),
                None => Learned::Full,
            },
            Err(_) if !self.has_room(port) => Learned::PortFull,
            Err(Some(at)) if self.len < self.limit => {
                let (port, moves) = (port.0, 0);
                let slot = Slot {
                    key: key.0,
                    seen: tick,
                    port,
                    moves,
                };
                self.put(at, slot);
                self.len += 1;
                self.counted(port, 1);
                Learned::New
            }
            Err(_) => Learned::Full,
        }
    }

    /// An address that is known on another port.
    fn relearn(&mut self, at: usize, port: Port, tick: u32) -> Learned {
        let room = self.has_room(port);
        let Some(slot) = self.slots.get_mut(at) else {
            return Learned::Full;
        };
        let from = slot.port;
        if !room {
            return Learned::PortFull;
        }
        if slot.moves >= MOVES {
            slot.moves = slot.moves.saturating_add(1);
            return Learned::Held(Port(from), slot.moves);
        }
        slot.moves += 1;
        slot.port = port.0;
        slot.seen = tick;
        self.counted(from, -1);
        self.counted(port.0, 1);
        Learned::Moved(Port(from))
    }

    fn has_room(&self, port: Port) -> bool {
        let count = self.counts.get(port.index()).copied().unwrap_or(0);
        count < self.port_limit
    }

    fn counted(&mut self, port: u16, by: i32) {
        let at = usize::from(port);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_add_signed(by);
        }
    }

    /// Removes the entry at `at`, and closes the gap.
    fn remove(&mut self, at: usize) {
        self.counted(self.slot(at).port, -1);
        self.len -= 1;
        let (mut gap, mut next) = (at, at + 1);
        loop {
            let slot = self.slot(next);
            if slot.key == 0 {
                break;
            }
            // It may fill the gap unless its home lies behind that.
            let from_home = next.wrapping_sub(self.home(slot.key)) & self.mask;
            let from_gap = next.wrapping_sub(gap) & self.mask;
            if from_home >= from_gap {
                self.put(gap, slot);
                gap = next;
            }
            next += 1;
        }
        self.put(gap, FREE);
    }

    /// Removes entries that `goes` says so of; the others may move again.
    fn retain(&mut self, goes: impl Fn(&Entry) -> bool) {
        let mut at = 0;
        while at < self.slots.len() {
            let slot = self.slot(at);
            let entry = Entry::of(slot);
            if slot.key != 0 && goes(&entry) {
                // What came into the gap is looked at, too.
                self.remove(at);
                continue;
            }
            if slot.moves != 0 {
                self.put(at, Slot { moves: 0, ..slot });
            }
            at += 1;
        }
    }

    /// Removes what was last seen `age` ticks ago or earlier.
    pub(super) fn sweep(&mut self, tick: u32, age: u32) {
        if self.len > 0 {
            self.retain(|entry| tick.wrapping_sub(entry.seen) >= age);
        }
    }

    /// Removes all entries of a port.
    pub(super) fn flush(&mut self, port: Port) {
        if self.count(port) > 0 {
            self.retain(|entry| entry.port == port);
        }
    }

    /// All entries, in no order.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let taken = self.slots.iter().filter(|slot| slot.key != 0);
        taken.map(|slot| Entry::of(*slot))
    }
}

impl Entry {
    const fn of(slot: Slot) -> Entry {
        Entry {
            key: Key(slot.key),
            port: Port(slot.port),
            seen: slot.seen,
        }
    }
}

impl core::fmt::Debug for Table {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Table")
            .field("len", &self.len)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    const SEED: [u64; 2] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];

    fn key(address: u64) -> Key {
        Key::new(0, address)
    }

    #[test]
    fn what_is_learned_is_found_and_ages() {
        let mut table = Table::new(10, 10, SEED);
        assert_eq!(table.learn(key(1), Port(3), 0), Learned::New);
        assert_eq!(table.learn(key(2), Port(3), 5), Learned::New);
        assert_eq!(table.learn(key(1), Port(3), 6), Learned::Known);
        assert_eq!(table.port(key(1)), Some(Port(3)));
        assert_eq!(table.port(Key::new(1, 1)), None, "of another VLAN");
        table.sweep(9, 5);
        assert_eq!((table.len(), table.count(Port(3))), (2, 2));
        table.sweep(10, 5);
        assert_eq!(table.port(key(2)), None);
        assert_eq!((table.len(), table.count(Port(3))), (1, 1));
    }

    #[test]
    fn a_flood_of_addresses_displaces_nobody() {
        let mut table = Table::new(1000, 600, SEED);
        assert_eq!(table.learn(key(1), Port(1), 0), Learned::New);
        let octets = table.octets();
        let learned = (2..100_000).map(|n| table.learn(key(n), Port(2), 1));
        let new = learned.filter(|learned| *learned == Learned::New).count();
        assert_eq!(new, 600);
        assert_eq!(table.learn(key(1 << 40), Port(2), 1), Learned::PortFull);
        let others = (200_000..300_000).map(|n| table.learn(key(n), Port(3), 1));
        assert_eq!(
            others.filter(|learned| *learned == Learned::New).count(),
            399
        );
        assert_eq!(table.learn(key(400_000), Port(4), 1), Learned::Full);
        assert_eq!(table.port(key(1)), Some(Port(1)));
        assert_eq!((table.len(), table.octets()), (1000, octets));
    }

    #[test]
    fn a_port_that_is_full_takes_over_no_address_of_others() {
        let mut table = Table::new(100, 1, SEED);
        table.learn(key(1), Port(1), 0);
        table.learn(key(2), Port(2), 0);
        assert_eq!(table.learn(key(1), Port(2), 0), Learned::PortFull);
        assert_eq!(table.port(key(1)), Some(Port(1)));
    }

    #[test]
    fn who_moves_too_often_stays_until_the_next_sweep() {
        let mut table = Table::new(100, 100, SEED);
        table.learn(key(1), Port(0), 0);
        for n in 0..MOVES {
            let (from, to) = (Port(n % 2), Port((n + 1) % 2));
            assert_eq!(table.learn(key(1), to, 0), Learned::Moved(from));
        }
        let (stays, other) = (Port(MOVES % 2), Port((MOVES + 1) % 2));
        assert_eq!(
            table.learn(key(1), other, 0),
            Learned::Held(stays, MOVES + 1)
        );
        assert_eq!(table.port(key(1)), Some(stays));
        table.sweep(1, 100);
        assert_eq!(table.learn(key(1), other, 1), Learned::Moved(stays));
    }

    proptest! {
        /// The same as a map that nobody optimised, whatever is done to it.
        #[test]
        fn it_is_a_map(ops in prop::collection::vec((0u64..40, 0u16..4, 0u32..3), 1..400)) {
            let mut table = Table::new(30, 30, SEED);
            let mut model: BTreeMap<u64, (u16, u32)> = BTreeMap::new();
            let mut tick = 0;
            for (address, port, op) in ops {
                tick += 1;
                let address = address + 1;
                match op {
                    0 | 1 => match table.learn(key(address), Port(port), tick) {
                        Learned::New | Learned::Known | Learned::Moved(_) => {
                            model.insert(address, (port, tick));
                        }
                        Learned::Held(stays, _) => {
                            let known = model.get(&address).map(|known| known.0);
                            prop_assert_eq!(known, Some(stays.0));
                        }
                        Learned::Full => prop_assert_eq!(model.len(), 30),
                        Learned::PortFull => {
                            let here = model.values().filter(|known| known.0 == port).count();
                            prop_assert_eq!(here, 30);
                        }
                    },
                    _ if port == 0 => {
                        table.flush(Port(0));
                        model.retain(|_, known| known.0 != 0);
                    }
                    _ => {
                        table.sweep(tick, 20);
                        model.retain(|_, known| tick - known.1 < 20);
                    }
                }
                prop_assert_eq!(table.len(), model.len());
                for (address, (port, _)) in &model {
                    prop_assert_eq!(table.port(key(*address)), Some(Port(*port)));
                }
                for port in 0..4 {
                    let here = model.values().filter(|known| known.0 == port).count();
                    prop_assert_eq!(table.count(Port(port)), here);
                }
            }
        }
    }
}
