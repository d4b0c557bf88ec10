//! Sessions ended before their time, in PostgreSQL.

use super::LogInError;
use super::store::Ending;
use crate::audit::OpenEntry;
use crate::database::{
    Database, DatabaseError, Scope, ToSql, Transaction, from_database, to_database,
};
use crate::policy::Ended;
use plantao_schema::audit::Outcome;
use plantao_schema::id::SessionId;
use plantao_schema::time::Timestamp;
use std::sync::atomic::Ordering;

/// Most ended sessions of a tenant whose credential's time is not over. Beyond it the tenant does
/// not load, which denies.
const ENDED_MAX: usize = 100_000;

/// How long an ended session is kept beyond its credential's time: verifiers allow for clocks.
pub(super) const KEPT_SECONDS: i64 = 3_600;

const END: &str = "INSERT INTO revoked_session AS r (tenant, session, until) VALUES ($1, $2, $3) \
     ON CONFLICT (tenant, session) DO UPDATE SET until = greatest(r.until, EXCLUDED.until)";

const FORGET: &str = "DELETE FROM revoked_session WHERE tenant = $1 AND until < $2";

const ENDED: &str = "SELECT session, until FROM revoked_session \
     WHERE tenant = $1 AND until >= $2 LIMIT $3";

/// Ends a session, durable with the outcome of its audit entry.
pub(super) async fn end(
    database: &Database,
    scope: &Scope,
    ending: &Ending<'_>,
    open: &OpenEntry,
) -> Result<(), LogInError> {
    let transaction = database.begin(scope).await?;
    match write(&transaction, scope, ending, open).await {
        Ok(()) => {
            ending.committing.store(true, Ordering::Release);
            transaction.commit().await.map_err(LogInError::in_doubt)
        }
        Err(error) => {
            // A rollback that fails has lost the connection, which rolls back too.
            drop(transaction.rollback().await);
            Err(error.into())
        }
    }
}

async fn write(
    transaction: &Transaction,
    scope: &Scope,
    ending: &Ending<'_>,
    open: &OpenEntry,
) -> Result<(), DatabaseError> {
    let tenant = scope.tenant.as_str();
    let kept = to_database(ending.now.plus_seconds(-KEPT_SECONDS));
    transaction.execute(FORGET, &[&tenant, &kept]).await?;
    let until = to_database(ending.until);
    let params: [&(dyn ToSql + Sync); 3] = [&tenant, &ending.session.as_str(), &until];
    transaction.execute(END, &params).await?;
    open.complete_in(transaction, Outcome::Success).await
}

/// Every ended session of the scope's tenant that still matters.
pub(super) async fn ended(
    database: &Database,
    scope: &Scope,
    now: Timestamp,
) -> Result<Ended, LogInError> {
    let kept = to_database(now.plus_seconds(-KEPT_SECONDS));
    let limit = i64::try_from(ENDED_MAX + 1).unwrap_or(i64::MAX);
    let params: [&(dyn ToSql + Sync); 3] = [&scope.tenant.as_str(), &kept, &limit];
    let rows = database.read(scope, ENDED, &params).await?;
    if rows.len() > ENDED_MAX {
        tracing::error!(
            tenant = %scope.tenant,
            limit = ENDED_MAX,
            "more ended sessions than a node holds: nothing of this tenant is decided"
        );
        return Err(LogInError::Internal);
    }
    let mut ended = Ended::with_capacity(rows.len());
    for row in &rows {
        let session: &str = row.try_get(0).map_err(|_| LogInError::Internal)?;
        let session = SessionId::parse(session).map_err(|_| LogInError::Internal)?;
        let until = row.try_get(1).map_err(|_| LogInError::Internal)?;
        ended.insert(session, from_database(until));
    }
    Ok(ended)
}
