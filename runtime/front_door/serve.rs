//! The request path, top to bottom: parse, authenticate, decide, handle, audit, reply.

use super::authenticate::authenticate;
use super::handlers::{self, Asked, Handled};
use super::refused::Refused;
use super::reply::{self, Body, Family};
use super::route::{PageRoute, Route};
use super::services::Services;
use super::{card, parse, problems};
use bytes::Bytes;
use futures_util::future::{BoxFuture, try_join_all};
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use plantao_actors::policy::{Refusal, Verdict};
use plantao_schema::audit::{Outcome, Phase};
use plantao_schema::id::RequestId;
use plantao_schema::problem::{Problem, ProblemCode};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::{Duration, Instant};

/// Bytes of a body that are read only to be thrown away, for whom nobody knows.
const UNREAD_OF_STRANGERS: usize = 64 * 1024;
/// How long that may take.
const UNREAD_PATIENCE: Duration = Duration::from_secs(1);

/// Who is on the other end of a connection, and whether the door is closing.
#[derive(Clone)]
pub(super) struct Caller {
    /// Where the connection comes from.
    pub(super) address: IpAddr,
    /// Turns true when the door closes; ends with the door.
    pub(super) closing: watch::Receiver<bool>,
}

/// What a connection becomes after its answer: ends when that has ended.
pub(super) type Afterwards = BoxFuture<'static, ()>;

/// Answers one request. Total: whatever happens, there is a reply.
pub(super) async fn serve(
    services: &Services,
    caller: Caller,
    request: Request<Incoming>,
) -> (Response<Body>, Option<Afterwards>) {
    let started = Instant::now();
    // Nothing is done for a request that has no name.
    let named = services.request_id();
    let id = named.clone().unwrap_or_else(|_| unnamed());
    let (mut head, mut body) = request.into_parts();
    let family = Family::of(head.uri.path(), head.headers.get(http::header::ACCEPT));
    let route = Route::parse(&head.method, &head.uri);
    let name = route.as_ref().map_or("none", Route::name);
    let mut unread = UNREAD_OF_STRANGERS;
    let asked = (route, &mut head, &mut body);
    let answered = match named {
        Ok(_) => boxed(services, &caller, &id, asked, &mut unread).await,
        Err(problem) => Err(problem.into()),
    };
    let (mut response, afterwards) = match answered {
        Ok(answered) => answered,
        Err(refused) if family == Family::Page => {
            (handlers::page_refusal(services, &head, &refused, &id), None)
        }
        Err(refused) => (reply::refused(&refused, family, &id), None),
    };
    if !body.is_end_stream() {
        discard(body, unread).await;
    }
    if head.method == Method::HEAD {
        reply::without_body(&mut response);
    }
    let status = response.status().as_u16();
    services
        .metrics
        .request(head.method.as_str(), name, status, started.elapsed());
    (response, afterwards)
}

/// What the answer to a request calls it that was given no name, and is refused for it.
fn unnamed() -> RequestId {
    RequestId::parse("unnamed").unwrap_or_else(|_| unreachable!("a word is an identifier"))
}

/// Reads the rest of a body that the answer did not need, within bounds: clients that are still
/// sending when the answer comes take the reset that follows for a failure and never show it.
async fn discard(mut body: Incoming, most: usize) {
    let reading = async {
        let mut left = most;
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(bytes) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _given_up = tokio::time::timeout(UNREAD_PATIENCE, reading).await;
}

type Answered = Result<(Response<Body>, Option<Afterwards>), Refused>;

/// Boxed: what one request needs is not kept for as long as its connection lasts.
fn boxed<'a>(
    services: &'a Services,
    caller: &'a Caller,
    id: &'a RequestId,
    asked: (Result<Route, Problem>, &'a mut Parts, &'a mut Incoming),
    unread: &'a mut usize,
) -> BoxFuture<'a, Answered> {
    Box::pin(answer(services, caller, id, asked, unread))
}

async fn answer(
    services: &Services,
    caller: &Caller,
    id: &RequestId,
    (route, head, body): (Result<Route, Problem>, &mut Parts, &mut Incoming),
    unread: &mut usize,
) -> Answered {
    match &route {
        Ok(Route::Health) => return Ok((reply::public(handlers::health(), id), None)),
        Ok(Route::Metadata) => return Ok((reply::public(handlers::metadata(), id), None)),
        Ok(Route::Asset(asset)) => {
            return Ok((reply::public(handlers::asset(asset)?, id), None));
        }
        _ => {}
    }
    // Whoever logs in is nobody yet: the decision comes once they are somebody.
    if let Ok(Route::LogIn(log_in)) = &route
        && log_in.is_public()
    {
        // Slots of their own: strangers cannot take those of people at work.
        let Ok(_slot) = services.strangers.try_acquire() else {
            let detail = "as many people log in as may at once";
            return Err(Problem::new(ProblemCode::Overloaded, detail).into());
        };
        let answered = handlers::log_in(services, caller, id, log_in, head, body).await;
        let response = answered.inspect_err(|refused| {
            if !refused.audited {
                services.refusals.count(refused.problem.code);
            }
        })?;
        return Ok((response, None));
    }
    let Ok(slot) = Arc::clone(&services.in_flight).try_acquire_owned() else {
        let detail = "every slot is taken (`front_door.max_in_flight`)";
        return Err(Problem::new(ProblemCode::Overloaded, detail).into());
    };
    let free = services.in_flight.available_permits();
    services
        .metrics
        .in_flight(services.max_in_flight.saturating_sub(free));

    // 1, 2: a stranger learns that a credential is needed before anything else.
    let acts = matches!(&route, Ok(Route::Page(PageRoute::Live(_))));
    let claims = authenticate(&services.verifier, head, acts)
        .inspect_err(|problem| services.refusals.count(problem.code))?;
    *unread = services.body_limit_bytes.saturating_mul(2);
    let route = route?;
    let principal = claims.principal();
    let Some(access) = parse::access(services, id, &route, &head.headers, principal)? else {
        return Err(Problem::new(ProblemCode::Internal, "this address has no rule").into());
    };

    // 3: the decision, made anew for every request.
    services.policy.ready(&access.principal.tenant).await;
    let permit = match services.policy.decide(access, caller.address) {
        Verdict::Permit(permit) => permit,
        Verdict::StepUp(refusal) => return Err(refuse(services, refusal, true).await.into()),
        Verdict::Denial(refusal) => return Err(refuse(services, refusal, false).await.into()),
    };
    services.metrics.decision(permit.decision().verdict);

    // 4, 5: the handler consumes the permit; what comes back is audited, good or bad.
    let (access, decision) = (permit.access().clone(), permit.decision().clone());
    let asked = Asked {
        claims: &claims,
        caller,
        head,
    };
    match handlers::handle(services, permit, route, asked, body, slot).await {
        Ok(Handled::Read {
            answer,
            plugin,
            patients,
        }) => {
            let record = async |patient: Option<&String>| {
                let (phase, outcome) = (Phase::Single, Outcome::Success);
                let mut entry = services.decided((&access, &decision), phase, outcome)?;
                entry.plugin.clone_from(&plugin);
                entry.patient = patient.cloned().or(entry.patient);
                services.record(entry).await
            };
            // Whoever's data is in the answer finds it in their own trail.
            let mut patients = patients.iter();
            let first = record(patients.next());
            let others = patients.map(|patient| record(Some(patient)));
            let (receipt, _others) = tokio::try_join!(first, try_join_all(others))?;
            // 6
            Ok((reply::audited(answer, &receipt, id), None))
        }
        Ok(Handled::Emergency { answer, emergency }) => {
            let receipt = services.record_emergency(&emergency).await?;
            Ok((card::emergency(&answer, &receipt, id), None))
        }
        Ok(Handled::Changed { answer, receipt }) => {
            services.metrics.audit_entry();
            Ok((reply::audited(answer, &receipt, id), None))
        }
        Ok(Handled::Upgrade(upgrade)) => {
            let (phase, outcome) = (Phase::Opened, Outcome::Pending);
            let entry = services.decided((&access, &decision), phase, outcome)?;
            let open = services.open(entry).await?;
            services.metrics.audit_entry();
            let (response, afterwards) = upgrade.go(services, open, id).await?;
            Ok((response, Some(afterwards)))
        }
        Err(failed) => {
            if !failed.audited {
                let outcome = outcome_of(failed.problem.code);
                let mut entry = services.decided((&access, &decision), Phase::Single, outcome)?;
                let code = failed.problem.code.slug();
                entry.explanation = format!("{}; answered {code}", entry.explanation);
                if let Some(plugin) = &failed.plugin {
                    if let Some((limit, value)) = plugin.breach {
                        entry.explanation += &format!("; plugin passed {} {value}", limit.name());
                    }
                    entry.plugin.clone_from(&plugin.sha256);
                }
                services.record(entry).await?;
            }
            Err(failed)
        }
    }
}

fn outcome_of(code: ProblemCode) -> Outcome {
    if code.status() < 500 {
        Outcome::Refused
    } else {
        Outcome::Failed
    }
}

/// Audits a refusal, then says it. A refusal whose entry cannot be written is still a refusal: it
/// gives nothing away.
pub(super) async fn refuse(services: &Services, refusal: Refusal, step_up: bool) -> Problem {
    let Refusal { access, decision } = refusal;
    services.metrics.decision(decision.verdict);
    let (phase, refused) = (Phase::Single, Outcome::Refused);
    let recorded = match services.decided((&access, &decision), phase, refused) {
        Ok(entry) => services.record(entry).await.map(drop),
        Err(problem) => Err(problem),
    };
    if recorded.is_err() {
        tracing::error!(request = %access.request_id, "refusal not audited");
    }
    problems::refusal(&decision, step_up)
}
