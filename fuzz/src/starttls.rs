//! [`wharf_proto::security::starttls`]: no server can talk us into TLS, or past its beginning.
//!
//! The first octet chooses the protocol and the size of the pieces, the rest is what the server says.

use wharf_proto::security::starttls::{Error, Event, LIMIT, Machine, Protocol};

/// What a client may say before TLS: two commands or a stream header.
const SAID: usize = 300;

/// What an error may keep of the server's words: 1 KiB, each octet a replacement character at worst.
const KEPT: usize = 3 * 1024;

/// Checks that the machine is ready only if it has asked for TLS and nothing follows the answer, that
/// an error stays, that what is kept is bounded, and that pieces come to the same as the whole.
pub fn check(input: &[u8]) {
    let (choice, words) = crate::choice(input);
    let protocol = Protocol::ALL[choice % Protocol::ALL.len()];

    let whole = hear(protocol, &[words]);
    let pieces: Vec<_> = words.chunks(1 + choice / Protocol::ALL.len()).collect();
    let in_pieces = hear(protocol, &pieces);
    assert_eq!(in_pieces.said, whole.said, "in pieces");
    // How much of it was there to be quoted may differ.
    let kind = |end: &Result<_, Error>| end.clone().map_err(|error| std::mem::discriminant(&error));
    assert_eq!(kind(&in_pieces.end), kind(&whole.end), "in pieces");

    assert!(whole.said.len() <= SAID);
    match whole.end {
        Ok(Some(Event::Ready)) => {
            let request = request(protocol);
            assert!(
                whole
                    .said
                    .windows(request.len())
                    .any(|said| said == request)
            );
        }
        Ok(None) => assert!(words.len() <= LIMIT),
        Err(Error::Refused { reply }) => assert!(reply.len() <= KEPT),
        Err(_) => {}
    }
}

/// By what the client of `protocol` asks for TLS.
fn request(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::Ftp => b"AUTH TLS\r\n",
        Protocol::Imap => b"a2 STARTTLS\r\n",
        Protocol::Ldap => b"1.3.6.1.4.1.1466.20037",
        Protocol::Pop3 => b"STLS\r\n",
        Protocol::Postgres => b"\x04\xd2\x16\x2f",
        Protocol::Smtp => b"STARTTLS\r\n",
        Protocol::Xmpp => b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    }
}

struct Heard {
    said: Vec<u8>,
    end: Result<Option<Event>, Error>,
}

/// Lets a machine hear `pieces`.
fn hear(protocol: Protocol, pieces: &[&[u8]]) -> Heard {
    let mut machine = Machine::new(protocol, "example.com");
    let mut end = Ok(());
    for piece in pieces {
        let next = machine.handle_input(piece);
        if end.is_err() {
            assert_eq!(next, end, "an error stays");
        }
        end = next;
    }
    let said = std::iter::from_fn(|| machine.poll_transmit()).flatten();
    let said = said.collect();
    let event = machine.poll_event();
    assert!(event.is_none() || end.is_ok());
    if event.is_some() {
        assert_eq!(machine.handle_end(), Ok(()));
        assert_eq!(machine.handle_input(b"x"), Err(Error::EarlyData));
    } else {
        assert!(machine.handle_end().is_err());
    }
    Heard {
        said,
        end: end.map(|()| event),
    }
}
