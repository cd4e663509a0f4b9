//! What is said in clear before TLS, over the stream below: drives the machine of `proto`.
//!
//! Reads no octet too much: what follows the server's go-ahead belongs to TLS, and what came with it
//! is an attack that the machine reports.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wharf_proto::security::starttls::{Error as Refusal, Event, Machine, Protocol};

use crate::socket::channel::Stream;
use crate::socket::error::{Error, Kind, Op, Result};

/// Talks to the server until it is ready for TLS. `name` is what the protocol asks for: ours in
/// SMTP, the server's in XMPP.
///
/// # Errors
/// Kind `Tls` if the server does not offer TLS or refuses it, `Protocol` if it speaks something
/// else.
pub(super) async fn begin(stream: &mut dyn Stream, protocol: Protocol, name: &str) -> Result<()> {
    let mut machine = Machine::new(protocol, name);
    // Servers say a few lines; whoever says more does so in several reads.
    let mut buffer = [0; 1024];
    loop {
        if let Some(words) = machine.poll_transmit() {
            stream
                .write_all(&words)
                .await
                .map_err(|e| Error::io(Op::Handshake, e))?;
            stream
                .flush()
                .await
                .map_err(|e| Error::io(Op::Handshake, e))?;
        }
        if machine.poll_event() == Some(Event::Ready) {
            return Ok(());
        }
        let read = stream.read(&mut buffer).await;
        let handled = match read.map_err(|e| Error::io(Op::Handshake, e))? {
            0 => machine.handle_end(),
            n => machine.handle_input(buffer.get(..n).unwrap_or_default()),
        };
        handled.map_err(|refusal| refused(protocol, &refusal))?;
    }
}

fn refused(protocol: Protocol, refusal: &Refusal) -> Error {
    let (kind, hint) = match refusal {
        Refusal::NotOffered | Refusal::Refused { .. } => (
            Kind::Tls,
            Some("the server may have a port where TLS begins at once"),
        ),
        Refusal::EarlyData => (Kind::Tls, None),
        Refusal::Eof => (Kind::Tls, None),
        Refusal::NotAReply { .. } => (Kind::Protocol, Some("starttls=PROTOCOL names another")),
        Refusal::TooLong => (Kind::Protocol, None),
    };
    let error = Error::new(
        Op::Handshake,
        kind,
        format!("starttls={protocol}: {refusal}"),
    );
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
