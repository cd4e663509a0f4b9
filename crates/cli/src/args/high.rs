//! What will run: the *high* stage. Addresses are parsed here, flags are put together, and all that
//! can be wrong without opening anything is found.

use std::time::Duration;

use clap_complete::Shell;
use wharf::relay::{AfterEnd, Direction, Full, Options, Oversize, ServeOptions};
use wharf::socket::env::{Family, Names};
use wharf::socket::fast_path::{FastPath, FastPaths};
use wharf::socket::log::Level;
use wharf::{Endpoint, Error, Result};

use super::help::Wish;
use super::low::{
    Command, CommonFlags, Low, PingFlags, ProbeFlags, RelayFlags, SideName, Sides, Way, WhenFull,
    WhenOversize,
};
use super::packets::{self, Dump, Pcap};
use super::sides;
use super::switch::{self, Switch};
use super::transfer::{self, GetJob, PutJob};
use super::value::QuitAfter;
use crate::commands::ping::{self, Ping};
use crate::commands::{cert, endpoints, passwd, serve};
use crate::terminal::voice::{Form, Voice};

/// What the program does.
#[derive(Debug)]
pub enum Job {
    /// Shows help or the version.
    Tell(Wish),
    /// Relays.
    Relay(Box<Relay>),
    /// Tells what one address means.
    ExplainOne { endpoint: Endpoint, json: bool },
    /// Tells what a relay would do.
    Explain { relay: Box<Relay>, json: bool },
    /// Lists endpoints.
    Endpoints {
        scheme: Option<String>,
        form: endpoints::Form,
    },
    /// Tells whether hosts answer, and how soon.
    Ping(Box<Ping>),
    /// Tells which ports are open.
    Probe(Probe),
    /// Runs a switch.
    Switch(Box<Switch>),
    /// Tells what a switch would do.
    ExplainSwitch { switch: Box<Switch>, json: bool },
    /// Gets files.
    Get(Box<GetJob>),
    /// Puts a file.
    Put(Box<PutJob>),
    /// Prints packets.
    Dump(Dump),
    /// Shows a server's certificates.
    Cert(Box<Cert>),
    /// Serves a folder.
    Serve(Box<serve::Serve>),
    /// Changes a file of users.
    Passwd(passwd::Passwd),
    /// Prints completions.
    Completions(Shell),
    /// Prints the man page.
    Man,
    /// Explains a topic.
    Help(Option<String>),
}

/// A relay, ready to run.
#[derive(Debug)]
pub struct Relay {
    pub left: Endpoint,
    pub right: Endpoint,
    pub options: ServeOptions,
    pub names: Names,
    /// Threads; as many as fit if not given.
    pub workers: Option<usize>,
    /// Whom to become once everything is bound.
    pub user: Option<String>,
    pub exit_from: Option<SideName>,
    pub stats: bool,
    pub hexdump: bool,
    /// Where what passes is captured.
    pub pcap: Option<Pcap>,
    pub progress: bool,
    /// Which ways of moving data may be used beside the portable ones.
    pub fast_paths: FastPaths,
}

/// A probe, ready to run.
#[derive(Debug)]
pub struct Probe {
    pub addresses: Vec<String>,
    pub parallel: usize,
    pub timeout: Duration,
    pub names: Names,
    pub json: bool,
}

/// A look at a server's certificates, ready to run.
#[derive(Debug)]
pub struct Cert {
    pub endpoint: Endpoint,
    pub names: Names,
    pub form: cert::Form,
}

/// Puts together what was typed.
///
/// # Errors
/// Kind `Usage`, pointing at the character where an address is wrong.
pub fn plan(low: Low) -> Result<Job> {
    let Low {
        command,
        sides,
        relay: flags,
        common,
    } = low;
    let json = common.json;
    Ok(match command {
        None if flags.dry_run => Job::Explain {
            relay: Box::new(relay(sides, &flags, &common)?),
            json,
        },
        None => Job::Relay(Box::new(relay(sides, &flags, &common)?)),
        Some(Command::Explain { sides }) => match sides::alone(&sides) {
            Some(endpoint) => Job::ExplainOne {
                endpoint: endpoint?,
                json,
            },
            None => Job::Explain {
                relay: Box::new(relay(sides, &flags, &common)?),
                json,
            },
        },
        Some(Command::Endpoints { scheme, markdown }) => Job::Endpoints {
            scheme,
            form: match (json, markdown) {
                (true, _) => endpoints::Form::Json,
                (_, true) => endpoints::Form::Markdown,
                _ => endpoints::Form::Text,
            },
        },
        Some(Command::Ping(flags)) => Job::Ping(Box::new(ping(flags, &common)?)),
        Some(Command::Probe(flags)) => Job::Probe(probe(flags, &common)?),
        Some(Command::Switch(flags)) => {
            let is_dry = flags.dry_run;
            let switch = Box::new(switch::plan(*flags, names(&common))?);
            match is_dry {
                true => Job::ExplainSwitch { switch, json },
                false => Job::Switch(switch),
            }
        }
        Some(Command::Get(flags)) => Job::Get(Box::new(transfer::get(&flags, names(&common))?)),
        Some(Command::Put(flags)) => Job::Put(Box::new(transfer::put(&flags, names(&common))?)),
        Some(Command::Dump(flags)) => Job::Dump(packets::dump(flags, names(&common), json)?),
        Some(Command::Cert { address, pem }) => Job::Cert(Box::new(Cert {
            endpoint: cert::address(&address)?,
            names: names(&common),
            form: match (pem, json) {
                (true, _) => cert::Form::Pem,
                (_, true) => cert::Form::Json,
                _ => cert::Form::Text,
            },
        })),
        Some(Command::Serve(flags)) => Job::Serve(Box::new(serve::Serve::of(*flags)?)),
        Some(Command::Passwd { file, user, remove }) => {
            Job::Passwd(passwd::Passwd { file, user, remove })
        }
        Some(Command::Completions { shell }) => Job::Completions(shell),
        Some(Command::Man) => Job::Man,
        Some(Command::Help { topic }) => Job::Help(topic),
        Some(Command::Version) => Job::Tell(Wish::Version),
    })
}

/// What is said, and how.
pub fn voice(common: &CommonFlags) -> Voice {
    let form = match common.json {
        true => Form::Json,
        false => Form::Text,
    };
    let level = match (common.quiet, common.verbose) {
        (true, _) => Level::Error,
        (_, 0) => Level::Info,
        (_, 1) => Level::Debug,
        _ => Level::Trace,
    };
    Voice::new(form, level)
}

fn names(common: &CommonFlags) -> Names {
    Names {
        family: match (common.v4, common.v6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        },
        overrides: common.resolve.clone().into(),
        numeric_only: common.numeric,
    }
}

fn relay(sides: Sides, flags: &RelayFlags, common: &CommonFlags) -> Result<Relay> {
    let (left, right) = sides::pair(sides, flags)?;
    if !left.is_listener() && !right.is_listener() {
        guards_nothing(flags)?;
    }
    let workers = flags.workers;
    let direction = match (flags.send_only, flags.recv_only) {
        (true, _) => Direction::LeftToRight,
        (_, true) => Direction::RightToLeft,
        _ => Direction::Both,
    };
    let after_end = match flags.quit_after {
        Some(QuitAfter::Time(time)) => AfterEnd::QuitAfter(time),
        Some(QuitAfter::Never) | None => AfterEnd::ReadOn,
    };
    let relay = Options {
        idle_timeout: flags.idle_timeout,
        grace: flags.grace,
        wait: flags.wait,
        after_end,
        keep: flags.keep,
        direction,
        limit_rate: flags.limit_rate,
        oversize: match flags.oversize {
            WhenOversize::Fail => Oversize::Fail,
            WhenOversize::Drop => Oversize::Drop,
        },
    };
    let mut options = ServeOptions {
        relay,
        once: flags.once,
        full: match flags.when_full {
            WhenFull::Wait => Full::Wait,
            WhenFull::Refuse => Full::Refuse,
        },
        allow: flags.allow.clone(),
        deny: flags.deny.clone(),
        ..ServeOptions::default()
    };
    if let Some(most) = flags.max_connections {
        options.max_connections = most;
    }
    let pcap = packets::pcap(&flags.pcap, &[&left, &right])?;
    Ok(Relay {
        left,
        right,
        options,
        names: names(common),
        workers,
        user: flags.user.clone(),
        exit_from: flags.exit_from,
        stats: flags.stats,
        hexdump: flags.hexdump,
        progress: flags.progress,
        fast_paths: match flags.hexdump || pcap.is_some() {
            // What nobody reads cannot be shown.
            true => fast_paths(flags).without(FastPath::Splice),
            false => fast_paths(flags),
        },
        pcap,
    })
}

/// All ways of moving data but those that are not wanted.
fn fast_paths(flags: &RelayFlags) -> FastPaths {
    let all = FastPaths::default();
    flags.without.iter().fold(all, |left, way| match way {
        Way::Splice => left.without(FastPath::Splice),
        Way::Mmsg => left.without(FastPath::Mmsg).without(FastPath::Offload),
        Way::Offload => left.without(FastPath::Offload),
        Way::All => FastPaths::NONE,
    })
}

/// Refuses rules about peers where none can come: somebody relies on them.
fn guards_nothing(flags: &RelayFlags) -> Result<()> {
    let flag = match (&flags.allow[..], &flags.deny[..]) {
        ([], []) => return Ok(()),
        ([], _) => "--deny",
        _ => "--allow",
    };
    Err(Error::usage(format!(
        "{flag} is about who may connect, and neither side listens"
    ))
    .hint("tcp-listen://:PORT, or another -listen address"))
}

fn probe(flags: ProbeFlags, common: &CommonFlags) -> Result<Probe> {
    if let [host, port] = &flags.addresses[..] {
        sides::habit_of_nc("wharf probe", host, port)?;
    }
    let mut addresses = Vec::new();
    for typed in flags.addresses {
        addresses.extend(super::ports::expand(sides::text(&typed)?)?);
    }
    Ok(Probe {
        addresses,
        parallel: flags.parallel,
        timeout: flags.timeout,
        names: names(common),
        json: common.json,
    })
}

fn ping(flags: PingFlags, common: &CommonFlags) -> Result<Ping> {
    let hosts = flags.hosts.iter();
    let targets = hosts.map(|typed| ping::Target::parse(sides::text(typed)?));
    let targets = targets.collect::<Result<Vec<_>>>()?;
    if flags.interval < LEAST_INTERVAL && targets.iter().any(|target| target.is_remote()) {
        return Err(Error::usage("an interval below 10ms is a flood")
            .hint("--interval 10ms is the least, except to this machine"));
    }
    let options = wharf::network::icmp::ping::Options {
        config: wharf::network::icmp::ping::Config {
            count: flags.count.map(|count| count as u64),
            interval: flags.interval,
            timeout: flags.timeout,
        },
        size: flags.size,
    };
    Ok(Ping {
        targets,
        options,
        names: names(common),
        form: match (common.json, common.quiet) {
            (true, _) => ping::Form::Json,
            (_, true) => ping::Form::Quiet,
            _ => ping::Form::Text,
        },
    })
}

/// Who asks faster floods; only this machine may be asked so.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);
