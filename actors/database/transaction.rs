//! A connection on loan and the transaction that runs on it.
//!
//! Refuses to give a connection back to the pool in an unknown state: a caller that goes away in
//! the middle costs one connection, never a stranger's answer or a stranger's open transaction.

use super::marks::Marks;
use super::opening::{DECLARE, Opening, spoken};
use super::{DatabaseError, Lsn, STATEMENT_DEADLINE, Scope};
use deadpool_postgres::{ClientWrapper, Object};
use futures_util::future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, SimpleQueryMessage, Statement};

/// Whether a replica has got far enough. Asked before the statement that it stands for, in the same
/// transaction: each statement sees at least what the one before it saw.
const REPLAYED: &str = "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= $1";

/// Where the log of what is durable ends.
const END_OF_LOG: &str = "SELECT pg_current_wal_flush_lsn()::text";

const IDENTITY: &str = "SELECT system_identifier::text FROM pg_control_system()";

/// The parameters of a statement.
pub type Params<'a> = [&'a (dyn ToSql + Sync)];

/// A pooled connection that goes back only once it is known to be idle.
pub(super) struct Lease {
    client: Option<Object>,
    idle: bool,
    /// Where it is noted how far principals have written, if anybody asks.
    marks: Option<Arc<Marks>>,
}

impl Lease {
    pub(super) const fn new(client: Object, marks: Option<Arc<Marks>>) -> Self {
        Self {
            client: Some(client),
            idle: false,
            marks,
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

    /// The same on a replica: nothing when it has not replayed `needed` yet, or is none any more.
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
        Ok(Transaction {
            lease: self,
            scope: scope.clone(),
            failed: AtomicBool::new(false),
            lost: AtomicBool::new(false),
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
    scope: Scope,
    failed: AtomicBool,
    /// The server is not one that can be written to, whatever it answers from here on.
    lost: AtomicBool,
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
        match self.lease.marks.take() {
            None => self.end("COMMIT").await,
            Some(marks) => self.commit_marked(&marks).await,
        }
    }

    /// Commits and asks in the same flight where the log ends, for whoever reads a replica next.
    async fn commit_marked(&mut self, marks: &Marks) -> Result<(), DatabaseError> {
        let work = async {
            let client = self.lease.client()?;
            let both = future::join(
                client.batch_execute("COMMIT"),
                client.simple_query(END_OF_LOG),
            );
            let (ended, end) = both.await;
            ended.map_err(|error| sorted(&error))?;
            Ok(end
                .map_err(|error| sorted(&error))
                .and_then(|rows| lsn(&rows)))
        };
        let ended = within(STATEMENT_DEADLINE, work).await;
        let is_lost = |error: &DatabaseError| error.is_unavailable();
        self.lease.idle = match &ended {
            Ok(end) => !end.as_ref().is_err_and(is_lost),
            Err(error) => !is_lost(error),
        };
        let (tenant, principal) = (&self.scope.tenant, &self.scope.principal);
        // It is committed, whatever is known of the log: then no replica has it for certain.
        let end = ended?.unwrap_or(Lsn::END);
        marks.wrote(tenant, principal, end);
        Ok(())
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
        let is_lost = self.lost.load(Ordering::Relaxed);
        self.lease.idle = !is_lost && !ended.as_ref().is_err_and(DatabaseError::is_unavailable);
        ended
    }

    fn noted<T>(&self, result: Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        if let Err(error) = &result {
            self.failed.store(true, Ordering::Relaxed);
            if *error == DatabaseError::Unavailable {
                self.lost.store(true, Ordering::Relaxed);
            }
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

fn lsn(answer: &[SimpleQueryMessage]) -> Result<Lsn, DatabaseError> {
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
