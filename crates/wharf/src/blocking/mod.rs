//! The classic seven steps, blocking: socket, bind, listen, accept, connect, send and recv, close.
//!
//! For those who come from BSD sockets, Winsock or a Python tutorial. A [`Socket`] is a plain
//! blocking descriptor for TCP, UDP and Unix sockets, without a runtime. Every other endpoint of
//! wharf (TLS, a command on a terminal, a serial line) is opened by its address with [`open`], and
//! listened on with [`listen`]; these are driven by one thread each.
//! Not here: serving thousands (`crate::relay::serve` and async tasks).
//!
//! A server and its client, as a tutorial has them:
//!
//! ```
//! use std::thread;
//! use wharf::blocking::{Family, Kind, Shutdown, Socket};
//!
//! let server = Socket::new(Family::Ipv4, Kind::Stream)?;
//! server.bind(("127.0.0.1", 0))?;
//! server.listen(5)?;
//! let address = server.local_address()?;
//!
//! let answering = thread::spawn(move || {
//!     let (peer, _from) = server.accept()?;
//!     let mut buffer = [0; 1024];
//!     let n = peer.recv(&mut buffer)?;
//!     peer.send_all(&buffer[..n])?;
//!     peer.close();
//!     Ok::<(), wharf::Error>(())
//! });
//!
//! let client = Socket::new(Family::Ipv4, Kind::Stream)?;
//! client.connect(address)?;
//! client.send_all(b"Hello, world")?;
//! client.shutdown(Shutdown::Write)?;
//! let mut buffer = [0; 1024];
//! let n = client.recv(&mut buffer)?;
//! assert_eq!(&buffer[..n], b"Hello, world");
//! answering.join().unwrap()?;
//! # Ok::<(), wharf::Error>(())
//! ```
//!
//! The same conversation with any other endpoint, by its address:
//!
//! ```
//! let command = wharf::blocking::open("exec:cat")?;
//! command.send_all(b"Hello, world")?;
//! command.finish()?;
//! let mut buffer = [0; 1024];
//! let n = command.recv(&mut buffer)?;
//! assert_eq!(&buffer[..n], b"Hello, world");
//! # Ok::<(), wharf::Error>(())
//! ```

mod address;
mod channel;
mod driver;
mod listener;
mod socket;
#[cfg(test)]
mod tests;

pub use address::Address;
pub use channel::{Channel, open, open_in};
pub use listener::{Incoming, Listener, listen, listen_in};
pub use socket::{Family, Kind, Socket};
pub use std::net::Shutdown;
