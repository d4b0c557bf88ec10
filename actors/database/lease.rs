//! A connection on loan, and what is read on it in one flight.
//!
//! Refuses to give a connection back to the pool in an unknown state: a caller that goes away in
//! the middle costs one connection, never a stranger's answer or a stranger's open transaction.

use super::lanes::Column;
use super::marks::Marks;
use super::opening::{DECLARE, Names, Opening, of_tenant, spoken};
use super::transaction::{Params, Transaction};
use super::{DatabaseError, Lsn, STATEMENT_DEADLINE, Scope};
use deadpool_postgres::{ClientWrapper, Object};
use futures_util::future;
use plantao_schema::id::Tenant;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, SimpleQueryMessage, Statement};

/// Whether a replica has got far enough. Asked before the statement that it stands for, in the same
/// transaction: each statement sees at least what the one before it saw.
const REPLAYED: &str = "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= $1";

/// Where the log of what is durable ends.
pub(super) const END_OF_LOG: &str = "SELECT pg_current_wal_flush_lsn()::text";

const IDENTITY: &str = "SELECT system_identifier::text FROM pg_control_system()";

/// A pooled connection that goes back only once it is known to be idle.
pub(super) struct Lease {
    client: Option<Object>,
    /// Nothing is open on it and nothing is on its way.
    pub(super) idle: bool,
    /// Where it is noted how far principals have written, if anybody asks.
    pub(super) marks: Option<Arc<Marks>>,
}

impl Lease {
    pub(super) const fn new(client: Object, marks: Option<Arc<Marks>>) -> Self {
        Self {
            client: Some(client),
            idle: false,
            marks,
        }
    }

    pub(super) fn client(&self) -> Result<&ClientWrapper, DatabaseError> {
        self.client.as_deref().ok_or(DatabaseError::Unavailable)
    }

    pub(super) async fn prepare(&self, sql: &str) -> Result<Statement, DatabaseError> {
        self.client()?
            .prepare_cached(sql)
            .await
            .map_err(|error| sorted(&error))
    }

    /// What opens a transaction of a scope, prepared as far as that is needed.
    async fn opening<'a>(
        &self,
        begin: &'static str,
        scope: &'a Scope,
    ) -> Result<Opening<'a>, DatabaseError> {
        let names = Names::of(scope);
        match spoken(begin, &names) {
            Some(text) => Ok(Opening::Spoken(text)),
            None => Ok(Opening::Declared(
                begin,
                self.prepare(DECLARE).await?,
                names,
            )),
        }
    }

    /// One statement in a read-only transaction, sent as one flight.
    pub(super) async fn read(
        mut self,
        scope: &Scope,
        sql: &str,
        params: &Params<'_>,
    ) -> Result<Vec<Row>, DatabaseError> {
        // A statement that does not prepare leaves no transaction behind.
        let opening = self.opening("BEGIN READ ONLY", scope);
        let prepared = future::try_join(opening, self.prepare(sql)).await;
        let (opening, statement) = match prepared {
            Ok(both) => both,
            Err(error) => return Err(self.returned(error)),
        };
        let client = self.client()?;
        // `join3` polls in this order, and the first poll is what sends.
        let (opened, rows, ended) = future::join3(
            opening.send(client),
            client.query(&statement, params),
            client.batch_execute("COMMIT"),
        )
        .await;
        // The COMMIT was answered, whatever it ended: nothing is open on this connection.
        self.idle = ended.is_ok();
        opened.and(rows).map_err(|error| sorted(&error))
    }

    /// Several statements in one read-only transaction of a tenant, sent as one flight; what became
    /// of each.
    pub(super) async fn read_many(
        mut self,
        tenant: &Tenant,
        asked: &[Asked<'_>],
    ) -> Result<Vec<Result<Vec<Row>, DatabaseError>>, DatabaseError> {
        let Some(opening) = of_tenant(tenant) else {
            return Err(self.returned(DatabaseError::Mismatch));
        };
        // One that does not prepare is left behind; the others fly.
        let prepared = asked.iter().map(|one| self.prepare(one.sql));
        let prepared = future::join_all(prepared).await;
        let client = self.client()?;
        let reads = prepared.into_iter().zip(asked);
        let reads = reads.map(|(statement, one)| async move {
            let params: Vec<_> = one.columns.iter().map(Column::param).collect();
            let rows = client.query(&statement?, &params).await;
            rows.map_err(|error| among_others(&error))
        });
        // As above. So few futures are polled one after the other by `join_all` as well, and in any
        // other order they would still lie between the two.
        let (opened, read, ended) = future::join3(
            client.batch_execute(&opening),
            future::join_all(reads),
            client.batch_execute("COMMIT"),
        )
        .await;
        self.idle = ended.is_ok();
        opened.map_err(|error| sorted(&error))?;
        Ok(read)
    }

    /// The same as [`Lease::read`] on a replica: nothing when it has not replayed `needed` yet, or
    /// is none any more.
    pub(super) async fn read_replayed(
        mut self,
        scope: &Scope,
        needed: Lsn,
        sql: &str,
        params: &Params<'_>,
    ) -> Result<Option<Vec<Row>>, DatabaseError> {
        let (declare, check) = (self.prepare(DECLARE), self.prepare(REPLAYED));
        let prepared = future::try_join3(declare, check, self.prepare(sql)).await;
        let (declare, check, statement) = match prepared {
            Ok(all) => all,
            Err(error) => return Err(self.returned(error)),
        };
        let (names, needed) = (Names::of(scope), needed.to_server());
        let (client, check_params) = (self.client()?, [&needed as &(dyn ToSql + Sync)]);
        let (begun, declared, replayed, rows, ended) = future::join5(
            client.batch_execute("BEGIN READ ONLY"),
            client.execute(&declare, &names.params()),
            client.query_one(&check, &check_params),
            client.query(&statement, params),
            client.batch_execute("COMMIT"),
        )
        .await;
        self.idle = ended.is_ok();
        let replayed = begun.and(declared.map(drop)).and(replayed);
        let replayed = replayed.and_then(|row| row.try_get::<_, Option<bool>>(0));
        match replayed.map_err(|error| sorted(&error))? {
            Some(true) => rows.map(Some).map_err(|error| sorted(&error)),
            _ => Ok(None),
        }
    }

    pub(super) async fn end_of_log(mut self) -> Result<Lsn, DatabaseError> {
        let answered = self.client()?.simple_query(END_OF_LOG).await;
        self.idle = answered.is_ok();
        lsn(&answered.map_err(|error| sorted(&error))?)
    }

    /// Which cluster the server is of: the same for a primary and its standbys alone.
    pub(super) async fn identity(mut self) -> Result<String, DatabaseError> {
        let answered = self.client()?.simple_query(IDENTITY).await;
        self.idle = answered.is_ok();
        let answered = answered.map_err(|error| sorted(&error))?;
        let identity = value(&answered).map(str::to_owned);
        identity.ok_or(DatabaseError::Mismatch)
    }

    pub(super) async fn begin(self, scope: &Scope) -> Result<Transaction, DatabaseError> {
        let opening = match self.opening("BEGIN", scope).await {
            Ok(opening) => opening,
            Err(error) => return Err(self.returned(error)),
        };
        let opened = opening.send(self.client()?).await;
        opened.map_err(|error| sorted(&error))?;
        Ok(Transaction::opened(self, scope))
    }

    pub(super) async fn ping(mut self) -> Result<(), DatabaseError> {
        let answered = self.client()?.batch_execute("").await;
        self.idle = answered.is_ok();
        answered.map_err(|error| sorted(&error))
    }

    /// Gives the connection back after an error that happened outside any transaction.
    fn returned(mut self, error: DatabaseError) -> DatabaseError {
        self.idle = !error.is_unavailable();
        error
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.idle
            && let Some(client) = self.client.take()
        {
            // Taken out of the pool; dropping it closes the socket.
            drop(Object::take(client));
        }
    }
}

/// A statement of a flight.
pub(super) struct Asked<'k> {
    pub(super) sql: &'static str,
    pub(super) columns: Vec<Column<'k>>,
}

pub(super) async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    match tokio::time::timeout(deadline, work).await {
        Ok(result) => result,
        Err(_) => Err(DatabaseError::Timeout { after: deadline }),
    }
}

pub(super) fn lsn(answer: &[SimpleQueryMessage]) -> Result<Lsn, DatabaseError> {
    let parsed = value(answer).and_then(Lsn::parse);
    parsed.ok_or(DatabaseError::Mismatch)
}

/// The one value of an answer.
fn value(answer: &[SimpleQueryMessage]) -> Option<&str> {
    answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    })
}

/// The error of a statement among others: a transaction that one of those broke off is no news.
fn among_others(error: &Error) -> DatabaseError {
    if error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) {
        return DatabaseError::Aborted;
    }
    sorted(error)
}

pub(super) fn sorted(error: &Error) -> DatabaseError {
    let sorted = DatabaseError::from_driver(error, STATEMENT_DEADLINE);
    if !sorted.is_unavailable() && !matches!(sorted, DatabaseError::Conflict { .. }) {
        let server = error.as_db_error();
        // Names of the schema only: the server's text may quote a row.
        tracing::warn!(
            sqlstate = error.code().map_or("-", |code| code.code()),
            table = server.and_then(|e| e.table()).unwrap_or("-"),
            column = server.and_then(|e| e.column()).unwrap_or("-"),
            "database statement refused"
        );
    }
    sorted
}
