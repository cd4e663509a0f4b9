//! Segments of TCP and datagrams of UDP.

use core::net::SocketAddr;

use super::{Line, Part, Place, application};
use crate::network::{Addresses, Protocol};
use crate::transport::{tcp, udp};

fn ends(line: &mut Line, addresses: &Addresses, source: u16, destination: u16) {
    let place = |ip, port| Some(Place::Port(SocketAddr::new(ip, port)));
    line.source = place(addresses.source(), source);
    line.destination = place(addresses.destination(), destination);
}

/// Whether a checksum is only begun, for the adapter to finish: packets that were captured on their way
/// out have such ones.
fn is_left_to_adapter(
    addresses: &Addresses,
    protocol: Protocol,
    len: usize,
    checksum: u16,
) -> bool {
    checksum == !addresses.pseudo(protocol, len).finish()
}

pub(super) fn tcp(line: &mut Line, addresses: &Addresses, segment: Part<'_>) {
    line.protocol = "TCP";
    let view = match tcp::View::parse(segment.data) {
        Ok(view) => view,
        Err(error) => return line.wrong(alloc::format!("{error}")),
    };
    let (source, destination) = (view.source(), view.destination());
    ends(line, addresses, source, destination);
    let len = segment.data.len();
    if !segment.is_cut
        && !view.checksum_is_right(addresses)
        && !is_left_to_adapter(addresses, Protocol::TCP, len, view.checksum())
    {
        line.wrong("the TCP checksum is wrong");
    }
    let flags = view.flags();
    line.field("tcp.srcport", u64::from(source));
    line.field("tcp.dstport", u64::from(destination));
    line.field("tcp.flags", u64::from(flags.0));
    line.field("tcp.seq", u64::from(view.sequence()));
    line.field("tcp.ack", u64::from(view.acknowledgment()));
    line.field("tcp.window", u64::from(view.window()));
    line.field("tcp.len", view.payload().len() as u64);
    line.say(format_args!("[{flags}] seq {}", view.sequence()));
    if flags.has(tcp::Flags::ACK) {
        line.say(format_args!("ack {}", view.acknowledgment()));
    }
    line.say(format_args!("win {}", view.window()));
    if flags.has(tcp::Flags::SYN) {
        options(line, &view);
    }
    let payload = view.payload();
    if !payload.is_empty() {
        line.say(format_args!("len {}", payload.len()));
    }
    if source == application::DNS || destination == application::DNS {
        let direction = (
            SocketAddr::new(addresses.source(), source),
            SocketAddr::new(addresses.destination(), destination),
        );
        if let Some(message) = line.streams.message(direction, &view) {
            return application::of_dns(line, "DNS", message);
        }
    }
    application::of_stream(line, payload);
}

/// What a SYN offers.
fn options(line: &mut Line, view: &tcp::View<'_>) {
    for option in view.options() {
        match option {
            Ok(tcp::Opt::MaximumSegmentSize(size)) => line.say(format_args!("mss {size}")),
            Ok(tcp::Opt::WindowScale(shift)) => line.say(format_args!("wscale {shift}")),
            Ok(tcp::Opt::SackPermitted) => line.say(format_args!("sack")),
            Ok(_) => {}
            Err(error) => line.wrong(alloc::format!("{error}")),
        }
    }
}

pub(super) fn udp(line: &mut Line, addresses: &Addresses, datagram: Part<'_>) {
    line.protocol = "UDP";
    let view = match udp::View::parse_cut(datagram.data) {
        Ok(view) => view,
        Err(error) => return line.wrong(alloc::format!("{error}")),
    };
    let (source, destination) = (view.source(), view.destination());
    ends(line, addresses, source, destination);
    let is_whole = view.payload().len() == view.payload_len();
    if !is_whole && !datagram.is_cut {
        line.wrong("it ends within its UDP payload");
    }
    if is_whole
        && !datagram.is_cut
        && !view.checksum_is_right(addresses)
        && !is_left_to_adapter(addresses, Protocol::UDP, view.len(), view.checksum())
    {
        line.wrong("the UDP checksum is wrong");
    }
    line.field("udp.srcport", u64::from(source));
    line.field("udp.dstport", u64::from(destination));
    line.field("udp.length", view.len() as u64);
    let before = line.info.len();
    application::of_datagram(line, source, destination, view.payload());
    if line.info.len() == before {
        line.say(format_args!("len {}", view.payload_len()));
    }
}
