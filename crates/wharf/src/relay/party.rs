//! One side of a relay: a channel without what only opening needs, so that an idle relay is small.

use super::controls::Waiting;
use super::direction::Half;
use crate::socket::channel::{Channel, Io, Profile};
use crate::socket::control::ControlPort;

/// One side.
pub(super) struct Party {
    pub(super) io: Io,
    pub(super) profile: Profile,
    pub(super) address: String,
    pub(super) control: Option<ControlPort>,
    /// A control that the other side had no room for.
    pub(super) waiting: Option<Box<Waiting>>,
}

impl Party {
    pub(super) fn new(channel: Channel) -> Party {
        let Channel {
            io,
            info,
            profile,
            control,
        } = channel;
        Party {
            io,
            profile,
            address: info.address,
            control,
            waiting: None,
        }
    }

    pub(super) fn half(&mut self) -> Half<'_> {
        Half {
            io: &mut self.io,
            profile: &self.profile,
        }
    }

    pub(super) fn unsent(&self) -> Option<usize> {
        match &self.io {
            Io::Stream(stream) => stream.unsent(),
            Io::Packets(packets) => packets.unsent(),
        }
    }
}
