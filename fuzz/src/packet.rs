//! [`wharf_proto::observe::line`], and with it every view of a header: whatever a packet is, it is a line.
//!
//! The first octet chooses the link, the rest is the packet.

use wharf_proto::checksum;
use wharf_proto::link::ethernet;
use wharf_proto::network::{ipv4, ipv6};
use wharf_proto::observe::capture::LinkType;
use wharf_proto::observe::line::decode;

/// Links whose packets are known.
const LINKS: [LinkType; 6] = [
    LinkType::ETHERNET,
    LinkType::RAW,
    LinkType::NULL,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType(999),
];

/// Checks that a packet becomes one line that no terminal obeys, that one that is cut short does too,
/// that views never reach beyond their packet, and that a strict view is a lenient one.
pub fn check(input: &[u8]) {
    let (choice, packet) = crate::choice(input);
    let link = LINKS[choice % LINKS.len()];
    for len in [packet.len(), packet.len() + 1] {
        let line = decode(link, packet, len);
        assert!(!line.info.chars().any(char::is_control), "{line:?}");
        if packet.len() < len {
            assert!(line.problem.is_some(), "{line:?}");
        }
    }
    if let Ok(view) = ethernet::View::parse(packet) {
        assert_eq!(view.header_len() + view.payload().len(), packet.len());
    }
    if let Ok(view) = ipv4::View::parse(packet) {
        assert_eq!(view.payload().len(), view.payload_len());
        assert!(ipv4::View::parse_cut(packet).is_ok());
    }
    if let Ok(view) = ipv6::View::parse(packet) {
        assert_eq!(view.payload().len(), view.payload_len());
        assert!(ipv6::View::parse_cut(packet).is_ok());
    }
    let (first, second) = packet.split_at(packet.len() / 2);
    let mut sum = checksum::Sum::new();
    sum.add(first);
    sum.add(second);
    assert_eq!(sum.finish(), checksum::of(packet), "in two parts");
}
