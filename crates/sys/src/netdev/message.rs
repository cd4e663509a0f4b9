//! The messages of rtnetlink: a header, a structure of fixed length, attributes; native byte order.
//!
//! Sources: netlink(7), rtnetlink(7), netlink(3). Each request asks to be acknowledged, and the kernel
//! answers before `send` returns, so nothing here waits.
//! Not here: what is asked for (`mod.rs`), answers of more than one message.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::Ordering;

use super::{Address, Change, Link, Route, Routing};

// linux/netlink.h
const HEADER_LEN: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;

// linux/if_link.h
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_EXT_MASK: u16 = 29;
/// Counters are not asked for.
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

// linux/if_addr.h
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_F_NODAD: u8 = 0x02;

/// What the kernel tells of a device is shorter, even with everything that drivers add.
const ANSWER_LEN: usize = 32 * 1024;

/// A message that is being written.
struct Message(Vec<u8>);

impl Message {
    /// One of type `kind`, with the fixed structure that this type begins with.
    fn new(kind: u16, flags: u16, fixed: &[u8]) -> Message {
        let mut octets = vec![0; HEADER_LEN];
        octets[4..6].copy_from_slice(&kind.to_ne_bytes());
        octets[6..8].copy_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
        octets.extend_from_slice(fixed);
        Message(octets)
    }

    /// The same, with an attribute more, of less than 64 KiB.
    fn with(mut self, kind: u16, value: &[u8]) -> Message {
        let len = (4 + value.len()) as u16;
        self.0.extend_from_slice(&len.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    fn numbered(mut self, sequence: u32) -> Vec<u8> {
        let len = self.0.len() as u32;
        self.0[..4].copy_from_slice(&len.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

/// Two octets at `at`, as a number.
fn number16(octets: &[u8], at: usize) -> Option<u16> {
    let found = octets.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_ne_bytes(found))
}

/// Four octets at `at`, as a number.
fn number32(octets: &[u8], at: usize) -> Option<u32> {
    let found = octets.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_ne_bytes(found))
}

/// Sends a request and takes its answer: the octets behind the header, empty if it was acknowledged.
fn ask(routing: &Routing, message: Message) -> io::Result<Vec<u8>> {
    let sequence = routing.sequence.fetch_add(1, Ordering::Relaxed);
    routing.socket.send(&message.numbered(sequence))?;
    let mut buffer = vec![0; ANSWER_LEN];
    loop {
        let (len, _) = rustix::net::recv(
            &routing.socket,
            &mut buffer[..],
            rustix::net::RecvFlags::empty(),
        )?;
        let answer = buffer.get(..len).unwrap_or_default();
        // An answer to somebody who was interrupted is passed over.
        if number32(answer, 8) != Some(sequence) {
            continue;
        }
        let told = number32(answer, 0).map_or(0, |told| told as usize).min(len);
        let body = answer.get(HEADER_LEN..told).unwrap_or_default();
        if number16(answer, 4) != Some(NLMSG_ERROR) {
            return Ok(body.to_vec());
        }
        return match number32(body, 0).map(|code| code as i32) {
            Some(0) => Ok(Vec::new()),
            Some(code) => Err(io::Error::from_raw_os_error(-code)),
            None => Err(io::ErrorKind::InvalidData.into()),
        };
    }
}

fn order(routing: &Routing, message: Message) -> io::Result<()> {
    ask(routing, message).map(drop)
}

/// `struct ifinfomsg`.
fn of_link(index: u32, flags: u32, change: u32) -> Vec<u8> {
    let mut fixed = vec![0; 4];
    for number in [index, flags, change] {
        fixed.extend_from_slice(&number.to_ne_bytes());
    }
    fixed
}

fn link(routing: &Routing, message: Message) -> io::Result<Link> {
    let message = message.with(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes());
    let answer = ask(routing, message)?;
    parse_link(&answer).ok_or(io::ErrorKind::InvalidData.into())
}

pub(super) fn link_by_name(routing: &Routing, name: &str) -> io::Result<Link> {
    // With a name that cannot be, the kernel says EINVAL or ERANGE.
    if name.is_empty() || name.len() >= libc::IFNAMSIZ {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    let name = [name.as_bytes(), &[0]].concat();
    let message = Message::new(libc::RTM_GETLINK, 0, &of_link(0, 0, 0));
    link(routing, message.with(IFLA_IFNAME, &name))
}

pub(super) fn link_at(routing: &Routing, index: u32) -> io::Result<Link> {
    let message = Message::new(libc::RTM_GETLINK, 0, &of_link(index, 0, 0));
    link(routing, message)
}

/// Reads a `struct ifinfomsg` and the attributes behind it.
pub(super) fn parse_link(answer: &[u8]) -> Option<Link> {
    let mut link = Link {
        index: number32(answer, 4)?,
        name: String::new(),
        hardware: number16(answer, 2)?,
        mtu: 0,
        mac: None,
        is_up: number32(answer, 8)? & libc::IFF_UP as u32 != 0,
    };
    let mut rest = answer.get(16..)?;
    while let (Some(len), Some(kind)) = (number16(rest, 0), number16(rest, 2)) {
        let value = rest.get(4..usize::from(len))?;
        match kind {
            IFLA_IFNAME => {
                let name = value.strip_suffix(&[0]).unwrap_or(value);
                link.name = String::from_utf8_lossy(name).into_owned();
            }
            IFLA_MTU => link.mtu = number32(value, 0)?,
            IFLA_ADDRESS => link.mac = value.try_into().ok(),
            _ => {}
        }
        rest = rest
            .get(usize::from(len).next_multiple_of(4)..)
            .unwrap_or_default();
    }
    Some(link)
}

pub(super) fn change(routing: &Routing, index: u32, change: Change) -> io::Result<()> {
    let up = libc::IFF_UP as u32;
    let (flags, mask) = match change.up {
        Some(true) => (up, up),
        Some(false) => (0, up),
        None => (0, 0),
    };
    let fixed = of_link(index, flags, mask);
    let mut message = Message::new(libc::RTM_NEWLINK, NLM_F_ACK, &fixed);
    if let Some(mtu) = change.mtu {
        message = message.with(IFLA_MTU, &mtu.to_ne_bytes());
    }
    if let Some(mac) = change.mac {
        message = message.with(IFLA_ADDRESS, &mac);
    }
    order(routing, message)
}

pub(super) fn remove(routing: &Routing, index: u32) -> io::Result<()> {
    let fixed = of_link(index, 0, 0);
    order(routing, Message::new(libc::RTM_DELLINK, NLM_F_ACK, &fixed))
}

fn family(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => libc::AF_INET as u8,
        IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// A message that begins with a `struct ifaddrmsg`.
fn of_address(kind: u16, flags: u16, index: u32, address: Address) -> Message {
    let nodad = match address.ip {
        IpAddr::V4(_) => 0,
        IpAddr::V6(_) => IFA_F_NODAD,
    };
    let mut fixed = vec![
        family(address.ip),
        address.prefix,
        nodad,
        libc::RT_SCOPE_UNIVERSE,
    ];
    fixed.extend_from_slice(&index.to_ne_bytes());
    let ip = octets(address.ip);
    Message::new(kind, flags | NLM_F_ACK, &fixed)
        .with(IFA_LOCAL, &ip)
        .with(IFA_ADDRESS, &ip)
}

pub(super) fn add_address(routing: &Routing, index: u32, address: Address) -> io::Result<()> {
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    order(
        routing,
        of_address(libc::RTM_NEWADDR, flags, index, address),
    )
}

pub(super) fn remove_address(routing: &Routing, index: u32, address: Address) -> io::Result<()> {
    order(routing, of_address(libc::RTM_DELADDR, 0, index, address))
}

/// A message that begins with a `struct rtmsg`.
fn of_route(kind: u16, flags: u16, index: u32, route: Route) -> Message {
    let scope = match (route.gateway, route.destination) {
        (None, IpAddr::V4(_)) => libc::RT_SCOPE_LINK,
        _ => libc::RT_SCOPE_UNIVERSE,
    };
    let mut fixed = vec![family(route.destination), route.prefix, 0, 0];
    fixed.extend([
        libc::RT_TABLE_MAIN,
        libc::RTPROT_STATIC,
        scope,
        libc::RTN_UNICAST,
    ]);
    fixed.extend([0; 4]);
    let mut message = Message::new(kind, flags | NLM_F_ACK, &fixed);
    if route.prefix > 0 {
        message = message.with(libc::RTA_DST, &octets(route.destination));
    }
    if let Some(gateway) = route.gateway {
        message = message.with(libc::RTA_GATEWAY, &octets(gateway));
    }
    message.with(libc::RTA_OIF, &index.to_ne_bytes())
}

pub(super) fn add_route(routing: &Routing, index: u32, route: Route) -> io::Result<()> {
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    order(routing, of_route(libc::RTM_NEWROUTE, flags, index, route))
}

pub(super) fn remove_route(routing: &Routing, index: u32, route: Route) -> io::Result<()> {
    order(routing, of_route(libc::RTM_DELROUTE, 0, index, route))
}
