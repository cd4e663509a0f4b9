//! The TCP client of a socket tutorial: create, connect, receive, send, close.
//!
//!     cargo run --example tcp_client [PORT [NAME]]
//!
//! Its server is `tcp_server`.

use std::io::{BufRead, BufReader};

use wharf::blocking::{Family, Kind, Socket};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().and_then(|text| text.parse().ok());
    let name = arguments.next().unwrap_or_else(|| "Ada".into());
    if let Err(error) = talk(port.unwrap_or(9999), &name) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn talk(port: u16, name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let socket = Socket::new(Family::Ipv4, Kind::Stream)?;
    println!("socket created");

    socket.connect(("127.0.0.1", port))?;
    println!("connected to {}", socket.peer_address()?);

    // A stream has no boundaries: a line may come in two pieces, or two lines in one. A reader
    // collects octets until the line is whole.
    let mut lines = BufReader::new(&socket).lines();
    if let Some(line) = lines.next() {
        println!("received: {}", line?);
    }
    socket.send_all(format!("{name}\n").as_bytes())?;
    println!("sent: {name}");
    if let Some(line) = lines.next() {
        println!("received: {}", line?);
    }

    socket.close();
    println!("closed");
    Ok(())
}
