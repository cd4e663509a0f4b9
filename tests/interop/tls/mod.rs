//! TLS with OpenSSL, nginx, curl, socat, ncat and Python's `ssl`.

mod client;
mod distrust;
mod server;
mod starttls;

use std::path::Path;

use wharf_tests::certs::{Authority, Identity};

/// What every test here stands on: an authority, and a server certificate for `a.test` and loopback.
struct Lab {
    authority: Authority,
    identity: Identity,
}

impl Lab {
    fn new() -> Self {
        let authority = Authority::new();
        let identity = authority.server(&["a.test", "localhost", "127.0.0.1"]);
        Self {
            authority,
            identity,
        }
    }

    /// The file of the authority's certificate.
    fn ca(&self) -> &str {
        text(self.authority.certificate())
    }

    /// The address of a TLS server on this port that the client trusts by the authority.
    fn address(&self, port: u16, more: &str) -> String {
        format!("tls://127.0.0.1:{port}#ca={}{more}", self.ca())
    }

    /// The address of a TLS listener with the lab's certificate.
    fn listener(&self, more: &str) -> String {
        let (certificate, key) = (text(self.identity.certificate()), text(self.identity.key()));
        format!("tls-listen://127.0.0.1:0#cert={certificate},key={key}{more}")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
