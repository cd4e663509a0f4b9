//! The learning switch as a [`Forward`]: the machine of `proto`, and what each endpoint's ports are
//! told to be.
//!
//! Not here: decisions (`wharf_proto::link::switch`), ports and queues (`relay/many/`).

use wharf_proto::link::switch::{Flood, Seed, Verdict};
use wharf_proto::time::Instant;

use crate::socket::forward::{self, Form, Forward, Head, Route};

pub use wharf_proto::link::ethernet::MacAddress;
pub use wharf_proto::link::switch::{
    Change, Counters, Entry, Event, Flooding, Isolation, Learning, LoopGuard, Machine, Mode, Port,
    PortSettings, Reason, Reserved, Settings, StormLimits, VlanId, VlanSet, Vlans,
};

/// A switch over the endpoints that were given, in their order.
#[derive(Debug)]
pub struct Switch {
    machine: Machine,
    members: Vec<PortSettings>,
}

impl Switch {
    /// A switch whose ports are what `members` say: those of endpoint 0 what the first says, and so
    /// on. Endpoints without settings get the usual ones. `seed` is drawn at random by the caller.
    pub fn new(settings: Settings, members: Vec<PortSettings>, seed: [u64; 4]) -> Switch {
        Switch {
            machine: Machine::new(settings, Seed(seed)),
            members,
        }
    }

    /// The table and the counters.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    fn flood(&self, flood: Flood, packet: &[u8], route: &mut Route) {
        for (port, change) in self.machine.targets(flood) {
            add(route, port, change, packet);
        }
    }
}

/// The number of a port as the machine has it.
const fn inner(port: forward::Port) -> Port {
    Port(port.0)
}

/// The number of a port as routes have it.
const fn outer(port: Port) -> forward::Port {
    forward::Port(port.0)
}

fn add(route: &mut Route, port: Port, change: Change, packet: &[u8]) {
    let head = change
        .head(packet)
        .and_then(|(skip, octets, len)| Head::new(skip, octets.get(..len).unwrap_or_default()));
    let form = head.map_or(Form::Same, |head| route.headed(head));
    route.to_as(outer(port), form);
}

impl Forward for Switch {
    type Event = Event;

    fn handle_up(&mut self, port: forward::Port, member: usize, now: Instant) {
        let settings = self.members.get(member).cloned().unwrap_or_default();
        self.machine.handle_up(inner(port), settings, now);
    }

    fn handle_down(&mut self, port: forward::Port, now: Instant) {
        self.machine.handle_down(inner(port), now);
    }

    fn route(&mut self, from: forward::Port, packet: &[u8], now: Instant, route: &mut Route) {
        match self.machine.handle_frame(inner(from), packet, now) {
            Verdict::Forward(to, Change::Keep) => route.to(outer(to)),
            Verdict::Forward(to, change) => add(route, to, change, packet),
            Verdict::Flood(flood) => self.flood(flood, packet, route),
            Verdict::Drop(_) | Verdict::Taken => {}
        }
    }

    fn poll_transmit(&mut self, packet: &mut Vec<u8>, route: &mut Route) -> bool {
        let port = self.machine.poll_transmit(packet);
        if let Some(port) = port {
            route.to(outer(port));
        }
        port.is_some()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.machine.poll_event()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::forward::Port;

    fn frame(to: u8, from: u8) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0];
        frame.resize(60, 0);
        frame
    }

    fn access(vlan: u16) -> PortSettings {
        PortSettings {
            mode: Mode::Access(VlanId::new(vlan).unwrap()),
            ..PortSettings::default()
        }
    }

    fn trunk() -> PortSettings {
        let tagged = Box::new(VlanSet::all());
        PortSettings {
            mode: Mode::Trunk {
                tagged,
                native: None,
            },
            ..PortSettings::default()
        }
    }

    #[test]
    fn tags_are_heads_of_a_route() {
        let settings = Settings {
            vlans: Vlans::Aware,
            loops: None,
            ..Settings::default()
        };
        let members = vec![access(10), access(10), trunk()];
        let mut switch = Switch::new(settings, members, [1, 2, 3, 4]);
        let now = Instant::EPOCH;
        for member in 0..3 {
            switch.handle_up(Port(member as u16), member, now);
        }
        let mut route = Route::default();
        let packet = frame(9, 1);
        switch.route(Port(0), &packet, now, &mut route);
        let went: Vec<_> = route.iter().collect();
        assert_eq!(went.len(), 2);
        assert_eq!((went[0].0, went[0].1), (Port(1), None));
        let head = went[1].1.unwrap();
        assert_eq!((went[1].0, head.skip), (Port(2), 12));
        assert_eq!(head.octets()[12..], [0x81, 0, 0, 10]);

        // The answer comes tagged, and goes to one port without its tag.
        let mut answer = frame(1, 9);
        answer.splice(12..12, [0x81, 0, 0, 10]);
        route.clear();
        switch.route(Port(2), &answer, now, &mut route);
        let went: Vec<_> = route.iter().collect();
        assert_eq!(went.len(), 1);
        let head = went[0].1.unwrap();
        assert_eq!(
            (went[0].0, head.skip, head.octets().len()),
            (Port(0), 16, 12)
        );
    }
}
