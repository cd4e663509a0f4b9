//! How fast the TELNET machine reads: plain data, text with lines, and a screen with lines.
//!
//! It has no peer to be compared with, so it is no scenario of `bench/run`:
//! `cargo run --release -p wharf-proto --example telnet_decoder`. The best of twenty rounds of 64 MiB is
//! printed, in octets a second of one processor.
//! Not here: what a relay through TELNET costs, sockets included.

use std::time::Instant;

use wharf_proto::application::telnet::{Event, Machine, Role, Wishes};

const BLOCK: usize = 65_536;
const BLOCKS: usize = 1000;

fn main() {
    let plain: Vec<u8> = (b'a'..=b'z').cycle().take(BLOCK).collect();
    let line = [&[b'x'; 78][..], b"\r\n"].concat();
    let lines: Vec<u8> = line.iter().copied().cycle().take(BLOCK).collect();
    for (name, input, machine) in [
        ("plain", &plain, client()),
        ("lines of 80, as text", &lines, client()),
        ("lines of 80, as a screen", &lines, screen()),
    ] {
        println!("{name}: {:.1} GB/s", gigabytes_a_second(input, machine));
    }
}

fn client() -> Machine {
    Machine::new(Wishes::new(Role::Client))
}

/// A client whose server has taken over echo and the line ends.
fn screen() -> Machine {
    let mut machine = client();
    let will_suppress_go_ahead_and_echo = b"\xff\xfb\x03\xff\xfb\x01";
    read(&mut machine, will_suppress_go_ahead_and_echo);
    machine
}

fn gigabytes_a_second(input: &[u8], mut machine: Machine) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..20 {
        let begin = Instant::now();
        let octets: usize = (0..BLOCKS).map(|_| read(&mut machine, input)).sum();
        best = best.min(begin.elapsed().as_secs_f64());
        assert!(octets > BLOCK * BLOCKS / 2, "data was lost");
    }
    (input.len() * BLOCKS) as f64 / best / 1e9
}

/// Reads all of `input`; how many octets of data there were.
fn read(machine: &mut Machine, input: &[u8]) -> usize {
    let (mut rest, mut said, mut octets) = (input, Vec::new(), 0);
    while let Ok(Some(step)) = machine.parse(rest, &mut said) {
        if let Some(Event::Data(range)) = step.event {
            octets += range.len();
        }
        rest = &rest[step.used..];
    }
    octets
}
