//! Clinical records, through FHIR's REST addresses.
//!
//! A change opens its audit entry first and completes it in the transaction that makes the change;
//! it runs in a task of its own, so that a client who hangs up in the middle leaves no entry half
//! told.

use super::super::refused::Refused;
use super::super::reply::{Answer, FHIR_JSON};
use super::super::services::Services;
use super::super::{parse, problems};
use super::{Handled, Load, internal};
use futures_util::future::try_join_all;
use http::{HeaderMap, StatusCode, header};
use hyper::body::Incoming;
use plantao_actors::aside::aside;
use plantao_actors::audit::{AuditReceipt, OpenEntry, Opening};
use plantao_actors::patient::{Found, RecordError, TransactionOutcome};
use plantao_actors::policy::Permit;
use plantao_schema::audit::{Outcome, Phase, SALT_BYTES};
use plantao_schema::fhir::{
    self, BundleKind, Entry, EntryOutcome, FhirType, Method, Resource, SearchEntry, Transaction,
};
use plantao_schema::id::{PatientId, ResourceId};
use plantao_schema::problem::{Problem, ProblemCode};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroizing;

/// How many records are committed to before other work gets a turn: less than a millisecond.
const COMMITS_AT_ONCE: usize = 64;
/// What FHIR bodies may be called.
const FHIR_TYPES: &[&str] = &["application/fhir+json", "application/json"];
/// Largest body read on the reactor: beyond it parsing takes a millisecond.
const INLINE_MAX_BYTES: usize = 32 * 1024;

/// A bundle.
pub(super) async fn bundle(
    services: &Services,
    permit: Permit,
    headers: &HeaderMap,
    body: &mut Incoming,
    slot: OwnedSemaphorePermit,
) -> Result<Handled, Refused> {
    let (bytes, memory) = parse::body(services, headers, body, FHIR_TYPES).await?;
    let load = Load {
        _slot: slot,
        _memory: memory,
    };
    let ids = services.clone();
    let parse = move || {
        let mut new_id = || Ok::<_, Refused>(ids.record_id()?);
        let parsed = fhir::parse_bundle(fhir::parse_json(&bytes)?, &mut new_id)?;
        Ok::<_, Refused>((parsed, load))
    };
    let parsed = aside(parse).await;
    let (transaction, load) = parsed.ok_or(internal("the bundle could not be read"))??;
    change(services, permit, transaction, false, load).await
}

/// One resource, created or updated.
pub(super) async fn store(
    services: &Services,
    permit: Permit,
    (kind, id): (FhirType, Option<ResourceId>),
    headers: &HeaderMap,
    body: &mut Incoming,
    slot: OwnedSemaphorePermit,
) -> Result<Handled, Refused> {
    let (bytes, memory) = parse::body(services, headers, body, FHIR_TYPES).await?;
    let bytes_are_many = bytes.len() > INLINE_MAX_BYTES;
    let id = match id {
        Some(id) => Address::Known(id),
        None => Address::New(services.record_id()?),
    };
    let parse = move || single(kind, &id, fhir::parse_json(&bytes)?);
    let transaction = if bytes_are_many {
        let parsed = aside(parse).await;
        parsed.ok_or(internal("the resource could not be read"))??
    } else {
        parse()?
    };
    let load = Load {
        _slot: slot,
        _memory: memory,
    };
    change(services, permit, transaction, true, load).await
}

/// Under which id one resource is stored.
enum Address {
    /// PUT: that of the address.
    Known(ResourceId),
    /// POST: one that nothing has yet.
    New(ResourceId),
}

/// One resource as a transaction of one entry.
fn single(
    kind: FhirType,
    address: &Address,
    value: serde_json::Value,
) -> Result<Transaction, Refused> {
    let (method, resource) = match address {
        Address::New(id) => (Method::Create, fhir::parse_new_resource(value, id.clone())?),
        Address::Known(_) => (Method::Update, fhir::parse_resource(value)?),
    };
    let mismatch = |field: &str| {
        let detail = "expected the same as in the address";
        Problem::new(ProblemCode::Invalid, detail).field(field)
    };
    if resource.kind != kind {
        return Err(mismatch("resourceType").into());
    }
    let (Address::Known(id) | Address::New(id)) = address;
    if *id != resource.id {
        return Err(mismatch(&format!("{kind}.id")).into());
    }
    let entries = vec![Entry::Store { method, resource }];
    Ok(Transaction {
        kind: BundleKind::Transaction,
        entries,
    })
}

pub(super) async fn read(
    services: &Services,
    permit: Permit,
    kind: FhirType,
    id: ResourceId,
) -> Result<Handled, Refused> {
    let found = services
        .records
        .read(permit, kind, id)
        .await
        .map_err(|e| problems::record(&e))?;
    let patients = found.patient.iter().map(ToString::to_string).collect();
    let answer = Answer::json(StatusCode::OK, FHIR_JSON, &found.body)
        .header(header::ETAG, fhir::etag(found.version));
    Ok(Handled::Read {
        answer,
        plugin: None,
        patients,
    })
}

pub(super) async fn search(
    services: &Services,
    permit: Permit,
    kind: FhirType,
    system: &str,
    value: &str,
) -> Result<Handled, Refused> {
    let found = services
        .records
        .find_by_identifier(permit, kind, system, value)
        .await
        .map_err(|e| problems::record(&e))?;
    let patients: BTreeSet<String> = found
        .iter()
        .filter_map(|found| found.patient.as_ref())
        .map(ToString::to_string)
        .collect();
    let entries = found
        .into_iter()
        .map(|Found { kind, id, body, .. }| SearchEntry { kind, id, body })
        .collect();
    let answer = Answer::json(
        StatusCode::OK,
        FHIR_JSON,
        &fhir::searchset("/fhir", entries),
    );
    Ok(Handled::Read {
        answer,
        plugin: None,
        patients,
    })
}

/// Makes a change in a task of its own, which keeps the request's slot and the memory of its body
/// until it is done: hanging up neither stops it half-way nor makes room for more.
async fn change(
    services: &Services,
    permit: Permit,
    transaction: Transaction,
    single: bool,
    load: Load,
) -> Result<Handled, Refused> {
    let services = services.clone();
    let task = tokio::spawn(async move {
        let _until_done = load;
        apply(&services, permit, transaction, single).await
    });
    // A task that panicked dropped its entry, which the trail then settles by itself.
    task.await.unwrap_or_else(|_| Err(settled_later()))
}

async fn apply(
    services: &Services,
    permit: Permit,
    transaction: Transaction,
    single: bool,
) -> Result<Handled, Refused> {
    let (open, others) = announce(services, &permit, &transaction).await?;
    match services.records.transact(permit, open, transaction).await {
        Ok((outcome, open)) => {
            let receipt = close(services, open, others, Outcome::Success).await?;
            let answer = if single {
                stored(&outcome)
            } else {
                let response = fhir::bundle_response(outcome.kind, &outcome.entries);
                Answer::json(StatusCode::OK, FHIR_JSON, &response)
            };
            Ok(Handled::Changed { answer, receipt })
        }
        // Nobody here knows: dropping the entries leaves it to the trail, which asks the database.
        Err((RecordError::InDoubt, _dropped)) => Err(settled_later()),
        Err((error, open)) => {
            close(services, open, others, problems::outcome_of(&error)).await?;
            Err(Refused {
                audited: true,
                ..Refused::from(problems::record(&error))
            })
        }
    }
}

/// Opens the entries of a change: one that the transaction completes, and where several patients
/// are concerned one more for each of the others, so that each finds it in their own trail.
async fn announce(
    services: &Services,
    permit: &Permit,
    transaction: &Transaction,
) -> Result<(OpenEntry, Vec<OpenEntry>), Refused> {
    let decided = (permit.access(), permit.decision());
    let mut entries = Vec::new();
    let mut openings = Vec::new();
    for (patient, records) in by_patient(transaction) {
        let mut entry = services.decided(decided, Phase::Opened, Outcome::Pending)?;
        entry.patient = entry.patient.or(patient.map(ToString::to_string));
        let mut salt = Zeroizing::new([0; SALT_BYTES]);
        let drawn = services.entropy.fill(&mut *salt);
        drawn.map_err(|error| problems::entropy(&error))?;
        let mut opening = Opening::new(entry.id, salt);
        for some in records.chunks(COMMITS_AT_ONCE) {
            some.iter().for_each(|record| opening.add(record));
            tokio::task::yield_now().await;
        }
        entry.commitment = Some(opening.commitment());
        entries.push(entry);
        openings.push(opening);
    }
    let opened = entries.into_iter().map(|entry| services.open(entry));
    let mut opened = try_join_all(opened).await?.into_iter();
    let first = opened.next().ok_or(internal("a change without an entry"))?;
    Ok((first.with_openings(openings), opened.collect()))
}

/// The records of a change by whose they are; what is nobody's goes with the first. One group at
/// least, be it empty.
fn by_patient(transaction: &Transaction) -> Vec<(Option<&PatientId>, Vec<&Resource>)> {
    let mut groups: BTreeMap<Option<&PatientId>, Vec<&Resource>> = BTreeMap::new();
    for resource in transaction.resources() {
        let group = groups.entry(resource.patient.as_ref()).or_default();
        group.push(resource);
    }
    let of_nobody = groups.remove(&None).unwrap_or_default();
    let mut groups: Vec<_> = groups.into_iter().collect();
    match groups.first_mut() {
        Some((_, first)) => first.extend(of_nobody),
        None => groups.push((None, of_nobody)),
    }
    for (_, records) in &mut groups {
        records.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
    }
    groups
}

/// Completes the entries of a change that is made, or is known not to be.
async fn close(
    services: &Services,
    open: OpenEntry,
    others: Vec<OpenEntry>,
    outcome: Outcome,
) -> Result<AuditReceipt, Refused> {
    let others = others
        .into_iter()
        .map(|other| services.audit.complete(other, outcome));
    let (receipt, others) =
        tokio::join!(services.audit.complete(open, outcome), try_join_all(others));
    match (receipt, others) {
        (Ok(receipt), Ok(_others)) => Ok(receipt),
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(%error, "a completion is left to the trail");
            Err(settled_later())
        }
    }
}

/// The change may be made and its entry will tell: sending it again unseen could make it twice.
fn settled_later() -> Refused {
    Refused {
        audited: true,
        ..Refused::from(problems::record(&RecordError::InDoubt))
    }
}

/// The answer to one resource stored: 201 when it is new (R4, 3.1.0.8).
fn stored(outcome: &TransactionOutcome) -> Answer {
    let Some(EntryOutcome::Stored {
        kind, id, version, ..
    }) = outcome.entries.first()
    else {
        return Answer::json(StatusCode::OK, FHIR_JSON, &fhir::operation_outcome(&[]));
    };
    let status = if *version == 1 {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Answer::json(status, FHIR_JSON, &fhir::operation_outcome(&[]))
        .header(header::ETAG, fhir::etag(*version))
        .header(
            header::LOCATION,
            format!("/fhir/{kind}/{id}/_history/{version}"),
        )
}
