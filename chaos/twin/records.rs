//! The records' twin. Bodies lie open in it: what seals them is tested on PostgreSQL.

use super::{Disk, Record, Tables, complete};
use crate::mutant::Mutant;
use futures_util::future::BoxFuture;
use plantao_actors::audit::OpenEntry;
use plantao_actors::database::Scope;
use plantao_actors::patient::{
    Borrowed, Edition, Loaded, Recent, RecordError, RecordStore, Stored,
};
use plantao_schema::audit::Outcome;
use plantao_schema::fhir::{self, EntryOutcome, FhirType};
use plantao_schema::id::{PatientId, ResourceId};
use plantao_schema::time::Timestamp;
use zeroize::Zeroizing;

/// See the module.
pub(crate) struct TwinRecords(pub(crate) Disk);

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
        Box::pin(async move { Ok(self.0.read(look).await?) })
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
        Box::pin(async move { Ok(self.0.read(look).await?) })
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
            found
                .filter_map(|(_, id, record)| stored(id, record))
                .collect()
        };
        Box::pin(async move { Ok(self.0.read(look).await?) })
    }

    fn recent<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        kinds: &'a [FhirType],
        limit: usize,
    ) -> Asked<'a, Recent> {
        let look = move |tables: &Tables| {
            let mut recent = Recent::default();
            for kind in kinds {
                let of_kind = tables.of_tenant(scope).filter(|(one, ..)| one == kind);
                let mut of_patient: Vec<Stored> = of_kind
                    .filter(|(.., record)| record.patient.as_ref() == Some(patient))
                    .filter_map(|(_, id, record)| stored(id, record))
                    .collect();
                of_patient.sort_by_key(|one| std::cmp::Reverse(one.updated_at));
                recent.cut |= of_patient.len() >= limit;
                of_patient.truncate(limit);
                recent
                    .records
                    .extend(of_patient.into_iter().map(|one| (*kind, one)));
            }
            recent
        };
        Box::pin(async move { Ok(self.0.read(look).await?) })
    }

    fn stored_since<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        kinds: &'a [FhirType],
        since: Timestamp,
    ) -> Asked<'a, Vec<Edition>> {
        let look = move |tables: &Tables| {
            let fresh = tables.of_tenant(scope).filter(|(kind, _, record)| {
                kinds.contains(kind)
                    && record.patient.as_ref() == Some(patient)
                    && record.updated_at > since
            });
            let edition = |(kind, id, record): (FhirType, &str, &Record)| {
                Some(Edition {
                    kind,
                    id: ResourceId::parse(id).ok()?,
                    version: record.version,
                })
            };
            fresh.filter_map(edition).collect()
        };
        Box::pin(async move { Ok(self.0.read(look).await?) })
    }

    fn store<'a>(
        &'a self,
        scope: &'a Scope,
        bundle: &'a fhir::Transaction,
        at: Timestamp,
        open: &'a Borrowed<OpenEntry>,
    ) -> Asked<'a, Vec<EntryOutcome>> {
        let (loses, undoes) = (
            self.0.has(Mutant::WriteLost),
            self.0.has(Mutant::WriteUndone),
        );
        let twists = self.0.has(Mutant::OutcomeTwisted);
        let change = move |tables: &mut Tables| {
            patients_exist(tables, scope, bundle)?;
            let completion = open.value().ok_or(RecordError::Internal)?;
            let outcome = if twists {
                Outcome::Failed
            } else {
                Outcome::Success
            };
            let completion = completion.completion(outcome);
            for resource in bundle.resources() {
                let place = (scope.tenant.clone(), resource.kind, resource.id.to_string());
                let filed = tables.records.get(&place).map(|record| &record.patient);
                if filed.is_some_and(|filed| *filed != resource.patient) {
                    return Err(RecordError::OtherPatient);
                }
            }
            complete(tables, completion)?;
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
            open.committing();
            self.0.commit(change).await
        })
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
    let here = |patient: &PatientId| {
        let place = (scope.tenant.clone(), FhirType::Patient, patient.to_string());
        tables.records.contains_key(&place)
    };
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
        updated_at: at,
        patient: resource.patient.clone(),
        body: body.map_err(|_| RecordError::Internal)?,
        identifiers: fhir::identifiers(resource).into_iter().collect(),
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
