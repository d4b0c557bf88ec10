//! A client of the simulated front door: one HTTP/1.1 request on a connection of its own.

use crate::history::Status;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use plantao::front_door::Lane;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

/// How long a client waits: longer than any deadline within.
const PATIENCE: Duration = Duration::from_secs(40);

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) token: String,
    pub(super) content_type: &'static str,
    pub(super) body: String,
    /// The body is sent so long after the head.
    pub(super) body_after: Duration,
    pub(super) break_glass: bool,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// A whole answer: its status, the entry of the trail that proves it, its body.
    Whole(u16, Option<String>, Bytes),
    /// Nobody listened.
    NoDoor,
    /// The connection broke.
    Broken,
    /// Nothing came in time, which nothing may ever do.
    Nothing,
}

/// Asks, and waits for the answer.
pub(super) async fn ask(lane: &Lane, peer: SocketAddr, asked: Asked) -> Answered {
    match tokio::time::timeout(PATIENCE, exchange(lane, peer, asked)).await {
        Ok(answered) => answered,
        Err(_) => Answered::Nothing,
    }
}

async fn exchange(lane: &Lane, peer: SocketAddr, asked: Asked) -> Answered {
    let Ok(stream) = lane.connect(peer) else {
        return Answered::NoDoor;
    };
    let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else {
        return Answered::Broken;
    };
    let driver = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(asked.method)
        .uri(asked.path)
        .header(http::header::HOST, "plantao")
        .header(
            http::header::AUTHORIZATION,
            format!("Bearer {}", asked.token),
        );
    if !asked.content_type.is_empty() {
        request = request.header(http::header::CONTENT_TYPE, asked.content_type);
    }
    if asked.break_glass {
        request = request.header("plantao-break-glass", "cardiac arrest in bed 7");
    }
    let length = asked.body.len();
    let sent = Box::pin(stream::once(async move {
        tokio::time::sleep(asked.body_after).await;
        Ok::<_, Infallible>(Frame::data(Bytes::from(asked.body)))
    }));
    let request = request.header(http::header::CONTENT_LENGTH, length);
    let Ok(request) = request.body(StreamBody::new(sent)) else {
        return Answered::Broken;
    };
    let answered = async {
        let response = sender.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        let receipt = response.headers().get("plantao-audit-entry");
        let receipt = receipt
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some(Answered::Whole(status, receipt, body))
    };
    let answered = answered.await.unwrap_or(Answered::Broken);
    driver.abort();
    answered
}

/// What an HTTP status tells.
pub(super) const fn told(status: u16) -> Status {
    match status {
        200..300 => Status::Answered,
        401 | 403 => Status::Refused,
        409 | 412 => Status::Conflict,
        429 => Status::Overloaded,
        503 => Status::Unavailable,
        504 => Status::TimedOut,
        400..500 => Status::Invalid,
        _ => Status::Failed,
    }
}
