//! Ethernet frames: addresses, VLAN tags, the type of what is carried.
//!
//! Sources: IEEE 802.3-2022 clause 3 (frames), RFC 894 (types), IEEE 802.1Q-2022 clause 9 (tags,
//! also those of what was 802.1ad). A frame stands here as a packet socket gives it: without
//! preamble and frame check sequence.
//! Not here: LLC and SNAP behind a length, the switch (`switch/`).

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use thiserror::Error as ThisError;

use crate::wire::{self, Error, u16_at};

/// The octets of a header without tags.
pub const HEADER_LEN: usize = 14;

/// The octets of a tag.
pub const TAG_LEN: usize = 4;

/// A view follows no more tags than this; two are what 802.1ad has.
pub const MAX_TAGS: usize = 8;

/// Where the first tag or the type stands.
const TYPE_AT: usize = 12;

/// The address of an adapter, or of a group of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// Everybody.
    pub const BROADCAST: MacAddress = MacAddress([0xff; 6]);

    /// Nobody.
    pub const ZERO: MacAddress = MacAddress([0; 6]);

    /// Whether it stands for a group, everybody included.
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 0x01 != 0
    }

    /// Whether it stands for everybody.
    pub fn is_broadcast(self) -> bool {
        self == MacAddress::BROADCAST
    }

    /// Whether it was given by an administrator or a program, not by a maker.
    pub const fn is_local(self) -> bool {
        self.0[0] & 0x02 != 0
    }

    /// The whole as a number, the first octet highest.
    pub const fn to_u64(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A text that is no address of an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[error("not six octets in hexadecimal, as in 02:00:5e:00:53:01")]
pub struct NotAnAddress;

impl FromStr for MacAddress {
    type Err = NotAnAddress;

    /// Six octets in hexadecimal with `:` or `-` between them.
    fn from_str(text: &str) -> Result<MacAddress, NotAnAddress> {
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().ok_or(NotAnAddress)?;
            let digits = part.bytes().all(|digit| digit.is_ascii_hexdigit());
            if !digits || part.is_empty() || part.len() > 2 {
                return Err(NotAnAddress);
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| NotAnAddress)?;
        }
        parts
            .next()
            .map_or(Ok(MacAddress(octets)), |_| Err(NotAnAddress))
    }
}

/// What a frame carries; below 0x0600 it is the length of an IEEE 802.3 frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4 (RFC 894).
    pub const IPV4: EtherType = EtherType(0x0800);
    /// ARP (RFC 826).
    pub const ARP: EtherType = EtherType(0x0806);
    /// Wake-on-LAN.
    pub const WAKE_ON_LAN: EtherType = EtherType(0x0842);
    /// Reverse ARP (RFC 903).
    pub const RARP: EtherType = EtherType(0x8035);
    /// The tag of a customer's VLAN (IEEE 802.1Q).
    pub const VLAN: EtherType = EtherType(0x8100);
    /// IPv6 (RFC 2464).
    pub const IPV6: EtherType = EtherType(0x86dd);
    /// Flow control and other MAC control.
    pub const MAC_CONTROL: EtherType = EtherType(0x8808);
    /// LACP, marker, OAM (IEEE 802.3 annex 57A).
    pub const SLOW: EtherType = EtherType(0x8809);
    /// MPLS (RFC 3032).
    pub const MPLS: EtherType = EtherType(0x8847);
    /// PPPoE, discovery (RFC 2516).
    pub const PPPOE_DISCOVERY: EtherType = EtherType(0x8863);
    /// PPPoE, session (RFC 2516).
    pub const PPPOE_SESSION: EtherType = EtherType(0x8864);
    /// EAP over LAN (IEEE 802.1X).
    pub const EAPOL: EtherType = EtherType(0x888e);
    /// The tag of a provider's VLAN (IEEE 802.1ad).
    pub const QINQ: EtherType = EtherType(0x88a8);
    /// LLDP (IEEE 802.1AB).
    pub const LLDP: EtherType = EtherType(0x88cc);
    /// MACsec (IEEE 802.1AE).
    pub const MACSEC: EtherType = EtherType(0x88e5);
    /// Precision time (IEEE 1588).
    pub const PTP: EtherType = EtherType(0x88f7);
    /// Ethernet's configuration testing; loops are found with it.
    pub const LOOPBACK: EtherType = EtherType(0x9000);
    /// The tag of a provider's VLAN before the standard.
    pub const QINQ_OLD: EtherType = EtherType(0x9100);
    /// For experiments (IEEE 802, local experimental 1).
    pub const EXPERIMENTAL: EtherType = EtherType(0x88b5);

    /// Whether it is the length of an IEEE 802.3 frame.
    pub const fn is_length(self) -> bool {
        self.0 < 0x0600
    }

    /// Whether a VLAN tag follows.
    pub const fn is_tag(self) -> bool {
        matches!(
            self,
            EtherType::VLAN | EtherType::QINQ | EtherType::QINQ_OLD
        )
    }

    /// Its short name, where it is one of the above.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            EtherType::IPV4 => "IPv4",
            EtherType::ARP => "ARP",
            EtherType::WAKE_ON_LAN => "Wake-on-LAN",
            EtherType::RARP => "RARP",
            EtherType::VLAN => "802.1Q",
            EtherType::IPV6 => "IPv6",
            EtherType::MAC_CONTROL => "MAC control",
            EtherType::SLOW => "LACP",
            EtherType::MPLS => "MPLS",
            EtherType::PPPOE_DISCOVERY => "PPPoE discovery",
            EtherType::PPPOE_SESSION => "PPPoE",
            EtherType::EAPOL => "EAPOL",
            EtherType::QINQ => "802.1ad",
            EtherType::LLDP => "LLDP",
            EtherType::MACSEC => "MACsec",
            EtherType::PTP => "PTP",
            EtherType::LOOPBACK => "Loopback",
            EtherType::QINQ_OLD => "QinQ",
            EtherType::EXPERIMENTAL => "experimental",
            _ => return None,
        })
    }
}

impl fmt::Display for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:04x}", self.0),
        }
    }
}

/// The number of a VLAN, 0 to 4095: 0 is none (only a priority), 4095 is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanId(u16);

impl VlanId {
    /// None: the tag only says a priority.
    pub const NONE: VlanId = VlanId(0);

    /// The number `id`, if it has 12 bits.
    pub const fn new(id: u16) -> Option<VlanId> {
        if id < 4096 { Some(VlanId(id)) } else { None }
    }

    /// It as a number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A tag of a frame (IEEE 802.1Q, section 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VlanTag {
    /// Which kind of tag: [`EtherType::VLAN`], [`EtherType::QINQ`] or the older one.
    pub kind: EtherType,
    /// The priority, 0 to 7.
    pub priority: u8,
    /// Whether it may be dropped first.
    pub drop_eligible: bool,
    /// The VLAN.
    pub id: VlanId,
}

impl VlanTag {
    /// The tag of a customer's VLAN (802.1Q) without a priority.
    pub const fn new(id: VlanId) -> VlanTag {
        VlanTag {
            kind: EtherType::VLAN,
            priority: 0,
            drop_eligible: false,
            id,
        }
    }

    /// The tag of the given kind and its 16 bits of control information.
    pub const fn of(kind: EtherType, control: u16) -> VlanTag {
        VlanTag {
            kind,
            priority: (control >> 13) as u8,
            drop_eligible: control & 0x1000 != 0,
            id: VlanId(control & 0x0fff),
        }
    }

    /// Its 16 bits of control information.
    pub const fn control(self) -> u16 {
        let priority = (self.priority as u16 & 0x07) << 13;
        priority | (self.drop_eligible as u16) << 12 | self.id.0
    }

    /// The octets of the tag, its kind first.
    pub const fn octets(self) -> [u8; TAG_LEN] {
        let ([a, b], [c, d]) = (self.kind.0.to_be_bytes(), self.control().to_be_bytes());
        [a, b, c, d]
    }
}

/// A frame where it lies.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    frame: &'a [u8],
    tags: u8,
}

impl<'a> View<'a> {
    /// The frame in `octets`, from the destination on, without a frame check sequence.
    ///
    /// Tags are followed to [`MAX_TAGS`]; the type of a deeper stack is that of the next tag.
    ///
    /// # Errors
    /// [`Error::Truncated`] if header or tags do not fit.
    pub fn parse(octets: &'a [u8]) -> Result<View<'a>, Error> {
        if octets.len() < HEADER_LEN {
            return Err(Error::Truncated("Ethernet header"));
        }
        let mut tags = 0;
        let mut at = TYPE_AT;
        while usize::from(tags) < MAX_TAGS && EtherType(u16_at(octets, at)).is_tag() {
            at += TAG_LEN;
            tags += 1;
            if octets.len() < at + 2 {
                return Err(Error::Truncated("VLAN tag"));
            }
        }
        Ok(View {
            frame: octets,
            tags,
        })
    }

    /// Whom it is for.
    #[inline]
    pub fn destination(&self) -> MacAddress {
        MacAddress(wire::octets(self.frame, 0))
    }

    /// Who sent it.
    #[inline]
    pub fn source(&self) -> MacAddress {
        MacAddress(wire::octets(self.frame, 6))
    }

    /// Its tags, the outermost first.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = VlanTag> + use<'a> {
        let frame = self.frame;
        (0..usize::from(self.tags)).map(move |n| {
            let at = TYPE_AT + n * TAG_LEN;
            VlanTag::of(EtherType(u16_at(frame, at)), u16_at(frame, at + 2))
        })
    }

    /// What it carries, behind all tags.
    #[inline]
    pub fn ether_type(&self) -> EtherType {
        EtherType(u16_at(self.frame, self.header_len() - 2))
    }

    /// The octets before the payload, tags included.
    #[inline]
    pub fn header_len(&self) -> usize {
        HEADER_LEN + usize::from(self.tags) * TAG_LEN
    }

    /// What it carries, and perhaps padding to the shortest length.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.frame.get(self.header_len()..).unwrap_or_default()
    }

    /// The whole frame.
    pub const fn octets(&self) -> &'a [u8] {
        self.frame
    }
}

/// The header of a frame as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Whom it is for.
    pub destination: MacAddress,
    /// Who sends it.
    pub source: MacAddress,
    /// What it carries.
    pub ether_type: EtherType,
}

impl Repr {
    /// Appends the header with `tags`, the outermost first, to `out`; the payload is to follow.
    pub fn emit(&self, tags: &[VlanTag], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.destination.0);
        out.extend_from_slice(&self.source.0);
        for tag in tags {
            out.extend_from_slice(&tag.octets());
        }
        out.extend_from_slice(&self.ether_type.0.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    /// IEEE 802.1Q-2022, figures 9-1 and 9-2, filled in: the beginning of IPv4 on VLAN 32.
    const TAGGED: [u8; 22] = [
        0x00, 0x60, 0x08, 0x9f, 0xb1, 0xf3, 0x00, 0x40, 0x05, 0x40, 0xef, 0x24, 0x81, 0x00, 0x00,
        0x20, 0x08, 0x00, 0x45, 0x00, 0x00, 0x34,
    ];

    #[test]
    fn a_tagged_frame() {
        let view = View::parse(&TAGGED).unwrap();
        assert_eq!(view.destination().to_string(), "00:60:08:9f:b1:f3");
        assert_eq!(view.source().to_string(), "00:40:05:40:ef:24");
        let tags: Vec<_> = view.tags().collect();
        assert_eq!(tags, [VlanTag::new(VlanId(32))]);
        assert_eq!(view.ether_type(), EtherType::IPV4);
        assert_eq!(view.payload(), [0x45, 0x00, 0x00, 0x34]);
    }

    #[test]
    fn a_frame_that_is_cut_short_is_none() {
        for len in 0..18 {
            let error = View::parse(&TAGGED[..len]).unwrap_err();
            let part = if len < 14 {
                "Ethernet header"
            } else {
                "VLAN tag"
            };
            assert_eq!(error, Error::Truncated(part), "{len}");
        }
        assert!(View::parse(&TAGGED[..18]).unwrap().payload().is_empty());
    }

    #[test]
    fn tags_are_followed_to_a_bound() {
        let mut frame = [0; 12].to_vec();
        for _ in 0..MAX_TAGS + 1 {
            frame.extend([0x88, 0xa8, 0xf0, 0x01]);
        }
        let view = View::parse(&frame).unwrap();
        assert_eq!(view.tags().len(), MAX_TAGS);
        assert_eq!(view.ether_type(), EtherType::QINQ);
        assert_eq!(view.payload(), [0xf0, 0x01]);
        let tag = view.tags().next().unwrap();
        assert_eq!(
            (tag.priority, tag.drop_eligible, tag.id),
            (7, true, VlanId(1))
        );
    }

    #[test]
    fn addresses_as_text() {
        let address: MacAddress = "02-00-5E:0:53:1".parse().unwrap();
        assert_eq!(address.to_string(), "02:00:5e:00:53:01");
        assert_eq!(address.to_u64(), 0x0200_5e00_5301);
        assert!(address.is_local() && !address.is_multicast());
        for text in [
            "",
            "1:2:3:4:5",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:+6",
            "1:2:3:4:5:",
        ] {
            assert_eq!(text.parse::<MacAddress>(), Err(NotAnAddress), "{text}");
        }
        assert!(MacAddress::BROADCAST.is_broadcast() && MacAddress::BROADCAST.is_multicast());
        assert_eq!(EtherType(0x1234).to_string(), "0x1234");
        assert!(EtherType(0x05dc).is_length());
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed(
            destination: [u8; 6],
            source: [u8; 6],
            controls in prop::collection::vec(any::<u16>(), 0..MAX_TAGS),
            payload: Vec<u8>,
        ) {
            let repr = Repr {
                destination: MacAddress(destination),
                source: MacAddress(source),
                ether_type: EtherType::IPV6,
            };
            let tags: Vec<_> = controls.into_iter().map(|c| VlanTag::of(EtherType::QINQ, c)).collect();
            let mut out = Vec::new();
            repr.emit(&tags, &mut out);
            out.extend_from_slice(&payload);
            let view = View::parse(&out).unwrap();
            prop_assert_eq!(view.destination(), repr.destination);
            prop_assert_eq!(view.source(), repr.source);
            prop_assert_eq!(view.ether_type(), repr.ether_type);
            prop_assert!(view.tags().eq(tags));
            prop_assert_eq!(view.payload(), payload);
        }

        #[test]
        fn no_octets_panic(octets: Vec<u8>) {
            if let Ok(view) = View::parse(&octets) {
                let after = view.header_len() + view.payload().len();
                prop_assert_eq!(after, octets.len());
                prop_assert!(view.tags().count() <= MAX_TAGS);
            }
        }
    }
}
