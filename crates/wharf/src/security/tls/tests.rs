//! Two ends of our own over a stream in memory: each option, each failure, each end.
//!
//! Here is what they share: a [`Lab`] with an authority of its own, and handshakes between two
//! addresses. Real peers are in the tests of the whole program.

mod agree;
mod ends;
mod hostile;
mod inspection;
mod trust;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tempfile::TempDir;

use super::*;
use crate::Endpoint;
use crate::socket::env::Env;
use crate::socket::log::{Log, Message};
use crate::testing::memory;

/// An authority, and files that it signed.
struct Lab {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Lab {
    fn new() -> Lab {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "lab authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let lab = Lab {
            folder: TempDir::new().unwrap(),
            authority: CertifiedIssuer::self_signed(params, key).unwrap(),
        };
        lab.write("ca", &lab.authority.pem());
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// A file with certificate and key that the authority signed, after `change`.
    fn signed(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> String {
        let key = KeyPair::generate().unwrap();
        let certificate = params(change).signed_by(&key, &self.authority).unwrap();
        self.write(name, &(certificate.pem() + &key.serialize_pem()));
        text(&self.path(name))
    }

    /// The same, signed by nobody but itself.
    fn self_signed(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> String {
        let key = KeyPair::generate().unwrap();
        let certificate = params(change).self_signed(&key).unwrap();
        self.write(name, &(certificate.pem() + &key.serialize_pem()));
        text(&self.path(name))
    }

    /// A server with a good certificate for `a.test`, and `more` options.
    fn server(&self, more: &str) -> String {
        let file = self.signed("good", |_| {});
        format!("tls-listen://:1#cert={file}{more}")
    }

    /// A client of `a.test` that trusts the authority, and `more` options.
    fn client(&self, more: &str) -> String {
        format!("tls://a.test:1#ca={}{more}", text(&self.path("ca")))
    }
}

fn params(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["a.test".into(), "127.0.0.1".into()]).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "lab peer");
    change(&mut params);
    params
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The `tls` layer of an address.
fn layer(address: &str) -> Result<Box<dyn Wrap>> {
    let endpoint = Endpoint::parse(address)?;
    let layer = endpoint.layers().first().unwrap();
    build(&Parts {
        address: endpoint.address(),
        settings: &layer.settings,
        role: layer.role,
        used: &[],
        alpn: &[],
    })
}

/// A log that keeps what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<(Level, String)>>);

impl Log for Notes {
    fn message(&self, message: &Message<'_>) {
        if let Message::Text { level, text, .. } = message {
            self.0.lock().unwrap().push((*level, (*text).to_owned()));
        }
    }

    fn wants(&self, _level: Level) -> bool {
        true
    }
}

impl Notes {
    /// The first line of this level that contains `part`.
    fn find(&self, level: Level, part: &str) -> String {
        let notes = self.0.lock().unwrap();
        let found = notes
            .iter()
            .find(|(l, line)| *l == level && line.contains(part));
        found
            .unwrap_or_else(|| panic!("no {part:?} in {notes:?}"))
            .1
            .clone()
    }
}

/// Opens one layer over a channel.
async fn open(layer: &dyn Wrap, lower: Channel, log: &Arc<Notes>) -> Result<Channel> {
    let env = Env::new().with_log(log.clone());
    let cx = Cx {
        env: &env,
        net: &env.net,
        at: "tls:",
        origin: None,
    };
    layer.prepare(cx).await?;
    layer.wrap(lower, cx).await
}

/// What came of a handshake.
struct Met {
    server: Result<Channel>,
    client: Result<Channel>,
    log: Arc<Notes>,
}

impl Met {
    fn both(self) -> (Channel, Channel) {
        match (self.server, self.client) {
            (Ok(server), Ok(client)) => (server, client),
            (server, client) => panic!("server: {server:?}, client: {client:?}"),
        }
    }

    fn client_error(&self) -> &Error {
        self.client.as_ref().unwrap_err()
    }

    fn server_error(&self) -> &Error {
        self.server.as_ref().unwrap_err()
    }
}

/// Lets two addresses meet over a stream in memory.
async fn meet(server: &str, client: &str) -> Met {
    let (server, client) = (layer(server).unwrap(), layer(client).unwrap());
    meet_again(server.as_ref(), client.as_ref()).await
}

/// Lets two layers meet that may have met before.
async fn meet_again(server: &dyn Wrap, client: &dyn Wrap) -> Met {
    let log = Arc::<Notes>::default();
    let (below_server, below_client) = memory::channels(16 * 1024);
    let (server, client) = tokio::join!(
        open(server, below_server, &log),
        open(client, below_client, &log)
    );
    Met {
        server,
        client,
        log,
    }
}

fn stream(channel: Channel) -> Box<dyn Stream> {
    match channel.io {
        Io::Stream(stream) => stream,
        Io::Packets(_) => panic!("tls gives a stream"),
    }
}

/// An `io::Error` with our own inside.
fn inner(error: std::io::Error) -> Error {
    Error::io(Op::Close, error)
}
