//! Where packets of the network layer leave from, and how far they go.
//!
//! Source: ip(7), ipv6(7). Shared by `ip` and `icmp`, whose sockets are connected, so that they hear one
//! peer alone.
//! Not here: what is sent (each endpoint).

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::Socket;

use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::settings::Settings;

/// The options of both.
pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "bind",
        OptionKind::Text,
        "leaves from this address of this machine",
    )
    .example("127.0.0.1"),
    OptionSpec::new(
        "ttl",
        OptionKind::Integer { min: 1, max: 255 },
        "passes so many routers at most, otherwise the kernel's 64",
    )
    .example("64"),
];

/// What was typed, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    bind: Option<IpAddr>,
    ttl: Option<u32>,
}

impl Source {
    /// Reads the options.
    ///
    /// # Errors
    /// Kind `Usage`.
    pub(super) fn parse(settings: &Settings) -> Result<Source> {
        let bind = settings.text("bind").map(|text| {
            text.parse().map_err(|_| {
                Error::usage(format!("{text} is no address"))
                    .hint("bind=127.0.0.1: there are no ports here")
            })
        });
        Ok(Source {
            bind: bind.transpose()?,
            ttl: settings.integer("ttl"),
        })
    }

    /// Binds and connects a socket of the family of `to`, and has errors that come back queued.
    ///
    /// # Errors
    /// An [`Error`] inside.
    pub(super) fn apply(&self, socket: &Socket, to: SocketAddr) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        wharf_sys::options::receive_errors(socket)?;
        if let Some(ttl) = self.ttl {
            match to {
                SocketAddr::V4(_) => socket.set_ttl_v4(ttl)?,
                SocketAddr::V6(_) => socket.set_unicast_hops_v6(ttl)?,
            }
        }
        if let Some(bind) = self.bind {
            if bind.is_ipv4() != to.is_ipv4() {
                let reason = format!("bind={bind} cannot reach {}, of another family", to.ip());
                return Err(Error::new(Op::Bind, Kind::Usage, reason).into());
            }
            let bound = socket.bind(&SocketAddr::new(bind, 0).into());
            bound.map_err(|error| match error.kind() {
                io::ErrorKind::AddrNotAvailable => {
                    let reason = format!("{bind} is no address of this machine");
                    Error::new(Op::Bind, Kind::Local, reason).because(error)
                }
                _ => Error::io(Op::Bind, error),
            })?;
        }
        // Without a port, but with the link of a link-local address.
        let mut to = to;
        to.set_port(0);
        socket.connect(&to.into())
    }
}
