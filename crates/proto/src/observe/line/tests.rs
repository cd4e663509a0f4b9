//! Packets of each protocol in a line, and that no octets do harm.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::link::arp;
use crate::link::ethernet::{self, EtherType, VlanId};
use crate::network::{Addresses, Protocol, icmpv4, icmpv6, ipv4, ipv6};
use crate::observe::conversation::{Conversation, Ends, Packet, Speaker, datagrams};
use crate::transport::udp;

const ONE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const TWO: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// A line as a person sees it, without columns.
fn shown(line: &Line) -> String {
    let place = |place: &Option<Place>| place.as_ref().map_or("-".into(), ToString::to_string);
    let vlans: Vec<_> = line.vlans.iter().map(|tag| tag.id.number()).collect();
    let mut out = alloc::format!(
        "{} > {} {} {}",
        place(&line.source),
        place(&line.destination),
        line.protocol,
        line.info
    );
    if !vlans.is_empty() {
        out.push_str(&alloc::format!(" vlan {vlans:?}"));
    }
    if let Some(problem) = &line.problem {
        out.push_str(&alloc::format!(" !{problem}"));
    }
    out
}

fn whole(link: LinkType, data: &[u8]) -> String {
    shown(&decode(link, data, data.len()))
}

fn frame(kind: EtherType, tags: &[VlanTag], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let repr = ethernet::Repr {
        destination: MacAddress::BROADCAST,
        source: MacAddress([2, 0, 0x5e, 0, 0x53, 1]),
        ether_type: kind,
    };
    repr.emit(tags, &mut out);
    out.extend_from_slice(payload);
    out
}

fn v4(protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let repr = ipv4::Repr {
        source: ONE,
        destination: TWO,
        protocol,
        ttl: 64,
        traffic_class: 0,
        identification: 7,
        dont_fragment: false,
        payload_len: payload.len(),
    };
    repr.emit(&mut out);
    out.extend_from_slice(payload);
    out
}

fn from_udp(ports: (u16, u16), message: &[u8]) -> String {
    let mut out = Vec::new();
    let addresses = Addresses::new(ONE.into(), TWO.into()).unwrap();
    let (source, destination) = ports;
    udp::Repr {
        source,
        destination,
    }
    .emit(&addresses, message, &mut out);
    whole(LinkType::RAW, &v4(Protocol::UDP, &out))
}

fn from_tcp(client: u16, server: u16, octets: &[u8]) -> String {
    let ends = Ends::new((ONE, client).into(), (TWO, server).into());
    let mut story = Conversation::new(ends, [0, 0]);
    story.open();
    let packet = story.data(Speaker::Client, octets).next().unwrap();
    let mut out = Vec::new();
    packet.emit(&mut out);
    whole(LinkType::RAW, &out)
}

#[test]
fn neighbours_ask() {
    let mut request = Vec::new();
    let mac = MacAddress([2, 0, 0x5e, 0, 0x53, 1]);
    let mut repr = arp::Repr {
        operation: arp::Operation::REQUEST,
        sender: (mac, ONE),
        target: (MacAddress::ZERO, TWO),
    };
    repr.emit(&mut request);
    let tag = VlanTag::new(VlanId::new(32).unwrap());
    assert_eq!(
        whole(LinkType::ETHERNET, &frame(EtherType::ARP, &[tag], &request)),
        "02:00:5e:00:53:01 > ff:ff:ff:ff:ff:ff ARP who has 192.0.2.2? tell 192.0.2.1 vlan [32]"
    );
    request.clear();
    repr.operation = arp::Operation::REPLY;
    repr.emit(&mut request);
    let line = whole(LinkType::ETHERNET, &frame(EtherType::ARP, &[], &request));
    assert!(
        line.ends_with("ARP 192.0.2.1 is at 02:00:5e:00:53:01"),
        "{line}"
    );
}

#[test]
fn echoes_and_errors() {
    let mut message = Vec::new();
    let echo = icmpv4::Repr::EchoRequest {
        identifier: 5,
        sequence: 1,
        data: &[0; 56],
    };
    echo.emit(&mut message);
    let packet = v4(Protocol::ICMP, &message);
    assert_eq!(
        whole(LinkType::RAW, &packet),
        "192.0.2.1 > 192.0.2.2 ICMP echo request id 5 seq 1, 56 octets"
    );
    let mut datagram = b"\x30\x39\0\x35\0\x08\0\0".to_vec();
    datagram = v4(Protocol::UDP, &datagram);
    let error = icmpv4::Repr::DestinationUnreachable {
        code: 3,
        mtu: 0,
        original: &datagram,
    };
    message.clear();
    error.emit(&mut message);
    assert_eq!(
        whole(LinkType::IPV4, &v4(Protocol::ICMP, &message)),
        "192.0.2.1 > 192.0.2.2 ICMP destination unreachable (port unreachable) \
         for UDP 192.0.2.1:12345 > 192.0.2.2:53"
    );
    message[9] ^= 1;
    let line = whole(LinkType::RAW, &v4(Protocol::ICMP, &message));
    assert!(line.ends_with("!the ICMP checksum is wrong"), "{line}");
}

#[test]
fn neighbours_of_ipv6() {
    let addresses = Addresses::V6 {
        source: "fe80::1".parse().unwrap(),
        destination: "ff02::1:ff00:2".parse().unwrap(),
    };
    let mut body = "fe80::2"
        .parse::<core::net::Ipv6Addr>()
        .unwrap()
        .octets()
        .to_vec();
    body.extend([1, 1, 2, 0, 0x5e, 0, 0x53, 1]);
    let mut message = Vec::new();
    icmpv6::Repr::Other {
        kind: icmpv6::Type::NEIGHBOR_SOLICITATION,
        code: 0,
        rest: [0; 4],
        body: &body,
    }
    .emit(&addresses, &mut message);
    let mut packet = Vec::new();
    ipv6::Repr {
        source: "fe80::1".parse().unwrap(),
        destination: "ff02::1:ff00:2".parse().unwrap(),
        protocol: Protocol::ICMPV6,
        hop_limit: 255,
        traffic_class: 0,
        flow_label: 0,
        payload_len: message.len(),
    }
    .emit(&mut packet);
    packet.extend(&message);
    assert_eq!(
        whole(LinkType::ETHERNET, &frame(EtherType::IPV6, &[], &packet)),
        "fe80::1 > ff02::1:ff00:2 ICMPv6 neighbor solicitation who has fe80::2?"
    );
}

#[test]
fn segments_and_what_they_say() {
    assert_eq!(
        from_tcp(50000, 80, b"GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n"),
        "192.0.2.1:50000 > 192.0.2.2:80 HTTP [PSH ACK] seq 1 ack 1 win 65535 len 37 \
         GET /index.html HTTP/1.1"
    );
    assert!(from_tcp(1, 2, b"HTTP/1.1 200 OK\r\n").contains(" HTTP ["));
    assert!(from_tcp(1, 2, b"hello\r\n").contains(" TCP ["));
    assert!(from_tcp(1, 22, b"SSH-2.0-x\x1b[2J\r\n").ends_with(r"SSH-2.0-x\x1b[2J"));
    let ends = Ends::new((ONE, 1).into(), (TWO, 2).into());
    let mut out = Vec::new();
    Conversation::new(ends, [9, 9]).open()[0].emit(&mut out);
    assert_eq!(
        whole(LinkType::RAW, &out),
        "192.0.2.1:1 > 192.0.2.2:2 TCP [SYN] seq 9 win 65535 mss 65495 wscale 14"
    );
    // One octet of the payload is damaged, and one is missing.
    let mut out = Vec::new();
    let mut story = Conversation::new(ends, [9, 9]);
    let packet = story.data(Speaker::Client, b"hello").next().unwrap();
    packet.emit(&mut out);
    out[41] ^= 1;
    assert!(whole(LinkType::RAW, &out).ends_with("!the TCP checksum is wrong"));
    let line = shown(&decode(LinkType::RAW, &out[..43], 45));
    assert!(line.ends_with("len 3 !cut short"), "{line}");
    let line = whole(LinkType::RAW, &out[..43]);
    assert!(line.ends_with("!it ends within its IPv4 payload"), "{line}");
}

#[test]
fn a_checksum_that_is_left_to_the_adapter_is_not_wrong() {
    let ends = Ends::new((ONE, 1).into(), (TWO, 2).into());
    let mut out = Vec::new();
    let packet = datagrams(ends, Speaker::Client, b"hello").next().unwrap();
    packet.emit(&mut out);
    let addresses = Addresses::new(ONE.into(), TWO.into()).unwrap();
    let begun = !addresses.pseudo(Protocol::UDP, 13).finish();
    out[26..28].copy_from_slice(&begun.to_be_bytes());
    assert_eq!(
        whole(LinkType::RAW, &out),
        "192.0.2.1:1 > 192.0.2.2:2 UDP len 5"
    );
    out[26] ^= 1;
    assert!(whole(LinkType::RAW, &out).ends_with("!the UDP checksum is wrong"));
}

#[test]
fn names_are_asked_for() {
    let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x1c\0\x01";
    assert_eq!(
        from_udp((12345, 53), query),
        "192.0.2.1:12345 > 192.0.2.2:53 DNS query 0x1234 AAAA example.com"
    );
    let mut answer = query.to_vec();
    answer[2..4].copy_from_slice(&[0x81, 0x83]);
    assert!(from_udp((53, 12345), &answer).ends_with("answer 0x1234 AAAA example.com NXDomain"));
    assert!(from_udp((53, 12345), b"short").ends_with(" UDP len 5"));
}

#[test]
fn links_that_are_no_ethernet() {
    let packet = v4(Protocol(99), b"12345");
    let wanted = "192.0.2.1 > 192.0.2.2 IPv4 protocol 99, 5 octets";
    assert_eq!(whole(LinkType::RAW, &packet), wanted);
    assert_eq!(
        whole(LinkType::NULL, &[&[2, 0, 0, 0][..], &packet].concat()),
        wanted
    );
    let head = [0, 0, 0, 1, 0, 6, 2, 0, 0x5e, 0, 0x53, 1, 0, 0, 8, 0];
    assert_eq!(
        whole(LinkType::LINUX_SLL, &[&head[..], &packet].concat()),
        wanted
    );
    let head = [
        8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0x5e, 0, 0x53, 1, 0, 0,
    ];
    assert_eq!(
        whole(LinkType::LINUX_SLL2, &[&head[..], &packet].concat()),
        wanted
    );
    assert_eq!(
        whole(LinkType(999), &packet),
        "- > - data 25 octets of link type 999"
    );
}

#[test]
fn bridges_and_their_names() {
    // IEEE 802.1D, section 9.3.1: a configuration message of a root.
    let mut bpdu = b"\x42\x42\x03\0\0\0\0\0\x80\0\x02\0\x5e\0\x53\x01\0\0\0\0".to_vec();
    bpdu.extend(b"\x80\0\x02\0\x5e\0\x53\x01\x80\x01\0\0\x14\0\x02\0\x0f\0");
    let line = whole(LinkType::ETHERNET, &frame(EtherType(38), &[], &bpdu));
    assert!(
        line.ends_with(
            "STP root 32768/02:00:5e:00:53:01 cost 0, bridge 02:00:5e:00:53:01 port 0x8001"
        ),
        "{line}"
    );
    // IEEE 802.1AB, section 8: chassis by its address, port by its name, the system's name.
    let lldp = b"\x02\x07\x04\x02\0\x5e\0\x53\x01\x04\x05\x05eth0\x06\x02\0\x78\x0a\x03abc\0\0";
    let line = whole(LinkType::ETHERNET, &frame(EtherType::LLDP, &[], lldp));
    assert!(
        line.ends_with("LLDP chassis 02:00:5e:00:53:01 port eth0 name abc"),
        "{line}"
    );
}

#[test]
fn tunnels_are_followed_to_a_bound() {
    let mut packet = v4(Protocol(99), b"");
    for _ in 0..MAX_TUNNELS + 1 {
        packet = v4(Protocol::IPV4, &packet);
    }
    let line = whole(LinkType::RAW, &packet);
    assert_eq!(
        line.matches("[in 192.0.2.1 > 192.0.2.2]").count(),
        MAX_TUNNELS
    );
    assert!(line.ends_with("20 octets"), "{line}");
}

#[test]
fn dns_over_tcp_is_read_where_a_message_begins_and_nowhere_else() {
    let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";
    let message = [&[0, 19][..], query].concat();
    assert_eq!(query.len(), 19);
    // Whole messages; one in two segments; what looks like one within another; half a length.
    let longer = [&[0, 60][..], &[7; 20]].concat();
    let looks = [&message[..], &[7; 39 - 21]].concat();
    let sent: [(&[u8], bool); 7] = [
        (&message, true),
        (&[&message[..], &message].concat(), true),
        (&longer, false),
        (&looks, false),
        // The longer one has one octet left, so that the next begins inside of this.
        (&[&[7][..], &message].concat(), false),
        (&message, true),
        (&[&message[..], &[0]].concat(), true),
    ];
    let ends = Ends::new((ONE, 12345).into(), (TWO, 53).into());
    let mut conversation = Conversation::new(ends, [u32::MAX - 30, 5]);
    let mut reader = Reader::default();
    let see = |packets: Vec<Vec<u8>>, reader: Option<&mut Reader>| -> Vec<String> {
        let mut alone = Reader::default();
        let reader = reader.unwrap_or(&mut alone);
        let line = |packet: &Vec<u8>| reader.decode(LinkType::RAW, packet, packet.len());
        packets.iter().map(line).map(|line| shown(&line)).collect()
    };
    fn emitted<'a>(packets: impl Iterator<Item = Packet<'a>>) -> Vec<Vec<u8>> {
        let emit = |packet: Packet<'_>| {
            let mut out = Vec::new();
            packet.emit(&mut out);
            out
        };
        packets.map(emit).collect()
    }
    see(emitted(conversation.open().into_iter()), Some(&mut reader));
    for (n, (octets, is_dns)) in sent.into_iter().enumerate() {
        let packets = emitted(conversation.data(Speaker::Client, octets));
        let alone = see(packets.clone(), None);
        assert!(alone[0].contains(" TCP "), "{alone:?}");
        let lines = see(packets, Some(&mut reader));
        assert_eq!(lines[0].contains("DNS"), is_dns, "{n} {lines:?}");
        assert_eq!(
            lines[0].ends_with("query 0x1234 A a"),
            is_dns,
            "{n} {lines:?}"
        );
    }
    let packets = emitted(conversation.data(Speaker::Client, &message));
    let lines = see(packets, Some(&mut reader));
    assert!(lines[0].contains(" TCP "), "{lines:?}");
}

proptest! {
    #[test]
    fn no_octets_panic(link in 0_u16..300, octets: Vec<u8>, longer in 0_usize..3) {
        let _ = decode(LinkType(link), &octets, octets.len() + longer);
        let _ = decode(LinkType::ETHERNET, &octets, octets.len() + longer);
    }

    #[test]
    fn no_damage_panics(at in 0_usize..60, octet: u8, len in 0_usize..80) {
        let mut message = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x01a\0\0\x01\0\x01".to_vec();
        message.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04");
        let mut out = Vec::new();
        let ends = Ends::new((ONE, 53).into(), (TWO, 53).into());
        datagrams(ends, Speaker::Client, &message).next().unwrap().emit(&mut out);
        let at = at.min(out.len() - 1);
        out[at] = octet;
        let cut = &out[..len.min(out.len())];
        let line = decode(LinkType::RAW, cut, out.len());
        prop_assert!(!line.info.contains('\n'));
    }
}
