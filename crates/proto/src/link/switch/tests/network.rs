//! A small network on a virtual clock: switches, the cables between them, and stations.
//!
//! A frame takes a microsecond over a cable. The network drops what would come to more frames than a
//! limit at once, as queues do, so that a loop is a storm and not the end of the memory.

use alloc::collections::{BTreeMap, VecDeque};

use super::*;

/// How long a frame takes over a cable.
const CABLE: Duration = Duration::from_micros(1);

/// So many frames are under way at most.
const MOST: usize = 200;

/// A port of a switch of the network.
pub(super) type Socket = (usize, u16);

pub(super) struct Network {
    pub(super) now: Instant,
    pub(super) switches: Vec<Machine>,
    /// Where the other end of a cable is; a socket without one has a station.
    cables: BTreeMap<Socket, Socket>,
    under_way: VecDeque<(Instant, Socket, Vec<u8>)>,
    /// What stations heard: who, and the frame.
    pub(super) heard: Vec<(Socket, Vec<u8>)>,
    pub(super) events: Vec<(usize, Event)>,
    /// How many frames went over cables.
    pub(super) carried: usize,
}

impl Network {
    /// Switches with so many ports each, seeds of their own, and these cables.
    pub(super) fn new(settings: &Settings, ports: &[u16], cables: &[(Socket, Socket)]) -> Network {
        let mut network = Network {
            now: Instant::EPOCH,
            switches: Vec::new(),
            cables: BTreeMap::new(),
            under_way: VecDeque::new(),
            heard: Vec::new(),
            events: Vec::new(),
            carried: 0,
        };
        for (number, ports) in (1u64..).zip(ports) {
            let seed = Seed([number, number * 3, number * 0x9e37_79b9, number << 33]);
            let mut machine = Machine::new(settings.clone(), seed);
            for port in 0..*ports {
                machine.handle_up(Port(port), PortSettings::default(), Instant::EPOCH);
            }
            network.switches.push(machine);
        }
        cables.iter().for_each(|(a, b)| network.plug(*a, *b));
        network
    }

    pub(super) fn plug(&mut self, a: Socket, b: Socket) {
        self.cables.extend([(a, b), (b, a)]);
    }

    pub(super) fn unplug(&mut self, a: Socket) {
        if let Some(b) = self.cables.remove(&a) {
            self.cables.remove(&b);
        }
    }

    /// A station says something.
    pub(super) fn say(&mut self, at: Socket, frame: Vec<u8>) {
        self.arrive(at, &frame);
    }

    fn arrive(&mut self, (switch, port): Socket, frame: &[u8]) {
        let went = went(&mut self.switches[switch], port, frame, self.now);
        for (port, change) in went {
            assert_eq!(change, Change::Keep);
            self.leave((switch, port), frame.to_vec());
        }
    }

    fn leave(&mut self, from: Socket, frame: Vec<u8>) {
        match self.cables.get(&from) {
            Some(to) if self.under_way.len() < MOST => {
                self.under_way.push_back((self.now + CABLE, *to, frame));
            }
            Some(_) => {}
            None => self.heard.push((from, frame)),
        }
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let frame = self.under_way.front().map(|(at, ..)| *at);
            let timers = self.switches.iter().filter_map(Machine::poll_timeout);
            let next = timers.chain(frame).min();
            let Some(at) = next.filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            for switch in 0..self.switches.len() {
                let machine = &mut self.switches[switch];
                if machine.poll_timeout().is_some_and(|at| at <= self.now) {
                    machine.handle_timeout(self.now);
                }
                self.tell(switch);
            }
            if frame.is_some_and(|at| at <= self.now)
                && let Some((_, to, frame)) = self.under_way.pop_front()
            {
                self.carried += 1;
                self.arrive(to, &frame);
                self.tell(to.0);
            }
        }
        self.now = end;
    }

    fn tell(&mut self, switch: usize) {
        let mut frame = Vec::new();
        while let Some(port) = self.switches[switch].poll_transmit(&mut frame) {
            self.leave((switch, port.0), frame.clone());
        }
        let told = events(&mut self.switches[switch]);
        self.events
            .extend(told.into_iter().map(|event| (switch, event)));
    }

    /// Whether a broadcast of this station reaches the other one, once.
    pub(super) fn reaches(&mut self, from: Socket, to: Socket) -> bool {
        self.heard.clear();
        let frame = frame(ALL, station(200));
        self.say(from, frame.clone());
        self.run(Duration::from_millis(1));
        self.heard
            .iter()
            .filter(|heard| **heard == (to, frame.clone()))
            .count()
            == 1
    }

    /// Which ports are blocked.
    pub(super) fn blocked(&self) -> Vec<Socket> {
        let mut blocked = Vec::new();
        for (number, switch) in self.switches.iter().enumerate() {
            for port in 0..8 {
                if switch.blocked(Port(port), self.now).is_some() {
                    blocked.push((number, port));
                }
            }
        }
        blocked
    }
}
