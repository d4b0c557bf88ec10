//! A page's live part: the connection becomes a WebSocket, served by a viewer's actor.

use super::super::places::Place;
use super::super::refused::Refused;
use super::super::reply::{self, Body};
use super::super::route::LiveRoute;
use super::super::serve::Afterwards;
use super::super::services::Services;
use super::pages::{key, locale};
use super::{Asked, Handled};
use http::request::Parts;
use http::{Request, Response, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use plantao_actors::audit::OpenEntry;
use plantao_actors::live::{Admission, Arrival, LiveError, RawSocket, Seat};
use plantao_actors::policy::Permit;
use plantao_schema::id::RequestId;
use plantao_schema::problem::{Problem, ProblemCode};
use std::net::IpAddr;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::handshake::server::create_response;

/// A WebSocket that is decided about and has its room, before its answer is sent.
pub(in crate::front_door) struct Upgrade {
    seat: Seat,
    place: Place,
    permit: Permit,
    peer: IpAddr,
    arrival: Arrival,
    closing: watch::Receiver<bool>,
    connection: OnUpgrade,
    accept: String,
}

/// Makes room for a viewer.
pub(super) async fn open(
    services: &Services,
    permit: Permit,
    live: LiveRoute,
    asked: Asked<'_>,
) -> Result<Handled, Refused> {
    let accept = handshake(asked.head)?;
    let connection = asked
        .head
        .extensions
        .remove::<OnUpgrade>()
        .ok_or_else(|| not_a_handshake("this connection cannot become a WebSocket"))?;
    let shed = |detail: &str| Problem::new(ProblemCode::Overloaded, detail);
    let place = services
        .viewers
        .take(permit.tenant(), &permit.principal().id)
        .ok_or_else(|| {
            shed("as many viewers as one may have (`live.max_viewers_per_principal`)")
        })?;
    if !services.opens.take() {
        return Err(
            shed("viewers come faster than they are let in (`live.opens_per_second`)").into(),
        );
    }
    let key = key(services, &permit, live.subject, locale(asked.head));
    let seat = services.live.seat(&key).await;
    let seat = seat.map_err(problem)?;
    Ok(Handled::Upgrade(Box::new(Upgrade {
        seat,
        place,
        permit,
        peer: asked.caller.address,
        arrival: Arrival {
            version: live.version,
            resume: live.resume,
        },
        closing: asked.caller.closing.clone(),
        connection,
        accept,
    })))
}

impl Upgrade {
    /// Starts the viewer, whose view is the opened entry, and answers.
    pub(in crate::front_door) async fn go(
        self,
        services: &Services,
        open: OpenEntry,
        id: &RequestId,
    ) -> Result<(Response<Body>, Afterwards), Problem> {
        let entry = open.id();
        let admission = Admission {
            permit: self.permit,
            peer: self.peer,
            open,
        };
        let connection = self.connection;
        let io = async move { Ok::<_, hyper::Error>(raw(connection.await?)) };
        let viewer = services
            .live
            .attach(self.seat, admission, self.arrival, self.closing, io)
            .await
            .map_err(problem)?;
        let place = self.place;
        let afterwards = async move {
            let reason = viewer.await;
            tracing::debug!(%reason, "viewer gone");
            drop(place);
        };
        let response = reply::switching(&self.accept, entry, id);
        Ok((response, Box::pin(afterwards)))
    }
}

/// The connection under HTTP, and what it had read already.
fn raw(upgraded: Upgraded) -> RawSocket<TokioIo<Upgraded>> {
    RawSocket {
        io: TokioIo::new(upgraded),
        read: bytes::Bytes::new(),
    }
}

/// Checks the request as RFC 6455, 4.2.1 says, and gives the proof of having read it.
fn handshake(head: &Parts) -> Result<String, Problem> {
    let mut request = Request::new(());
    *request.method_mut() = head.method.clone();
    *request.version_mut() = head.version;
    *request.headers_mut() = head.headers.clone();
    let response =
        create_response(&request).map_err(|error| not_a_handshake(&error.to_string()))?;
    let accept = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
    accept
        .and_then(|accept| accept.to_str().ok())
        .map(str::to_owned)
        .ok_or_else(|| not_a_handshake("the key cannot be answered"))
}

fn not_a_handshake(detail: &str) -> Problem {
    let detail = format!("expected a WebSocket handshake (RFC 6455, 4.1): {detail}");
    Problem::new(ProblemCode::Malformed, detail).field("Upgrade")
}

/// Nothing can be shown.
pub(super) fn problem(error: LiveError) -> Problem {
    let (code, detail) = match error {
        LiveError::NotFound => (ProblemCode::NotFound, "there is no such page"),
        LiveError::Unavailable => (ProblemCode::Unavailable, "the page is not available"),
        LiveError::Overloaded => (ProblemCode::Overloaded, "as many viewers as there may be"),
    };
    Problem::new(code, detail)
}
