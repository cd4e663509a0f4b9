//! Frames by which a switch finds out that two of its ports lead to one another, or one to itself.
//!
//! A probe goes out by every port and comes back only where there is a loop. It names the switch and
//! the port, and has a number that only who saw it knows: SipHash-2-4 (Aumasson and Bernstein, 2012)
//! of the port and the round, under a key from outside. So nobody can forge the probe of a port whose
//! segment he does not see.
//! Source: IEEE 802-2014, clause 9.2.3 (the type 0x88B5, for local experiments).
//! Not here: spanning trees (802.1D), which need neighbours that speak them; what is blocked.

use alloc::vec::Vec;
use core::time::Duration;

use super::port::Port;
use super::vlan::TPID;
use crate::link::ethernet::MacAddress;
use crate::time::Instant;

/// Where probes go: a local group, which other switches flood.
const GROUP: [u8; 6] = [0x03, b'w', b'h', b'a', b'r', b'f'];

/// The type of a probe.
const ETHERTYPE: u16 = 0x88b5;

/// What a probe begins with, its version last.
const MAGIC: [u8; 8] = *b"loop\0\0\0\x01";

/// The least that a frame has without its check sequence.
const LEN: usize = 60;

/// So many VLANs of a trunk are probed at once; the others have their turn later.
const VLANS_AT_ONCE: usize = 16;

/// A number that cannot be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Secret(pub(super) [u64; 2]);

impl Secret {
    /// SipHash-2-4 of two words.
    pub(super) fn hash(self, a: u64, b: u64) -> u64 {
        let [k0, k1] = self.0;
        let mut v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        for word in [a, b, 16 << 56] {
            v[3] ^= word;
            v = rounds(v, 2);
            v[0] ^= word;
        }
        v[2] ^= 0xff;
        let [a, b, c, d] = rounds(v, 4);
        a ^ b ^ c ^ d
    }

    /// The address of the switch: local, of a station.
    pub(super) fn address(self) -> MacAddress {
        let [_, _, b, c, d, e, f, g] = self.hash(u64::MAX, 0).to_be_bytes();
        MacAddress([b & 0xfc | 0x02, c, d, e, f, g])
    }
}

fn rounds([mut a, mut b, mut c, mut d]: [u64; 4], times: usize) -> [u64; 4] {
    for _ in 0..times {
        a = a.wrapping_add(b);
        c = c.wrapping_add(d);
        b = b.rotate_left(13) ^ a;
        d = d.rotate_left(16) ^ c;
        a = a.rotate_left(32);
        c = c.wrapping_add(b);
        a = a.wrapping_add(d);
        b = b.rotate_left(17) ^ c;
        d = d.rotate_left(21) ^ a;
        c = c.rotate_left(32);
    }
    [a, b, c, d]
}

/// A probe, as it is sent and heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    /// The port that it went out by.
    pub(super) port: Port,
    /// The VLAN that it is in; 0 where there are none.
    pub(super) vlan: u16,
    /// What proves that it is ours.
    pub(super) nonce: u64,
}

impl Probe {
    /// Writes the frame into `out`, which it replaces.
    pub(super) fn emit(&self, switch: MacAddress, tci: Option<u16>, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&GROUP);
        out.extend_from_slice(&switch.0);
        if let Some(tci) = tci {
            out.extend_from_slice(&TPID.to_be_bytes());
            out.extend_from_slice(&tci.to_be_bytes());
        }
        out.extend_from_slice(&ETHERTYPE.to_be_bytes());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.port.0.to_be_bytes());
        out.extend_from_slice(&self.vlan.to_be_bytes());
        out.extend_from_slice(&self.nonce.to_be_bytes());
        out.resize(LEN, 0);
    }

    /// Reads the probe in a frame that comes from the address of the switch, tagged or not.
    pub(super) fn parse(frame: &[u8]) -> Option<Probe> {
        let (group, rest) = frame.split_first_chunk::<6>()?;
        let (_, mut rest) = rest.split_first_chunk::<6>()?;
        if let Some(tagged) = rest.strip_prefix(&TPID.to_be_bytes()) {
            rest = tagged.get(2..)?;
        }
        let rest = rest.strip_prefix(&ETHERTYPE.to_be_bytes())?;
        let rest = rest.strip_prefix(&MAGIC)?;
        let (port, rest) = rest.split_first_chunk::<2>()?;
        let (vlan, rest) = rest.split_first_chunk::<2>()?;
        let nonce = rest.first_chunk::<8>()?;
        (*group == GROUP).then_some(Probe {
            port: Port(u16::from_be_bytes(*port)),
            vlan: u16::from_be_bytes(*vlan),
            nonce: u64::from_be_bytes(*nonce),
        })
    }
}

/// How loops are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopGuard {
    /// How often a port sends a probe.
    pub interval: Duration,
    /// How long a port stays blocked after the last probe that came back; a part of that is added by
    /// chance, so that two switches do not go on blocking each other.
    pub hold: Duration,
}

impl Default for LoopGuard {
    fn default() -> LoopGuard {
        LoopGuard {
            interval: Duration::from_secs(2),
            hold: Duration::from_secs(10),
        }
    }
}

/// What a port does about loops.
#[derive(Debug)]
pub(super) struct Guard {
    /// When the next probes are due.
    pub(super) due: Option<Instant>,
    /// Counts them.
    pub(super) round: u64,
    /// What is still to be sent of this round.
    pub(super) pending: Pending,
    /// Until when the port is blocked.
    pub(super) blocked: Option<Instant>,
    /// Its probes were sent early since the last sweep.
    pub(super) hurried: bool,
    /// Tells ports apart that had the same number one after the other.
    generation: u32,
}

/// Which probes of a round are still to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pending {
    /// One without a tag.
    pub(super) untagged: bool,
    /// So many with a tag.
    pub(super) tagged: usize,
    /// The VLAN to go on with.
    pub(super) next: u16,
}

impl Pending {
    /// All of a round.
    pub(super) const fn begin(&mut self) {
        self.untagged = true;
        self.tagged = VLANS_AT_ONCE;
    }
}

impl Guard {
    /// One whose first probe is due at `due`.
    pub(super) fn new(generation: u32, due: Option<Instant>) -> Guard {
        Guard {
            due,
            round: 0,
            pending: Pending::default(),
            blocked: None,
            hurried: false,
            generation,
        }
    }

    /// What proves that a probe of that round went out by this port.
    pub(super) fn nonce(&self, secret: Secret, port: Port, vlan: u16, round: u64) -> u64 {
        let what = u64::from(self.generation) << 32 | u64::from(vlan) << 16 | u64::from(port.0);
        secret.hash(what, round)
    }

    /// What the port has to be asked about next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match (self.due, self.blocked) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: Secret = Secret([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);

    /// The vectors of the paper's reference code are for strings of octets 0, 1, 2, ...; that of 16.
    #[test]
    fn the_hash_is_siphash_2_4() {
        let hash = SECRET.hash(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        let expected = [0xdb, 0x9b, 0xc2, 0x57, 0x7f, 0xcc, 0x2a, 0x3f];
        assert_eq!(hash.to_le_bytes(), expected);
    }

    #[test]
    fn the_address_is_a_local_station() {
        let MacAddress([first, ..]) = SECRET.address();
        assert_eq!(first & 0x03, 0x02);
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed(port: u16, vlan: u16, nonce: u64, tci: Option<u16>) {
            let probe = Probe { port: Port(port), vlan, nonce };
            let mut frame = Vec::new();
            probe.emit(SECRET.address(), tci, &mut frame);
            prop_assert_eq!(frame.len(), LEN);
            prop_assert_eq!(Probe::parse(&frame), Some(probe));
            let needed = if tci.is_some() { 38 } else { 34 };
            for len in 0..needed {
                prop_assert_eq!(Probe::parse(&frame[..len]), None);
            }
        }

        #[test]
        fn no_octets_panic(octets: Vec<u8>) {
            let _ = Probe::parse(&octets);
        }
    }
}
