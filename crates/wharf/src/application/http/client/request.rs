//! What a client asks for, from its address and options, and the request that says so.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HOST, HeaderMap, HeaderValue, USER_AGENT,
};
use http::{Method, Request, Uri};
use wharf_proto::application::http::reference;

use crate::application::http::body::Outgoing;
use crate::application::http::{PRODUCT, Version, options};
use crate::socket::address::{Address, Host, Port};
use crate::socket::error::{Error, Result};
use crate::socket::resolve::port_number;
use crate::socket::scheme::Parts;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) address: Address,
    pub(super) version: Version,
    pub(super) method: Method,
    pub(super) has_body: bool,
    /// Those that were typed.
    pub(super) headers: HeaderMap,
    authorization: Option<HeaderValue>,
    /// Path, encoded, which begins with `/`.
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) redirects: u32,
    pub(super) redirected: u32,
    pub(super) compressed: bool,
    pub(super) response_timeout: Option<Duration>,
}

impl Wish {
    pub(super) fn of(parts: &Parts<'_>) -> Result<Wish> {
        let settings = parts.settings;
        let method = match settings.text("method") {
            Some(typed) => method(typed)?,
            None if settings.flag("body") => Method::POST,
            None => Method::GET,
        };
        let usual = [Method::POST, Method::PUT, Method::PATCH].contains(&method);
        let authority = parts.address.authority();
        let path = authority.and_then(|a| a.path.as_deref()).unwrap_or("/");
        let query = authority.and_then(|a| a.query.as_deref());
        let headers = options::headers(settings)?;
        Ok(Wish {
            version: options::version(settings),
            has_body: settings.switch("body").unwrap_or(usual),
            authorization: authorization(parts, &headers)?,
            headers,
            path: reference::encoded(path),
            query: query.map(reference::encoded),
            redirects: settings.integer("redirects").unwrap_or_default(),
            redirected: settings.integer(options::FOLLOWED).unwrap_or_default(),
            compressed: settings.flag("compressed"),
            response_timeout: settings
                .duration("response-timeout")
                .filter(|limit| !limit.is_zero()),
            address: parts.address.clone(),
            method,
        })
    }

    /// Path and query.
    pub(super) fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// Whether the address names a host on a network, rather than a path of this machine.
    pub(super) fn is_networked(&self) -> bool {
        self.address
            .ground()
            .is_some_and(|ground| !ground.is_local())
    }

    /// The host and, unless it is the usual one, the port: as the server is told.
    pub(super) fn host(&self, secure: bool) -> String {
        let Some((host, port)) = self.address.host_port().filter(|_| self.is_networked()) else {
            // A path of this machine says nothing to a server.
            return "localhost".into();
        };
        let host = match host {
            // A zone is ours, and nothing to the server (RFC 6874, section 4).
            Host::V6(address, Some(_)) => format!("[{address}]"),
            Host::Name(name) => name.to_ascii_lowercase(),
            host => host.to_string(),
        };
        let usual = if secure { "443" } else { "80" };
        // A service name is ours too.
        let number = |port: &Port| match port_number(Some(port), "tcp") {
            Ok(number) => number.to_string(),
            Err(_) => port.to_string(),
        };
        match port.map(number).filter(|port| port != usual) {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// The request with its body.
    ///
    /// # Errors
    /// Kind `Usage`: the host cannot stand in a request.
    pub(super) fn request(
        &self,
        two: bool,
        secure: bool,
        body: Outgoing,
    ) -> Result<Request<Outgoing>> {
        let host = self.host(secure);
        let target = self.target();
        let scheme = if secure { "https" } else { "http" };
        let uri = match two {
            true => format!("{scheme}://{host}{target}"),
            false => target,
        };
        let unfit = |_| Error::usage("this host or path cannot be asked for in HTTP");
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = Uri::try_from(uri).map_err(unfit)?;
        if two {
            *request.version_mut() = http::Version::HTTP_2;
        }
        let headers = request.headers_mut();
        if !two && !self.headers.contains_key(HOST) {
            let host = HeaderValue::try_from(host)
                .map_err(|_| Error::usage("this host cannot be asked for in HTTP"))?;
            headers.insert(HOST, host);
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        if self.compressed {
            headers.insert(
                ACCEPT_ENCODING,
                HeaderValue::from_static("gzip, br, deflate"),
            );
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        for name in self.headers.keys() {
            headers.remove(name);
        }
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        Ok(request)
    }
}

/// Methods are case-sensitive (RFC 9110, section 9.1), and people are not.
fn method(typed: &str) -> Result<Method> {
    let upper = typed.to_ascii_uppercase();
    let known = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH",
    ];
    let method = if known.contains(&upper.as_str()) {
        &upper
    } else {
        typed
    };
    if upper == "CONNECT" {
        return Err(Error::usage(
            "method=CONNECT makes a tunnel, and this is a request",
        ));
    }
    Method::try_from(method.as_bytes())
        .map_err(|_| Error::usage(format!("method={typed}: this is no method")).hint("method=PUT"))
}

/// Who we say that we are: RFC 7617 (user and password), RFC 6750 (a token).
fn authorization(parts: &Parts<'_>, headers: &HeaderMap) -> Result<Option<HeaderValue>> {
    let authority = parts.address.authority();
    let user = authority.and_then(|a| a.user.as_deref().map(|user| (user, &a.password)));
    let text = match (user, parts.settings.secret("bearer")) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(Error::usage(
                "a user and bearer exclude each other: both say who we are",
            ));
        }
        (Some((user, _)), None) if user.contains(':') => {
            return Err(Error::usage("a user has no colon in HTTP"));
        }
        (Some((user, password)), None) => {
            let password = password.as_ref().map_or("", |password| password.expose());
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        }
        (None, Some(token)) => format!("Bearer {}", token.expose()),
    };
    if headers.contains_key(AUTHORIZATION) {
        let reason = "header=[Authorization: ...] and a user or bearer exclude each other";
        return Err(Error::usage(reason));
    }
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| Error::usage("bearer: this is no token that HTTP can carry"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}
