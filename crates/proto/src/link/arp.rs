//! ARP: which adapter has an IPv4 address.
//!
//! Sources: RFC 826, RFC 5227 (probes and announcements). Only Ethernet and IPv4 have a [`Repr`];
//! a [`View`] reads any.
//! Not here: caches and when to ask (the kernel's).

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::ethernet::{EtherType, MacAddress};
use crate::wire::{self, Error, u8_at, u16_at};

/// The octets before the addresses.
const FIXED_LEN: usize = 8;

/// The hardware that is Ethernet.
const ETHERNET: u16 = 1;

/// What a packet wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation(pub u16);

impl Operation {
    /// Who has this address?
    pub const REQUEST: Operation = Operation(1);
    /// I have.
    pub const REPLY: Operation = Operation(2);
}

/// A packet where it lies.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    octets: &'a [u8],
}

impl<'a> View<'a> {
    /// The packet in `octets`, which may go on with padding.
    ///
    /// # Errors
    /// [`Error::Truncated`] if its four addresses do not fit.
    pub fn parse(octets: &'a [u8]) -> Result<View<'a>, Error> {
        let view = View { octets };
        let whole = octets.len() >= FIXED_LEN && octets.len() >= view.len();
        whole.then_some(view).ok_or(Error::Truncated("ARP packet"))
    }

    fn len(&self) -> usize {
        FIXED_LEN + 2 * (self.hardware_len() + self.protocol_len())
    }

    fn hardware_len(&self) -> usize {
        usize::from(u8_at(self.octets, 4))
    }

    fn protocol_len(&self) -> usize {
        usize::from(u8_at(self.octets, 5))
    }

    /// The kind of adapters: 1 is Ethernet.
    pub fn hardware(&self) -> u16 {
        u16_at(self.octets, 0)
    }

    /// The kind of the addresses that are asked for.
    pub fn protocol(&self) -> EtherType {
        EtherType(u16_at(self.octets, 2))
    }

    /// What it wants.
    pub fn operation(&self) -> Operation {
        Operation(u16_at(self.octets, 6))
    }

    /// The values, if it is about Ethernet and IPv4.
    pub fn repr(&self) -> Option<Repr> {
        let lens = (self.hardware_len(), self.protocol_len());
        if (self.hardware(), self.protocol(), lens) != (ETHERNET, EtherType::IPV4, (6, 4)) {
            return None;
        }
        let hardware = |at| MacAddress(wire::octets(self.octets, at));
        let protocol = |at| Ipv4Addr::from(wire::octets::<4>(self.octets, at));
        Some(Repr {
            operation: self.operation(),
            sender: (hardware(8), protocol(14)),
            target: (hardware(18), protocol(24)),
        })
    }
}

/// A packet about Ethernet and IPv4 as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// What it wants.
    pub operation: Operation,
    /// Who sends it: adapter and address.
    pub sender: (MacAddress, Ipv4Addr),
    /// Who is asked or answered.
    pub target: (MacAddress, Ipv4Addr),
}

impl Repr {
    /// The octets of a packet.
    pub const LEN: usize = 28;

    /// Whether it asks if somebody else has the address that it wants (RFC 5227, section 1.1).
    pub fn is_probe(&self) -> bool {
        self.operation == Operation::REQUEST && self.sender.1.is_unspecified()
    }

    /// Whether it tells everybody the sender's address (RFC 5227, section 1.1; RFC 826 calls it
    /// gratuitous).
    pub fn is_announcement(&self) -> bool {
        self.sender.1 == self.target.1
    }

    /// Appends the packet to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&ETHERNET.to_be_bytes());
        out.extend_from_slice(&EtherType::IPV4.0.to_be_bytes());
        out.extend_from_slice(&[6, 4]);
        out.extend_from_slice(&self.operation.0.to_be_bytes());
        for (hardware, protocol) in [self.sender, self.target] {
            out.extend_from_slice(&hardware.0);
            out.extend_from_slice(&protocol.octets());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 826, "Packet format", filled in for Ethernet and IPv4: who has 192.0.2.2?
    const REQUEST: [u8; 28] = [
        0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x5e, 0x00, 0x53, 0x01, 0xc0,
        0x00, 0x02, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00, 0x02, 0x02,
    ];

    #[test]
    fn a_request() {
        let repr = View::parse(&REQUEST).unwrap().repr().unwrap();
        assert_eq!(repr.operation, Operation::REQUEST);
        assert_eq!(repr.sender.1, Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(
            repr.sender.0,
            MacAddress([0x02, 0x00, 0x5e, 0x00, 0x53, 0x01])
        );
        assert_eq!(repr.target, (MacAddress::ZERO, Ipv4Addr::new(192, 0, 2, 2)));
        assert!(!repr.is_probe() && !repr.is_announcement());
        let mut out = Vec::new();
        repr.emit(&mut out);
        assert_eq!(out, REQUEST);
        for len in 0..REQUEST.len() {
            assert!(View::parse(&REQUEST[..len]).is_err());
        }
    }

    #[test]
    fn other_hardware_has_no_values() {
        let mut octets = REQUEST;
        octets[1] = 6;
        assert_eq!(View::parse(&octets).unwrap().repr(), None);
        octets[4] = 255;
        assert!(View::parse(&octets).is_err());
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed(operation: u16, a: [u8; 6], b: [u8; 6], x: u32, y: u32) {
            let repr = Repr {
                operation: Operation(operation),
                sender: (MacAddress(a), x.into()),
                target: (MacAddress(b), y.into()),
            };
            let mut out = Vec::new();
            repr.emit(&mut out);
            prop_assert_eq!(out.len(), Repr::LEN);
            prop_assert_eq!(View::parse(&out).unwrap().repr(), Some(repr));
        }

        #[test]
        fn no_octets_panic(octets: Vec<u8>) {
            let _ = View::parse(&octets).map(|view| view.repr());
        }
    }
}
