//! Who lies where.

use super::super::refused::Refused;
use super::super::reply::{Answer, JSON};
use super::super::services::Services;
use super::super::{parse, problems};
use super::Handled;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use plantao_actors::policy::{Permit, PermitError};
use plantao_actors::ward::WardError;
use plantao_schema::audit::{Outcome, Phase};
use plantao_schema::id::{BedId, PatientId, WardId};
use plantao_schema::problem::{Problem, ProblemCode};
use serde::Deserialize;
use std::collections::BTreeSet;

/// What the body may be called.
const JSON_TYPES: &[&str] = &["application/json"];

/// What a bed is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Placing {
    patient: String,
}

/// The beds of a ward.
pub(super) async fn beds(
    services: &Services,
    permit: &Permit,
    ward: WardId,
) -> Result<Handled, Refused> {
    let grant = services.policy.view(permit);
    let beds = services.wards.beds(&grant, &ward).await;
    let beds = beds.map_err(|error| problem(&error))?.borrow().clone();
    let mut patients = BTreeSet::new();
    let beds: Vec<_> = beds
        .iter()
        .map(|bed| {
            let shown = bed.patient.as_ref().filter(|patient| {
                let (tenant, purpose) = (grant.tenant(), grant.purpose());
                grant.is_break_glass() || services.policy.consented(tenant, patient, purpose)
            });
            let shown = shown.map(ToString::to_string);
            patients.extend(shown.clone());
            let restricted = bed.patient.is_some() && shown.is_none();
            let bed = bed.bed.as_str();
            serde_json::json!({ "bed": bed, "patient": shown, "restricted": restricted })
        })
        .collect();
    let body = serde_json::json!({ "ward": ward.as_str(), "beds": beds });
    // Whoever is named finds it in their own trail.
    Ok(Handled::Read {
        answer: Answer::json(StatusCode::OK, JSON, &body),
        plugin: None,
        patients,
    })
}

/// A patient into a bed, or nobody.
pub(super) async fn place(
    services: &Services,
    permit: Permit,
    (ward, bed): (WardId, BedId),
    free: bool,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Result<Handled, Refused> {
    let patient = if free {
        None
    } else {
        let (bytes, _memory) = parse::body(services, headers, body, JSON_TYPES).await?;
        Some(placing(&bytes)?)
    };
    // Whoever is moved out finds it in their trail as much as who is moved in.
    let concerned = match &patient {
        Some(patient) => Some(patient.clone()),
        None => lying(services, &permit, &ward, &bed).await?,
    };
    let decided = (permit.access(), permit.decision());
    let mut entry = services.decided(decided, Phase::Opened, Outcome::Pending)?;
    entry.patient = concerned.as_ref().map(ToString::to_string);
    let open = services.open(entry).await?;
    let said = serde_json::json!({
        "ward": ward.as_str(),
        "bed": bed.as_str(),
        "patient": patient.as_ref().map(PatientId::as_str),
    });
    match services.wards.place(permit, open, ward, bed, patient).await {
        Ok(open) => {
            let answer = Answer::json(StatusCode::OK, JSON, &said);
            services.changed(open, answer).await
        }
        Err((error, open)) => {
            let (problem, outcome) = (problem(&error), outcome(&error));
            services.not_changed(open, outcome, problem).await
        }
    }
}

/// Who lies in a bed now.
async fn lying(
    services: &Services,
    permit: &Permit,
    ward: &WardId,
    bed: &BedId,
) -> Result<Option<PatientId>, Problem> {
    let grant = services.policy.view(permit);
    let beds = services.wards.beds(&grant, ward).await;
    let beds = beds.map_err(|error| problem(&error))?.borrow().clone();
    let found = beds.iter().find(|one| one.bed == *bed);
    Ok(found.and_then(|one| one.patient.clone()))
}

fn placing(bytes: &Bytes) -> Result<PatientId, Problem> {
    let Placing { patient } = serde_json::from_slice(bytes).map_err(|_| {
        let detail = "expected a JSON object `{\"patient\": ID}`";
        Problem::new(ProblemCode::Malformed, detail).field("body")
    })?;
    PatientId::parse(&patient)
        .map_err(|error| Problem::new(ProblemCode::Invalid, error.to_string()).field("patient"))
}

/// What the trail says of a placement that was not made; nothing when nobody here knows.
const fn outcome(error: &WardError) -> Option<Outcome> {
    match error {
        WardError::InDoubt => None,
        WardError::NotFound
        | WardError::UnknownPatient
        | WardError::Occupied
        | WardError::Full
        | WardError::Conflict
        | WardError::Permit(PermitError::Revoked) => Some(Outcome::Refused),
        _ => Some(Outcome::Failed),
    }
}

/// A ward could not be read or changed.
pub(super) fn problem(error: &WardError) -> Problem {
    let (code, detail, field) = match error {
        WardError::NotFound => (
            ProblemCode::NotFound,
            "there is no such ward or bed",
            "ward",
        ),
        WardError::UnknownPatient => (
            ProblemCode::Invalid,
            "expected a patient that exists here",
            "patient",
        ),
        WardError::Occupied => (
            ProblemCode::Conflict,
            "another patient lies there: free the bed first",
            "bed",
        ),
        WardError::Full => (ProblemCode::Conflict, "no bed can be added", "bed"),
        WardError::Conflict => (
            ProblemCode::Conflict,
            "another change got there first",
            "bed",
        ),
        WardError::Overloaded => (ProblemCode::Overloaded, "too many wards are asked for", ""),
        WardError::Unavailable => (ProblemCode::Unavailable, "the wards are not available", ""),
        WardError::Permit(error) => {
            let (code, detail) = problems::permit(*error);
            (code, detail, "")
        }
        WardError::Timeout { .. } => (
            ProblemCode::Unavailable,
            "the ward did not answer in time",
            "",
        ),
        WardError::InDoubt => (
            ProblemCode::DeadlineExceeded,
            "it is not known whether the change was made: read before sending it again",
            "",
        ),
        WardError::PermitMismatch | WardError::Internal => {
            tracing::error!(%error, "ward");
            (ProblemCode::Internal, "the ward cannot be given", "")
        }
    };
    let problem = Problem::new(code, detail);
    if field.is_empty() {
        problem
    } else {
        problem.field(field)
    }
}
