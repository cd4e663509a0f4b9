//! Echo requests and their answers, which both versions of ICMP write in one way.
//!
//! Sources: RFC 792 (ICMP), RFC 4443 sections 4.1 and 4.2 (ICMPv6). Of ICMPv6 the checksum covers a pseudo
//! header, and the kernel sees to it; of ICMP it is made here.
//! Not here: other messages (`icmpv4`, `icmpv6`), when to ask and what to make of it (`ping`).

use alloc::vec::Vec;

use crate::checksum;

/// The octets before the payload.
pub const HEADER_LEN: usize = 8;

/// Which ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// ICMP for IPv4.
    V4,
    /// ICMPv6.
    V6,
}

impl Version {
    /// The type of a request.
    pub const fn request(self) -> u8 {
        match self {
            Version::V4 => 8,
            Version::V6 => 128,
        }
    }

    /// The type of an answer.
    pub const fn reply(self) -> u8 {
        match self {
            Version::V4 => 0,
            Version::V6 => 129,
        }
    }
}

/// What tells one echo from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Who asks.
    pub identifier: u16,
    /// Which of its questions it is.
    pub sequence: u16,
}

impl Echo {
    /// Writes a request with `payload` to the end of `out`.
    pub fn emit_request(self, version: Version, payload: &[u8], out: &mut Vec<u8>) {
        let [a, b] = self.identifier.to_be_bytes();
        let [c, d] = self.sequence.to_be_bytes();
        let header = [version.request(), 0, 0, 0, a, b, c, d];
        let [e, f] = match version {
            Version::V4 => {
                let mut sum = checksum::Sum::new();
                sum.add(&header);
                sum.add(payload);
                sum.finish().to_be_bytes()
            }
            Version::V6 => [0, 0],
        };
        out.extend_from_slice(&[version.request(), 0, e, f, a, b, c, d]);
        out.extend_from_slice(payload);
    }

    /// Reads an answer; `None` if `message` is something else. Its payload begins at [`HEADER_LEN`].
    pub fn parse_reply(version: Version, message: &[u8]) -> Option<Echo> {
        Echo::parse(version.reply(), message)
    }

    /// Reads a request, such as one of ours that is quoted in an error.
    pub fn parse_request(version: Version, message: &[u8]) -> Option<Echo> {
        Echo::parse(version.request(), message)
    }

    fn parse(kind: u8, message: &[u8]) -> Option<Echo> {
        let [is, 0, _, _, a, b, c, d] = *message.first_chunk()? else {
            return None;
        };
        (is == kind).then(|| Echo {
            identifier: u16::from_be_bytes([a, b]),
            sequence: u16::from_be_bytes([c, d]),
        })
    }
}

/// The octets of the header of IPv4 that `packet` begins with, options included; `None` if it has none.
///
/// # Source
/// RFC 791, section 3.1.
pub fn header_len(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let len = usize::from(first & 0xf) * 4;
    (first >> 4 == 4 && len >= 20 && len <= packet.len()).then_some(len)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const ECHO: Echo = Echo {
        identifier: 0x1234,
        sequence: 7,
    };

    #[test]
    fn a_request_has_a_checksum_where_the_kernel_makes_none() {
        let mut out = vec![];
        ECHO.emit_request(Version::V4, b"ab", &mut out);
        // 0800 + 1234 + 0007 + 6162 = 7b9d
        assert_eq!(out, [8, 0, 0x84, 0x62, 0x12, 0x34, 0, 7, b'a', b'b']);
        assert_eq!(checksum::of(&out), 0);
        let mut out = vec![];
        ECHO.emit_request(Version::V6, b"", &mut out);
        assert_eq!(out, [128, 0, 0, 0, 0x12, 0x34, 0, 7]);
    }

    #[test]
    fn an_answer_is_told_from_everything_else() {
        for version in [Version::V4, Version::V6] {
            let message = |kind, code| [kind, code, 9, 9, 0x12, 0x34, 0, 7, 1];
            let reply = message(version.reply(), 0);
            assert_eq!(Echo::parse_reply(version, &reply), Some(ECHO));
            assert_eq!(Echo::parse_request(version, &reply), None);
            assert_eq!(Echo::parse_reply(version, &reply[..7]), None);
            assert_eq!(
                Echo::parse_reply(version, &message(version.reply(), 1)),
                None
            );
            let request = message(version.request(), 0);
            assert_eq!(Echo::parse_request(version, &request), Some(ECHO));
        }
    }

    #[test]
    fn the_header_of_ip_is_as_long_as_it_says() {
        assert_eq!(header_len(&[0x45; 20]), Some(20));
        assert_eq!(header_len(&[0x46; 40]), Some(24));
        for wrong in [&[][..], &[0x45; 19], &[0x44; 40], &[0x65; 40], &[0x4f; 59]] {
            assert_eq!(header_len(wrong), None);
        }
    }
}
