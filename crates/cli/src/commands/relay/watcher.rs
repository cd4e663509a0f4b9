//! What becomes of each connection: counted, said, and looked into if that is wanted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use wharf::observe::hexdump::{Arrow, Hexdump};
use wharf::observe::pcap::{Began, Capture};
use wharf::observe::tap::{Seen, Way, tap};
use wharf::relay::{Counters, Outcome, Refusal, Side, Watch};
use wharf::socket::channel::Unit;
use wharf::socket::log::Level;
use wharf::{Channel, Error, Info};

use super::Kind;
use super::crew::Crew;
use super::tally::Tally;
use crate::args::high::Relay;
use crate::terminal::voice::Form;
use crate::terminal::{Event, Voice};

/// Watches the connections of all workers.
pub struct Watcher {
    voice: Arc<Voice>,
    tally: Arc<Tally>,
    kind: Kind,
    /// Who waits for everything to be open; the crew holds us, and we do not hold it up.
    crew: OnceLock<std::sync::Weak<Crew>>,
    listens: bool,
    hexdump: bool,
    capture: Option<Arc<Capture>>,
    began: Began,
    /// Left sides whose right sides come next.
    lefts: Mutex<HashMap<u64, (Info, Unit)>>,
    told_full: AtomicBool,
    told_paused: AtomicBool,
}

impl Watcher {
    /// A watcher of the connections of `relay`.
    pub fn new(
        relay: &Relay,
        voice: Arc<Voice>,
        tally: Arc<Tally>,
        kind: Kind,
        capture: Option<Arc<Capture>>,
    ) -> Watcher {
        Watcher {
            voice,
            tally,
            kind,
            crew: OnceLock::new(),
            listens: relay.left.is_listener() || relay.right.is_listener(),
            hexdump: relay.hexdump,
            capture,
            began: match (relay.left.is_listener(), relay.right.is_listener()) {
                (false, true) => Began::Right,
                _ => Began::Left,
            },
            lefts: Mutex::default(),
            told_full: AtomicBool::new(false),
            told_paused: AtomicBool::new(false),
        }
    }

    /// Tells `crew` when both sides are open, where nothing listens.
    pub fn when_open(&self, crew: &Arc<Crew>) {
        // Once a run.
        let _ = self.crew.set(Arc::downgrade(crew));
    }

    /// Says what goes on and on under load: it is news once.
    fn note_once(&self, told: &AtomicBool, level: Level, text: &str) {
        let level = match told.swap(true, Ordering::Relaxed) {
            false => level,
            true => Level::Debug,
        };
        self.voice.note(level, text);
    }
}

impl Watcher {
    /// The channel with what passes shown in hexadecimal.
    fn dumped(&self, id: u64, channel: Channel) -> Channel {
        let (voice, dump) = (self.voice.clone(), Mutex::new(Hexdump::new(id)));
        let look = move |way, seen: Seen<'_>| {
            let arrow = match way {
                Way::Out => Arrow::There,
                Way::In => Arrow::Back,
            };
            let time = SystemTime::now().duration_since(UNIX_EPOCH);
            let mut dump = dump.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = dump.entry(arrow, time.unwrap_or_default(), seen);
            voice.write(entry.as_bytes());
        };
        tap(channel, Arc::new(look))
    }

    /// The channel with what passes captured.
    fn captured(&self, capture: &Arc<Capture>, id: u64, side: Side, channel: Channel) -> Channel {
        let mut lefts = self.lefts.lock().unwrap_or_else(PoisonError::into_inner);
        if side == Side::Left {
            lefts.insert(id, ((*channel.info).clone(), channel.profile.unit));
            return channel;
        }
        let left = lefts.remove(&id);
        drop(lefts);
        let (info, unit) = left.unwrap_or((Info::default(), Unit::Octet));
        capture.relay(id, self.began, (&info, unit), channel)
    }
}

impl Watch for Watcher {
    fn wrap(&self, id: u64, side: Side, mut channel: Channel) -> Channel {
        // One tap sees both directions, as the right side does.
        if self.hexdump && side == Side::Right {
            channel = self.dumped(id, channel);
        }
        match &self.capture {
            Some(capture) => self.captured(capture, id, side, channel),
            None => channel,
        }
    }

    fn opened(&self, id: u64, left: &Info, right: &Info, counters: &Arc<Counters>) {
        self.tally.opened(id, counters, left.size.or(right.size));
        self.voice.say(&Event::Opened { id, left, right });
        if !self.listens
            && let Some(crew) = self.crew.get().and_then(std::sync::Weak::upgrade)
        {
            crew.open();
        }
    }

    fn closed(&self, id: u64, outcome: &Outcome) {
        self.tally.closed(id, outcome);
        self.voice.say(&Event::Closed { id, outcome });
        // Where the line above was not shown, a failure still is.
        let told = self.voice.is_verbose() || self.voice.form() == Form::Json;
        if self.kind == Kind::Many
            && !told
            && let Some(error) = &outcome.error
        {
            self.voice.say(&Event::Failed { id, error });
        }
    }

    fn failed(&self, id: u64, error: &Error) {
        self.tally.failed();
        // The only connection of a run ends it, and the error is said then.
        if self.kind == Kind::Many {
            self.voice.say(&Event::Failed { id, error });
        }
    }

    fn refused(&self, peer: &Info, why: Refusal) {
        self.tally.refused();
        self.voice.say(&Event::Refused { peer, why });
    }

    fn full(&self, open: usize) {
        let text = format!(
            "{open} connections are open, as many as --max-connections allows; further ones wait"
        );
        self.note_once(&self.told_full, Level::Info, &text);
    }

    fn paused(&self, error: &Error) {
        let text = format!("accepting pauses until something is closed: {error}");
        self.note_once(&self.told_paused, Level::Warn, &text);
    }
}
