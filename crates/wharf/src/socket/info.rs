//! What is known of one side of a relay: [`Info`], and how the other side sees it.
//!
//! The values reach an `exec:` child as environment variables, a right-hand address as templates
//! (`tcp://{target}`), and the log. One table names them all.
//! Not here: who fills them in (each endpoint).

mod http;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::units::percent_encode;

pub use http::HttpFacts;

/// The name of one end of a socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketName {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A path of a Unix socket.
    Unix(PathBuf),
    /// An abstract Unix name, without its leading NUL.
    Abstract(Vec<u8>),
    /// A Unix socket without a name.
    Unnamed,
    /// A VM socket: context and port.
    Vsock {
        /// The machine.
        cid: u32,
        /// The port.
        port: u32,
    },
    /// Anything else, in words.
    Text(String),
}

impl SocketName {
    /// The part that says which machine or thing, without a port.
    pub fn host(&self) -> String {
        match self {
            SocketName::Ip(address) => address.ip().to_string(),
            SocketName::Vsock { cid, .. } => cid.to_string(),
            other => other.to_string(),
        }
    }

    /// The port, where there is one.
    pub fn port(&self) -> Option<u32> {
        match self {
            SocketName::Ip(address) => Some(u32::from(address.port())),
            SocketName::Vsock { port, .. } => Some(*port),
            _ => None,
        }
    }
}

impl fmt::Display for SocketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SocketName::Ip(address) => address.fmt(f),
            SocketName::Unix(path) => path.display().fmt(f),
            // As an address would spell it: it may contain anything, NUL octets too.
            SocketName::Abstract(name) => write!(f, "@{}", percent_encode(name, b"")),
            SocketName::Unnamed => f.write_str("unnamed"),
            SocketName::Vsock { cid, port } => write!(f, "{cid}:{port}"),
            SocketName::Text(text) => f.write_str(text),
        }
    }
}

impl From<SocketAddr> for SocketName {
    fn from(address: SocketAddr) -> SocketName {
        SocketName::Ip(address)
    }
}

/// Who is at the other end of a Unix socket (`SO_PEERCRED`, unix(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Process; 0 where it is outside our namespace.
    pub pid: i32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What was agreed in a TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The cipher suite, as the standard spells it.
    pub cipher: String,
    /// The key exchange group.
    pub group: Option<String>,
    /// The protocol agreed by ALPN.
    pub alpn: Option<String>,
    /// The server name that was asked for.
    pub sni: Option<String>,
    /// SHA-256 of the peer's certificate, in hexadecimal.
    pub fingerprint: Option<String>,
    /// The subject of the peer's certificate.
    pub subject: Option<String>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
}

/// The terminal at which somebody sits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Its type, as `TERM` names it.
    pub kind: Option<String>,
    /// Its size when the side was opened: characters in a line, and lines; neither is 0.
    pub size: Option<(u16, u16)>,
}

/// Everything that is known of one side. Empty fields are not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The address that was opened, as typed, secrets masked.
    pub address: String,
    /// Our end.
    pub local: Option<SocketName>,
    /// The other end.
    pub peer: Option<SocketName>,
    /// Where the peer wants to go (`host:port`), from a proxy request or a redirected socket.
    pub target: Option<String>,
    /// Who the peer is, on this machine.
    pub credentials: Option<Credentials>,
    /// What TLS agreed on.
    pub tls: Option<TlsFacts>,
    /// The request of a peer, or the response that we got.
    pub http: Option<Box<HttpFacts>>,
    /// The terminal at which the peer sits.
    pub terminal: Option<Box<Terminal>>,
    /// The user whom the peer claims to be; nobody has checked it.
    pub user: Option<String>,
    /// How many octets will come, where that is known beforehand.
    pub size: Option<u64>,
    /// The process that was started.
    pub pid: Option<u32>,
    /// Facts of single protocols, by name.
    pub facts: Vec<(&'static str, String)>,
}

impl Info {
    /// What is known of the endpoint opened from `address`.
    pub fn of(address: impl fmt::Display) -> Info {
        Info {
            address: address.to_string(),
            ..Info::default()
        }
    }

    /// The names that [`variable`](Info::variable) knows, each with what it is.
    pub const VARIABLES: [(&'static str, &'static str); 24] = [
        ("target", "where the peer wants to go, HOST:PORT"),
        ("target.host", "its host"),
        ("target.port", "its port"),
        ("peer", "the peer's address, HOST:PORT or path"),
        ("peer.host", "its host"),
        ("peer.port", "its port"),
        ("local", "our address, HOST:PORT or path"),
        ("local.host", "its host"),
        ("local.port", "its port"),
        ("peer.pid", "the peer's process"),
        ("peer.uid", "the peer's user"),
        ("peer.gid", "the peer's group"),
        ("tls.sni", "the server name that the peer asked for"),
        ("tls.alpn", "the protocol agreed by ALPN"),
        ("tls.fingerprint", "SHA-256 of the peer's certificate"),
        ("tls.subject", "the subject of the peer's certificate"),
        ("http.method", "the method of the request"),
        ("http.path", "its path, as sent"),
        ("http.query", "its query, as sent"),
        ("http.host", "the host that it asks for"),
        ("http.version", "the version that it is made in"),
        ("http.status", "the status of the response, where we asked"),
        (
            "terminal",
            "the type of the peer's terminal, as TERM has it",
        ),
        ("user", "the user whom the peer claims to be, unchecked"),
    ];

    /// The variable that `text` begins with, in its braces: `{peer.host}`.
    pub fn variable_at(text: &str) -> Option<&'static str> {
        let (name, _) = text.strip_prefix('{')?.split_once('}')?;
        let known = Info::VARIABLES.iter().map(|(known, _)| *known);
        known.into_iter().find(|known| *known == name)
    }

    /// The value of a name of [`VARIABLES`](Info::VARIABLES), where it is known.
    pub fn variable(&self, name: &str) -> Option<String> {
        let (first, second) = name.split_once('.').unwrap_or((name, ""));
        match (first, second) {
            ("target", "") => self.target.clone(),
            ("target", part) => {
                let (host, port) = self.target.as_deref()?.rsplit_once(':')?;
                match part {
                    "host" => Some(host.trim_matches(['[', ']']).to_owned()),
                    "port" => Some(port.to_owned()),
                    _ => None,
                }
            }
            ("peer", "pid") => self.credentials.map(|c| c.pid.to_string()),
            ("peer", "uid") => self.credentials.map(|c| c.uid.to_string()),
            ("peer", "gid") => self.credentials.map(|c| c.gid.to_string()),
            ("peer", part) => part_of(self.peer.as_ref()?, part),
            ("local", part) => part_of(self.local.as_ref()?, part),
            ("terminal", "") => self.terminal.as_ref()?.kind.clone(),
            ("user", "") => self.user.clone(),
            ("tls", part) => {
                let tls = self.tls.as_ref()?;
                match part {
                    "sni" => tls.sni.clone(),
                    "alpn" => tls.alpn.clone(),
                    "fingerprint" => tls.fingerprint.clone(),
                    "subject" => tls.subject.clone(),
                    _ => None,
                }
            }
            ("http", part) => self.http.as_ref()?.variable(part),
            _ => None,
        }
    }

    /// What an `exec:` child gets to know: `WHARF_PEER_HOST` and its like, one for each variable
    /// that is known; and where the other side is a request, what RFC 3875 (CGI) says.
    pub fn environment(&self) -> Vec<(String, OsString)> {
        let ours = Info::VARIABLES.iter().filter_map(|(name, _)| {
            let key = format!("WHARF_{}", name.replace('.', "_").to_uppercase());
            Some((key, self.variable(name)?.into()))
        });
        // A response is no request.
        let asked = self.http.as_ref().filter(|http| http.status.is_none());
        let gateway = asked.map(|http| http::environment(self, http));
        ours.chain(gateway.into_iter().flatten()).collect()
    }
}

fn part_of(name: &SocketName, part: &str) -> Option<String> {
    match part {
        "" => Some(name.to_string()),
        "host" => Some(name.host()),
        "port" => name.port().map(|port| port.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_environment_agree() {
        let info = Info {
            peer: Some(SocketName::Ip("[::1]:80".parse().unwrap())),
            target: Some("[fe80::1]:443".into()),
            ..Info::default()
        };
        assert_eq!(info.variable("peer").as_deref(), Some("[::1]:80"));
        assert_eq!(info.variable("peer.host").as_deref(), Some("::1"));
        assert_eq!(info.variable("target.host").as_deref(), Some("fe80::1"));
        assert_eq!(info.variable("tls.sni"), None);
        let environment = info.environment();
        assert!(environment.contains(&("WHARF_PEER_PORT".into(), "80".into())));
        assert!(environment.contains(&("WHARF_TARGET_PORT".into(), "443".into())));
    }
}
