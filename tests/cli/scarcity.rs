//! When descriptors run out: accepting pauses and goes on, nothing spins, and nobody is lost.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use wharf_tests::{shell, tcp};

/// Processor time of a process, in ticks of a hundredth of a second (proc_pid_stat(5)).
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let (_, rest) = stat.rsplit_once(')').expect("its name in brackets");
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |n: usize| fields[n].parse::<u64>().expect("a number of ticks");
    number(11) + number(12)
}

#[test]
fn accepting_pauses_without_descriptors_and_goes_on() {
    let line = "ulimit -n 32; exec wharf --json --workers 1 :0 echo:";
    let mut server = shell(line).spawn();
    let address = server.listening();
    // More than there are descriptors; the kernel completes the connections all the same.
    let mut peers: Vec<TcpStream> = (0..60).map(|_| tcp::connect(address)).collect();
    let note = server.stderr_line("os error 24");
    assert!(note.contains("warn") || note.contains("note"), "{note}");
    let before = ticks(server.pid());
    let last = peers.last().unwrap();
    last.set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    assert!(peers.last().unwrap().read(&mut [0]).is_err(), "nothing yet");
    let spent = ticks(server.pid()) - before;
    assert!(spent < 20, "{spent} ticks in half a second of waiting");
    // Each one that leaves makes room for another.
    let mut answered = 0;
    while let Some(mut peer) = (!peers.is_empty()).then(|| peers.remove(0)) {
        peer.set_read_timeout(Some(wharf_tests::wait::DEADLINE))
            .unwrap();
        peer.write_all(b"x").unwrap();
        assert_eq!(tcp::read_exact(&mut peer, 1), b"x");
        answered += 1;
    }
    assert_eq!(answered, 60);
    assert!(server.runs());
}
