//! What a network adapter would have done to a packet before it left: its checksum, and the parting of
//! TCP and UDP that is longer than the link carries.
//!
//! Sources: RFC 9293 (TCP), RFC 768 and RFC 8200 section 8.1 (checksums), RFC 3168 section 6.1.2 (CWR is
//! for one segment), RFC 6864 (identification of IPv4); the kernel's `linux/virtio_net.h`, which says
//! what is left to be done, and its `tcp_gso_segment` and `__udp_gso_segment`, which do the same.
//! Not here: joining segments; fragments of IP (the parts of what is parted here are whole packets).

#[cfg(test)]
mod tests;

use core::ops::Range;

use crate::checksum::Sum;
use crate::network::ipv6;

/// What a packet is to be parted into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Into {
    /// TCP segments.
    Tcp,
    /// UDP datagrams.
    Udp,
}

/// What is left to be done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Where the checksum begins: at the header of TCP or UDP, in octets from the start.
    pub checksum_start: usize,
    /// Where it stands, from there. The sum of the pseudo header stands there already.
    pub checksum_offset: usize,
    /// It is to be parted, into payloads of so many octets but for the last.
    pub parted: Option<(Into, usize)>,
}

/// Why a packet cannot be finished. Who made it has lied about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A header does not lie inside of the packet.
    #[error("the packet ends before its headers do")]
    Short,
    /// There is no IP header where one should be, or a length in it is wrong.
    #[error("the packet is not what it is said to be")]
    Wrong,
    /// The payloads would have no octets, or more than a packet can have.
    #[error("packets cannot be parted like that")]
    Size,
}

/// Finishes the checksum of a packet that is not to be parted, in its place.
///
/// # Errors
/// [`Error::Short`] if the checksum does not lie inside.
/// # Source
/// The kernel's `skb_checksum_help`.
pub fn finish_checksum(packet: &mut [u8], start: usize, offset: usize) -> Result<(), Error> {
    let covered = packet.get_mut(start..).ok_or(Error::Short)?;
    if offset == SCTP_CHECKSUM {
        return finish_crc(covered);
    }
    let sum = {
        let mut sum = Sum::new();
        sum.add(covered);
        sum.finish()
    };
    let field = covered
        .get_mut(offset..)
        .and_then(|rest| rest.first_chunk_mut())
        .ok_or(Error::Short)?;
    // With the sum of the pseudo header in the field itself, it is a part of what is summed. Zero
    // means to UDP that there is none, and its other spelling means the same to all.
    *field = not_zero(sum).to_be_bytes();
    Ok(())
}

/// Where SCTP has its checksum; TCP and UDP have theirs elsewhere.
const SCTP_CHECKSUM: usize = 8;

/// Finishes the checksum of SCTP: a CRC32c over everything, with its own field zero, the low octet first
/// (RFC 9260 appendix A).
fn finish_crc(packet: &mut [u8]) -> Result<(), Error> {
    let field = packet.get_mut(SCTP_CHECKSUM..).ok_or(Error::Short)?;
    *field.first_chunk_mut().ok_or(Error::Short)? = [0u8; 4];
    let crc = crate::checksum::crc32c(packet).to_le_bytes();
    if let Some(field) = packet.get_mut(SCTP_CHECKSUM..SCTP_CHECKSUM + 4) {
        field.copy_from_slice(&crc);
    }
    Ok(())
}

const fn not_zero(checksum: u16) -> u16 {
    match checksum {
        0 => 0xffff,
        checksum => checksum,
    }
}

/// The packets that one is parted into, each made when it is asked for.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    headers: &'a [u8],
    payload: &'a [u8],
    version: Version,
    into: Into,
    /// Where the header of IP begins, and that of TCP or UDP.
    network: usize,
    transport: usize,
    size: usize,
    /// Octets of payload that are in segments already.
    done: usize,
    /// Segments that were made.
    made: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V4,
    V6,
}

// Offsets in headers.
const V4_LENGTH: usize = 2;
const V4_IDENTIFICATION: usize = 4;
const V4_PROTOCOL: usize = 9;
const V4_CHECKSUM: usize = 10;
const V4_ADDRESSES: Range<usize> = 12..20;
const V6_LENGTH: usize = 4;
const V6_ADDRESSES: Range<usize> = 8..40;
const TCP_SEQUENCE: usize = 4;
const TCP_OFFSET: usize = 12;
const TCP_FLAGS: usize = 13;
const TCP_CHECKSUM: usize = 16;
const UDP_LENGTH: usize = 4;
const UDP_CHECKSUM: usize = 6;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// For the last segment alone: no more data, and give it to the program.
const FIN_PSH: u8 = 0x09;
/// For the first alone: the window was reduced (RFC 3168, section 6.1.2).
const CWR: u8 = 0x80;

impl<'a> Segments<'a> {
    /// Parts `packet`, whose IP header begins at `network` and whose TCP or UDP header at `transport`, into
    /// payloads of `size` octets. What stands before the IP header stands before that of each.
    ///
    /// # Errors
    /// What does not fit together; nothing that the packet says of itself is believed.
    pub fn new(
        packet: &'a [u8],
        network: usize,
        transport: usize,
        into: Into,
        size: usize,
    ) -> Result<Segments<'a>, Error> {
        let ip = packet.get(network..).ok_or(Error::Short)?;
        let version = match ip.first().ok_or(Error::Short)? >> 4 {
            4 => Version::V4,
            6 => Version::V6,
            _ => return Err(Error::Wrong),
        };
        let upper = packet.get(transport..).ok_or(Error::Short)?;
        let header_len = match into {
            Into::Tcp => usize::from(upper.get(TCP_OFFSET).ok_or(Error::Short)? >> 4) * 4,
            Into::Udp => 8,
        };
        let protocol = match into {
            Into::Tcp => TCP,
            Into::Udp => UDP,
        };
        // What lies within a tunnel has a length and checksums of its outer headers besides.
        let carried = match version {
            Version::V4 => {
                let len = usize::from(ip.first().ok_or(Error::Short)? & 0xf) * 4;
                (ip.get(V4_PROTOCOL).copied().ok_or(Error::Short)?, len)
            }
            Version::V6 => {
                let view = ipv6::View::parse_cut(ip).map_err(|_| Error::Wrong)?;
                if view.fragment().is_some() {
                    return Err(Error::Wrong);
                }
                (view.protocol().0, view.header_len())
            }
        };
        if carried != (protocol, transport.saturating_sub(network)) || carried.1 < 20 {
            return Err(Error::Wrong);
        }
        if header_len < if into == Into::Tcp { 20 } else { 8 } {
            return Err(Error::Wrong);
        }
        let headers = transport + header_len;
        let (headers, payload) = packet.split_at_checked(headers).ok_or(Error::Short)?;
        let longest = headers.len() - network + size;
        if size == 0 || longest > usize::from(u16::MAX) {
            return Err(Error::Size);
        }
        Ok(Segments {
            headers,
            payload,
            version,
            into,
            network,
            transport,
            size,
            done: 0,
            made: 0,
        })
    }

    /// The octets of the next segment, headers included; `None` if there is none.
    pub fn next_len(&self) -> Option<usize> {
        // A packet without payload is one segment, as it is.
        let is_left = self.done < self.payload.len() || self.made == 0;
        is_left.then(|| self.headers.len() + self.next_payload().len())
    }

    fn next_payload(&self) -> &'a [u8] {
        let end = (self.done + self.size).min(self.payload.len());
        self.payload.get(self.done..end).unwrap_or_default()
    }

    /// Writes the next segment to the start of `space`, which has room for [`next_len`](Self::next_len)
    /// octets, and says how many they are; `None` if there is none, or not so much room.
    pub fn emit(&mut self, space: &mut [u8]) -> Option<usize> {
        let len = self.next_len()?;
        let payload = self.next_payload();
        let segment = space.get_mut(..len)?;
        let (headers, place) = segment.split_at_mut_checked(self.headers.len())?;
        headers.copy_from_slice(self.headers);
        place.copy_from_slice(payload);
        self.emit_upper(segment, payload.len())?;
        self.emit_network(segment)?;
        self.done += payload.len();
        self.made = self.made.wrapping_add(1);
        Some(len)
    }

    /// The header of TCP or UDP, but for the checksum.
    fn emit_upper(&self, segment: &mut [u8], payload: usize) -> Option<()> {
        let upper = segment.get_mut(self.transport..)?;
        match self.into {
            Into::Tcp => {
                let before = u32::from_be_bytes(*upper.get(TCP_SEQUENCE..)?.first_chunk()?);
                let sequence = before.wrapping_add(u32::try_from(self.done).ok()?);
                put(upper, TCP_SEQUENCE, sequence.to_be_bytes())?;
                let flags = upper.get_mut(TCP_FLAGS)?;
                if self.done + payload < self.payload.len() {
                    *flags &= !FIN_PSH;
                }
                if self.made > 0 {
                    *flags &= !CWR;
                }
                put(upper, TCP_CHECKSUM, [0; 2])
            }
            Into::Udp => {
                let len = u16::try_from(8 + payload).ok()?;
                put(upper, UDP_LENGTH, len.to_be_bytes())?;
                put(upper, UDP_CHECKSUM, [0; 2])
            }
        }
    }

    /// The header of IP, and the checksum of what is above it.
    fn emit_network(&self, segment: &mut [u8]) -> Option<()> {
        let ip_len = segment.len() - self.network;
        let upper_len = segment.len() - self.transport;
        let ip = segment.get_mut(self.network..)?;
        let mut sum = Sum::new();
        match self.version {
            Version::V4 => {
                put(ip, V4_LENGTH, u16::try_from(ip_len).ok()?.to_be_bytes())?;
                let before = u16::from_be_bytes(*ip.get(V4_IDENTIFICATION..)?.first_chunk()?);
                let own = before.wrapping_add(self.made);
                put(ip, V4_IDENTIFICATION, own.to_be_bytes())?;
                put(ip, V4_CHECKSUM, [0; 2])?;
                let header = ip.get(..self.transport - self.network)?;
                let checksum = crate::checksum::of(header);
                put(ip, V4_CHECKSUM, checksum.to_be_bytes())?;
                sum.add(ip.get(V4_ADDRESSES)?);
            }
            Version::V6 => {
                let len = u16::try_from(ip_len - 40).ok()?;
                put(ip, V6_LENGTH, len.to_be_bytes())?;
                sum.add(ip.get(V6_ADDRESSES)?);
            }
        }
        let (protocol, at) = match self.into {
            Into::Tcp => (TCP, TCP_CHECKSUM),
            Into::Udp => (UDP, UDP_CHECKSUM),
        };
        sum.add(&[0, protocol]);
        sum.add(&u16::try_from(upper_len).ok()?.to_be_bytes());
        let upper = segment.get_mut(self.transport..)?;
        sum.add(upper);
        let checksum = match self.into {
            Into::Tcp => sum.finish(),
            Into::Udp => not_zero(sum.finish()),
        };
        put(upper, at, checksum.to_be_bytes())
    }
}

/// Overwrites the octets at `at`.
fn put<const N: usize>(octets: &mut [u8], at: usize, value: [u8; N]) -> Option<()> {
    *octets.get_mut(at..)?.first_chunk_mut()? = value;
    Some(())
}
