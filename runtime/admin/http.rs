//! Plain HTTP/1.1 for the two admin listeners: small requests, small answers.

use crate::front_door::Body;
use ::http::header::{self, HeaderValue};
use ::http::{Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use plantao_schema::problem::Problem;
use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// Longest wait for a header, idle time included: scrapers come every few seconds.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest life of a request: a plugin may take a minute to compile.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(75);

/// Serves one connection with a function of the request.
pub(super) async fn serve<I, F, R>(io: I, answer: F)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> R + Send + Sync,
    R: Future<Output = Response<Body>> + Send,
{
    let service = service_fn(|request| {
        let reply = answer(request);
        async move {
            let reply = tokio::time::timeout(REQUEST_TIMEOUT, reply).await;
            let late = || {
                text(
                    StatusCode::GATEWAY_TIMEOUT,
                    "the answer was not ready in time\n",
                )
            };
            Ok::<_, Infallible>(reply.unwrap_or_else(|_| late()))
        }
    });
    let _ended = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(io), service)
        .await;
}

fn reply(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Plain text.
pub(super) fn text(status: StatusCode, body: impl Into<String>) -> Response<Body> {
    reply(
        status,
        "text/plain; charset=utf-8",
        body.into().into_bytes(),
    )
}

/// The exposition format of `/metrics`.
pub(super) fn metrics(body: String) -> Response<Body> {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    reply(StatusCode::OK, kind, body.into_bytes())
}

/// JSON.
pub(super) fn json(status: StatusCode, body: &serde_json::Value) -> Response<Body> {
    reply(status, "application/json", body.to_string().into_bytes())
}

/// A refusal.
pub(super) fn problem(problem: &Problem) -> Response<Body> {
    let status =
        StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = problem.to_json("admin").to_string().into_bytes();
    let mut response = reply(status, "application/problem+json", body);
    if let Some(seconds) = problem.retry_after_seconds {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
