//! Lanes: reads by key of everybody travel together.
//!
//! A read by itself costs the server three messages beside its own: where a transaction begins, on
//! whose behalf, and where it ends. What waits while other reads are under way leaves as one flight
//! instead: one transaction, and in it one statement for all keys of a look-up. Nothing waits for
//! company: a read that finds a lane free leaves at once, and no flight that has left is joined, so
//! that whoever wrote before asking reads it.
//!
//! - [`PointQuery`]: a look-up that takes many keys and tells whose each row is.
//! - [`Queue`](queue): the flights that wait for a lane; bounded.
//! - [`Flight`](flight): reads of one tenant, and how the answers find their askers.
//!
//! A flight declares its tenant, which is what row-level security compares rows with, and neither
//! principal nor purpose, for it has several; a test holds that nothing in the schema asks for
//! those. Refuses to mix tenants, and to let one read fail another: what fails among others is
//! asked once more alone, which a read may be, and so is what its connection was lost under.
//!
//! Belongs to the pool's actor and ends with it: who waits then reads that there is no database. A
//! look-up that is held up by a lock holds up its flight until the statement's deadline.

mod flight;
mod query;
mod queue;

pub(super) use flight::Answer;
pub(super) use query::{Column, columns_of};
pub use query::{KeyPart, PointQuery, Value};

use super::lease::Lease;
use super::{DatabaseError, STATEMENT_DEADLINE};
use deadpool_postgres::Pool;
use plantao_schema::id::Tenant;
use queue::Queue;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Flights under way at once, each on a connection of its own: while the server works on one, the
/// other is read or written here. More make each smaller, which costs more than it gives.
pub(super) const LANES: usize = 2;

/// What a lane's session is told beside everything else: how to look up, whoever counted what last.
/// A plan is made once, for any number of keys, and goes by an index: statistics of an empty table
/// would have it read whole, and it would still be read whole when it has a million rows.
pub(super) const PLANS: &str = " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off \
     -c enable_hashjoin=off -c enable_mergejoin=off -c enable_bitmapscan=off -c jit=off";

/// The lanes of one pool; they end when this is dropped.
pub(super) struct Lanes {
    queue: Arc<Queue>,
    pool: Pool,
    _tasks: JoinSet<()>,
}

impl Lanes {
    /// Over a pool of [`LANES`] sessions that plan as [`PLANS`] says.
    pub(super) fn start(pool: Pool) -> Self {
        let queue = Arc::new(Queue::default());
        let mut tasks = JoinSet::new();
        for _ in 0..LANES {
            tasks.spawn(lane(Arc::clone(&queue), pool.clone()));
        }
        Self {
            queue,
            pool,
            _tasks: tasks,
        }
    }

    /// The connections of the lanes.
    pub(super) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Asks for the rows of a key; its shape has been checked.
    ///
    /// # Errors
    /// [`DatabaseError::Overloaded`] when too many wait already.
    pub(super) fn ask(
        &self,
        tenant: &Tenant,
        query: &'static PointQuery,
        key: Arc<[Value]>,
    ) -> Result<oneshot::Receiver<Answer>, DatabaseError> {
        self.queue.push(tenant, query, key)
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.queue.close();
        self.pool.close();
    }
}

/// One flight after the other.
async fn lane(queue: Arc<Queue>, pool: Pool) {
    loop {
        queue.filled().await;
        // Whoever is about to ask comes along: all that can run now runs first. No clock is waited
        // for, and with nobody else there it is one turn of the scheduler.
        tokio::task::yield_now().await;
        // The connection first: what comes while one is made leaves with the rest.
        let client = pool.get().await;
        let Some(flight) = queue.take() else {
            continue;
        };
        match client {
            Ok(client) => flight.fly(Lease::new(client, None)).await,
            Err(error) => flight.refuse(&DatabaseError::from_pool(&error, STATEMENT_DEADLINE)),
        }
    }
}

#[cfg(test)]
mod tests;
