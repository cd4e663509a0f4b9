//! Blocks as they are found in a file.
//!
//! What is known of a section is kept ([`Sections`]); a block is looked at where it lies. The length of
//! a block is believed only up to [`MAX_BLOCK`], and only if the block ends with it again.

use alloc::string::String;
use alloc::vec::Vec;

use super::{
    ENHANCED_PACKET, INTERFACE, MAGIC, MAX_BLOCK, MAX_INTERFACES, OLD_PACKET, SECTION,
    SIMPLE_PACKET,
};
use crate::observe::capture::{
    Clock, Comments, Direction, Found, Interface, LinkType, Packet, Reason,
};
use crate::wire::octets;

/// The octets of a block without a body.
const FRAME: usize = 12;

/// In which order the octets of numbers stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    pub(crate) fn u16(self, data: &[u8], at: usize) -> u16 {
        match self {
            Order::Little => u16::from_le_bytes(octets(data, at)),
            Order::Big => u16::from_be_bytes(octets(data, at)),
        }
    }

    pub(crate) fn u32(self, data: &[u8], at: usize) -> u32 {
        match self {
            Order::Little => u32::from_le_bytes(octets(data, at)),
            Order::Big => u32::from_be_bytes(octets(data, at)),
        }
    }

    fn u64(self, data: &[u8], at: usize) -> u64 {
        match self {
            Order::Little => u64::from_le_bytes(octets(data, at)),
            Order::Big => u64::from_be_bytes(octets(data, at)),
        }
    }
}

/// The section at hand: its order and its interfaces.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    order: Order,
    interfaces: Vec<Interface>,
}

impl Sections {
    /// The next block of `input`, or `None` if it is not whole. What describes the section is noted.
    pub(crate) fn next(&mut self, input: &[u8]) -> Result<Option<Found>, Reason> {
        let Some(head) = input.get(..FRAME) else {
            return Ok(None);
        };
        let is_section = self.order.u32(head, 0) == SECTION;
        let order = match is_section {
            true => order_of(head)?,
            false => self.order,
        };
        let said = order.u32(head, 4);
        let len = said as usize;
        if !(FRAME..=MAX_BLOCK).contains(&len) || !len.is_multiple_of(4) {
            return Err(Reason::BlockLen(said));
        }
        let Some(block) = input.get(..len) else {
            return Ok(None);
        };
        if order.u32(block, len - 4) != said {
            return Err(Reason::BlockEnd(said));
        }
        let body = body(block);
        let kind = order.u32(block, 0);
        match kind {
            SECTION => self.begin(order, body)?,
            INTERFACE => self.add(body)?,
            _ => {}
        }
        Ok(Some(Found {
            len,
            is_packet: matches!(kind, OLD_PACKET | SIMPLE_PACKET | ENHANCED_PACKET),
        }))
    }

    /// Begins a section: nothing of the one before holds in it.
    fn begin(&mut self, order: Order, body: &[u8]) -> Result<(), Reason> {
        if body.len() < 16 {
            return Err(Reason::BlockBody);
        }
        match (order.u16(body, 4), order.u16(body, 6)) {
            // 1.2 was written by mistake and means 1.0 (section 4.1).
            (1, 0 | 2) => {}
            (major, minor) => return Err(Reason::Version(major, minor)),
        }
        *self = Sections {
            order,
            interfaces: Vec::new(),
        };
        Ok(())
    }

    fn add(&mut self, body: &[u8]) -> Result<(), Reason> {
        if body.len() < 8 {
            return Err(Reason::BlockBody);
        }
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Reason::Interfaces);
        }
        let mut interface = Interface {
            link: LinkType(self.order.u16(body, 0)),
            name: String::new(),
            description: String::new(),
            snaplen: self.order.u32(body, 4),
            clock: Clock::MICROS,
        };
        let text = |value| String::from_utf8_lossy(value).into_owned();
        for (code, value) in self.options(body, 8) {
            match (code, value) {
                (2, value) => interface.name = text(value),
                (3, value) => interface.description = text(value),
                (9, &[resolution]) => interface.clock.resolution = resolution,
                (14, value) if value.len() == 8 => {
                    interface.clock.offset = self.order.u64(value, 0).cast_signed();
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn options<'a>(&self, body: &'a [u8], at: usize) -> Options<'a> {
        Options {
            order: self.order,
            rest: body.get(at..).unwrap_or_default(),
        }
    }

    /// The packet in a block that [`next`](Sections::next) found.
    pub(crate) fn packet<'a>(&'a self, block: &'a [u8]) -> Result<Packet<'a>, Reason> {
        let (order, body) = (self.order, body(block));
        match order.u32(block, 0) {
            SIMPLE_PACKET => self.simple_packet(body),
            OLD_PACKET => {
                let interface = u32::from(order.u16(body, 0));
                // 0xffff means that nobody counted.
                let dropped = match order.u16(body, 2) {
                    u16::MAX => 0,
                    dropped => u64::from(dropped),
                };
                self.long_packet(body, interface, dropped)
            }
            _ => self.long_packet(body, order.u32(body, 0), 0),
        }
    }

    fn interface(&self, number: u32) -> Result<&Interface, Reason> {
        let interface = usize::try_from(number).ok();
        let interface = interface.and_then(|number| self.interfaces.get(number));
        interface.ok_or(Reason::Interface(number))
    }

    /// A packet of either kind that has a time and options.
    fn long_packet<'a>(
        &'a self,
        body: &'a [u8],
        interface: u32,
        dropped: u64,
    ) -> Result<Packet<'a>, Reason> {
        const DATA_AT: usize = 20;
        let order = self.order;
        if body.len() < DATA_AT {
            return Err(Reason::BlockBody);
        }
        let interface = self.interface(interface)?;
        let said = order.u32(body, 12);
        let len = said as usize;
        let data = body.get(DATA_AT..).and_then(|rest| rest.get(..len));
        let data = data.ok_or(Reason::PacketLen(said))?;
        let units = u64::from(order.u32(body, 4)) << 32 | u64::from(order.u32(body, 8));
        let options = self.options(body, DATA_AT + len.next_multiple_of(4));
        let mut packet = Packet {
            interface,
            time: Some(interface.clock.time(units)),
            data,
            original_len: order.u32(body, 16) as usize,
            direction: None,
            dropped,
            comments: Comments(options),
        };
        for (code, value) in options {
            match (code, value.len()) {
                (2, 4) => {
                    packet.direction = match order.u32(value, 0) & 3 {
                        1 => Some(Direction::Inbound),
                        2 => Some(Direction::Outbound),
                        _ => None,
                    }
                }
                (4, 8) => packet.dropped = order.u64(value, 0),
                _ => {}
            }
        }
        Ok(packet)
    }

    /// A packet of the first interface that says only its length.
    fn simple_packet<'a>(&'a self, body: &'a [u8]) -> Result<Packet<'a>, Reason> {
        let interface = self.interface(0)?;
        if body.len() < 4 {
            return Err(Reason::BlockBody);
        }
        let said = self.order.u32(body, 0);
        let kept = match interface.snaplen {
            0 => said,
            snaplen => said.min(snaplen),
        };
        let data = body.get(4..).and_then(|rest| rest.get(..kept as usize));
        Ok(Packet {
            interface,
            time: None,
            data: data.ok_or(Reason::PacketLen(said))?,
            original_len: said as usize,
            direction: None,
            dropped: 0,
            comments: Comments(self.options(&[], 0)),
        })
    }
}

/// The order of a section, by the magic number in its header.
fn order_of(head: &[u8]) -> Result<Order, Reason> {
    for order in [Order::Little, Order::Big] {
        if order.u32(head, 8) == MAGIC {
            return Ok(order);
        }
    }
    Err(Reason::NotACapture)
}

/// What stands between the lengths of a block.
fn body(block: &[u8]) -> &[u8] {
    block
        .get(8..block.len().saturating_sub(4))
        .unwrap_or_default()
}

/// The options of a block, to their end or the first that does not fit: code and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options<'a> {
    pub(crate) order: Order,
    pub(crate) rest: &'a [u8],
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let (head, rest) = self.rest.split_at_checked(4)?;
        let (code, len) = (
            self.order.u16(head, 0),
            usize::from(self.order.u16(head, 2)),
        );
        if code == 0 {
            return None;
        }
        let value = rest.get(..len)?;
        self.rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}
