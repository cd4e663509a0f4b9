//! The tools that people have, each as client and as server of wharf: the same conversations for
//! all, and a module a tool that says in its own words how it is asked to take part.
//!
//! Not here: TLS and Unix sockets (`tls`, `unix`), HTTP (`http`), commands (`inetd`).

mod nc;
mod ncat;
mod python;
mod socat;
mod tcp;
mod udp;

use std::net::SocketAddr;

use wharf_tests::Program;
use wharf_tests::need::Tool;

/// How one tool is asked for what the conversations need.
///
/// In its words `HOST` and `PORT` stand for where to go, `BRACKETS` for a host that is in brackets
/// if it is IPv6, and `FAMILY` for 4 or 6.
struct Peer {
    tool: Tool,
    /// Connects, sends its input, passes its end on, and prints what comes.
    tcp_client: &'static [&'static str],
    /// Does the same for the first who connects to a port that it chooses.
    tcp_server: &'static [&'static str],
    /// Sends each line of its input as a datagram, and prints what comes.
    udp_client: &'static [&'static str],
    /// Does the same for the first who sends to a port that it chooses.
    udp_server: &'static [&'static str],
    /// What it does as a server when its client has finished sending.
    after_its_client: After,
}

/// What a tool does when its peer has finished sending.
#[derive(Clone, Copy, PartialEq)]
enum After {
    /// It ends, whatever it may have to say.
    Ends,
    /// It goes on until its own input ends.
    GoesOn,
}

impl Peer {
    /// The tool with `words`, going to `address`. A server gets its host from it, and its port of 0.
    fn with(&self, words: &[&str], address: SocketAddr) -> Program {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let (brackets, family) = match address {
            SocketAddr::V4(_) => (host.clone(), "4"),
            SocketAddr::V6(_) => (format!("[{host}]"), "6"),
        };
        let tokens = [
            ("BRACKETS", brackets.as_str()),
            ("HOST", &host),
            ("PORT", &port),
            ("FAMILY", family),
        ];
        let words = words.iter().map(|word| {
            let word = (*word).to_owned();
            tokens
                .iter()
                .fold(word, |word, (token, value)| word.replace(token, value))
        });
        self.tool.with(words)
    }
}

/// Loopback, with a port that is chosen when it is bound.
const V4: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 0);

/// A test for each conversation that `$peer` can take part in.
macro_rules! conversations {
    ($peer:expr; $($topic:ident::$name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            wharf_tests::require!($peer.tool);
            super::$topic::$name(&$peer);
        })+
    };
}
use conversations;
