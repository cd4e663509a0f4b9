//! Captures of what passes, for tools that look at packets: pcapng with the sides of a relay, or the
//! ports of a switch, as interfaces.
//!
//! A [`Capture`] is one file, shared by all threads and connections. Channels of packets are captured
//! as they are; what is above IP is told as the packets that would have carried it
//! (`proto/observe/conversation`). Who moves data only appends to a buffer, and a thread of its own
//! writes (`sink.rs`). Streams wait for a slow disk up to a second at a time; packets never do, and
//! those that find no room are counted. A disk that is full ends the capture behind the last packet that
//! is whole, and not the relay.
//! Not here: reading captures (`wharf_proto::observe::capture`).

mod buffer;
mod channel;
mod ends;
mod output;
mod sink;
mod story;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wharf_proto::observe::capture::{Direction, LinkType};
use wharf_proto::observe::pcapng;

pub use self::output::Output;
use self::sink::Sink;
use self::story::Story;
use crate::socket::address::Role;
use crate::socket::channel::{Channel, Io, Unit};
use crate::socket::info::Info;
use crate::socket::log::Log;

/// So many octets of a packet are kept unless fewer are asked for: all.
pub const WHOLE: usize = usize::MAX;

/// A comment is at most so long: addresses are, but names of peers may be anything.
const MAX_COMMENT: usize = 2000;

/// Which side of a relay began a conversation, and is its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

/// A file for a capture, and whether there was one before.
#[derive(Debug)]
pub struct Created {
    /// Open for writing, at its beginning.
    pub output: Output,
    /// Octets of another file that are gone now.
    pub replaced: u64,
}

/// Makes a file for a capture, which only its owner may read; an old one is emptied, and then is as
/// private. What is no regular file (a pipe, a device) keeps its permissions.
///
/// # Errors
/// As opening a file; an old one belongs to somebody else.
pub fn create(path: &Path) -> io::Result<Created> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let replaced = std::fs::metadata(path).map_or(0, |file| file.len());
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.is_file() {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    let output = Output::own(file);
    Ok(Created { output, replaced })
}

/// What a capture came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Packets in the file.
    pub packets: u64,
    /// Packets that were seen and are not in it.
    pub dropped: u64,
    /// Octets of the file.
    pub octets: u64,
    /// Why it ended early, if it did.
    pub failure: Option<String>,
}

/// A capture that is being written.
#[derive(Debug)]
pub struct Capture {
    sink: Sink,
    /// The interfaces so far. Locked before the sink, so that they are written in order.
    interfaces: Mutex<Vec<Arc<Interface>>>,
    snaplen: usize,
    since: Duration,
    /// The number of the next channel that is captured by itself.
    next: AtomicU64,
}

impl Capture {
    /// A capture into `output`, of which `name` is told to `log` when writing fails. Of each packet
    /// `snaplen` octets are kept.
    ///
    /// # Errors
    /// The thread that writes cannot be started.
    pub fn new(
        output: Output,
        name: &str,
        snaplen: usize,
        log: Arc<dyn Log>,
    ) -> io::Result<Capture> {
        let capture = Capture {
            sink: Sink::new(output, name.to_owned(), log)?,
            interfaces: Mutex::default(),
            snaplen,
            since: now(),
            next: AtomicU64::new(1),
        };
        let section = pcapng::Section {
            hardware: std::env::consts::ARCH,
            system: std::env::consts::OS,
            application: concat!("wharf ", env!("CARGO_PKG_VERSION")),
            comment: "",
        };
        capture.append(|out| section.emit(out));
        Ok(capture)
    }

    /// The interface of this name, which carries `unit`: frames and packets are kept as they are,
    /// everything else as packets of IP. Past [`pcapng::MAX_INTERFACES`] the last one that carries the
    /// same is given.
    pub fn interface(self: &Arc<Capture>, name: &str, unit: Unit) -> Port {
        let link = match unit {
            Unit::EthernetFrame => LinkType::ETHERNET,
            Unit::IpPacket | Unit::Octet | Unit::Message => LinkType::RAW,
        };
        let mut all = self
            .interfaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = all
            .iter()
            .find(|known| known.name == name && known.link == link);
        // The last place is kept for the first interface of another link type.
        let is_full = all.len() + 1 >= pcapng::MAX_INTERFACES;
        let last = || all.iter().rfind(|last| is_full && last.link == link);
        let interface = match known.or_else(last) {
            Some(known) => known.clone(),
            None => {
                let number = u32::try_from(all.len()).unwrap_or(u32::MAX);
                let interface = Arc::new(Interface::new(number, name, link));
                self.describe(&interface, unit);
                all.push(interface.clone());
                interface
            }
        };
        Port {
            capture: self.clone(),
            interface,
        }
    }

    fn describe(&self, interface: &Interface, unit: Unit) {
        let description = match unit {
            Unit::EthernetFrame => "frames as they passed",
            Unit::IpPacket => "packets as they passed",
            Unit::Octet | Unit::Message => "what passed, told as packets of IP",
        };
        let snaplen = match self.snaplen {
            WHOLE => 0,
            snaplen => u32::try_from(snaplen).unwrap_or(0),
        };
        let block = pcapng::Interface {
            link: interface.link,
            snaplen,
            name: &interface.name,
            description,
        };
        self.append(|out| block.emit(out));
    }

    /// Appends a block that is no packet.
    fn append(&self, emit: impl FnOnce(&mut Vec<u8>)) {
        if let Some(mut room) = self.sink.room() {
            emit(room.octets());
        }
    }

    /// The right side of a relay as a channel that is captured. `id` is the number of the connection,
    /// `left` what is known of the other side and what that carries.
    ///
    /// Frames and packets of IP are kept as they are if either side says that they are such; all else
    /// is told as TCP and UDP between the peers of the two sides, `began` being the client.
    pub fn relay(
        self: &Arc<Capture>,
        id: u64,
        began: Began,
        left: (&Info, Unit),
        right: Channel,
    ) -> Channel {
        let (left, left_unit) = left;
        let raw = |unit| matches!(unit, Unit::EthernetFrame | Unit::IpPacket);
        let unit = match (&right.io, right.profile.unit, left_unit) {
            (Io::Packets(_), unit, _) | (Io::Packets(_), _, unit) if raw(unit) => unit,
            (Io::Packets(_), ..) => Unit::Message,
            (Io::Stream(_), ..) => Unit::Octet,
        };
        // Both sides are named, although only one is looked at.
        self.interface(&left.address, unit);
        let port = self.interface(&right.info.address, unit);
        let mut comment = ends::comment(id, left, &right.info);
        comment.truncate(comment.floor_char_boundary(MAX_COMMENT));
        let ends = ends::of(id, began, left, &right.info);
        let story = Story::new(port, unit, ends, began, id, comment);
        channel::captured(right, story)
    }

    /// What a layer gives, or a channel of any other place, captured by itself: its peer is the client of what
    /// we serve, or the server of what we open.
    pub fn alone(self: &Arc<Capture>, role: Role, channel: Channel) -> Channel {
        let raw = matches!(channel.profile.unit, Unit::EthernetFrame | Unit::IpPacket);
        let unit = match &channel.io {
            Io::Packets(_) if raw => channel.profile.unit,
            Io::Packets(_) => Unit::Message,
            Io::Stream(_) => Unit::Octet,
        };
        let began = match role {
            Role::Client => Began::Left,
            Role::Server => Began::Right,
        };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let port = self.interface(&channel.info.address, unit);
        let ends = ends::of(id, began, &Info::default(), &channel.info);
        let mut comment = ends::of_one(id, &channel.info);
        comment.truncate(comment.floor_char_boundary(MAX_COMMENT));
        let story = Story::new(port, unit, ends, began, id, comment);
        channel::captured(channel, story)
    }

    /// Writes what is left, and tells what the capture came to. What comes later is not captured.
    pub fn close(&self) -> Report {
        let time = now();
        let interfaces = self
            .interfaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut report = Report::default();
        for interface in interfaces.iter() {
            let received = interface.received.load(Ordering::Relaxed);
            let dropped = interface.dropped.load(Ordering::Relaxed);
            report.packets += received - dropped;
            report.dropped += dropped;
            let statistics = pcapng::Statistics {
                interface: interface.number,
                time,
                since: self.since,
                received,
                dropped,
            };
            self.append(|out| statistics.emit(out));
        }
        drop(interfaces);
        let written = self.sink.close();
        report.octets = written.octets;
        report.packets -= written.lost_packets.min(report.packets);
        report.dropped += written.lost_packets;
        report.failure = written.failure;
        report
    }
}

/// An interface of a capture.
#[derive(Debug)]
struct Interface {
    number: u32,
    name: String,
    link: LinkType,
    /// Packets that were seen.
    received: AtomicU64,
    /// Packets of them for which there was no room.
    dropped: AtomicU64,
    /// Those of them that no later packet has told of.
    untold: AtomicU64,
}

impl Interface {
    fn new(number: u32, name: &str, link: LinkType) -> Interface {
        Interface {
            number,
            name: name.to_owned(),
            link,
            received: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            untold: AtomicU64::new(0),
        }
    }

    /// So many packets were seen and kept.
    fn kept(&self, packets: u64) {
        self.received.fetch_add(packets, Ordering::Relaxed);
    }

    /// So many packets were seen, and there was no room for them.
    fn dropped(&self, packets: u64) {
        for counter in [&self.received, &self.dropped, &self.untold] {
            counter.fetch_add(packets, Ordering::Relaxed);
        }
    }
}

/// A place at which packets are captured: an interface of a capture. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Port {
    capture: Arc<Capture>,
    interface: Arc<Interface>,
}

impl Port {
    /// Captures packets that go one way at one moment, each with its octets and what is to be said of
    /// it. They are dropped and counted if there is no room.
    pub fn packets<'a>(
        &self,
        direction: Direction,
        packets: impl IntoIterator<Item = (&'a [u8], &'a str)>,
    ) {
        let time = now();
        self.put(packets.into_iter(), |(data, comment), out| {
            self.emit(time, direction, data, comment, out);
        });
    }

    /// Appends what `emit` makes of each of `packets`, or drops and counts them.
    fn put<T>(&self, packets: impl Iterator<Item = T>, mut emit: impl FnMut(T, &mut Vec<u8>)) {
        match self.capture.sink.room() {
            None => self.interface.dropped(packets.count() as u64),
            Some(mut room) => {
                let mut count = 0;
                for packet in packets {
                    count += 1;
                    emit(packet, room.octets());
                }
                room.count(count);
                self.interface.kept(count);
            }
        }
    }

    /// Appends one packet as it is to `out`.
    fn emit(
        &self,
        time: Duration,
        direction: Direction,
        data: &[u8],
        comment: &str,
        out: &mut Vec<u8>,
    ) {
        let head = self.head(time, direction, data.len(), comment);
        pcapng::emit_packet(&head, out, |out| {
            let kept = data.get(..self.capture.snaplen).unwrap_or(data);
            out.extend_from_slice(kept);
        });
    }

    /// The same channel, of which every frame or packet is captured as it passes: what comes in from
    /// its peer is inbound.
    pub fn wrap(&self, channel: Channel) -> Channel {
        let story = Story::as_they_are(self.clone());
        channel::captured(channel, story)
    }

    fn head<'a>(
        &self,
        time: Duration,
        direction: Direction,
        original_len: usize,
        comment: &'a str,
    ) -> pcapng::Packet<'a> {
        pcapng::Packet {
            interface: self.interface.number,
            time,
            direction: Some(direction),
            original_len,
            comment,
            dropped: match self.interface.untold.load(Ordering::Relaxed) {
                0 => 0,
                _ => self.interface.untold.swap(0, Ordering::Relaxed),
            },
        }
    }
}

/// Now, since the Unix epoch.
fn now() -> Duration {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    time.unwrap_or_default()
}
