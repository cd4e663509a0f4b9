//! A learning Ethernet switch: which ports a frame goes to, decided without I/O and without a clock.
//!
//! The driver tells it of ports and frames, and asks where each frame goes; a decision takes tens of
//! nanoseconds and allocates nothing. Source: IEEE 802.1Q-2022, clause 8 (forwarding, learning, the
//! filtering database) and 6.9 (VLANs). Loops are found by probes of our own (`probe.rs`).
//! Not here: frames that wait for a port (the driver), spanning trees and snooping of groups.

mod event;
mod frame;
mod port;
mod probe;
mod settings;
mod storm;
mod table;
#[cfg(test)]
mod tests;
mod vlan;

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

pub use event::Event;
pub use port::{Counters, Flooding, Isolation, Port, PortSettings, Reason, StormLimits};
pub use probe::LoopGuard;
pub use settings::{Learning, Reserved, Seed, Settings, Vlans};
use vlan::Marking;
pub use vlan::{Change, Mode, VlanId, VlanSet};

use self::event::Events;
use self::frame::{Header, address, number};
use self::port::State;
use self::probe::{Guard, Probe, Secret};
use self::table::{Key, Learned, MOVES, Table};
use crate::link::ethernet::MacAddress;
use crate::time::Instant;

/// How often the table is looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// The first probe of a port is sent within this time, at a moment that no other switch shares.
const FIRST_PROBE: Duration = Duration::from_millis(200);

/// After so many quiet sweeps a storm, or a full table, is news again.
const QUIET: u8 = 10;

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To one port, with this change.
    Forward(Port, Change),
    /// To several: those of [`Machine::targets`].
    Flood(Flood),
    /// Nowhere; it was counted.
    Drop(Reason),
    /// It was for the switch itself.
    Taken,
}

/// What has to be known of a frame to find the ports that it is flooded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flood {
    from: Port,
    vlan: u16,
    tci: Option<u16>,
    is_nested: bool,
    isolation: Isolation,
}

/// An entry of the table, as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The VLAN, where there are any.
    pub vlan: Option<VlanId>,
    /// The address.
    pub address: MacAddress,
    /// Where it was seen.
    pub port: Port,
    /// How long ago that was, to a sixteenth of a second.
    pub age: Duration,
}

/// A switch.
pub struct Machine {
    settings: Settings,
    secret: Secret,
    address: u64,
    ports: Vec<Option<State>>,
    /// Those that are there, in order.
    open: Vec<Port>,
    /// How many ports there ever were.
    generation: u32,
    table: Table,
    events: Events,
    sweep_at: Instant,
    deadline: Option<Instant>,
    /// Whether a port has probes to send.
    probing: bool,
    /// Sweeps until a full table is news again.
    told_full: u8,
}

impl Machine {
    /// A switch without ports. `seed` is drawn at random by the driver.
    pub fn new(settings: Settings, seed: Seed) -> Machine {
        let [a, b, c, d] = seed.0;
        let secret = Secret([c, d]);
        Machine {
            table: Table::new(settings.max_entries, settings.max_port_entries, [a, b]),
            settings,
            secret,
            address: number(secret.address()),
            ports: Vec::new(),
            open: Vec::new(),
            generation: 0,
            events: Events::default(),
            sweep_at: Instant::EPOCH,
            deadline: None,
            probing: false,
            told_full: 0,
        }
    }

    /// The address that its own frames come from.
    pub const fn address(&self) -> MacAddress {
        address(self.address)
    }

    /// What it was told to do.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A port is there. One of the same number is replaced.
    pub fn handle_up(&mut self, port: Port, settings: PortSettings, now: Instant) {
        self.handle_down(port, now);
        self.generation = self.generation.wrapping_add(1);
        let guard = self
            .settings
            .loops
            .map(|_| now + self.chance(FIRST_PROBE, port, 0));
        let guard = Guard::new(self.generation, guard);
        if self.ports.len() <= port.index() {
            self.ports.resize_with(port.index() + 1, || None);
        }
        if let Some(place) = self.ports.get_mut(port.index()) {
            *place = Some(State::new(settings, self.settings.storms, guard));
        }
        if self.open.is_empty() {
            self.sweep_at = now + SWEEP;
        }
        self.open.push(port);
        self.open.sort_unstable();
        self.schedule();
    }

    /// A port is gone, and all that was learned there.
    pub fn handle_down(&mut self, port: Port, _now: Instant) {
        let place = self.ports.get_mut(port.index());
        if place.and_then(Option::take).is_some() {
            self.open.retain(|open| *open != port);
            self.table.flush(port);
            self.schedule();
        }
    }

    /// Decides about a frame that came in by `from`, and learns from it.
    ///
    /// `frame` begins with the destination and has no check sequence. A frame by a port that is not
    /// there is dropped as one by a blocked port.
    pub fn handle_frame(&mut self, from: Port, frame: &[u8], now: Instant) -> Verdict {
        let Some(Some(state)) = self.ports.get_mut(from.index()) else {
            return Verdict::Drop(Reason::Blocked);
        };
        let header = match check(frame, &self.settings) {
            Ok(header) => header,
            Err(reason) => return state.drop(reason),
        };
        if header.source == self.address {
            return self.handle_own(from, frame, header, now);
        }
        if state.guard.blocked.is_some() {
            return state.drop(Reason::Blocked);
        }
        let vlan = match self.settings.vlans {
            Vlans::Transparent => 0,
            Vlans::Aware => match state.settings.mode.classify(header.tci) {
                Some(vlan) if !(header.is_nested && state.settings.mode.is_access()) => vlan,
                _ => return state.drop(Reason::Vlan),
            },
        };
        let isolation = state.settings.isolation;
        if self.settings.learning == Learning::On {
            let key = Key::new(vlan, header.source);
            let learned = self.table.learn(key, from, tick(now));
            if learned != Learned::Known {
                self.learned(learned, key, from, now);
            }
        }
        let flood = Flood {
            from,
            vlan,
            tci: header.tci,
            is_nested: header.is_nested,
            isolation,
        };
        if header.is_for_group() {
            let flooding = match header.is_for_all() {
                true => Flooding::Broadcast,
                false => Flooding::Multicast,
            };
            return self.flood(flood, flooding, now);
        }
        match self.table.port(Key::new(vlan, header.destination)) {
            Some(to) => self.forward(flood, to),
            None => self.flood(flood, Flooding::Unknown, now),
        }
    }

    /// To an address that is known.
    fn forward(&mut self, frame: Flood, to: Port) -> Verdict {
        if to == frame.from {
            return self.drop(frame.from, Reason::Same);
        }
        match self.way(frame, to) {
            Some(change) => Verdict::Forward(to, change),
            None if frame.is_nested => self.drop(frame.from, Reason::Vlan),
            // Entries stand only where their VLAN is carried, and none on a blocked port.
            None => self.drop(frame.from, Reason::Isolated),
        }
    }

    /// To everybody, if the limit allows it.
    fn flood(&mut self, frame: Flood, flooding: Flooding, now: Instant) -> Verdict {
        let Some(Some(state)) = self.ports.get_mut(frame.from.index()) else {
            return Verdict::Drop(Reason::Blocked);
        };
        if state.admits(flooding, now) {
            state.counters.flooded += 1;
            return Verdict::Flood(frame);
        }
        if let Some(quiet) = state.storming.get_mut(flooding as usize)
            && core::mem::replace(quiet, QUIET) == 0
        {
            let port = frame.from;
            self.events.push(Event::Storm { port, flooding });
        }
        state.drop(flooding.reason())
    }

    /// How a frame goes out by a port; `None` if it does not.
    fn way(&self, frame: Flood, to: Port) -> Option<Change> {
        let state = self.ports.get(to.index())?.as_ref()?;
        let both = (frame.isolation, state.settings.isolation);
        if state.guard.blocked.is_some() || both == (Isolation::Isolated, Isolation::Isolated) {
            return None;
        }
        match self.settings.vlans {
            Vlans::Transparent => Some(Change::Keep),
            Vlans::Aware => {
                let marking = state.settings.mode.marking(frame.vlan)?;
                // Without its tag, the one behind it would choose the VLAN of whoever comes next.
                if frame.is_nested && marking == Marking::Untagged {
                    return None;
                }
                Some(Change::between(frame.tci, frame.vlan, marking))
            }
        }
    }

    /// The ports that a frame is flooded to: never the one that it came from.
    pub fn targets(&self, flood: Flood) -> impl Iterator<Item = (Port, Change)> + '_ {
        let others = self.open.iter().filter(move |port| **port != flood.from);
        others.filter_map(move |port| Some((*port, self.way(flood, *port)?)))
    }

    fn drop(&mut self, port: Port, reason: Reason) -> Verdict {
        match self.ports.get_mut(port.index()) {
            Some(Some(state)) => state.drop(reason),
            _ => Verdict::Drop(reason),
        }
    }

    /// What there is to say and to count about an address that was not simply known.
    fn learned(&mut self, learned: Learned, key: Key, port: Port, now: Instant) {
        let Some(Some(state)) = self.ports.get_mut(port.index()) else {
            return;
        };
        let counters = &mut state.counters;
        let (address, vlan) = (address(key.address()), VlanId::new(key.vlan()));
        match learned {
            Learned::Known => {}
            Learned::New => counters.learned += 1,
            Learned::Moved(from) => {
                counters.moved += 1;
                self.events.push(Event::Moved {
                    address,
                    vlan,
                    from,
                    to: port,
                });
            }
            Learned::Held(stays, moves) => {
                counters.unlearned += 1;
                if moves == MOVES + 1 {
                    self.events.push(Event::Flapping {
                        address,
                        vlan,
                        stays,
                        seen: port,
                    });
                    // It may be a loop, or somebody who lies: a probe tells.
                    self.hurry(port, now);
                    self.hurry(stays, now);
                }
            }
            Learned::PortFull => {
                counters.unlearned += 1;
                if core::mem::replace(&mut state.told_full, QUIET) == 0 {
                    self.events.push(Event::PortFull { port });
                }
            }
            Learned::Full => {
                counters.unlearned += 1;
                if core::mem::replace(&mut self.told_full, QUIET) == 0 {
                    self.events.push(Event::TableFull);
                }
            }
        }
    }

    /// What is to happen next by itself, and when.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now >= self.sweep_at {
            self.sweep_at = now + SWEEP;
            self.sweep(now);
        }
        for at in 0..self.open.len() {
            if let Some(port) = self.open.get(at).copied() {
                self.watch(port, now);
            }
        }
        self.schedule();
    }

    fn sweep(&mut self, now: Instant) {
        self.table.sweep(tick(now), ticks(self.settings.ageing));
        self.told_full = self.told_full.saturating_sub(1);
        for state in self.ports.iter_mut().flatten() {
            state.told_full = state.told_full.saturating_sub(1);
            state.guard.hurried = false;
            for quiet in &mut state.storming {
                *quiet = quiet.saturating_sub(1);
            }
        }
    }

    /// Unblocks a port whose time is over, and begins its next round of probes.
    fn watch(&mut self, port: Port, now: Instant) {
        let Some(Some(state)) = self.ports.get_mut(port.index()) else {
            return;
        };
        let guard = &mut state.guard;
        if guard.blocked.is_some_and(|until| now >= until) {
            guard.blocked = None;
            // It is tried at once.
            guard.due = Some(now);
            self.events.push(Event::Unblocked { port });
        }
        if guard.due.is_some_and(|due| now >= due)
            && let Some(LoopGuard { interval, .. }) = self.settings.loops
        {
            guard.round = guard.round.wrapping_add(1);
            guard.pending.begin();
            self.probing = true;
            let round = guard.round;
            let wait = interval - interval / 8 + self.chance(interval / 4, port, round);
            if let Some(Some(state)) = self.ports.get_mut(port.index()) {
                state.guard.due = Some(now + wait);
            }
        }
    }

    /// Has a port send its probes now, once between two sweeps.
    fn hurry(&mut self, port: Port, now: Instant) {
        if let Some(Some(state)) = self.ports.get_mut(port.index())
            && state.guard.due.is_some()
            && !core::mem::replace(&mut state.guard.hurried, true)
        {
            state.guard.due = Some(now);
            self.schedule();
        }
    }

    /// Finds out when something is due next.
    fn schedule(&mut self) {
        let deadlines = self.ports.iter().flatten();
        let first = deadlines.filter_map(|state| state.guard.deadline()).min();
        let sweep = (!self.open.is_empty()).then_some(self.sweep_at);
        self.deadline = match (first, sweep) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// A frame of its own: writes it into `frame`, which it replaces, and says by which port it goes
    /// out.
    pub fn poll_transmit(&mut self, frame: &mut Vec<u8>) -> Option<Port> {
        if !self.probing {
            return None;
        }
        let (secret, vlans) = (self.secret, self.settings.vlans);
        for port in &self.open {
            let Some(Some(state)) = self.ports.get_mut(port.index()) else {
                continue;
            };
            if let Some((vlan, tci)) = state.next_probe(vlans) {
                let nonce = state.guard.nonce(secret, *port, vlan, state.guard.round);
                let probe = Probe {
                    port: *port,
                    vlan,
                    nonce,
                };
                probe.emit(address(self.address), tci, frame);
                return Some(*port);
            }
        }
        self.probing = false;
        None
    }

    /// A frame that comes from the address of this switch: a probe that came back, or a lie.
    fn handle_own(&mut self, heard: Port, frame: &[u8], header: Header, now: Instant) -> Verdict {
        let probe = Probe::parse(frame).filter(|probe| self.is_ours(probe));
        let Some(Probe {
            port: sent, vlan, ..
        }) = probe
        else {
            return self.drop(heard, Reason::Source);
        };
        let came_by = self.ports.get(heard.index()).and_then(Option::as_ref);
        let came_in = match self.settings.vlans {
            Vlans::Transparent => Some(0),
            Vlans::Aware => came_by.and_then(|state| state.settings.mode.classify(header.tci)),
        };
        // What comes back in another VLAN, or in none that is carried, goes round no further.
        if came_in == Some(vlan) {
            self.handle_loop(sent, heard, VlanId::new(vlan), now);
        }
        Verdict::Taken
    }

    /// Whether a probe went out by the port that it names, in this round or the last one.
    fn is_ours(&self, probe: &Probe) -> bool {
        let state = self.ports.get(probe.port.index()).and_then(Option::as_ref);
        state.is_some_and(|State { guard, .. }| {
            let nonce = |round| guard.nonce(self.secret, probe.port, probe.vlan, round);
            let last = guard.round.wrapping_sub(1);
            probe.nonce == nonce(guard.round) || probe.nonce == nonce(last)
        })
    }

    /// What went out by `sent` came back by `heard`: the loop is opened by blocking the later one of
    /// the two, unless one of them is blocked already.
    fn handle_loop(&mut self, sent: Port, heard: Port, vlan: Option<VlanId>, now: Instant) {
        let Some(LoopGuard { hold, .. }) = self.settings.loops else {
            return;
        };
        let is_blocked = |port: Port| {
            let state = self.ports.get(port.index()).and_then(Option::as_ref);
            state.is_some_and(|state| state.guard.blocked.is_some())
        };
        let (first, second) = (is_blocked(sent), is_blocked(heard));
        let blocked = match (first, second) {
            (false, false) => sent.max(heard),
            (true, _) => sent,
            (false, true) => heard,
        };
        let hold = hold + self.chance(hold / 2, blocked, u64::MAX - u64::from(self.generation));
        if let Some(Some(state)) = self.ports.get_mut(blocked.index()) {
            state.guard.blocked = Some(now + hold);
        }
        if !first && !second {
            self.table.flush(blocked);
            self.events.push(Event::Loop {
                sent,
                heard,
                vlan,
                blocked,
                hold,
            });
        }
        self.schedule();
    }

    /// A time up to `most` that other switches do not share.
    fn chance(&self, most: Duration, port: Port, round: u64) -> Duration {
        let hash = self.secret.hash(u64::from(port.0) << 48, round);
        most / 1024 * ((hash & 1023) as u32)
    }

    /// Something that happened, in order.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// How many events were not kept, because nobody took them.
    pub const fn events_lost(&self) -> u64 {
        self.events.lost()
    }

    /// How many addresses are known.
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no address is known.
    pub const fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// The octets that the table takes, however many entries it has.
    pub const fn table_octets(&self) -> usize {
        self.table.octets()
    }

    /// The table, in no order. It may have entries that are a second older than the ageing time.
    pub fn entries(&self, now: Instant) -> impl Iterator<Item = Entry> + '_ {
        let now = tick(now);
        self.table.entries().map(move |entry| Entry {
            vlan: VlanId::new(entry.key.vlan()),
            address: address(entry.key.address()),
            port: entry.port,
            age: Duration::from_millis(1000) / TICKS * now.wrapping_sub(entry.seen),
        })
    }

    /// What a port has counted.
    pub fn counters(&self, port: Port) -> Option<&Counters> {
        let state = self.ports.get(port.index())?.as_ref()?;
        Some(&state.counters)
    }

    /// How many addresses are known on a port.
    pub fn known_on(&self, port: Port) -> usize {
        self.table.count(port)
    }

    /// How long a port will still be blocked; `None` if it is not.
    pub fn blocked(&self, port: Port, now: Instant) -> Option<Duration> {
        let state = self.ports.get(port.index())?.as_ref()?;
        Some(state.guard.blocked? - now)
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("settings", &self.settings)
            .field("ports", &self.open.len())
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

/// What can be said of a frame without knowing the port.
fn check(frame: &[u8], settings: &Settings) -> Result<Header, Reason> {
    const TAG: usize = 4;
    let header = Header::parse(frame).ok_or(Reason::Runt)?;
    let tag = if header.tci.is_some() { TAG } else { 0 };
    if frame.len() > settings.max_frame.saturating_add(tag) {
        return Err(Reason::Oversize);
    }
    if !header.has_station() {
        return Err(Reason::Source);
    }
    let passes = settings.reserved == Reserved::Forward && !header.is_pause();
    if header.is_reserved() && !passes {
        return Err(Reason::Reserved);
    }
    Ok(header)
}

/// Entries age in sixteenths of a second.
const TICKS: u32 = 16;

/// `now` in ticks, which begin anew after eight years.
const fn tick(now: Instant) -> u32 {
    let since = now.since_epoch();
    (since.as_secs() as u32)
        .wrapping_mul(TICKS)
        .wrapping_add(since.subsec_nanos() / (1_000_000_000 / TICKS))
}

/// A time in ticks, one at least.
fn ticks(time: Duration) -> u32 {
    let ticks = time.as_millis().saturating_mul(u128::from(TICKS)) / 1000;
    u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
}
