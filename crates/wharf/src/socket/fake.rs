//! A catalog to test the idea with, without any protocol: one scheme of each shape, with options of
//! every kind, some of which several schemes share.
//!
//! Grounds give a stream in memory whose other end is gone; each layer says in the log what was asked
//! of it ([`Sayings`]).

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use super::address::Role;
use super::channel::{Channel, Kind};
use super::env::Cx;
use super::error::Result;
use super::info::SocketName;
use super::listener::{Asked, GroundListener, Reply};
use super::log::{Level, Log, Message};
use super::net::Net;
use super::options::{OptionKind, OptionSpec};
use super::scheme::{
    Build, Catalog, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, Shorthand,
    StandsOn,
};
use super::stack::{Answer, Ground, PLACE, Wrap};
use crate::testing::memory;

/// Every shape of address.
pub static CATALOG: Catalog = Catalog {
    schemes: &[
        &HTTP, &FTP, &ASKS, &LINES, &LEN16, &TLS, &DTLS, &TCP, &UDP, &UNIX, &SOCKS, &NETNS, &STDIO,
        &FILE, &FD, &EXEC, &PTY, &ECHO,
    ],
    shorthands: &[Shorthand {
        name: "https",
        stack: &["http", "tls", "tcp"],
        port: Some(443),
    }],
};

const BASE: Scheme = Scheme {
    name: "",
    aliases: &[],
    layer: Layer::Transport,
    roles: Roles::Both,
    shape: Shape::Authority {
        port: PortRule::Required,
    },
    stands_on: StandsOn::Nothing,
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[],
    standard: "",
    summary: "",
    example: "",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build_stream),
};

const OVER_TCP: StandsOn = StandsOn::Stream { usual: "tcp" };

static HTTP: Scheme = Scheme {
    name: "http",
    layer: Layer::Application,
    shape: Shape::Authority {
        port: PortRule::Default(80),
    },
    stands_on: OVER_TCP,
    owns_path: true,
    options: &[&[
        OptionSpec::new("token", OptionKind::Secret, ""),
        OptionSpec::flag("keepalive", ""),
    ]],
    example: "http://example.com/",
    build: Build::Wrap(|parts| wrap("http", parts)),
    ..BASE
};

/// It goes over to TLS by itself.
static FTP: Scheme = Scheme {
    name: "ftp",
    layer: Layer::Application,
    shape: Shape::Authority {
        port: PortRule::Default(21),
    },
    stands_on: OVER_TCP,
    uses: &["tls"],
    options: &[&[OptionSpec::flag("keepalive", "")]],
    example: "ftp://example.com",
    build: Build::Wrap(|parts| {
        let tls = parts.used("tls");
        Ok(Box::new(Upgrades(tls)))
    }),
    ..BASE
};

/// Its peers ask for something before they are served, and are answered.
static ASKS: Scheme = Scheme {
    name: "asks",
    layer: Layer::Application,
    stands_on: OVER_TCP,
    example: "asks://example.com:1",
    build: Build::Wrap(|_| Ok(Box::new(Asks))),
    ..BASE
};

static LINES: Scheme = Scheme {
    name: "lines",
    example: "lines+tcp://example.com:80",
    build: Build::Wrap(|parts| wrap("lines", parts)),
    ..FRAMING
};

static LEN16: Scheme = Scheme {
    name: "len16",
    example: "len16+tcp://example.com:80",
    build: Build::Wrap(|parts| wrap("len16", parts)),
    ..FRAMING
};

const FRAMING: Scheme = Scheme {
    layer: Layer::Framing,
    stands_on: OVER_TCP,
    gives: Kind::Packets,
    ..BASE
};

static TLS: Scheme = Scheme {
    name: "tls",
    layer: Layer::Security,
    stands_on: OVER_TCP,
    options: &[&[
        OptionSpec::new("sni", OptionKind::Text, ""),
        OptionSpec::new("alpn", OptionKind::List, ""),
        OptionSpec::new("ca", OptionKind::Path, "").client(),
        OptionSpec::new("cert", OptionKind::Path, "").server(),
        OptionSpec::new("passphrase", OptionKind::Secret, ""),
        OptionSpec::new("role", OptionKind::Choice(&["client", "server"]), ""),
    ]],
    example: "tls://example.com:443",
    build: Build::Wrap(|parts| wrap("tls", parts)),
    ..BASE
};

static DTLS: Scheme = Scheme {
    name: "dtls",
    layer: Layer::Security,
    stands_on: StandsOn::Packets { usual: "udp" },
    gives: Kind::Packets,
    example: "dtls://example.com:443",
    build: Build::Wrap(|parts| wrap("dtls", parts)),
    ..BASE
};

static TCP: Scheme = Scheme {
    name: "tcp",
    options: &[
        &[
            OptionSpec::flag("nodelay", ""),
            OptionSpec::flag("keepalive", ""),
            OptionSpec::new("timeout", OptionKind::Duration, "")
                .default("10s")
                .client(),
            OptionSpec::new("backlog", OptionKind::Integer { min: 1, max: 99 }, "")
                .default("9")
                .server(),
            OptionSpec::new("sndbuf", OptionKind::Size, ""),
            OptionSpec::new("bind", OptionKind::Bind, ""),
        ],
        PLACE,
    ],
    example: "tcp://example.com:80",
    ..BASE
};

static UDP: Scheme = Scheme {
    name: "udp",
    gives: Kind::Packets,
    example: "udp://example.com:53",
    build: Build::Ground(build_packets),
    ..BASE
};

static UNIX: Scheme = Scheme {
    name: "unix",
    aliases: &["uds"],
    shape: Shape::Path,
    options: &[&[OptionSpec::new("mode", OptionKind::Mode, "").server()]],
    example: "unix:/run/x.sock",
    ..BASE
};

static SOCKS: Scheme = Scheme {
    name: "socks5",
    layer: Layer::Application,
    roles: Roles::Client,
    shape: Shape::Authority {
        port: PortRule::Default(1080),
    },
    options: &[PLACE],
    example: "socks5://proxy.example",
    build: Build::Net(|_| Ok(Net::Host)),
    ..BASE
};

static NETNS: Scheme = Scheme {
    name: "netns",
    layer: Layer::Network,
    roles: Roles::Client,
    shape: Shape::Authority {
        port: PortRule::Absent,
    },
    gives: Kind::Either,
    owns_path: true,
    example: "netns://blue",
    build: Build::Net(|_| Ok(Net::Host)),
    ..BASE
};

static STDIO: Scheme = Scheme {
    name: "stdio",
    options: &[&[OptionSpec::flag("raw", "")]],
    example: "stdio:",
    reopen: Reopen::Once,
    ..NOTHING
};

static ECHO: Scheme = Scheme {
    name: "echo",
    gives: Kind::Packets,
    example: "echo:",
    build: Build::Ground(build_packets),
    ..NOTHING
};

const NOTHING: Scheme = Scheme {
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Nothing,
    ..BASE
};

static FILE: Scheme = Scheme {
    name: "file",
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Path,
    options: &[&[OptionSpec::flag("append", "")]],
    example: "file:/tmp/x",
    ..BASE
};

static FD: Scheme = Scheme {
    name: "fd",
    layer: Layer::Local,
    shape: Shape::Name {
        what: "the number of a descriptor",
        optional: false,
    },
    gives: Kind::Either,
    example: "fd:3",
    ..BASE
};

static EXEC: Scheme = Scheme {
    name: "exec",
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Command { optional: false },
    options: &[&[
        OptionSpec::new("cwd", OptionKind::Path, ""),
        OptionSpec::new("env", OptionKind::List, ""),
    ]],
    example: "exec:date",
    ..BASE
};

static PTY: Scheme = Scheme {
    name: "pty",
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Command { optional: true },
    options: &[&[OptionSpec::new("link", OptionKind::Path, "")]],
    example: "pty:sh",
    ..BASE
};

fn build_stream(_parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    Ok(Box::new(FakeGround))
}

fn build_packets(_parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    Ok(Box::new(FakePackets))
}

fn wrap(name: &'static str, parts: &Parts<'_>) -> Result<Box<dyn Wrap>> {
    let role = parts.role;
    Ok(Box::new(FakeWrap { name, role }))
}

struct FakeGround;

impl Ground for FakeGround {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        cx.say(Level::Info, "ground: connect");
        Box::pin(async { Ok(memory::channels(64).0) })
    }

    fn listen<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Box<dyn GroundListener>>> {
        cx.say(Level::Info, "ground: listen");
        Box::pin(async { Ok(Box::new(NobodyComes) as Box<dyn GroundListener>) })
    }
}

struct NobodyComes;

impl GroundListener for NobodyComes {
    fn poll_accept(&mut self, _cx: &mut Context<'_>) -> Poll<Result<Channel>> {
        Poll::Pending
    }

    fn local(&self) -> Vec<SocketName> {
        vec![SocketName::Unnamed]
    }
}

struct FakePackets;

impl Ground for FakePackets {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        cx.say(Level::Info, "ground: connect");
        Box::pin(async { Ok(memory::packets::channels(4, 64).0) })
    }
}

struct FakeWrap {
    name: &'static str,
    role: Role,
}

impl FakeWrap {
    fn say(&self, cx: Cx<'_>, what: &str) {
        cx.say(Level::Info, format!("{}: {what}", self.name));
    }
}

impl Wrap for FakeWrap {
    fn prepare<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<()>> {
        self.say(cx, "prepare");
        Box::pin(async { Ok(()) })
    }

    fn wrap<'a>(&'a self, lower: Channel, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        self.say(cx, &format!("wrap as {:?}", self.role));
        Box::pin(async { Ok(lower) })
    }
}

struct Upgrades(Option<Arc<dyn Wrap>>);

impl Wrap for Upgrades {
    fn wrap<'a>(&'a self, lower: Channel, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        cx.say(Level::Info, "ftp: AUTH TLS");
        Box::pin(async move {
            let Some(tls) = &self.0 else { return Ok(lower) };
            tls.prepare(cx).await?;
            tls.wrap(lower, cx).await
        })
    }
}

struct Asks;

impl Wrap for Asks {
    fn wrap<'a>(&'a self, lower: Channel, _cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(async { Ok(lower) })
    }

    fn serve<'a>(&'a self, lower: Channel, cx: Cx<'a>) -> BoxFuture<'a, Result<Answer>> {
        cx.say(Level::Info, "asks: serve");
        let env = cx.env.clone();
        let mut info = lower.info.clone();
        info.target = Some("example.com:80".into());
        let reply: Reply = Box::new(move |outcome| {
            let outcome = match outcome {
                Ok(info) => format!("asks: opened {}", info.address),
                Err(error) => format!("asks: {}", error.reason()),
            };
            env.say(Level::Info, "", outcome);
            Box::pin(async { Ok(lower) })
        });
        Box::pin(async { Ok(Answer::Asked(Asked::new(*info, reply))) })
    }
}

/// A log that keeps the texts.
#[derive(Clone, Debug, Default)]
pub struct Sayings(Arc<Mutex<Vec<String>>>);

impl Sayings {
    /// What was said since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Log for Sayings {
    fn message(&self, message: &Message<'_>) {
        if let Message::Text { text, .. } = message {
            self.0.lock().unwrap().push((*text).to_owned());
        }
    }
}
