//! The server: each request of a connection is an exchange of its own.
//!
//! Here: what was asked for, and the start of a connection. `connection.rs` drives the engine, `gate.rs` is the
//! stream below it, `presence.rs` whether the client is still there, `exchange.rs` one request as a channel,
//! `answer.rs` the head of its response.

mod answer;
mod connection;
mod exchange;
mod gate;
mod presence;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use wharf_proto::application::http::Limits;

use self::gate::Times;
use super::{Version, options};
use crate::socket::channel::{Channel, Io};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Result};
use crate::socket::scheme::Parts;
use crate::socket::stack::{Answer, Wrap};

/// The layer where it listens.
pub(super) struct Server(Arc<Options>);

/// What was asked for.
#[derive(Debug)]
struct Options {
    version: Version,
    cgi: bool,
    status: Option<u16>,
    headers: HeaderMap,
    times: Times,
    limits: Limits,
    streams: u32,
}

impl Server {
    /// Checks what was typed.
    ///
    /// # Errors
    /// Kind `Usage`.
    pub(super) fn build(parts: &Parts<'_>) -> Result<Server> {
        let settings = parts.settings;
        let mut headers = options::headers(settings)?;
        if let Some(kind) = settings.text("type") {
            let value = HeaderValue::try_from(kind)
                .map_err(|_| Error::usage("type: this is no media type").hint("type=text/html"))?;
            headers.insert(CONTENT_TYPE, value);
        }
        let status = settings.integer("status");
        let cgi = settings.flag("cgi");
        if cgi && status.is_some() {
            let reason =
                "status and cgi exclude each other: with cgi the other side says the status";
            return Err(Error::usage(reason));
        }
        let usual = Limits::default();
        let head = settings.len_of("max-header-size").unwrap_or(usual.head);
        let second = Duration::from_secs(1);
        Ok(Server(Arc::new(Options {
            version: options::version(settings),
            cgi,
            status,
            headers,
            times: Times {
                head: settings.duration("header-timeout").unwrap_or(second * 10),
                keep: settings.duration("keep-timeout").unwrap_or(second * 60),
            },
            limits: Limits {
                head,
                line: usual.line.min(head),
                fields: settings.integer("max-headers").unwrap_or(usual.fields),
            },
            streams: settings.integer("max-streams").unwrap_or(100),
        })))
    }
}

impl Wrap for Server {
    fn alpn(&self) -> &[&'static str] {
        self.0.version.alpn()
    }

    fn wrap<'a>(&'a self, _lower: Channel, _cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        let error = Error::usage("this side answers requests and makes none");
        Box::pin(std::future::ready(Err(error)))
    }

    fn serve<'a>(&'a self, lower: Channel, _cx: Cx<'a>) -> BoxFuture<'a, Result<Answer>> {
        let served = match lower.io {
            Io::Stream(stream) => {
                let session = connection::start(self.0.clone(), stream, lower.info);
                Ok(Answer::Session(Box::new(session)))
            }
            Io::Packets(_) => Err(Error::usage("http stands on a stream")),
        };
        Box::pin(std::future::ready(served))
    }
}
