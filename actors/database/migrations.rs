//! Brings the schema to this program's version, once per start, one node at a time.
//!
//! Refuses a schema that is newer than the program: an older program would write rows that the
//! newer one no longer understands. Refuses a migration whose text has changed since it ran. A
//! start only goes forward; [`migrate_to`] goes either way, when somebody asks for it.

mod back;
mod plan;
mod run;
mod statements;
#[cfg(test)]
mod tests;

pub use plan::{Direction, Plan, PlanError, Step};
pub use run::{Told, Wish, await_server, migrate_to};

use super::DatabaseError;
use super::storage::{self, StorageGone};
use refinery::Runner;
use std::time::Duration;
use tokio_postgres::Client;

/// The files of `schema/migrations`, in order. Each is final once released.
const MIGRATIONS: &[(&str, &str)] = &[
    (
        "V1__foundation",
        include_str!("../../schema/migrations/V1__foundation.sql"),
    ),
    (
        "V2__live_pages",
        include_str!("../../schema/migrations/V2__live_pages.sql"),
    ),
    (
        "V3__transparency_log",
        include_str!("../../schema/migrations/V3__transparency_log.sql"),
    ),
    (
        "V4__commitments",
        include_str!("../../schema/migrations/V4__commitments.sql"),
    ),
    (
        "V5__keys",
        include_str!("../../schema/migrations/V5__keys.sql"),
    ),
    (
        "V6__partitions",
        include_str!("../../schema/migrations/V6__partitions.sql"),
    ),
    (
        "V7__audit_search",
        include_str!("../../schema/migrations/V7__audit_search.sql"),
    ),
    (
        "V8__key_periods",
        include_str!("../../schema/migrations/V8__key_periods.sql"),
    ),
];

/// Run before the migrations, each time: every statement may find its work done.
const ROLES: &str = include_str!("../../schema/migrations/roles.sql");

/// Names the lock that lets one node migrate while others wait. Any constant will do.
pub(crate) const LOCK: i64 = 0x706c_616e_7461_6f00;

/// A large index takes minutes; a lock that is never freed must still end the wait.
pub(super) const MIGRATION_DEADLINE: Duration = Duration::from_mins(30);

/// Why the schema could not be brought to this program's version.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database was used by a later version of the program.
    #[error(
        "the schema is at version {found} and this program knows up to {known}: \
         it was used by a newer version; run that one, or restore a backup"
    )]
    Newer {
        /// The version found.
        found: i32,
        /// The newest this program has.
        known: i32,
    },
    /// The roles could not be made.
    #[error("the roles could not be prepared: see schema/migrations/roles.sql for what to grant")]
    Roles(#[source] DatabaseError),
    /// A migration did not apply, or is not the one that was applied before.
    #[error("migrating the schema failed: {reason}")]
    Failed {
        /// Which migration and the SQLSTATE.
        reason: String,
    },
    /// The trail's storage is not what it was begun with.
    #[error(transparent)]
    Storage(#[from] StorageGone),
    /// What was asked for cannot be done, or may not be done yet.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The database went away.
    #[error("the database was lost while the schema was being migrated")]
    Database(#[from] DatabaseError),
}

impl MigrationError {
    /// Whether trying again later is the right answer.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Roles(error) | Self::Database(error) if error.is_unavailable())
    }
}

/// Applies what is missing. `client` is a session of [`super::Login::Owner`].
///
/// # Errors
/// [`MigrationError`]; nothing of a failed migration is kept.
pub(crate) async fn migrate(client: &mut Client) -> Result<(), MigrationError> {
    let work = async {
        let sorted = |error| DatabaseError::from_driver(&error, MIGRATION_DEADLINE);
        // Released with the session, whichever way it ends.
        client
            .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
            .await
            .map_err(sorted)?;
        let roles = client.batch_execute(ROLES).await.map_err(sorted);
        roles.map_err(MigrationError::Roles)?;
        let became = client
            .batch_execute("SET ROLE plantao_owner")
            .await
            .map_err(sorted);
        became.map_err(MigrationError::Roles)?;
        refuse_newer(client).await?;
        apply(client).await?;
        storage::settle(client).await.map(drop)
    };
    match tokio::time::timeout(MIGRATION_DEADLINE, work).await {
        Ok(result) => result,
        Err(_) => Err(DatabaseError::Timeout {
            after: MIGRATION_DEADLINE,
        }
        .into()),
    }
}

async fn refuse_newer(client: &Client) -> Result<(), MigrationError> {
    let sorted = |error| DatabaseError::from_driver(&error, MIGRATION_DEADLINE);
    let history = "SELECT to_regclass('plantao.refinery_schema_history') IS NOT NULL";
    let exists = client.query_one(history, &[]).await.map_err(sorted)?;
    if !exists.get::<_, bool>(0) {
        return Ok(());
    }
    let newest = "SELECT coalesce(max(version), 0) FROM plantao.refinery_schema_history";
    let found: i32 = client.query_one(newest, &[]).await.map_err(sorted)?.get(0);
    let known = newest_known();
    if found > known {
        Err(MigrationError::Newer { found, known })
    } else {
        Ok(())
    }
}

/// The version of the last file: numbers may be left out.
pub(crate) fn newest_known() -> i32 {
    let number =
        |(name, _): &(&str, &str)| name.strip_prefix('V')?.split_once("__")?.0.parse().ok();
    MIGRATIONS
        .iter()
        .filter_map(number)
        .max()
        .unwrap_or_default()
}

async fn apply(client: &mut Client) -> Result<(), MigrationError> {
    let failed = |error: refinery::Error| MigrationError::Failed {
        reason: describe(&error),
    };
    let runner = Runner::new(&plan::known()?);
    let report = runner.run_async(client).await.map_err(failed)?;
    for migration in report.applied_migrations() {
        tracing::info!(%migration, "schema migrated");
    }
    Ok(())
}

/// The library's error with the server's own reason, which is about the schema and never a row:
/// migrations are the only statements whose text may be told.
fn describe(error: &refinery::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
