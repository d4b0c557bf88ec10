//! The transaction that a change runs in, on a connection on loan.
//!
//! Refuses to commit what has failed, and to give back a connection of a server that takes no
//! writes.

use super::lease::{END_OF_LOG, Lease, lsn, sorted, within};
use super::marks::Marks;
use super::{DatabaseError, Lsn, STATEMENT_DEADLINE, Scope};
use futures_util::future;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// The parameters of a statement.
pub type Params<'a> = [&'a (dyn ToSql + Sync)];

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
    /// What [`Lease::begin`] has opened.
    pub(super) fn opened(lease: Lease, scope: &Scope) -> Self {
        Self {
            lease,
            scope: scope.clone(),
            failed: AtomicBool::new(false),
            lost: AtomicBool::new(false),
        }
    }

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
