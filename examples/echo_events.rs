//! An echo server as an event loop: one thread, readiness, and a state for each connection.
//!
//!     cargo run --example echo_events [PORT]
//!
//! What nginx and Redis are built on. Nothing ever waits but `poll`; so what a thread keeps in its
//! local variables (how far am I?) must be kept by hand in [`Connection`]. `poll` is used because it
//! is everywhere; where there are thousands of connections, epoll and kqueue are better.
//! The same server as threads is `echo_threads`, and as tasks `echo_async`.

use rustix::event::{PollFd, PollFlags, poll};
use wharf::blocking::{Family, Kind, Socket};
use wharf::socket::info::SocketName;

fn main() {
    let port = std::env::args().nth(1);
    let port = port.and_then(|text| text.parse().ok()).unwrap_or(9999);
    if let Err(error) = serve(port) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn serve(port: u16) -> Result<(), Box<dyn std::error::Error>> {
    let server = Socket::new(Family::Ipv4, Kind::Stream)?;
    server.bind(("127.0.0.1", port))?;
    server.listen(128)?;
    println!("listening on {}", server.local_address()?);

    let mut connections: Vec<Connection> = Vec::new();
    loop {
        // What are we waiting for? For new peers, and for what each connection waits for.
        let mut watched = vec![PollFd::new(&server, PollFlags::IN)];
        watched.extend(connections.iter().map(Connection::watched));
        poll(&mut watched, None)?;
        let ready: Vec<bool> = watched.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(watched);

        let mut each = ready[1..].iter();
        connections.retain_mut(|connection| {
            !each.next().is_some_and(|ready| *ready) || connection.goes_on()
        });
        if ready[0] {
            while let Some((socket, peer)) = server.try_accept()? {
                connections.push(Connection::new(socket, peer));
            }
        }
    }
}

/// One peer, and how far we are with it.
struct Connection {
    socket: Socket,
    peer: SocketName,
    /// What was received and not yet sent back.
    pending: Vec<u8>,
    octets: u64,
}

impl Connection {
    fn new(socket: Socket, peer: SocketName) -> Connection {
        Connection {
            socket,
            peer,
            pending: Vec::new(),
            octets: 0,
        }
    }

    /// While something is to be sent, nothing is received: a peer that does not read cannot fill our
    /// memory.
    fn watched(&self) -> PollFd<'_> {
        let wanted = if self.pending.is_empty() {
            PollFlags::IN
        } else {
            PollFlags::OUT
        };
        PollFd::new(&self.socket, wanted)
    }

    /// Does what can be done without waiting; `false` when the connection is over.
    fn goes_on(&mut self) -> bool {
        match self.step() {
            Ok(true) => return true,
            Ok(false) => println!("{}: {} octets", self.peer, self.octets),
            Err(error) => println!("{}: {error}", self.peer),
        }
        false
    }

    fn step(&mut self) -> wharf::Result<bool> {
        if self.pending.is_empty() {
            let mut buffer = [0; 16 * 1024];
            match self.socket.try_recv(&mut buffer)? {
                None => return Ok(true),
                Some(0) => return Ok(false),
                Some(received) => self.pending.extend_from_slice(&buffer[..received]),
            }
        }
        if let Some(sent) = self.socket.try_send(&self.pending)? {
            self.pending.drain(..sent);
            self.octets += sent as u64;
        }
        Ok(true)
    }
}
