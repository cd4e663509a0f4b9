//! Asking one host, or opening one endpoint, again and again, and measuring how long that takes.
//!
//! The schedule and the counting are a machine of `proto`; here are the sockets, the clock and the words.
//! Of a host the echo is measured, from the call that sends to the kernel's time stamp of the answer; of
//! any other endpoint its opening, handshakes included, and then it is closed.
//! Not here: printing (the program does), many hosts (whoever asks runs several of these).

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use wharf_proto::time::Instant as Moment;
use wharf_sys::readiness::{self, Watched};

pub use wharf_proto::network::ping::{Answer, Config, Machine, Number, Outcome, Summary};

use super::socket::{Asker, too_long};
use super::{Endpoint as Icmp, most};
use crate::socket::channel::Finish;
use crate::socket::endpoint::Endpoint;
use crate::socket::env::{Cx, Env};
use crate::socket::error::{Error, Kind, Op, Result};

/// What may stand before and around the payload of an answer: a header of IP with options, and ours.
const AROUND: usize = 128;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// When, and for how long an answer is waited for.
    pub config: Config,
    /// The octets that an echo carries.
    pub size: usize,
}

/// What is told while it goes on.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// This address is asked.
    Asking(IpAddr),
    /// An answer.
    Answered {
        /// Which one, and after how long.
        answer: Answer,
        /// What is known of it, if it is an echo.
        echo: Option<EchoFacts>,
    },
    /// No answer came in time.
    Lost(Number),
    /// It is in vain.
    Refused {
        /// Which question, if that can be told.
        number: Option<Number>,
        /// Who says so, if it is somebody else.
        says: Option<IpAddr>,
        /// Why.
        reason: &'a str,
    },
}

/// What is known of an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoFacts {
    /// Who answered.
    pub from: IpAddr,
    /// The octets that it carried.
    pub size: usize,
    /// The hops that it had left: the TTL of IPv4, the hop limit of IPv6.
    pub hops: Option<u8>,
}

/// Who is told.
pub type Tell<'a> = dyn FnMut(&Machine, Event<'_>) + Send + 'a;

/// Whether an endpoint is asked for echoes, rather than opened.
pub fn is_echo(endpoint: &Endpoint) -> bool {
    let ground = endpoint.layers().last();
    ground.is_some_and(|ground| ground.scheme.name == super::SCHEME.name)
        && endpoint.layers().len() == 1
}

/// Pings until all is asked and answered, or `stop` is ready. Returns what it came to.
///
/// # Errors
/// There is nobody to ask: a name has no address, a privilege is lacking. What fails later is told.
///
/// *Cancel safety*: dropping the future stops it; what it came to is lost.
pub async fn ping(
    endpoint: &Endpoint,
    options: Options,
    env: &Env,
    stop: impl Future<Output = ()> + Send,
    tell: &mut Tell<'_>,
) -> Result<Summary> {
    let stop = pin!(stop);
    let clock = Clock(Instant::now());
    let run = Run {
        machine: Machine::new(options.config, clock.now()),
        clock,
        tell,
    };
    match is_echo(endpoint) {
        true => echoes(endpoint, options, env, stop, run).await,
        false => openings(endpoint, options, env, stop, run).await,
    }
}

/// The clock of one run, whose epoch is its beginning.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn now(self) -> Moment {
        self.at(Instant::now())
    }

    fn at(self, instant: Instant) -> Moment {
        Moment::from_epoch(instant.saturating_duration_since(self.0))
    }

    async fn reaches(self, moment: Moment) {
        sleep_until(self.0 + moment.since_epoch()).await;
    }
}

/// A machine under way.
struct Run<'a, 'b> {
    machine: Machine,
    clock: Clock,
    tell: &'a mut Tell<'b>,
}

impl Run<'_, '_> {
    fn tell(&mut self, event: Event<'_>) {
        (self.tell)(&self.machine, event);
    }

    /// Gives up what was not answered in time.
    fn give_up(&mut self) {
        let now = self.clock.now();
        while let Some(number) = self.machine.poll_lost(now) {
            self.tell(Event::Lost(number));
        }
    }

    fn answered(&mut self, sequence: u16, at: Moment, echo: Option<EchoFacts>) {
        if let Some(answer) = self.machine.handle_answer(sequence, at) {
            self.tell(Event::Answered { answer, echo });
        }
    }

    fn refused(&mut self, sequence: Option<u16>, says: Option<IpAddr>, reason: &str) {
        let number = sequence.and_then(|sequence| self.machine.handle_refusal(sequence));
        self.tell(Event::Refused {
            number,
            says,
            reason,
        });
    }
}

/// Asks a host for echoes.
async fn echoes(
    endpoint: &Endpoint,
    options: Options,
    env: &Env,
    mut stop: Pin<&mut impl Future<Output = ()>>,
    mut run: Run<'_, '_>,
) -> Result<Summary> {
    let place = |error: Error| error.at(endpoint.address_text(), None);
    let (fd, asker) = open(endpoint, env).await.map_err(place)?;
    let limit = most(asker.to()) - 8;
    if options.size > limit {
        return Err(place(too_long(options.size, limit)));
    }
    run.tell(Event::Asking(asker.to().ip()));
    let payload: Vec<u8> = (0..options.size).map(|n| n as u8).collect();
    // What is longer than the question is no answer to it.
    let mut space = vec![0; options.size + AROUND];
    loop {
        while let Some(number) = run.machine.poll_ask(run.clock.now()) {
            run.machine.handle_asked(number, run.clock.now());
            if let Err(error) = asker.ask(fd.get_ref(), number.sequence(), &payload) {
                // The queue of the device is full: it is lost there as it would be further on.
                if error.kind() == io::ErrorKind::WouldBlock {
                    continue;
                }
                hear_refusals(&fd, &asker, &mut run);
                let reason = error.to_string().to_lowercase();
                if run.machine.handle_refusal(number.sequence()).is_some() {
                    run.tell(Event::Refused {
                        number: Some(number),
                        says: None,
                        reason: &reason,
                    });
                }
            }
        }
        run.give_up();
        let Some(next) = run.machine.poll_timeout() else {
            break;
        };
        tokio::select! {
            biased;
            () = &mut stop => break,
            ready = fd.readable() => {
                let mut guard = ready.map_err(|error| Error::io(Op::Recv, error))?;
                if hear(&fd, &asker, &mut space, &mut run) {
                    guard.clear_ready();
                }
            }
            () = run.clock.reaches(next) => {}
        }
    }
    Ok(run.machine.summary())
}

/// A watched socket to the first address of the host.
async fn open(endpoint: &Endpoint, env: &Env) -> Result<(Watched<socket2::Socket>, Asker)> {
    let authority = endpoint.address().authority().cloned().unwrap_or_default();
    let Some(layer) = endpoint.layers().last() else {
        return Err(Error::new(Op::Open, Kind::Bug, "an address has no layers"));
    };
    let icmp = Icmp::parse(authority, &layer.settings)?;
    let cx = Cx {
        env,
        net: endpoint.stack().via().unwrap_or(&env.net),
        at: endpoint.address_text(),
        origin: None,
    };
    let (socket, asker) = icmp.echoes(cx).await?.into_form();
    let fd = readiness::watch(socket, readiness::datagrams());
    Ok((fd.map_err(|error| Error::io(Op::Open, error))?, asker))
}

/// Takes what has come; whether all was taken.
fn hear(
    fd: &Watched<socket2::Socket>,
    asker: &Asker,
    space: &mut [u8],
    run: &mut Run<'_, '_>,
) -> bool {
    // Others get their turn, however fast the answers come.
    for _ in 0..64 {
        match asker.answer(fd.get_ref(), space) {
            Ok(None) => {}
            Ok(Some(answer)) => {
                let age = answer.age.unwrap_or_default();
                let now = run.clock.now().since_epoch();
                let came = Moment::from_epoch(now.saturating_sub(age));
                let facts = EchoFacts {
                    from: answer.from,
                    size: answer.payload.len(),
                    hops: answer.hops,
                };
                run.answered(answer.sequence, came, Some(facts));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                hear_refusals(fd, asker, run);
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The pending error of the socket, of which the queue tells more.
            Err(_) => hear_refusals(fd, asker, run),
        }
    }
    false
}

fn hear_refusals(fd: &Watched<socket2::Socket>, asker: &Asker, run: &mut Run<'_, '_>) {
    while let Some((refused, sequence)) = asker.refusal(fd.get_ref()) {
        let says = refused.says.filter(|says| Some(*says) != refused.to);
        run.refused(sequence, says, &refused.reason);
    }
}

/// What came of one opening.
struct Opened {
    sequence: u16,
    at: Instant,
    result: Result<()>,
}

/// Opens an endpoint again and again.
async fn openings(
    endpoint: &Endpoint,
    options: Options,
    env: &Env,
    mut stop: Pin<&mut impl Future<Output = ()>>,
    mut run: Run<'_, '_>,
) -> Result<Summary> {
    if endpoint.is_listener() {
        let reason = format!("{endpoint} listens, and a ping opens");
        return Err(Error::usage(reason));
    }
    let mut tasks = JoinSet::new();
    loop {
        while let Some(number) = run.machine.poll_ask(run.clock.now()) {
            let (endpoint, env) = (endpoint.clone(), env.clone());
            let (sequence, limit) = (number.sequence(), options.config.timeout);
            tasks.spawn(async move { opened(sequence, &endpoint, &env, limit).await });
        }
        run.give_up();
        let Some(next) = run.machine.poll_timeout() else {
            break;
        };
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(ended) = tasks.join_next() => {
                let ended: Opened = ended.map_err(|panic| {
                    Error::new(Op::Connect, Kind::Bug, format!("an opening broke: {panic}"))
                })?;
                let at = run.clock.at(ended.at);
                match ended.result {
                    Ok(()) => run.answered(ended.sequence, at, None),
                    // The machine has the same clock, and says itself that it took too long.
                    Err(error) if error.kind() == Kind::Timeout => {}
                    Err(error) if error.kind() == Kind::Usage => return Err(error),
                    Err(error) => run.refused(Some(ended.sequence), None, error.reason()),
                }
            }
            () = run.clock.reaches(next) => {}
        }
    }
    Ok(run.machine.summary())
}

async fn opened(sequence: u16, endpoint: &Endpoint, env: &Env, limit: Duration) -> Opened {
    let result = match timeout(limit, endpoint.connect(env, None)).await {
        Err(_) => Err(Error::new(Op::Connect, Kind::Timeout, "no answer")),
        Ok(Err(error)) => Err(error),
        Ok(Ok(channel)) => match channel.profile.finish {
            Finish::None => {
                let reason =
                    "its peer says nothing when it is opened, so that nothing can be measured";
                let error = Error::usage(reason).at(endpoint, None);
                Err(error.hint("wharf probe asks with an empty packet"))
            }
            _ => Ok(()),
        },
    };
    Opened {
        sequence,
        at: Instant::now(),
        result,
    }
}
