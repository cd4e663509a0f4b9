//! The UDP client of a socket tutorial: send a datagram, and wait for the answer, but not for ever.
//!
//!     cargo run --example udp_client [PORT [MESSAGE]]
//!
//! Its server is `udp_server`. A datagram or its answer may be lost, and nobody says so: hence the
//! timeout.

use std::time::Duration;

use wharf::blocking::{Family, Kind, Socket};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().and_then(|text| text.parse().ok());
    let message = arguments.next().unwrap_or_else(|| "Hello, world".into());
    if let Err(error) = ask(port.unwrap_or(9999), &message) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn ask(port: u16, message: &str) -> wharf::Result<()> {
    let socket = Socket::new(Family::Ipv4, Kind::Datagram)?;
    println!("socket created");

    socket.send_to(message.as_bytes(), ("127.0.0.1", port))?;
    println!("sent: {message}");

    socket.set_timeout(Some(Duration::from_secs(2)))?;
    let mut buffer = vec![0; 65_507];
    let (received, sender) = socket.recv_from(&mut buffer)?;
    let answer = String::from_utf8_lossy(&buffer[..received]);
    println!("{sender} answered: {answer}");
    Ok(())
}
