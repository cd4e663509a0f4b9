//! `memory:NAME` and `memory-listen:NAME`: endpoints that live on one thread.
//!
//! A test on a runtime of its own thread has all names to itself, and its clock may be paused. What
//! connects waits in a queue until it is accepted; where nobody listens it is refused.
//! Not here: several threads (use a real endpoint).

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;

use super::channels;
use crate::socket::channel::{Channel, Io, Kind};
use crate::socket::env::Cx;
use crate::socket::error::{self, Error, Op, Result};
use crate::socket::info::SocketName;
use crate::socket::listener::GroundListener;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, Catalog, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;

/// `memory`
pub static SCHEME: Scheme = Scheme {
    name: "memory",
    aliases: &[],
    layer: Layer::Local,
    roles: Roles::Both,
    shape: Shape::Name {
        what: "NAME",
        optional: false,
    },
    stands_on: StandsOn::Nothing,
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[&[OptionSpec::new(
        "from",
        OptionKind::Text,
        "the IP address and port that the listener sees",
    )
    .client()]],
    standard: "",
    summary: "a stream inside one thread",
    example: "memory:here",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

/// A catalog of this scheme alone.
pub static CATALOG: Catalog = Catalog {
    schemes: &[&SCHEME],
    shorthands: &[],
};

/// What each direction of a connection holds, in octets.
const CAPACITY: usize = 64 * 1024;

thread_local! {
    static PLACES: RefCell<HashMap<String, Place>> = RefCell::default();
}

/// A name that somebody listens on.
#[derive(Default)]
struct Place {
    waiting: VecDeque<Channel>,
    waker: Option<Waker>,
}

struct Endpoint {
    name: String,
    from: Option<SocketAddr>,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let from = match parts.settings.text("from") {
        Some(text) => Some(
            text.parse()
                .map_err(|_| Error::usage(format!("{text} is not an address and a port")))?,
        ),
        None => None,
    };
    Ok(Box::new(Endpoint {
        name: parts.address.name().unwrap_or_default().to_owned(),
        from,
    }))
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, _cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        let (mine, mut theirs) = channels(CAPACITY);
        theirs.info.peer = self.from.map(SocketName::Ip);
        let connected = PLACES.with_borrow_mut(|places| {
            let place = places.get_mut(&self.name).ok_or_else(|| {
                let nobody = format!("nobody listens on {}", self.name);
                Error::new(Op::Connect, error::Kind::Unreachable, nobody)
            })?;
            place.waiting.push_back(theirs);
            if let Some(waker) = place.waker.take() {
                waker.wake();
            }
            Ok(mine)
        });
        Box::pin(std::future::ready(connected))
    }

    fn listen<'a>(&'a self, _cx: Cx<'a>) -> BoxFuture<'a, Result<Box<dyn GroundListener>>> {
        let name = self.name.clone();
        let taken = PLACES.with_borrow_mut(|places| {
            if places.contains_key(&name) {
                return true;
            }
            places.insert(name.clone(), Place::default());
            false
        });
        let listening = if taken {
            let taken = format!("somebody listens on {name} already");
            Err(Error::new(Op::Bind, error::Kind::Local, taken))
        } else {
            Ok(Box::new(Listener { name }) as Box<dyn GroundListener>)
        };
        Box::pin(std::future::ready(listening))
    }
}

struct Listener {
    name: String,
}

impl GroundListener for Listener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Channel>> {
        PLACES.with_borrow_mut(|places| {
            let place = places.entry(self.name.clone()).or_default();
            match place.waiting.pop_front() {
                Some(channel) => Poll::Ready(Ok(channel)),
                None => {
                    place.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
    }

    fn local(&self) -> Vec<SocketName> {
        vec![SocketName::Text(self.name.clone())]
    }
}

impl Drop for Listener {
    /// Who still waits is reset, as a kernel does it.
    fn drop(&mut self) {
        let place = PLACES.with_borrow_mut(|places| places.remove(&self.name));
        for channel in place.into_iter().flat_map(|place| place.waiting) {
            if let Io::Stream(mut stream) = channel.io {
                let mut cx = Context::from_waker(Waker::noop());
                let _ = stream.poll_finish(&mut cx, &crate::End::Reset);
            }
        }
    }
}
