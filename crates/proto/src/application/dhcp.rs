//! Messages of DHCP for IPv4, as far as one who looks at them wants to know.
//!
//! Sources: RFC 2131 section 2 (the message), RFC 2132 (options).
//! Not here: a client or a server, DHCP for IPv6.

use core::net::Ipv4Addr;

use crate::link::ethernet::MacAddress;
use crate::wire::{self, Cursor, Error, u32_at};

/// The octets before the options, the mark included.
const FIXED_LEN: usize = 240;

/// What begins the options.
const MAGIC: u32 = 0x6382_5363;

/// A message where it lies.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    octets: &'a [u8],
}

impl<'a> View<'a> {
    /// The message that `octets` are.
    ///
    /// # Errors
    /// [`Error::Truncated`] if what is before the options does not fit; [`Error::Malformed`] if their
    /// mark is missing (BOOTP).
    pub fn parse(octets: &'a [u8]) -> Result<View<'a>, Error> {
        if octets.len() < FIXED_LEN {
            return Err(Error::Truncated("DHCP message"));
        }
        if u32_at(octets, FIXED_LEN - 4) != MAGIC {
            return Err(Error::Malformed("the mark of DHCP is missing"));
        }
        Ok(View { octets })
    }

    /// Which messages belong together.
    pub fn transaction(&self) -> u32 {
        u32_at(self.octets, 4)
    }

    /// The address that the client gets.
    pub fn yours(&self) -> Ipv4Addr {
        wire::octets::<4>(self.octets, 16).into()
    }

    /// The client's adapter.
    pub fn hardware(&self) -> MacAddress {
        MacAddress(wire::octets(self.octets, 28))
    }

    /// What the option of this code says, if it is there.
    pub fn option(&self, code: u8) -> Option<&'a [u8]> {
        let mut rest = Cursor::new(self.octets.get(FIXED_LEN..)?);
        loop {
            match rest.u8()? {
                0 => {}
                255 => return None,
                kind => {
                    let len = usize::from(rest.u8()?);
                    let data = rest.take(len)?;
                    if kind == code {
                        return Some(data);
                    }
                }
            }
        }
    }

    /// What the message is, in the words of the standard.
    pub fn kind_name(&self) -> Option<&'static str> {
        let [kind] = self.option(53)? else {
            return None;
        };
        Some(match kind {
            1 => "Discover",
            2 => "Offer",
            3 => "Request",
            4 => "Decline",
            5 => "ACK",
            6 => "NAK",
            7 => "Release",
            8 => "Inform",
            _ => return None,
        })
    }

    /// The address that the client would like.
    pub fn requested(&self) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.option(50)?.try_into().ok()?;
        Some(octets.into())
    }

    /// The name that the client gives itself.
    pub fn host_name(&self) -> Option<&'a [u8]> {
        self.option(12)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// A request by the figure of RFC 2131 with the options of RFC 2132, sections 9.6, 9.1 and 3.14.
    fn request() -> Vec<u8> {
        let mut octets = alloc::vec![0; FIXED_LEN];
        octets[..4].copy_from_slice(&[1, 1, 6, 0]);
        octets[4..8].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        octets[28..34].copy_from_slice(&[2, 0, 0x5e, 0, 0x53, 1]);
        octets[236..].copy_from_slice(&MAGIC.to_be_bytes());
        octets.extend(b"\x35\x01\x03\x00\x32\x04\xc0\x00\x02\x07\x0c\x03abc\xff\x0c\x01z");
        octets
    }

    #[test]
    fn a_request() {
        let octets = request();
        let view = View::parse(&octets).unwrap();
        assert_eq!(view.kind_name(), Some("Request"));
        assert_eq!(view.transaction(), 0xdead_beef);
        assert_eq!(view.requested(), Some(Ipv4Addr::new(192, 0, 2, 7)));
        assert_eq!(view.host_name(), Some(&b"abc"[..]));
        assert_eq!(view.hardware(), MacAddress([2, 0, 0x5e, 0, 0x53, 1]));
        assert!(view.yours().is_unspecified());
        assert_eq!(view.option(1), None);
        assert!(View::parse(&octets[..239]).is_err());
    }

    proptest! {
        #[test]
        fn no_octets_panic(options: Vec<u8>, code: u8) {
            let mut octets = request();
            octets.truncate(FIXED_LEN);
            octets.extend(options);
            let view = View::parse(&octets).unwrap();
            let _ = (view.kind_name(), view.requested(), view.option(code));
        }
    }
}
