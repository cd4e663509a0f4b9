//! Deciding where packets go among many: what a switch and a hub are, and what a router will be.
//!
//! A [`Forward`] is told of ports and packets and answers with a [`Route`]: the ports that a packet goes
//! to, each perhaps with other octets at its beginning. It has no I/O; time is handed in.
//! Not here: ports that come and go, and packets that wait (`relay/many/`).

use std::fmt::Debug;

use wharf_proto::time::Instant;

/// One of many: the number of a channel while it is open. Numbers are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u16);

impl Port {
    /// The number as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Who decides where packets go.
///
/// The driver hands every packet to [`route`](Forward::route), and asks for what is due, for packets
/// and for events after it has told something.
pub trait Forward: Send + 'static {
    /// What there is to tell those who watch.
    type Event: Debug + Send;

    /// A port is there. `member` is the number of the endpoint that it belongs to, from 0: one that
    /// listens has a port for each peer.
    fn handle_up(&mut self, port: Port, member: usize, now: Instant);

    /// A port is gone.
    fn handle_down(&mut self, port: Port, now: Instant);

    /// Decides where a packet goes that came by `from`, and adds that to `route`, which is empty.
    fn route(&mut self, from: Port, packet: &[u8], now: Instant, route: &mut Route);

    /// Writes a packet of its own into `packet`, which it replaces, and adds to `route`, which is
    /// empty, where it goes. Returns whether there was one.
    fn poll_transmit(&mut self, _packet: &mut Vec<u8>, _route: &mut Route) -> bool {
        false
    }

    /// When something is due, if anything is.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Does what is due.
    fn handle_timeout(&mut self, _now: Instant) {}

    /// Something that happened.
    fn poll_event(&mut self) -> Option<Self::Event> {
        None
    }
}

/// Other octets at the beginning of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// So many octets of the packet are left out.
    pub skip: usize,
    octets: [u8; Head::MOST],
    len: u8,
}

impl Head {
    /// So many octets may stand there: an Ethernet header with tags, and one of IP.
    pub const MOST: usize = 64;

    /// `octets` in place of the first `skip` of the packet. `None` if there are more than
    /// [`Head::MOST`].
    pub fn new(skip: usize, octets: &[u8]) -> Option<Head> {
        let mut head = Head {
            skip,
            octets: [0; Head::MOST],
            len: u8::try_from(octets.len()).ok()?,
        };
        head.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(head)
    }

    /// What stands there.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// What becomes of the octets of a packet on its way to one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing.
    Same,
    /// It begins differently: the head of that number of the [`Route`].
    Headed(u16),
}

/// Where one packet goes. It is reused, so that a decision allocates nothing.
#[derive(Debug, Default)]
pub struct Route {
    to: Vec<(Port, Form)>,
    heads: Vec<Head>,
}

impl Route {
    /// Nowhere.
    pub fn clear(&mut self) {
        self.to.clear();
        self.heads.clear();
    }

    /// To this port, as it is.
    pub fn to(&mut self, port: Port) {
        self.to.push((port, Form::Same));
    }

    /// To this port, in that form.
    pub fn to_as(&mut self, port: Port, form: Form) {
        self.to.push((port, form));
    }

    /// A form for some of the ports.
    pub fn headed(&mut self, head: Head) -> Form {
        let known = self.heads.iter().position(|known| *known == head);
        let number = known.unwrap_or_else(|| {
            self.heads.push(head);
            self.heads.len() - 1
        });
        // One a port at most, and ports are numbered by 16 bits.
        Form::Headed(u16::try_from(number).unwrap_or(u16::MAX))
    }

    /// The only port, if there is one and the packet goes there as it is.
    pub fn single(&self) -> Option<Port> {
        match self.to[..] {
            [(port, Form::Same)] => Some(port),
            _ => None,
        }
    }

    /// Whether it goes nowhere.
    pub fn is_empty(&self) -> bool {
        self.to.is_empty()
    }

    /// The ports, each with the head that the packet has there; `None` leaves it as it is.
    pub fn iter(&self) -> impl Iterator<Item = (Port, Option<&Head>)> {
        self.to.iter().map(|(port, form)| match form {
            Form::Same => (*port, None),
            Form::Headed(number) => (*port, self.heads.get(usize::from(*number))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_heads_are_kept_once() {
        let mut route = Route::default();
        let head = Head::new(2, b"abc").unwrap();
        let (one, other) = (route.headed(head), route.headed(head));
        assert_eq!(one, other);
        route.to_as(Port(1), one);
        route.to(Port(2));
        assert_eq!(route.single(), None);
        let seen: Vec<_> = route
            .iter()
            .map(|(port, head)| (port.0, head.map(|head| head.octets().to_vec())))
            .collect();
        assert_eq!(seen, [(1, Some(b"abc".to_vec())), (2, None)]);
        route.clear();
        route.to(Port(7));
        assert_eq!(route.single(), Some(Port(7)));
    }

    #[test]
    fn a_head_has_an_end() {
        assert!(Head::new(0, &[0; Head::MOST]).is_some());
        assert!(Head::new(0, &[0; Head::MOST + 1]).is_none());
        assert!(Head::new(0, &[0; 300]).is_none());
    }
}
