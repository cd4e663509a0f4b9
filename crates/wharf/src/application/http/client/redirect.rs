//! Where a response leads, as the address that is opened next.
//!
//! Source: RFC 9110, section 15.4. The address says all that the next request needs, so that whoever
//! opens endpoints can follow it. To another host, port or scheme goes nothing that says who we are,
//! and nothing that was said about the first host alone.

use http::header::LOCATION;
use http::{Method, StatusCode, response};
use wharf_proto::application::http::reference::{self, Target};

use super::request::Wish;
use crate::application::http::facts;
use crate::application::http::options::{FOLLOWED, HARMLESS};
use crate::socket::address::{Address, Authority};
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::options::{Given, GivenValue};

/// Options that say who we are, or are about one host: of `http` and of the layers below.
const OF_ONE_HOST: [&str; 6] = ["bearer", "sni", "name", "pin", "cert", "key"];

impl Wish {
    /// Why the response is not the one that was wanted, and where that is; `None` if it is.
    ///
    /// # Errors
    /// It leads too far, nowhere, or where the body would have to be sent again.
    pub(super) fn redirect(&self, secure: bool, head: &response::Parts) -> Result<Option<Error>> {
        let location = head.headers.get(LOCATION).map(facts::text);
        let Some(location) = location.filter(|_| self.redirects > 0 && leads(head.status)) else {
            return Ok(None);
        };
        let status = said(head.status);
        let target = reference::resolve(&self.path, self.query.as_deref(), &location);
        let next = self.next(secure, &target, head.status).map_err(|error| {
            let reason = format!("{status} leads to {location:?}, which cannot be followed");
            Error::new(Op::Recv, Kind::Protocol, reason).because(error)
        })?;
        let shown = self.shown(&next);
        if self.redirected >= self.redirects {
            let reason = format!(
                "{status} leads on to {shown}, after {} redirects",
                self.redirected
            );
            let more = self.redirects.saturating_mul(2).min(50);
            return Err(Error::new(Op::Recv, Kind::Status, reason)
                .hint(format!("redirects={more} follows more of them")));
        }
        if self.has_body {
            let reason = match self.method_then(head.status) == self.method {
                true => format!("{status} leads to {shown}, and the body cannot be sent again"),
                false => format!("the body was taken, and {status} leads to {shown}"),
            };
            return Err(Error::new(Op::Recv, Kind::Status, reason).hint(shown));
        }
        let reason = format!("{status} leads to {shown}");
        Ok(Some(
            Error::new(Op::Recv, Kind::Status, reason).leads_to(next),
        ))
    }

    /// The address as a person would type it: without our own counting, which is the last option.
    fn shown(&self, next: &Address) -> String {
        let text = next.to_string();
        let counted = format!("http.{FOLLOWED}={}", self.redirected + 1);
        match text.strip_suffix(&counted) {
            Some(rest) => rest.trim_end_matches(['#', ',']).to_owned(),
            None => text,
        }
    }

    /// The method of the request that follows.
    fn method_then(&self, status: StatusCode) -> Method {
        match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if self.method == Method::POST => {
                Method::GET
            }
            StatusCode::SEE_OTHER if self.method != Method::HEAD => Method::GET,
            _ => self.method.clone(),
        }
    }

    fn next(&self, secure: bool, target: &Target, status: StatusCode) -> Result<Address> {
        let scheme = if secure { "https" } else { "http" };
        let new_scheme = target.scheme.as_deref().unwrap_or(scheme);
        if !matches!(new_scheme, "http" | "https") {
            return Err(Error::usage(format!("{new_scheme} is not HTTP")));
        }
        let host = target.authority.as_deref().map(without_user);
        let host = host.map(|host| usual(host, new_scheme));
        let is_same =
            new_scheme == scheme && host.as_ref().is_none_or(|host| *host == self.host(secure));
        let mut authority = match &host {
            Some(host) if !is_same => {
                if !self.is_networked() {
                    return Err(Error::usage(
                        "it is another host, and this is a path of this machine",
                    ));
                }
                // Read as what a user types: a peer may say anything.
                let other = format!("{new_scheme}://{host}/");
                let other = Address::parse(&other, self.address.catalog())?;
                other.authority().cloned().unwrap_or_default()
            }
            _ => self.address.authority().cloned().unwrap_or_default(),
        };
        if !is_same {
            authority.user = None;
            authority.password = None;
        }
        let authority = Authority {
            path: Some(target.path.clone()),
            query: target.query.clone(),
            ..authority
        };
        let new_scheme = (new_scheme != scheme).then_some(new_scheme);
        let options = self.options_then(is_same, self.method_then(status));
        self.address.moved(new_scheme, authority, options)
    }

    /// The options of the request that follows.
    fn options_then(&self, is_same: bool, method: Method) -> Vec<Given> {
        let mut dropped = vec!["header", FOLLOWED];
        if method != self.method {
            dropped.extend(["method", "body"]);
        }
        if !is_same {
            dropped.extend(OF_ONE_HOST);
        }
        let given = self.address.options().iter();
        let mut options: Vec<Given> = given
            .filter(|given| !dropped.contains(&given.name.as_str()))
            .cloned()
            .collect();
        for (name, value) in &self.headers {
            if is_same || HARMLESS.contains(&name.as_str()) {
                options.push(option("header", format!("{name}: {}", facts::text(value))));
            }
        }
        options.push(option(FOLLOWED, (self.redirected + 1).to_string()));
        options
    }
}

fn option(name: &str, value: String) -> Given {
    Given {
        layer: Some(("http".into(), None)),
        name: name.into(),
        value: Some(GivenValue::Plain(value)),
        offset: 0,
        value_at: 0,
    }
}

/// Whether a response of that status with a `Location` leads elsewhere.
fn leads(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// A status in words: `404 Not Found`.
pub(super) fn said(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// `host:port` without who is to be said to be there.
fn without_user(authority: &str) -> &str {
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

/// `host:port` in lower case, without the port that the scheme implies.
fn usual(host: &str, scheme: &str) -> String {
    let host = host.to_ascii_lowercase();
    let port = if scheme == "https" { ":443" } else { ":80" };
    host.strip_suffix(port)
        .or_else(|| host.strip_suffix(':'))
        .unwrap_or(&host)
        .to_owned()
}
