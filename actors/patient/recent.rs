//! One patient's newest records in PostgreSQL: all of them at once, or only what they are called.
//!
//! A live session rebuilds what it shows from here and asks here whether it has missed a change.
//! Thousands of bodies are opened away from the reactor, so that a rebuild delays nobody else.
//!
//! The newest Observations are those of a monitor; what is charted once a shift lies beyond them
//! and still counts. It is found by the signs that it is stored with ([`super::slow`]).

use super::RecordError;
use super::postgres::{self, PostgresRecords, unreadable};
use super::slow;
use super::store::{Edition, Recent, Stored};
use crate::database::{Row, Scope, ToSql, to_database};
use crate::vault::DataKey;
use plantao_schema::fhir::{self, FhirType};
use plantao_schema::id::{PatientId, ResourceId};
use plantao_schema::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// Most names that one look at what was stored gives back: as many as one bundle may have entries.
const MAX_EDITIONS: usize = fhir::MAX_ENTRIES;

// Each type for itself, so that the index hands out the newest of it and nothing is sorted.
const RECENT: &str = "SELECT r.id, r.version, r.patient, r.key_subject, r.key_version, \
     r.updated_at, r.sealed, r.kind FROM unnest($3::text[]) AS w(kind) CROSS JOIN LATERAL \
     (SELECT f.* FROM fhir_resource f \
     WHERE f.tenant = $1 AND f.patient = $2 AND f.kind = w.kind \
     ORDER BY f.updated_at DESC, f.id LIMIT $4) r \
     ORDER BY r.updated_at DESC, r.kind, r.id";

// The same beyond the newest, mask by mask. The predicate of the index is spelled out, because the
// planner cannot know it of a mask; its order is the whole order, so that nothing is sorted even
// where a hundred thousand lie in the time asked for.
const SLOW: &str = "SELECT r.id, r.version, r.patient, r.key_subject, r.key_version, \
     r.updated_at, r.sealed, r.kind FROM unnest($3::smallint[]) AS w(mask) CROSS JOIN LATERAL \
     (SELECT f.* FROM fhir_resource f \
     WHERE f.tenant = $1 AND f.patient = $2 AND f.slow_signs = w.mask AND f.slow_signs <> 0 \
     AND f.updated_at <= $4 AND f.updated_at > $5 \
     ORDER BY f.updated_at DESC LIMIT $6) r \
     ORDER BY r.updated_at DESC, r.kind, r.id";

const STORED_SINCE: &str = "SELECT kind, id, version FROM fhir_resource \
     WHERE tenant = $1 AND patient = $2 AND kind = ANY($3::text[]) AND updated_at > $4 \
     ORDER BY updated_at DESC LIMIT $5";

/// The newest records of a patient.
pub(super) async fn recent(
    records: &PostgresRecords,
    scope: &Scope,
    patient: &PatientId,
    kinds: &[FhirType],
    limit: usize,
) -> Result<Recent, RecordError> {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let params: [&(dyn ToSql + Sync); 4] =
        [&scope.tenant.as_str(), &patient.as_str(), &names, &most];
    let mut rows = records.database.read(scope, RECENT, &params).await?;
    let full = full(&rows, limit)?;
    if full.contains(&FhirType::Observation) {
        rows.extend(beyond(records, scope, patient, &rows).await?);
    }
    let keys = keys(records, scope, patient, &rows).await?;
    let scope = scope.clone();
    let open = move || open_all(&scope, &rows, &keys);
    let opened = tokio::task::spawn_blocking(open).await;
    let mut recent = opened.map_err(|_| RecordError::Internal)??;
    recent.cut = !full.is_empty();
    // Stable: what was looked up apart goes among the others of its time.
    let newest_first = |(_, stored): &(FhirType, Stored)| Reverse(stored.updated_at);
    recent.records.sort_by_key(newest_first);
    Ok(recent)
}

/// The types of which there are as many rows as were asked for.
fn full(rows: &[Row], limit: usize) -> Result<BTreeSet<FhirType>, RecordError> {
    let mut counts = BTreeMap::<FhirType, usize>::new();
    for row in rows {
        *counts.entry(kind(row, 7)?).or_default() += 1;
    }
    let full = counts.into_iter().filter(|(_, count)| *count >= limit);
    Ok(full.map(|(kind, _)| kind).collect())
}

/// The Observations beyond these whose slow signs may still count. One that is corrected between
/// the two questions is in neither answer; the next look finds that it is missing.
async fn beyond(
    records: &PostgresRecords,
    scope: &Scope,
    patient: &PatientId,
    newest: &[Row],
) -> Result<Vec<Row>, RecordError> {
    let mut known = BTreeSet::new();
    let mut times = Vec::with_capacity(newest.len());
    for row in newest {
        if kind(row, 7)? == FhirType::Observation {
            known.insert(id(row, 0)?);
            times.push(row.try_get::<_, SystemTime>(5).map_err(unreadable)?);
        }
    }
    let (Some(from), Some(to)) = (times.first(), times.last()) else {
        return Ok(Vec::new());
    };
    let since = from.checked_sub(slow::KEPT).unwrap_or(UNIX_EPOCH);
    let of_each = i64::try_from(slow::OF_EACH).unwrap_or(i64::MAX);
    let params: [&(dyn ToSql + Sync); 6] = [
        &scope.tenant.as_str(),
        &patient.as_str(),
        &slow::MASKS.as_slice(),
        to,
        &since,
        &of_each,
    ];
    let rows = records.database.read(scope, SLOW, &params).await?;
    let mut others = Vec::with_capacity(rows.len());
    for row in rows {
        if !known.contains(&id(&row, 0)?) {
            others.push(row);
        }
    }
    Ok(others)
}

/// The names of what was stored after `since`.
pub(super) async fn stored_since(
    records: &PostgresRecords,
    scope: &Scope,
    patient: &PatientId,
    kinds: &[FhirType],
    since: Timestamp,
) -> Result<Vec<Edition>, RecordError> {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let since = to_database(since);
    let limit = i64::try_from(MAX_EDITIONS).unwrap_or(i64::MAX);
    let params: [&(dyn ToSql + Sync); 5] = [
        &scope.tenant.as_str(),
        &patient.as_str(),
        &names,
        &since,
        &limit,
    ];
    let rows = records.database.read(scope, STORED_SINCE, &params).await?;
    rows.iter().map(edition).collect()
}

fn edition(row: &Row) -> Result<Edition, RecordError> {
    Ok(Edition {
        kind: kind(row, 0)?,
        id: id(row, 1)?,
        version: postgres::version(row, 2)?,
    })
}

fn id(row: &Row, column: usize) -> Result<ResourceId, RecordError> {
    let id = ResourceId::parse(row.try_get(column).map_err(unreadable)?);
    id.map_err(|_| RecordError::Internal)
}

fn kind(row: &Row, column: usize) -> Result<FhirType, RecordError> {
    let name: &str = row.try_get(column).map_err(unreadable)?;
    fhir::parse_type(name).map_err(|_| RecordError::Internal)
}

/// A key for each version that the rows were sealed under; a version whose key is gone has none.
type Keys = BTreeMap<i32, DataKey>;

async fn keys(
    records: &PostgresRecords,
    scope: &Scope,
    patient: &PatientId,
    rows: &[Row],
) -> Result<Keys, RecordError> {
    let versions = rows
        .iter()
        .map(|row| row.try_get::<_, i32>(4).map_err(unreadable));
    let versions: BTreeSet<i32> = versions.collect::<Result<_, _>>()?;
    let subject = postgres::subject(Some(patient));
    let mut keys = Keys::new();
    for version in versions {
        match records.keys.to_open(scope, &subject, version).await {
            Ok(key) => drop(keys.insert(version, key)),
            // Without its key what it sealed is unreadable, and the rest is not.
            Err(RecordError::Corrupt) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(keys)
}

fn open_all(scope: &Scope, rows: &[Row], keys: &Keys) -> Result<Recent, RecordError> {
    let mut recent = Recent::default();
    for row in rows {
        match open(scope, row, keys) {
            Ok(record) => recent.records.push(record),
            // Logged as an incident where it did not open.
            Err(RecordError::Corrupt) => recent.unreadable += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(recent)
}

fn open(scope: &Scope, row: &Row, keys: &Keys) -> Result<(FhirType, Stored), RecordError> {
    let kind = kind(row, 7)?;
    let version: i32 = row.try_get(4).map_err(unreadable)?;
    let key = keys.get(&version).ok_or(RecordError::Corrupt)?;
    Ok((kind, postgres::opened(scope, kind, row, key)?))
}
