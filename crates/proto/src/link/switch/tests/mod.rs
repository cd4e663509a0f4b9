//! The switch: what is decided for single frames, for any frames, and in networks with loops.

mod loops;
mod network;
mod properties;

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::*;

const SEED: Seed = Seed([0x1111, 0x2222_3333, 0x4444_5555_6666, 0x7777_8888]);

/// A switch that looks for no loops, with `ports` ports that are all alike.
fn switch(settings: Settings, ports: u16) -> Machine {
    with_ports(
        settings,
        (0..ports).map(|_| PortSettings::default()).collect(),
    )
}

fn with_ports(settings: Settings, ports: Vec<PortSettings>) -> Machine {
    let mut machine = Machine::new(settings, SEED);
    for (number, settings) in (0u16..).zip(ports) {
        machine.handle_up(Port(number), settings, Instant::EPOCH);
    }
    machine
}

fn plain() -> Settings {
    Settings {
        loops: None,
        max_entries: 1000,
        ..Settings::default()
    }
}

fn aware() -> Settings {
    Settings {
        vlans: Vlans::Aware,
        ..plain()
    }
}

fn vlan(number: u16) -> VlanId {
    VlanId::new(number).unwrap()
}

fn access(number: u16) -> PortSettings {
    PortSettings {
        mode: Mode::Access(vlan(number)),
        ..PortSettings::default()
    }
}

fn trunk(tagged: &[u16], native: Option<u16>) -> PortSettings {
    let tagged = tagged.iter().map(|number| vlan(*number)).collect();
    PortSettings {
        mode: Mode::Trunk {
            tagged: alloc::boxed::Box::new(tagged),
            native: native.map(vlan),
        },
        ..PortSettings::default()
    }
}

const ALL: u64 = 0xffff_ffff_ffff;

/// A station by its number.
const fn station(number: u8) -> u64 {
    0x0200_0000_0000 | number as u64
}

fn frame(to: u64, from: u64) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&to.to_be_bytes()[2..]);
    out.extend_from_slice(&from.to_be_bytes()[2..]);
    out.extend_from_slice(&[0x08, 0x00]);
    out.resize(60, 0);
    out
}

fn tagged(tci: u16, to: u64, from: u64) -> Vec<u8> {
    let mut out = frame(to, from);
    let [high, low] = tci.to_be_bytes();
    out.splice(12..12, [0x81, 0x00, high, low]);
    out
}

/// Where a frame goes, as port numbers and changes.
fn went(machine: &mut Machine, from: u16, frame: &[u8], now: Instant) -> Vec<(u16, Change)> {
    match machine.handle_frame(Port(from), frame, now) {
        Verdict::Forward(port, change) => [(port.0, change)].into(),
        Verdict::Flood(flood) => {
            let targets = machine.targets(flood);
            targets.map(|(port, change)| (port.0, change)).collect()
        }
        Verdict::Drop(_) | Verdict::Taken => Vec::new(),
    }
}

fn ports(machine: &mut Machine, from: u16, frame: &[u8]) -> Vec<u16> {
    let went = went(machine, from, frame, Instant::EPOCH);
    went.into_iter().map(|(port, _)| port).collect()
}

fn dropped(machine: &Machine, port: u16, reason: Reason) -> u64 {
    machine.counters(Port(port)).unwrap().dropped(reason)
}

fn events(machine: &mut Machine) -> Vec<Event> {
    core::iter::from_fn(|| machine.poll_event()).collect()
}

fn after(millis: u64) -> Instant {
    Instant::EPOCH + Duration::from_millis(millis)
}

#[test]
fn what_is_unknown_is_flooded_and_what_is_known_is_not() {
    let mut machine = switch(plain(), 4);
    assert_eq!(
        ports(&mut machine, 1, &frame(station(2), station(1))),
        [0, 2, 3]
    );
    assert_eq!(ports(&mut machine, 2, &frame(station(1), station(2))), [1]);
    assert_eq!(ports(&mut machine, 1, &frame(station(2), station(1))), [2]);
    assert_eq!(ports(&mut machine, 2, &frame(ALL, station(2))), [0, 1, 3]);
    // Two stations on one port: the frame is there already.
    ports(&mut machine, 1, &frame(ALL, station(3)));
    assert_eq!(
        ports(&mut machine, 1, &frame(station(3), station(1))),
        [0u16; 0]
    );
    assert_eq!(dropped(&machine, 1, Reason::Same), 1);
    assert_eq!(machine.counters(Port(1)).unwrap().lost(), 0);
}

#[test]
fn what_cannot_be_a_frame_is_dropped_and_counted() {
    let settings = Settings {
        max_frame: 100,
        ..plain()
    };
    let mut machine = switch(settings, 2);
    let good = frame(ALL, station(1));
    for (bad, reason) in [
        (good[..13].to_vec(), Reason::Runt),
        (Vec::new(), Reason::Runt),
        (tagged(1, ALL, station(1))[..15].to_vec(), Reason::Runt),
        ([good.clone(), [0; 41].to_vec()].concat(), Reason::Oversize),
        (frame(station(1), ALL), Reason::Source),
        (frame(station(1), 0x0100_0000_0001), Reason::Source),
        (frame(station(1), 0), Reason::Source),
        (frame(0x0180_c200_0000, station(1)), Reason::Reserved),
        (frame(0x0180_c200_000e, station(1)), Reason::Reserved),
    ] {
        let before = dropped(&machine, 0, reason);
        assert_eq!(ports(&mut machine, 0, &bad), [0u16; 0], "{reason:?}");
        assert_eq!(dropped(&machine, 0, reason), before + 1, "{reason:?}");
    }
    assert!(machine.is_empty(), "nothing was learned from them");
    // A tag does not count, and 14 octets are a frame.
    let long = [tagged(1, ALL, station(1)), [0; 40].to_vec()].concat();
    assert_eq!(ports(&mut machine, 0, &long), [1]);
    assert_eq!(ports(&mut machine, 0, &good[..14]), [1]);
}

#[test]
fn reserved_frames_pass_if_that_is_wanted_and_pauses_never() {
    let settings = Settings {
        reserved: Reserved::Forward,
        ..plain()
    };
    let mut machine = switch(settings, 2);
    assert_eq!(
        ports(&mut machine, 0, &frame(0x0180_c200_0000, station(1))),
        [1]
    );
    assert_eq!(
        ports(&mut machine, 0, &frame(0x0180_c200_0001, station(1))),
        [0u16; 0]
    );
}

#[test]
fn an_address_that_is_silent_is_forgotten() {
    let mut machine = switch(plain(), 3);
    ports(&mut machine, 0, &frame(ALL, station(1)));
    let mut now = Instant::EPOCH;
    let end = Instant::EPOCH + Duration::from_secs(299);
    while let Some(at) = machine.poll_timeout().filter(|at| *at <= end) {
        assert!(at > now || now == Instant::EPOCH);
        now = at;
        machine.handle_timeout(now);
    }
    let entry = machine.entries(end).next().unwrap();
    assert_eq!((entry.port, entry.age), (Port(0), Duration::from_secs(299)));
    assert_eq!(
        went(&mut machine, 1, &frame(station(1), station(2)), end).len(),
        1
    );
    machine.handle_timeout(Instant::EPOCH + Duration::from_secs(301));
    assert_eq!(
        went(&mut machine, 1, &frame(station(1), station(2)), end).len(),
        2
    );
}

#[test]
fn a_port_that_is_gone_takes_its_addresses_with_it() {
    let mut machine = switch(plain(), 3);
    ports(&mut machine, 0, &frame(ALL, station(1)));
    machine.handle_down(Port(0), Instant::EPOCH);
    assert!(machine.is_empty());
    assert_eq!(ports(&mut machine, 1, &frame(station(1), station(2))), [2]);
    assert_eq!(ports(&mut machine, 0, &frame(ALL, station(1))), [0u16; 0]);
    machine.handle_up(Port(0), PortSettings::default(), Instant::EPOCH);
    assert_eq!(
        ports(&mut machine, 1, &frame(station(1), station(2))),
        [0, 2]
    );
    assert_eq!(machine.counters(Port(0)), Some(&Counters::default()));
}

#[test]
fn a_move_is_told_and_too_many_are_not_followed() {
    let mut machine = switch(plain(), 3);
    for _ in 0..10 {
        for port in [0, 1] {
            ports(&mut machine, port, &frame(ALL, station(1)));
        }
    }
    let told = events(&mut machine);
    let is_move = |event: &&Event| matches!(event, Event::Moved { .. });
    assert_eq!(told.iter().filter(is_move).count(), usize::from(MOVES));
    let last = told.last().unwrap();
    let flapping = Event::Flapping {
        address: address(station(1)),
        vlan: None,
        stays: Port(1),
        seen: Port(0),
    };
    assert_eq!(*last, flapping);
    assert_eq!(told.len(), usize::from(MOVES) + 1, "told once a second");
    // Frames go on all the same, and a second later the move is followed.
    assert_eq!(ports(&mut machine, 2, &frame(station(1), station(2))), [1]);
    machine.handle_timeout(after(1000));
    ports(&mut machine, 0, &frame(ALL, station(1)));
    assert_eq!(ports(&mut machine, 2, &frame(station(1), station(2))), [0]);
}

#[test]
fn vlans_are_separate_and_tags_are_put_on_and_taken_off() {
    let members = [access(10), access(20), trunk(&[10, 20], None), access(10)];
    let mut machine = with_ports(aware(), members.into());
    let all = |from| frame(ALL, station(from));
    let now = Instant::EPOCH;
    let from_10 = went(&mut machine, 0, &all(1), now);
    assert_eq!(from_10, [(2, Change::Push(10)), (3, Change::Keep)]);
    let tagged_20 = tagged(0x6014, ALL, station(2));
    assert_eq!(went(&mut machine, 2, &tagged_20, now), [(1, Change::Pop)]);
    // The same address in two VLANs is in two places.
    ports(&mut machine, 1, &all(1));
    let to_1 = |tci| tagged(tci, station(1), station(2));
    assert_eq!(went(&mut machine, 2, &to_1(10), now), [(0, Change::Pop)]);
    assert_eq!(went(&mut machine, 2, &to_1(20), now), [(1, Change::Pop)]);
    // No tag on a trunk without a native VLAN, a VLAN that it lacks, and a tag on an access port.
    for (port, bad) in [(2, all(3)), (2, to_1(30)), (0, to_1(20)), (0, to_1(10))] {
        let before = dropped(&machine, port, Reason::Vlan);
        assert_eq!(ports(&mut machine, port, &bad), [0u16; 0]);
        assert_eq!(dropped(&machine, port, Reason::Vlan), before + 1);
    }
    let priority = tagged(0xe000, ALL, station(1));
    let went_out = went(&mut machine, 0, &priority, now);
    assert_eq!(went_out, [(2, Change::Retag(0xe00a)), (3, Change::Pop)]);
    let entries = machine
        .entries(now)
        .filter(|entry| entry.vlan == Some(vlan(20)));
    assert_eq!(entries.count(), 2);
}

#[test]
fn without_vlans_tags_are_octets_like_others() {
    let mut machine = switch(plain(), 2);
    let tagged = tagged(0x600a, ALL, station(1));
    assert_eq!(
        went(&mut machine, 0, &tagged, Instant::EPOCH),
        [(1, Change::Keep)]
    );
    assert_eq!(ports(&mut machine, 1, &frame(station(1), station(2))), [0]);
}

#[test]
fn isolated_ports_talk_only_with_the_others() {
    let isolated = || PortSettings {
        isolation: Isolation::Isolated,
        ..PortSettings::default()
    };
    let members = [isolated(), isolated(), PortSettings::default()];
    let mut machine = with_ports(plain(), members.into());
    assert_eq!(ports(&mut machine, 0, &frame(ALL, station(1))), [2]);
    assert_eq!(
        ports(&mut machine, 1, &frame(station(1), station(2))),
        [0u16; 0]
    );
    assert_eq!(dropped(&machine, 1, Reason::Isolated), 1);
    assert_eq!(ports(&mut machine, 2, &frame(station(1), station(3))), [0]);
    assert_eq!(ports(&mut machine, 2, &frame(ALL, station(3))), [0, 1]);
}

#[test]
fn a_hub_knows_nobody() {
    let settings = Settings {
        learning: Learning::Off,
        ..plain()
    };
    let mut machine = switch(settings, 3);
    ports(&mut machine, 0, &frame(ALL, station(1)));
    assert_eq!(
        ports(&mut machine, 1, &frame(station(1), station(2))),
        [0, 2]
    );
    assert!(machine.is_empty());
}

#[test]
fn storms_are_limited_by_sort_and_told_once() {
    let settings = Settings {
        storms: StormLimits {
            broadcast: NonZeroU32::new(100),
            ..StormLimits::default()
        },
        ..plain()
    };
    let mut machine = switch(settings, 2);
    let passed = (0..1000).filter(|_| !ports(&mut machine, 0, &frame(ALL, station(1))).is_empty());
    assert_eq!(passed.count(), 10);
    assert_eq!(dropped(&machine, 0, Reason::Broadcast), 990);
    let (port, flooding) = (Port(0), Flooding::Broadcast);
    assert_eq!(events(&mut machine), [Event::Storm { port, flooding }]);
    // Others are not limited, and other ports have limits of their own.
    assert_eq!(
        ports(&mut machine, 0, &frame(0x0100_5e00_0001, station(1))),
        [1]
    );
    assert_eq!(ports(&mut machine, 0, &frame(station(9), station(1))), [1]);
    assert_eq!(ports(&mut machine, 1, &frame(ALL, station(2))), [0]);
}

#[test]
fn a_flood_of_addresses_is_learned_up_to_a_share() {
    let settings = Settings {
        max_entries: 100,
        max_port_entries: 60,
        ..plain()
    };
    let mut machine = switch(settings, 4);
    ports(&mut machine, 0, &frame(ALL, station(1)));
    let octets = machine.table_octets();
    for number in 0..10_000u64 {
        let from = 0x0600_0000_0000 | number;
        assert_eq!(ports(&mut machine, 1, &frame(station(1), from)), [0]);
    }
    assert_eq!((machine.known_on(Port(1)), machine.len()), (60, 61));
    assert_eq!(machine.counters(Port(1)).unwrap().unlearned, 9940);
    assert_eq!(events(&mut machine), [Event::PortFull { port: Port(1) }]);
    for number in 0..100u64 {
        ports(&mut machine, 2, &frame(ALL, 0x0a00_0000_0000 | number));
    }
    assert_eq!(events(&mut machine), [Event::TableFull]);
    assert_eq!((machine.len(), machine.table_octets()), (100, octets));
    assert_eq!(ports(&mut machine, 3, &frame(station(1), station(9))), [0]);
}

#[test]
fn events_that_nobody_takes_are_bounded() {
    let mut machine = switch(plain(), 2);
    for number in 0..200 {
        ports(&mut machine, 0, &frame(ALL, station(number)));
        ports(&mut machine, 1, &frame(ALL, station(number)));
    }
    assert_eq!(events(&mut machine).len(), 64);
    assert_eq!(machine.events_lost(), 136);
}
