//! What users hold: an [`Endpoint`], checked and ready to be opened or listened with.
//!
//! Not here: which schemes there are (`catalog.rs` makes [`Endpoint::parse`] from its list), variables
//! (`template/`), opening again (`retry.rs`).

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::address::{Address, Role};
use super::channel::{Channel, Kind};
use super::env::{Cx, Env};
use super::error::{Error, Result};
use super::info::Info;
use super::listener::Listener;
use super::log::Message;
use super::scheme::{Catalog, Listeners, Reopen};
use super::session::Served;
use super::stack::{Layer, Stack};
use super::template::Template;

/// An address that was checked and whose layers were built. Cheap to clone.
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

struct Inner {
    address: Address,
    text: Arc<str>,
    stack: Arc<Stack>,
    template: Option<Template>,
}

impl Endpoint {
    /// Reads and checks an address; opens nothing. `{variables}` of [`Info::VARIABLES`] outside of
    /// commands are filled in from the other side when the endpoint is opened.
    ///
    /// # Errors
    /// Kind `Usage`.
    pub fn parse_with(text: &str, catalog: &Catalog) -> Result<Endpoint> {
        let Some((template, address)) = Template::parse(text, catalog)? else {
            return Endpoint::build(Address::parse(text, catalog)?);
        };
        let stack = Stack::build(&address)?;
        Ok(Endpoint(Arc::new(Inner {
            address,
            text: template.shown().into(),
            stack: Arc::new(stack),
            template: Some(template),
        })))
    }

    /// Checks an address; opens nothing.
    ///
    /// # Errors
    /// Kind `Usage`.
    pub fn build(address: Address) -> Result<Endpoint> {
        let stack = Stack::build(&address)?;
        let text = Arc::from(address.to_string());
        Ok(Endpoint::of(address, stack, text))
    }

    fn of(address: Address, stack: Stack, text: Arc<str>) -> Endpoint {
        Endpoint(Arc::new(Inner {
            address,
            text,
            stack: Arc::new(stack),
            template: None,
        }))
    }

    /// The same endpoint at another port: for further listeners on a port that the kernel chose. What
    /// its layers have got ready is shared.
    ///
    /// # Errors
    /// Kind `Usage`.
    pub fn with_port(&self, port: u16) -> Result<Endpoint> {
        let address = self.address().clone().at_port(port);
        let stack = Stack::build(&address)?.sharing(&self.0.stack);
        // Messages speak of what was typed, whichever listener they come from.
        Ok(Endpoint::of(address, stack, self.0.text.clone()))
    }

    /// The same endpoint with one option more for its top layer, octet for octet: for what a caller asks of
    /// a layer by its facts. Messages speak of what was typed.
    ///
    /// # Errors
    /// Kind `Usage` if the layer has no such option, has it already, or does not take the value.
    pub fn with_option(&self, name: &str, value: &str) -> Result<Endpoint> {
        let address = self.address().clone().with_option(name, value);
        let stack = Stack::build(&address)?;
        Ok(Endpoint::of(address, stack, self.0.text.clone()))
    }

    /// The address. That of a template has sample values in it.
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// The address as it is shown: secrets masked, variables unfilled.
    pub fn address_text(&self) -> &str {
        &self.0.text
    }

    /// The layers, top first, with their settings.
    pub fn layers(&self) -> &[Layer] {
        self.0.stack.layers()
    }

    /// The stack.
    pub fn stack(&self) -> &Stack {
        &self.0.stack
    }

    /// Whether it listens.
    pub fn is_listener(&self) -> bool {
        self.0.address.role() == Role::Server
    }

    /// Whether it needs the other side to be known first.
    pub fn is_template(&self) -> bool {
        self.0.template.is_some()
    }

    /// Whether it can be opened more than once.
    pub fn reopen(&self) -> Reopen {
        let once = self
            .layers()
            .iter()
            .any(|l| l.scheme.reopen == Reopen::Once);
        if once { Reopen::Once } else { Reopen::Many }
    }

    /// Whether each worker may have a listener of its own.
    pub fn listeners(&self) -> Listeners {
        self.layers()
            .last()
            .map_or(Listeners::One, |l| l.scheme.listeners)
    }

    /// What its channels are, as far as it is known before opening.
    pub fn kind(&self) -> Kind {
        self.layers()
            .first()
            .map_or(Kind::Either, |l| l.scheme.gives)
    }

    /// Opens it. `origin` is what is known of the other side; templates need it.
    ///
    /// # Errors
    /// What the failing layer says, after as many retries as the address asks for. Kind `Usage` if it
    /// listens.
    ///
    /// *Cancel safety*: dropping the future gives up; what was open is closed.
    pub fn connect<'a>(
        &'a self,
        env: &'a Env,
        origin: Option<&'a Info>,
    ) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(async move {
            if self.is_listener() {
                return Err(self.wrong_role("this side listens, and is not opened"));
            }
            let Some(template) = &self.0.template else {
                return self.open(env, origin).await;
            };
            let at = |error: Error| error.at(self.address_text(), None);
            let filled = template.address(origin).map_err(at)?;
            let endpoint = Endpoint::build(filled).map_err(at)?;
            endpoint.open(env, origin).await
        })
    }

    /// Binds and listens, and says so to the log.
    ///
    /// # Errors
    /// The address is taken, not ours, or needs a privilege. Kind `Usage` if it does not listen.
    pub async fn listen(&self, env: &Env) -> Result<Listener> {
        if !self.is_listener() {
            return Err(self.wrong_role("this side is opened, and does not listen"));
        }
        let cx = Cx {
            env,
            net: &env.net,
            at: self.address_text(),
            origin: None,
        };
        let ground = self.0.stack.listen(cx).await?;
        let listener = Listener {
            ground,
            endpoint: self.clone(),
            env: env.clone(),
        };
        env.log.message(&Message::Listening {
            at: self.address_text(),
            local: &listener.local(),
            exposed: listener.exposed(),
        });
        Ok(listener)
    }

    fn wrong_role(&self, reason: &str) -> Error {
        Error::usage(reason)
            .at(self, None)
            .hint("SCHEME-listen is the side that listens")
    }

    pub(super) async fn serve(&self, lower: Channel, env: Env) -> Result<Served> {
        self.0
            .stack
            .clone()
            .serve(lower, 0, self.0.text.clone(), env)
            .await
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.0.text)
    }
}
