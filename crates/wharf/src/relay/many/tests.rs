//! Ports that come, go, stall and break, with a switch and with a forwarder of a few lines between
//! them; in memory, on a paused clock.

use std::future::poll_fn;
use std::sync::Mutex;

use tokio::sync::Notify;
use tokio::time::timeout;
use wharf_proto::time::Instant as Moment;

use super::*;
use crate::framing::records::LEN16;
use crate::link::switch::{Event, PortSettings, Settings, Switch};
use crate::socket::channel::{Io, Packets};
use crate::socket::env::{Shutdown, Stage, Stopper};
use crate::socket::forward::{Head, Port, Route};
use crate::socket::packets::{Batch, Facts, Got};
use crate::socket::scheme::Catalog;
use crate::testing::memory::endpoint::SCHEME;

static CATALOG: Catalog = Catalog {
    schemes: &[&LEN16, &SCHEME],
    shorthands: &[],
};

fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse_with(text, &CATALOG).unwrap()
}

fn members(texts: &[&str]) -> Vec<Member> {
    let member = |(number, text): (usize, &&str)| Member {
        name: number.to_string(),
        endpoint: endpoint(text),
    };
    texts.iter().enumerate().map(member).collect()
}

/// What was told, in lines, and a word to who waits for one.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>, Arc<Notify>);

impl Notes {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
        self.1.notify_waiters();
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until a line has been told so often.
    async fn wait(&self, part: &str, times: usize) {
        let count = || self.all().iter().filter(|line| line.contains(part)).count();
        let told = async {
            loop {
                let next = self.1.notified();
                if count() >= times {
                    return;
                }
                next.await;
            }
        };
        if timeout(Duration::from_secs(10), told).await.is_err() {
            panic!("{part:?} was not told {times} times: {:?}", self.all());
        }
    }
}

impl<E: std::fmt::Debug> Watch<E> for Notes {
    fn up(&self, port: &PortInfo) {
        self.add(format!("up {}", port.name));
    }

    fn down(&self, port: &PortInfo, counters: &Counters, why: &Gone) {
        let why = match why {
            Gone::Ended(end) => end.to_string(),
            Gone::Failed(error) => error.kind().name().to_owned(),
            Gone::Stopped => "stopped".to_owned(),
        };
        self.add(format!(
            "down {}: {why}, lost {}",
            port.name,
            counters.lost()
        ));
    }

    fn failed(&self, member: usize, error: &Error, wait: Option<Duration>) {
        self.add(format!("failed {member}: {} {wait:?}", error.kind().name()));
    }

    fn refused(&self, member: usize, _peer: &Info, why: Refusal) {
        self.add(format!("refused {member}: {why:?}"));
    }

    fn event(&self, event: &E) {
        self.add(format!("{event:?}"));
    }
}

/// A run in a task of its own.
struct Run<F: Forward> {
    notes: Notes,
    looker: Looker<F>,
    stopper: Stopper,
    task: tokio::task::JoinHandle<Result<Summary>>,
}

fn start<F: Forward<Event: 'static>>(texts: &[&str], forward: F, options: Options) -> Run<F> {
    let (stopper, shutdown) = Shutdown::pair();
    let env = Env::new().with_shutdown(shutdown);
    let (looker, looks) = looker();
    let notes = Notes::default();
    let (watch, members) = (Arc::new(notes.clone()), members(texts));
    let task =
        tokio::spawn(async move { many(members, forward, &env, &options, watch, looks).await });
    Run {
        notes,
        looker,
        stopper,
        task,
    }
}

impl<F: Forward> Run<F> {
    async fn stop(self) -> Summary {
        self.stopper.advance(Stage::Draining);
        self.task.await.unwrap().unwrap()
    }
}

fn switch() -> Switch {
    let settings = Settings {
        loops: None,
        ..Settings::default()
    };
    Switch::new(settings, Vec::new(), [1, 2, 3, 4])
}

/// A peer of a run.
struct Peer {
    io: Box<dyn Packets>,
    arrived: Batch,
}

impl Peer {
    /// Connects to who listens there, or is about to.
    async fn connect(name: &str) -> Peer {
        let endpoint = endpoint(&format!("len16+memory:{name}"));
        loop {
            match endpoint.connect(&Env::new(), None).await {
                Err(error) if error.kind() == Kind::Unreachable => tokio::task::yield_now().await,
                connected => return Peer::of(connected.unwrap()),
            }
        }
    }

    fn of(channel: Channel) -> Peer {
        let Io::Packets(io) = channel.io else {
            panic!("packets were expected")
        };
        let arrived = Batch::new();
        Peer { io, arrived }
    }

    async fn send(&mut self, packets: &[Vec<u8>]) {
        let mut batch = Batch::new();
        for packet in packets {
            batch.push(packet, Facts::default());
            if batch.is_full() {
                self.send_batch(&mut batch).await;
            }
        }
        self.send_batch(&mut batch).await;
    }

    async fn send_batch(&mut self, batch: &mut Batch) {
        while !batch.is_empty() {
            poll_fn(|cx| self.io.poll_send(cx, batch)).await.unwrap();
        }
        poll_fn(|cx| self.io.poll_flush(cx)).await.unwrap();
    }

    /// The next packet; `None` at the end.
    async fn recv(&mut self) -> Option<Vec<u8>> {
        while self.arrived.is_empty() {
            let got = poll_fn(|cx| self.io.poll_recv(cx, &mut self.arrived)).await;
            if let Got::End(_) = got.unwrap() {
                return None;
            }
        }
        let packet = self.arrived.front().map(|packet| packet.data.to_vec());
        self.arrived.pop_front();
        packet
    }

    /// Whether nothing comes for a while.
    async fn hears_nothing(&mut self) -> bool {
        let wait = Duration::from_millis(100);
        timeout(wait, self.recv()).await.is_err()
    }
}

fn frame(to: u8, from: u8, number: u8) -> Vec<u8> {
    let mut frame = match to {
        255 => vec![255; 6],
        to => vec![2, 0, 0, 0, 0, to],
    };
    frame.extend([2, 0, 0, 0, 0, from, 8, 0, number]);
    frame.resize(60, 0);
    frame
}

/// Three peers of one listener, known to the switch by their addresses 1, 2 and 3.
async fn three(run: &Run<Switch>) -> [Peer; 3] {
    let mut peers = Vec::new();
    for number in 1..=3 {
        // In order, so that the first is the first port.
        let mut peer = Peer::connect("here").await;
        run.notes.wait("up ", usize::from(number)).await;
        peer.send(&[frame(255, number, 0)]).await;
        peers.push(peer);
    }
    // Each heard those that came after it.
    for (at, later) in [(0, 2), (1, 1)] {
        for _ in 0..later {
            peers[at].recv().await.unwrap();
        }
    }
    peers.try_into().unwrap_or_else(|_| panic!("three"))
}

const LISTEN: [&str; 1] = ["len16+memory-listen:here"];

#[tokio::test(start_paused = true)]
async fn frames_go_where_they_are_meant_to() {
    let run = start(&LISTEN, switch(), Options::default());
    let [mut a, mut b, mut c] = three(&run).await;
    a.send(&[frame(255, 1, 1)]).await;
    assert_eq!(b.recv().await, Some(frame(255, 1, 1)));
    assert_eq!(c.recv().await, Some(frame(255, 1, 1)));
    b.send(&[frame(1, 2, 2)]).await;
    assert_eq!(a.recv().await, Some(frame(1, 2, 2)));
    assert!(a.hears_nothing().await && c.hears_nothing().await);
    let seen = run.looker.look(|view| {
        let ports = view.ports().map(|(port, counters, _)| {
            (
                port.name.clone(),
                counters.received.packets,
                counters.sent.packets,
            )
        });
        (ports.collect::<Vec<_>>(), view.forward.machine().len())
    });
    let (ports, known) = seen.await.unwrap();
    let port = |name: &str, received, sent| (name.to_owned(), received, sent);
    assert_eq!(
        ports,
        [port("0/1", 2, 3), port("0/2", 2, 2), port("0/3", 1, 1)]
    );
    assert_eq!(known, 3);
    let summary = run.stop().await;
    assert_eq!((summary.opened, summary.lost), (3, 0));
    assert_eq!((summary.received.packets, summary.sent.packets), (5, 6));
    assert_eq!(a.recv().await, None, "peers are told of the end");
}

#[tokio::test(start_paused = true)]
async fn order_is_kept_in_batches_that_go_to_several_ports() {
    let run = start(&LISTEN, switch(), Options::default());
    let [mut a, mut b, mut c] = three(&run).await;
    let to = |number: u8| match number % 7 {
        0 => 255,
        n if n < 4 => 2,
        _ => 3,
    };
    let frames: Vec<_> = (0..200)
        .map(|number| frame(to(number), 1, number))
        .collect();
    a.send(&frames).await;
    for (peer, own) in [(&mut b, 2), (&mut c, 3)] {
        for frame in frames
            .iter()
            .filter(|frame| frame[5] == own || frame[5] == 255)
        {
            assert_eq!(peer.recv().await.as_ref(), Some(frame));
        }
        assert!(peer.hears_nothing().await);
    }
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_holds_up_nobody() {
    let run = start(&LISTEN, switch(), Options::default());
    let [mut a, mut b, c] = three(&run).await;
    const FRAMES: usize = 20_000;
    let frames: Vec<_> = (0..FRAMES)
        .map(|number| frame(255, 1, number as u8))
        .collect();
    let heard = async {
        for _ in 0..FRAMES {
            b.recv().await.unwrap();
        }
    };
    tokio::join!(a.send(&frames), heard);
    let waiting = run.looker.look(|view| {
        let last = view.ports().last().unwrap();
        (last.2, last.1.queue_full)
    });
    let (waiting, lost) = waiting.await.unwrap();
    assert!(waiting <= 1024, "{waiting}");
    assert!(lost > 0);
    drop(c);
    run.notes.wait("down 0/3", 1).await;
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_is_forgotten() {
    let run = start(&LISTEN, switch(), Options::default());
    let [mut a, b, mut c] = three(&run).await;
    drop(b);
    run.notes.wait("down 0/2", 1).await;
    a.send(&[frame(2, 1, 1)]).await;
    assert_eq!(c.recv().await, Some(frame(2, 1, 1)), "flooded again");
    let known = run.looker.look(|view| view.forward.machine().len()).await;
    assert_eq!(known, Some(2));
    // Its number is used again.
    let mut d = Peer::connect("here").await;
    run.notes.wait("up 0/4", 1).await;
    a.send(&[frame(2, 1, 2)]).await;
    assert_eq!(d.recv().await, Some(frame(2, 1, 2)));
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_ends_is_opened_again_and_again() {
    let run = start(
        &["len16+memory:there", LISTEN[0]],
        switch(),
        Options::default(),
    );
    run.notes.wait("failed 0: unreachable", 3).await;
    let there = endpoint("len16+memory-listen:there");
    let mut there = there.listen(&Env::new()).await.unwrap();
    for times in 1..=3 {
        let channel = there.accept().await.unwrap().open().await.unwrap();
        run.notes.wait("up 0", times).await;
        drop(channel);
        run.notes.wait("down 0: ", times).await;
    }
    let waits: Vec<String> = run.notes.all().into_iter().take(3).collect();
    let expected = ["500ms", "1s", "2s"].map(|wait| format!("failed 0: unreachable Some({wait})"));
    assert_eq!(waits, expected);
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_first_failure_that_will_not_pass_ends_the_run() {
    let _listener = endpoint(LISTEN[0]).listen(&Env::new()).await.unwrap();
    let run = start(&LISTEN, switch(), Options::default());
    let error = run.task.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Local);
    assert!(error.to_string().contains("somebody listens"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn no_more_peers_are_taken_than_allowed() {
    let options = Options {
        max_peers: 3,
        ..Options::default()
    };
    let run = start(&LISTEN, switch(), options);
    let [a, _b, _c] = three(&run).await;
    let mut fourth = Peer::connect("here").await;
    let refused = poll_fn(|cx| fourth.io.poll_recv(cx, &mut Batch::new())).await;
    assert!(refused.is_err());
    run.notes.wait("refused 0: Full", 1).await;
    // A place that is free again is given again.
    drop(a);
    run.notes.wait("down 0/1", 1).await;
    let _fifth = Peer::connect("here").await;
    run.notes.wait("up ", 4).await;
    run.stop().await;
}

#[test]
fn streams_and_templates_are_no_ports() {
    let options = Options::default();
    let error = check(&members(&["memory:x"]), &options).unwrap_err();
    assert_eq!(
        error.try_this(),
        Some("len16+memory:x, if its peer speaks that")
    );
    let error = check(&members(&["len16+memory:{peer}"]), &options).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(check(&members(&LISTEN), &options).is_ok());
}

/// The least that a forwarder can be: everything goes to everybody, its first octet counted up.
#[derive(Default)]
struct Hub {
    ports: Vec<Port>,
}

impl Forward for Hub {
    type Event = Event;

    fn handle_up(&mut self, port: Port, _member: usize, _now: Moment) {
        self.ports.push(port);
    }

    fn handle_down(&mut self, port: Port, _now: Moment) {
        self.ports.retain(|open| *open != port);
    }

    fn route(&mut self, from: Port, packet: &[u8], _now: Moment, route: &mut Route) {
        let first = packet.first().map_or(0, |first| first.wrapping_add(1));
        let form = route.headed(Head::new(1, &[first]).unwrap());
        for port in self.ports.iter().filter(|port| **port != from) {
            route.to_as(*port, form);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_forwarder_fits_as_well() {
    let run = start(
        &["len16+memory-listen:hub"],
        Hub::default(),
        Options::default(),
    );
    let (mut a, mut b) = (Peer::connect("hub").await, Peer::connect("hub").await);
    run.notes.wait("up ", 2).await;
    a.send(&[vec![1, 2, 3], vec![7]]).await;
    assert_eq!(b.recv().await, Some(vec![2, 2, 3]));
    assert_eq!(b.recv().await, Some(vec![8]));
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn two_ports_that_lead_to_one_another_are_named() {
    // What is sent to one of them comes back by the other.
    let settings = Settings::default();
    let switch = Switch::new(settings, vec![PortSettings::default(); 2], [1, 2, 3, 4]);
    let texts = ["len16+memory:loop", "len16+memory-listen:loop"];
    let run = start(&texts, switch, Options::default());
    run.notes.wait("Loop { ", 1).await;
    let told = run.notes.all();
    let told = told.iter().find(|line| line.starts_with("Loop")).unwrap();
    assert!(told.contains("blocked: Port(1)"), "{told}");
    let blocked = run.looker.look(|view| {
        let machine = view.forward.machine();
        machine
            .blocked(crate::link::switch::Port(1), view.now)
            .is_some()
    });
    assert_eq!(blocked.await, Some(true));
    run.stop().await;
}
