//! TCP ends that a test plays itself, on std's blocking sockets with a deadline on every call.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::wait::{DEADLINE, readable};

/// Connects, with a deadline on this and on every read and write that follows.
///
/// # Panics
/// If that fails.
#[track_caller]
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, DEADLINE);
    with_deadline(stream.unwrap_or_else(|error| panic!("connect {address}: {error}")))
}

/// Listens on loopback, and tells where.
///
/// # Panics
/// If that fails.
pub fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let address = listener.local_addr().expect("the address of a listener");
    (listener, address)
}

/// Accepts the next connection, with a deadline on this and on every read and write that follows.
///
/// # Panics
/// If none comes.
#[track_caller]
pub fn accept(listener: &TcpListener) -> TcpStream {
    assert!(
        readable(listener, Instant::now() + DEADLINE),
        "nobody connected within {DEADLINE:?}"
    );
    with_deadline(listener.accept().expect("a connection that is ready").0)
}

/// Tells whether somebody connects within `within`; takes nobody out of the queue.
pub fn is_called(listener: &TcpListener, within: Duration) -> bool {
    readable(listener, Instant::now() + within)
}

/// Reads to the end of the stream.
///
/// # Panics
/// If it does not end in time, or ends with an error.
#[track_caller]
pub fn read_to_end(stream: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        panic!(
            "after {} octets, {:?}: {error}",
            bytes.len(),
            bytes.escape_ascii().to_string()
        );
    }
    bytes
}

/// Reads `len` octets.
///
/// # Panics
/// If they do not come.
#[track_caller]
pub fn read_exact(stream: &mut impl Read, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    if let Err(error) = stream.read_exact(&mut bytes) {
        panic!("waiting for {len} octets: {error}");
    }
    bytes
}

/// Says that nothing more will be sent (FIN); reading goes on.
///
/// # Panics
/// If that fails.
#[track_caller]
pub fn finish(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).expect("a half-close");
}

/// Closes with a reset (RST).
///
/// # Panics
/// If that fails.
#[track_caller]
pub fn reset(stream: TcpStream) {
    let linger = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    linger.expect("a linger time");
}

/// How a stream ended, seen by its reader.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a FIN.
    Fin,
    /// With an RST.
    Reset,
}

/// Reads to the end, whatever it is.
///
/// # Panics
/// If there is none in time, or it is neither.
#[track_caller]
pub fn ending(stream: &mut impl Read) -> (Vec<u8>, Ending) {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => (bytes, Ending::Fin),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => (bytes, Ending::Reset),
        Err(error) => panic!("after {} octets: {error}", bytes.len()),
    }
}

/// Connects and reads to the end, where the peer may end with a reset before connecting returns.
///
/// # Panics
/// As [`connect`] and [`ending`] do.
#[track_caller]
pub fn ending_at(address: SocketAddr) -> (Vec<u8>, Ending) {
    match TcpStream::connect_timeout(&address, DEADLINE) {
        Ok(stream) => ending(&mut with_deadline(stream)),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => (vec![], Ending::Reset),
        Err(error) => panic!("connect {address}: {error}"),
    }
}

/// A thread that plays the server of one connection.
pub struct Served<T> {
    /// Where it listens.
    pub address: SocketAddr,
    result: Receiver<T>,
}

/// Accepts one connection in a thread, and gives it to `conversation`.
pub fn serve<T: Send + 'static>(
    conversation: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> Served<T> {
    let (listener, address) = listen();
    let (sender, result) = channel();
    std::thread::spawn(move || {
        let stream = accept(&listener);
        let _ = sender.send(conversation(stream));
    });
    Served { address, result }
}

impl<T> Served<T> {
    /// Waits for the conversation to be over, and returns what it found.
    ///
    /// # Panics
    /// If it panicked (its own message stands in the output), or is not over in time.
    #[track_caller]
    pub fn join(self) -> T {
        self.result
            .recv_timeout(2 * DEADLINE)
            .expect("the conversation to be over")
    }
}

fn with_deadline(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream
        .set_write_timeout(Some(DEADLINE))
        .expect("a deadline");
    stream
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_half_close_leaves_the_other_direction_open() {
        let server = serve(|mut stream| {
            let request = read_to_end(&mut stream);
            stream.write_all(b"answer").unwrap();
            request
        });
        let mut client = connect(server.address);
        client.write_all(b"request").unwrap();
        finish(&client);
        assert_eq!(ending(&mut client), (b"answer".to_vec(), Ending::Fin));
        assert_eq!(server.join(), b"request");
    }

    #[test]
    fn a_reset_is_told_from_an_end() {
        let server = serve(reset);
        assert_eq!(ending_at(server.address).1, Ending::Reset);
        server.result.recv_timeout(DEADLINE).unwrap();
    }

    #[test]
    fn a_caller_is_noticed_before_it_is_accepted() {
        let (listener, address) = listen();
        assert!(!is_called(&listener, Duration::ZERO));
        let _client = connect(address);
        assert!(is_called(&listener, DEADLINE));
        accept(&listener);
    }
}
