//! Getting in and out: by a one-time link, by password and one-time password, and by leaving.
//!
//! Whoever gets in is first made known and then decided about like anybody else; only a permit
//! makes the cookie. A link's page uses nothing up: programs that look ahead at links open pages,
//! they do not press buttons.

use super::super::origin::Origin;
use super::super::refused::Refused;
use super::super::reply::{self, Answer, Body, JSON};
use super::super::route::LogInRoute;
use super::super::serve::{Caller, refuse};
use super::super::services::Services;
use super::super::{parse, problems};
use super::pages::{html, locale, site, start};
use super::{Asked, Handled, internal, looked_at};
use crate::identity::{Claims, cookie};
use crate::pages;
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use plantao_actors::login::{Attempt, CODE_LIFETIME, Identity, LogInError};
use plantao_actors::policy::{Permit, Verdict};
use plantao_schema::access::{AccessRequest, Action, Purpose, ResourceKind};
use plantao_schema::audit::{Outcome, Phase};
use plantao_schema::id::RequestId;
use plantao_schema::problem::{Problem, ProblemCode};

/// Longest address to go to after a log-in.
const NEXT_MAX_BYTES: usize = 256;

/// Answers the addresses that nobody has to be known for yet.
pub(in crate::front_door) async fn public(
    services: &Services,
    caller: &Caller,
    id: &RequestId,
    route: &LogInRoute,
    head: &Parts,
    body: &mut Incoming,
) -> Result<Response<Body>, Refused> {
    let form = || {
        let next = next_of(head.uri.query().unwrap_or_default());
        page(head, StatusCode::OK, None, next.as_deref())
    };
    match route {
        LogInRoute::Form => Ok(reply::public(form(), id)),
        LogInRoute::Link(code) => {
            let body = pages::log_in_by_link(code, locale(head));
            Ok(reply::public(html(head, StatusCode::OK, body), id))
        }
        LogInRoute::Enter => {
            own_page(head)?;
            let bytes = parse::form(&head.headers, body).await?;
            let (attempt, next) = attempt(services, caller, &bytes)?;
            match services.log_ins.password(attempt).await {
                Ok(identity) => admit(services, caller, id, identity, next).await,
                Err(error) => Ok(again(services, head, id, &error, next.as_deref())),
            }
        }
        LogInRoute::Redeem(code) => {
            own_page(head)?;
            match services.log_ins.redeem(code).await {
                Ok(identity) => admit(services, caller, id, identity, None).await,
                Err(error) => Ok(again(services, head, id, &error, None)),
            }
        }
        LogInRoute::Leave | LogInRoute::Offer => {
            Err(internal("this address needs somebody known").into())
        }
    }
}

/// A one-time link for whoever asks, to open a browser's session with what the asker may.
pub(super) async fn offer(
    services: &Services,
    permit: Permit,
    asked: &Asked<'_>,
) -> Result<Handled, Refused> {
    let name = asked.claims.name.clone();
    let code = services.log_ins.offer(permit, name).await;
    let code = code.map_err(|error| problem(&error))?;
    let host = site(asked.head).unwrap_or_default();
    let body = serde_json::json!({
        "url": format!("https://{host}/login/{}", code.as_str()),
        "expires_s": CODE_LIFETIME.as_secs(),
    });
    Ok(looked_at(Answer::json(StatusCode::OK, JSON, &body)))
}

/// The end of a session: its cookie is taken back, and no copy of it is believed any more.
pub(super) async fn leave(
    services: &Services,
    permit: Permit,
    claims: &Claims,
) -> Result<Handled, Refused> {
    let Some(session) = permit.principal().session.clone() else {
        return Err(internal("this credential has no session").into());
    };
    let (phase, outcome) = (Phase::Opened, Outcome::Pending);
    let (access, decision) = (permit.access(), permit.decision());
    let entry = services.decided((access, decision), phase, outcome)?;
    let open = services.open(entry).await?;
    let (tenant, until) = (permit.tenant(), claims.expires_at);
    let left = services
        .log_ins
        .revoke_session(tenant, open, &session, until);
    match left.await {
        Ok(open) => {
            let answer = Answer::see_other("/login").cookie(cookie::clear());
            services.changed(open, answer).await
        }
        Err((error, open)) => {
            let known = error != LogInError::InDoubt;
            let outcome = known.then_some(Outcome::Failed);
            services.not_changed(open, outcome, problem(&error)).await
        }
    }
}

/// Decides about who has just become known, and gives them a cookie.
async fn admit(
    services: &Services,
    caller: &Caller,
    id: &RequestId,
    identity: Identity,
    next: Option<String>,
) -> Result<Response<Body>, Refused> {
    let claims = services.claims(&identity)?;
    let principal = claims.principal();
    services.policy.ready(&principal.tenant).await;
    let access = AccessRequest {
        request_id: id.clone(),
        principal,
        action: Action::Write,
        kind: ResourceKind::Session,
        resource: None,
        patient: None,
        purpose: Purpose::Operations,
        break_glass: None,
        at: services.clock.now(),
    };
    let permit = match services.policy.decide(access, caller.address) {
        Verdict::Permit(permit) => permit,
        Verdict::StepUp(refusal) => return Err(named(refuse(services, refusal, true).await)),
        Verdict::Denial(refusal) => return Err(named(refuse(services, refusal, false).await)),
    };
    services.metrics.decision(permit.decision().verdict);
    let (access, decision) = (permit.access(), permit.decision());
    let (phase, outcome) = (Phase::Single, Outcome::Success);
    let entry = services.decided((access, decision), phase, outcome)?;
    let receipt = services.record(entry).await?;
    let token = services
        .issuer
        .issue(&claims)
        .map_err(|_| internal("no session could be made"))?;
    let left_s = claims
        .expires_at
        .seconds()
        .saturating_sub(services.clock.now().seconds());
    let start = start(&services.policy.view(&permit));
    let answer =
        Answer::see_other(next.as_deref().unwrap_or(start)).cookie(cookie::set(&token, left_s));
    Ok(reply::audited(answer, &receipt, id))
}

/// A refusal that is in the trail under its name, and is no stranger's.
fn named(problem: Problem) -> Refused {
    Refused {
        audited: true,
        ..Refused::from(problem)
    }
}

/// The form once more, saying that it was not enough and never what was wrong.
fn again(
    services: &Services,
    head: &Parts,
    id: &RequestId,
    error: &LogInError,
    next: Option<&str>,
) -> Response<Body> {
    let problem = problem(error);
    services.refusals.count(problem.code);
    let status = StatusCode::from_u16(problem.code.status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = reply::public(page(head, status, Some(&problem), next), id);
    reply::challenge(&mut response, &problem);
    response
}

fn page(head: &Parts, status: StatusCode, said: Option<&Problem>, next: Option<&str>) -> Answer {
    html(head, status, pages::log_in(said, next, locale(head)))
}

/// Logging somebody else in is an attack too: the form has to be our own.
fn own_page(head: &Parts) -> Result<(), Problem> {
    if Origin::of(head) == Origin::Same {
        Ok(())
    } else {
        Err(Origin::refusal())
    }
}

/// The form, filled in, and where to go afterwards.
fn attempt(
    services: &Services,
    caller: &Caller,
    bytes: &[u8],
) -> Result<(Attempt, Option<String>), Problem> {
    let value = |name: &str| {
        form_urlencoded::parse(bytes)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let needed = |name: &str| {
        let missing = || Problem::new(ProblemCode::Malformed, "expected a value").field(name);
        value(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(missing)
    };
    let attempt = Attempt {
        tenant: services.tenant.clone(),
        name: needed("name")?,
        password: needed("password")?.into(),
        code: needed("code")?.into(),
        peer: caller.address,
    };
    Ok((attempt, value("next").filter(|next| is_own(next))))
}

/// The address that a refused page sent its reader to the log-in with.
fn next_of(query: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "next")
        .map(|(_, next)| next.into_owned())
        .filter(|next| is_own(next))
}

/// Whether an address is one of ours: another site's would make the log-in its accomplice.
fn is_own(next: &str) -> bool {
    let path = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    next.len() <= NEXT_MAX_BYTES
        && next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(path)
}

fn problem(error: &LogInError) -> Problem {
    let (code, detail) = match error {
        LogInError::Refused => (
            ProblemCode::Unauthenticated,
            "name, password or code is not right, or the link is used or over",
        ),
        LogInError::Throttled { .. } => (
            ProblemCode::Overloaded,
            "too many attempts from this address",
        ),
        LogInError::Overloaded => (ProblemCode::Overloaded, "too many log-ins at once"),
        LogInError::Unavailable => (ProblemCode::Unavailable, "the log-in is not available"),
        LogInError::Permit(error) => problems::permit(*error),
        LogInError::InDoubt => (
            ProblemCode::DeadlineExceeded,
            "it is not known whether it was done: try again",
        ),
        LogInError::AccountExists => (ProblemCode::Conflict, "there is an account of that name"),
        LogInError::BadPassword => (
            ProblemCode::Invalid,
            "the password is too short or too long",
        ),
        LogInError::PermitMismatch | LogInError::Internal => {
            tracing::error!(%error, "log-in");
            (ProblemCode::Internal, "the log-in failed")
        }
    };
    let problem = Problem::new(code, detail);
    match error {
        LogInError::Throttled { after } => {
            let seconds = after.as_secs().saturating_add(1);
            Problem {
                retry_after_seconds: Some(seconds.try_into().unwrap_or(u32::MAX)),
                ..problem
            }
        }
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_this_site_is_gone_to_after_a_log_in() {
        for own in ["/", "/wards/uti-1", "/patients/maria-exemplo"] {
            assert!(is_own(own), "{own}");
        }
        for other in [
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "/a?b",
            "/a\nb",
            "",
        ] {
            assert!(!is_own(other), "{other}");
        }
        assert_eq!(next_of("next=%2Fwards"), Some("/wards".to_owned()));
        assert_eq!(next_of("next=%2F%2Fevil.example"), None);
    }
}
