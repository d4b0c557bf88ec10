//! PostgreSQL as the hospital's actors see it: one handle, one scope per statement, typed errors.
//!
//! Owns the connections, the schema's version and, unless a URL is configured, the server process
//! itself. Refuses a statement without a [`Scope`]: row-level security then shows no row at all.
//!
//! - [`PostgresServer`](postgres): the private cluster, a supervised operating-system process.
//! - [`pool`](pool_child): the connections, which wait for the server and migrate its schema.
//! - [`disk`](disk_child): the space that the private cluster has left, and what may be done then.
//! - [`lanes`]: reads by key, which travel together.
//! - [`replicas`](replicas_child): connections to standbys, and how far each lags.
//! - [`Database`]: what the other folders hold. [`Transaction`]: what a change runs in.
//!
//! PHI: rows pass through here. Purpose, legal basis and retention are those of the folder that
//! asks; access is bound by row-level security to the tenant of the permit; record bodies arrive
//! sealed (see [`crate::vault`]); neither statements nor parameters nor server messages are logged.

mod config;
mod error;
mod handle;
mod lanes;
mod lease;
mod logins;
mod marks;
mod migrations;
mod opening;
mod pool;
pub mod postgres;
mod reach;
mod replicas;
mod scope;
mod standing;
mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
mod tls;
mod transaction;

pub use config::{
    DEFAULT_BALLAST_BYTES, DEFAULT_FREE_MIN_BYTES, DEFAULT_POOL_SIZE, DEFAULT_STALL_LIMIT,
    DatabaseConfig, DatabaseConfigError, EmbeddedConfig, Login,
};
pub use error::DatabaseError;
pub use handle::{Database, StandIn};
pub use lanes::{KeyPart, PointQuery, Value};
pub use logins::login_holes;
pub use marks::Lsn;
pub(crate) use marks::Marks;
pub use migrations::{
    Direction, MigrationError, Plan, PlanError, Step, Told, Wish, await_server, migrate_to,
};
pub(crate) use migrations::{LOCK as MIGRATION_LOCK, migrate, newest_known};
pub(crate) use pool::Session;
pub use pool::{PoolError, pool_child};
pub use postgres::{disk_child, server_child};
pub use replicas::replicas_child;
pub use scope::Scope;
pub use standing::{LAG_MAX, ReplicaState, Room, Space};
use std::time::Duration;
pub use storage::{Choice, Found, StorageGone, TrailStorage, choose, storage_of};
pub(crate) use time::{from_database, to_database};
pub use tls::Connection;
pub use tokio_postgres::types::ToSql;
pub use tokio_postgres::{Row, types};
pub use transaction::{Params, Transaction};

/// The longest that one statement may take, on either side of the wire. Ordinary ones take
/// milliseconds; what waits longer than this is a fault, and its caller has other work.
pub const STATEMENT_DEADLINE: Duration = Duration::from_secs(5);

/// The longest wait for a connection of the pool to become free.
pub const POOL_WAIT_DEADLINE: Duration = Duration::from_secs(2);

/// The longest that making a connection may take.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests;
