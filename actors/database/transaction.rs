//! A connection on loan and the transaction that runs on it.
//!
//! Refuses to give a connection back to the pool in an unknown state: a caller that goes away in
//! the middle costs one connection, never a stranger's answer or a stranger's open transaction.

use super::opening::{DECLARE, Opening, spoken};
use super::{DatabaseError, STATEMENT_DEADLINE, Scope};
use deadpool_postgres::{ClientWrapper, Object};
use futures_util::future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

/// The parameters of a statement.
pub type Params<'a> = [&'a (dyn ToSql + Sync)];

/// A pooled connection that goes back only once it is known to be idle.
pub(super) struct Lease {
    client: Option<Object>,
    idle: bool,
}

impl Lease {
    pub(super) const fn new(client: Object) -> Self {
        Self {
            client: Some(client),
            idle: false,
        }
    }

    fn client(&self) -> Result<&ClientWrapper, DatabaseError> {
        self.client.as_deref().ok_or(DatabaseError::Unavailable)
    }

    async fn prepare(&self, sql: &str) -> Result<Statement, DatabaseError> {
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

    pub(super) async fn begin(self, scope: &Scope) -> Result<Transaction, DatabaseError> {
        let opening = match self.opening("BEGIN", scope).await {
            Ok(opening) => opening,
            Err(error) => return Err(self.returned(error)),
        };
        let opened = opening.send(self.client()?).await;
        opened.map_err(|error| sorted(&error))?;
        Ok(Transaction {
            lease: self,
            failed: AtomicBool::new(false),
        })
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

/// The names of a scope.
pub(super) struct Names<'a> {
    pub(super) tenant: &'a str,
    pub(super) principal: &'a str,
    pub(super) purpose: &'a str,
}

impl<'a> Names<'a> {
    fn of(scope: &'a Scope) -> Self {
        Self {
            tenant: scope.tenant.as_str(),
            principal: &scope.principal,
            purpose: scope.purpose.as_str(),
        }
    }

    pub(super) fn params(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.tenant, &self.principal, &self.purpose]
    }
}

/// An open transaction in one scope. Dropped without [`Transaction::commit`], its connection is
/// closed and the server rolls back.
pub struct Transaction {
    lease: Lease,
    failed: AtomicBool,
}

impl Transaction {
    /// Runs a statement and returns its rows. Calls made together travel together.
    ///
    /// # Errors
    /// [`DatabaseError`]; from then on the transaction can only be rolled back.
    pub async fn query(&self, sql: &str, params: &Params<'_>) -> Result<Vec<Row>, DatabaseError> {
        let work = async {
            let statement = self.lease.prepare(sql).await?;
            let rows = self.lease.client()?.query(&statement, params).await;
            rows.map_err(|error| sorted(&error))
        };
        self.noted(within(STATEMENT_DEADLINE, work).await)
    }

    /// Runs a statement that returns one row or none.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn query_opt(
        &self,
        sql: &str,
        params: &Params<'_>,
    ) -> Result<Option<Row>, DatabaseError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs a statement and returns how many rows it touched.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn execute(&self, sql: &str, params: &Params<'_>) -> Result<u64, DatabaseError> {
        let work = async {
            let statement = self.lease.prepare(sql).await?;
            let count = self.lease.client()?.execute(&statement, params).await;
            count.map_err(|error| sorted(&error))
        };
        self.noted(within(STATEMENT_DEADLINE, work).await)
    }

    /// Runs one statement once per set of parameters, all in one flight; returns the rows touched.
    ///
    /// # Errors
    /// The first error, as [`Transaction::query`].
    pub async fn execute_each(
        &self,
        sql: &str,
        sets: &[Vec<&(dyn ToSql + Sync)>],
    ) -> Result<u64, DatabaseError> {
        let work = async {
            let statement = self.lease.prepare(sql).await?;
            let client = self.lease.client()?;
            let all = sets.iter().map(|params| client.execute(&statement, params));
            let counts = future::try_join_all(all)
                .await
                .map_err(|error| sorted(&error))?;
            Ok(counts.iter().sum())
        };
        self.noted(within(STATEMENT_DEADLINE, work).await)
    }

    /// Makes the changes durable.
    ///
    /// # Errors
    /// [`DatabaseError::Aborted`] when a statement had failed. Any other error leaves it unknown
    /// whether the commit happened: the audit completion row says so later.
    pub async fn commit(mut self) -> Result<(), DatabaseError> {
        if self.failed.load(Ordering::Relaxed) {
            // The server would answer COMMIT with a silent ROLLBACK.
            self.rollback().await?;
            return Err(DatabaseError::Aborted);
        }
        self.end("COMMIT").await
    }

    /// Undoes everything and returns the connection, which dropping would close.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] when the connection is lost, which undoes everything as well.
    pub async fn rollback(mut self) -> Result<(), DatabaseError> {
        self.end("ROLLBACK").await
    }

    async fn end(&mut self, statement: &str) -> Result<(), DatabaseError> {
        let work = async {
            let ended = self.lease.client()?.batch_execute(statement).await;
            ended.map_err(|error| sorted(&error))
        };
        let ended = within(STATEMENT_DEADLINE, work).await;
        // A deferred constraint that fails at COMMIT ends the transaction as well.
        self.lease.idle = !ended.as_ref().is_err_and(DatabaseError::is_unavailable);
        ended
    }

    fn noted<T>(&self, result: Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }
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

fn sorted(error: &Error) -> DatabaseError {
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
