//! The seam between the trail's tasks and what keeps the trail.
//!
//! Small traits, so that the simulator can stand in a twin for PostgreSQL; behaviour is tested on
//! PostgreSQL. Whoever keeps the trail has one writer for each node at a time, and after any error
//! nothing is assumed of a session: it is dropped and another is opened.

use super::transparency::LogSession;
use crate::database::DatabaseError;
use futures_util::future::BoxFuture;
use plantao_schema::audit::{ChainHead, Chained, Outcome};
use plantao_schema::id::Tenant;
use plantao_schema::time::Timestamp;
use uuid::Uuid;

/// The answer of a store, which ends within the store's own deadlines.
pub type Kept<'a, T> = BoxFuture<'a, Result<T, DatabaseError>>;

/// What keeps the trail.
pub trait TrailStore: Send + Sync + 'static {
    /// The one session that writes the chains of `node`. Waits while a predecessor's ends:
    /// whatever that one sent is then kept, or gone.
    fn write<'a>(&'a self, node: &'a str) -> Kept<'a, Box<dyn TrailSession>>;

    /// A session beside it that completes what was left open.
    fn settle(&self) -> Kept<'_, Box<dyn SettlingSession>>;

    /// A session beside both that builds the transparency log.
    fn sequence(&self) -> Kept<'_, Box<dyn LogSession>>;
}

/// The session that holds the right to write a node's chains.
pub trait TrailSession: Send + Sync {
    /// Who holds the right, for [`SettlingSession::is_held`].
    fn holder(&self) -> i32;

    /// Whether its rows go out in bulk where there are many.
    fn in_bulk(&self) -> bool;

    /// Whether nothing can be asked of it any more.
    fn is_closed(&self) -> bool;

    /// The last entry of a chain.
    fn head<'a>(&'a self, chain: &'a str) -> Kept<'a, ChainHead>;

    /// Keeps rows: all of them are durable once this returns, or none.
    /// [`DatabaseError::Conflict`] when any of their keys is taken.
    fn add<'a>(&'a self, rows: &'a [Chained]) -> Kept<'a, ()>;

    /// What is kept under these keys.
    fn find<'a>(&'a self, keys: &'a [Uuid]) -> Kept<'a, Vec<Chained>>;

    /// What completes these opened entries.
    fn completions<'a>(&'a self, opened: &'a [Uuid]) -> Kept<'a, Vec<Chained>>;
}

/// The session of the settler.
pub trait SettlingSession: Send + Sync {
    /// Whether the right to write is still with `holder`.
    fn is_held(&self, holder: i32) -> Kept<'_, bool>;

    /// Opened entries of a node's chains without a completion, except `held`: by chain and key,
    /// `limit` of them at most.
    fn pending<'a>(
        &'a self,
        node: &'a str,
        held: &'a [Uuid],
        limit: usize,
    ) -> Kept<'a, Vec<Pending>>;

    /// What is recorded about a change from now on and for ever: unknown, where nothing was.
    /// Nothing at all once its entry is complete.
    fn record<'a>(&'a self, one: &'a Pending, at: Timestamp) -> Kept<'a, Option<Outcome>>;

    /// What is kept under these keys.
    fn find<'a>(&'a self, keys: &'a [Uuid]) -> Kept<'a, Vec<Chained>>;
}

/// An opened entry without a completion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pending {
    /// Its chain.
    pub chain: String,
    /// Its key.
    pub id: Uuid,
}

/// What a change's own transaction writes about it, so that after a crash the trail can still tell
/// what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The institution.
    pub tenant: Tenant,
    /// The opened entry.
    pub entry: Uuid,
    /// What became of it.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
}
