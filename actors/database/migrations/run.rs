//! `plantao migrate`: brings a schema to a version, forward or back, one transaction a step.
//!
//! Takes the lock that a starting node takes, so that the two wait for each other. Refuses, before
//! it touches anything: a schema of a newer program, a step back that nobody confirmed, and a
//! database that a runtime has open. What ran is in refinery's history, and what was taken back is
//! out of it, in the same transaction.

use super::plan::{Applied, Direction, Plan, PlanError, Step, known, plan};
use super::{LOCK, MIGRATION_DEADLINE, MigrationError, ROLES, describe};
use crate::database::pool::{PoolError, Session, create_database};
use crate::database::{DatabaseConfig, DatabaseError, Login};
use refinery::{Runner, Target};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

/// How long a step back waits for somebody else's lock: whoever holds one is at work.
const LIMIT_LOCKS: &str = "SET LOCAL lock_timeout = '30s'";

/// How this session is told from a runtime's.
const NAME: &str = "plantao-migrate";

const HISTORY: &str =
    "SELECT version, name, checksum FROM plantao.refinery_schema_history ORDER BY version";

const SERVING: &str = "SELECT count(*) FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid() \
     AND application_name = 'plantao'";

/// What was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// The version; the newest without one. 0 is no schema at all.
    pub to: Option<i32>,
    /// Tell the plan and do nothing.
    pub dry_run: bool,
    /// Data may be destroyed.
    pub confirmed: bool,
    /// Even while a runtime has the database open.
    pub forced: bool,
}

/// What a run says on its way.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// All that will be done, before any of it is.
    Plan(&'a Plan),
    /// A step was committed.
    Done(&'a Step),
}

/// Carries a wish out, and tells the plan before and each step after it. Steps that were committed
/// before an error stay.
///
/// # Errors
/// [`PoolError`] when the server does not answer; [`MigrationError`] otherwise, within
/// half an hour.
pub async fn migrate_to(
    config: &DatabaseConfig,
    wish: Wish,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<Plan, PoolError> {
    if let Some(maintenance) = config.maintenance()?.filter(|_| !wish.dry_run) {
        create_database(&maintenance, &config.database).await?;
    }
    let mut connection = config.connection(Login::Owner)?;
    connection.application_name(NAME);
    let mut session = Session::open(&connection).await?;
    let work = carry_out(&mut session.client, wish, tell);
    match tokio::time::timeout(MIGRATION_DEADLINE, work).await {
        Ok(result) => Ok(result?),
        Err(_) => {
            let after = MIGRATION_DEADLINE;
            Err(MigrationError::Database(DatabaseError::Timeout { after }).into())
        }
    }
}

/// Waits until the server of a configuration answers as its owner.
///
/// # Errors
/// [`PoolError`] when it refuses, or does not answer within `patience`.
pub async fn await_server(config: &DatabaseConfig, patience: Duration) -> Result<(), PoolError> {
    let connection = match config.maintenance()? {
        Some(own) => own,
        None => config.connection(Login::Owner)?,
    };
    let deadline = Instant::now() + patience;
    loop {
        match Session::open(&connection).await {
            Ok(_) => return Ok(()),
            Err(PoolError::Refused { reason, .. })
                if reason.is_unavailable() && Instant::now() < deadline =>
            {
                sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn carry_out(
    client: &mut Client,
    wish: Wish,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<Plan, MigrationError> {
    // Released with the session, whichever way it ends.
    client
        .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
        .await
        .map_err(sorted)?;
    become_owner(client, wish.dry_run).await?;
    let plan = plan(&history(client).await?, wish.to)?;
    tell(Told::Plan(&plan));
    if wish.dry_run || plan.steps.is_empty() {
        return Ok(plan);
    }
    if plan.goes_back() && !wish.confirmed {
        return Err(PlanError::Unconfirmed.into());
    }
    let connections: i64 = client.query_one(SERVING, &[]).await.map_err(sorted)?.get(0);
    if connections > 0 && !wish.forced {
        return Err(PlanError::Serving { connections }.into());
    }
    for step in &plan.steps {
        match step.direction {
            Direction::Forward => forward(client, step).await?,
            Direction::Back => back(client, step).await?,
        }
        tracing::info!(version = step.version, direction = ?step.direction, "schema migrated");
        tell(Told::Done(step));
    }
    Ok(plan)
}

/// A dry run makes no role; one that is there already may be needed to read the history.
async fn become_owner(client: &Client, dry_run: bool) -> Result<(), MigrationError> {
    let roles_error = |error| MigrationError::Roles(sorted(error));
    if dry_run {
        let known = "SELECT 1 FROM pg_roles WHERE rolname = 'plantao_owner'";
        if client
            .query_opt(known, &[])
            .await
            .map_err(sorted)?
            .is_none()
        {
            return Ok(());
        }
    } else {
        client.batch_execute(ROLES).await.map_err(roles_error)?;
    }
    client
        .batch_execute("SET ROLE plantao_owner")
        .await
        .map_err(roles_error)
}

async fn history(client: &Client) -> Result<Vec<Applied>, MigrationError> {
    let exists = "SELECT to_regclass('plantao.refinery_schema_history') IS NOT NULL";
    let exists = client.query_one(exists, &[]).await.map_err(sorted)?;
    if !exists.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let rows = client.query(HISTORY, &[]).await.map_err(sorted)?;
    let applied = |row: &tokio_postgres::Row| Applied {
        version: row.get(0),
        name: row.get(1),
        checksum: row.get(2),
    };
    Ok(rows.iter().map(applied).collect())
}

async fn forward(client: &mut Client, step: &Step) -> Result<(), MigrationError> {
    let runner = Runner::new(&known()?).set_target(Target::Version(step.version));
    let ran = runner.run_async(client).await;
    ran.map(|_| ()).map_err(|error| MigrationError::Failed {
        reason: describe(&error),
    })
}

async fn back(client: &mut Client, step: &Step) -> Result<(), MigrationError> {
    let failed = |error: tokio_postgres::Error| match error.as_db_error() {
        // Text about the schema, never a row: scripts are the only statements that may be told.
        Some(told) => MigrationError::Failed {
            reason: format!("way back of migration {}: {}", step.version, told.message()),
        },
        None => sorted(error).into(),
    };
    let transaction = client.transaction().await.map_err(failed)?;
    transaction
        .batch_execute(LIMIT_LOCKS)
        .await
        .map_err(failed)?;
    transaction.batch_execute(step.sql).await.map_err(failed)?;
    let forget = "DELETE FROM plantao.refinery_schema_history WHERE version = $1";
    let gone = transaction.execute(forget, &[&step.version]).await;
    if gone.map_err(failed)? != 1 {
        let (version, name) = (step.version, step.name.clone());
        return Err(PlanError::Divergent { version, name }.into());
    }
    transaction.commit().await.map_err(failed)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "what map_err hands over is owned"
)]
fn sorted(error: tokio_postgres::Error) -> DatabaseError {
    DatabaseError::from_driver(&error, MIGRATION_DEADLINE)
}
