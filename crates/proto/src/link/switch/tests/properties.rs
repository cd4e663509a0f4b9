//! What holds for any frames on any ports: no frame goes back, no VLAN leaks, the table is bounded,
//! and what is known goes to one port.

use alloc::collections::BTreeMap;
use proptest::prelude::*;

use super::*;

/// A frame between few stations, so that they meet.
fn any_frame() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let to = prop_oneof![
        6 => (1u8..12).prop_map(station),
        1 => Just(ALL),
        1 => Just(0x0100_5e00_0001),
        1 => Just(0x0180_c200_0000),
    ];
    let from = prop_oneof![9 => (1u8..12).prop_map(station), 1 => Just(ALL)];
    let tci = prop::option::of(prop::sample::select(
        &[0u16, 0xe000, 10, 20, 30, 0x600a][..],
    ));
    let inner = prop::option::weighted(0.2, prop::sample::select(&[0u16, 10, 20, 30][..]));
    (0u16..5, to, from, tci, inner).prop_map(|(port, to, from, tci, inner)| {
        let mut octets = match tci {
            Some(tci) => tagged(tci, to, from),
            None => frame(to, from),
        };
        if let (Some(_), Some(inner)) = (tci, inner) {
            let [high, low] = inner.to_be_bytes();
            octets.splice(16..16, [0x81, 0x00, high, low]);
        }
        (port, octets)
    })
}

fn members() -> Vec<PortSettings> {
    [
        access(10),
        access(20),
        trunk(&[10, 20], None),
        trunk(&[20, 30], Some(10)),
        access(30),
    ]
    .into()
}

/// The VLAN that a frame is in where it is seen with this tag.
fn vlan_at(settings: &PortSettings, tci: Option<u16>) -> Option<u16> {
    settings.mode.classify(tci)
}

/// The tag of a frame after its change.
fn tag_after(change: Change, frame: &[u8]) -> Option<u16> {
    let own = Header::parse(frame).unwrap().tci;
    match change {
        Change::Keep => own,
        Change::Pop => None,
        Change::Push(tci) | Change::Retag(tci) => Some(tci),
    }
}

proptest! {
    #[test]
    fn nothing_goes_back_and_nothing_goes_anywhere_twice(
        frames in prop::collection::vec(any_frame(), 1..300),
        has_vlans: bool,
    ) {
        let settings = if has_vlans { aware() } else { plain() };
        let mut machine = with_ports(settings, members());
        for (from, frame) in frames {
            let went = went(&mut machine, from, &frame, Instant::EPOCH);
            let mut ports: Vec<u16> = went.iter().map(|(port, _)| *port).collect();
            prop_assert!(!ports.contains(&from));
            ports.dedup();
            prop_assert_eq!(ports.len(), went.len());
        }
    }

    #[test]
    fn a_vlan_never_leaks(frames in prop::collection::vec(any_frame(), 1..300)) {
        let members = members();
        let mut machine = with_ports(aware(), members.clone());
        for (from, frame) in frames {
            let tci = Header::parse(&frame).unwrap().tci;
            let came_in = vlan_at(&members[usize::from(from)], tci);
            for (port, change) in went(&mut machine, from, &frame, Instant::EPOCH) {
                let tag = tag_after(change, &frame);
                let there = vlan_at(&members[usize::from(port)], tag);
                // What leaves untagged begins with no tag of the sender's choice.
                let is_nested = Header::parse(&frame).unwrap().is_nested;
                prop_assert!(change != Change::Pop || !is_nested);
                prop_assert!(came_in.is_some());
                prop_assert_eq!(there, came_in);
                // The priority stays on frames that keep or get a tag.
                if let (Some(tag), Some(own)) = (tag, tci) {
                    prop_assert_eq!(tag >> 12, own >> 12);
                }
            }
        }
    }

    #[test]
    fn what_is_known_goes_to_the_port_where_it_was_last_seen(
        frames in prop::collection::vec(any_frame(), 1..300),
    ) {
        let mut machine = switch(plain(), 5);
        let mut seen: BTreeMap<u64, (u16, u16)> = BTreeMap::new();
        for (from, frame) in frames {
            let header = Header::parse(&frame).unwrap();
            let went = ports(&mut machine, from, &frame);
            if !header.has_station() || header.is_reserved() {
                prop_assert!(went.is_empty());
                continue;
            }
            let (port, moves) = seen.entry(header.source).or_insert((from, 0));
            if *port != from && *moves < MOVES {
                (*port, *moves) = (from, *moves + 1);
            }
            match seen.get(&header.destination) {
                Some((port, _)) if *port == from => prop_assert!(went.is_empty()),
                Some((port, _)) => prop_assert_eq!(went, [*port]),
                None => prop_assert_eq!(went.len(), 4),
            }
        }
    }

    #[test]
    fn the_table_is_bounded_whoever_comes_and_goes(
        steps in prop::collection::vec((0u16..4, any::<u16>(), 0u8..20), 1..400),
        limit in 1usize..40,
        share in 1usize..40,
    ) {
        let settings = Settings {
            max_entries: limit,
            max_port_entries: share,
            ageing: Duration::from_secs(5),
            ..plain()
        };
        let mut machine = switch(settings, 4);
        let octets = machine.table_octets();
        let mut now = Instant::EPOCH;
        for (port, source, step) in steps {
            now += Duration::from_millis(u64::from(step) * 50);
            match step {
                0 => machine.handle_down(Port(port), now),
                1 => machine.handle_up(Port(port), PortSettings::default(), now),
                2 => machine.handle_timeout(now),
                _ => {
                    let from = 0x0200_0000_0000 | u64::from(source);
                    went(&mut machine, port, &frame(ALL, from), now);
                }
            }
            prop_assert!(machine.len() <= limit);
            prop_assert!((0..4).all(|port| machine.known_on(Port(port)) <= share));
            let sum: usize = (0..4).map(|port| machine.known_on(Port(port))).sum();
            prop_assert_eq!(sum, machine.len());
            prop_assert_eq!(machine.entries(now).count(), machine.len());
            prop_assert_eq!(machine.table_octets(), octets);
        }
    }

    #[test]
    fn no_octets_panic(frames in prop::collection::vec((0u16..6, any::<Vec<u8>>()), 1..50)) {
        let mut machine = with_ports(Settings { loops: Some(LoopGuard::default()), ..aware() }, members());
        for (port, frame) in frames {
            for (_, change) in went(&mut machine, port, &frame, Instant::EPOCH) {
                let _ = change.head(&frame);
            }
        }
    }
}
