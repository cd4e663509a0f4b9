//! The UDP server of a socket tutorial: create, bind, and answer whoever sends something.
//!
//!     cargo run --example udp_server [PORT]
//!     cargo run --example udp_client [PORT]
//!
//! There is no connection: nothing to listen for and nobody to accept. Each datagram comes whole,
//! with the address of its sender, and the answer goes there.

use wharf::blocking::{Family, Kind, Socket};

/// The longest datagram that UDP over IPv4 carries.
const LONGEST: usize = 65_507;

fn main() {
    let port = std::env::args().nth(1);
    let port = port.and_then(|text| text.parse().ok()).unwrap_or(9999);
    if let Err(error) = serve(port) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn serve(port: u16) -> wharf::Result<()> {
    let server = Socket::new(Family::Ipv4, Kind::Datagram)?;
    println!("socket created");
    server.bind(("127.0.0.1", port))?;
    println!("bound to {}", server.local_address()?);

    let mut buffer = vec![0; LONGEST];
    loop {
        let (received, sender) = server.recv_from(&mut buffer)?;
        println!("{received} bytes from {sender}");
        let answer = buffer[..received].to_ascii_uppercase();
        if let Err(error) = server.send_to(&answer, sender) {
            println!("{error}");
        }
    }
}
