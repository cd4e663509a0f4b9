//! [`Listener`]: any `-listen` address of wharf, with a blocking accept.

use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};

use super::channel::Channel;
use super::driver::Driver;
use crate::socket::endpoint::Endpoint;
use crate::socket::env::Env;
use crate::socket::error::{Error, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::listener;

/// Binds and listens with the endpoint that `address` names.
///
/// # Errors
/// Kind `Usage` for an address that cannot be meant or that does not listen; else what binding
/// says.
///
/// ```
/// let listener = wharf::blocking::listen("lines+tcp-listen://127.0.0.1:0")?;
/// let client = wharf::blocking::open(&format!("tcp://{}", listener.local()[0]))?;
/// client.send_all(b"one\ntwo\n")?;
///
/// let peer = listener.accept()?.open()?;
/// let mut buffer = [0; 64];
/// assert_eq!(peer.recv(&mut buffer)?, 3);
/// assert_eq!(peer.recv(&mut buffer)?, 3);
/// assert_eq!(&buffer[..3], b"two");
/// # Ok::<(), wharf::Error>(())
/// ```
pub fn listen(address: &str) -> Result<Listener> {
    listen_in(address, &Env::new())
}

/// The same in an environment of yours: with a log, names, a network namespace.
///
/// # Errors
/// As [`listen`].
pub fn listen_in(address: &str, env: &Env) -> Result<Listener> {
    let endpoint = Endpoint::parse(address)?;
    if !endpoint.is_listener() {
        let hint = "a listening address has -listen: tcp-listen://127.0.0.1:9999";
        return Err(Error::usage(format!("{endpoint} does not listen")).hint(hint));
    }
    let driver = Driver::start()?;
    let listener = driver.wait(Op::Listen, None, endpoint.listen(env))?;
    Ok(Listener {
        local: listener.local(),
        inner: Mutex::new(listener),
        driver,
    })
}

/// A listening endpoint.
#[derive(Debug)]
pub struct Listener {
    inner: Mutex<listener::Listener>,
    local: Vec<SocketName>,
    driver: Driver,
}

impl Listener {
    /// What was bound, real ports filled in.
    pub fn local(&self) -> &[SocketName] {
        &self.local
    }

    /// Takes the next peer, before any handshake with it.
    ///
    /// # Errors
    /// About that one peer, or kind `Local` if descriptors have run out; the listener goes on.
    pub fn accept(&self) -> Result<Incoming> {
        let accepted = poll_fn(|cx| {
            let mut listener = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            listener.poll_accept(cx)
        });
        let inner = self.driver.wait(Op::Accept, None, accepted)?;
        let driver = self.driver.clone();
        Ok(Incoming { inner, driver })
    }
}

/// A peer that was accepted and not answered.
#[derive(Debug)]
pub struct Incoming {
    inner: listener::Incoming,
    driver: Driver,
}

impl Incoming {
    /// What is known of the peer before any handshake.
    pub fn info(&self) -> &Info {
        self.inner.info()
    }

    /// Agrees with the peer on every layer, which may take as long as the peer likes: a server for
    /// many gives each peer a thread first.
    ///
    /// # Errors
    /// What the failing layer says.
    pub fn open(self) -> Result<Channel> {
        let channel = self.driver.wait(Op::Handshake, None, self.inner.open())?;
        Ok(Channel::new(channel, self.driver))
    }
}
