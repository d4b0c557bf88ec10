//! `Database`: what every other actor holds to reach PostgreSQL.
//!
//! Owns no connection. The pool belongs to the [`super::DatabasePool`] actor and dies with it; a
//! handle finds the pool that is alive now, or says that there is none.

use super::transaction::{Lease, Params, Transaction, within};
use super::{DatabaseError, STATEMENT_DEADLINE, Scope};
use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use tokio_postgres::Row;

/// What stands in for the server where folders keep their rows in a twin of their stores: it says
/// whether that is there. The simulator's alone.
pub trait StandIn: Send + Sync + 'static {
    /// Whether the twin answers now.
    fn ping(&self) -> BoxFuture<'_, Result<(), DatabaseError>>;
}

/// The pool, shared for as long as its owner lives; none with a stand-in.
pub(super) struct Live {
    pool: Option<Pool>,
}

impl Live {
    pub(super) const fn new(pool: Option<Pool>) -> Self {
        Self { pool }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.close();
        }
    }
}

/// A handle to the database: cheap to clone, made before the tree that serves it.
#[derive(Clone, Default)]
pub struct Database {
    slot: Arc<RwLock<Weak<Live>>>,
    stand_in: Option<Arc<dyn StandIn>>,
}

impl Database {
    /// A handle that no pool serves yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle to no server: whoever asks it a statement reads that there is none.
    #[must_use]
    pub fn standing_in(stand_in: Arc<dyn StandIn>) -> Self {
        Self {
            stand_in: Some(stand_in),
            ..Self::default()
        }
    }

    /// Whether there is no server behind it at all.
    #[must_use]
    pub const fn is_stand_in(&self) -> bool {
        self.stand_in.is_some()
    }

    pub(super) fn stand_in(&self) -> Option<&Arc<dyn StandIn>> {
        self.stand_in.as_ref()
    }

    /// Runs one statement in a read-only transaction of `scope`, in one round trip.
    ///
    /// # Errors
    /// [`DatabaseError`], within [`STATEMENT_DEADLINE`].
    pub async fn read(
        &self,
        scope: &Scope,
        sql: &str,
        params: &Params<'_>,
    ) -> Result<Vec<Row>, DatabaseError> {
        within(STATEMENT_DEADLINE, async {
            self.lease().await?.read(scope, sql, params).await
        })
        .await
    }

    /// Opens a transaction of `scope`.
    ///
    /// # Errors
    /// [`DatabaseError`], within [`STATEMENT_DEADLINE`].
    pub async fn begin(&self, scope: &Scope) -> Result<Transaction, DatabaseError> {
        within(STATEMENT_DEADLINE, async {
            self.lease().await?.begin(scope).await
        })
        .await
    }

    /// Whether a statement can be answered now.
    ///
    /// # Errors
    /// [`DatabaseError`] saying why not.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        within(STATEMENT_DEADLINE, async {
            if let Some(stand_in) = &self.stand_in {
                let _live = self.live().ok_or(DatabaseError::Unavailable)?;
                return stand_in.ping().await;
            }
            self.lease().await?.ping().await
        })
        .await
    }

    /// How many connections are open and how many of them are idle; zeros without a pool.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        let live = self.live();
        let status = live.and_then(|live| live.pool.as_ref().map(Pool::status));
        status.map_or((0, 0), |status| (status.size, status.available))
    }

    /// Makes `live` what this handle finds, until its owner drops it.
    pub(super) fn publish(&self, live: &Arc<Live>) {
        *self.slot.write().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(live);
    }

    fn live(&self) -> Option<Arc<Live>> {
        self.slot
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .upgrade()
    }

    async fn lease(&self) -> Result<Lease, DatabaseError> {
        // The pool is cloned out so that a waiting caller does not keep a dead owner's pool alive.
        let pool = self
            .live()
            .and_then(|live| live.pool.clone())
            .ok_or(DatabaseError::Unavailable)?;
        match pool.get().await {
            Ok(client) => Ok(Lease::new(client)),
            Err(error) => Err(DatabaseError::from_pool(&error, STATEMENT_DEADLINE)),
        }
    }
}
