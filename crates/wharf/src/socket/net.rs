//! Where sockets are opened: this host, a network namespace, or through somebody else.
//!
//! A [`Net`] is chosen by `via=ADDRESS` and inherited by what an endpoint opens for itself.
//! Kernel sockets are made with [`Net::enter`], which runs the making on a throw-away thread
//! inside a namespace (`setns` is per thread). A [`Carrier`] (a proxy, an SSH session, a user-space
//! stack) opens whole channels instead.
//! Not here: which addresses name a net (each scheme with `Build::Net`).

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::channel::Channel;
use super::env::Cx;
use super::error::{Error, Kind, Op, Result};
use super::listener::GroundListener;

/// A place where sockets are opened.
#[derive(Clone, Default)]
pub enum Net {
    /// The network of this process.
    #[default]
    Host,
    /// A network namespace of this machine: what `ip netns` calls it, the id of a process that is
    /// in it, or a path. It is looked up each time, so that it may be made after wharf was started.
    Namespace(Arc<str>),
    /// Somebody else opens the connection for us.
    Through(Arc<dyn Carrier>),
}

/// What a carrier is asked to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A stream, as TCP gives.
    Tcp,
    /// Datagrams, as UDP gives.
    Udp,
}

/// One who opens connections on our behalf.
pub trait Carrier: Send + Sync {
    /// Its name, for messages.
    fn name(&self) -> String;

    /// Opens a connection to `host` and `port`; names are resolved on the far side.
    fn connect<'a>(
        &'a self,
        transport: Transport,
        host: &'a str,
        port: u16,
        cx: Cx<'a>,
    ) -> BoxFuture<'a, Result<Channel>>;

    /// Listens on the far side.
    fn listen<'a>(
        &'a self,
        transport: Transport,
        host: &'a str,
        port: u16,
        cx: Cx<'a>,
    ) -> BoxFuture<'a, Result<Box<dyn GroundListener>>>;
}

impl Net {
    /// Runs `make` where kernel sockets of this net are made.
    ///
    /// # Errors
    /// What `make` returns; an [`Error`] inside where there is no such namespace, or it may not be
    /// entered (it needs CAP_SYS_ADMIN); `Unsupported` for a carrier, which has no kernel sockets.
    pub fn enter<T: Send>(&self, make: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        match self {
            Net::Host => make(),
            Net::Namespace(name) => {
                let place = wharf_sys::netns::open(name).map_err(|e| unusable(name, e))?;
                wharf_sys::netns::inside(place.as_fd(), make).map_err(|e| unusable(name, e))?
            }
            Net::Through(carrier) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("{} opens no sockets of this machine", carrier.name()),
            )),
        }
    }

    /// The carrier, if somebody else opens connections.
    pub fn carrier(&self) -> Option<&Arc<dyn Carrier>> {
        match self {
            Net::Through(carrier) => Some(carrier),
            _ => None,
        }
    }
}

/// Why a namespace cannot be opened or entered.
fn unusable(name: &str, error: io::Error) -> io::Error {
    let error = match error.kind() {
        io::ErrorKind::NotFound => {
            let reason = format!("there is no network namespace {name}");
            Error::new(Op::Open, Kind::Local, reason).hint("ip netns lists those that have a name")
        }
        io::ErrorKind::InvalidInput => {
            let reason = format!("{name} is no network namespace");
            Error::new(Op::Open, Kind::Local, reason)
        }
        io::ErrorKind::PermissionDenied => {
            Error::io_while(Op::Open, format!("network namespace {name}"), error)
                .hint("entering a network namespace needs CAP_SYS_ADMIN, which root has")
        }
        _ => Error::io_while(Op::Open, format!("network namespace {name}"), error),
    };
    error.into()
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Net::Host => f.write_str("Host"),
            Net::Namespace(name) => write!(f, "Namespace({name})"),
            Net::Through(carrier) => write!(f, "Through({})", carrier.name()),
        }
    }
}
