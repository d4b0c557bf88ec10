//! What a patient agreed to, or changed their mind about (LGPD Art. 8, § 5).

use super::super::refused::Refused;
use super::super::reply::{Answer, JSON};
use super::super::services::Services;
use super::super::{parse, problems};
use super::{Handled, looked_at};
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use plantao_actors::consent::ConsentError;
use plantao_actors::policy::{Permit, PermitError};
use plantao_schema::access::{ConsentStatus, Purpose};
use plantao_schema::audit::{Outcome, Phase};
use plantao_schema::id::PatientId;
use plantao_schema::problem::{Problem, ProblemCode};
use serde::Deserialize;

/// What the body may be called.
const JSON_TYPES: &[&str] = &["application/json"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    status: Status,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Granted,
    Revoked,
}

/// Reads a consent, or sets it.
pub(super) async fn consent(
    services: &Services,
    permit: Permit,
    (patient, purpose): (PatientId, Purpose),
    set: bool,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Result<Handled, Refused> {
    if !set {
        let said = services.consents.status(permit, &patient, purpose).await;
        let said = said.map_err(|error| problem(&error))?;
        return Ok(looked_at(answer(&patient, purpose, said.status)));
    }
    let (bytes, _memory) = parse::body(services, headers, body, JSON_TYPES).await?;
    let said: Said = serde_json::from_slice(&bytes).map_err(|_| {
        let detail = "expected a JSON object `{\"status\": \"granted\"}` or `\"revoked\"`";
        Problem::new(ProblemCode::Malformed, detail).field("body")
    })?;
    let status = match said.status {
        Status::Granted => ConsentStatus::Granted,
        Status::Revoked => ConsentStatus::Revoked,
    };
    let decided = (permit.access(), permit.decision());
    let entry = services.decided(decided, Phase::Opened, Outcome::Pending)?;
    let open = services.open(entry).await?;
    let said = answer(&patient, purpose, status);
    let set = services
        .consents
        .set(permit, open, &patient, purpose, status)
        .await;
    match set {
        Ok(open) => services.changed(open, said).await,
        Err((error, open)) => {
            let outcome = match error {
                ConsentError::InDoubt => None,
                ConsentError::UnknownPatient
                | ConsentError::Conflict
                | ConsentError::Permit(PermitError::Revoked) => Some(Outcome::Refused),
                _ => Some(Outcome::Failed),
            };
            services.not_changed(open, outcome, problem(&error)).await
        }
    }
}

fn answer(patient: &PatientId, purpose: Purpose, status: ConsentStatus) -> Answer {
    let status = match status {
        ConsentStatus::NotAsked => "not_asked",
        ConsentStatus::Granted => "granted",
        ConsentStatus::Revoked => "revoked",
    };
    let body = serde_json::json!({
        "patient": patient.as_str(),
        "purpose": purpose.as_str(),
        "status": status,
    });
    Answer::json(StatusCode::OK, JSON, &body)
}

fn problem(error: &ConsentError) -> Problem {
    let (code, detail) = match error {
        ConsentError::UnknownPatient => (ProblemCode::NotFound, "there is no such patient"),
        ConsentError::NotAStatement => (
            ProblemCode::Invalid,
            "a consent is granted or revoked, and cannot become unasked again",
        ),
        ConsentError::Conflict => (ProblemCode::Conflict, "another change got there first"),
        ConsentError::Unavailable => (ProblemCode::Unavailable, "consents are not available"),
        ConsentError::Permit(error) => problems::permit(*error),
        ConsentError::InDoubt => (
            ProblemCode::DeadlineExceeded,
            "it is not known whether the change was made: read before sending it again",
        ),
        ConsentError::PermitMismatch | ConsentError::Internal => {
            tracing::error!(%error, "consent");
            (ProblemCode::Internal, "the consent cannot be given or set")
        }
    };
    Problem::new(code, detail)
}
