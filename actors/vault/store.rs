//! What keeps wrapped keys: the seam, and PostgreSQL behind it.

use super::VaultError;
use super::period::{PeriodMark, period_of};
use super::wrapped::{Place, WrappedDataKey, WrappedTenantKey};
use crate::database::{Database, DatabaseError, KeyPart, PointQuery, Row, Scope, ToSql};
use futures_util::future::BoxFuture;

// The key, what wraps it (or would wrap a new one), the master key in use and whether the subject
// was erased: one look, so that all of it is of one moment.
pub(super) const FIND: PointQuery = PointQuery {
    sql: "SELECT d.version, d.tenant_version, d.wrapped, t.version, t.master, t.wrapped, \
        (SELECT name FROM plantao_keys.master_key WHERE state = 'current'), \
        coalesce((SELECT true FROM plantao_keys.tombstone e \
            WHERE e.tenant = $1 AND e.subject = k.subject), false), \
        (SELECT number FROM plantao_keys.period), (SELECT name FROM plantao_keys.period), k.n \
        FROM unnest($2::text[], $3::integer[]) WITH ORDINALITY AS k(subject, version, n) \
        LEFT JOIN LATERAL (SELECT x.version, x.tenant_version, x.wrapped \
            FROM plantao_keys.data_key x WHERE x.tenant = $1 AND x.subject = k.subject \
            AND x.version = coalesce(k.version, x.version) \
            ORDER BY x.version DESC LIMIT 1) d ON true \
        LEFT JOIN LATERAL (SELECT y.version, y.master, y.wrapped \
            FROM plantao_keys.tenant_key y WHERE y.tenant = $1 \
            AND y.version = coalesce(d.tenant_version, y.version) \
            ORDER BY y.version DESC LIMIT 1) t ON true",
    key: &[KeyPart::Text, KeyPart::Integer],
};

const ADD: &str = "INSERT INTO plantao_keys.data_key \
     (tenant, subject, version, tenant_version, wrapped) \
     SELECT $1::text, $2::text, $3::integer, $4::integer, $5::bytea WHERE NOT EXISTS \
     (SELECT FROM plantao_keys.tombstone WHERE tenant = $1 AND subject = $2) \
     ON CONFLICT DO NOTHING";

const ADD_TENANT: &str = "INSERT INTO plantao_keys.key_tenant (tenant) VALUES ($1) \
     ON CONFLICT DO NOTHING";

const ADD_TENANT_KEY: &str = "INSERT INTO plantao_keys.tenant_key \
     (tenant, version, master, wrapped) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

// Two first uses at once: the second waits for the first, and then reads its name.
const NAME_MASTER: &str = "INSERT INTO plantao_keys.master_key (name, state) \
     VALUES ($1, 'current') ON CONFLICT DO NOTHING";

// Shared, so that no rotation begins between this look and the commit.
const MASTER: &str = "SELECT name FROM plantao_keys.master_key WHERE state = 'current' FOR SHARE";

// The same for the period of a new tenant's key.
const NAME_PERIOD: &str = "INSERT INTO plantao_keys.period (number, name) VALUES ($1, $2) \
     ON CONFLICT DO NOTHING";
const PERIOD: &str = "SELECT number, name FROM plantao_keys.period FOR SHARE";

/// A key was to be wrapped by one that is not there any more.
const NO_WRAPPER: &str = "23503";

/// The answer of a store, which ends within the store's own deadlines.
pub type Asked<'a, T> = BoxFuture<'a, Result<T, VaultError>>;

/// What is known of a subject's key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest, or the one asked for.
    pub key: Option<WrappedDataKey>,
    /// What wraps it; where nothing does, the tenant's newest key.
    pub tenant_key: Option<WrappedTenantKey>,
    /// The name of the master key in use.
    pub master: Option<Vec<u8>>,
    /// The present period.
    pub period: Option<PeriodMark>,
    /// The subject's keys were destroyed.
    pub erased: bool,
}

/// What keeps wrapped keys. One trait, so that the simulator can stand in a twin for PostgreSQL.
pub trait KeyStore: Send + Sync + 'static {
    /// A wrapped key, the newest or the version asked for, with what is needed to unwrap it or to
    /// make the first.
    fn find<'a>(
        &'a self,
        scope: &'a Scope,
        subject: &'a str,
        version: Option<i32>,
    ) -> Asked<'a, Found>;

    /// Keeps a tenant's wrapped key, unless someone else was first or another period has begun:
    /// false then. Its master key is
    /// the one in use or the first that is; under any other nothing is kept
    /// ([`VaultError::OtherMasterKey`]).
    fn add_tenant_key<'a>(&'a self, scope: &'a Scope, key: &'a WrappedTenantKey)
    -> Asked<'a, bool>;

    /// Keeps a wrapped data key, unless someone else was first, what wraps it is gone, or its
    /// subject was erased: false then.
    fn add<'a>(
        &'a self,
        scope: &'a Scope,
        place: &'a Place,
        key: &'a WrappedDataKey,
    ) -> Asked<'a, bool>;
}

impl KeyStore for Database {
    fn find<'a>(
        &'a self,
        scope: &'a Scope,
        subject: &'a str,
        version: Option<i32>,
    ) -> Asked<'a, Found> {
        Box::pin(async move {
            let key = vec![subject.into(), version.into()];
            let rows = self.point_read(scope, &FIND, key).await?;
            rows.first().map_or(Ok(Found::default()), found)
        })
    }

    fn add_tenant_key<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a WrappedTenantKey,
    ) -> Asked<'a, bool> {
        Box::pin(add_tenant_key(self, scope, key))
    }

    fn add<'a>(
        &'a self,
        scope: &'a Scope,
        place: &'a Place,
        key: &'a WrappedDataKey,
    ) -> Asked<'a, bool> {
        Box::pin(add(self, scope, place, key))
    }
}

fn found(row: &Row) -> Result<Found, VaultError> {
    let unreadable = |_| VaultError::from(DatabaseError::Mismatch);
    let version: Option<i32> = row.try_get(0).map_err(unreadable)?;
    let key = match version {
        None => None,
        Some(version) => Some(WrappedDataKey {
            version,
            under: row.try_get(1).map_err(unreadable)?,
            wrapped: row.try_get(2).map_err(unreadable)?,
        }),
    };
    let version: Option<i32> = row.try_get(3).map_err(unreadable)?;
    let tenant_key = match version {
        None => None,
        Some(version) => Some(WrappedTenantKey {
            version,
            master: row.try_get(4).map_err(unreadable)?,
            wrapped: row.try_get(5).map_err(unreadable)?,
        }),
    };
    Ok(Found {
        key,
        tenant_key,
        master: row.try_get(6).map_err(unreadable)?,
        erased: row.try_get(7).map_err(unreadable)?,
        period: mark(row, 8)?,
    })
}

/// A period in two columns of a row, where there is one.
pub(super) fn mark(row: &Row, column: usize) -> Result<Option<PeriodMark>, DatabaseError> {
    let unreadable = |_| DatabaseError::Mismatch;
    let number: Option<i64> = row.try_get(column).map_err(unreadable)?;
    let name: Option<&[u8]> = row.try_get(column.saturating_add(1)).map_err(unreadable)?;
    let (Some(number), Some(name)) = (number, name) else {
        return Ok(None);
    };
    let name = name.try_into().map_err(|_| DatabaseError::Mismatch)?;
    Ok(Some(PeriodMark { number, name }))
}

pub(super) async fn add_tenant_key(
    database: &Database,
    scope: &Scope,
    key: &WrappedTenantKey,
) -> Result<bool, VaultError> {
    let transaction = database.begin(scope).await?;
    transaction.execute(NAME_MASTER, &[&key.master]).await?;
    let known = transaction.query_opt(MASTER, &[]).await?;
    if known.is_none_or(|row| row.get::<_, &[u8]>(0) != key.master) {
        transaction.rollback().await?;
        return Err(VaultError::OtherMasterKey);
    }
    if let Some(period) = period_of(key) {
        let params: [&(dyn ToSql + Sync); 2] = [&period.number, &period.name.as_slice()];
        transaction.execute(NAME_PERIOD, &params).await?;
        let row = transaction.query_opt(PERIOD, &[]).await?;
        let known = row.map_or(Ok(None), |row| mark(&row, 0))?;
        if known != Some(period) {
            transaction.rollback().await?;
            let other = known.is_some_and(|known| known.number == period.number);
            return if other {
                Err(VaultError::OtherPeriodKey)
            } else {
                Ok(false)
            };
        }
    }
    let tenant = scope.tenant.as_str();
    transaction.execute(ADD_TENANT, &[&tenant]).await?;
    let params: [&(dyn ToSql + Sync); 4] = [&tenant, &key.version, &key.master, &key.wrapped];
    let added = transaction.execute(ADD_TENANT_KEY, &params).await?;
    transaction.commit().await?;
    Ok(added == 1)
}

async fn add(
    database: &Database,
    scope: &Scope,
    place: &Place,
    key: &WrappedDataKey,
) -> Result<bool, VaultError> {
    let Place {
        tenant,
        subject,
        version,
    } = place;
    let transaction = database.begin(scope).await?;
    let params: [&(dyn ToSql + Sync); 5] = [tenant, subject, version, &key.under, &key.wrapped];
    match transaction.execute(ADD, &params).await {
        Ok(added) => {
            transaction.commit().await?;
            Ok(added == 1)
        }
        Err(error) => {
            // A rollback that fails has lost the connection, which rolls back too.
            drop(transaction.rollback().await);
            match error {
                DatabaseError::Rejected { sqlstate } if sqlstate == NO_WRAPPER => Ok(false),
                error => Err(error.into()),
            }
        }
    }
}
