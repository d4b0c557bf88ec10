//! One connection: handshake, then HTTP/2 or HTTP/1.1 by what TLS agreed on, until it is drained.

use super::approach::Wire;
use super::reply::Body;
use super::serve::{Afterwards, Caller, serve};
use super::services::Services;
use http::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;

/// Streams one HTTP/2 connection may have open: a browser opens a dozen.
const STREAMS_MAX: u32 = 128;
/// Largest header block, bytes: our tokens take half a kilobyte.
const HEADER_MAX_BYTES: u32 = 32 * 1024;
/// Most header fields of one request.
const HEADERS_MAX: usize = 64;
/// Bytes of a body in flight per HTTP/2 stream, and per connection: large enough that a bundle is
/// not throttled by round trips, small enough that 128 streams are no flood.
const WINDOW_BYTES: u32 = 1024 * 1024;
/// A silent HTTP/2 peer is asked for a sign of life this often, and given this long to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long a write may wait for a peer that does not read.
const WRITE_STALL: Duration = Duration::from_secs(30);
/// What a peer with nothing in flight gets to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// Limits in time of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) handshake: Duration,
    pub(super) header: Duration,
    pub(super) drain: Duration,
}

/// Serves one connection to its end; returns early only by dropping.
pub(super) async fn connection(
    services: Arc<Services>,
    timeouts: Timeouts,
    drain: watch::Receiver<bool>,
    (wire, peer): (Wire, SocketAddr),
) {
    let speaking = |http2| Speaking {
        timeouts,
        drain: drain.clone(),
        peer,
        http2,
    };
    let (stream, acceptor) = match wire {
        Wire::Tcp(stream, acceptor) => (stream, acceptor),
        Wire::Lane(stream) => return speak(services, stream, speaking(false)).await,
    };
    // Answers are written whole; waiting to fill a packet only delays them.
    let _best_effort = stream.set_nodelay(true);
    let mut stream = Box::pin(TimeoutStream::new(stream));
    // A reader who stops reading would pin its answers for ever.
    stream.as_mut().set_write_timeout_pinned(Some(WRITE_STALL));
    let handshake = tokio::select! {
        biased;
        () = drained(drain.clone()) => return,
        done = tokio::time::timeout(timeouts.handshake, acceptor.accept(stream)) => done,
    };
    let Ok(Ok(stream)) = handshake else {
        services.metrics.handshake_failed();
        return;
    };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    speak(services, stream, speaking(http2)).await;
}

/// How a connection is spoken on.
struct Speaking {
    timeouts: Timeouts,
    drain: watch::Receiver<bool>,
    peer: SocketAddr,
    http2: bool,
}

/// HTTP, from the first request to the last.
async fn speak(
    services: Arc<Services>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    speaking: Speaking,
) {
    let Speaking {
        timeouts,
        drain,
        peer,
        http2,
    } = speaking;
    let io = TokioIo::new(stream);
    let activity = Arc::new(Activity::default());
    let seen = Arc::clone(&activity);
    let afterwards: Arc<Mutex<Option<Afterwards>>> = Arc::default();
    let upgraded = Arc::clone(&afterwards);
    let caller = Caller {
        address: peer.ip(),
        closing: drain.clone(),
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let (services, busy) = (Arc::clone(&services), Activity::begin(&seen));
        let (caller, upgraded) = (caller.clone(), Arc::clone(&upgraded));
        async move {
            let (response, afterwards) = serve(&services, caller, request).await;
            if let Some(afterwards) = afterwards {
                let mut slot = upgraded.lock().unwrap_or_else(PoisonError::into_inner);
                *slot = Some(afterwards);
            }
            drop(busy);
            Ok::<_, Infallible>(response)
        }
    });
    if http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEADER_MAX_BYTES)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .serve_connection(io, service);
        run(Two(Box::pin(connection)), timeouts, drain, &activity).await;
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(timeouts.header)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEADER_MAX_BYTES as usize)
            .serve_connection(io, service)
            .with_upgrades();
        run(
            One(Box::pin(connection)),
            timeouts,
            drain.clone(),
            &activity,
        )
        .await;
        // What the connection became keeps its place at the door for as long as it lasts.
        let became = afterwards
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(became) = became {
            tokio::select! {
                biased;
                () = became => {}
                () = async {
                    drained(drain).await;
                    tokio::time::sleep(timeouts.drain).await;
                } => {}
            }
        }
    }
}

/// A connection that can be told to take nothing more and finish what it has. Boxed, because a
/// WebSocket lasts for hours and must not keep what HTTP needed.
trait Graceful: Unpin {
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()>;
    fn shut(&mut self);
}

/// HTTP/1.1, which may become a WebSocket.
struct One<I, S: HttpService<Incoming>>(Pin<Box<http1::UpgradeableConnection<I, S>>>);

impl<I, S> Graceful for One<I, S>
where
    S: HttpService<Incoming, ResBody = Body>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: Read + Write + Unpin + Send + 'static,
{
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context).map(drop)
    }

    fn shut(&mut self) {
        self.0.as_mut().graceful_shutdown();
    }
}

/// HTTP/2.
struct Two<C>(Pin<Box<C>>);

impl<C: GracefulConnection> Graceful for Two<C> {
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context).map(drop)
    }

    fn shut(&mut self) {
        self.0.as_mut().graceful_shutdown();
    }
}

/// Drives a connection until it ends, has been idle too long, or the door closes; then lets what is
/// in flight finish.
async fn run(
    mut connection: impl Graceful,
    timeouts: Timeouts,
    drain: watch::Receiver<bool>,
    activity: &Activity,
) {
    tokio::select! {
        biased;
        () = drained(drain) => {}
        () = activity.idle_for(timeouts.header) => {}
        () = poll_fn(|context| connection.poll_end(context)) => return,
    }
    connection.shut();
    tokio::select! {
        biased;
        () = poll_fn(|context| connection.poll_end(context)) => {}
        () = activity.idle_for(FAREWELL) => {}
        () = tokio::time::sleep(timeouts.drain) => {}
    }
}

/// Resolves when the door closes, or when the door itself is gone.
async fn drained(mut drain: watch::Receiver<bool>) {
    let _closed_or_gone = drain.wait_for(|closing| *closing).await;
}

/// What a connection is doing: an HTTP/2 peer that answers pings and asks for nothing holds a slot
/// as much as one that works, and hyper has no limit for it.
struct Activity(Mutex<Doing>);

struct Doing {
    requests: usize,
    idle_since: Instant,
}

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new(Doing {
            requests: 0,
            idle_since: Instant::now(),
        }))
    }
}

/// A request in progress.
struct Busy(Arc<Activity>);

impl Activity {
    fn begin(this: &Arc<Self>) -> Busy {
        let mut doing = this.0.lock().unwrap_or_else(PoisonError::into_inner);
        doing.requests = doing.requests.saturating_add(1);
        drop(doing);
        Busy(Arc::clone(this))
    }

    /// Resolves once nothing has been asked for so long.
    async fn idle_for(&self, limit: Duration) {
        loop {
            let until = {
                let doing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let since = if doing.requests == 0 {
                    doing.idle_since
                } else {
                    Instant::now()
                };
                since + limit
            };
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut doing = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        doing.requests = doing.requests.saturating_sub(1);
        doing.idle_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_only_while_nothing_is_asked() {
        let activity = Arc::new(Activity::default());
        let limit = Duration::from_secs(10);
        let started = Instant::now();
        let busy = Activity::begin(&activity);
        let asked = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(25)).await;
            drop(busy);
        });
        activity.idle_for(limit).await;
        asked.await.unwrap();
        assert!(
            started.elapsed() >= Duration::from_secs(35),
            "{:?}",
            started.elapsed()
        );
    }
}
