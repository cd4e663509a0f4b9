//! The scheme: names joined by `+` into layers, top first, down to a ground.

use super::piece::Piece;
use super::{Parser, Role};
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
    pub(super) fn stack(&self, word: Piece<'_>) -> Result<(Vec<&'static Scheme>, usize, Role)> {
        let lower = word.text.to_ascii_lowercase();
        let (names, role) = match lower.strip_suffix("-listen") {
            Some(names) => (names, Role::Server),
            None => (lower.as_str(), Role::Client),
        };
        let mut layers: Vec<&'static Scheme> = Vec::new();
        let mut at = word.at;
        for name in names.split('+') {
            if let Some(shorthand) = self.catalog.shorthand(name) {
                layers.extend(
                    shorthand
                        .stack
                        .iter()
                        .filter_map(|n| self.catalog.scheme(n)),
                );
            } else if let Some(scheme) = self.catalog.scheme(name) {
                layers.push(scheme);
            } else {
                return Err(self.unknown_scheme(name, at));
            }
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
        for (upper, lower) in layers.iter().zip(layers.iter().skip(1)) {
            self.fits(upper, lower, word.at)?;
        }
        for scheme in &layers {
            if !scheme.roles.has(role) {
                let verb = if role == Role::Server {
                    "listen"
                } else {
                    "be opened"
                };
                let mut error = self.wrong(word.at, format!("{} cannot {verb}", scheme.name));
                if role == Role::Server {
                    error = error.hint(format!(
                        "a side that listens and runs it for each peer: wharf :PORT {}",
                        scheme.example
                    ));
                }
                return Err(error);
            }
        }
        Ok((layers, typed, role))
    }

    pub(super) fn fits(&self, upper: &Scheme, lower: &Scheme, at: usize) -> Result<()> {
        let wants = match upper.stands_on {
            StandsOn::Nothing => {
                return Err(self
                    .wrong(
                        at,
                        format!("{} opens by itself and stands on nothing", upper.name),
                    )
                    .hint(format!("put it last: {}+{}", lower.name, upper.name)));
            }
            StandsOn::Stream { .. } => Kind::Stream,
            StandsOn::Packets { .. } => Kind::Packets,
        };
        if lower.gives != wants && lower.gives != Kind::Either {
            let mut error = self.wrong(
                at,
                format!(
                    "{} stands on {}, and {} gives {}",
                    upper.name,
                    if wants == Kind::Stream {
                        "a stream"
                    } else {
                        "packets"
                    },
                    lower.name,
                    lower.gives.name()
                ),
            );
            if wants == Kind::Packets {
                error = error.hint(format!(
                    "a framing layer between them: {}+len16+{}",
                    upper.name, lower.name
                ));
            }
            return Err(error);
        }
        Ok(())
    }

    pub(super) fn unknown_scheme(&self, name: &str, at: usize) -> Error {
        if let Some(stem) = name.strip_suffix("-listen") {
            return self
                .wrong(at, "-listen stands once, at the end of the whole scheme")
                .hint(format!("move it there: {stem}+...-listen"));
        }
        let error = self.wrong(at, format!("there is no scheme {name:?}"));
        let names = self.catalog.names();
        match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean {near}? (wharf endpoints lists all)")),
            None => error.hint("wharf endpoints lists all"),
        }
    }
}
