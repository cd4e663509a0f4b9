//! One connection: which version of HTTP it speaks, how it is driven, and how it ends.
//!
//! HTTP/2 is spoken where ALPN agreed on it, HTTP/1 otherwise. A peer that takes too long is dropped, one
//! that is between two requests when the server ends is told so.
//! Not here: what is answered (`answer`).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::rt::{Executor, Sleep, Timer};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use wharf_proto::application::http::{Guard, Limits};

use super::Site;
use super::answer::{Visit, answer};
use super::body::Body;
use super::pulse::{self, Pulse};
use super::watch::{Counters, Watch};
use super::wire::Wire;
use crate::socket::channel::{Channel, Io};
use crate::socket::env::{Shutdown, Stage};

/// The longest head of a request, in octets.
const HEAD: usize = 32 * 1024;

/// Requests at a time on one connection of HTTP/2.
const STREAMS: u32 = 128;

/// What waits of one answer in HTTP/2, in octets.
const WAITING: usize = 512 * 1024;

/// A peer of HTTP/2 that is silent is asked so often whether it is there, and has as long to say so.
const PING: Duration = Duration::from_secs(20);

/// Serves one connection to its end.
pub(super) async fn run(
    site: Arc<Site>,
    channel: Channel,
    shutdown: Shutdown,
    counters: Arc<Counters>,
    watch: Arc<dyn Watch>,
) {
    let Channel { io, info, .. } = channel;
    let Io::Stream(stream) = io else {
        return;
    };
    let is_http2 = info.tls.as_ref().and_then(|tls| tls.alpn.as_deref()) == Some("h2");
    let pulse = Arc::new(Pulse::new());
    let visit = Arc::new(Visit::new(
        site.clone(),
        info,
        pulse.clone(),
        counters.clone(),
        watch,
    ));
    let limits = Limits {
        head: HEAD,
        ..Limits::default()
    };
    let guard = (!is_http2).then(|| Guard::new(limits));
    let wire = Wire::new(stream, guard, pulse, counters);
    match is_http2 {
        true => http2(wire, visit, shutdown).await,
        false => http1(wire, visit, shutdown).await,
    }
}

/// What a connection is told or notices beside its own traffic.
enum Turn {
    /// It is over.
    Ended,
    /// It is to end after what it is about.
    Drain,
    /// It is to end now.
    Stop,
    /// The peer takes too long.
    Late,
}

/// Waits until a connection ends by itself, is to end, or is too late.
async fn turn(
    conn: impl Future<Output = ()>,
    visit: &Visit,
    shutdown: &mut Shutdown,
    is_draining: bool,
) -> Turn {
    let next = if is_draining {
        Stage::Stopping
    } else {
        Stage::Draining
    };
    let late = async {
        loop {
            tokio::time::sleep(pulse::beat(&visit.site.patience)).await;
            if visit.pulse.is_late(&visit.site.patience) {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = conn => Turn::Ended,
        () = shutdown.reached(next) => match is_draining {
            true => Turn::Stop,
            false => Turn::Drain,
        },
        () = late => Turn::Late,
    }
}

async fn http1(wire: Wire, visit: Arc<Visit>, mut shutdown: Shutdown) {
    let service = {
        let visit = visit.clone();
        service_fn(move |request| answering(visit.clone(), request))
    };
    let conn = http1::Builder::new()
        .half_close(true)
        .serve_connection(wire, service);
    tokio::pin!(conn);
    let mut is_draining = false;
    loop {
        let running = std::future::poll_fn(|cx| conn.as_mut().poll(cx).map(drop));
        match turn(running, &visit, &mut shutdown, is_draining).await {
            Turn::Ended | Turn::Late => return,
            Turn::Stop => return visit.is_cut(),
            Turn::Drain => {
                is_draining = true;
                conn.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn http2(wire: Wire, visit: Arc<Visit>, mut shutdown: Shutdown) {
    let service = {
        let visit = visit.clone();
        service_fn(move |request| answering(visit.clone(), request))
    };
    let conn = http2::Builder::new(Tasks)
        .timer(Clock)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD as u32)
        .max_send_buf_size(WAITING)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .serve_connection(wire, service);
    tokio::pin!(conn);
    let mut is_draining = false;
    loop {
        let running = std::future::poll_fn(|cx| conn.as_mut().poll(cx).map(drop));
        match turn(running, &visit, &mut shutdown, is_draining).await {
            Turn::Ended | Turn::Late => return,
            Turn::Stop => return visit.is_cut(),
            Turn::Drain => {
                is_draining = true;
                conn.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn answering(
    visit: Arc<Visit>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    Ok(answer(visit, request).await)
}

/// Runs what the engine spawns on this worker.
#[derive(Clone, Copy)]
struct Tasks;

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        tokio::spawn(task);
    }
}

/// The engine's clock.
#[derive(Clone, Copy)]
struct Clock;

struct Sleeping(Pin<Box<tokio::time::Sleep>>);

impl Future for Sleeping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl Sleep for Sleeping {}

impl Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Sleeping(Box::pin(tokio::time::sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let deadline = tokio::time::Instant::from_std(deadline);
        Box::pin(Sleeping(Box::pin(tokio::time::sleep_until(deadline))))
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}
