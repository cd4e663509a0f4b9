//! What is scarce: descriptors, processes, memory, time. Whoever runs into a limit waits and goes
//! on; nobody spins.

use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use wharf_tests::program::binary;
use wharf_tests::{Program, Running, proc, tcp, wait, wharf};

/// How long it is watched whether the program is at rest.
const A_WHILE: Duration = Duration::from_millis(300);

/// wharf with WORDS and this many descriptors at most.
fn with_descriptors(most: u32, words: &[&str]) -> Program {
    let line = format!("ulimit -n {most}; exec \"$0\" \"$@\"");
    let shell = ["-c", &line, binary().to_str().expect("a path in UTF-8")];
    Program::new("sh", shell.iter().chain(words))
}

#[track_caller]
fn is_served(stream: &mut TcpStream) {
    stream.write_all(b"x").unwrap();
    assert_eq!(tcp::read_exact(stream, 1), b"x");
}

/// Processor time that passes while the program is watched for a while.
#[track_caller]
fn at_rest(wharf: &Running) -> Duration {
    let before = proc::cpu_time(wharf.pid()).expect("a running program");
    assert!(!wharf.ends_within(A_WHILE), "{wharf}");
    proc::cpu_time(wharf.pid()).expect("a running program") - before
}

#[test]
fn without_descriptors_accepting_pauses_and_resumes() {
    let words = [
        "--workers",
        "1",
        "--json",
        "tcp-listen://127.0.0.1:0",
        "echo:",
    ];
    let mut wharf = with_descriptors(32, &words).spawn();
    let front = wharf.listening();
    let mut clients: Vec<_> = (0..60).map(|_| tcp::connect(front)).collect();
    wharf.stderr_line("too many open files");
    let spent = at_rest(&wharf);
    assert!(
        spent < A_WHILE / 4,
        "it spins: {spent:?} of {A_WHILE:?}\n{wharf}"
    );
    let told = wharf.stderr_so_far().matches("too many open files").count();
    assert_eq!(told, 1, "a lack that lasts is told once\n{wharf}");
    // Those who came first are served all the time, and each that leaves makes room for another.
    is_served(&mut clients[0]);
    for mut client in clients {
        is_served(&mut client);
    }
}

#[test]
fn without_descriptors_for_the_other_side_one_connection_fails_and_the_listener_stays() {
    let (behind, address) = tcp::listen();
    let right = format!("tcp://{address}");
    let words = [
        "--workers",
        "1",
        "--json",
        "tcp-listen://127.0.0.1:0",
        &right,
    ];
    let mut wharf = with_descriptors(24, &words).spawn();
    let front = wharf.listening();
    let clients: Vec<_> = (0..40).map(|_| tcp::connect(front)).collect();
    wharf.stderr_line("too many open files");
    let spent = at_rest(&wharf);
    assert!(
        spent < A_WHILE / 4,
        "it spins: {spent:?} of {A_WHILE:?}\n{wharf}"
    );
    clients.into_iter().for_each(tcp::reset);
    wait::until("end of the others", wait::DEADLINE, || {
        (proc::descriptors(wharf.pid()) < 14).then_some(())
    });
    let mut fresh = tcp::connect(front);
    fresh.write_all(b"still here").unwrap();
    tcp::finish(&fresh);
    loop {
        let mut server = tcp::accept(&behind);
        if tcp::ending(&mut server).0 == b"still here" {
            break;
        }
    }
}

#[test]
fn a_listener_with_nothing_to_do_does_nothing() {
    let (mut wharf, front) = listening(&["tcp-listen://127.0.0.1:0", "echo:"]);
    let mut idle: Vec<_> = (0..50).map(|_| tcp::connect(front)).collect();
    idle.iter_mut().for_each(is_served);
    for _ in &idle {
        wharf.event("opened");
    }
    assert!(at_rest(&wharf) <= Duration::from_millis(20));
}

#[test]
fn a_thousand_connections_at_once_need_little_memory() {
    let (wharf, front) = listening(&["--workers", "1", "tcp-listen://127.0.0.1:0", "echo:"]);
    let mut first = tcp::connect(front);
    is_served(&mut first);
    let before = proc::memory(wharf.pid()).unwrap();
    let mut clients: Vec<_> = (0..1000).map(|_| tcp::connect(front)).collect();
    clients.iter_mut().for_each(is_served);
    let grown = proc::memory(wharf.pid()).unwrap().saturating_sub(before);
    // Far above what a release build needs, far below a buffer for each.
    assert!(grown < 24 << 20, "{} octets a connection", grown / 1000);
}

#[test]
fn a_reader_that_takes_nothing_costs_no_memory_and_no_time() {
    let (_listener, address) = tcp::listen();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let _unix = UnixListener::bind(&socket).unwrap();
    let socket = socket.display();
    let started = [
        format!("tcp://{address}"),
        format!("len32+tcp://{address}"),
        format!("unix:{socket}"),
        "exec:sleep 1000".to_owned(),
        "exec#socketpair:sleep 1000".to_owned(),
    ]
    .map(|right| wharf(["zero:", &right]).spawn());
    // Buffers of the kernel are full in no time; then everything is at rest.
    for wharf in &started {
        let spent = at_rest(wharf);
        assert!(
            spent < A_WHILE / 4,
            "it spins: {spent:?} of {A_WHILE:?}\n{wharf}"
        );
        let most = proc::peak_memory(wharf.pid()).unwrap();
        assert!(most < 24 << 20, "{most} octets\n{wharf}");
    }
    // In good order, so that their commands end too.
    for wharf in started {
        wharf.stop();
    }
}

#[test]
fn a_line_without_an_end_is_refused_at_its_limit() {
    let endless = wharf(["lines+exec:cat /dev/zero", "discard:"]).spawn();
    let most = peak_until_its_end(&endless);
    endless.finish().code(8).stderr_has("limit");
    assert!(most < 24 << 20, "{most} octets");
}

/// The highest memory that is seen while the program runs.
fn peak_until_its_end(wharf: &Running) -> u64 {
    let mut most = 0;
    while !wharf.ends_within(Duration::from_millis(1)) {
        most = most.max(proc::peak_memory(wharf.pid()).unwrap_or(0));
    }
    most
}

/// How a client of the storm leaves.
#[derive(Clone, Copy)]
enum Leaves {
    AtOnce,
    ByReset,
    AfterAnEcho,
    WithoutReading,
    HalfClosed,
}

#[track_caller]
fn visit(front: SocketAddr, leaves: Leaves) {
    let mut stream = tcp::connect(front);
    match leaves {
        Leaves::AtOnce => {}
        Leaves::ByReset => tcp::reset(stream),
        Leaves::AfterAnEcho => is_served(&mut stream),
        Leaves::WithoutReading => {
            // The peer may end while we still write.
            let _ = stream.write_all(&[0; 100_000]);
        }
        Leaves::HalfClosed => {
            stream.write_all(b"question").unwrap();
            tcp::finish(&stream);
            assert_eq!(tcp::read_to_end(&mut stream), b"question");
        }
    }
}

#[test]
fn nothing_is_left_of_a_storm_of_clients() {
    use Leaves::{AfterAnEcho, AtOnce, ByReset, HalfClosed, WithoutReading};
    let (behind, back) = listening(&["tcp-listen://127.0.0.1:0", "echo:"]);
    let to = format!("tcp://{back}");
    let (wharf, front) = listening(&["tcp-listen://127.0.0.1:0", &to]);
    visit(front, AfterAnEcho);
    let at_first = [&wharf, &behind].map(|relay| settled(relay));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    for leaves in [AtOnce, AfterAnEcho, ByReset, HalfClosed, WithoutReading] {
                        visit(front, leaves);
                    }
                }
            });
        }
    });
    for (relay, before) in [&wharf, &behind].into_iter().zip(at_first) {
        assert_eq!(settled(relay), before, "descriptors\n{relay}");
    }
    let ended = wharf.stop();
    ended
        .code(0)
        .stderr_has("\"connections\":801,\"open\":0,\"failed\":0");
}

/// So much may stay with the allocator.
const CRUMBS: u64 = 6 << 20;

/// Waits until no more memory is used than there was, but for crumbs.
#[track_caller]
fn is_given_back(relay: &Running, before: u64) {
    wait::until("return of the memory", wait::DEADLINE, || {
        let now = proc::memory(relay.pid()).expect("a running program");
        (now < before + CRUMBS).then_some(())
    });
}

#[test]
fn thousands_at_once_leave_no_memory_behind_and_the_others_are_served() {
    let (_behind, back) = listening(&["tcp-listen://127.0.0.1:0", "echo:"]);
    let to = format!("tcp://{back}");
    let (wharf, front) = listening(&["tcp-listen://127.0.0.1:0", &to]);
    let mut steady = tcp::connect(front);
    is_served(&mut steady);
    let (memory, open) = (
        proc::memory(wharf.pid()).unwrap(),
        proc::descriptors(wharf.pid()),
    );
    for _ in 0..2 {
        let mut clients: Vec<_> = (0..3000).map(|_| tcp::connect(front)).collect();
        clients.iter_mut().for_each(is_served);
        is_served(&mut steady);
        for (n, client) in clients.into_iter().enumerate() {
            match n % 3 {
                0 => tcp::reset(client),
                _ => drop(client),
            }
        }
    }
    wait::until("end of the others", wait::DEADLINE, || {
        (proc::descriptors(wharf.pid()) == open).then_some(())
    });
    is_given_back(&wharf, memory);
    is_served(&mut steady);
}

#[test]
fn datagrams_from_thousands_of_ports_leave_nothing_behind() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let right = format!("udp://{}", server.local_addr().unwrap());
    let (wharf, front) = listening(&["udp-listen://127.0.0.1:0#idle=500ms", &right]);
    let (memory, open) = (
        proc::memory(wharf.pid()).unwrap(),
        proc::descriptors(wharf.pid()),
    );
    let flood: Vec<_> = (0..3000)
        .map(|_| {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            client.send_to(b"flood", front).unwrap();
            client
        })
        .collect();
    wait::until("sessions", wait::DEADLINE, || {
        (proc::descriptors(wharf.pid()) > open + 1000).then_some(())
    });
    drop(flood);
    wait::until("end of all sessions", wait::DEADLINE, || {
        (proc::descriptors(wharf.pid()) == open).then_some(())
    });
    is_given_back(&wharf, memory);
    // And who comes now is served.
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"late", front).unwrap();
    server.set_read_timeout(Some(wait::DEADLINE)).unwrap();
    let mut space = [0; 16];
    while server.recv(&mut space).unwrap() != b"late".len() {}
}

/// How many descriptors are open once no connection is.
#[track_caller]
fn settled(relay: &Running) -> usize {
    wait::until("end of all connections", wait::DEADLINE, || {
        (proc::tcp_open(relay.pid()) == 0).then(|| proc::descriptors(relay.pid()))
    })
}

#[track_caller]
fn listening(words: &[&str]) -> (Running, SocketAddr) {
    let mut wharf = wharf(["--json"].iter().chain(words)).spawn();
    let front = wharf.listening();
    (wharf, front)
}
