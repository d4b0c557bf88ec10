//! Erasing a patient: every version of the key goes, a tombstone stays.
//!
//! One transaction destroys the keys, takes away what leads from an identifier to the records,
//! writes the tombstone and completes the audit entry; then the tombstone is synced to the file
//! outside of the database, and everybody drops what they hold. Whoever was in the middle of
//! writing finds at the end of it that the key is gone ([`in_use`]) and writes nothing.

use super::data_key::KeySubject;
use super::incidents::IncidentKind;
use super::sealed::{FORGET_IDENTIFIERS, KNOWN};
use super::tombstones::{ErasureReason, Tombstone};
use super::{Vault, VaultError};
use crate::audit::OpenEntry;
use crate::database::{
    Database, DatabaseError, Row, Scope, ToSql, Transaction, from_database, to_database,
};
use plantao_schema::audit::Outcome;
use plantao_schema::id::{PatientId, Tenant};
use plantao_schema::time::Timestamp;

const ADD_TOMBSTONE: &str = "INSERT INTO plantao_keys.tombstone \
     (tenant, subject, erased_at, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

const DESTROY: &str = "DELETE FROM plantao_keys.data_key WHERE tenant = $1 AND subject = $2";

const TENANTS: &str = "SELECT tenant FROM plantao_keys.key_tenant ORDER BY tenant";

const TOMBSTONES: &str = "SELECT subject, erased_at, reason FROM plantao_keys.tombstone \
     WHERE tenant = $1 ORDER BY subject";

// Keys that came back with a restored copy.
const DESTROY_RETURNED: &str = "DELETE FROM plantao_keys.data_key k \
     USING plantao_keys.tombstone t WHERE k.tenant = $1 AND t.tenant = k.tenant \
     AND t.subject = k.subject";

// The same for what leads to them.
const FORGET_RETURNED: &str = "DELETE FROM fhir_identifier i \
     USING fhir_resource r, plantao_keys.tombstone t WHERE t.tenant = $1 \
     AND r.tenant = t.tenant AND r.patient = substr(t.subject, 9) \
     AND i.tenant = r.tenant AND i.kind = r.kind AND i.id = r.id";

// Locked against being retired or destroyed until the end of the transaction that asks, and by no
// means against each other.
const IN_USE: &str = "SELECT k.subject FROM plantao_keys.data_key k \
     JOIN unnest($2::text[], $3::integer[]) AS w(subject, version) \
     ON k.subject = w.subject AND k.version = w.version \
     WHERE k.tenant = $1 AND k.retired_at IS NULL AND NOT EXISTS \
     (SELECT FROM plantao_keys.tombstone t WHERE t.tenant = $1 AND t.subject = k.subject) \
     ORDER BY k.subject FOR KEY SHARE OF k";

/// What an erasure did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// How many versions of the key were destroyed.
    pub keys: u64,
    /// How many identifiers lead to the records no more.
    pub identifiers: u64,
}

/// Why nobody was erased, or it is not said that somebody was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErasureError {
    /// There is neither a key nor a record of such a patient.
    #[error("there is no such patient")]
    Unknown,
    /// It was done before.
    #[error("the patient was erased before")]
    Already,
    /// The keys are destroyed; the file outside of the database could not be written.
    #[error(
        "the keys are destroyed, but the tombstone could not be written to its file: mend the \
         state directory and restart, which writes it"
    )]
    Unwritten,
    /// The commit was sent and its answer never came: asking again tells.
    #[error("it is not known whether the patient was erased: ask again")]
    InDoubt,
    /// Nothing was erased.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<DatabaseError> for ErasureError {
    fn from(error: DatabaseError) -> Self {
        Self::Vault(error.into())
    }
}

impl Vault {
    /// Destroys a patient's keys, for ever. Durable with the outcome of `open`, in the file outside
    /// of the database and in every cache of this process before it returns.
    ///
    /// # Errors
    /// [`ErasureError`]; only `Unwritten` and `InDoubt` say that keys were, or may be, destroyed.
    pub async fn erase(
        &self,
        database: &Database,
        scope: &Scope,
        patient: &PatientId,
        reason: &ErasureReason,
        at: Timestamp,
        open: &OpenEntry,
    ) -> Result<Erasure, ErasureError> {
        let subject = KeySubject::Patient(patient.clone());
        let transaction = database.begin(scope).await?;
        let tombstone = Tombstone {
            tenant: scope.tenant.clone(),
            subject: subject.label(),
            erased_at_us: at.micros(),
            reason: reason.clone(),
        };
        let erasure = match destroy(&transaction, &tombstone, patient, open).await {
            Ok(erasure) => erasure,
            Err(error) => {
                drop(transaction.rollback().await);
                return Err(error);
            }
        };
        if let Err(error) = transaction.commit().await {
            // What may be erased is not opened from here on; the next start knows.
            self.dropped(&scope.tenant, &subject);
            return Err(match error {
                error if error.is_unavailable() => ErasureError::InDoubt,
                error => error.into(),
            });
        }
        self.tombstones().remember(&tombstone);
        self.dropped(&scope.tenant, &subject);
        self.written(vec![tombstone]).await?;
        Ok(erasure)
    }

    /// Makes the tombstones of file, memory and database one, and destroys keys that came back.
    /// Gives how many did.
    ///
    /// # Errors
    /// [`ErasureError`]; to be tried again.
    pub(super) async fn replay(&self, database: &Database) -> Result<u64, ErasureError> {
        for tombstone in self.tombstones().all() {
            let scope = Scope::system(tombstone.tenant.clone());
            let transaction = database.begin(&scope).await?;
            add(&transaction, &tombstone).await?;
            transaction.commit().await?;
        }
        let mut returned = 0;
        for tenant in tenants(database).await? {
            let scope = Scope::system(tenant);
            let name = scope.tenant.as_str();
            let rows = database.read(&scope, TOMBSTONES, &[&name]).await?;
            let known: Vec<Tombstone> = rows
                .iter()
                .filter_map(|row| tombstone(&scope.tenant, row))
                .collect();
            for one in &known {
                self.tombstones().remember(one);
            }
            self.written(known).await?;
            let transaction = database.begin(&scope).await?;
            let destroyed = transaction.execute(DESTROY_RETURNED, &[&name]).await?;
            transaction.execute(FORGET_RETURNED, &[&name]).await?;
            transaction.commit().await?;
            if destroyed > 0 {
                let what = format!("plantao_keys.data_key: {destroyed} destroyed again");
                let kind = IncidentKind::ErasedKeyReturned;
                self.tell_incident(kind, &scope.tenant, &what);
            }
            returned += destroyed;
        }
        Ok(returned)
    }

    async fn written(&self, tombstones: Vec<Tombstone>) -> Result<(), ErasureError> {
        let Some(tenant) = tombstones.first().map(|one| one.tenant.clone()) else {
            return Ok(());
        };
        let all = self.tombstones().clone();
        let write = move || all.write(&tombstones);
        let written = tokio::task::spawn_blocking(write).await;
        let failed = match written {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        let kind = IncidentKind::TombstoneUnwritten;
        self.tell_incident(kind, &tenant, &failed);
        Err(ErasureError::Unwritten)
    }
}

/// The institutions that have keys.
pub(super) async fn tenants(database: &Database) -> Result<Vec<Tenant>, DatabaseError> {
    // Names of institutions are in nobody's scope.
    let Ok(nobody) = Tenant::parse("system") else {
        return Ok(Vec::new());
    };
    let rows = database.read(&Scope::system(nobody), TENANTS, &[]).await?;
    let parse = |row: &Row| Tenant::parse(row.try_get(0).ok()?).ok();
    Ok(rows.iter().filter_map(parse).collect())
}

/// Locks the keys that a transaction seals with. False when one of them was retired or destroyed
/// since it was fetched: then nothing sealed with it may be stored.
pub(crate) async fn in_use(
    transaction: &Transaction,
    tenant: &Tenant,
    keys: &[(String, i32)],
) -> Result<bool, DatabaseError> {
    let subjects: Vec<&str> = keys.iter().map(|(subject, _)| subject.as_str()).collect();
    let versions: Vec<i32> = keys.iter().map(|(_, version)| *version).collect();
    let params: [&(dyn ToSql + Sync); 3] = [&tenant.as_str(), &subjects, &versions];
    Ok(transaction.query(IN_USE, &params).await?.len() == keys.len())
}

fn tombstone(tenant: &Tenant, row: &Row) -> Option<Tombstone> {
    Some(Tombstone {
        tenant: tenant.clone(),
        subject: row.try_get(0).ok()?,
        erased_at_us: from_database(row.try_get(1).ok()?).micros(),
        reason: ErasureReason::parse(row.try_get(2).ok()?).ok()?,
    })
}

async fn add(transaction: &Transaction, tombstone: &Tombstone) -> Result<bool, DatabaseError> {
    let at = to_database(Timestamp::from_micros(tombstone.erased_at_us));
    let params: [&(dyn ToSql + Sync); 4] = [
        &tombstone.tenant.as_str(),
        &tombstone.subject,
        &at,
        &tombstone.reason.as_str(),
    ];
    Ok(transaction.execute(ADD_TOMBSTONE, &params).await? == 1)
}

async fn destroy(
    transaction: &Transaction,
    tombstone: &Tombstone,
    patient: &PatientId,
    open: &OpenEntry,
) -> Result<Erasure, ErasureError> {
    let (tenant, subject) = (tombstone.tenant.as_str(), tombstone.subject.as_str());
    if !add(transaction, tombstone).await? {
        return Err(ErasureError::Already);
    }
    let keys = transaction.execute(DESTROY, &[&tenant, &subject]).await?;
    let of_patient: [&(dyn ToSql + Sync); 2] = [&tenant, &patient.as_str()];
    let identifiers = transaction.execute(FORGET_IDENTIFIERS, &of_patient).await?;
    let known = transaction.query_opt(KNOWN, &of_patient).await?;
    let known = known.is_some_and(|row| row.try_get(0).unwrap_or(false));
    if keys == 0 && !known {
        return Err(ErasureError::Unknown);
    }
    open.complete_in(transaction, Outcome::Success).await?;
    Ok(Erasure { keys, identifiers })
}
