//! What a scheme is, as data: one static [`Scheme`] for each name that an address may begin with.
//!
//! Parser, `explain`, `endpoints`, help, man page, completions, the table in `docs/` and the test
//! matrix all read these descriptors, so that a thing is described once.
//! Not here: the list itself (`catalog.rs`) and what the options mean (each endpoint's own file).

use std::fmt;

use super::channel::Kind as ChannelKind;
use super::error::Result;
use super::net::Net;
use super::options::OptionSpec;
use super::settings::Settings;
use super::stack::{Ground, Used, Wrap};
use super::{Address, Role};

/// The layer of the network on which a scheme lives, lowest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// HTTP, FTP, SSH, TELNET and their like.
    Application,
    /// Puts packets into streams, or changes how bytes are written.
    Framing,
    /// TLS and its like.
    Security,
    /// TCP, UDP, Unix and VM sockets.
    Transport,
    /// IP, ICMP, and places to open sockets in.
    Network,
    /// Ethernet, PPP.
    Link,
    /// The local machine: files, commands, terminals.
    Local,
}

impl Layer {
    /// Every layer, top first.
    pub const ALL: [Layer; 7] = [
        Layer::Application,
        Layer::Framing,
        Layer::Security,
        Layer::Transport,
        Layer::Network,
        Layer::Link,
        Layer::Local,
    ];

    /// The word for headings and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Layer::Application => "application",
            Layer::Framing => "framing",
            Layer::Security => "security",
            Layer::Transport => "transport",
            Layer::Network => "network",
            Layer::Link => "link",
            Layer::Local => "local",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which roles a scheme or an option knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Roles {
    /// It opens.
    Client,
    /// It listens (`-listen`).
    Server,
    /// Both.
    Both,
}

impl Roles {
    /// Whether `role` is among them.
    pub const fn has(self, role: Role) -> bool {
        matches!(
            (self, role),
            (Roles::Both, _) | (Roles::Client, Role::Client) | (Roles::Server, Role::Server)
        )
    }
}

/// How what follows the scheme is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `//[user[:password]@]host[:port]`.
    Authority {
        /// Whether a port is wanted, and which stands in for it.
        port: PortRule,
    },
    /// A path on this machine, percent-decoded: `unix:/run/x.sock`.
    Path,
    /// A word or nothing: `fd:3`.
    Name {
        /// What stands for the word in help.
        what: &'static str,
        /// Whether it may be left out.
        optional: bool,
    },
    /// A command, verbatim to the end; options stand before it: `exec#cwd=/tmp:ls -l`.
    Command {
        /// Whether it may be left out.
        optional: bool,
    },
    /// Nothing at all: `echo:`.
    Nothing,
}

/// What an authority says about ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortRule {
    /// It must be said.
    Required,
    /// It must be said, and has up to 32 bits (vsock(7)).
    Wide,
    /// It may be said; otherwise it is this one.
    Default(u16),
    /// The scheme has no ports.
    Absent,
}

impl PortRule {
    /// The greatest number that a port may have.
    pub const fn max(self) -> u32 {
        match self {
            PortRule::Wide => u32::MAX,
            PortRule::Required | PortRule::Default(_) | PortRule::Absent => u16::MAX as u32,
        }
    }
}

/// What a layer stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandsOn {
    /// Nothing: it is a ground.
    Nothing,
    /// Any layer that gives a stream; `usual` is meant where the address stops here.
    Stream {
        /// The scheme of the usual ground.
        usual: &'static str,
    },
    /// Any layer that gives packets.
    Packets {
        /// The scheme of the usual ground.
        usual: &'static str,
    },
}

/// Whether an endpoint can be opened again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reopen {
    /// Only once in a run (standard input).
    Once,
    /// As often as wanted.
    Many,
}

/// How many listeners share the work when there are several workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listeners {
    /// Each worker has its own.
    PerWorker,
    /// One in all, because more would duplicate or misroute.
    One,
}

/// What the builder of a layer is given: its part of the address, checked.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The whole address, for host, port, path and command.
    pub address: &'a Address,
    /// The options that this layer declared, with defaults filled in.
    pub settings: &'a Settings,
    /// The role that this layer plays.
    pub role: Role,
    /// The layers that its scheme [uses](Scheme::uses), with their own options.
    pub used: &'a [Used],
    /// What the layer right above it speaks, as ALPN (RFC 7301) calls it, best first.
    pub alpn: &'a [&'static str],
}

/// Makes a ground of its part of an address.
pub type BuildGround = fn(&Parts<'_>) -> Result<Box<dyn Ground>>;
/// Makes a wrapping layer of its part of an address.
pub type BuildWrap = fn(&Parts<'_>) -> Result<Box<dyn Wrap>>;
/// Makes a place for sockets of its part of an address.
pub type BuildNet = fn(&Parts<'_>) -> Result<Net>;

/// Makes the working layer; checks everything that can be known before opening, without I/O.
#[derive(Clone, Copy)]
pub enum Build {
    /// It opens something.
    Ground(BuildGround),
    /// It wraps the channel of the layer below.
    Wrap(BuildWrap),
    /// It is a place where sockets are opened, for `via=`.
    Net(BuildNet),
}

/// Everything that is known of one scheme.
pub struct Scheme {
    /// The name, as addresses spell it.
    pub name: &'static str,
    /// Names that mean the same.
    pub aliases: &'static [&'static str],
    /// Where it stands.
    pub layer: Layer,
    /// Whether it opens, listens, or both.
    pub roles: Roles,
    /// How the rest of the address is written, if this is the ground.
    pub shape: Shape,
    /// What it stands on.
    pub stands_on: StandsOn,
    /// What it gives to the layer above.
    pub gives: ChannelKind,
    /// Whether the URL path and query belong to it (the top layer owns the path).
    pub owns_path: bool,
    /// Schemes whose options it accepts because it puts such layers up by itself
    /// ([`Parts::used`]): a protocol that goes over to TLS in the middle.
    pub uses: &'static [&'static str],
    /// The privilege that it needs, in words, if it needs one.
    pub privilege: Option<&'static str>,
    /// Its options, in groups that several schemes may share.
    pub options: &'static [&'static [OptionSpec]],
    /// The standard that it follows.
    pub standard: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// An address that works.
    pub example: &'static str,
    /// Whether it can be opened more than once in a run.
    pub reopen: Reopen,
    /// How listeners are shared among workers.
    pub listeners: Listeners,
    /// Makes the working layer.
    pub build: Build,
}

impl Scheme {
    /// All options, group after group.
    pub fn specs(&self) -> impl Iterator<Item = &'static OptionSpec> + use<> {
        self.options.iter().flat_map(|group| group.iter())
    }

    /// The option of that name.
    pub fn spec(&self, name: &str) -> Option<&'static OptionSpec> {
        self.specs().find(|spec| spec.name == name)
    }

    /// Whether a user and a password mean something to it: what stands below the application knows
    /// machines and ports.
    pub const fn has_users(&self) -> bool {
        matches!(self.layer, Layer::Application)
    }

    /// Whether it opens something by itself.
    pub const fn is_ground(&self) -> bool {
        matches!(self.stands_on, StandsOn::Nothing)
    }

    /// Whether its addresses are written without `//`.
    pub const fn is_local(&self) -> bool {
        !matches!(self.shape, Shape::Authority { .. }) && self.is_ground()
    }
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scheme({})", self.name)
    }
}

impl PartialEq for Scheme {
    fn eq(&self, other: &Scheme) -> bool {
        self.name == other.name
    }
}

impl Eq for Scheme {}

/// A name that stands for a whole stack: `https` for `http+tls+tcp`.
#[derive(Clone, Copy, Debug)]
pub struct Shorthand {
    /// The well-known name.
    pub name: &'static str,
    /// The names of the layers that it means, top first.
    pub stack: &'static [&'static str],
    /// The port that it implies.
    pub port: Option<u16>,
}

/// A list of schemes and shorthands to parse with.
#[derive(Clone, Copy, Debug)]
pub struct Catalog {
    /// Every scheme.
    pub schemes: &'static [&'static Scheme],
    /// Every well-known name of a stack.
    pub shorthands: &'static [Shorthand],
}

impl Catalog {
    /// The scheme of that name or alias.
    pub fn scheme(&self, name: &str) -> Option<&'static Scheme> {
        self.schemes
            .iter()
            .copied()
            .find(|s| s.name == name || s.aliases.contains(&name))
    }

    /// The shorthand of that name.
    pub fn shorthand(&self, name: &str) -> Option<&'static Shorthand> {
        self.shorthands.iter().find(|s| s.name == name)
    }

    /// The port that a stack implies: that of the well-known name for just these layers, or else of
    /// the topmost layer that has one.
    pub fn implied_port(&self, layers: &[&'static Scheme]) -> Option<u16> {
        let names = || layers.iter().map(|layer| layer.name);
        let known = |shorthand: &&Shorthand| names().eq(shorthand.stack.iter().copied());
        let named = self.shorthands.iter().find(known);
        let usual = || {
            layers.iter().find_map(|layer| match layer.shape {
                Shape::Authority {
                    port: PortRule::Default(port),
                } => Some(port),
                _ => None,
            })
        };
        named.and_then(|shorthand| shorthand.port).or_else(usual)
    }

    /// Every name of a layer or of a whole stack, aliases too, without `-listen`.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let names = |scheme: &&'static Scheme| {
            std::iter::once(scheme.name).chain(scheme.aliases.iter().copied())
        };
        let shorthands = self.shorthands.iter().map(|shorthand| shorthand.name);
        self.schemes.iter().flat_map(names).chain(shorthands)
    }
}
