//! `Database`: what every other actor holds to reach PostgreSQL.
//!
//! Owns no connection. The pool belongs to the [`super::DatabasePool`] actor and dies with it; a
//! handle finds the pool that is alive now, or says that there is none.

use super::lanes::{Answer, Column, Lanes, PointQuery, Value, columns_of};
use super::lease::{Lease, within};
use super::marks::Marks;
use super::standing::{ReplicaState, Space, Standing};
use super::transaction::{Params, Transaction};
use super::{DatabaseError, Lsn, STATEMENT_DEADLINE, Scope};
use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::Row;

/// How long a replica may take: what it costs when it does not answer is still far from the
/// deadline of whoever asks.
const REPLICA_DEADLINE: Duration = Duration::from_secs(1);

/// What stands in for the server where folders keep their rows in a twin of their stores: it says
/// whether that is there. The simulator's alone.
pub trait StandIn: Send + Sync + 'static {
    /// Whether the twin answers now.
    fn ping(&self) -> BoxFuture<'_, Result<(), DatabaseError>>;
}

/// The pool, shared for as long as its owner lives; none with a stand-in. Lanes where reads by key
/// are answered.
pub(super) struct Live {
    pool: Option<Pool>,
    lanes: Option<Lanes>,
}

impl Live {
    pub(super) const fn new(pool: Option<Pool>) -> Self {
        Self { pool, lanes: None }
    }

    pub(super) const fn with_lanes(pool: Pool, lanes: Lanes) -> Self {
        Self {
            pool: Some(pool),
            lanes: Some(lanes),
        }
    }

    pub(super) const fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
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
    replicas: Arc<RwLock<Vec<Weak<Live>>>>,
    next_replica: Arc<AtomicUsize>,
    standing: Arc<Standing>,
    stand_in: Option<Arc<dyn StandIn>>,
}

impl Database {
    /// A handle that no pool serves yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, to a server that has so many replicas.
    #[must_use]
    pub fn with_replicas(count: usize) -> Self {
        Self {
            standing: Arc::new(Standing::with_replicas(count)),
            ..Self::default()
        }
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

    /// Looks one key up, together with whatever others of the tenant look up at the moment: rows of
    /// the key, each with the ordinal of [`PointQuery`] as its last column. From the primary, and
    /// never older than the call.
    ///
    /// # Errors
    /// [`DatabaseError`], within [`STATEMENT_DEADLINE`]; [`DatabaseError::Overloaded`] when too
    /// many reads wait already.
    pub async fn point_read(
        &self,
        scope: &Scope,
        query: &'static PointQuery,
        key: Vec<Value>,
    ) -> Result<Vec<Row>, DatabaseError> {
        query.check(&key)?;
        let key: Arc<[Value]> = key.into();
        within(STATEMENT_DEADLINE, async {
            // The owner is let go again: nobody who waits keeps it alive.
            let asked = self.live().and_then(|live| {
                let lanes = live.lanes.as_ref()?;
                Some(lanes.ask(&scope.tenant, query, Arc::clone(&key)))
            });
            match asked.ok_or(DatabaseError::Unavailable)??.await {
                Ok(Answer::Rows(rows)) => Ok(rows),
                Ok(Answer::Refused(error)) => Err(error),
                Ok(Answer::Alone) => self.read_alone(scope, query, &key).await,
                Err(_) => Err(DatabaseError::Unavailable),
            }
        })
        .await
    }

    async fn read_alone(
        &self,
        scope: &Scope,
        query: &PointQuery,
        key: &[Value],
    ) -> Result<Vec<Row>, DatabaseError> {
        let columns = columns_of(&scope.tenant, query, [key].into_iter());
        let params: Vec<_> = columns.iter().map(Column::param).collect();
        self.lease().await?.read(scope, query.sql, &params).await
    }

    /// The same as [`Database::read`], where an answer may be up to [`super::LAG_MAX`] old: from a
    /// replica that has replayed at least `at_least` and everything that the scope's principal
    /// wrote through this node, and from the primary where no replica has or none answers at once.
    /// Never for what a decision depends on.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn read_at(
        &self,
        scope: &Scope,
        at_least: Option<Lsn>,
        sql: &str,
        params: &Params<'_>,
    ) -> Result<Vec<Row>, DatabaseError> {
        if let Some((index, pool)) = self.replica()
            && let Some(marks) = self.standing.marks()
        {
            let needed = marks.of(scope).max(at_least.unwrap_or_default());
            let reading = async {
                let client = pool.get().await.ok()?;
                let lease = Lease::new(client, None);
                lease.read_replayed(scope, needed, sql, params).await.ok()?
            };
            if let Ok(Some(rows)) = timeout(REPLICA_DEADLINE, reading).await {
                self.standing.answered(index);
                return Ok(rows);
            }
        }
        self.read(scope, sql, params).await
    }

    /// What was just read in `scope` is not to be older in the next [`Database::read_at`] of it.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn keep_up(&self, scope: &Scope) -> Result<(), DatabaseError> {
        let Some(marks) = self.standing.marks() else {
            return Ok(());
        };
        let end = self.end_of_log().await?;
        marks.wrote(&scope.tenant, &scope.principal, end);
        Ok(())
    }

    /// Where the primary's log ends.
    pub(super) async fn end_of_log(&self) -> Result<Lsn, DatabaseError> {
        within(STATEMENT_DEADLINE, async {
            self.lease().await?.end_of_log().await
        })
        .await
    }

    /// Which cluster the primary is of.
    pub(super) async fn identity(&self) -> Result<String, DatabaseError> {
        within(STATEMENT_DEADLINE, async {
            self.lease().await?.identity().await
        })
        .await
    }

    /// The disk that a private cluster is on; nothing is known of any other.
    #[must_use]
    pub fn space(&self) -> Space {
        self.standing.space()
    }

    /// Whether changes are to be refused because there is no room for them.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.space().room != super::Room::Enough
    }

    /// How the replicas stand, in the order of the configuration.
    #[must_use]
    pub fn replicas(&self) -> Vec<ReplicaState> {
        self.standing.replicas()
    }

    pub(super) const fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// Up to where principals have written, where anybody asks.
    pub(crate) fn marks(&self) -> Option<Arc<Marks>> {
        self.standing.marks().map(Arc::clone)
    }

    /// Makes these what reads of replicas find, until their owner drops them.
    pub(super) fn publish_replicas(&self, pools: &[Arc<Live>]) {
        let weak = pools.iter().map(Arc::downgrade).collect();
        *self
            .replicas
            .write()
            .unwrap_or_else(PoisonError::into_inner) = weak;
    }

    /// One of the replicas that are fresh enough, each in its turn.
    fn replica(&self) -> Option<(usize, Pool)> {
        let states = self.standing.replicas();
        let first = self.next_replica.fetch_add(1, Ordering::Relaxed);
        let pools = self.replicas.read().unwrap_or_else(PoisonError::into_inner);
        let order = (0..states.len()).map(|step| first.wrapping_add(step) % states.len());
        let mut fresh = order.filter_map(|index| {
            let is_fresh = states.get(index).is_some_and(ReplicaState::is_admitted);
            let live = pools.get(index).filter(|_| is_fresh)?.upgrade()?;
            Some((index, live.pool()?.clone()))
        });
        fresh.next()
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
        let pools = live.iter().flat_map(|live| {
            let lanes = live.lanes.as_ref().map(Lanes::pool);
            live.pool.iter().chain(lanes).map(Pool::status)
        });
        pools.fold((0, 0), |(open, idle), status| {
            (open + status.size, idle + status.available)
        })
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
            Ok(client) => Ok(Lease::new(client, self.marks())),
            Err(error) => Err(DatabaseError::from_pool(&error, STATEMENT_DEADLINE)),
        }
    }
}
