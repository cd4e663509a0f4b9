//! TELNET over any stream: `telnet://HOST` is a person's side, `telnet-listen://:PORT` a program's.
//!
//! Sources: RFC 854, RFC 855, RFC 1143 and those of the options, as `wharf_proto::application::telnet`
//! has them. A window's size, how is typed, breaks and interrupts are
//! [`Control`](crate::socket::control::Control) on our side, so that any terminal stands behind it.
//! A server learns the peer's terminal before the other side is opened (`agree`).
//! Here: the scheme. Not here: logins (nobody is asked for a name or a password), LINEMODE,
//! ENCRYPT (`telnets` is TELNET over TLS).

mod agree;
mod options;
mod peer;
mod port;
mod stream;
#[cfg(test)]
mod tests;

use futures_util::future::BoxFuture;
use wharf_proto::application::telnet::{Machine, Role as End};

use self::options::{OPTIONS, Options};
use self::stream::Session;
use crate::socket::channel::{Channel, Io, Kind};
use crate::socket::control::ControlPort;
use crate::socket::env::Cx;
use crate::socket::error::{Error, Result};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Wrap;

/// `telnet`
pub static SCHEME: Scheme = Scheme {
    name: "telnet",
    aliases: &[],
    layer: Layer::Application,
    roles: Roles::Both,
    shape: Shape::Authority {
        port: PortRule::Default(23),
    },
    stands_on: StandsOn::Stream { usual: "tcp" },
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[OPTIONS],
    standard: "RFC 854, RFC 855, RFC 1143",
    summary: "a terminal over a stream: echo, window and line ends are agreed on; nothing is encrypted",
    example: "telnet://192.0.2.7",
    reopen: Reopen::Many,
    listeners: Listeners::PerWorker,
    build: Build::Wrap(build),
};

fn build(parts: &Parts<'_>) -> Result<Box<dyn Wrap>> {
    Ok(Box::new(Telnet {
        options: Options::of(parts)?,
    }))
}

struct Telnet {
    options: Options,
}

impl Wrap for Telnet {
    fn wrap<'a>(&'a self, lower: Channel, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(self.open(lower, cx))
    }
}

impl Telnet {
    async fn open(&self, lower: Channel, cx: Cx<'_>) -> Result<Channel> {
        let Channel {
            io,
            mut info,
            profile,
            control,
        } = lower;
        let Io::Stream(stream) = io else {
            return Err(Error::usage("telnet stands on a stream"));
        };
        let (ours, theirs) = ControlPort::pair();
        let machine = Machine::new(self.options.wishes(cx.origin));
        let mut session = Session::new(stream, machine, ours, control);
        agree::run(&mut session, &self.options, cx).await?;
        if self.options.role == End::Server {
            let peer = session.peer();
            info.user.clone_from(&peer.user);
            info.terminal = peer.terminal();
        }
        Ok(Channel {
            io: Io::Stream(Box::new(session)),
            info,
            profile,
            control: Some(theirs),
        })
    }
}
