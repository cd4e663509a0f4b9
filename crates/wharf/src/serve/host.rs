//! Whom a request is for, and who sends it: the checks that a browser makes necessary.
//!
//! A page of a stranger can have a browser ask any address. By a name that is made to lead here (DNS
//! rebinding) it could read what is served: so `Host` must be a name of ours. By sending without reading
//! (CSRF) it could change something: so what changes must come from our own page, or from no browser.
//! Sources: RFC 9110, section 7.2 (Host); Fetch, section 3.2 (Origin); Fetch Metadata (Sec-Fetch-Site).

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri, Version, header};

use crate::socket::error::{Error, Result};
use crate::socket::info::SocketName;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Names under which a server is asked for, beside its addresses.
#[derive(Debug)]
pub(super) struct Hosts {
    names: Vec<String>,
    any: bool,
}

/// Why a request is turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// `Host` is missing or cannot be read.
    NoHost,
    /// `Host` is none of ours.
    Stranger(String),
    /// Another site's page sent it.
    OtherSite,
}

impl Hosts {
    /// Takes names without a port; `*` is any.
    ///
    /// # Errors
    /// Kind `Usage`: one of them cannot be a host.
    pub(super) fn parse(names: &[String]) -> Result<Hosts> {
        let mut hosts = Hosts {
            names: Vec::new(),
            any: false,
        };
        for name in names {
            if name == "*" {
                hosts.any = true;
                continue;
            }
            let authority = name.parse::<Authority>().ok();
            match authority.filter(|a| a.port().is_none() && !name.contains('@')) {
                Some(authority) => hosts.names.push(plain(authority.host())),
                None => {
                    let text = format!("{name:?} is no name of a host");
                    return Err(Error::usage(text).hint("a name without a port, or * for any"));
                }
            }
        }
        Ok(hosts)
    }

    /// Checks whom a request is for. `local` is the address that was reached.
    pub(super) fn check(
        &self,
        host: Option<&str>,
        version: Version,
        local: Option<&SocketName>,
    ) -> std::result::Result<(), Wrong> {
        let Some(host) = host else {
            // No browser is that old.
            return match version {
                Version::HTTP_10 => Ok(()),
                _ => Err(Wrong::NoHost),
            };
        };
        let authority = host.parse::<Authority>().map_err(|_| Wrong::NoHost)?;
        let has_port = authority.as_str() != authority.host();
        if host.contains('@') || has_port && authority.port_u16().is_none() {
            return Err(Wrong::NoHost);
        }
        let name = plain(authority.host());
        match self.any || self.names.contains(&name) || is_here(&name, local) {
            true => Ok(()),
            false => Err(Wrong::Stranger(name)),
        }
    }
}

/// The host that a request names, port included: in its target, else in `Host`.
pub(super) fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let named = uri.authority().map(Authority::as_str);
    named.or_else(|| headers.get(header::HOST)?.to_str().ok())
}

/// Checks who sends a request that changes something to `host`.
pub(super) fn check_origin(
    headers: &HeaderMap,
    host: Option<&str>,
) -> std::result::Result<(), Wrong> {
    let site = headers.get(SEC_FETCH_SITE).map(|site| site.as_bytes());
    if site.is_some_and(|site| !matches!(site, b"same-origin" | b"none")) {
        return Err(Wrong::OtherSite);
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        // Browsers send it with everything that changes something.
        return Ok(());
    };
    // The scheme may be that of a proxy before us; the host may not.
    let origin = origin.to_str().ok();
    let from = origin.and_then(|origin| origin.split_once("://"));
    let is_ours = from.zip(host).is_some_and(|((scheme, from), host)| {
        matches!(scheme, "http" | "https") && from.eq_ignore_ascii_case(host)
    });
    match is_ours {
        true => Ok(()),
        false => Err(Wrong::OtherSite),
    }
}

/// Small letters, without the dot that a full name may end with and the brackets of IPv6.
fn plain(host: &str) -> String {
    let host = host
        .strip_prefix('[')
        .map_or(host, |host| host.trim_end_matches(']'));
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Whether a host is this machine, as who reached `local` may call it.
fn is_here(name: &str, local: Option<&SocketName>) -> bool {
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    let local = match local {
        Some(SocketName::Ip(local)) => local.ip().to_canonical(),
        // No browser reaches a socket of another kind; a proxy before us has its own names.
        _ => return true,
    };
    let address = name.parse::<IpAddr>().map(|address| address.to_canonical());
    address.is_ok_and(|address| address.is_loopback() || address == local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &[&str], host: &str, local: &str) -> std::result::Result<(), Wrong> {
        let names: Vec<String> = hosts.iter().map(|name| (*name).to_owned()).collect();
        let local = SocketName::Ip(local.parse().unwrap());
        Hosts::parse(&names)
            .unwrap()
            .check(Some(host), Version::HTTP_11, Some(&local))
    }

    #[test]
    fn loopback_and_the_address_that_was_reached_are_ours() {
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "localhost.",
            "a.localhost",
            "127.0.0.1:8000",
            "127.1.2.3",
            "[::1]:8000",
            "[::ffff:127.0.0.1]",
            "192.0.2.7:8000",
        ] {
            assert_eq!(check(&[], host, "192.0.2.7:8000"), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_name_that_was_made_to_lead_here_is_not() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "192.0.2.8",
            "127.0.0.1.nip.io",
            "xlocalhost",
        ] {
            let wrong = check(&["box.lan"], host, "192.0.2.7:8000");
            assert_eq!(wrong, Err(Wrong::Stranger(host.into())), "{host}");
        }
        for host in ["", "a b", "user@localhost", "localhost:x", "[::1"] {
            let wrong = check(&[], host, "192.0.2.7:8000");
            assert!(wrong.is_err(), "{host}");
        }
        assert_eq!(check(&["box.lan"], "BOX.lan:80", "192.0.2.7:8000"), Ok(()));
        assert_eq!(check(&["*"], "anything", "192.0.2.7:8000"), Ok(()));
        assert!(Hosts::parse(&["a:80".into()]).is_err());
        let hosts = Hosts::parse(&[]).unwrap();
        assert_eq!(
            hosts.check(None, Version::HTTP_11, None),
            Err(Wrong::NoHost)
        );
        assert_eq!(hosts.check(None, Version::HTTP_10, None), Ok(()));
    }

    #[test]
    fn what_changes_comes_from_our_page_or_from_no_browser() {
        let check = |fields: &[(&'static str, &'static str)]| {
            let pairs = fields
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            check_origin(&pairs.collect(), Some("localhost:8000"))
        };
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&[("origin", "http://localhost:8000")]), Ok(()));
        assert_eq!(check(&[("origin", "https://LOCALHOST:8000")]), Ok(()));
        assert_eq!(check(&[("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(check(&[("sec-fetch-site", "none")]), Ok(()));
        for origin in [
            "null",
            "",
            "http://localhost",
            "http://localhost:8001",
            "http://evil.example",
            "file://localhost:8000",
            "http://localhost:8000.evil.example",
        ] {
            assert_eq!(
                check(&[("origin", origin)]),
                Err(Wrong::OtherSite),
                "{origin}"
            );
        }
        for site in ["cross-site", "same-site", ""] {
            let wrong = check(&[
                ("sec-fetch-site", site),
                ("origin", "http://localhost:8000"),
            ]);
            assert_eq!(wrong, Err(Wrong::OtherSite), "{site}");
        }
    }
}
