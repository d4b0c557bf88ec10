//! The audit trail read by those it is kept for: its pages, searches of it, its
//! checkpoints, its proofs.

use super::super::problems;
use super::super::refused::Refused;
use super::super::reply::{Answer, FHIR_JSON};
use super::super::route::{AuditPage, AuditSearch};
use super::super::services::Services;
use super::{Handled, JSON, internal, looked_at};
use http::{StatusCode, header};
use plantao_actors::aside::aside;
use plantao_actors::audit::keeping::archived_heads;
use plantao_actors::audit::transparency::TransparencyLog;
use plantao_actors::audit::{AuditLog, Filter, Found};
use plantao_actors::database::Scope;
use plantao_actors::patient::Checked;
use plantao_actors::policy::Permit;
use plantao_schema::audit::fhir::searchset;
use plantao_schema::problem::{Problem, ProblemCode};
use uuid::Uuid;

/// A page of the whole trail, in the order of its chains.
pub(super) async fn page(
    services: &Services,
    permit: &Permit,
    page: AuditPage,
) -> Result<Handled, Refused> {
    let (scope, everything) = (Scope::of(permit), Filter::default());
    let (limit, database) = (i64::from(page.limit), &services.database);
    let entries = AuditLog::page(database, &scope, page.after.as_ref(), limit, &everything).await;
    let entries = entries.map_err(|error| problems::database(&error))?;
    // A short page is the end.
    let full = usize::try_from(page.limit).is_ok_and(|limit| entries.len() >= limit);
    let next = entries
        .last()
        .filter(|_| full)
        .map(|last| format!("{}:{}", last.chain, last.seq));
    let body = serde_json::json!({ "entries": entries, "next": next });
    Ok(looked_at(Answer::json(StatusCode::OK, JSON, &body)))
}

/// A page of a search, newest first.
pub(super) async fn search(
    services: &Services,
    permit: &Permit,
    search: &AuditSearch,
) -> Result<Handled, Refused> {
    let found = found(services, permit, search).await?;
    let next = found.next.as_ref();
    let place = next.map(ToString::to_string);
    let body = serde_json::json!({ "entries": found.entries, "next": place });
    let mut answer = Answer::json(StatusCode::OK, JSON, &body);
    if let Some(place) = next {
        // RFC 8288, section 3.
        let link = format!("<{}>; rel=\"next\"", search.next(place));
        answer = answer.header(header::LINK, link);
    }
    Ok(looked_for(answer, search))
}

/// The same as a searchset of FHIR's AuditEvent.
pub(super) async fn events(
    services: &Services,
    permit: &Permit,
    search: &AuditSearch,
) -> Result<Handled, Refused> {
    let found = found(services, permit, search).await?;
    let next = found.next.map(|place| search.next(&place));
    let own = search.own.clone();
    // A thousand events take some milliseconds to write out.
    let draw = move || searchset(&found.entries, &own, next.as_deref());
    let bundle = aside(draw).await;
    let bundle = bundle.ok_or_else(|| internal("the events could not be written"))?;
    let answer = Answer::json(StatusCode::OK, FHIR_JSON, &bundle);
    Ok(looked_for(answer, search))
}

async fn found(
    services: &Services,
    permit: &Permit,
    search: &AuditSearch,
) -> Result<Found, Problem> {
    let (scope, database) = (Scope::of(permit), &services.database);
    let filter = search.filter(services.readers.offset_s);
    let (place, limit) = (search.after.as_ref(), i64::from(search.limit));
    let found = AuditLog::search(database, &scope, &filter, place, limit).await;
    found.map_err(|error| problems::database(&error))
}

/// Whoever's trail was looked for finds that in it.
fn looked_for(answer: Answer, search: &AuditSearch) -> Handled {
    Handled::Read {
        answer,
        plugin: None,
        patients: search.patient.iter().map(ToString::to_string).collect(),
    }
}

/// The newest checkpoint of each chain of the tenant, the daily ones, what checks them, and where
/// the part of a chain that was archived ends.
pub(super) async fn checkpoints(services: &Services, permit: &Permit) -> Result<Handled, Refused> {
    let (scope, database) = (Scope::of(permit), &services.database);
    // What was committed by now is signed now; without the sequencer, what was signed is shown.
    if let Err(error) = services.log.look().await {
        tracing::debug!(%error, "the checkpoints that are shown may be older");
    }
    let newest = TransparencyLog::heads(database, &scope).await;
    let newest = newest.map_err(|error| problems::database(&error))?;
    let seals = TransparencyLog::seals(database, &scope).await;
    let seals = seals.map_err(|error| problems::database(&error))?;
    let keys = newest
        .iter()
        .flat_map(|head| services.log_keys.verifiers(&head.chain));
    let keys: Vec<String> = keys.map(|key| key.to_string()).collect();
    // Of this node's chains those of this tenant.
    let mut cosigned = services.witnesses.states();
    cosigned.retain(|state| newest.iter().any(|head| head.chain == state.chain));
    let archived = archived_heads(database, &scope).await;
    let archived = archived.map_err(|error| problems::database(&error))?;
    let body = serde_json::json!({
        "checkpoints": newest, "seals": seals, "keys": keys, "cosigned": cosigned,
        "archived": archived,
    });
    Ok(looked_at(Answer::json(StatusCode::OK, JSON, &body)))
}

/// The proof of one entry.
pub(super) async fn proof(
    services: &Services,
    permit: &Permit,
    entry: Uuid,
) -> Result<Handled, Refused> {
    let (scope, database) = (Scope::of(permit), &services.database);
    let proof = TransparencyLog::prove(database, &scope, entry).await;
    let proof = proof.map_err(|error| problems::database(&error))?;
    let proof = proof.ok_or_else(|| {
        let detail = "no entry of that key is under a checkpoint; a new one is within a second";
        Problem::new(ProblemCode::NotFound, detail)
    })?;
    let body = serde_json::json!(proof);
    Ok(looked_at(Answer::json(StatusCode::OK, JSON, &body)))
}

/// Whether the content that is kept is that which an entry committed to. No content is given out.
pub(super) async fn contents(
    services: &Services,
    permit: &Permit,
    entry: Uuid,
) -> Result<Handled, Refused> {
    let (scope, database) = (Scope::of(permit), &services.database);
    let found = AuditLog::one(database, &scope, entry).await;
    let found = found.map_err(|error| problems::database(&error))?;
    let found = found
        .ok_or_else(|| Problem::new(ProblemCode::NotFound, "there is no entry of that key"))?;
    let checked = services.contents.check(&scope, &found.entry).await;
    let (content, records) = match checked.map_err(|error| problems::record(&error))? {
        Checked::Holds { records } => ("holds", records),
        Checked::Differs { records } => ("differs", records),
        Checked::Nothing => ("nothing", Vec::new()),
        Checked::NotKept => ("not_kept", Vec::new()),
        Checked::Sealed => ("sealed", Vec::new()),
    };
    let commitment = found.entry.commitment.as_deref();
    let body = serde_json::json!({
        "entry": entry, "commitment": commitment, "content": content, "records": records,
    });
    let patients = found.entry.patient.into_iter().collect();
    Ok(Handled::Read {
        answer: Answer::json(StatusCode::OK, JSON, &body),
        plugin: None,
        patients,
    })
}
