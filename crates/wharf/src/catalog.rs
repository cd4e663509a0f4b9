//! The one list of schemes. A new endpoint is one line here.

#[cfg(test)]
mod tests;

use crate::socket::error::Result;
use crate::socket::scheme::{Catalog, Scheme, Shorthand};
use crate::{Endpoint, application, framing, link, local, network, security, transport};

/// Every scheme, by layer and then by how often it is wanted.
pub static SCHEMES: &[&Scheme] = &[
    &application::http::SCHEME,
    &application::telnet::SCHEME,
    &framing::records::LINES,
    &framing::records::NUL,
    &framing::records::LEN16,
    &framing::records::LEN32,
    &framing::records::CHUNK,
    &framing::crlf::SCHEME,
    &security::tls::SCHEME,
    &transport::tcp::SCHEME,
    &transport::udp::SCHEME,
    &transport::unix::STREAM,
    &transport::unix::DATAGRAM,
    &transport::unix::SEQPACKET,
    &transport::vsock::SCHEME,
    &network::icmp::SCHEME,
    &network::ip::SCHEME,
    &link::tuntap::TUN,
    &network::netns::SCHEME,
    &link::tuntap::TAP,
    &link::ethernet::SCHEME,
    &local::stdio::SCHEME,
    &local::file::SCHEME,
    &local::fd::SCHEME,
    &local::exec::EXEC,
    &local::exec::SHELL,
    &local::pty::SCHEME,
    &local::serial::SCHEME,
    &local::pipe::SCHEME,
    &local::builtin::echo::SCHEME,
    &local::builtin::discard::SCHEME,
    &local::builtin::source::ZERO,
    &local::builtin::source::RANDOM,
];

/// Well-known names that stand for a whole stack.
pub static SHORTHANDS: &[Shorthand] = &[
    Shorthand {
        name: "https",
        stack: &["http", "tls", "tcp"],
        port: Some(443),
    },
    Shorthand {
        name: "telnets",
        stack: &["telnet", "tls", "tcp"],
        port: Some(992),
    },
];

/// What addresses are parsed with.
pub static CATALOG: Catalog = Catalog {
    schemes: SCHEMES,
    shorthands: SHORTHANDS,
};

impl Endpoint {
    /// Reads and checks an address; opens nothing.
    ///
    /// # Errors
    /// Kind `Usage`, pointing at the character that cannot be meant.
    ///
    /// ```
    /// let endpoint = wharf::Endpoint::parse("tcp://[::1]:80#nodelay")?;
    /// assert_eq!(endpoint.to_string(), "tcp://[::1]:80#nodelay");
    /// assert!(wharf::Endpoint::parse("tcp://[::1]:80#nodelya").is_err());
    /// # Ok::<(), wharf::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Endpoint> {
        Endpoint::parse_with(text, &CATALOG)
    }

    /// The endpoint of a program and its arguments, which need no quoting.
    ///
    /// # Errors
    /// Kind `Usage` if there is no program.
    pub fn of_command<S: AsRef<str>>(words: &[S]) -> Result<Endpoint> {
        Endpoint::build(crate::socket::Address::of_command(words, &CATALOG)?)
    }
}

impl std::str::FromStr for Endpoint {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Endpoint> {
        Endpoint::parse(text)
    }
}
