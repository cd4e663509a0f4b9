//! One connection of a server: the engine runs in a task of its own and gives each request as an exchange.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response, StatusCode, Version as HttpVersion};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::gate::Gate;
use super::presence::{Answer, Answers, Count};
use super::{Options, Version, answer, exchange};
use crate::application::http::body::Outgoing;
use crate::application::http::facts;
use crate::application::http::reader::{Reader, Trouble, io_of};
use crate::socket::channel::Stream;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::Info;
use crate::socket::listener::Asked;
use crate::socket::session::Session;

/// Windows that suit both a fast network and many streams (RFC 9113, section 6.9).
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Streams that a client opens and resets before they were looked at; more end the connection
/// (CVE-2023-44487).
const RESETS: usize = 20;

/// Takes up a connection.
pub(super) fn start(options: Arc<Options>, stream: Box<dyn Stream>, info: Box<Info>) -> Connection {
    let (asked_tx, asked) = mpsc::channel(1);
    let (drain, drained) = oneshot::channel();
    let trouble = Trouble::default();
    let open = Count::default();
    let answers = Answers::default();
    let gate = Gate::new(
        stream,
        options.times,
        open.clone(),
        answers.clone(),
        trouble.clone(),
    );
    let front = Front {
        places: Arc::new(Semaphore::new(options.streams as usize)),
        asked: asked_tx,
        info,
        open,
        answers,
        trouble,
        options,
    };
    Connection {
        asked,
        drain: Some(drain),
        driver: Some(tokio::spawn(drive(front, gate, drained))),
    }
}

/// The session of a connection.
pub(super) struct Connection {
    asked: mpsc::Receiver<Asked>,
    drain: Option<oneshot::Sender<()>>,
    driver: Option<JoinHandle<Result<()>>>,
}

impl Session for Connection {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Asked>>> {
        if let Some(asked) = ready!(self.asked.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(asked)));
        }
        let Some(driver) = &mut self.driver else {
            return Poll::Ready(None);
        };
        let ended = ready!(Pin::new(driver).poll(cx));
        self.driver = None;
        Poll::Ready(match ended {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Err(error)),
            Err(lost) => {
                let reason = format!("a connection broke wharf: {lost}");
                Some(Err(Error::new(Op::Accept, Kind::Bug, reason)))
            }
        })
    }

    fn drain(&mut self) {
        // Its end is the wish.
        self.drain = None;
    }
}

/// What all requests of a connection share.
struct Front {
    options: Arc<Options>,
    asked: mpsc::Sender<Asked>,
    info: Box<Info>,
    open: Count,
    answers: Answers,
    places: Arc<Semaphore>,
    trouble: Trouble,
}

/// Runs a connection to its end.
///
/// # Errors
/// The client broke the rules. That it is gone is none.
async fn drive(front: Front, mut gate: Gate, mut drained: oneshot::Receiver<()>) -> Result<()> {
    let picked = tokio::select! {
        biased;
        picked = pick(&front, &mut gate) => picked,
        _ = &mut drained => return Ok(()),
    };
    let Some(version) = picked else {
        return Ok(());
    };
    if version == Version::Two {
        gate.unguarded();
        return drive_two(front, gate, drained).await;
    }
    gate.guarded(front.options.limits);
    drive_one(front, gate, drained).await
}

/// Which version the client speaks; `None` if it says nothing in time, or is gone.
async fn pick(front: &Front, gate: &mut Gate) -> Option<Version> {
    let alpn = front.info.tls.as_ref().and_then(|tls| tls.alpn.as_deref());
    match (front.options.version, alpn) {
        (Version::Two, _) | (Version::Auto, Some("h2")) => Some(Version::Two),
        (Version::One, _) | (_, Some(_)) => Some(Version::One),
        (Version::Auto, None) => {
            let preface = gate.begins_with_preface();
            let begun = tokio::time::timeout(front.options.times.head, preface).await;
            match begun {
                Ok(Ok(true)) => Some(Version::Two),
                Ok(Ok(false)) if gate.is_untouched() => None,
                Ok(Ok(false)) => Some(Version::One),
                Ok(Err(_)) => None,
                // It began and did not go on: as a head that is too slow.
                Err(_) if gate.is_untouched() => None,
                Err(_) => Some(Version::One),
            }
        }
    }
}

/// Waits for the wish to drain, and then for ever.
fn poll_drained(cx: &mut Context<'_>, drained: &mut Option<oneshot::Receiver<()>>) -> bool {
    let asked = drained
        .as_mut()
        .is_some_and(|drained| Pin::new(drained).poll(cx).is_ready());
    if asked {
        *drained = None;
    }
    asked
}

async fn drive_one(front: Front, gate: Gate, drained: oneshot::Receiver<()>) -> Result<()> {
    let mut builder = http1::Builder::new();
    builder
        // The engine reads while it answers, so that a reset is seen; the gate keeps an end from it.
        .half_close(false)
        .header_read_timeout(None)
        .max_buf_size(front.options.limits.head.max(1 << 16) + (1 << 16));
    if front.options.limits.fields > 100 {
        builder.max_headers(front.options.limits.fields);
    }
    let front = Arc::new(front);
    let service = service_fn(move |request| answered(front.clone(), request));
    let mut connection = builder.serve_connection(gate, service);
    let mut drained = Some(drained);
    let ended = poll_fn(|cx| {
        if poll_drained(cx, &mut drained) {
            Pin::new(&mut connection).graceful_shutdown();
        }
        Pin::new(&mut connection).poll(cx)
    })
    .await;
    let mut gate = connection.into_parts().io;
    if let Some(refusal) = gate.refusal() {
        gate.linger().await;
        return Err(refusal);
    }
    match ended {
        Err(error) if error.is_user() => gate.break_off().await,
        Err(error) if error.is_parse() => {
            return Err(Trouble::default().explain(Op::Accept, &error));
        }
        // A client that goes is its own affair.
        _ => {}
    }
    Ok(())
}

async fn drive_two(front: Front, gate: Gate, drained: oneshot::Receiver<()>) -> Result<()> {
    let limits = front.options.limits;
    let mut builder = http2::Builder::new(Tasks);
    builder
        .max_concurrent_streams(front.options.streams)
        .max_pending_accept_reset_streams(RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX));
    let front = Arc::new(front);
    let service = service_fn(move |request| answered(front.clone(), request));
    let mut connection = Box::pin(builder.serve_connection(gate, service));
    let mut drained = Some(drained);
    let ended = poll_fn(|cx| {
        if poll_drained(cx, &mut drained) {
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    })
    .await;
    match ended {
        Err(error) if !error.is_closed() && io_of(&error).is_none() => Err(Trouble::default()
            .explain(Op::Accept, &error)
            .of_kind(Kind::Protocol)),
        _ => Ok(()),
    }
}

/// Answers a request. It is counted at once: the engine reads on before it asks for the response.
fn answered(
    front: Arc<Front>,
    request: Request<Incoming>,
) -> impl Future<Output = std::result::Result<Response<Answer>, Unanswered>> {
    let owed = front.answers.open.one();
    let unbegun = (request.version() == HttpVersion::HTTP_11).then(|| front.answers.unbegun.one());
    async move {
        let response = ask(front, request).await?;
        drop(unbegun);
        Ok(response.map(|body| Answer { body, _owed: owed }))
    }
}

/// Gives a request to whoever serves, and waits for the response.
async fn ask(
    front: Arc<Front>,
    request: Request<Incoming>,
) -> std::result::Result<Response<Outgoing>, Unanswered> {
    let counted = front.open.one();
    let (parts, body) = request.into_parts();
    if parts.method == Method::CONNECT {
        return Ok(answer::short(
            StatusCode::NOT_IMPLEMENTED,
            "no tunnels are made here",
        ));
    }
    if front.options.limits.fields < parts.headers.len() {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Ok(answer::short(status, "the header is too long"));
    }
    // The place is given back when the exchange is over, not when a client resets it: otherwise one that
    // asks and resets could have any number of them served.
    let Ok(place) = front.places.clone().acquire_owned().await else {
        return Err(Unanswered);
    };
    let mut info = front.info.clone();
    let facts = facts::of_request(&parts);
    info.size = facts.header("content-length").and_then(|n| n.parse().ok());
    info.http = Some(Box::new(facts));
    let (response, answered) = oneshot::channel();
    let asked = exchange::asked(exchange::Parts {
        options: front.options.clone(),
        is_head: parts.method == Method::HEAD,
        request: Reader::new(body, front.trouble.clone()),
        response,
        info,
        held: (place, counted),
    });
    if front.asked.send(asked).await.is_err() {
        let words = "this server takes no more requests";
        return Ok(answer::short(StatusCode::SERVICE_UNAVAILABLE, words));
    }
    match answered.await {
        Ok(response) => Ok(response),
        Err(_) => Ok(answer::short(
            StatusCode::SERVICE_UNAVAILABLE,
            "the request was given up",
        )),
    }
}

/// What the engine is told of a request that is not answered.
#[derive(Debug)]
struct Unanswered;

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request is not answered")
    }
}

impl std::error::Error for Unanswered {}

/// Runs the streams of HTTP/2 as tasks.
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
