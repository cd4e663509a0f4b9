//! Full handshakes a second: connect, handshake, one octet each way, close, `parallel` at a time.
//!
//! As client we make them against the relay, and the far end is the plain echo. As server we answer
//! those that the relay makes for the plain clients of `rate`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::{Role, Side, config};
use crate::histogram::Histogram;
use crate::server::Echo;
use crate::sock::{self, Place};
use crate::{Failure, control, rate};

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    side: Side,
    #[arg(long, default_value_t = 8)]
    parallel: usize,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    match options.side.role {
        Role::Client => as_client(options),
        Role::Server => as_server(options),
    }
}

fn as_client(options: &Options) -> Result<(), Failure> {
    let (listener, place) = sock::listen(&"127.0.0.1:0".parse()?)?;
    let server = Echo::start(listener);
    let config = config::client(&options.side)?;
    let to = control::ready_then_go(&json!({ "sink": place.to_string() }))?;
    let end = Instant::now() + Duration::from_secs_f64(options.seconds);
    let begin = Instant::now();
    let threads: Vec<_> = (0..options.parallel)
        .map(|_| {
            let (to, config) = (to.clone(), Arc::clone(&config));
            thread::spawn(move || handshakes(&to, &config, end))
        })
        .collect();
    let (mut times, mut errors, mut last) = (Histogram::new(), 0, None);
    for thread in threads {
        let done = thread.join().map_err(|_| "a client panicked")?;
        done.times.iter().for_each(|time| times.add(*time));
        errors += done.errors;
        last = last.or(done.last);
    }
    let seconds = begin.elapsed().as_secs_f64();
    let accepted = server.finish()?;
    control::say(&rate::to_json(&times, errors, accepted, seconds, last))
}

#[derive(Default)]
struct Done {
    times: Vec<Duration>,
    errors: u64,
    last: Option<String>,
}

fn handshakes(to: &Place, config: &Arc<ClientConfig>, end: Instant) -> Done {
    let mut done = Done::default();
    while Instant::now() < end {
        let begin = Instant::now();
        match handshake(to, config) {
            Ok(()) => done.times.push(begin.elapsed()),
            Err(error) => {
                done.errors += 1;
                done.last = Some(error.to_string());
            }
        }
    }
    done
}

fn handshake(to: &Place, config: &Arc<ClientConfig>) -> Result<(), Failure> {
    let mut stream = connect(to, config)?;
    stream.write_all(b"?")?;
    stream.read_exact(&mut [0])?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(())
}

/// A client's connection whose handshake is still to be done.
pub(super) fn connect(
    to: &Place,
    config: &Arc<ClientConfig>,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Failure> {
    let Place::Tcp(address) = to else {
        return Err("TLS goes over TCP".into());
    };
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let connection = ClientConnection::new(Arc::clone(config), config::name()?)?;
    Ok(StreamOwned::new(connection, socket))
}

fn as_server(options: &Options) -> Result<(), Failure> {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0")?);
    let place = listener.local_addr()?;
    let config = config::server(&options.side)?;
    // More threads than connections: the relay opens the next one before it has closed the last.
    for _ in 0..options.parallel * 2 + 8 {
        let (listener, config) = (Arc::clone(&listener), Arc::clone(&config));
        thread::spawn(move || serve(&listener, &config));
    }
    let to = control::ready_then_go(&json!({ "sink": place.to_string() }))?;
    let done = rate::drive(&to, options.parallel, options.seconds)?;
    control::say(&rate::to_json(
        &done.latency,
        done.errors,
        0,
        done.seconds,
        None,
    ))
}

fn serve(listener: &TcpListener, config: &Arc<ServerConfig>) {
    for socket in listener.incoming().flatten() {
        // A client that leaves in the middle is counted on its own side.
        let _ = echo(socket, config);
    }
}

fn echo(socket: TcpStream, config: &Arc<ServerConfig>) -> Result<(), Failure> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let connection = ServerConnection::new(Arc::clone(config))?;
    let mut stream = StreamOwned::new(connection, socket);
    let mut octet = [0];
    while stream.read(&mut octet)? > 0 {
        stream.write_all(&octet)?;
    }
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(())
}
