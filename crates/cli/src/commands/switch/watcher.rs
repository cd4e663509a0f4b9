//! What becomes of each port and what the machine has to tell, said by name and not too often.
//!
//! Whoever makes addresses move can do so as often as he likes: of such news a few a second are told, and
//! how many were passed over. An endpoint that fails again and again is told once, until it is up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wharf::link::switch::Event as Told;
use wharf::observe::pcap::Capture;
use wharf::relay::Refusal;
use wharf::relay::many::{Counters, Gone, Member, PortInfo, Watch};
use wharf::socket::channel::Unit;
use wharf::socket::log::{Level, Log, Message};
use wharf::socket::units::format_duration;
use wharf::{Channel, Error, Info};

use crate::service;
use crate::terminal::switch::News;
use crate::terminal::voice::Form;
use crate::terminal::{Event, Voice};

/// So many news of one sort are told in a second.
const MOST: u32 = 5;

/// A port that was up for so long was all right; what became of it is news.
const SETTLED: Duration = Duration::from_secs(10);

/// Watches a switch.
pub struct Watcher {
    voice: Arc<Voice>,
    capture: Option<Arc<Capture>>,
    state: Mutex<State>,
}

struct State {
    /// The names of ports, by their number.
    names: HashMap<u16, String>,
    members: Vec<Standing>,
    moved: Limit,
    flapping: Limit,
    ports: Limit,
    refused: Limit,
}

/// How an endpoint has fared.
struct Standing {
    name: String,
    address: String,
    /// It is open, listens, or will be tried again.
    settled: bool,
    /// That it failed was told, and it was not up for long since.
    told: bool,
    up_since: Option<Instant>,
}

impl Watcher {
    /// A watcher of these endpoints.
    pub fn new(members: &[Member], voice: Arc<Voice>, capture: Option<Arc<Capture>>) -> Watcher {
        let standing = |member: &Member| Standing {
            name: member.name.clone(),
            address: member.endpoint.address_text().to_owned(),
            settled: false,
            told: false,
            up_since: None,
        };
        Watcher {
            voice,
            capture,
            state: Mutex::new(State {
                names: HashMap::new(),
                members: members.iter().map(standing).collect(),
                moved: Limit::default(),
                flapping: Limit::default(),
                ports: Limit::default(),
                refused: Limit::default(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Endpoints have been opened, listen, or wait for their peers; after the last of them whoever
    /// supervises us is told that we are ready.
    fn settled(&self, which: impl Fn(usize, &Standing) -> bool) {
        let mut state = self.state();
        let mut news = false;
        for (number, standing) in state.members.iter_mut().enumerate() {
            if !standing.settled && which(number, standing) {
                (standing.settled, news) = (true, true);
            }
        }
        let all = state.members.iter().all(|standing| standing.settled);
        drop(state);
        if news
            && all
            && let Err(error) = service::notify("READY=1")
        {
            let text = format!("systemd was not told: {error}");
            self.voice.note(Level::Warn, &text);
        }
    }

    fn say(&self, news: &News<'_>) {
        self.voice.say(&Event::Switch { news });
    }

    /// Says what is news only the first time; a program hears it each time.
    fn say_once(&self, news: &News<'_>, is_old: bool) {
        if !is_old || self.voice.is_verbose() || self.voice.form() == Form::Json {
            self.say(news);
        }
    }
}

impl Watch<Told> for Watcher {
    fn wrap(&self, _member: usize, name: &str, channel: Channel) -> Channel {
        match &self.capture {
            Some(capture) => capture.interface(name, Unit::EthernetFrame).wrap(channel),
            None => channel,
        }
    }

    fn up(&self, port: &PortInfo) {
        let mut state = self.state();
        state.names.insert(port.port.0, port.name.clone());
        let many = state.ports.admits().is_none();
        let is_old = state.members.get_mut(port.member).is_some_and(|standing| {
            standing.up_since = Some(Instant::now());
            standing.told && standing.name == port.name
        });
        drop(state);
        self.say_once(&News::Up { port }, is_old || many);
        self.settled(|number, _| number == port.member);
    }

    fn down(&self, port: &PortInfo, counters: &Counters, why: &Gone) {
        let mut state = self.state();
        state.names.remove(&port.port.0);
        let many = state.ports.admits().is_none();
        let is_old = state.members.get_mut(port.member).is_some_and(|standing| {
            if standing.name != port.name {
                return false;
            }
            let since = standing.up_since.take();
            let was_long = since.is_some_and(|since| since.elapsed() >= SETTLED);
            std::mem::replace(&mut standing.told, true) && !was_long
        });
        drop(state);
        if matches!(why, Gone::Stopped) && self.voice.form() == Form::Text {
            return;
        }
        let news = News::Down {
            port,
            counters,
            why,
        };
        self.say_once(&news, is_old || many);
    }

    fn failed(&self, member: usize, error: &Error, wait: Option<Duration>) {
        let mut state = self.state();
        let many = state.ports.admits().is_none();
        let standing = state.members.get_mut(member);
        let name = standing
            .as_ref()
            .map_or("", |standing| &standing.name)
            .to_owned();
        let is_old = match (standing, wait) {
            // A handshake says nothing of the endpoint.
            (_, None) => many,
            (Some(standing), Some(_)) => std::mem::replace(&mut standing.told, true),
            (None, Some(_)) => false,
        };
        drop(state);
        let level = match is_old {
            true => Level::Debug,
            false => Level::Warn,
        };
        let again = wait.map_or_else(String::new, |wait| {
            format!("; trying again in {}", format_duration(wait))
        });
        let text = format!("port {name}: {}{again}", error.reason());
        let at = error.place().map(|place| place.address.as_str());
        self.voice.say(&Event::Note {
            level,
            at,
            text: &text,
        });
        if let Some(hint) = error.try_this().filter(|_| !is_old && wait.is_none()) {
            self.voice.note(level, &format!("  try: {hint}"));
        }
        self.settled(|number, _| number == member);
    }

    fn refused(&self, _member: usize, peer: &Info, why: Refusal) {
        if self.state().refused.admits().is_some() {
            self.voice.say(&Event::Refused { peer, why });
        }
    }

    fn event(&self, event: &Told) {
        let mut state = self.state();
        let more = match event {
            Told::Moved { .. } => state.moved.admits(),
            Told::Flapping { .. } => state.flapping.admits(),
            _ => Some(0),
        };
        let Some(more) = more else {
            return;
        };
        let name = |port: wharf::link::switch::Port| {
            let name = state.names.get(&port.0).cloned();
            name.unwrap_or_else(|| port.0.to_string())
        };
        match *event {
            Told::Moved {
                address,
                vlan,
                from,
                to,
            } => self.say(&News::Moved {
                address,
                vlan,
                from: &name(from),
                to: &name(to),
                more,
            }),
            Told::Flapping {
                address,
                vlan,
                stays,
                seen,
            } => self.say(&News::Flapping {
                address,
                vlan,
                stays: &name(stays),
                seen: &name(seen),
                more,
            }),
            Told::Loop {
                sent,
                heard,
                vlan,
                blocked,
                hold,
            } => self.say(&News::Loop {
                sent: &name(sent),
                heard: &name(heard),
                vlan,
                blocked: &name(blocked),
                hold,
            }),
            Told::Unblocked { port } => self.say(&News::Unblocked { port: &name(port) }),
            Told::Storm { port, flooding } => self.say(&News::Storm {
                port: &name(port),
                flooding,
            }),
            Told::PortFull { port } => self.say(&News::Full {
                port: Some(&name(port)),
            }),
            Told::TableFull => self.say(&News::Full { port: None }),
        }
    }
}

/// The voice, of which we learn what listens.
impl Log for Watcher {
    fn message(&self, message: &Message<'_>) {
        self.voice.message(message);
        if let Message::Listening { at, .. } = message {
            self.settled(|_, standing| standing.address == *at);
        }
    }

    fn wants(&self, level: Level) -> bool {
        self.voice.wants(level)
    }
}

/// Lets a few a second pass, and counts the others.
#[derive(Debug, Default)]
struct Limit {
    since: Option<Instant>,
    passed: u32,
    others: u64,
}

impl Limit {
    /// How many were passed over before this one; `None` if it is one of them.
    fn admits(&mut self) -> Option<u64> {
        let is_over = self
            .since
            .is_none_or(|since| since.elapsed() >= Duration::from_secs(1));
        if is_over {
            (self.since, self.passed) = (Some(Instant::now()), 0);
        }
        if self.passed >= MOST {
            self.others += 1;
            return None;
        }
        self.passed += 1;
        Some(std::mem::take(&mut self.others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_over_is_counted() {
        let mut limit = Limit::default();
        let told = (0..100).filter(|_| limit.admits().is_some()).count();
        assert_eq!(told, 5);
        limit.since = limit
            .since
            .and_then(|since| since.checked_sub(Duration::from_secs(2)));
        assert_eq!(limit.admits(), Some(95));
        assert_eq!(limit.admits(), Some(0));
    }
}
