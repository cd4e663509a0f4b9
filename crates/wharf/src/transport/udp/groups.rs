//! Groups that a socket joins, and how it sends to them.
//!
//! Sources: RFC 3678 and RFC 4607 (source-specific groups), ip(7), ipv6(7). An interface is always the one
//! that was named; where none is, the routing table chooses, and what the kernel refuses is an error.
//! Memberships end with the socket.

use std::io;
use std::net::IpAddr;

use rustix::io::Errno;
use socket2::{Domain, Socket};
use wharf_sys::multicast::{self, Loop};

use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::settings::Settings;
use crate::transport::options::SocketOptions;

pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "group",
        OptionKind::List,
        "joins these multicast groups; a listener's own address is joined without it",
    )
    .example("224.0.0.251"),
    OptionSpec::new(
        "source",
        OptionKind::List,
        "hears only these senders in the groups",
    )
    .example("192.0.2.7,group=232.1.1.1"),
    OptionSpec::new(
        "group-interface",
        OptionKind::Text,
        "joins and sends to groups on this interface; otherwise on that of interface=",
    )
    .example("eth0"),
    OptionSpec::flag("loop", "this machine hears what it sends to groups").default("yes"),
];

/// What was typed, checked.
pub(super) struct Groups {
    groups: Vec<IpAddr>,
    sources: Vec<IpAddr>,
    interface: Option<String>,
    heard: Loop,
}

impl Groups {
    /// Checks the options. `own` is the address that is listened on, which is joined if it is a group.
    ///
    /// # Errors
    /// Kind `Usage`.
    pub(super) fn parse(settings: &Settings, own: Option<IpAddr>) -> Result<Groups> {
        let mut groups = addresses(settings, "group")?;
        groups.extend(own.filter(IpAddr::is_multicast));
        groups.sort_unstable();
        groups.dedup();
        if let Some(other) = groups.iter().find(|group| !group.is_multicast()) {
            return Err(Error::usage(format!("group={other} is no multicast group"))
                .hint("groups are 224.0.0.0 to 239.255.255.255 and what begins with ff"));
        }
        let sources = addresses(settings, "source")?;
        if groups.is_empty() && !sources.is_empty() {
            return Err(Error::usage("source means something only with a group"));
        }
        for group in groups.iter().filter(|_| !sources.is_empty()) {
            if !sources
                .iter()
                .any(|source| source.is_ipv4() == group.is_ipv4())
            {
                let reason = format!("no source is of the family of {group}");
                return Err(Error::usage(reason));
            }
        }
        let named = settings.text("group-interface");
        let interface = named.or_else(|| settings.text("interface"));
        let heard = match settings.flag("loop") {
            true => Loop::Heard,
            false => Loop::Silent,
        };
        Ok(Groups {
            groups,
            sources,
            interface: interface.map(str::to_owned),
            heard,
        })
    }

    /// Whether there are any.
    pub(super) fn are_joined(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Says how to send to groups, and joins those of the socket's family. Callers stand in the
    /// namespace of the socket.
    ///
    /// # Errors
    /// An [`Error`] inside: no such interface, or the kernel refuses.
    pub(super) fn apply(&self, socket: &Socket, options: &SocketOptions) -> io::Result<()> {
        let interface = match &self.interface {
            None => 0,
            Some(name) => wharf_sys::interface::index(name).map_err(|error| {
                let reason = format!("there is no interface {name} here");
                let error = Error::new(Op::Open, Kind::Local, reason).because(error);
                io::Error::from(error.hint("ip link lists them"))
            })?,
        };
        if interface > 0 {
            multicast::set_interface(socket, interface)?;
        }
        if let Some(hops) = options.ttl() {
            multicast::set_hop_limit(socket, hops)?;
        }
        multicast::set_loop(socket, self.heard)?;
        if !self.are_joined() {
            return Ok(());
        }
        multicast::only_joined(socket)?;
        // An IPv6 socket joins IPv4 groups too, as it takes IPv4 datagrams.
        let v6 = socket.domain()? == Domain::IPV6;
        for group in self.groups.iter().filter(|group| group.is_ipv4() || v6) {
            self.join(socket, *group, interface)?;
        }
        Ok(())
    }

    fn join(&self, socket: &Socket, group: IpAddr, interface: u32) -> io::Result<()> {
        let told = |error| refused(error, group, self.interface.as_deref());
        if self.sources.is_empty() {
            return multicast::join(socket, group, interface).map_err(told);
        }
        let same = |source: &&IpAddr| source.is_ipv4() == group.is_ipv4();
        for source in self.sources.iter().filter(same) {
            multicast::join_source(socket, group, *source, interface).map_err(told)?;
        }
        Ok(())
    }
}

/// The addresses of a list.
fn addresses(settings: &Settings, name: &str) -> Result<Vec<IpAddr>> {
    let parse = |text: &String| {
        let address = text.trim_matches(['[', ']']).parse();
        address.map_err(|_| Error::usage(format!("{name}={text}: an IP address is wanted")))
    };
    settings.list(name).iter().map(parse).collect()
}

/// Why a group cannot be joined.
fn refused(error: io::Error, group: IpAddr, interface: Option<&str>) -> io::Error {
    let number = error.raw_os_error();
    let unrouted = number == Some(Errno::NODEV.raw_os_error());
    let told = Error::io_while(Op::Open, format!("join group {group}"), error).of_kind(Kind::Local);
    match interface {
        None if unrouted => told.hint("no route leads to it: group-interface=NAME says where"),
        _ => told,
    }
    .into()
}
