//! The TCP server of a socket tutorial: create, bind, listen, accept, send, receive, close.
//!
//! Run it in one terminal and its client in another; nc and telnet will do as well:
//!
//!     cargo run --example tcp_server [PORT]
//!     cargo run --example tcp_client [PORT]
//!
//! It serves one peer after the other. For many at once see `echo_threads`.

use wharf::blocking::{Family, Kind, Socket};

/// How many peers may wait in the queue until they are accepted.
const BACKLOG: u16 = 5;

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
    println!("socket created");

    // Only this machine can reach 127.0.0.1; 0.0.0.0 would be every address that we have.
    server.bind(("127.0.0.1", port))?;
    println!("bound to {}", server.local_address()?);

    server.listen(BACKLOG)?;
    println!("listening, {BACKLOG} may wait");

    loop {
        let (peer, address) = server.accept()?;
        println!("{address} is connected");
        // What goes wrong with one peer is no reason to leave the others alone.
        if let Err(error) = talk(peer) {
            println!("{error}");
        }
    }
}

fn talk(peer: Socket) -> wharf::Result<()> {
    peer.send_all(b"Welcome. What is your name?\n")?;

    let mut buffer = [0; 1024];
    let received = peer.recv(&mut buffer)?;
    let name = String::from_utf8_lossy(&buffer[..received]);
    println!(
        "received {received} bytes: {}",
        name.trim_end().escape_debug()
    );

    peer.send_all(format!("Goodbye, {}.\n", name.trim_end()).as_bytes())?;
    peer.close();
    println!("closed");
    Ok(())
}
