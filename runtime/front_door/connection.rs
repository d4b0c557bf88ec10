//! One connection: handshake, then HTTP/2 or HTTP/1.1 by what TLS agreed on, until it is drained.

use super::serve::serve;
use super::services::Services;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

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

/// Limits in time of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) handshake: Duration,
    pub(super) header: Duration,
    pub(super) drain: Duration,
}

/// Serves one connection to its end; returns early only by dropping.
pub(super) async fn connection(
    services: Services,
    acceptor: TlsAcceptor,
    timeouts: Timeouts,
    drain: watch::Receiver<bool>,
    (stream, peer): (TcpStream, SocketAddr),
) {
    // Answers are written whole; waiting to fill a packet only delays them.
    let _best_effort = stream.set_nodelay(true);
    let handshake = tokio::time::timeout(timeouts.handshake, acceptor.accept(stream)).await;
    let Ok(Ok(stream)) = handshake else {
        services.metrics.handshake_failed();
        return;
    };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = TokioIo::new(stream);
    let service = service_fn(move |request: Request<Incoming>| {
        let services = services.clone();
        async move { Ok::<_, Infallible>(serve(&services, peer.ip(), request).await) }
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
        let mut connection = pin!(connection);
        let stop = tokio::select! {
            biased;
            () = drained(drain) => true,
            _ended = connection.as_mut() => false,
        };
        if stop {
            connection.as_mut().graceful_shutdown();
            let _cut_off = tokio::time::timeout(timeouts.drain, connection).await;
        }
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(timeouts.header)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEADER_MAX_BYTES as usize)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        let stop = tokio::select! {
            biased;
            () = drained(drain) => true,
            _ended = connection.as_mut() => false,
        };
        if stop {
            connection.as_mut().graceful_shutdown();
            let _cut_off = tokio::time::timeout(timeouts.drain, connection).await;
        }
    }
}

/// Resolves when the door closes, or when the door itself is gone.
async fn drained(mut drain: watch::Receiver<bool>) {
    let _closed_or_gone = drain.wait_for(|closing| *closing).await;
}
