//! The scheme: names joined by `+` into layers, top first, down to a ground.

use super::piece::Piece;
use super::{Parser, Role, Stacked};
use crate::socket::channel::Kind;
use crate::socket::error::{Error, Result};
use crate::socket::scheme::{Scheme, StandsOn};
use crate::socket::units::nearest;

impl Parser<'_> {
    /// Whether every layer of `word` is known and the stack that it names has a local ground.
    pub(super) fn names_local(&self, word: &str) -> bool {
        let word = word.to_ascii_lowercase();
        let word = word.strip_suffix("-listen").unwrap_or(&word);
        let mut ground = None;
        for name in word.split('+') {
            match self.catalog.scheme(name) {
                Some(scheme) => ground = Some(scheme),
                None => return false,
            }
        }
        ground.is_some_and(Scheme::is_local)
    }

    /// Reads `ws+tls+tcp-listen` into layers, adding the ones that are implied.
    pub(super) fn stack(&self, word: Piece<'_>) -> Result<Stacked> {
        let lower = word.text.to_ascii_lowercase();
        let (names, role) = match lower.strip_suffix("-listen") {
            Some(names) => (names, Role::Server),
            None => (lower.as_str(), Role::Client),
        };
        let mut scheme: Vec<&str> = Vec::new();
        let mut layers: Vec<&'static Scheme> = Vec::new();
        let mut places = Vec::new();
        let mut at = word.at;
        for name in names.split('+') {
            if let Some(shorthand) = self.catalog.shorthand(name) {
                scheme.push(shorthand.name);
                let named = shorthand.stack.iter();
                layers.extend(named.filter_map(|name| self.catalog.scheme(name)));
            } else if let Some(known) = self.catalog.scheme(name) {
                scheme.push(known.name);
                layers.push(known);
            } else {
                return Err(self.no_such_layer(word, name, at));
            }
            places.resize(layers.len(), at);
            at += name.len() + 1;
        }
        let typed = layers.len();
        while let Some(last) = layers.last() {
            let usual = match last.stands_on {
                StandsOn::Nothing => break,
                StandsOn::Stream { usual } | StandsOn::Packets { usual } => usual,
            };
            match self.catalog.scheme(usual) {
                Some(scheme) => layers.push(scheme),
                None => return Err(self.wrong(word.at, format!("{usual} is not built in"))),
            }
        }
        places.resize(layers.len(), at.saturating_sub(1));
        let stack = Stacked {
            scheme: scheme.join("+"),
            layers,
            places,
            typed,
            role,
        };
        self.check_joints(&stack, word)?;
        self.check_roles(&stack)?;
        Ok(stack)
    }

    /// Whether each layer can stand on the next.
    fn check_joints(&self, stack: &Stacked, word: Piece<'_>) -> Result<()> {
        let pairs = stack.layers.iter().zip(stack.layers.iter().skip(1));
        for ((upper, lower), at) in pairs.zip(&stack.places) {
            let (wants, usual) = match upper.stands_on {
                StandsOn::Nothing => {
                    let error = self
                        .wrong(*at, format!("nothing stands below {}", upper.name))
                        .hint("name the top layer first, and what is opened last");
                    let others = stack.layers.iter().take(stack.typed);
                    let mut names: Vec<&str> = others.map(|layer| layer.name).collect();
                    names.retain(|name| *name != upper.name);
                    names.push(upper.name);
                    return Err(self.offer_scheme(error, word, &names.join("+")));
                }
                StandsOn::Stream { usual } => (Kind::Stream, usual),
                StandsOn::Packets { usual } => (Kind::Packets, usual),
            };
            if lower.gives == wants || lower.gives == Kind::Either {
                continue;
            }
            let reason = format!(
                "{} stands on {}, and {} gives {}",
                upper.name,
                wants.in_words(),
                lower.name,
                lower.gives.in_words(),
            );
            let error = self.wrong(*at, reason);
            let names = stack
                .layers
                .iter()
                .take(stack.typed)
                .map(|layer| layer.name);
            let other = if wants == Kind::Packets {
                // A framing layer between them gives packets.
                let mut names: Vec<&str> = names.collect();
                let below = names.iter().position(|name| *name == lower.name);
                names.insert(below.unwrap_or(names.len()), "len16");
                names.join("+")
            } else {
                let all = names.map(|name| if name == lower.name { usual } else { name });
                all.collect::<Vec<_>>().join("+")
            };
            return Err(self.offer_scheme(error, word, &other));
        }
        Ok(())
    }

    /// Whether each layer knows the role.
    fn check_roles(&self, stack: &Stacked) -> Result<()> {
        for (layer, at) in stack.layers.iter().zip(&stack.places) {
            if layer.roles.has(stack.role) {
                continue;
            }
            return Err(match stack.role {
                Role::Server => self
                    .wrong(*at, format!("{} cannot listen", layer.name))
                    .hint(format!(
                        "wharf :PORT {}, which opens it for each peer that comes",
                        layer.example
                    )),
                Role::Client => {
                    let error = self.wrong(*at, format!("{} only listens", layer.name));
                    let end = *at + layer.name.len();
                    self.offer(error.hint(layer.example), end..end, "-listen")
                }
            });
        }
        Ok(())
    }

    /// Adds the address with another scheme as a hint, if it can be understood.
    fn offer_scheme(&self, error: Error, word: Piece<'_>, scheme: &str) -> Error {
        let listens = word.text.to_ascii_lowercase().ends_with("-listen");
        let listen = if listens { "-listen" } else { "" };
        self.offer(error, word.at..word.end(), &format!("{scheme}{listen}"))
    }

    fn no_such_layer(&self, word: Piece<'_>, name: &str, at: usize) -> Error {
        if let Some(stem) = name.strip_suffix("-listen")
            && self.names_something(stem)
        {
            let error = self
                .wrong(
                    at + stem.len(),
                    "-listen stands at the end of the whole scheme",
                )
                .hint("TOP+...+GROUND-listen://, once");
            let all = word.text.to_ascii_lowercase().replace("-listen", "");
            return self.offer(error, word.at..word.end(), &format!("{all}-listen"));
        }
        if name.is_empty() {
            let error = self.wrong(at, "the name of a layer is missing");
            let named: Vec<&str> = word.text.split('+').filter(|n| !n.is_empty()).collect();
            return self.offer(error, word.at..word.end(), &named.join("+"));
        }
        let error = self
            .wrong(at, format!("there is no scheme {name:?}"))
            .hint("wharf endpoints, which lists all schemes");
        if let Some(text) = self.instead_of_socat() {
            return error.hint(text);
        }
        match nearest(name, self.catalog.names()) {
            Some(near) => self.offer(error, at..at + name.len(), near),
            None => error,
        }
    }

    /// Whether it is the name of a scheme or of a whole stack.
    pub(super) fn names_something(&self, name: &str) -> bool {
        self.catalog.scheme(name).is_some() || self.catalog.shorthand(name).is_some()
    }
}
