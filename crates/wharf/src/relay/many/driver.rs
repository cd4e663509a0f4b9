//! One task that moves packets between all ports, and lets no port wait for another.
//!
//! It visits the ports that were woken: sends what waits there, receives a few batches, asks where each
//! packet goes, and sends at once on the ports that got something. Its own fairness bounds a turn; it
//! runs without that of the runtime, which would stop it amid a batch.
//! Not here: opening (`keeper.rs`), one port (`port.rs`).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};
use wharf_proto::time::Instant as Moment;

use super::port::{Gone, Heard, Open, Up};
use super::signal::Signal;
use super::{Counters, MOST_PORTS, Options, PortInfo, Summary, Watch};
use crate::socket::channel::End;
use crate::socket::env::{Env, Stage};
use crate::socket::forward::{Forward, Port, Route};
use crate::socket::packets::{Batch, Run};

/// So many batches of one port before others have their turn.
const BATCHES: usize = 4;

/// So many rounds over all ports before the kernel is asked who else has something. More would have a
/// port that is always busy delay the others by as many batches.
const ROUNDS: usize = 2;

/// Who looks, and what he does with what he sees.
pub(super) type Look<F> = Box<dyn FnOnce(View<'_, F>) + Send>;

/// A run, at one moment.
pub struct View<'a, F: Forward> {
    /// Who decides.
    pub forward: &'a F,
    /// When that is, as `forward` counts time.
    pub now: Moment,
    ports: &'a [Option<Box<Open>>],
}

impl<'a, F: Forward> View<'a, F> {
    /// The ports that are open, by their number: what is known, what was counted, and how many packets
    /// wait.
    pub fn ports(&self) -> impl Iterator<Item = (&'a PortInfo, &'a Counters, usize)> + use<'a, F> {
        let open = self.ports.iter().flatten();
        open.map(|open| (&open.about, &open.counters, open.queue.len()))
    }
}

pub(super) struct Driver<F: Forward> {
    forward: F,
    ports: Vec<Option<Box<Open>>>,
    open: usize,
    arrivals: mpsc::Receiver<Up>,
    /// No more ports come.
    is_last: bool,
    looks: mpsc::Receiver<Look<F>>,
    watch: Arc<dyn Watch<F::Event>>,
    options: Options,
    signal: Arc<Signal>,
    woken: Vec<Port>,
    dirty: Vec<Port>,
    arrived: Batch,
    route: Route,
    packet: Vec<u8>,
    timer: Pin<Box<Sleep>>,
    timer_at: Option<Moment>,
    epoch: Instant,
    summary: Summary,
}

impl<F: Forward> Driver<F> {
    pub(super) fn new(
        forward: F,
        arrivals: mpsc::Receiver<Up>,
        looks: mpsc::Receiver<Look<F>>,
        watch: Arc<dyn Watch<F::Event>>,
        options: Options,
    ) -> Driver<F> {
        let epoch = Instant::now();
        Driver {
            forward,
            ports: Vec::new(),
            open: 0,
            arrivals,
            is_last: false,
            looks,
            watch,
            options,
            signal: Signal::new(),
            woken: Vec::new(),
            dirty: Vec::new(),
            arrived: Batch::new(),
            route: Route::default(),
            packet: Vec::new(),
            timer: Box::pin(tokio::time::sleep_until(epoch)),
            timer_at: None,
            epoch,
            summary: Summary::default(),
        }
    }

    /// Runs until no port is open and none can come, or the environment is asked to stop.
    pub(super) async fn run(mut self, env: &Env) -> Summary {
        let mut shutdown = env.shutdown.clone();
        tokio::select! {
            biased;
            () = shutdown.reached(Stage::Draining) => {}
            () = std::future::poll_fn(|cx| self.poll(cx)) => {}
        }
        // What waits goes out, and peers are told, unless even that is to stop.
        let grace = self.options.grace;
        let ports: Vec<Port> = (0u16..).map(Port).take(self.ports.len()).collect();
        let ends = ports
            .into_iter()
            .filter_map(|port| self.remove(port, &Gone::Stopped));
        let ends = join_all(ends.map(|open| open.finish()).collect::<Vec<_>>());
        tokio::select! {
            _ = tokio::time::timeout(grace, ends) => {}
            () = shutdown.reached(Stage::Stopping) => {}
        }
        self.summary
    }

    fn now(&self) -> Moment {
        Moment::from_epoch(self.epoch.elapsed())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.signal.register(cx.waker());
        self.arrive(cx);
        while let Poll::Ready(Some(look)) = self.looks.poll_recv(cx) {
            look(View {
                forward: &self.forward,
                now: Moment::from_epoch(self.epoch.elapsed()),
                ports: &self.ports,
            });
        }
        for _ in 0..ROUNDS {
            self.due(cx);
            self.tell();
            let mut woken = std::mem::take(&mut self.woken);
            self.signal.take(self.ports.len(), &mut woken);
            let rests = woken.is_empty();
            for port in woken.drain(..) {
                self.visit(port);
            }
            self.woken = woken;
            if rests {
                return match self.is_last && self.open == 0 {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                };
            }
        }
        // Unlike waking ourselves, this has the runtime look at the kernel first.
        let _ = std::pin::pin!(tokio::task::yield_now()).poll(cx);
        Poll::Pending
    }

    /// Takes channels that are to become ports.
    fn arrive(&mut self, cx: &mut Context<'_>) {
        while !self.is_last {
            match self.arrivals.poll_recv(cx) {
                Poll::Ready(Some(up)) => self.add(up),
                Poll::Ready(None) => self.is_last = true,
                Poll::Pending => return,
            }
        }
    }

    fn add(&mut self, mut up: Up) {
        let free = self.ports.iter().position(Option::is_none);
        let at = free.unwrap_or(self.ports.len());
        // The number of endpoints and of peers was checked; a port too many is closed.
        let Some(number) = u16::try_from(at).ok().filter(|_| at < MOST_PORTS) else {
            return;
        };
        let (port, member) = (Port(number), up.member);
        up.channel = self.watch.wrap(member, &up.name, up.channel);
        let open = match Open::new(up, port, self.options.queue, self.signal.waker(port)) {
            Ok(open) => open,
            Err(error) => return self.watch.failed(member, &error, None),
        };
        self.watch.up(&open.about);
        if at == self.ports.len() {
            self.ports.push(None);
        }
        if let Some(place) = self.ports.get_mut(at) {
            *place = Some(Box::new(open));
        }
        self.open += 1;
        self.summary.opened += 1;
        self.forward.handle_up(port, member, self.now());
        // It has never been asked for anything.
        self.signal.set(port);
    }

    /// Removes a port from the table, and tells everybody.
    fn remove(&mut self, port: Port, why: &Gone) -> Option<Box<Open>> {
        let mut open = self.ports.get_mut(port.index())?.take()?;
        self.open -= 1;
        self.forward.handle_down(port, self.now());
        if !matches!(why, Gone::Stopped) {
            open.counters.left += open.queue.len() as u64;
        }
        let (counters, summary) = (&open.counters, &mut self.summary);
        for (sum, moved) in [
            (&mut summary.received, counters.received),
            (&mut summary.sent, counters.sent),
        ] {
            sum.packets += moved.packets;
            sum.octets += moved.octets;
        }
        summary.lost += counters.lost();
        self.watch.down(&open.about, counters, why);
        Some(open)
    }

    /// A port is gone. A peer that ended in order is told the same.
    fn down(&mut self, port: Port, why: &Gone) {
        let Some(open) = self.remove(port, why) else {
            return;
        };
        if matches!(why, Gone::Ended(End::Fin | End::Status(_))) {
            let grace = self.options.grace;
            tokio::spawn(async move {
                // If that takes too long, the channel is dropped, which says it too.
                let _ = tokio::time::timeout(grace, open.finish()).await;
            });
        }
    }

    /// Sends what waits for a port and receives what has come to it.
    fn visit(&mut self, port: Port) {
        self.send(port);
        for _ in 0..BATCHES {
            let Some(Some(open)) = self.ports.get_mut(port.index()) else {
                return;
            };
            match open.recv(&mut self.arrived) {
                Heard::Nothing => {
                    self.arrived.release();
                    return;
                }
                Heard::Packets => self.distribute(port),
                Heard::Gone(why) => {
                    self.arrived.clear();
                    return self.down(port, &why);
                }
            }
            self.send_dirty();
        }
        // There may be more.
        self.signal.set(port);
    }

    /// Gives the packets of `arrived` to the ports that they go to.
    fn distribute(&mut self, from: Port) {
        let mut arrived = std::mem::take(&mut self.arrived);
        let mut route = std::mem::take(&mut self.route);
        if let Some(port) = self.give_parts(from, &arrived, &mut route) {
            self.give_whole(port, &mut arrived);
        }
        arrived.clear();
        (self.arrived, self.route) = (arrived, route);
    }

    /// Decides packet by packet, and gives out those that go to one port in a row together. If all of
    /// them do, nothing was given, and that port is returned: nothing needs to be copied then.
    fn give_parts(&mut self, from: Port, arrived: &Batch, route: &mut Route) -> Option<Port> {
        let now = self.now();
        let mut rest = Rest::of(arrived);
        let mut span: Option<(Port, usize)> = None;
        let mut is_whole = true;
        for packet in arrived.iter() {
            route.clear();
            self.forward.route(from, packet.data, now, route);
            let single = route.single();
            if let (Some(to), Some((port, packets))) = (single, &mut span)
                && to == *port
            {
                *packets += 1;
                continue;
            }
            if let Some((port, packets)) = span.take() {
                is_whole = false;
                rest.take(packets, |run| self.give(port, run));
            }
            if let Some(port) = single {
                span = Some((port, 1));
                continue;
            }
            is_whole = false;
            rest.take(1, |run| self.give_each(route, run));
        }
        let (port, packets) = span?;
        if is_whole {
            return Some(port);
        }
        rest.take(packets, |run| self.give(port, run));
        None
    }

    fn port(&mut self, port: Port) -> Option<&mut Open> {
        let open = self.ports.get_mut(port.index())?.as_mut()?;
        if !open.dirty {
            open.dirty = true;
            self.dirty.push(port);
        }
        Some(open)
    }

    fn give(&mut self, port: Port, run: Run<'_>) {
        if let Some(open) = self.port(port) {
            open.push_run(run);
        }
    }

    fn give_whole(&mut self, port: Port, batch: &mut Batch) {
        if let Some(open) = self.port(port) {
            open.take(batch);
        }
    }

    fn give_each(&mut self, route: &Route, run: Run<'_>) {
        for (port, head) in route.iter() {
            match (self.port(port), head) {
                (Some(open), None) => open.push_run(run),
                (Some(open), Some(head)) => open.push_headed(run.data, head),
                (None, _) => {}
            }
        }
    }

    /// Sends on every port that got something.
    fn send_dirty(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for port in dirty.drain(..) {
            if let Some(Some(open)) = self.ports.get_mut(port.index()) {
                open.dirty = false;
            }
            self.send(port);
        }
        self.dirty = dirty;
    }

    fn send(&mut self, port: Port) {
        if let Some(Some(open)) = self.ports.get_mut(port.index())
            && let Some(why) = open.send()
        {
            self.down(port, &why);
        }
    }

    /// Does what is due by time, sends what the forwarder has of its own, and sets the timer.
    fn due(&mut self, cx: &mut Context<'_>) {
        loop {
            let at = self.forward.poll_timeout();
            if at.is_some_and(|at| at <= self.now()) {
                self.forward.handle_timeout(self.now());
                self.transmit();
                continue;
            }
            if at != self.timer_at {
                self.timer_at = at;
                if let Some(at) = at {
                    let deadline = self.epoch + at.since_epoch();
                    self.timer.as_mut().reset(deadline);
                }
            }
            // Rounded to the clock of the runtime, it may ring a moment early.
            if at.is_none() || self.timer.as_mut().poll(cx).is_pending() {
                return;
            }
            self.timer_at = None;
            if at.is_some_and(|at| at > self.now()) {
                cx.waker().wake_by_ref();
                return;
            }
        }
    }

    fn transmit(&mut self) {
        let mut packet = std::mem::take(&mut self.packet);
        let mut route = std::mem::take(&mut self.route);
        route.clear();
        while self.forward.poll_transmit(&mut packet, &mut route) {
            let run = Run::joined(&packet, packet.len(), Default::default());
            self.give_each(&route, run);
            route.clear();
        }
        (self.packet, self.route) = (packet, route);
        self.send_dirty();
    }

    /// Passes on what the forwarder has to tell.
    fn tell(&mut self) {
        while let Some(event) = self.forward.poll_event() {
            self.watch.event(&event);
        }
    }
}

/// What of a batch was not given out yet, in order.
struct Rest<'a, I> {
    runs: I,
    current: Option<Run<'a>>,
}

impl<'a> Rest<'a, ()> {
    fn of(batch: &'a Batch) -> Rest<'a, impl Iterator<Item = Run<'a>> + use<'a>> {
        Rest {
            runs: batch.runs(),
            current: None,
        }
    }
}

impl<'a, I: Iterator<Item = Run<'a>>> Rest<'a, I> {
    /// Hands so many packets to `give`, in as few runs as can be.
    fn take(&mut self, mut packets: usize, mut give: impl FnMut(Run<'a>)) {
        while packets > 0
            && let Some(run) = self.current.take().or_else(|| self.runs.next())
        {
            let (part, rest) = run.split_at(packets);
            packets -= part.packets.min(packets);
            give(part);
            self.current = (rest.packets > 0).then_some(rest);
        }
    }
}
