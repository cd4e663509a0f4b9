//! An echo server with a thread for each connection.
//!
//!     cargo run --example echo_threads [PORT]
//!
//! The simplest model for many peers: each thread does one thing after the other and may wait as
//! long as it likes. A thread costs memory and switches, so that tens of thousands are too many.
//! The same server as tasks is `echo_async`, and as an event loop `echo_events`.

use std::thread;

use wharf::blocking::{Family, Kind, Socket};

fn main() {
    let port = std::env::args().nth(1);
    let port = port.and_then(|text| text.parse().ok()).unwrap_or(9999);
    if let Err(error) = serve(port) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn serve(port: u16) -> wharf::Result<()> {
    let server = Socket::new(Family::Ipv4, Kind::Stream)?;
    server.bind(("127.0.0.1", port))?;
    server.listen(128)?;
    println!("listening on {}", server.local_address()?);
    loop {
        let (peer, address) = server.accept()?;
        thread::spawn(move || match echo(&peer) {
            Ok(octets) => println!("{address}: {octets} octets"),
            Err(error) => println!("{address}: {error}"),
        });
    }
}

/// Gives back what comes until the peer ends; says how many octets that were.
fn echo(peer: &Socket) -> wharf::Result<u64> {
    let mut buffer = [0; 16 * 1024];
    let mut octets = 0;
    loop {
        let received = peer.recv(&mut buffer)?;
        if received == 0 {
            return Ok(octets);
        }
        peer.send_all(&buffer[..received])?;
        octets += received as u64;
    }
}
