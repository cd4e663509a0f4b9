//! Options of sockets that mean the same for several transports, and how they reach the kernel.
//!
//! Sources: socket(7), ip(7), ipv6(7). A transport names the groups it takes in its scheme, reads
//! them with [`SocketOptions::parse`], and applies them before it binds or connects.
//! Not here: what only one transport has (`tcp`, `udp`, `unix`).

mod class;

use std::fmt;
use std::io;
use std::net::IpAddr;

use rustix::io::Errno;
use socket2::{Domain, Socket};

use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::log::Level;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::resolve::parse_bind;
use crate::socket::settings::Settings;
use crate::socket::units::format_size;

/// The size of the kernel's send buffer, for every socket.
pub(super) const SNDBUF: OptionSpec = OptionSpec::new(
    "sndbuf",
    OptionKind::Size,
    "the kernel keeps so much that is not sent",
);

/// Sizes of the kernel's buffers, for every socket that has nothing to say of its own.
pub(super) const BUFFERS: &[OptionSpec] = &[
    SNDBUF,
    OptionSpec::new(
        "rcvbuf",
        OptionKind::Size,
        "the kernel keeps so much that is not read",
    ),
];

/// What internet sockets have in common.
pub(super) const INTERNET: &[OptionSpec] = &[
    OptionSpec::new(
        "bind",
        OptionKind::Bind,
        "leaves from this address of ours, this port, or both",
    )
    .client(),
    OptionSpec::new(
        "interface",
        OptionKind::Text,
        "uses only this network interface, by name",
    )
    .example("eth0"),
    OptionSpec::new(
        "dscp",
        OptionKind::Text,
        "traffic class by code point: ef, af41, cs1, or 0 to 63",
    )
    .example("ef"),
    OptionSpec::new(
        "tos",
        OptionKind::Text,
        "traffic class as the whole octet: 0x10, lowdelay, or a name of dscp",
    )
    .example("lowdelay"),
    OptionSpec::new(
        "ttl",
        OptionKind::Integer { min: 1, max: 255 },
        "packets go so many hops at most",
    ),
    OptionSpec::new(
        "mark",
        OptionKind::Integer {
            min: 0,
            max: u32::MAX as i64,
        },
        "marks packets for routing and filters; needs CAP_NET_ADMIN",
    ),
    OptionSpec::flag(
        "transparent",
        "uses addresses that are not this machine's (TPROXY); needs CAP_NET_ADMIN",
    ),
    OptionSpec::flag(
        "freebind",
        "binds to an address that this machine does not have yet",
    ),
    OptionSpec::flag("reuseport", "shares its port with others that say so too"),
];

/// What connecting has in common.
pub(super) const TIMEOUT: OptionSpec = OptionSpec::new(
    "timeout",
    OptionKind::Duration,
    "gives up opening after so long, name lookup included",
)
.default("10s")
.client();

/// How many peers may wait to be accepted.
pub(super) const BACKLOG: OptionSpec = OptionSpec::new(
    "backlog",
    OptionKind::Integer {
        min: 1,
        max: 65_535,
    },
    "connections that may wait to be accepted",
)
.default("1024")
.server();

/// The checked values. What a transport does not declare is never set.
#[derive(Clone, Debug, Default)]
pub(super) struct SocketOptions {
    sndbuf: Option<usize>,
    rcvbuf: Option<usize>,
    interface: Option<String>,
    class: Option<u8>,
    ttl: Option<u8>,
    mark: Option<u32>,
    pub(super) transparent: bool,
    freebind: bool,
    reuseport: bool,
    /// Where to leave from: the address, if one was given, and the port or 0.
    pub(super) bind: Option<(Option<IpAddr>, u16)>,
}

impl SocketOptions {
    /// Checks the values.
    ///
    /// # Errors
    /// Kind `Usage`.
    pub(super) fn parse(settings: &Settings) -> Result<SocketOptions> {
        let class = match (settings.text("tos"), settings.text("dscp")) {
            (Some(_), Some(_)) => {
                return Err(Error::usage("tos and dscp set the same octet")
                    .hint("tos has the ECN bits too, dscp leaves them to the kernel"));
            }
            (Some(tos), None) => Some(class::parse_tos(tos)?),
            (None, Some(dscp)) => Some(class::parse_dscp(dscp)?),
            (None, None) => None,
        };
        Ok(SocketOptions {
            sndbuf: settings.len_of("sndbuf"),
            rcvbuf: settings.len_of("rcvbuf"),
            interface: settings.text("interface").map(str::to_owned),
            class,
            ttl: settings.integer("ttl"),
            mark: settings.integer("mark"),
            transparent: settings.flag("transparent"),
            freebind: settings.flag("freebind"),
            reuseport: settings.flag("reuseport"),
            bind: settings.text("bind").map(parse_bind).transpose()?,
        })
    }

    /// Checks the sizes of buffers alone, for what is no internet socket.
    pub(super) fn of_buffers(settings: &Settings) -> SocketOptions {
        SocketOptions {
            sndbuf: settings.len_of("sndbuf"),
            rcvbuf: settings.len_of("rcvbuf"),
            ..SocketOptions::default()
        }
    }

    /// The hop limit that was given.
    pub(super) fn ttl(&self) -> Option<u8> {
        self.ttl
    }

    /// Whether the size of the receive buffer was asked for.
    pub(super) fn sizes_rcvbuf(&self) -> bool {
        self.rcvbuf.is_some()
    }

    /// Sets everything on a fresh socket.
    ///
    /// # Errors
    /// An [`Error`] inside, which names the option.
    pub(super) fn apply(&self, socket: &Socket, cx: Cx<'_>) -> io::Result<()> {
        if let Some(size) = self.sndbuf {
            set("sndbuf", size, socket.set_send_buffer_size(size))?;
            told(cx, "sndbuf", size, socket.send_buffer_size()?);
        }
        if let Some(size) = self.rcvbuf {
            set("rcvbuf", size, socket.set_recv_buffer_size(size))?;
            told(cx, "rcvbuf", size, socket.recv_buffer_size()?);
        }
        if let Some(name) = &self.interface {
            set("interface", name, socket.bind_device(Some(name.as_bytes())))?;
        }
        if let Some(class) = self.class {
            let result = wharf_sys::options::set_traffic_class(socket, class);
            set("tos", class, result)?;
        }
        if let Some(ttl) = self.ttl {
            set("ttl", ttl, wharf_sys::options::set_hop_limit(socket, ttl))?;
        }
        if let Some(mark) = self.mark {
            set("mark", mark, socket.set_mark(mark))?;
        }
        if self.transparent {
            let result = wharf_sys::options::set_transparent(socket);
            set("transparent", "yes", result)?;
        }
        if self.freebind {
            let result = match socket.domain()? {
                Domain::IPV6 => socket.set_freebind_v6(true),
                _ => socket.set_freebind_v4(true),
            };
            set("freebind", "yes", result)?;
        }
        if self.reuseport {
            set("reuseport", "yes", socket.set_reuse_port(true))?;
        }
        Ok(())
    }
}

/// Names the option in the error of setting it.
pub(super) fn set<T>(name: &str, value: impl fmt::Display, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| {
        let missing = matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::Unsupported
        );
        let (kind, number) = (error.kind(), error.raw_os_error());
        let told = Error::io_while(Op::Open, format!("option {name}={value}"), error);
        let told = if missing {
            told.of_kind(Kind::Local)
        } else {
            told
        };
        match (name, kind, number) {
            (_, io::ErrorKind::PermissionDenied, _) => {
                told.hint("this option needs CAP_NET_ADMIN, which root has")
            }
            ("interface", _, Some(number)) if number == Errno::NODEV.raw_os_error() => told.hint(
                format!("there is no interface {value} here; ip link lists them"),
            ),
            ("congestion", io::ErrorKind::NotFound, _) => {
                told.hint("sysctl net.ipv4.tcp_available_congestion_control lists what there is")
            }
            _ => told,
        }
        .into()
    })
}

/// Tells where the kernel gave less than was asked for, as it does without an error.
fn told(cx: Cx<'_>, name: &str, asked: usize, given: usize) {
    // The kernel sets, and shows, twice the size, for its own bookkeeping (socket(7)).
    if given / 2 < asked {
        let (asked, given) = (asked as u64, given as u64 / 2);
        let limit = if name == "sndbuf" {
            "wmem_max"
        } else {
            "rmem_max"
        };
        let text = format!(
            "{name}: the kernel gave {} instead of {} (sysctl net.core.{limit})",
            format_size(given),
            format_size(asked)
        );
        cx.say(Level::Debug, text);
    }
}
