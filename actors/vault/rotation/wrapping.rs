//! Rotating what wraps: master keys, tenants' keys, and the period around them.
//!
//! Nothing that is sealed is touched. Each batch is one transaction: keys are locked, wrapped anew
//! by the keeper, and put back, so that whoever reads one finds it under the old key or the new.

use super::jobs::{self, Job, New, unreadable};
use super::{Level, RotationError, Rotations};
use crate::database::{DatabaseError, Row, Scope, ToSql};
use crate::vault::VaultError;
use crate::vault::erase::tenants;
use crate::vault::handle::{FIRST_VERSION, INDEX_SUBJECT};
use crate::vault::period::period_of;
use crate::vault::ring::Rewrap;
use crate::vault::store::{Found, KeyStore, add_tenant_key, mark};
use crate::vault::wrapped::{Place, WrappedDataKey, WrappedTenantKey};
use std::time::Duration;

/// Keys wrapped anew in one transaction: milliseconds.
const BATCH: i64 = 64;

/// Before keys are looked at again that somebody else had locked.
const PAUSE: Duration = Duration::from_millis(50);

const TENANT_KEYS: &str = "SELECT version, master, wrapped FROM plantao_keys.tenant_key \
     WHERE tenant = $1 AND master <> $2 ORDER BY version FOR NO KEY UPDATE";

const PUT_TENANT_KEY: &str = "UPDATE plantao_keys.tenant_key SET master = $3, wrapped = $4 \
     WHERE tenant = $1 AND version = $2";

const NEWEST: &str = "SELECT version, master, wrapped FROM plantao_keys.tenant_key \
     WHERE tenant = $1 ORDER BY version DESC LIMIT 1";

const COUNT: &str = "SELECT count(*) FROM plantao_keys.data_key WHERE tenant = $1 \
     AND (tenant_version IS NULL OR tenant_version < $2) AND wrapped <> ''";

const DATA_KEYS: &str = "SELECT k.subject, k.version, k.tenant_version, k.wrapped, t.master, \
     t.wrapped FROM plantao_keys.data_key k LEFT JOIN plantao_keys.tenant_key t \
     ON t.tenant = k.tenant AND t.version = k.tenant_version WHERE k.tenant = $1 \
     AND (k.tenant_version IS NULL OR k.tenant_version < $2) AND k.wrapped <> '' \
     AND (k.subject, k.version) > ($3, $4) \
     ORDER BY k.subject, k.version LIMIT $5 FOR NO KEY UPDATE OF k";

const PUT_DATA_KEY: &str = "UPDATE plantao_keys.data_key SET tenant_version = $4, wrapped = $5 \
     WHERE tenant = $1 AND subject = $2 AND version = $3";

// From the oldest on: those after one that still wraps something tell since when it waits, and hold
// no period back that it does not. The foreign key keeps what still wraps something.
pub(super) const DROP_TENANT_KEYS: &str = "DELETE FROM plantao_keys.tenant_key t \
     WHERE t.tenant = $1 AND t.version < $2 AND NOT EXISTS (SELECT \
     FROM plantao_keys.data_key k WHERE k.tenant = t.tenant AND k.tenant_version <= t.version)";

const OLDER_TENANT_KEYS: &str = "SELECT count(*) FROM plantao_keys.tenant_key \
     WHERE tenant = $1 AND version < $2";

const RETIRED: &str = "UPDATE plantao_keys.master_key SET state = 'retired' \
     WHERE state = 'retiring'";

const PERIOD: &str = "SELECT number, name, begun_at < now() - make_interval(secs => $1) \
     FROM plantao_keys.period";

const ALL_TENANT_KEYS: &str = "SELECT version, master, wrapped FROM plantao_keys.tenant_key \
     WHERE tenant = $1";

/// Names the next master key.
pub(super) async fn begin_master(of: &Rotations, scope: &Scope) -> Result<New, RotationError> {
    let Found { master, .. } = of.database.find(scope, INDEX_SUBJECT, None).await?;
    let current = master.ok_or(RotationError::Nothing)?;
    let next = of.vault.next_master(Some(current)).await?;
    let all = tenants(&of.database).await?.len();
    Ok(New {
        master: Some(next),
        total: i64::try_from(all).unwrap_or(0),
        ..New::of(Level::Master)
    })
}

/// Makes the next version of a tenant's key; new data keys are wrapped under it from here on.
pub(super) async fn begin_tenant(of: &Rotations, scope: &Scope) -> Result<New, RotationError> {
    let version = next_version(of, scope)
        .await?
        .ok_or(RotationError::Nothing)?;
    let tenant = scope.tenant.as_str();
    let rows = of.database.read(scope, COUNT, &[&tenant, &version]).await?;
    let total = rows.first().map_or(Ok(0), |row| row.try_get(0));
    Ok(New {
        total: total.map_err(unreadable)?,
        ..New::of(Level::Tenant)
    })
}

/// Adds a version of a tenant's key, under the present master key and period; gives its number, or
/// nothing where no key was ever made.
async fn next_version(of: &Rotations, scope: &Scope) -> Result<Option<i32>, VaultError> {
    let found = of.database.find(scope, INDEX_SUBJECT, None).await?;
    let Some(master) = found.master else {
        return Ok(None);
    };
    let newest = newest(of, scope).await?.map_or(0, |key| key.version);
    let version = newest.saturating_add(1);
    let (tenant, period) = (&scope.tenant, found.period);
    let made = of
        .vault
        .make_tenant_key(tenant, version, Some(master), period);
    // Somebody else's is as new as this one would be.
    add_tenant_key(&of.database, scope, &made.await?).await?;
    Ok(Some(version))
}

/// Names the next period.
pub(super) async fn begin_period(of: &Rotations, scope: &Scope) -> Result<New, RotationError> {
    if !of.vault.has_periods() {
        return Err(RotationError::Nothing);
    }
    let Found { period, .. } = of.database.find(scope, INDEX_SUBJECT, None).await?;
    let next = of.vault.next_period(period).await?;
    let all = tenants(&of.database).await?.len();
    Ok(New {
        period: Some(next),
        total: i64::try_from(all).unwrap_or(0),
        ..New::of(Level::Period)
    })
}

/// Gives every tenant a key of the present period and moves its data keys under it. Gives how many
/// do not unwrap.
pub(super) async fn period(of: &Rotations, job: &Job) -> Result<u64, VaultError> {
    let mut stuck = 0;
    for tenant in tenants(&of.database).await? {
        let scope = Scope::system(tenant);
        let found = of.database.find(&scope, INDEX_SUBJECT, None).await?;
        let newest = newest(of, &scope).await?;
        if newest.as_ref().and_then(period_of) != found.period {
            next_version(of, &scope).await?;
        }
        stuck += under_newest(of, &scope, job).await?;
        let transaction = of.database.begin(&scope).await?;
        jobs::advance(&transaction, job, 1).await?;
        transaction.commit().await?;
    }
    Ok(stuck)
}

/// Forgets the keys of periods that nothing is wrapped under any more, and says whether the present
/// one has lasted for its time.
pub(super) async fn settle_period(of: &Rotations, lasts: Duration) -> Result<bool, VaultError> {
    let tenants = tenants(&of.database).await?;
    let Some(first) = tenants.first() else {
        return Ok(false);
    };
    let nobody = Scope::system(first.clone());
    let lasts = lasts.as_secs_f64();
    let rows = of.database.read(&nobody, PERIOD, &[&lasts]).await?;
    let Some(row) = rows.first() else {
        // Keys of before there were periods.
        return Ok(true);
    };
    let present = mark(row, 0)?.ok_or(VaultError::Gone)?;
    let is_over: bool = row.try_get(2).map_err(unreadable)?;
    for tenant in tenants {
        let scope = Scope::system(tenant);
        let params: [&(dyn ToSql + Sync); 1] = [&scope.tenant.as_str()];
        for row in of.database.read(&scope, ALL_TENANT_KEYS, &params).await? {
            let under = period_of(&wrapped(&row)?);
            if under.is_some_and(|under| under.number < present.number) {
                return Ok(is_over);
            }
        }
    }
    of.vault.settle_period(present).await?;
    Ok(is_over)
}

/// Moves every tenant's keys under the new master key. Gives how many do not unwrap.
pub(super) async fn master(of: &Rotations, job: &Job) -> Result<u64, VaultError> {
    let mut stuck = 0;
    for tenant in tenants(&of.database).await? {
        let scope = Scope::system(tenant);
        stuck += direct(of, &scope, job).await?;
        stuck += tenant_keys(of, &scope, job).await?;
    }
    if stuck == 0 {
        let scope = Scope::system(job.shown.tenant.clone());
        let transaction = of.database.begin(&scope).await?;
        transaction.execute(RETIRED, &[]).await?;
        transaction.commit().await?;
        of.vault.settle(job.master).await?;
    }
    Ok(stuck)
}

/// Moves a tenant's data keys under its new key. Gives how many do not unwrap.
pub(super) async fn tenant(of: &Rotations, job: &Job) -> Result<u64, VaultError> {
    let scope = Scope::system(job.shown.tenant.clone());
    under_newest(of, &scope, job).await
}

async fn under_newest(of: &Rotations, scope: &Scope, job: &Job) -> Result<u64, VaultError> {
    let Some(to) = newest(of, scope).await? else {
        return Ok(0);
    };
    loop {
        let stuck = many(&pass(of, scope, Some(job), to.version, &to).await?);
        let transaction = of.database.begin(scope).await?;
        let params: [&(dyn ToSql + Sync); 2] = [&scope.tenant.as_str(), &to.version];
        transaction.execute(DROP_TENANT_KEYS, &params).await?;
        let left = transaction.query_opt(OLDER_TENANT_KEYS, &params).await?;
        transaction.commit().await?;
        let left: i64 = left
            .map_or(Ok(0), |row| row.try_get(0))
            .map_err(unreadable)?;
        if left == 0 || stuck > 0 {
            return Ok(stuck);
        }
        // A first use that began before this rotation wrapped its key under the old one.
        tokio::time::sleep(PAUSE).await;
    }
}

/// What the master key itself wraps goes under the tenant's key.
async fn direct(of: &Rotations, scope: &Scope, job: &Job) -> Result<u64, VaultError> {
    let to = match newest(of, scope).await? {
        Some(key) => key,
        None => first(of, scope).await?,
    };
    // No version is older than the first: only keys without one are moved.
    Ok(many(&pass(of, scope, Some(job), FIRST_VERSION, &to).await?))
}

/// How many, as rotations count.
fn many(stuck: &[Unopened]) -> u64 {
    u64::try_from(stuck.len()).unwrap_or(u64::MAX)
}

/// A data key that does not unwrap, and the version of the tenant's key that it is under.
pub(super) struct Unopened {
    pub(super) place: Place,
    pub(super) under: Option<i32>,
}

/// Wraps data keys anew that are under an older version than `below`, or under none. Gives those
/// that do not unwrap: they stay as they are.
pub(super) async fn pass(
    of: &Rotations,
    scope: &Scope,
    job: Option<&Job>,
    below: i32,
    to: &WrappedTenantKey,
) -> Result<Vec<Unopened>, VaultError> {
    let tenant = scope.tenant.as_str();
    let (mut after, mut stuck) = ((String::new(), 0), Vec::new());
    loop {
        let transaction = of.database.begin(scope).await?;
        let params: [&(dyn ToSql + Sync); 5] = [&tenant, &below, &after.0, &after.1, &BATCH];
        let rows = transaction.query(DATA_KEYS, &params).await?;
        let keys: Result<Vec<_>, _> = rows.iter().map(|row| rewrap(scope, row)).collect();
        let keys = keys?;
        let unders: Vec<_> = keys.iter().map(|key| key.key.under).collect();
        let wrapped = of.vault.rewrap(keys, to.clone()).await?;
        let Some((last, _)) = wrapped.last() else {
            transaction.rollback().await?;
            return Ok(stuck);
        };
        after = (last.subject.clone(), last.version);
        let mut done = 0;
        for ((place, key), under) in wrapped.iter().zip(unders) {
            let Ok(key) = key else {
                let place = place.clone();
                stuck.push(Unopened { place, under });
                continue;
            };
            let (subject, version) = (&place.subject, &place.version);
            let params: [&(dyn ToSql + Sync); 5] =
                [&tenant, subject, version, &key.under, &key.wrapped];
            transaction.execute(PUT_DATA_KEY, &params).await?;
            done += 1;
        }
        if let Some(job) = job.filter(|job| job.shown.level == Level::Tenant) {
            jobs::advance(&transaction, job, done).await?;
        }
        transaction.commit().await?;
    }
}

/// The tenant's keys themselves. Gives how many do not unwrap.
async fn tenant_keys(of: &Rotations, scope: &Scope, job: &Job) -> Result<u64, VaultError> {
    let (tenant, target) = (scope.tenant.as_str(), job.master.as_slice());
    let transaction = of.database.begin(scope).await?;
    let rows = transaction.query(TENANT_KEYS, &[&tenant, &target]).await?;
    let mut stuck = 0;
    for row in &rows {
        let to = job.master.to_vec();
        let rewrapped = of.vault.rewrap_tenant_key(&scope.tenant, wrapped(row)?, to);
        let key = match rewrapped.await {
            Ok(key) => key,
            Err(error) if error.is_unavailable() => return Err(error),
            Err(_) => {
                stuck += 1;
                continue;
            }
        };
        let params: [&(dyn ToSql + Sync); 4] = [&tenant, &key.version, &key.master, &key.wrapped];
        transaction.execute(PUT_TENANT_KEY, &params).await?;
    }
    jobs::advance(&transaction, job, usize::from(!rows.is_empty())).await?;
    transaction.commit().await?;
    Ok(stuck)
}

/// The first version of the key of a tenant that has none yet.
pub(super) async fn first(of: &Rotations, scope: &Scope) -> Result<WrappedTenantKey, VaultError> {
    next_version(of, scope).await?;
    newest(of, scope).await?.ok_or(VaultError::Gone)
}

/// The newest version of a tenant's key.
pub(super) async fn newest(
    of: &Rotations,
    scope: &Scope,
) -> Result<Option<WrappedTenantKey>, DatabaseError> {
    let tenant = scope.tenant.as_str();
    let rows = of.database.read(scope, NEWEST, &[&tenant]).await?;
    rows.first().map(wrapped).transpose()
}

pub(super) fn wrapped(row: &Row) -> Result<WrappedTenantKey, DatabaseError> {
    Ok(WrappedTenantKey {
        version: row.try_get(0).map_err(unreadable)?,
        master: row.try_get(1).map_err(unreadable)?,
        wrapped: row.try_get(2).map_err(unreadable)?,
    })
}

fn rewrap(scope: &Scope, row: &Row) -> Result<Rewrap, DatabaseError> {
    let version = row.try_get(1).map_err(unreadable)?;
    let under: Option<i32> = row.try_get(2).map_err(unreadable)?;
    let tenant_key = match under {
        None => None,
        Some(version) => Some(WrappedTenantKey {
            version,
            master: row.try_get(4).map_err(unreadable)?,
            wrapped: row.try_get(5).map_err(unreadable)?,
        }),
    };
    Ok(Rewrap {
        place: Place {
            tenant: scope.tenant.to_string(),
            subject: row.try_get(0).map_err(unreadable)?,
            version,
        },
        key: WrappedDataKey {
            version,
            under,
            wrapped: row.try_get(3).map_err(unreadable)?,
        },
        tenant_key,
    })
}
