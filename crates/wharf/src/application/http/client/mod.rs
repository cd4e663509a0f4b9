//! The client: one request, and its response.
//!
//! A request without a body is made when the endpoint is opened, so that status, size and header
//! fields are known then, and redirects are followed. One with a body is open at once, and its response
//! is waited for by reading. `request.rs` makes the request, `response.rs` is the channel, `redirect.rs`
//! says where a response leads, `decode.rs` takes a body's compression off.

mod carrier;
mod decode;
mod redirect;
mod request;
mod response;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Response;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use tokio::task::JoinHandle;

use self::carrier::Carrier;
use self::request::Wish;
use self::response::Below;
use super::Version;
use super::body::{self, Outgoing};
use super::reader::Trouble;
use crate::socket::channel::{Channel, Io};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::scheme::Parts;
use crate::socket::stack::Wrap;
use crate::socket::units::format_duration;

/// The layer where it opens.
pub(super) struct Client(Arc<Wish>);

/// A response on its way.
type Responding = BoxFuture<'static, Result<Response<Incoming>>>;

impl Client {
    /// Checks what was typed. Errors of kind `Usage`.
    pub(super) fn build(parts: &Parts<'_>) -> Result<Client> {
        Ok(Client(Arc::new(Wish::of(parts)?)))
    }

    async fn open(&self, lower: Channel, cx: Cx<'_>) -> Result<Channel> {
        let Io::Stream(stream) = lower.io else {
            return Err(Error::usage("http stands on a stream"));
        };
        let wish = &self.0;
        let secure = lower.info.tls.is_some();
        let agreed = lower.info.tls.as_ref().and_then(|tls| tls.alpn.as_deref());
        let two = match wish.version {
            Version::Auto => agreed == Some("h2"),
            Version::One => false,
            Version::Two if secure && agreed != Some("h2") => {
                let reason = "the server does not agree on HTTP/2";
                return Err(Error::new(Op::Handshake, Kind::Protocol, reason)
                    .hint("version=auto takes HTTP/1.1 too"));
            }
            Version::Two => true,
        };
        // Whose size is known is told to the server.
        let size = cx.origin.and_then(|origin| origin.size);
        let (writer, body) = match wish.has_body {
            true => {
                let (writer, body) = body::pair(size);
                (Some(writer), body)
            }
            false => (None, Outgoing::whole("")),
        };
        let request = wish.request(two, secure, body)?;
        let trouble = Trouble::default();
        let deaf = Arc::default();
        let carrier = Carrier::new(stream, trouble.clone(), Arc::clone(&deaf));
        let (responding, driver) = send(two, carrier, request, trouble.clone()).await?;
        let exchange = response::Exchange::new(
            wish.clone(),
            secure,
            responding,
            writer,
            driver,
            Below { trouble, deaf },
            cx,
        );
        exchange.open(lower.info).await
    }
}

impl Wrap for Client {
    fn alpn(&self) -> &[&'static str] {
        self.0.version.alpn()
    }

    fn wrap<'a>(&'a self, lower: Channel, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(self.open(lower, cx))
    }
}

/// Starts the engine and gives it the request.
async fn send(
    two: bool,
    carrier: Carrier,
    request: http::Request<Outgoing>,
    trouble: Trouble,
) -> Result<(Responding, Driver)> {
    let failed = |error: hyper::Error| trouble.explain(Op::Handshake, &error);
    if two {
        let shaking = http2::Builder::new(Tasks)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .handshake(carrier);
        let (mut sender, connection) = shaking.await.map_err(failed)?;
        let driver = Driver(Some(tokio::spawn(async move {
            // Its errors reach the exchange.
            let _ = connection.await;
        })));
        sender.ready().await.map_err(failed)?;
        return Ok((responding(sender.send_request(request), trouble), driver));
    }
    let shaking = http1::Builder::new().handshake(carrier);
    let (mut sender, connection) = shaking.await.map_err(failed)?;
    let driver = Driver(Some(tokio::spawn(async move {
        let _ = connection.await;
    })));
    Ok((responding(sender.send_request(request), trouble), driver))
}

/// A response of the engine's. The request is on its way already, whether this is polled or not.
fn responding(
    response: impl Future<Output = hyper::Result<Response<Incoming>>> + Send + 'static,
    trouble: Trouble,
) -> Responding {
    Box::pin(async move {
        let response = response.await;
        response.map_err(|error| trouble.explain(Op::Recv, &error))
    })
}

/// No response came in time.
fn too_slow(limit: Duration) -> Error {
    let reason = format!("there was no response within {}", format_duration(limit));
    Error::new(Op::Recv, Kind::Timeout, reason)
}

/// The task in which the engine runs. Dropped before the exchange is over, it ends the connection.
struct Driver(Option<JoinHandle<()>>);

impl Driver {
    /// The connection comes to its end by itself.
    fn leave(&mut self) {
        self.0 = None;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Runs what HTTP/2 does besides as tasks.
#[derive(Clone, Copy, Debug)]
struct Tasks;

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}
