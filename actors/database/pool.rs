//! `DatabasePool`: the actor that owns this node's connections.
//!
//! It waits for the server, migrates the schema as its owner, and publishes a pool of connections
//! that run as the application. The pool dies with the actor. When the server cannot be reached in
//! time it starts without one and goes on trying: a lost server must not use up the restarts of the
//! tree, and every caller has a typed answer meanwhile. A schema that it must not touch, a wrong
//! password or a missing database fail its start instead: no later attempt would go better.
//!
//! Assumes a permanent restart. Lost on restart: connections, and with them open transactions.

use super::handle::Live;
use super::lanes::{LANES, Lanes, PLANS};
use super::migrations::{MigrationError, migrate};
use super::reach::Hosts;
use super::tls::Connection;
use super::{CONNECT_DEADLINE, POOL_WAIT_DEADLINE, STATEMENT_DEADLINE};
use super::{Database, DatabaseConfig, DatabaseConfigError, DatabaseError, Login};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// How long a start waits for the server before it goes on without: a first `initdb`, slow disk.
const START_WAIT: Duration = Duration::from_secs(20);

/// Pauses between attempts: a server that restarts is back within a fifth of a second, and one that
/// recovers within a few; nobody is served for longer than the longest pause after that.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The database pool as a child: it has no messages, its product is what `database` finds.
#[must_use]
pub fn pool_child(config: DatabaseConfig, database: Database) -> ChildSpec {
    let handle = Handle::<Never>::new(Limits::in_flight(1));
    let start = START_WAIT.saturating_add(Duration::from_secs(10));
    ChildSpec::worker("pool", &handle, move || {
        (DatabasePool, (config.clone(), database.clone()))
    })
    .start_timeout(start)
}

/// No message exists.
pub(super) enum Never {}

struct DatabasePool;

/// What keeps the pool alive: the pool itself, or the task that is still trying to make it.
struct PoolOwner {
    _live: Option<Arc<Live>>,
    connecting: Option<JoinHandle<()>>,
}

impl Drop for PoolOwner {
    fn drop(&mut self) {
        if let Some(task) = &self.connecting {
            task.abort();
        }
    }
}

impl Actor for DatabasePool {
    type Msg = Envelope<Never>;
    type State = PoolOwner;
    type Arguments = (DatabaseConfig, Database);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (config, database): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        match tokio::time::timeout(START_WAIT, connect(&config, &database)).await {
            Ok(live) => {
                let live = live?;
                database.publish(&live);
                Ok(PoolOwner {
                    _live: Some(live),
                    connecting: None,
                })
            }
            Err(_) => {
                tracing::warn!(
                    waited_s = START_WAIT.as_secs(),
                    "database not reachable yet"
                );
                let task = tokio::spawn(async move {
                    match connect(&config, &database).await {
                        Ok(live) => {
                            database.publish(&live);
                            // Holds the pool until the owner's drop aborts this task.
                            std::future::pending::<()>().await;
                            drop(live);
                        }
                        Err(error) => {
                            tracing::error!(%error, "database refused");
                            myself.stop(Some("the database refused this program".to_owned()));
                        }
                    }
                });
                Ok(PoolOwner {
                    _live: None,
                    connecting: Some(task),
                })
            }
        }
    }
}

/// Why no pool can be made, now or later.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The configuration names no server.
    #[error(transparent)]
    Config(#[from] DatabaseConfigError),
    /// The schema is not this program's.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// The server answered and refused: a password, a missing database, a missing grant.
    #[error("the server refused the login `{user}`: {reason}")]
    Refused {
        /// As whom.
        user: String,
        /// The server's reason; it is about the login.
        reason: DatabaseError,
    },
}

/// Tries until the server answers; fails only where trying again cannot help.
async fn connect(config: &DatabaseConfig, database: &Database) -> Result<Arc<Live>, PoolError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let attempt = match database.stand_in() {
            Some(stand_in) => match stand_in.ping().await {
                Ok(()) => return Ok(Arc::new(Live::new(None))),
                Err(reason) => Err(PoolError::Refused {
                    user: "-".to_owned(),
                    reason,
                }),
            },
            None => attempt(config).await,
        };
        match attempt {
            Ok(live) => return Ok(live),
            Err(PoolError::Refused { reason, .. }) if reason.is_unavailable() => {}
            Err(PoolError::Migration(error)) if error.is_unavailable() => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

async fn attempt(config: &DatabaseConfig) -> Result<Arc<Live>, PoolError> {
    if let Some(maintenance) = config.maintenance()? {
        create_database(&maintenance, &config.database).await?;
    }
    prepare_schema(config).await?;
    live_pool(config)
}

/// Makes the embedded cluster's database on the first start.
pub(super) async fn create_database(cluster: &Connection, name: &str) -> Result<(), PoolError> {
    let session = Session::open(cluster).await?;
    let sorted = |error| PoolError::Migration(failed_statement(&error).into());
    let known = "SELECT 1 FROM pg_database WHERE datname = $1";
    if session
        .client
        .query_opt(known, &[&name])
        .await
        .map_err(sorted)?
        .is_none()
    {
        // The name is this program's own; identifiers cannot be parameters.
        let create = format!(
            "CREATE DATABASE \"{}\" TEMPLATE template0",
            name.replace('"', "")
        );
        session
            .client
            .batch_execute(&create)
            .await
            .map_err(sorted)?;
    }
    Ok(())
}

/// Migrates as the owner, on a session of its own that ends with it.
pub(super) async fn prepare_schema(config: &DatabaseConfig) -> Result<(), PoolError> {
    let mut session = Session::open(&config.connection(Login::Owner)?).await?;
    Ok(migrate(&mut session.client).await?)
}

/// A pool for requests, and lanes. No connection is made before the first is asked for.
pub(super) fn live_pool(config: &DatabaseConfig) -> Result<Arc<Live>, PoolError> {
    let application = config.connection(Login::Application)?;
    let pool = pool_of(&application, config.pool_size)?;
    let lanes = Lanes::start(pool_of(&planned(application), LANES)?);
    Ok(Arc::new(Live::with_lanes(pool, lanes)))
}

/// The same sessions, told how a lane plans.
pub(super) fn planned(mut application: Connection) -> Connection {
    let given = application.get_options().unwrap_or_default();
    let options = format!("{given}{PLANS}");
    application.options(options);
    application
}

/// A pool of sessions that are made as they are asked for, on the first host that will do.
///
/// Recycling asks nothing of the server: it would cost every statement a round trip, and a
/// half-open connection answers no question. What notices one is the deadline of the statement,
/// after which the connection is dropped and never goes back, and the kernel's keepalives.
pub(super) fn pool_of(config: &Connection, size: usize) -> Result<Pool, PoolError> {
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = Manager::from_connect((**config).clone(), Hosts::of(config), recycling);
    let pool = Pool::builder(manager)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(POOL_WAIT_DEADLINE))
        .create_timeout(Some(CONNECT_DEADLINE))
        .recycle_timeout(Some(CONNECT_DEADLINE))
        .build();
    // The only error is a missing runtime, and one is given.
    pool.map_err(|_| MigrationError::Database(DatabaseError::Unavailable).into())
}

fn failed_statement(error: &tokio_postgres::Error) -> DatabaseError {
    DatabaseError::from_driver(error, STATEMENT_DEADLINE)
}

/// One connection outside the pool; ends when dropped.
pub(crate) struct Session {
    pub(crate) client: Client,
    driver: JoinHandle<()>,
}

impl Session {
    /// Connects within [`CONNECT_DEADLINE`].
    pub(crate) async fn open(config: &Connection) -> Result<Self, PoolError> {
        let refused = |reason| PoolError::Refused {
            user: config.get_user().unwrap_or("-").to_owned(),
            reason,
        };
        let hosts = Hosts::of(config);
        let connected = tokio::time::timeout(CONNECT_DEADLINE, hosts.connect()).await;
        let timed_out = |_| {
            refused(DatabaseError::Timeout {
                after: CONNECT_DEADLINE,
            })
        };
        let (client, driver) = connected
            .map_err(timed_out)?
            .map_err(|e| refused(failed_statement(&e)))?;
        Ok(Self { client, driver })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
