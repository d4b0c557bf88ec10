//! Rotations as rows: begun, counted, found again after a crash, ended.

use super::{Level, Overview, Rotation, RotationError};
use crate::audit::OpenEntry;
use crate::database::{Database, DatabaseError, Row, Scope, ToSql, Transaction, from_database};
use crate::vault::period::PeriodMark;
use crate::vault::wrapped::{MasterName, NAME_BYTES};
use plantao_schema::audit::Outcome;
use plantao_schema::id::Tenant;

const COLUMNS: &str = "id, level, tenant, subject, done, total, started_at, updated_at, \
     finished_at, target";

const BEGIN: &str = "INSERT INTO plantao_keys.rotation \
     (level, tenant, subject, target, total) VALUES ($1, $2, $3, $4, $5) \
     RETURNING id";

// The new master key is in use from here on; what the old one wraps is found by its state.
const RETIRE_MASTER: &str =
    "UPDATE plantao_keys.master_key SET state = 'retiring' WHERE state = 'current' AND name <> $1";
const USE_MASTER: &str = "INSERT INTO plantao_keys.master_key (name, state) \
     VALUES ($1, 'current') ON CONFLICT (name) DO UPDATE SET state = 'current'";

const BEGIN_PERIOD: &str = "INSERT INTO plantao_keys.period (number, name) VALUES ($1, $2) \
     ON CONFLICT (one) DO UPDATE SET number = $1, name = $2, begun_at = now()";

const ADVANCE: &str = "UPDATE plantao_keys.rotation SET done = done + $2, updated_at = now() \
     WHERE id = $1";

const FINISH: &str = "UPDATE plantao_keys.rotation SET finished_at = now(), updated_at = now() \
     WHERE id = $1 AND finished_at IS NULL";

const MASTERS: &str = "SELECT (SELECT name FROM plantao_keys.master_key \
     WHERE state = 'current'), (SELECT count(*) FROM plantao_keys.master_key \
     WHERE state = 'retiring')";

const TENANT_KEYS: &str = "SELECT max(version), count(*) FROM plantao_keys.tenant_key \
     WHERE tenant = $1";

const DATA_KEYS: &str = "SELECT count(*), \
     count(*) FILTER (WHERE tenant_version IS NULL AND wrapped <> ''), \
     count(*) FILTER (WHERE retired_at IS NOT NULL), (SELECT count(*) \
     FROM plantao_keys.tombstone WHERE tenant = $1) FROM plantao_keys.data_key WHERE tenant = $1";

const PERIOD: &str = "SELECT number, begun_at FROM plantao_keys.period";

/// A rotation to be begun.
pub(super) struct New {
    pub(super) level: Level,
    pub(super) subject: Option<String>,
    /// The new master key.
    pub(super) master: Option<MasterName>,
    /// The new period.
    pub(super) period: Option<PeriodMark>,
    pub(super) total: i64,
}

impl New {
    pub(super) const fn of(level: Level) -> Self {
        Self {
            level,
            subject: None,
            master: None,
            period: None,
            total: 0,
        }
    }
}

/// A rotation to be worked on.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) shown: Rotation,
    pub(super) master: MasterName,
}

/// Begins one, if there is none.
pub(super) async fn begin(
    database: &Database,
    scope: &Scope,
    new: &New,
    open: Option<&OpenEntry>,
) -> Result<i64, RotationError> {
    let target: &[u8] = new.master.as_ref().map_or(&[], |name| name.as_slice());
    let params: [&(dyn ToSql + Sync); 5] = [
        &new.level.name(),
        &scope.tenant.as_str(),
        &new.subject,
        &target,
        &new.total,
    ];
    // What is written here is nobody's own but the entry, which is of its institution.
    let of_entry = open.map(|open| Scope::system(open.tenant().clone()));
    let transaction = database.begin(of_entry.as_ref().unwrap_or(scope)).await?;
    let row = match transaction.query_opt(BEGIN, &params).await {
        Ok(row) => row,
        Err(error) => {
            drop(transaction.rollback().await);
            return Err(match error {
                DatabaseError::Conflict { .. } => RotationError::Busy,
                error => error.into(),
            });
        }
    };
    if new.master.is_some() {
        transaction.execute(RETIRE_MASTER, &[&target]).await?;
        transaction.execute(USE_MASTER, &[&target]).await?;
    }
    if let Some(period) = new.period {
        let params: [&(dyn ToSql + Sync); 2] = [&period.number, &period.name.as_slice()];
        transaction.execute(BEGIN_PERIOD, &params).await?;
    }
    if let Some(open) = open {
        open.complete_in(&transaction, Outcome::Success).await?;
    }
    transaction.commit().await?;
    let id = row.as_ref().map(|row| row.try_get(0));
    match id {
        Some(Ok(id)) => Ok(id),
        _ => Err(DatabaseError::Mismatch.into()),
    }
}

/// The one under way.
pub(super) async fn under_way(
    database: &Database,
    scope: &Scope,
) -> Result<Option<Job>, DatabaseError> {
    let sql = format!("SELECT {COLUMNS} FROM plantao_keys.rotation WHERE finished_at IS NULL");
    let rows = database.read(scope, &sql, &[]).await?;
    rows.first().map(job).transpose()
}

/// One by its number.
pub(super) async fn get(
    database: &Database,
    scope: &Scope,
    id: i64,
) -> Result<Option<Rotation>, DatabaseError> {
    let sql = format!("SELECT {COLUMNS} FROM plantao_keys.rotation WHERE id = $1");
    let rows = database.read(scope, &sql, &[&id]).await?;
    Ok(rows.first().map(job).transpose()?.map(|job| job.shown))
}

/// Counts what a transaction did.
pub(super) async fn advance(
    transaction: &Transaction,
    job: &Job,
    done: usize,
) -> Result<(), DatabaseError> {
    let done = i64::try_from(done).unwrap_or(i64::MAX);
    transaction
        .execute(ADVANCE, &[&job.shown.id, &done])
        .await?;
    Ok(())
}

/// Ends it.
pub(super) async fn finish(
    database: &Database,
    scope: &Scope,
    job: &Job,
) -> Result<(), DatabaseError> {
    let transaction = database.begin(scope).await?;
    transaction.execute(FINISH, &[&job.shown.id]).await?;
    transaction.commit().await
}

/// The state of a tenant's keys.
pub(super) async fn overview(
    database: &Database,
    scope: &Scope,
) -> Result<Overview, DatabaseError> {
    let last = format!("SELECT {COLUMNS} FROM plantao_keys.rotation ORDER BY id DESC LIMIT 1");
    let tenant = scope.tenant.as_str();
    let masters = one(database.read(scope, MASTERS, &[]).await?)?;
    let tenant_keys = one(database.read(scope, TENANT_KEYS, &[&tenant]).await?)?;
    let data_keys = one(database.read(scope, DATA_KEYS, &[&tenant]).await?)?;
    let rotation = database.read(scope, &last, &[]).await?;
    let period = match database.read(scope, PERIOD, &[]).await?.first() {
        None => None,
        Some(row) => {
            let begun = from_database(row.try_get(1).map_err(unreadable)?);
            Some((row.try_get(0).map_err(unreadable)?, begun))
        }
    };
    Ok(Overview {
        period,
        master: masters.try_get(0).map_err(unreadable)?,
        masters_retiring: count(&masters, 1)?,
        tenant_key: tenant_keys.try_get(0).map_err(unreadable)?,
        tenant_keys: count(&tenant_keys, 1)?,
        data_keys: count(&data_keys, 0)?,
        wrapped_directly: count(&data_keys, 1)?,
        retired: count(&data_keys, 2)?,
        erased: count(&data_keys, 3)?,
        rotation: rotation.first().map(job).transpose()?.map(|job| job.shown),
    })
}

fn one(rows: Vec<Row>) -> Result<Row, DatabaseError> {
    rows.into_iter().next().ok_or(DatabaseError::Mismatch)
}

fn count(row: &Row, column: usize) -> Result<u64, DatabaseError> {
    let count: i64 = row.try_get(column).map_err(unreadable)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

pub(super) fn unreadable(_: tokio_postgres::Error) -> DatabaseError {
    DatabaseError::Mismatch
}

fn job(row: &Row) -> Result<Job, DatabaseError> {
    let level: &str = row.try_get(1).map_err(unreadable)?;
    let tenant: &str = row.try_get(2).map_err(unreadable)?;
    let at =
        |column| Ok::<_, DatabaseError>(from_database(row.try_get(column).map_err(unreadable)?));
    let finished: Option<_> = row.try_get(8).map_err(unreadable)?;
    let target: &[u8] = row.try_get(9).map_err(unreadable)?;
    Ok(Job {
        shown: Rotation {
            id: row.try_get(0).map_err(unreadable)?,
            level: Level::parse(level).ok_or(DatabaseError::Mismatch)?,
            tenant: Tenant::parse(tenant).map_err(|_| DatabaseError::Mismatch)?,
            subject: row.try_get(3).map_err(unreadable)?,
            done: count(row, 4)?,
            total: count(row, 5)?,
            started_at: at(6)?,
            updated_at: at(7)?,
            finished_at: finished.map(from_database),
        },
        master: target.try_into().unwrap_or([0; NAME_BYTES]),
    })
}
