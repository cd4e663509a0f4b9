//! Where sockets are opened: this host, a network namespace, or through somebody else.
//!
//! A [`Net`] is chosen by `via=ADDRESS` and inherited by what an endpoint opens for itself.
//! Kernel sockets are made with [`Net::enter`], which runs the making on a throw-away thread
//! inside a namespace (`setns` is per thread). A [`Carrier`] (a proxy, an SSH session, a user-space
//! stack) opens whole channels instead.
//! Not here: which addresses name a net (each scheme with `Build::Net`).

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::channel::Channel;
use super::env::Cx;
use super::error::Result;
use super::listener::GroundListener;

/// A place where sockets are opened.
#[derive(Clone, Default)]
pub enum Net {
    /// The network of this process.
    #[default]
    Host,
    /// A network namespace of this machine.
    Namespace {
        /// Its name, for messages.
        name: String,
        /// The open namespace, or how to open it.
        fd: Arc<OwnedFd>,
    },
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
    /// What `make` returns; `PermissionDenied` where the namespace may not be entered (it needs
    /// CAP_SYS_ADMIN); `Unsupported` for a carrier, which has no kernel sockets.
    pub fn enter<T: Send>(&self, make: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        match self {
            Net::Host => make(),
            Net::Namespace { fd, .. } => wharf_sys::netns::inside(fd.as_fd(), make)?,
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

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Net::Host => f.write_str("Host"),
            Net::Namespace { name, .. } => write!(f, "Namespace({name})"),
            Net::Through(carrier) => write!(f, "Through({})", carrier.name()),
        }
    }
}
