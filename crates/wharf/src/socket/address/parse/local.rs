//! What follows a local scheme: a path, a word, a command, or nothing.

use super::piece::Piece;
use super::{Parser, Stacked};
use crate::socket::address::{Address, Authority, Host, Locator};
use crate::socket::error::Result;
use crate::socket::scheme::{PortRule, Scheme, Shape};

impl<'t> Parser<'t> {
    /// What follows the name of a local stack; `rest` begins at its `:` or `#`, or is empty.
    pub(super) fn local_form(&self, stack: Stacked, rest: Piece<'t>) -> Result<Address> {
        let Some(ground) = stack.layers.last().copied() else {
            return Err(self.wrong(0, "a scheme is missing"));
        };
        let Shape::Command { optional } = ground.shape else {
            if rest.text.starts_with(':') {
                return self.located(stack, rest.skip(1), false);
            }
            let reason = format!("a colon is missing after {}", ground.name);
            let error = self.wrong(rest.at, reason).hint(ground.example);
            return Err(self.offer(error, rest.at..rest.at, ":"));
        };
        let (options, rest) = if rest.text.starts_with('#') {
            rest.split_before(|c| c == ':')
        } else {
            (rest.split_at(0).0, rest)
        };
        let options = self.options_after(options)?;
        if !rest.text.starts_with(':') {
            let reason = format!("a colon and a command are missing after {}", ground.name);
            let error = self.wrong(rest.at, reason).hint(ground.example);
            return Err(self.offer(error, rest.at..rest.at, ":"));
        }
        let command = rest.skip(1);
        if command.text.trim().is_empty() && !optional {
            return Err(self
                .wrong(command.at, "a command is missing")
                .hint(ground.example));
        }
        let locator = if command.text.is_empty() {
            Locator::Nothing
        } else {
            Locator::Command(command.text.to_owned())
        };
        Ok(self.build(stack, locator, options))
    }

    /// What follows the `:` of a local ground that has no owner of a URL path above it.
    pub(super) fn local_locator(
        &self,
        ground: &Scheme,
        shape: Shape,
        body: Piece<'_>,
        slashes: bool,
    ) -> Result<Locator> {
        let name = ground.name;
        let body = if slashes {
            self.without_slashes(ground, shape, body)?
        } else {
            body
        };
        match shape {
            Shape::Path => {
                let path = self.decode(body)?;
                if path.is_empty() {
                    return Err(self
                        .wrong(body.end(), format!("{name} wants a path"))
                        .hint(ground.example));
                }
                // An abstract name of a Unix socket may, and begins with @.
                if path.contains(&0) && !path.starts_with(b"@") {
                    return Err(self.wrong(body.at, "a path cannot have a NUL octet"));
                }
                Ok(Locator::Path(path))
            }
            Shape::Name { what, optional } => match self.decode_text(body, what)? {
                word if !word.is_empty() => Ok(Locator::Name(word)),
                _ if optional => Ok(Locator::Nothing),
                _ => Err(self
                    .wrong(body.end(), format!("{name} wants {what}"))
                    .hint(ground.example)),
            },
            _ if body.text.is_empty() => Ok(Locator::Nothing),
            _ => {
                let error = self.wrong(body.at, format!("nothing follows {name}: but options"));
                Err(self.offer(error, body.at..body.end(), ""))
            }
        }
    }

    /// `file:///tmp/x`, `unix:///run/x` and `unix://@name` are what other tools write.
    fn without_slashes<'p>(
        &self,
        ground: &Scheme,
        shape: Shape,
        body: Piece<'p>,
    ) -> Result<Piece<'p>> {
        let inner = body.skip(2);
        if matches!(shape, Shape::Path) && inner.text.starts_with(['/', '@']) {
            return Ok(inner);
        }
        let reason = format!("{} has no host: it is written without //", ground.name);
        let error = self.wrong(body.at, reason).hint(ground.example);
        // RFC 8089 has file://localhost/tmp/x.
        let host = match shape {
            Shape::Path if inner.text.starts_with("localhost/") => "localhost".len(),
            _ => 0,
        };
        Err(self.offer(error, body.at..inner.at + host, ""))
    }

    /// The path of a local ground stands percent-encoded in the host where a layer above owns the
    /// URL path: `http+unix://%2Frun%2Fx.sock/v1`.
    pub(super) fn path_in_host(
        &self,
        stack: &Stacked,
        ground: &Scheme,
        body: Piece<'_>,
        slashes: bool,
    ) -> Result<Locator> {
        let encode = |path: &str| path.replace('%', "%25").replace('/', "%2F");
        let wrong = |at: usize| {
            let reason = format!(
                "{} owns the path, so that of {} stands percent-encoded in place of a host",
                stack.top(),
                ground.name
            );
            self.wrong(at, reason)
        };
        if !slashes {
            let host = format!("//{}", encode(body.text));
            return Err(self.offer(wrong(body.at), body.at..body.end(), &host));
        }
        let body = body.skip(2);
        let locator = self.authority(stack, PortRule::Absent, body)?;
        if let Locator::Authority(Authority {
            host: Host::Missing,
            ..
        }) = &locator
        {
            let error = wrong(body.at);
            return Err(self.offer(error, body.at..body.end(), &encode(body.text)));
        }
        Ok(locator)
    }
}
