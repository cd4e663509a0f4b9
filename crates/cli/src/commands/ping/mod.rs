//! `wharf ping`: whether hosts answer, and how soon, many at once.
//!
//! Each host has a task of its own; what they say meets here, in the order in which it happens. On a
//! terminal there is a live line a host (`live.rs`), elsewhere a line an answer (`lines.rs`), with
//! `--json` an object a line (`json.rs`); at the end what it all came to.
//! Not here: asking and counting (the library).

mod json;
mod lines;
mod live;
mod spark;

use std::io::IsTerminal;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use wharf::network::icmp::ping::{self, Answer, EchoFacts, Machine, Number, Options, Summary};
use wharf::socket::address::Host as Named;
use wharf::socket::env::{Env, Names, Shutdown, Stage};
use wharf::socket::log::Level;
use wharf::{Endpoint, Error, Kind, Op, Result};

use crate::exit::Exit;
use crate::signals::{Caught, Watch};
use crate::terminal::Voice;

/// A ping, ready to run.
#[derive(Debug)]
pub struct Ping {
    pub targets: Vec<Target>,
    pub options: Options,
    pub names: Names,
    pub form: Form,
}

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For people who want the end of it only.
    Quiet,
    /// For programs.
    Json,
}

/// Whom to ask.
#[derive(Clone, Debug)]
pub struct Target {
    /// As typed.
    pub name: String,
    pub endpoint: Endpoint,
}

impl Target {
    /// A host, or any address that can be opened.
    ///
    /// # Errors
    /// Kind `Usage`.
    pub fn parse(text: &str) -> Result<Target> {
        // An address of IPv6, its zone included, has colons too.
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let number = bare.split('%').next().unwrap_or_default();
        let address = match number.parse::<IpAddr>() {
            Ok(IpAddr::V6(_)) => format!("icmp://[{bare}]"),
            Ok(IpAddr::V4(_)) => format!("icmp://{bare}"),
            Err(_) if text.contains([':', '/']) => text.to_owned(),
            Err(_) => format!("icmp://{text}"),
        };
        let endpoint = Endpoint::parse(&address)?;
        if endpoint.is_listener() {
            let reason = format!("{endpoint} listens, and a ping opens");
            return Err(Error::usage(reason));
        }
        Ok(Target {
            name: text.to_owned(),
            endpoint,
        })
    }

    /// Whether it may be another machine.
    pub fn is_remote(&self) -> bool {
        let host = self.endpoint.address().host_port().map(|(host, _)| host);
        match host {
            Some(Named::V4(address)) => !address.is_loopback(),
            Some(Named::V6(address, _)) => !address.is_loopback(),
            Some(Named::Name(name)) => name != "localhost",
            // What has no host is here.
            Some(Named::Missing) | None => false,
        }
    }
}

/// What one host has to say.
#[derive(Debug)]
pub enum News {
    /// This address is asked.
    Asking(IpAddr),
    /// It answered.
    Answered(Answer, Option<EchoFacts>),
    /// It did not, in time.
    Lost(Number),
    /// Somebody says that it is in vain.
    Refused {
        number: Option<Number>,
        says: Option<IpAddr>,
        reason: String,
    },
    /// It is over.
    Ended(Result<Summary>),
}

/// What has come of one host.
#[derive(Debug, Default)]
pub struct Host {
    pub name: String,
    pub address: Option<IpAddr>,
    pub summary: Summary,
    pub recent: Vec<ping::Outcome>,
    /// Why it was never asked, or given up.
    pub error: Option<Error>,
    /// Why the last question was in vain.
    pub refusal: Option<String>,
}

/// Something that shows the news.
trait Show {
    /// Shows what `host`, the one of that number, has to say. `Exit::Done` goes on.
    fn news(&mut self, number: usize, host: &Host, news: &News) -> Result<Exit>;

    /// Shows what all have come to.
    fn end(&mut self, hosts: &[Host]) -> Result<Exit>;
}

/// Pings until all is asked, or a signal comes.
///
/// # Errors
/// There is no event loop.
pub fn run(ping: Ping, voice: &Arc<Voice>) -> Result<Exit> {
    let runtime = super::relay::runtime()?;
    let caught = Caught::default();
    let ended = runtime.block_on(all(&ping, voice, caught.clone()));
    runtime.shutdown_background();
    let hosts = match ended? {
        Ok(hosts) => hosts,
        Err(exit) => return Ok(exit),
    };
    for host in &hosts {
        if let Some(error) = &host.error {
            voice.say(&crate::terminal::Event::Error { error });
        }
    }
    Ok(verdict(&hosts))
}

/// How to exit: as the first host that never answered.
fn verdict(hosts: &[Host]) -> Exit {
    let never = hosts.iter().find(|host| host.summary.answered == 0);
    match never.map(|host| (&host.error, host.summary.refused)) {
        None => Exit::Done,
        Some((Some(error), _)) => Exit::Failed(error.kind()),
        Some((None, 1..)) => Exit::Failed(Kind::Unreachable),
        Some((None, 0)) => Exit::Failed(Kind::Timeout),
    }
}

/// Runs all and shows their news; what has come of them, or how to exit at once.
async fn all(ping: &Ping, voice: &Arc<Voice>, caught: Caught) -> Result<Result<Vec<Host>, Exit>> {
    let (stopper, shutdown) = Shutdown::pair();
    let watch = Watch {
        stopper,
        caught,
        drains: false,
        grace: std::time::Duration::ZERO,
    };
    let stats = voice.clone();
    watch.start(move || stats.note(Level::Debug, "SIGUSR1 has no meaning here"))?;
    let mut env = Env::new().with_log(voice.clone());
    env.names = ping.names.clone();
    let (tx, mut rx) = mpsc::channel(256);
    for (number, target) in ping.targets.iter().enumerate() {
        let target = target.clone();
        let task = one(
            number,
            target,
            ping.options,
            env.clone(),
            shutdown.clone(),
            tx.clone(),
        );
        tokio::spawn(task);
    }
    drop(tx);
    let mut hosts: Vec<Host> = ping.targets.iter().map(Host::new).collect();
    let mut show = shown(ping);
    while let Some((number, state, news)) = rx.recv().await {
        let Some(host) = hosts.get_mut(number) else {
            continue;
        };
        host.take(state, &news);
        let exit = show.news(number, host, &news)?;
        if let News::Ended(Err(error)) = news {
            host.error = Some(error);
        }
        if exit != Exit::Done {
            return Ok(Err(exit));
        }
    }
    match show.end(&hosts)? {
        Exit::Done => Ok(Ok(hosts)),
        exit => Ok(Err(exit)),
    }
}

/// Where it is shown.
fn shown(ping: &Ping) -> Box<dyn Show> {
    match ping.form {
        Form::Json => Box::new(json::Json),
        Form::Text if can_redraw() => Box::new(live::Live::new(&ping.targets)),
        Form::Text => Box::new(lines::Lines::new(lines::Each::Shown)),
        Form::Quiet => Box::new(lines::Lines::new(lines::Each::LeftOut)),
    }
}

/// Whether standard output is a terminal on which a line can be written anew.
fn can_redraw() -> bool {
    let term = std::env::var_os("TERM");
    std::io::stdout().is_terminal() && term.is_some_and(|term| term != "dumb")
}

/// What a host's machine has counted, with its last outcomes.
type State = Option<(Summary, Vec<ping::Outcome>)>;

/// Pings one and tells.
async fn one(
    number: usize,
    target: Target,
    options: Options,
    env: Env,
    mut shutdown: Shutdown,
    tx: mpsc::Sender<(usize, State, News)>,
) {
    let (local, mut ready) = mpsc::unbounded_channel();
    let mut tell = |machine: &Machine, event: ping::Event<'_>| {
        let state = (machine.summary(), machine.recent().collect());
        // The one who shows is a step behind at most: it is waited for below.
        let _ = local.send((Some(state), News::of(event)));
    };
    let stop = async { shutdown.reached(Stage::Draining).await };
    let pinging = ping::ping(&target.endpoint, options, &env, stop, &mut tell);
    let mut pinging = std::pin::pin!(pinging);
    loop {
        tokio::select! {
            biased;
            Some((state, news)) = ready.recv() => {
                if tx.send((number, state, news)).await.is_err() {
                    return;
                }
            }
            ended = &mut pinging => {
                while let Ok((state, news)) = ready.try_recv() {
                    if tx.send((number, state, news)).await.is_err() {
                        return;
                    }
                }
                let state = ended.as_ref().ok().map(|summary| (*summary, Vec::new()));
                // Who shows has gone if it does not take it.
                let _ = tx.send((number, state, News::Ended(ended))).await;
                return;
            }
        }
    }
}

impl News {
    fn of(event: ping::Event<'_>) -> News {
        match event {
            ping::Event::Asking(address) => News::Asking(address),
            ping::Event::Answered { answer, echo } => News::Answered(answer, echo),
            ping::Event::Lost(number) => News::Lost(number),
            ping::Event::Refused {
                number,
                says,
                reason,
            } => News::Refused {
                number,
                says,
                reason: reason.to_owned(),
            },
        }
    }
}

impl Host {
    fn new(target: &Target) -> Host {
        Host {
            name: target.name.clone(),
            ..Host::default()
        }
    }

    fn take(&mut self, state: State, news: &News) {
        if let Some((summary, recent)) = state {
            self.summary = summary;
            if !recent.is_empty() {
                self.recent = recent;
            }
        }
        match news {
            News::Asking(address) => self.address = Some(*address),
            News::Answered(..) => self.refusal = None,
            News::Refused { says, reason, .. } => {
                let by = says.map(|says| format!(", says {says}"));
                self.refusal = Some(format!("{reason}{}", by.unwrap_or_default()));
            }
            _ => {}
        }
    }

    /// The name, and the address where it is another.
    fn label(&self) -> String {
        let name = self.name.trim_matches(['[', ']']);
        match self.address.map(|address| address.to_string()) {
            Some(address) if address != name => format!("{} ({address})", self.name),
            _ => self.name.clone(),
        }
    }
}

/// A bug of ours rather than of what is asked.
fn broken(error: impl std::fmt::Display) -> Error {
    Error::new(Op::Send, Kind::Bug, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_asked_for_echoes_and_an_address_is_opened() {
        for (typed, meant, echo) in [
            ("example.com", "icmp://example.com", true),
            ("10.0.0.1", "icmp://10.0.0.1", true),
            ("::1", "icmp://[::1]", true),
            ("[::1]", "icmp://[::1]", true),
            ("fe80::1%lo", "icmp://[fe80::1%lo]", true),
            ("icmp://h#ttl=3", "icmp://h#ttl=3", true),
            ("example.com:443", "tcp://example.com:443", false),
            ("tls://h:443", "tls://h:443", false),
            ("unix:/run/x", "unix:/run/x", false),
        ] {
            let target = Target::parse(typed).unwrap();
            assert_eq!(target.endpoint.to_string(), meant, "{typed}");
            assert_eq!(ping::is_echo(&target.endpoint), echo, "{typed}");
        }
        assert!(Target::parse(":8080").is_err());
    }

    #[test]
    fn the_first_host_that_never_answered_decides() {
        let host = |answered, refused| Host {
            summary: Summary {
                answered,
                refused,
                ..Summary::default()
            },
            ..Host::default()
        };
        assert_eq!(verdict(&[host(1, 0), host(2, 5)]), Exit::Done);
        assert_eq!(
            verdict(&[host(1, 0), host(0, 0)]),
            Exit::Failed(Kind::Timeout)
        );
        assert_eq!(
            verdict(&[host(0, 1), host(0, 0)]),
            Exit::Failed(Kind::Unreachable)
        );
    }
}
