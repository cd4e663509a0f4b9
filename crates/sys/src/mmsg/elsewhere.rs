//! Systems that cannot do it.

use super::{Arrived, Outgoing, Senders};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

/// Where datagrams arrive; here, none do.
#[derive(Debug)]
pub struct Inbox(());

impl Inbox {
    /// Space for nothing.
    pub fn new(_places: usize, _len: usize) -> Inbox {
        Inbox(())
    }

    /// How many datagrams one call may receive.
    pub fn places(&self) -> usize {
        0
    }

    /// Receives nothing.
    ///
    /// # Errors
    /// `Unsupported`.
    pub fn recv(&mut self, _fd: impl AsFd, _senders: Senders, _most: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The octets that arrived with the last call: none.
    pub fn octets(&self) -> usize {
        0
    }

    /// What arrived with the last call: nothing.
    pub fn iter(&self) -> impl Iterator<Item = Arrived<'_>> {
        std::iter::empty()
    }
}

/// Sends nothing.
///
/// # Errors
/// `Unsupported`.
pub fn send<'a>(
    _fd: impl AsFd,
    _messages: impl Iterator<Item = Outgoing<'a>>,
    _to: Option<SocketAddr>,
    _from: Option<(IpAddr, u32)>,
) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
