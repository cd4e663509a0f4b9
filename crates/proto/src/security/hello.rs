//! What the records of TLS tell anyone who sees them: their kind, and whom a client wants to talk to.
//!
//! Sources: RFC 8446 section 5.1 (records), section 4.1.2 (ClientHello), RFC 6066 section 3 (server
//! name), RFC 7301 section 3.1 (ALPN).
//! Not here: TLS itself, which an engine speaks (`wharf::security::tls`).

use crate::wire::{Cursor, u8_at, u16_at};

/// The octets of the header of a record.
const RECORD_HEADER: usize = 5;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Both go over to what was agreed on.
    ChangeCipherSpec,
    /// Something went wrong, or it ends.
    Alert,
    /// A message of the handshake; which one, while it is not encrypted.
    Handshake(u8),
    /// Anything, encrypted.
    ApplicationData,
}

impl Content {
    /// It in the words of the standard.
    pub const fn name(self) -> &'static str {
        match self {
            Content::ChangeCipherSpec => "ChangeCipherSpec",
            Content::Alert => "Alert",
            Content::Handshake(1) => "ClientHello",
            Content::Handshake(2) => "ServerHello",
            Content::Handshake(11) => "Certificate",
            Content::Handshake(12) => "ServerKeyExchange",
            Content::Handshake(14) => "ServerHelloDone",
            Content::Handshake(16) => "ClientKeyExchange",
            Content::Handshake(_) => "Handshake",
            Content::ApplicationData => "Application Data",
        }
    }
}

/// The first record of what a connection carries, where it lies. It need not be whole.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    octets: &'a [u8],
}

impl<'a> View<'a> {
    /// The record that `octets` begin with, if they look like one.
    pub fn parse(octets: &'a [u8]) -> Option<View<'a>> {
        let whole = octets.len() > RECORD_HEADER;
        let kind = matches!(u8_at(octets, 0), 20..=23);
        let version = matches!(u16_at(octets, 1), 0x0300..=0x0304);
        // RFC 8446, section 5.2, and 5.4 of RFC 5246 for the older ones.
        let len = matches!(u16_at(octets, 3), 1..=0x4800);
        (whole && kind && version && len).then_some(View { octets })
    }

    /// What it is.
    pub fn content(&self) -> Content {
        match u8_at(self.octets, 0) {
            20 => Content::ChangeCipherSpec,
            21 => Content::Alert,
            22 => Content::Handshake(u8_at(self.octets, RECORD_HEADER)),
            _ => Content::ApplicationData,
        }
    }

    /// The server that a client asks for, if this is the beginning of a ClientHello that says so.
    pub fn server_name(&self) -> Option<&'a [u8]> {
        let mut list = Cursor::new(self.extension(0)?);
        let mut names = list_of(&mut list)?;
        // Kind 0 is a name of a host, and there are no others.
        (names.u8()? == 0).then_some(())?;
        let len = usize::from(names.u16()?);
        names.take(len)
    }

    /// The protocols that a client offers, the best first.
    pub fn protocols(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let list = self.extension(16).map(Cursor::new);
        let mut names = list.and_then(|mut list| list_of(&mut list));
        core::iter::from_fn(move || {
            let names = names.as_mut()?;
            let len = usize::from(names.u8()?);
            names.take(len)
        })
    }

    /// An extension of a ClientHello; the record may be cut short behind it.
    fn extension(&self, wanted: u16) -> Option<&'a [u8]> {
        (self.content() == Content::Handshake(1)).then_some(())?;
        let mut hello = Cursor::new(self.octets.get(RECORD_HEADER + 4..)?);
        // Version and random.
        hello.take(34)?;
        let session = usize::from(hello.u8()?);
        hello.take(session)?;
        let suites = usize::from(hello.u16()?);
        hello.take(suites)?;
        let methods = usize::from(hello.u8()?);
        hello.take(methods)?;
        let mut left = usize::from(hello.u16()?);
        while left >= 4 {
            let (kind, len) = (hello.u16()?, usize::from(hello.u16()?));
            let data = hello.take(len)?;
            if kind == wanted {
                return Some(data);
            }
            left = left.saturating_sub(4 + len);
        }
        None
    }
}

/// What stands behind a length of 16 bits.
fn list_of<'a>(cursor: &mut Cursor<'a>) -> Option<Cursor<'a>> {
    let len = usize::from(cursor.u16()?);
    cursor.take(len).map(Cursor::new)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// A ClientHello by the figures of RFC 8446, RFC 6066 and RFC 7301, for `a.example` and `h2`.
    fn hello() -> Vec<u8> {
        let mut octets = b"\x16\x03\x01\0\x4e\x01\0\0\x4a\x03\x03".to_vec();
        octets.extend([7; 32]);
        octets.extend(b"\0\0\x02\x13\x01\x01\0");
        octets.extend(b"\0\x1b\0\0\0\x0e\0\x0c\0\0\x09a.example\0\x10\0\x05\0\x03\x02h2");
        octets
    }

    #[test]
    fn whom_a_client_wants() {
        let octets = hello();
        let view = View::parse(&octets).unwrap();
        assert_eq!(view.content().name(), "ClientHello");
        assert_eq!(view.server_name(), Some(&b"a.example"[..]));
        assert!(view.protocols().eq([&b"h2"[..]]));
        // What stands behind may be missing.
        let view = View::parse(&octets[..octets.len() - 2]).unwrap();
        assert_eq!(view.server_name(), Some(&b"a.example"[..]));
        assert_eq!(view.protocols().count(), 0);
    }

    #[test]
    fn what_is_no_record() {
        for octets in [
            &b""[..],
            b"GET / ",
            b"\x16\x03\x01\0\x01",
            b"\x16\x03\x01\xff\xff\x01",
        ] {
            assert!(View::parse(octets).is_none());
        }
        let data = View::parse(b"\x17\x03\x03\0\x01x").unwrap();
        assert_eq!(data.content(), Content::ApplicationData);
        assert_eq!(data.server_name(), None);
    }

    proptest! {
        #[test]
        fn no_octets_panic(at in 0_usize..82, octet: u8) {
            let mut octets = hello();
            let at = at.min(octets.len() - 1);
            octets[at] = octet;
            for octets in [&octets[..], &octets[..at]] {
                if let Some(view) = View::parse(octets) {
                    let _ = (view.server_name(), view.protocols().count());
                }
            }
        }
    }
}
