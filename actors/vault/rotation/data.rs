//! Rotating data keys: a new version, every row sealed anew, the old version retired and destroyed.
//!
//! Subject by subject. Rows are taken a few at a time, locked, opened under the version that they
//! name and sealed under the newest, in one transaction; whoever reads finds the one or the other,
//! with the version beside it. Writers go on: one that seals with the older version while it is not
//! retired is found by the next pass, and retiring waits for those in the middle of it
//! ([`crate::vault::in_use`]). A row that does not open stays as it is, under a version that then
//! stays as well; that is an incident.

use super::jobs::{self, Job, New, unreadable};
use super::wrapping::{first, newest};
use super::{Level, RotationError, Rotations};
use crate::database::{DatabaseError, Row, Scope, ToSql, Transaction};
use crate::vault::erase::in_use;
use crate::vault::sealed::{
    CommitmentOpening, RecordBody, RecordHistory, Sealed, SealedColumn, SecondFactor,
};
use crate::vault::store::{Found, KeyStore};
use crate::vault::wrapped::Place;
use crate::vault::{DataKey, KeySubject, VaultError};
use plantao_schema::id::PatientId;
use std::collections::{BTreeMap, btree_map};
use std::time::Duration;

/// Rows sealed anew in one transaction: some milliseconds, in which they are locked.
const BATCH: i64 = 64;

/// Before rows are looked at again that somebody else had locked or written meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// From the moment that nothing is sealed under a version to its end: whoever read a row before has
/// its key by then, for no read takes longer.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Between two looks at what may be destroyed.
const PURGE_EVERY: Duration = Duration::from_secs(1);

const NEXT_SUBJECT: &str = "SELECT k.subject, max(k.version), max(k.created_at) < r.started_at \
     FROM plantao_keys.data_key k JOIN plantao_keys.rotation r ON r.id = $2 \
     WHERE k.tenant = $1 AND k.subject <> 'index' AND k.retired_at IS NULL \
     AND (r.subject IS NULL OR k.subject = r.subject) AND k.subject <> ALL ($3::text[]) \
     GROUP BY k.subject, r.started_at \
     HAVING max(k.created_at) < r.started_at OR count(*) > 1 ORDER BY k.subject LIMIT 1";

const OLDER: &str = "SELECT version FROM plantao_keys.data_key \
     WHERE tenant = $1 AND subject = $2 AND version < $3 AND retired_at IS NULL FOR UPDATE";

const RETIRE: &str = "UPDATE plantao_keys.data_key SET retired_at = now() \
     WHERE tenant = $1 AND subject = $2 AND version < $3 AND retired_at IS NULL";

const PURGE: &str = "DELETE FROM plantao_keys.data_key WHERE tenant = $1 \
     AND retired_at < now() - make_interval(secs => $2)";

const RETIRED: &str = "SELECT count(*) FROM plantao_keys.data_key \
     WHERE tenant = $1 AND retired_at IS NOT NULL";

/// One patient's rotation.
pub(super) async fn begin_patient(
    of: &Rotations,
    scope: &Scope,
    patient: &PatientId,
) -> Result<New, RotationError> {
    let subject = KeySubject::Patient(patient.clone()).label();
    let Found { key, erased, .. } = of.database.find(scope, &subject, None).await?;
    if erased {
        return Err(VaultError::Erased.into());
    }
    key.ok_or(RotationError::Nothing)?;
    Ok(New {
        total: count(of, scope, Some(&subject)).await,
        subject: Some(subject),
        ..New::of(Level::Data)
    })
}

/// Everybody's.
pub(super) async fn begin_all(of: &Rotations, scope: &Scope) -> New {
    New {
        total: count(of, scope, None).await,
        ..New::of(Level::Data)
    }
}

/// Rotates them all. Gives how many rows do not open.
pub(super) async fn data(of: &Rotations, job: &Job) -> Result<u64, VaultError> {
    let scope = Scope::system(job.shown.tenant.clone());
    let (mut stuck_rows, mut stuck) = (0, Vec::new());
    loop {
        let params: [&(dyn ToSql + Sync); 3] = [&scope.tenant.as_str(), &job.shown.id, &stuck];
        let rows = of.database.read(&scope, NEXT_SUBJECT, &params).await?;
        let Some(row) = rows.first() else {
            break;
        };
        let label: String = row.try_get(0).map_err(unreadable)?;
        let version: i32 = row.try_get(1).map_err(unreadable)?;
        let Some(subject) = KeySubject::parse(&label) else {
            stuck.push(label);
            continue;
        };
        if row.try_get(2).map_err(unreadable)? {
            next_version(of, &scope, &label, version.saturating_add(1)).await?;
            of.vault.dropped(&scope.tenant, &subject);
            continue;
        }
        let sealer = Sealer {
            of,
            scope: &scope,
            job,
            to: of
                .vault
                .data_key_at(&of.database, &scope, &subject, version)
                .await?,
        };
        let unopened = sealer.everything().await?;
        if unopened > 0 {
            stuck_rows += unopened;
            stuck.push(label);
        } else if sealer.retire().await? {
            of.vault.dropped(&scope.tenant, &subject);
        } else {
            tokio::time::sleep(PAUSE).await;
        }
    }
    purge(of, &scope).await?;
    Ok(stuck_rows)
}

/// Makes the next version of a subject's key: from here on it is what is sealed with.
async fn next_version(
    of: &Rotations,
    scope: &Scope,
    label: &str,
    version: i32,
) -> Result<(), VaultError> {
    let tenant_key = match newest(of, scope).await? {
        Some(key) => key,
        // Keys from before there were tenants' keys, and no other yet.
        None => first(of, scope).await?,
    };
    let place = Place {
        tenant: scope.tenant.to_string(),
        subject: label.to_owned(),
        version,
    };
    let (key, _bytes) = of.vault.make_data_key(place.clone(), tenant_key).await?;
    // False where another node was first: its version is as new.
    of.database.add(scope, &place, &key).await.map(drop)
}

/// Destroys what was retired, once nobody can be in the middle of using it.
async fn purge(of: &Rotations, scope: &Scope) -> Result<(), VaultError> {
    let (tenant, grace) = (scope.tenant.as_str(), GRACE.as_secs_f64());
    loop {
        let transaction = of.database.begin(scope).await?;
        transaction.execute(PURGE, &[&tenant, &grace]).await?;
        let left = transaction.query_opt(RETIRED, &[&tenant]).await?;
        transaction.commit().await?;
        let left: i64 = left
            .map_or(Ok(0), |row| row.try_get(0))
            .map_err(unreadable)?;
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(PURGE_EVERY).await;
    }
}

/// Seals one subject's rows anew.
struct Sealer<'a> {
    of: &'a Rotations,
    scope: &'a Scope,
    job: &'a Job,
    to: DataKey,
}

impl Sealer<'_> {
    /// Every sealed column there is. Gives how many rows do not open.
    async fn everything(&self) -> Result<u64, VaultError> {
        let unopened = self.column::<RecordBody>().await?
            + self.column::<RecordHistory>().await?
            + self.column::<SecondFactor>().await?
            + self.column::<CommitmentOpening>().await?;
        Ok(unopened)
    }

    async fn column<C: SealedColumn>(&self) -> Result<u64, VaultError> {
        let (rows, column, key_version) = (C::OLDER, C::COLUMN, C::KEY_VERSION);
        let place = C::ROW;
        let take = format!(
            "SELECT {place}, s.{key_version}, s.{column} FROM {rows} \
             AND ({place}) COLLATE \"C\" > $5::text COLLATE \"C\" \
             ORDER BY ({place}) COLLATE \"C\" LIMIT $6 FOR UPDATE OF s SKIP LOCKED"
        );
        let (mut after, mut unopened) = (String::new(), 0);
        let mut keys = BTreeMap::new();
        loop {
            let transaction = self.of.database.begin(self.scope).await?;
            let (tenant, patient) = (self.scope.tenant.as_str(), self.patient());
            let (label, version) = (self.to.subject().label(), self.to.version());
            let params: [&(dyn ToSql + Sync); 6] =
                [&tenant, &label, &version, &patient, &after, &BATCH];
            let rows = transaction.query(&take, &params).await?;
            let Some(last) = rows.last() else {
                transaction.rollback().await?;
                return Ok(unopened);
            };
            after = last.try_get(0).map_err(unreadable)?;
            let (places, sealed) = self.reseal::<C>(&rows, &mut keys).await?;
            unopened += (rows.len() - places.len()) as u64;
            self.put::<C>(&transaction, &places, &sealed).await?;
            transaction.commit().await?;
        }
    }

    /// The rows that open, under their places, sealed anew.
    async fn reseal<C: SealedColumn>(
        &self,
        rows: &[Row],
        keys: &mut BTreeMap<i32, Option<DataKey>>,
    ) -> Result<(Vec<String>, Vec<Sealed<C>>), VaultError> {
        let tenant = &self.scope.tenant;
        let (mut places, mut all) = (Vec::new(), Vec::new());
        for row in rows {
            let place: String = row.try_get(0).map_err(unreadable)?;
            let version: i32 = row.try_get(1).map_err(unreadable)?;
            let sealed: &[u8] = row.try_get(2).map_err(unreadable)?;
            if let btree_map::Entry::Vacant(unknown) = keys.entry(version) {
                unknown.insert(self.key(version).await?);
            }
            let Some(Some(key)) = keys.get(&version) else {
                continue;
            };
            // One that does not open is an incident by now.
            if let Ok(plain) = key.open::<C>(tenant, &place, sealed) {
                all.push(self.to.seal(tenant, &place, &plain)?);
                places.push(place);
            }
        }
        Ok((places, all))
    }

    /// An older version, to open with; none where there is none any more.
    async fn key(&self, version: i32) -> Result<Option<DataKey>, VaultError> {
        let (store, subject) = (&self.of.database, self.to.subject());
        let key = self
            .of
            .vault
            .data_key_at(store, self.scope, subject, version);
        match key.await {
            Ok(key) => Ok(Some(key)),
            Err(VaultError::Gone | VaultError::Sealed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn put<C: SealedColumn>(
        &self,
        transaction: &Transaction,
        places: &[String],
        sealed: &[Sealed<C>],
    ) -> Result<(), VaultError> {
        if places.is_empty() {
            return Ok(());
        }
        let tenant = &self.scope.tenant;
        let version = self.to.version();
        let mine = [(self.to.subject().label(), version)];
        if !in_use(transaction, tenant, &mine).await? {
            return Err(VaultError::Erased);
        }
        let params: [&(dyn ToSql + Sync); 4] = [&tenant.as_str(), &places, &sealed, &version];
        let put = transaction.execute(C::PUT, &params).await?;
        if usize::try_from(put) != Ok(places.len()) {
            return Err(DatabaseError::Aborted.into());
        }
        Ok(jobs::advance(transaction, self.job, places.len()).await?)
    }

    /// Retires the older versions, if nothing is sealed under them. False where something is.
    async fn retire(&self) -> Result<bool, VaultError> {
        let transaction = self.of.database.begin(self.scope).await?;
        let (tenant, label) = (self.scope.tenant.as_str(), self.to.subject().label());
        let version = self.to.version();
        let params: [&(dyn ToSql + Sync); 3] = [&tenant, &label, &version];
        // Waits for those who are in the middle of writing with them.
        transaction.query(OLDER, &params).await?;
        let sealed = self.is_left::<RecordBody>(&transaction).await?
            || self.is_left::<RecordHistory>(&transaction).await?
            || self.is_left::<SecondFactor>(&transaction).await?
            || self.is_left::<CommitmentOpening>(&transaction).await?;
        if sealed {
            transaction.rollback().await?;
            return Ok(false);
        }
        transaction.execute(RETIRE, &params).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn is_left<C: SealedColumn>(
        &self,
        transaction: &Transaction,
    ) -> Result<bool, DatabaseError> {
        let exists = format!("SELECT EXISTS (SELECT FROM {})", C::OLDER);
        let (tenant, label) = (self.scope.tenant.as_str(), self.to.subject().label());
        let (version, patient) = (self.to.version(), self.patient());
        let params: [&(dyn ToSql + Sync); 4] = [&tenant, &label, &version, &patient];
        let row = transaction.query_opt(&exists, &params).await?;
        row.map_or(Ok(false), |row| row.try_get(0))
            .map_err(unreadable)
    }

    fn patient(&self) -> Option<&str> {
        match self.to.subject() {
            KeySubject::Patient(id) => Some(id.as_str()),
            KeySubject::Directory => None,
        }
    }
}

/// How many rows a rotation will seal anew: nothing where counting takes too long.
async fn count(of: &Rotations, scope: &Scope, subject: Option<&str>) -> i64 {
    let mut all = 0;
    for table in [
        RecordBody::TABLE,
        RecordHistory::TABLE,
        CommitmentOpening::TABLE,
    ] {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE tenant = $1 \
             AND ($2::text IS NULL OR key_subject = $2) AND NOT EXISTS \
             (SELECT FROM plantao_keys.tombstone t WHERE t.tenant = $1 AND t.subject = key_subject)"
        );
        let tenant = scope.tenant.as_str();
        let params: [&(dyn ToSql + Sync); 2] = [&tenant, &subject];
        let rows = of.database.read(scope, &sql, &params).await;
        let counted = rows
            .ok()
            .and_then(|rows| rows.first()?.try_get::<_, i64>(0).ok());
        match counted {
            Some(counted) => all += counted,
            None => return 0,
        }
    }
    all
}
