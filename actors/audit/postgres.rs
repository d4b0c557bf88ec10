//! The trail in PostgreSQL: the writing session, which holds the node's lock, and the settler's.

use super::store;
use super::trail::{Kept, Pending, SettlingSession, TrailSession, TrailStore};
use super::transparency::{LogSession, PostgresLog};
use crate::database::{Database, DatabaseConfig, DatabaseError, Login, STATEMENT_DEADLINE};
use crate::database::{Lsn, Marks, Session};
use futures_util::future;
use plantao_schema::audit::{ChainHead, Chained, Outcome};
use plantao_schema::time::Timestamp;
use std::sync::Arc;
use tokio::time::timeout;
use tokio_postgres::Statement;
use tokio_postgres::types::PgLsn;
use uuid::Uuid;

/// The most rows that go out by INSERT. Beyond it, what COPY saves on each row outweighs its wait.
const INSERT_MAX: usize = 64;

/// A change that is still being committed is answered in milliseconds. One that is merely open is
/// waited for again later.
const LIMIT_LOCKS: &str = "SET lock_timeout = '1s'";

const HOLDS_ITS_LOCK: &str = "SELECT EXISTS (SELECT FROM pg_locks \
     WHERE locktype = 'advisory' AND granted AND pid = $1)";

// '0' is the character after '/': the range holds every chain of the node, and no other's.
pub(super) const PENDING: &str = "SELECT chain, entry_id FROM audit_pending \
     WHERE chain >= $1 AND chain < $2 AND entry_id <> ALL($3) ORDER BY chain, entry_id LIMIT $4";

const RECORD_UNKNOWN: &str = "INSERT INTO audit_completion (tenant, entry_id, outcome, at_us) \
     SELECT tenant, entry_id, 'unknown', $3 FROM audit_pending \
     WHERE chain = $1 AND entry_id = $2 ON CONFLICT DO NOTHING";

const RECORDED: &str = "SELECT c.outcome FROM audit_pending p \
     JOIN audit_completion c ON c.tenant = p.tenant AND c.entry_id = p.entry_id \
     WHERE p.chain = $1 AND p.entry_id = $2";

const END_OF_LOG: &str = "SELECT pg_current_wal_flush_lsn()";

/// The trail in the database that a configuration names.
pub struct PostgresTrail {
    config: DatabaseConfig,
    marks: Option<Arc<Marks>>,
}

impl PostgresTrail {
    /// Connects at each session anew, as the audit login.
    #[must_use]
    pub const fn new(config: DatabaseConfig) -> Self {
        let marks = None;
        Self { config, marks }
    }

    /// The same, which lets `database` know how far its replicas must be to show principals their
    /// own entries.
    #[must_use]
    pub fn noting(config: DatabaseConfig, database: &Database) -> Self {
        let marks = database.marks();
        Self { config, marks }
    }

    async fn session(&self) -> Result<Session, DatabaseError> {
        let config = self.config.connection(Login::Audit);
        let config = config.map_err(|_| DatabaseError::Unavailable)?;
        let opened = Session::open(&config).await;
        opened.map_err(|_| DatabaseError::Unavailable)
    }
}

impl From<DatabaseConfig> for Arc<dyn TrailStore> {
    fn from(config: DatabaseConfig) -> Self {
        Arc::new(PostgresTrail::new(config))
    }
}

impl TrailStore for PostgresTrail {
    fn write<'a>(&'a self, node: &'a str) -> Kept<'a, Box<dyn TrailSession>> {
        Box::pin(async move {
            let session = self.session().await?;
            let client = &session.client;
            let holder = within(store::lock_node(client, node)).await?;
            let insert = within(store::prepare_insert(client)).await?;
            let copy = within(store::prepare_copy(client)).await?;
            let writing = Writing {
                session,
                holder,
                insert,
                copy,
                marks: self.marks.clone(),
            };
            Ok(Box::new(writing) as Box<dyn TrailSession>)
        })
    }

    fn settle(&self) -> Kept<'_, Box<dyn SettlingSession>> {
        Box::pin(async move {
            let session = self.session().await?;
            answered(session.client.batch_execute(LIMIT_LOCKS)).await?;
            Ok(Box::new(Settling(session)) as Box<dyn SettlingSession>)
        })
    }

    fn sequence(&self) -> Kept<'_, Box<dyn LogSession>> {
        Box::pin(async move {
            let session = self.session().await?;
            Ok(Box::new(PostgresLog::new(session)) as Box<dyn LogSession>)
        })
    }
}

/// A session that holds the node's lock.
struct Writing {
    session: Session,
    holder: i32,
    insert: Statement,
    copy: Option<Statement>,
    marks: Option<Arc<Marks>>,
}

impl Writing {
    async fn keep(&self, rows: &[Chained]) -> Result<(), DatabaseError> {
        let client = &self.session.client;
        match &self.copy {
            Some(copy) if rows.len() > INSERT_MAX => store::copy(client, copy, rows).await,
            _ => store::insert(client, &self.insert, rows).await,
        }
    }

    /// Notes for each principal of these rows where the log ended after them.
    async fn note(&self, marks: &Marks, rows: &[Chained]) -> Result<(), DatabaseError> {
        let end = self.session.client.query_one(END_OF_LOG, &[]).await;
        let end = end.map_err(|error| store::sorted(&error))?;
        let end = Lsn::from(store::value::<PgLsn>(&end, 0)?);
        for row in rows {
            marks.wrote(&row.entry.tenant, &row.entry.principal, end);
        }
        Ok(())
    }
}

impl TrailSession for Writing {
    fn holder(&self) -> i32 {
        self.holder
    }

    fn in_bulk(&self) -> bool {
        self.copy.is_some()
    }

    fn is_closed(&self) -> bool {
        self.session.client.is_closed()
    }

    fn head<'a>(&'a self, chain: &'a str) -> Kept<'a, ChainHead> {
        Box::pin(within(store::head(&self.session.client, chain)))
    }

    /// A small batch goes out by INSERT, one round trip; a large one by COPY, which takes three
    /// and costs less for each row.
    fn add<'a>(&'a self, rows: &'a [Chained]) -> Kept<'a, ()> {
        Box::pin(within(async {
            self.keep(rows).await?;
            match &self.marks {
                Some(marks) => self.note(marks, rows).await,
                None => Ok(()),
            }
        }))
    }

    fn find<'a>(&'a self, keys: &'a [Uuid]) -> Kept<'a, Vec<Chained>> {
        Box::pin(within(store::find(&self.session.client, keys)))
    }

    fn completions<'a>(&'a self, opened: &'a [Uuid]) -> Kept<'a, Vec<Chained>> {
        Box::pin(within(store::find_completions(
            &self.session.client,
            opened,
        )))
    }
}

struct Settling(Session);

impl SettlingSession for Settling {
    fn is_held(&self, holder: i32) -> Kept<'_, bool> {
        Box::pin(async move {
            let row = answered(self.0.client.query_one(HOLDS_ITS_LOCK, &[&holder])).await?;
            store::value::<bool>(&row, 0)
        })
    }

    fn pending<'a>(
        &'a self,
        node: &'a str,
        held: &'a [Uuid],
        limit: usize,
    ) -> Kept<'a, Vec<Pending>> {
        Box::pin(async move {
            let (from, to) = (format!("{node}/"), format!("{node}0"));
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let client = &self.0.client;
            let rows = answered(client.query(PENDING, &[&from, &to, &held, &limit])).await?;
            let pending = |row| {
                let (chain, id) = (store::value(row, 0)?, store::value(row, 1)?);
                Ok(Pending { chain, id })
            };
            rows.iter().map(pending).collect()
        })
    }

    fn record<'a>(&'a self, one: &'a Pending, at: Timestamp) -> Kept<'a, Option<Outcome>> {
        Box::pin(async move {
            let (client, at) = (&self.0.client, at.micros());
            // Sent together, and each sees what was committed before it.
            let (taken, read) = future::join(
                answered(client.execute(RECORD_UNKNOWN, &[&one.chain, &one.id, &at])),
                answered(client.query_opt(RECORDED, &[&one.chain, &one.id])),
            )
            .await;
            taken?;
            let Some(row) = read? else { return Ok(None) };
            let name: String = store::value(&row, 0)?;
            let outcome = Outcome::from_name(&name).ok_or(DatabaseError::Mismatch)?;
            Ok(Some(outcome))
        })
    }

    fn find<'a>(&'a self, keys: &'a [Uuid]) -> Kept<'a, Vec<Chained>> {
        Box::pin(within(store::find(&self.0.client, keys)))
    }
}

pub(super) async fn within<T>(
    work: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    match timeout(STATEMENT_DEADLINE, work).await {
        Ok(result) => result,
        Err(_) => Err(DatabaseError::Timeout {
            after: STATEMENT_DEADLINE,
        }),
    }
}

async fn answered<T>(
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DatabaseError> {
    within(async { work.await.map_err(|error| store::sorted(&error)) }).await
}
