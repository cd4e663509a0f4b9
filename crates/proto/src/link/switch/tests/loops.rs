//! Loops on a virtual clock: found, named, opened, tried again; and lies about them.

use super::network::Network;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    Settings {
        loops: Some(LoopGuard::default()),
        ..plain()
    }
}

/// Only what was told about loops.
fn loops(network: &Network) -> Vec<(usize, Port, Port, Port)> {
    let told = network
        .events
        .iter()
        .filter_map(|(switch, event)| match event {
            Event::Loop {
                sent,
                heard,
                blocked,
                ..
            } => Some((*switch, *sent, *heard, *blocked)),
            _ => None,
        });
    told.collect()
}

#[test]
fn two_ports_on_one_cable_are_a_loop() {
    // Ports 1 and 2 are joined outside; 0 and 3 have stations.
    let mut network = Network::new(&settings(), &[4], &[((0, 1), (0, 2))]);
    network.run(SECOND);
    let told = loops(&network);
    assert_eq!(told.len(), 1, "{told:?}");
    let (_, sent, heard, blocked) = told[0];
    assert_eq!((sent.min(heard), sent.max(heard)), (Port(1), Port(2)));
    assert_eq!(blocked, Port(2));
    assert_eq!(network.blocked(), [(0, 2)]);
    assert!(network.reaches((0, 0), (0, 3)));
    // It stays so, and is told once, as long as probes come back.
    network.run(60 * SECOND);
    assert_eq!(loops(&network).len(), 1);
    assert_eq!(network.blocked(), [(0, 2)]);
    // Without the cable, the port is used again.
    network.unplug((0, 1));
    network.run(20 * SECOND);
    assert_eq!(network.blocked(), []);
    let unblocked = (0, Event::Unblocked { port: Port(2) });
    assert_eq!(network.events.last(), Some(&unblocked));
    assert!(network.reaches((0, 0), (0, 2)));
}

#[test]
fn a_port_that_sends_everything_back_is_blocked() {
    let mut network = Network::new(&settings(), &[3], &[]);
    network.plug((0, 1), (0, 1));
    network.run(SECOND);
    assert_eq!(loops(&network), [(0, Port(1), Port(1), Port(1))]);
    assert!(network.reaches((0, 0), (0, 2)));
}

#[test]
fn a_storm_ends_before_the_next_probe_is_due() {
    let mut network = Network::new(&settings(), &[4], &[]);
    network.run(10 * SECOND);
    network.plug((0, 1), (0, 2));
    // A broadcast goes round and round; its source flaps, and that has the ports probed at once.
    network.say((0, 0), frame(ALL, station(1)));
    network.say((0, 3), frame(station(1), station(3)));
    network.run(Duration::from_millis(5));
    assert_eq!(loops(&network).len(), 1, "{:?}", network.events);
    assert!(network.carried < 1000, "{}", network.carried);
}

#[test]
fn two_switches_with_two_cables_stay_joined() {
    for cables in [
        [((0, 0), (1, 0)), ((0, 1), (1, 1))],
        [((0, 0), (1, 1)), ((0, 1), (1, 0))],
    ] {
        let mut network = Network::new(&settings(), &[3, 3], &cables);
        network.run(3 * SECOND);
        assert!(!loops(&network).is_empty());
        // Whoever found it first; both may have, for a while.
        network.run(60 * SECOND);
        assert_eq!(network.blocked().len(), 1, "{:?}", network.blocked());
        assert!(network.reaches((0, 2), (1, 2)));
        assert!(network.reaches((1, 2), (0, 2)));
        // The cable in use breaks: the other one takes over, after the hold.
        let (switch, port) = network.blocked()[0];
        network.unplug((switch, 1 - port));
        network.run(20 * SECOND);
        assert!(network.reaches((0, 2), (1, 2)), "{cables:?}");
    }
}

#[test]
fn three_switches_in_a_ring_stay_joined() {
    let cables = [((0, 0), (1, 1)), ((1, 0), (2, 1)), ((2, 0), (0, 1))];
    let mut network = Network::new(&settings(), &[3, 3, 3], &cables);
    network.run(60 * SECOND);
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        assert!(
            network.reaches((from, 2), (to, 2)),
            "{:?}",
            network.blocked()
        );
    }
    let carried = network.carried;
    network.run(10 * SECOND);
    assert!(network.carried - carried < 200, "only probes go round");
}

#[test]
fn without_a_guard_no_probe_is_sent() {
    let mut network = Network::new(&plain(), &[2], &[]);
    network.run(10 * SECOND);
    assert!(network.heard.is_empty() && network.events.is_empty());
}

/// The probe that goes out by a port.
fn probe_of(machine: &mut Machine, port: u16, now: Instant) -> Vec<u8> {
    machine.handle_timeout(now);
    let mut frame = Vec::new();
    let mut found = None;
    while let Some(by) = machine.poll_transmit(&mut frame) {
        if by == Port(port) {
            found = Some(frame.clone());
        }
    }
    found.unwrap()
}

#[test]
fn who_lies_about_a_loop_is_not_believed() {
    let mut machine = switch(settings(), 3);
    let first = probe_of(&mut machine, 1, after(200));
    let mut forged = first.clone();
    forged[22] = 0;
    forged[23] = 0;
    // A probe of a port that the liar does not see, and one with nothing right but the address.
    for lie in [forged, frame(ALL, number(machine.address()))] {
        let verdict = machine.handle_frame(Port(1), &lie, after(201));
        assert_eq!(verdict, Verdict::Drop(Reason::Source));
    }
    assert_eq!(events(&mut machine), []);
    // One that was seen long ago is worth nothing.
    for second in 1..20 {
        machine.handle_timeout(after(second * 1000));
        while machine.poll_transmit(&mut Vec::new()).is_some() {}
    }
    let verdict = machine.handle_frame(Port(2), &first, after(20_000));
    assert_eq!(verdict, Verdict::Drop(Reason::Source));
    // One of a port that was there before says nothing of the one that is there now.
    let old = probe_of(&mut machine, 1, after(30_000));
    machine.handle_up(Port(1), PortSettings::default(), after(30_001));
    let verdict = machine.handle_frame(Port(2), &old, after(30_002));
    assert_eq!(verdict, Verdict::Drop(Reason::Source));
}

#[test]
fn trunks_are_probed_in_each_vlan_in_turn() {
    let vlans: Vec<u16> = (1..=40).collect();
    let settings = Settings {
        vlans: Vlans::Aware,
        ..settings()
    };
    let mut machine = with_ports(settings, [trunk(&vlans, Some(7)), access(9)].into());
    let mut probed = Vec::new();
    for second in 1..12 {
        machine.handle_timeout(after(second * 1000));
        let mut frame = Vec::new();
        while let Some(port) = machine.poll_transmit(&mut frame) {
            let tci = Header::parse(&frame).unwrap().tci;
            match port {
                Port(0) => probed.push(tci.unwrap_or(0)),
                _ => assert_eq!(tci, None),
            }
        }
    }
    let tagged = vlans.iter().filter(|vlan| **vlan != 7);
    assert!(
        tagged.chain(&[0]).all(|vlan| probed.contains(vlan)),
        "{probed:?}"
    );
    assert!(!probed.contains(&7), "the native one has no tag");
    events(&mut machine);
}

#[test]
fn ports_of_two_vlans_that_are_joined_outside_are_no_loop() {
    let settings = Settings {
        vlans: Vlans::Aware,
        ..settings()
    };
    let mut machine = with_ports(settings, [access(10), access(20), access(10)].into());
    let probe = probe_of(&mut machine, 0, after(200));
    assert_eq!(
        machine.handle_frame(Port(1), &probe, after(201)),
        Verdict::Taken
    );
    assert_eq!(events(&mut machine), []);
    assert_eq!(
        machine.handle_frame(Port(2), &probe, after(201)),
        Verdict::Taken
    );
    assert_eq!(events(&mut machine).len(), 1);
    assert!(machine.blocked(Port(2), after(201)).is_some());
}
