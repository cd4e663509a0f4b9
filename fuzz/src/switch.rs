//! [`wharf_proto::link::switch`]: whatever frames come by whatever ports, none goes back, no VLAN leaks
//! and the table is bounded.
//!
//! The first octet chooses the settings. Then come steps: an octet says what happens and by which port,
//! and where it is a frame, the next one is its length and the frame follows.

use std::time::Duration;

use wharf_proto::link::switch::{
    Change, Learning, Machine, Mode, Port, PortSettings, Seed, Settings, StormLimits, Verdict,
    VlanId, Vlans,
};
use wharf_proto::time::Instant;

/// The table has room for so many; one port for fewer.
const ENTRIES: usize = 20;
const SHARE: usize = 12;
const PORTS: u16 = 6;

/// Checks every decision about every frame.
pub fn check(input: &[u8]) {
    let (choice, mut rest) = crate::choice(input);
    let mut machine = Machine::new(settings(choice), Seed([3, 5, 7, choice as u64]));
    let mut modes = Vec::new();
    for port in 0..PORTS {
        modes.push(up(&mut machine, port, Instant::EPOCH));
    }
    let octets = machine.table_octets();
    let mut now = Instant::EPOCH;
    while let [step, more @ ..] = rest {
        rest = more;
        let port = u16::from(step % 8);
        match step / 8 {
            0 => machine.handle_down(Port(port), now),
            1 if port < PORTS => drop(up(&mut machine, port, now)),
            2 => {
                now += Duration::from_millis(300 * u64::from(port));
                timers(&mut machine, now);
            }
            _ => {
                let (len, after) = crate::choice(rest);
                let (frame, after) = after.split_at(len.min(after.len()));
                rest = after;
                decide(&mut machine, port, frame, now, &modes);
            }
        }
        while machine.poll_event().is_some() {}
        assert!(machine.len() <= ENTRIES);
        assert!((0..PORTS).all(|port| machine.known_on(Port(port)) <= SHARE));
        assert_eq!(machine.entries(now).count(), machine.len());
        assert_eq!(machine.table_octets(), octets);
    }
}

fn settings(choice: usize) -> Settings {
    Settings {
        max_entries: ENTRIES,
        max_port_entries: SHARE,
        ageing: Duration::from_secs(2),
        max_frame: 200,
        vlans: if choice & 1 == 0 {
            Vlans::Aware
        } else {
            Vlans::Transparent
        },
        learning: if choice & 2 == 0 {
            Learning::On
        } else {
            Learning::Off
        },
        storms: if choice & 4 == 0 {
            StormLimits::default()
        } else {
            StormLimits::each(std::num::NonZeroU32::MIN)
        },
        ..Settings::default()
    }
}

/// Opens a port, and returns what it does with VLANs.
fn up(machine: &mut Machine, port: u16, now: Instant) -> Mode {
    let vlan = |number| VlanId::new(number).expect("a VLAN");
    let mode = match port % 3 {
        0 => Mode::Access(vlan(10)),
        1 => Mode::Access(vlan(20)),
        _ => Mode::Trunk {
            tagged: Box::new([vlan(10), vlan(20), vlan(30)].into_iter().collect()),
            native: (port > 3).then(|| vlan(40)),
        },
    };
    let settings = PortSettings {
        mode: mode.clone(),
        ..PortSettings::default()
    };
    machine.handle_up(Port(port), settings, now);
    mode
}

/// Time passes, and what is due is done; a machine that is never done would loop here.
fn timers(machine: &mut Machine, now: Instant) {
    let mut frame = Vec::new();
    for _ in 0..1000 {
        match machine.poll_timeout() {
            Some(at) if at <= now => machine.handle_timeout(at),
            _ => return,
        }
        while machine.poll_transmit(&mut frame).is_some() {
            assert!(frame.len() >= 60);
        }
    }
    panic!("something is due again and again");
}

fn decide(machine: &mut Machine, from: u16, frame: &[u8], now: Instant, modes: &[Mode]) {
    let targets: Vec<(Port, Change)> = match machine.handle_frame(Port(from), frame, now) {
        Verdict::Forward(port, change) => vec![(port, change)],
        Verdict::Flood(flood) => machine.targets(flood).collect(),
        Verdict::Drop(_) | Verdict::Taken => return,
    };
    assert!((14..=204).contains(&frame.len()) && frame[6] & 1 == 0);
    let mut seen = Vec::new();
    for (port, change) in targets {
        assert_ne!(port, Port(from), "back to where it came from");
        assert!(!seen.contains(&port), "twice");
        seen.push(port);
        let tag = |tagged: &[u8]| match tagged {
            [
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                0x81,
                0x00,
                high,
                low,
                ..,
            ] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        };
        let out = match change.head(frame) {
            Some((skip, head, len)) => [&head[..len], &frame[skip..]].concat(),
            None => frame.to_vec(),
        };
        if machine.settings().vlans == Vlans::Transparent {
            assert_eq!(out, frame);
            continue;
        }
        let came_in = vlan(&modes[usize::from(from)], tag(frame));
        let went_out = vlan(&modes[usize::from(port.0)], tag(&out));
        assert!(came_in.is_some());
        // What lay under a tag that was taken off may look like one.
        if change != Change::Pop {
            assert_eq!(came_in, went_out, "into another VLAN");
        }
    }
}

/// The VLAN of a frame with this tag where ports are like that.
fn vlan(mode: &Mode, tag: Option<u16>) -> Option<u16> {
    let vid = tag.map_or(0, |tag| tag & 0xfff);
    match mode {
        Mode::Access(vlan) => (vid == 0).then(|| vlan.number()),
        Mode::Trunk { native, .. } if vid == 0 => native.map(VlanId::number),
        Mode::Trunk { tagged, native } => {
            let carried = native.into_iter().copied().chain(tagged.iter());
            carried.map(VlanId::number).find(|number| *number == vid)
        }
    }
}
