//! A stack of layers that belong together: built from an address without I/O, opened from the
//! ground upward.
//!
//! No layer opens what is below it: the stack does. Beside it: what a layer is (`layer.rs`), which layer
//! takes which option (`assign.rs`), and where sockets are opened (`place.rs`).
//! Not here: templates, retries and what users call (`endpoint.rs`).

mod assign;
mod layer;
mod place;
#[cfg(test)]
mod tests;
mod used;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;

use super::address::{Address, Role};
use super::channel::{Channel, Kind};
use super::env::{Cx, Env, Tap};
use super::error::{Error, Result};
use super::fast_path::FastPaths;
use super::info::Info;
use super::listener::{Asked, GroundListener};
use super::log::Level;
use super::net::Net;
use super::options::{OptionKind, OptionSpec};
use super::scheme::{Build, Parts, Scheme, StandsOn};
use super::session::{Served, Session};
use super::settings::Settings;
use assign::{Assigned, Own};

pub use layer::{Answer, Ground, Wrap};
pub use place::PLACE;
pub use used::Used;

/// One layer with its settings.
#[derive(Debug)]
pub struct Layer {
    /// What it is.
    pub scheme: &'static Scheme,
    /// Whether it was implied by the scheme above it.
    pub implied: bool,
    /// The role that it plays.
    pub role: Role,
    /// Its options.
    pub settings: Settings,
    /// The layers that it puts up by itself when its protocol says so.
    pub used: Vec<Used>,
}

enum Bottom {
    Ground(Box<dyn Ground>),
    Net(Net),
}

/// The layers of one address, ready to be opened.
pub struct Stack {
    layers: Vec<Layer>,
    bottom: Bottom,
    /// Bottom first, without the ground.
    wraps: Vec<(&'static Scheme, Arc<dyn Wrap>)>,
    via: Option<Net>,
    general: Settings,
    unheard_user: Option<String>,
}

/// Options that every endpoint takes, because the stack itself sees to them.
pub const GENERAL: &[OptionSpec] = &[
    OptionSpec::new(
        "retry",
        OptionKind::Count,
        "opens again so often when opening fails",
    )
    .default("0")
    .client(),
    OptionSpec::new(
        "retry-interval",
        OptionKind::Duration,
        "waits so long before the first retry",
    )
    .default("1s")
    .client(),
    OptionSpec::new(
        "retry-max",
        OptionKind::Duration,
        "the wait doubles with each retry up to this",
    )
    .default("30s")
    .client(),
    OptionSpec::flag("reconnect", "opens again when the peer ends, and goes on").client(),
];

impl Stack {
    /// Checks every option and builds every layer; opens nothing.
    ///
    /// # Errors
    /// Kind `Usage`: an option that no layer knows, that two know, or whose value is wrong.
    pub fn build(address: &Address) -> Result<Stack> {
        let Assigned {
            layers: assigned,
            general,
        } = assign::distribute(address)?;
        let mut layers = Vec::with_capacity(assigned.len());
        for (n, (scheme, own)) in address.layers().iter().zip(assigned).enumerate() {
            let Own {
                role,
                settings,
                used,
            } = own;
            layers.push(Layer {
                scheme,
                implied: n >= address.typed_layers(),
                role,
                settings,
                used: used::build(used, address, role)?,
            });
        }
        let mut bottom = None;
        let mut wraps = Vec::new();
        let mut via = None;
        // From the top: a layer may tell the one below what it speaks.
        for layer in &layers {
            let Layer {
                scheme,
                settings,
                role,
                used,
                ..
            } = layer;
            let above: Option<&Arc<dyn Wrap>> = wraps.last().map(|(_, wrap)| wrap);
            let parts = Parts {
                address,
                settings,
                role: *role,
                used,
                alpn: above.map_or(&[], |above| above.alpn()),
            };
            if let Some(net) = place::net(settings, address)? {
                via = Some(net);
            }
            let built = match scheme.build {
                Build::Ground(build) => build(&parts).map(|g| bottom = Some(Bottom::Ground(g))),
                Build::Net(build) => build(&parts).map(|net| bottom = Some(Bottom::Net(net))),
                Build::Wrap(build) => build(&parts).map(|wrap| wraps.push((*scheme, wrap.into()))),
            };
            built.map_err(|error| error.at(address, Some(scheme.name)))?;
        }
        wraps.reverse();
        let Some(bottom) = bottom else {
            return Err(Error::usage(format!("{address} stands on nothing")));
        };
        if let (Bottom::Net(_), [(above, _), ..]) = (&bottom, wraps.as_slice()) {
            let below = address.ground().map_or("", |ground| ground.name);
            let reason = format!(
                "{} cannot stand on {below}, a place to open sockets in",
                above.name
            );
            return Err(address.point(Error::usage(reason), 0));
        }
        Ok(Stack {
            layers,
            bottom,
            wraps,
            via,
            general,
            unheard_user: unheard_user(address),
        })
    }

    /// This stack with the very layers of `other` above its ground: what those have got ready, such as
    /// a certificate, is the same for both. `other` must be of the same address but for its place.
    pub(super) fn sharing(mut self, other: &Stack) -> Stack {
        self.wraps.clone_from(&other.wraps);
        self
    }

    /// The layers, top first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The fast paths that its channels know: those of the ground, where nothing stands on it.
    pub fn fast_paths(&self) -> FastPaths {
        match &self.bottom {
            Bottom::Ground(ground) if self.wraps.is_empty() => ground.fast_paths(),
            _ => FastPaths::NONE,
        }
    }

    /// The options that the stack itself sees to.
    pub fn general(&self) -> &Settings {
        &self.general
    }

    /// The place where its sockets are opened, if the address says one.
    pub fn via(&self) -> Option<&Net> {
        self.via.as_ref()
    }

    /// The place that this address names, for `via=`.
    pub fn net(&self) -> Option<&Net> {
        match &self.bottom {
            Bottom::Net(net) => Some(net),
            Bottom::Ground(_) => None,
        }
    }

    /// What is to be said of a user and a password that are typed in vain.
    pub fn unheard_user(&self) -> Option<&str> {
        self.unheard_user.as_deref()
    }

    fn ground_name(&self) -> &'static str {
        self.layers.last().map_or("", |ground| ground.scheme.name)
    }

    fn ground(&self, cx: Cx<'_>) -> Result<&dyn Ground> {
        match &self.bottom {
            Bottom::Ground(ground) => Ok(ground.as_ref()),
            Bottom::Net(_) => Err(Error::usage(
                "this is a place to open sockets in, not an endpoint",
            )
            .hint(format!(
                "tcp://HOST:PORT#via=[{}], which opens one there",
                cx.at
            ))
            .at(cx.at, None)),
        }
    }

    /// Gets the layers ready, then opens the ground, then every layer above it.
    ///
    /// # Errors
    /// What the failing layer says, with its name where it is not the only one.
    pub async fn connect(&self, cx: Cx<'_>) -> Result<Channel> {
        self.connect_up_to(self.wraps.len(), cx).await
    }

    /// Opens only what stands below the topmost layer of this scheme: for who wants to look at what
    /// that layer would do. Also gives the layer.
    ///
    /// # Errors
    /// Kind `Usage` if there is no such layer above a ground; what the failing layer says.
    pub async fn connect_below(&self, scheme: &Scheme, cx: Cx<'_>) -> Result<(Channel, &Layer)> {
        let layer = self.layers.iter().find(|layer| layer.scheme == scheme);
        let below = self.wraps.iter().rposition(|(own, _)| *own == scheme);
        let Some((layer, below)) = layer.zip(below) else {
            let reason = format!("there is no layer {} in this address", scheme.name);
            return Err(Error::usage(reason).at(cx.at, None));
        };
        Ok((self.connect_up_to(below, cx).await?, layer))
    }

    /// Opens the ground and `count` layers above it.
    async fn connect_up_to(&self, count: usize, cx: Cx<'_>) -> Result<Channel> {
        let cx = Cx {
            net: self.via.as_ref().unwrap_or(cx.net),
            ..cx
        };
        let name = self
            .layers
            .last()
            .map(|l| l.scheme.name)
            .filter(|_| self.layers.len() > 1);
        self.prepare(count, cx).await?;
        let mut channel = self
            .ground(cx)?
            .connect(cx)
            .await
            .map_err(|e| e.at(cx.at, name))?;
        cx.at.clone_into(&mut channel.info.address);
        let tap = cx.env.tap.as_ref();
        channel = Tap::at(tap, self.ground_name(), Role::Client, channel);
        for (scheme, wrap) in self.wraps.iter().take(count) {
            check_kind(scheme, &channel).map_err(|e| e.at(cx.at, None))?;
            channel = wrap
                .wrap(channel, cx)
                .await
                .map_err(|e| e.at(cx.at, Some(scheme.name)))?;
            channel = Tap::at(tap, scheme.name, Role::Client, channel);
        }
        Ok(channel)
    }

    /// Gets the layers ready, then binds and listens with the ground.
    ///
    /// # Errors
    /// What a layer or the ground says.
    pub async fn listen(&self, cx: Cx<'_>) -> Result<Box<dyn GroundListener>> {
        let cx = Cx {
            net: self.via.as_ref().unwrap_or(cx.net),
            ..cx
        };
        self.prepare(self.wraps.len(), cx).await?;
        self.ground(cx)?
            .listen(cx)
            .await
            .map_err(|e| e.at(cx.at, None))
    }

    async fn prepare(&self, count: usize, cx: Cx<'_>) -> Result<()> {
        if let Some(text) = &self.unheard_user {
            cx.say(Level::Warn, text);
        }
        for (scheme, wrap) in self.wraps.iter().take(count) {
            let prepared = wrap.prepare(cx).await;
            prepared.map_err(|e| e.at(cx.at, Some(scheme.name)))?;
        }
        Ok(())
    }

    /// Runs the layers above the ground for an accepted peer, from layer `from` (0 is the lowest
    /// above the ground) up to where it asks for something, or may ask for many things. Layers
    /// above that one climb once it was answered, for each exchange anew.
    ///
    /// # Errors
    /// What the failing layer says.
    pub fn serve(
        self: Arc<Self>,
        mut channel: Channel,
        from: usize,
        at: Arc<str>,
        env: Env,
    ) -> BoxFuture<'static, Result<Served>> {
        Box::pin(async move {
            if from == 0 {
                channel = Tap::at(env.tap.as_ref(), self.ground_name(), Role::Server, channel);
            }
            for (n, (scheme, wrap)) in self.wraps.iter().enumerate().skip(from) {
                check_kind(scheme, &channel).map_err(|e| e.at(&at, None))?;
                let net = self.via.as_ref().unwrap_or(&env.net);
                let cx = Cx {
                    env: &env,
                    net,
                    at: &at,
                    origin: None,
                };
                let served = wrap.serve(channel, cx).await;
                match served.map_err(|e| e.at(&at, Some(scheme.name)))? {
                    Answer::Open(upper) => {
                        channel = Tap::at(env.tap.as_ref(), scheme.name, Role::Server, upper);
                    }
                    Answer::Asked(asked) => {
                        let rest = self.clone().rest(n + 1, at, env);
                        return Ok(Served::Asked(rest.above(asked)));
                    }
                    Answer::Session(session) => {
                        let rest = self.clone().rest(n + 1, at, env);
                        return Ok(Served::Session(Box::new(Climbing { session, rest })));
                    }
                }
            }
            Ok(Served::Asked(Asked::open(channel)))
        })
    }

    fn rest(self: Arc<Self>, from: usize, at: Arc<str>, env: Env) -> Rest {
        Rest {
            stack: self,
            from,
            at,
            env,
        }
    }
}

/// The layers that are still to be climbed once a peer was answered.
struct Rest {
    stack: Arc<Stack>,
    from: usize,
    at: Arc<str>,
    env: Env,
}

impl Rest {
    /// The same peer, with these layers above what its answer gives.
    fn above(&self, asked: Asked) -> Asked {
        let below = self.from.checked_sub(1);
        let layer = below.and_then(|below| self.stack.wraps.get(below));
        let asked = match (layer, self.env.tap.clone()) {
            (Some((scheme, _)), Some(tap)) if tap.layer == scheme.name => {
                asked.then(move |upper| async move {
                    Ok(Tap::at(Some(&tap), tap.layer, Role::Server, upper))
                })
            }
            _ => asked,
        };
        if self.from >= self.stack.wraps.len() {
            return asked;
        }
        let (stack, from) = (self.stack.clone(), self.from);
        let (at, env) = (self.at.clone(), self.env.clone());
        // A peer that may ask for many things within one of many is taken at its first.
        asked
            .then(move |upper| async move { stack.serve(upper, from, at, env).await?.open().await })
    }
}

/// A session with layers above each of its exchanges.
struct Climbing {
    session: Box<dyn Session>,
    rest: Rest,
}

impl Session for Climbing {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Asked>>> {
        let next = ready!(self.session.poll_accept(cx));
        Poll::Ready(next.map(|asked| match asked {
            Ok(asked) => Ok(self.rest.above(asked)),
            Err(error) => Err(error.at(&self.rest.at, None)),
        }))
    }

    fn drain(&mut self) {
        self.session.drain();
    }
}

impl Asked {
    /// The same peer, with more layers to climb once it was answered.
    fn then<F>(self, climb: impl FnOnce(Channel) -> F + Send + 'static) -> Asked
    where
        F: Future<Output = Result<Channel>> + Send + 'static,
    {
        let Asked { info, reply } = self;
        let reply = Box::new(move |outcome: std::result::Result<&Info, &Error>| {
            let answered = reply(outcome);
            Box::pin(async move { climb(answered.await?).await }) as BoxFuture<'static, _>
        });
        Asked { info, reply }
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.layers.iter().map(|l| l.scheme.name))
            .finish()
    }
}

/// Refuses a lower channel of the wrong kind; only schemes that give either kind come this far.
fn check_kind(upper: &Scheme, lower: &Channel) -> Result<()> {
    let wanted = match upper.stands_on {
        StandsOn::Nothing => return Ok(()),
        StandsOn::Stream { .. } => Kind::Stream,
        StandsOn::Packets { .. } => Kind::Packets,
    };
    if lower.profile.kind == wanted {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{} stands on {}, and this is {}",
        upper.name,
        wanted.in_words(),
        lower.profile.kind.in_words()
    )))
}

/// What is to be said of a user whom no layer would name to its peer.
fn unheard_user(address: &Address) -> Option<String> {
    address.authority()?.user.as_ref()?;
    if address.layers().iter().any(|layer| layer.has_users()) {
        return None;
    }
    let top = address.layers().first()?.name;
    Some(format!(
        "{top} has no users: nobody is told the user or the password"
    ))
}
