//! The request path, top to bottom: parse, authenticate, decide, handle, audit, reply.

use super::authenticate::authenticate;
use super::handlers::{self, Handled};
use super::refused::Refused;
use super::reply::{self, Body, Family};
use super::route::Route;
use super::services::Services;
use super::{entries, parse, problems};
use http::{Request, Response};
use hyper::body::Incoming;
use plantao_actors::policy::{Refusal, Verdict};
use plantao_schema::audit::{Outcome, Phase};
use plantao_schema::id::RequestId;
use plantao_schema::problem::{Problem, ProblemCode};
use std::net::IpAddr;
use tokio::time::Instant;

/// Answers one request. Total: whatever happens, there is a reply.
pub(super) async fn serve(
    services: &Services,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Response<Body> {
    let started = Instant::now();
    let id = services.request_id();
    let method = request.method().as_str().to_owned();
    let family = Family::of(request.uri().path());
    let route = Route::parse(request.method(), request.uri());
    let name = route.as_ref().map_or("none", Route::name);
    let response = match answer(services, peer, &id, route, request).await {
        Ok(response) => response,
        Err(refused) => reply::refused(&refused, family, &id),
    };
    services
        .metrics
        .request(&method, name, response.status().as_u16(), started.elapsed());
    response
}

async fn answer(
    services: &Services,
    peer: IpAddr,
    id: &RequestId,
    route: Result<Route, Problem>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refused> {
    let (head, body) = request.into_parts();
    match route {
        Ok(Route::Health) => return Ok(reply::public(handlers::health(), id)),
        Ok(Route::Metadata) => return Ok(reply::public(handlers::metadata(), id)),
        _ => {}
    }
    let Ok(_slot) = services.in_flight.try_acquire() else {
        let detail = "every slot is taken (`front_door.max_in_flight`)";
        return Err(Problem::new(ProblemCode::Overloaded, detail).into());
    };
    let free = services.in_flight.available_permits();
    services
        .metrics
        .in_flight(services.max_in_flight.saturating_sub(free));

    // 1, 2: a stranger learns that a credential is needed before anything else.
    let principal = authenticate(&services.verifier, &head.headers)
        .inspect_err(|problem| services.refusals.count(problem.code))?;
    let route = route?;
    let Some(access) = parse::access(services, id, &route, &head.headers, principal)? else {
        return Err(Problem::new(ProblemCode::Internal, "this address has no rule").into());
    };

    // 3: the decision, made anew for every request.
    let permit = match services.policy.decide(access, peer) {
        Verdict::Permit(permit) => permit,
        Verdict::StepUp(refusal) => return Err(refuse(services, refusal, true).await.into()),
        Verdict::Denial(refusal) => return Err(refuse(services, refusal, false).await.into()),
    };
    services.metrics.decision(permit.decision().verdict);

    // 4, 5: the handler consumes the permit; what comes back is audited, good or bad.
    let (access, decision) = (permit.access().clone(), permit.decision().clone());
    match handlers::handle(services, permit, route, &head.headers, body).await {
        Ok(Handled::Read {
            answer,
            plugin,
            patient,
        }) => {
            let success = Outcome::Success;
            let mut entry =
                entries::decided(&access, &decision, Phase::Single, success, &services.clock);
            entry.plugin = plugin;
            entry.patient = entry.patient.or(patient);
            let receipt = services.record(entry).await?;
            // 6
            Ok(reply::audited(answer, &receipt, id))
        }
        Ok(Handled::Changed { answer, receipt }) => {
            services.metrics.audit_entry();
            Ok(reply::audited(answer, &receipt, id))
        }
        Err(failed) => {
            if !failed.audited {
                let outcome = outcome_of(failed.problem.code);
                let mut entry =
                    entries::decided(&access, &decision, Phase::Single, outcome, &services.clock);
                let code = failed.problem.code.slug();
                entry.explanation = format!("{}; answered {code}", entry.explanation);
                entry.plugin.clone_from(&failed.plugin);
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
async fn refuse(services: &Services, refusal: Refusal, step_up: bool) -> Problem {
    let Refusal { access, decision } = refusal;
    services.metrics.decision(decision.verdict);
    let refused = Outcome::Refused;
    let entry = entries::decided(&access, &decision, Phase::Single, refused, &services.clock);
    if services.record(entry).await.is_err() {
        tracing::error!(request = %access.request_id, "refusal not audited");
    }
    problems::refusal(&decision, step_up)
}
