//! One bundle into PostgreSQL: everything or nothing, and the audit entry's outcome with it.
//!
//! Rows are locked in one order, so that two bundles over the same records wait for each other and
//! never deadlock. Keys are fetched before the transaction begins: a transaction that waited for a
//! second connection could starve the pool.

use super::RecordError;
use super::contents;
use super::keyring::refused;
use super::loan::Borrowed;
use super::postgres::{self, PostgresRecords, unreadable};
use super::slow;
use crate::audit::OpenEntry;
use crate::database::{DatabaseError, Scope, ToSql, Transaction, to_database};
use crate::vault::{DataKey, IndexKey, KeyHolder, KeySubject, RecordBody, Sealed, in_use};
use futures_util::future::{join, try_join_all};
use plantao_schema::audit::Outcome;
use plantao_schema::fhir::{self, Entry, EntryOutcome, FhirType, Resource};
use plantao_schema::id::PatientId;
use plantao_schema::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// How many keys are fetched at a time: fewer than the pool has connections.
const KEYS_AT_ONCE: usize = 4;

/// How often a bundle is sealed: a key is replaced once in a rotation, which takes longer than
/// this.
const KEYS_TRIED: usize = 3;

/// How many bodies are sealed before other work gets a turn: less than a millisecond.
const SEALS_AT_ONCE: usize = 64;

const LOCK: &str = "SELECT r.kind, r.id, r.version, r.patient FROM fhir_resource r \
     JOIN unnest($2::text[], $3::text[]) AS w(kind, id) ON r.kind = w.kind AND r.id = w.id \
     WHERE r.tenant = $1 ORDER BY r.kind, r.id FOR UPDATE OF r";

const KNOWN_PATIENTS: &str = "SELECT count(*) FROM fhir_resource \
     WHERE tenant = $1 AND kind = 'Patient' AND id = ANY($2::text[])";

const ADD: &str = "INSERT INTO fhir_resource \
     (tenant, kind, id, version, patient, sealed, key_subject, key_version, slow_signs, \
     updated_at) \
     SELECT $1, w.kind, w.id, w.version, w.patient, w.sealed, w.subject, w.key_version, w.slow, \
     $10 FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[], $7::text[], \
     $8::integer[], $9::smallint[]) \
     AS w(kind, id, version, patient, sealed, subject, key_version, slow)";

const REPLACE: &str = "UPDATE fhir_resource r SET version = w.version, sealed = w.sealed, \
     key_subject = w.subject, key_version = w.key_version, slow_signs = w.slow, \
     updated_at = $10 \
     FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[], $7::text[], \
     $8::integer[], $9::smallint[]) \
     AS w(kind, id, version, patient, sealed, subject, key_version, slow) \
     WHERE r.tenant = $1 AND r.kind = w.kind AND r.id = w.id AND r.version = w.version - 1";

const DROP_IDENTIFIERS: &str = "DELETE FROM fhir_identifier i \
     USING unnest($2::text[], $3::text[]) AS w(kind, id) \
     WHERE i.tenant = $1 AND i.kind = w.kind AND i.id = w.id";

const ADD_IDENTIFIERS: &str = "INSERT INTO fhir_identifier (tenant, kind, blind, id) \
     SELECT $1, w.kind, w.blind, w.id FROM unnest($2::text[], $3::bytea[], $4::text[]) \
     AS w(kind, blind, id) ON CONFLICT DO NOTHING";

type Versions = BTreeMap<(FhirType, String), u64>;

/// Stores a bundle.
pub(super) async fn store(
    records: &PostgresRecords,
    scope: &Scope,
    bundle: &fhir::Transaction,
    at: Timestamp,
    open: &Borrowed<OpenEntry>,
) -> Result<Vec<EntryOutcome>, RecordError> {
    let mut resources: Vec<&Resource> = bundle.resources().collect();
    resources.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
    // First: fetching the others makes those that are missing, and a bundle that is refused for
    // want of this one leaves none behind.
    let index = records.keys.index(scope).await?;
    let mut work = Work {
        scope,
        resources,
        keys: BTreeMap::new(),
        index,
        at,
    };
    for _ in 0..KEYS_TRIED {
        work.keys = keys(records, scope, &work.resources).await?;
        let transaction = records.database.begin(scope).await?;
        match work.run(&transaction, open).await {
            Ok(versions) => {
                open.committing();
                transaction.commit().await.map_err(in_doubt)?;
                return Ok(outcomes(bundle, &versions, at));
            }
            Err(undone) => {
                // A rollback that fails has lost the connection, which rolls back too.
                drop(transaction.rollback().await);
                match undone {
                    Undone::Refused(error) => return Err(error),
                    Undone::KeyReplaced => work.forget_keys(records),
                }
            }
        }
    }
    Err(RecordError::Conflict)
}

/// Why a transaction is rolled back.
enum Undone {
    /// A key was retired or destroyed since it was fetched.
    KeyReplaced,
    Refused(RecordError),
}

impl<E: Into<RecordError>> From<E> for Undone {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// A commit without an answer may have happened.
fn in_doubt(error: DatabaseError) -> RecordError {
    if error.is_unavailable() {
        RecordError::InDoubt
    } else {
        error.into()
    }
}

async fn keys(
    records: &PostgresRecords,
    scope: &Scope,
    resources: &[&Resource],
) -> Result<BTreeMap<KeySubject, DataKey>, RecordError> {
    let subjects: BTreeSet<KeySubject> = resources
        .iter()
        .map(|one| postgres::subject(one.patient.as_ref()))
        .collect();
    let subjects: Vec<KeySubject> = subjects.into_iter().collect();
    let mut keys = BTreeMap::new();
    for some in subjects.chunks(KEYS_AT_ONCE) {
        let fetched = some
            .iter()
            .map(|subject| records.keys.to_seal(scope, subject));
        for key in try_join_all(fetched).await? {
            keys.insert(key.subject().clone(), key);
        }
    }
    Ok(keys)
}

/// What one transaction does.
struct Work<'a> {
    scope: &'a Scope,
    resources: Vec<&'a Resource>,
    keys: BTreeMap<KeySubject, DataKey>,
    index: IndexKey,
    at: Timestamp,
}

impl Work<'_> {
    async fn run(
        &self,
        transaction: &Transaction,
        open: &Borrowed<OpenEntry>,
    ) -> Result<Versions, Undone> {
        // One flight: nothing that is sealed here outlives its key.
        let (sealing, tenant) = (self.sealing(), &self.scope.tenant);
        let asked = in_use(transaction, tenant, &sealing);
        let (in_use, current) = join(asked, self.lock(transaction)).await;
        if !in_use? {
            return Err(Undone::KeyReplaced);
        }
        let current = current?;
        self.patients_exist(transaction).await?;
        let mut versions = Versions::new();
        let (mut added, mut replaced) = (Columns::default(), Columns::default());
        for (done, resource) in self.resources.iter().enumerate() {
            if done % SEALS_AT_ONCE == SEALS_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            let place = (resource.kind, resource.id.to_string());
            let before = current.get(&place).copied();
            let version = before.unwrap_or_default() + 1;
            let columns = if before.is_some() {
                &mut replaced
            } else {
                &mut added
            };
            self.seal(columns, resource, version)?;
            versions.insert(place, version);
        }
        self.write(transaction, ADD, &added).await?;
        self.write(transaction, REPLACE, &replaced).await?;
        self.identifiers(transaction, &replaced).await?;
        let open = open.value().ok_or(RecordError::Internal)?;
        let (scope, openings) = (self.scope, open.openings());
        contents::keep(transaction, scope, &self.keys, &versions, openings).await?;
        open.complete_in(transaction, Outcome::Success).await?;
        Ok(versions)
    }

    /// The keys that it seals with.
    fn sealing(&self) -> Vec<(String, i32)> {
        let of = |key: &DataKey| (key.subject().label(), key.version());
        self.keys.values().map(of).collect()
    }

    /// The next look fetches them anew.
    fn forget_keys(&self, records: &PostgresRecords) {
        for subject in self.keys.keys() {
            records.keys.drop_keys(&self.scope.tenant, subject);
        }
    }

    /// The versions there are, locked until the end.
    async fn lock(&self, transaction: &Transaction) -> Result<Versions, RecordError> {
        let kinds: Vec<&str> = self.resources.iter().map(|one| one.kind.as_str()).collect();
        let ids: Vec<&str> = self.resources.iter().map(|one| one.id.as_str()).collect();
        let params: [&(dyn ToSql + Sync); 3] = [&self.scope.tenant.as_str(), &kinds, &ids];
        let mut patients = BTreeMap::new();
        let mut versions = Versions::new();
        for row in transaction.query(LOCK, &params).await? {
            let kind: &str = row.try_get(0).map_err(unreadable)?;
            let kind = fhir::parse_type(kind).map_err(|_| RecordError::Internal)?;
            let id: String = row.try_get(1).map_err(unreadable)?;
            patients.insert((kind, id.clone()), postgres::patient(&row, 3)?);
            versions.insert((kind, id), postgres::version(&row, 2)?);
        }
        for resource in &self.resources {
            let filed = patients.get(&(resource.kind, resource.id.to_string()));
            if filed.is_some_and(|filed| *filed != resource.patient) {
                return Err(RecordError::OtherPatient);
            }
        }
        Ok(versions)
    }

    /// Nothing is filed under a patient that is neither here nor in this bundle.
    async fn patients_exist(&self, transaction: &Transaction) -> Result<(), RecordError> {
        let of = |one: &&Resource| one.patient.clone();
        let brought = self
            .resources
            .iter()
            .copied()
            .filter(|one| one.kind == FhirType::Patient);
        let brought: BTreeSet<PatientId> = brought.filter_map(|one| of(&one)).collect();
        let named: BTreeSet<PatientId> = self.resources.iter().filter_map(of).collect();
        let missing: Vec<&str> = named.difference(&brought).map(PatientId::as_str).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let params: [&(dyn ToSql + Sync); 2] = [&self.scope.tenant.as_str(), &missing];
        let rows = transaction.query(KNOWN_PATIENTS, &params).await?;
        let row = rows.first().ok_or(RecordError::Internal)?;
        let count: i64 = row.try_get(0).map_err(unreadable)?;
        let all = usize::try_from(count).is_ok_and(|count| count == missing.len());
        if all {
            Ok(())
        } else {
            Err(RecordError::UnknownPatient)
        }
    }

    fn seal(
        &self,
        columns: &mut Columns,
        resource: &Resource,
        version: u64,
    ) -> Result<(), RecordError> {
        let subject = postgres::subject(resource.patient.as_ref());
        let key = self.keys.get(&subject).ok_or(RecordError::Internal)?;
        let body = serde_json::to_vec(&resource.body).map_err(|_| RecordError::Internal)?;
        let body = zeroize::Zeroizing::new(body);
        let place = postgres::place_of(resource.kind, &resource.id, version);
        let sealed = key
            .seal(&self.scope.tenant, &place, &body)
            .map_err(refused)?;
        columns.kinds.push(resource.kind.as_str());
        columns.ids.push(resource.id.to_string());
        columns
            .versions
            .push(i64::try_from(version).map_err(|_| RecordError::Internal)?);
        columns
            .patients
            .push(resource.patient.as_ref().map(ToString::to_string));
        columns.sealed.push(sealed);
        columns.subjects.push(subject.label());
        columns.key_versions.push(key.version());
        columns.slow_signs.push(slow::signs(resource, self.at));
        Ok(())
    }

    async fn write(
        &self,
        transaction: &Transaction,
        sql: &str,
        columns: &Columns,
    ) -> Result<(), RecordError> {
        if columns.ids.is_empty() {
            return Ok(());
        }
        let at = to_database(self.at);
        let params: [&(dyn ToSql + Sync); 10] = [
            &self.scope.tenant.as_str(),
            &columns.kinds,
            &columns.ids,
            &columns.versions,
            &columns.patients,
            &columns.sealed,
            &columns.subjects,
            &columns.key_versions,
            &columns.slow_signs,
            &at,
        ];
        let touched = transaction.execute(sql, &params).await?;
        let all = usize::try_from(touched).is_ok_and(|touched| touched == columns.ids.len());
        if all {
            Ok(())
        } else {
            Err(RecordError::Conflict)
        }
    }

    async fn identifiers(
        &self,
        transaction: &Transaction,
        replaced: &Columns,
    ) -> Result<(), RecordError> {
        let tenant = self.scope.tenant.as_str();
        if !replaced.ids.is_empty() {
            let params: [&(dyn ToSql + Sync); 3] = [&tenant, &replaced.kinds, &replaced.ids];
            transaction.execute(DROP_IDENTIFIERS, &params).await?;
        }
        let (mut kinds, mut blinds, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for resource in &self.resources {
            for (system, value) in fhir::identifiers(resource) {
                kinds.push(resource.kind.as_str());
                blinds.push(self.index.index(&system, &value).to_vec());
                ids.push(resource.id.as_str());
            }
        }
        if !ids.is_empty() {
            let params: [&(dyn ToSql + Sync); 4] = [&tenant, &kinds, &blinds, &ids];
            transaction.execute(ADD_IDENTIFIERS, &params).await?;
        }
        Ok(())
    }
}

/// Rows as columns: one statement writes them all.
#[derive(Default)]
struct Columns {
    kinds: Vec<&'static str>,
    ids: Vec<String>,
    versions: Vec<i64>,
    patients: Vec<Option<String>>,
    sealed: Vec<Sealed<RecordBody>>,
    subjects: Vec<String>,
    key_versions: Vec<i32>,
    slow_signs: Vec<i16>,
}

fn outcomes(bundle: &fhir::Transaction, versions: &Versions, at: Timestamp) -> Vec<EntryOutcome> {
    let outcome = |entry: &Entry| match entry {
        Entry::Skipped { kind } => EntryOutcome::Skipped { kind },
        Entry::Store { resource, .. } => {
            let place = (resource.kind, resource.id.to_string());
            EntryOutcome::Stored {
                kind: resource.kind,
                id: resource.id.clone(),
                version: versions.get(&place).copied().unwrap_or(1),
                updated_at: at,
            }
        }
    };
    bundle.entries.iter().map(outcome).collect()
}
