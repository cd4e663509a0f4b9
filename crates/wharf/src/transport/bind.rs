//! Taking a local address, and saying why it cannot be had.
//!
//! Sources: bind(2), ip(7), capabilities(7). Shared by the transports that have ports. What is asked of
//! `/proc` is asked in the network namespace of the socket, so callers stand inside it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::Socket;
use wharf_sys::owner::{self, Transport};

use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op};
use crate::socket::log::Level;

/// Binds `socket` to `address`.
///
/// # Errors
/// An [`Error`] inside: who has the address, or what it takes to get it.
pub(super) fn bind(socket: &Socket, address: SocketAddr, transport: Transport) -> io::Result<()> {
    socket
        .bind(&address.into())
        .map_err(|error| explain(error, address, transport).into())
}

/// The address to bind to before connecting to `peer`, for what `bind=` says.
///
/// # Errors
/// Kind `Usage` if the families differ.
pub(super) fn source_for(
    peer: SocketAddr,
    (address, port): (Option<IpAddr>, u16),
) -> Result<SocketAddr, Error> {
    let address = match (address, peer) {
        (None, SocketAddr::V4(_)) => Ipv4Addr::UNSPECIFIED.into(),
        (None, SocketAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
        (Some(address), _) => address,
    };
    if address.is_ipv4() != peer.is_ipv4() {
        return Err(other_family(address, peer.ip()));
    }
    let mut source = SocketAddr::new(address, port);
    // A link-local address means something only together with its link.
    if let (SocketAddr::V6(source), SocketAddr::V6(peer)) = (&mut source, peer)
        && source.ip().is_unicast_link_local()
    {
        source.set_scope_id(peer.scope_id());
    }
    Ok(source)
}

/// What `bind=` names cannot reach the peer.
pub(super) fn other_family(ours: IpAddr, peer: IpAddr) -> Error {
    let reason = format!("bind={ours} cannot reach {peer}, which is of another family");
    Error::new(Op::Bind, Kind::Usage, reason)
}

/// Listens on all addresses of a host with `listen`, which says what port it got; of those of a name,
/// on the ones that this machine has. With port 0 all take the port that the first one got, and
/// `[::]` becomes 0.0.0.0 where there is no IPv6.
pub(super) fn bind_all<T>(
    addresses: Vec<SocketAddr>,
    cx: Cx<'_>,
    listen: impl Fn(SocketAddr) -> io::Result<(T, u16)>,
) -> Result<Vec<T>, Error> {
    let several = addresses.len() > 1;
    let mut port = None;
    let mut bound = Vec::new();
    let mut lacking = None;
    for mut address in addresses {
        if address.port() == 0 {
            address.set_port(port.unwrap_or(0));
        }
        let mut listened = listen(address);
        if let Err(error) = &listened
            && address.ip() == Ipv6Addr::UNSPECIFIED
            && is_without_ipv6(error)
        {
            cx.say(Level::Info, "there is no IPv6 here: listening on 0.0.0.0");
            address.set_ip(Ipv4Addr::UNSPECIFIED.into());
            listened = listen(address);
        }
        match listened {
            Ok((one, its_port)) => {
                bound.push(one);
                port.get_or_insert(its_port);
            }
            Err(error) if several && is_lacking(&error) => {
                cx.say(Level::Info, format!("not on {}: {error}", address.ip()));
                lacking.get_or_insert(error);
            }
            Err(error) => return Err(Error::io(Op::Listen, error)),
        }
    }
    match lacking {
        Some(error) if bound.is_empty() => Err(Error::io(Op::Listen, error)),
        _ => Ok(bound),
    }
}

/// Whether it failed because the machine has no IPv6 at all (a kernel without it, or switched off).
fn is_without_ipv6(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// Whether it failed because the machine lacks that one address.
fn is_lacking(error: &io::Error) -> bool {
    let told = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    let cause =
        told.and_then(|error| std::error::Error::source(error)?.downcast_ref::<io::Error>());
    let missing = cause.is_some_and(|cause| cause.kind() == io::ErrorKind::AddrNotAvailable);
    missing || is_without_ipv6(error)
}

/// Says why `address` cannot be had.
pub(super) fn explain(error: io::Error, address: SocketAddr, transport: Transport) -> Error {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holder = match owner::of_port(address, transport) {
                Some(owner) => format!("{} (process {})", owner.name, owner.pid),
                None => "another socket".into(),
            };
            Error::new(
                Op::Bind,
                Kind::Local,
                format!("{address} is taken by {holder}"),
            )
            .because(error)
            .hint("end it, or choose another port; port 0 takes any that is free")
        }
        io::ErrorKind::AddrNotAvailable => {
            let reason = format!("{} is no address of this machine", address.ip());
            Error::new(Op::Bind, Kind::Local, reason)
                .because(error)
                .hint("ip address lists them; #freebind takes it all the same")
        }
        io::ErrorKind::PermissionDenied if port != 0 && port < 1024 => {
            let reason = format!("port {port} is below 1024 and needs CAP_NET_BIND_SERVICE");
            Error::new(Op::Bind, Kind::Privilege, reason)
                .because(error)
                .hint(
                    "sudo setcap cap_net_bind_service=+ep $(command -v wharf), \
                     or choose a port from 1024 on",
                )
        }
        _ => Error::io_while(Op::Bind, address, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::env::Env;
    use crate::socket::log::{Log, Message};
    use std::sync::{Arc, Mutex};

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Log for Lines {
        fn message(&self, message: &Message<'_>) {
            if let Message::Text { text, .. } = message {
                self.0.lock().unwrap().push((*text).to_owned());
            }
        }
    }

    /// What came of listening on `addresses` with `listen`, and what was said meanwhile.
    fn listened(
        addresses: &[&str],
        listen: impl Fn(SocketAddr) -> io::Result<(SocketAddr, u16)>,
    ) -> (Result<Vec<SocketAddr>, Error>, Vec<String>) {
        let log = Arc::new(Lines::default());
        let env = Env::new().with_log(log.clone());
        let cx = Cx {
            env: &env,
            net: &env.net,
            at: "",
            origin: None,
        };
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let bound = bind_all(addresses, cx, listen);
        let said = log.0.lock().unwrap().clone();
        (bound, said)
    }

    fn without_ipv6(address: SocketAddr) -> io::Result<(SocketAddr, u16)> {
        match address {
            SocketAddr::V4(_) => Ok((address, address.port())),
            SocketAddr::V6(_) => Err(rustix::io::Errno::AFNOSUPPORT.into()),
        }
    }

    #[test]
    fn the_ipv6_wildcard_becomes_that_of_ipv4_where_there_is_no_ipv6() {
        let (bound, said) = listened(&["[::]:80"], without_ipv6);
        assert_eq!(bound.unwrap(), ["0.0.0.0:80".parse().unwrap()]);
        assert_eq!(said, ["there is no IPv6 here: listening on 0.0.0.0"]);
        // One address of IPv6 was meant as such.
        assert!(listened(&["[::1]:80"], without_ipv6).0.is_err());
    }

    #[test]
    fn of_a_name_the_addresses_that_are_there_are_taken() {
        let (bound, said) = listened(&["[::1]:80", "127.0.0.1:80"], without_ipv6);
        assert_eq!(bound.unwrap(), ["127.0.0.1:80".parse().unwrap()]);
        assert_eq!(said.len(), 1);
        // A port that is taken is no lack.
        let taken = |_| Err(io::ErrorKind::AddrInUse.into());
        assert!(
            listened(&["127.0.0.1:80", "127.0.0.2:80"], taken)
                .0
                .is_err()
        );
    }

    #[test]
    fn port_zero_is_one_port_for_all_addresses() {
        let listen = |address: SocketAddr| {
            let port = if address.port() == 0 {
                4000
            } else {
                address.port()
            };
            Ok((SocketAddr::new(address.ip(), port), port))
        };
        let (bound, _) = listened(&["127.0.0.1:0", "127.0.0.2:0"], listen);
        let wanted = ["127.0.0.1:4000", "127.0.0.2:4000"].map(|text| text.parse().unwrap());
        assert_eq!(bound.unwrap(), wanted);
    }

    #[test]
    fn a_privileged_port_names_the_capability_and_the_command() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let low = "0.0.0.0:80".parse().unwrap();
        let error = explain(denied(), low, Transport::Tcp);
        assert_eq!(error.kind(), Kind::Privilege);
        assert!(error.reason().contains("CAP_NET_BIND_SERVICE"), "{error}");
        assert!(
            error
                .try_this()
                .unwrap()
                .contains("sudo setcap cap_net_bind_service=+ep")
        );
        // Elsewhere it is not the number that is refused.
        let error = explain(denied(), "0.0.0.0:8080".parse().unwrap(), Transport::Tcp);
        assert!(!error.reason().contains("CAP_"), "{error}");
    }
}
