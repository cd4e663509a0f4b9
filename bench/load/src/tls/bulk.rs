//! Bulk from the client to the far end, one of which speaks TLS with the relay.
//!
//! Like the plain bulk, but blocking: each connection has a thread at either end. The first octet is
//! answered, which proves both sides of the relay before the clock starts.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::Args;
use rustls::{ServerConnection, StreamOwned};
use serde_json::json;

use super::{Role, Side, config, handshakes};
use crate::sock::Place;
use crate::{Failure, control};

const CHUNK: usize = 64 << 10;
/// A side that moves nothing for so long has hung.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    side: Side,
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Octets in all, in MiB, a part each
    #[arg(long, default_value_t = 1024)]
    mib: u64,
}

type Taken = Result<u64, Failure>;

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let each = (options.mib << 20) / options.connections.max(1) as u64;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let place = listener.local_addr()?;
    let server = match options.side.role {
        Role::Server => Some(config::server(&options.side)?),
        Role::Client => None,
    };
    let connections = options.connections;
    let sink = thread::spawn(move || -> Result<Vec<JoinHandle<Taken>>, Failure> {
        let accept = |_| {
            let (socket, _) = listener.accept()?;
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            let server = server.clone();
            Ok(thread::spawn(move || match server {
                None => take(socket),
                Some(config) => {
                    let connection = ServerConnection::new(config)?;
                    take(StreamOwned::new(connection, socket))
                }
            }))
        };
        (0..connections).map(accept).collect()
    });
    let to = control::ready_then_go(&json!({ "sink": place.to_string() }))?;
    let open = (0..connections).map(|_| open(&to, &options.side));
    let open = open.collect::<Result<Vec<_>, _>>()?;
    control::step_then_next(&json!({ "open": open.len() }))?;
    let begin = Instant::now();
    let clients = open
        .into_iter()
        .map(|mut end| thread::spawn(move || end.give(each)));
    for client in clients.collect::<Vec<_>>() {
        client.join().map_err(|_| "a client panicked")??;
    }
    let mut received = 0;
    for taker in sink.join().map_err(|_| "the sink panicked")?? {
        received += taker.join().map_err(|_| "a taker panicked")??;
    }
    let seconds = begin.elapsed().as_secs_f64();
    control::say(&json!({
        "connections": connections,
        "octets": received,
        "seconds": seconds,
        "gbit_per_s": received as f64 * 8.0 / seconds / 1e9,
        "sent": each * connections as u64,
        "received": received,
    }))
}

/// A client's side, plain or not.
enum End {
    Plain(TcpStream),
    Tls(Box<StreamOwned<rustls::ClientConnection, TcpStream>>),
}

/// Connects and exchanges the first octet.
fn open(to: &Place, side: &Side) -> Result<End, Failure> {
    let mut end = match (side.role, to) {
        (Role::Client, _) => End::Tls(Box::new(handshakes::connect(to, &config::client(side)?)?)),
        (Role::Server, Place::Tcp(address)) => End::Plain(TcpStream::connect(address)?),
        (Role::Server, Place::Unix(_)) => return Err("the relay listens on TCP".into()),
    };
    let stream: &mut dyn Stream = match &mut end {
        End::Plain(socket) => socket,
        End::Tls(stream) => stream,
    };
    stream.write_all(b"?")?;
    stream.read_exact(&mut [0])?;
    Ok(end)
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl End {
    /// Writes so many octets, ends, and waits for the other end.
    fn give(&mut self, octets: u64) -> Result<(), Failure> {
        match self {
            Self::Plain(socket) => {
                write(socket, octets)?;
                socket.shutdown(Shutdown::Write)?;
                wait_for_end(socket);
            }
            Self::Tls(stream) => {
                write(stream, octets)?;
                stream.conn.send_close_notify();
                stream.flush()?;
                wait_for_end(stream);
            }
        }
        Ok(())
    }
}

fn write(to: &mut impl Write, octets: u64) -> Result<(), Failure> {
    let zeros = vec![0; CHUNK];
    let mut left = octets;
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        to.write_all(zeros.get(..part).unwrap_or_default())?;
        left -= part as u64;
    }
    to.flush()?;
    Ok(())
}

/// A relay may end the way back without ceremony; everything has arrived by then or is missed.
fn wait_for_end(from: &mut impl Read) {
    let mut buffer = [0; 64];
    while matches!(from.read(&mut buffer), Ok(got) if got > 0) {}
}

/// Answers the first octet and counts the others.
fn take(mut from: impl Read + Write) -> Taken {
    let mut octet = [0];
    from.read_exact(&mut octet)?;
    from.write_all(&octet)?;
    from.flush()?;
    let mut buffer = vec![0; 4 * CHUNK];
    let mut taken = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(taken),
            Ok(got) => taken += got as u64,
            // A relay that ends TLS without saying so: what arrived is compared with what was sent.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(taken),
            Err(error) => return Err(error.into()),
        }
    }
}
