//! The records' twin. Bodies lie open in it, for what seals them is tested on PostgreSQL; the keys
//! that would seal and find them are asked of the vault all the same, so that records need it here
//! as they do there.

use super::tables::{complete, kept_time};
use super::{Disk, Record, Tables, TwinKeys};
use crate::mutant::Mutant;
use futures_util::future::BoxFuture;
use plantao_actors::audit::OpenEntry;
use plantao_actors::database::Scope;
use plantao_actors::patient::{
    Borrowed, Edition, Loaded, Recent, RecordError, RecordStore, Stored, slow,
};
use plantao_actors::vault::{KeySubject, Vault, VaultError};
use plantao_schema::audit::Outcome;
use plantao_schema::fhir::{self, EntryOutcome, FhirType};
use plantao_schema::id::{PatientId, ResourceId};
use plantao_schema::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// Most records that one look-up by identifier gives back, as in PostgreSQL.
const MAX_FOUND: usize = 50;

/// See the module.
pub(crate) struct TwinRecords {
    disk: Disk,
    keys: Option<(TwinKeys, Vault)>,
}

impl TwinRecords {
    /// Asks no vault for anything.
    #[cfg(test)]
    pub(crate) const fn open(disk: Disk) -> Self {
        Self { disk, keys: None }
    }

    /// Asks the vault for the keys.
    pub(crate) const fn sealing(disk: Disk, keys: TwinKeys, vault: Vault) -> Self {
        Self {
            disk,
            keys: Some((keys, vault)),
        }
    }

    /// The tenant's key for look-ups, or why there is none.
    async fn index(&self, scope: &Scope) -> Result<(), RecordError> {
        let Some((keys, vault)) = &self.keys else {
            return Ok(());
        };
        let key = vault.index_key(keys, scope).await;
        key.map(drop).map_err(refused)
    }

    /// The key of each subject that a bundle is about, or why there is none.
    async fn seal(&self, scope: &Scope, bundle: &fhir::Transaction) -> Result<(), RecordError> {
        let Some((keys, vault)) = &self.keys else {
            return Ok(());
        };
        let patients: BTreeSet<&PatientId> = bundle
            .resources()
            .filter_map(|resource| resource.patient.as_ref())
            .collect();
        for patient in patients {
            let subject = KeySubject::Patient(patient.clone());
            let key = vault.data_key(keys, scope, &subject).await;
            key.map(drop).map_err(refused)?;
        }
        Ok(())
    }
}

/// What a refusal of the vault is to a reader of records.
fn refused(error: VaultError) -> RecordError {
    match error {
        VaultError::Keeper(error) => error.into(),
        VaultError::Database(error) => error.into(),
        _ => RecordError::Unavailable,
    }
}

type Asked<'a, T> = BoxFuture<'a, Result<T, RecordError>>;

impl RecordStore for TwinRecords {
    fn load<'a>(
        &'a self,
        scope: &'a Scope,
        kind: FhirType,
        id: &'a ResourceId,
        known: Option<u64>,
    ) -> Asked<'a, Option<Loaded>> {
        let place = (scope.tenant.clone(), kind, id.to_string());
        let look = move |tables: &Tables| {
            let record = tables.records.get(&place)?;
            Some(if Some(record.version) == known {
                Loaded::Unchanged
            } else {
                Loaded::Newest(opened(id, record))
            })
        };
        Box::pin(async move { Ok(self.disk.read(look).await?) })
    }

    fn owner<'a>(
        &'a self,
        scope: &'a Scope,
        kind: FhirType,
        id: &'a ResourceId,
    ) -> Asked<'a, Option<Option<PatientId>>> {
        let place = (scope.tenant.clone(), kind, id.to_string());
        let look = move |tables: &Tables| {
            let record = tables.records.get(&place);
            record.map(|record| record.patient.clone())
        };
        Box::pin(async move { Ok(self.disk.read(look).await?) })
    }

    fn find<'a>(
        &'a self,
        scope: &'a Scope,
        kind: FhirType,
        system: &'a str,
        value: &'a str,
    ) -> Asked<'a, Vec<Stored>> {
        let wanted = (system.to_owned(), fhir::canonical_value(system, value));
        let look = move |tables: &Tables| {
            let of_kind = tables.of_tenant(scope).filter(|(one, ..)| *one == kind);
            let found = of_kind.filter(|(.., record)| record.identifiers.contains(&wanted));
            let found = found.filter_map(|(_, id, record)| stored(id, record));
            found.take(MAX_FOUND).collect()
        };
        Box::pin(async move {
            self.index(scope).await?;
            Ok(self.disk.read(look).await?)
        })
    }

    fn recent<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        kinds: &'a [FhirType],
        limit: usize,
    ) -> Asked<'a, Recent> {
        let look = move |tables: &Tables| newest(tables, scope, patient, kinds, limit);
        Box::pin(async move { Ok(self.disk.read(look).await?) })
    }

    fn stored_since<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        kinds: &'a [FhirType],
        since: Timestamp,
    ) -> Asked<'a, Vec<Edition>> {
        let look = move |tables: &Tables| {
            let since = kept_time(since);
            let fresh = tables.of_tenant(scope).filter(|(kind, _, record)| {
                kinds.contains(kind)
                    && record.patient.as_ref() == Some(patient)
                    && record.updated_at > since
            });
            let mut fresh: Vec<_> = fresh.collect();
            fresh.sort_by_key(|(.., record)| Reverse(record.updated_at));
            let edition = |(kind, id, record): (FhirType, &str, &Record)| {
                Some(Edition {
                    kind,
                    id: ResourceId::parse(id).ok()?,
                    version: record.version,
                })
            };
            let fresh = fresh.into_iter().take(fhir::MAX_ENTRIES);
            fresh.filter_map(edition).collect()
        };
        Box::pin(async move { Ok(self.disk.read(look).await?) })
    }

    fn store<'a>(
        &'a self,
        scope: &'a Scope,
        bundle: &'a fhir::Transaction,
        at: Timestamp,
        open: &'a Borrowed<OpenEntry>,
    ) -> Asked<'a, Vec<EntryOutcome>> {
        let (loses, undoes) = (
            self.disk.has(Mutant::WriteLost),
            self.disk.has(Mutant::WriteUndone),
        );
        let twists = self.disk.has(Mutant::OutcomeTwisted);
        let change = move |tables: &mut Tables| {
            stays_filed(tables, scope, bundle)?;
            patients_exist(tables, scope, bundle)?;
            once_each(bundle)?;
            let announced = open.value().ok_or(RecordError::Internal)?;
            let outcome = if twists {
                Outcome::Failed
            } else {
                Outcome::Success
            };
            complete(tables, scope, announced.completions(outcome))?;
            if loses && at.micros() % 10 == 0 {
                let lost = bundle.entries.iter().map(|entry| told(entry, at));
                return Ok(lost.collect());
            }
            let outcomes = bundle
                .entries
                .iter()
                .map(|entry| keep(tables, (scope, undoes), entry, at));
            outcomes.collect()
        };
        Box::pin(async move {
            self.seal(scope, bundle).await?;
            let sent = || open.committing();
            self.disk.commit_telling(sent, change).await
        })
    }
}

/// The newest of each type, and the Observations beyond them whose slow signs may still count.
fn newest(
    tables: &Tables,
    scope: &Scope,
    patient: &PatientId,
    kinds: &[FhirType],
    limit: usize,
) -> Recent {
    let (mut recent, mut beyond) = (Recent::default(), Vec::new());
    for kind in kinds {
        let of_patient = tables
            .of_tenant(scope)
            .filter(|(one, _, record)| one == kind && record.patient.as_ref() == Some(patient));
        let mut rows: Vec<(&str, &Record)> =
            of_patient.map(|(_, id, record)| (id, record)).collect();
        rows.sort_by_key(|(_, record)| Reverse(record.updated_at));
        let older = rows.split_off(limit.min(rows.len()));
        let full = !rows.is_empty() && rows.len() >= limit;
        recent.cut |= full;
        if full && *kind == FhirType::Observation {
            beyond = still_counting(&rows, &older);
        }
        let opened = rows.into_iter().filter_map(|(id, one)| stored(id, one));
        recent.records.extend(opened.map(|one| (*kind, one)));
    }
    recent.records.sort_by(|(kind, one), (other_kind, other)| {
        let by_time = other.updated_at.cmp(&one.updated_at);
        by_time.then_with(|| kind.as_str().cmp(other_kind.as_str()))
    });
    let beyond = beyond
        .into_iter()
        .filter_map(|(id, one)| stored(id, one))
        .map(|one| (FhirType::Observation, one));
    recent.records.extend(beyond);
    let newest_first = |(_, one): &(FhirType, Stored)| Reverse(one.updated_at);
    recent.records.sort_by_key(newest_first);
    recent
}

/// Of the Observations beyond the newest those that [`slow`] has looked up: newest first, of each
/// mask a bounded number, those among the newest counted.
fn still_counting<'a>(
    newest: &[(&'a str, &'a Record)],
    older: &[(&'a str, &'a Record)],
) -> Vec<(&'a str, &'a Record)> {
    let (Some((_, first)), Some((_, last))) = (newest.first(), newest.last()) else {
        return Vec::new();
    };
    let kept_us = i64::try_from(slow::KEPT.as_micros()).unwrap_or(i64::MAX);
    let since_us = first.updated_at.micros().saturating_sub(kept_us).max(0);
    let mut of_mask: BTreeMap<i16, usize> = BTreeMap::new();
    for (_, record) in newest
        .iter()
        .filter(|(_, one)| one.updated_at == last.updated_at)
    {
        *of_mask.entry(record.slow_signs).or_default() += 1;
    }
    let counts = older.iter().filter(|(_, record)| {
        let of_mask = of_mask.entry(record.slow_signs).or_default();
        *of_mask += 1;
        record.slow_signs != 0 && *of_mask <= slow::OF_EACH && record.updated_at.micros() > since_us
    });
    counts.copied().collect()
}

/// Nothing that is there moves into another patient's file.
fn stays_filed(
    tables: &Tables,
    scope: &Scope,
    bundle: &fhir::Transaction,
) -> Result<(), RecordError> {
    for resource in bundle.resources() {
        let place = (scope.tenant.clone(), resource.kind, resource.id.to_string());
        let filed = tables.records.get(&place).map(|record| &record.patient);
        if filed.is_some_and(|filed| *filed != resource.patient) {
            return Err(RecordError::OtherPatient);
        }
    }
    Ok(())
}

/// No record is written twice by one bundle.
fn once_each(bundle: &fhir::Transaction) -> Result<(), RecordError> {
    let mut seen = BTreeSet::new();
    let mut places = bundle.resources().map(|one| (one.kind, one.id.as_str()));
    if places.all(|place| seen.insert(place)) {
        Ok(())
    } else {
        Err(RecordError::Conflict)
    }
}

/// Nothing is filed under a patient that is neither here nor in this bundle.
fn patients_exist(
    tables: &Tables,
    scope: &Scope,
    bundle: &fhir::Transaction,
) -> Result<(), RecordError> {
    let brought = |patient: &PatientId| {
        bundle
            .resources()
            .any(|one| one.kind == FhirType::Patient && one.patient.as_ref() == Some(patient))
    };
    let here = |patient: &PatientId| tables.has_patient(scope, patient);
    let mut named = bundle.resources().filter_map(|one| one.patient.as_ref());
    if named.all(|patient| brought(patient) || here(patient)) {
        Ok(())
    } else {
        Err(RecordError::UnknownPatient)
    }
}

fn keep(
    tables: &mut Tables,
    (scope, undoes): (&Scope, bool),
    entry: &fhir::Entry,
    at: Timestamp,
) -> Result<EntryOutcome, RecordError> {
    let resource = match entry {
        fhir::Entry::Skipped { kind } => return Ok(EntryOutcome::Skipped { kind }),
        fhir::Entry::Store { resource, .. } => resource,
    };
    let place = (scope.tenant.clone(), resource.kind, resource.id.to_string());
    let version = tables
        .records
        .get(&place)
        .map_or(1, |record| record.version + 1);
    let body = serde_json::to_vec(&resource.body);
    let record = Record {
        version: if undoes && version > 2 { 1 } else { version },
        updated_at: kept_time(at),
        patient: resource.patient.clone(),
        body: body.map_err(|_| RecordError::Internal)?,
        identifiers: fhir::identifiers(resource).into_iter().collect(),
        slow_signs: slow::signs(resource, at),
    };
    tables.records.insert(place, record);
    Ok(EntryOutcome::Stored {
        kind: resource.kind,
        id: resource.id.clone(),
        version,
        updated_at: at,
    })
}

/// What is told of an entry that a planted defect does not keep.
fn told(entry: &fhir::Entry, at: Timestamp) -> EntryOutcome {
    match entry {
        fhir::Entry::Skipped { kind } => EntryOutcome::Skipped { kind },
        fhir::Entry::Store { resource, .. } => EntryOutcome::Stored {
            kind: resource.kind,
            id: resource.id.clone(),
            version: 1,
            updated_at: at,
        },
    }
}

fn stored(id: &str, record: &Record) -> Option<Stored> {
    Some(opened(&ResourceId::parse(id).ok()?, record))
}

fn opened(id: &ResourceId, record: &Record) -> Stored {
    Stored {
        id: id.clone(),
        version: record.version,
        updated_at: record.updated_at,
        patient: record.patient.clone(),
        body: Zeroizing::new(record.body.clone()),
    }
}
