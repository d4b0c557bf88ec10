//! The writing connection, the heads of this node's chains, and the commit of a batch.
//!
//! A batch goes out by COPY first. After any error nothing is assumed: the connection is dropped, a
//! new one takes the node's lock (so that whatever was sent before is settled), reads the heads
//! back, looks up which of the batch's keys are on disk and inserts the rest, whole or not at all.
//! Refuses to try for ever: past [`RETRY_WINDOW`] the callers are told that there is no receipt.

use super::AuditError;
use super::batch::{Batch, Heads, chain_of, missing, receipts};
use super::log::AuditReceipt;
use super::store;
use super::unfinished::settlement;
use super::writer::{BATCH_MAX, Duties, Waiting};
use crate::database::{DatabaseError, Login, STATEMENT_DEADLINE, Session};
use plantao_schema::audit::{Chained, Entry, Outcome};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Statement;

/// How long a batch is tried again. A killed server is back within a fifth of this; callers
/// give up a little later than it.
const RETRY_WINDOW: Duration = Duration::from_secs(3);

/// Between looks for unfinished entries that fail.
const SETTLE_PAUSE: Duration = Duration::from_millis(900);

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// A session that holds the node's lock.
struct Connection {
    session: Session,
    copy: Option<Statement>,
}

pub(super) struct Ledger {
    duties: Duties,
    connection: Option<Connection>,
    heads: Heads,
    owes: bool,
    settle_after: Option<Instant>,
    down_since: Option<Instant>,
}

/// COPY is faster; INSERT tells apart what it added from what was there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Copy,
    Insert,
}

type Receipts = Vec<Result<AuditReceipt, AuditError>>;

impl Ledger {
    /// Owes a look for unfinished entries: the incarnation before may have left some.
    pub(super) const fn new(duties: Duties) -> Self {
        Self {
            duties,
            connection: None,
            heads: Heads::new(),
            owes: true,
            settle_after: None,
            down_since: None,
        }
    }

    pub(super) const fn owes(&self) -> bool {
        self.owes
    }

    pub(super) const fn owe(&mut self) {
        self.owes = true;
    }

    /// Makes a batch durable and answers every caller, with a receipt or with why there is none.
    pub(super) async fn commit(&mut self, batch: Vec<Waiting>) {
        if batch.is_empty() {
            return;
        }
        let mut entries = Vec::with_capacity(batch.len());
        let mut callers = Vec::with_capacity(batch.len());
        for Waiting {
            entry,
            reply,
            in_flight,
        } in batch
        {
            entries.push(*entry);
            callers.push((reply, in_flight));
        }
        let mut pause = FIRST_PAUSE;
        // Once it is known to be down, each batch is one probe, so that callers learn at once.
        let give_up = self.down_since.unwrap_or_else(Instant::now) + RETRY_WINDOW;
        let mut written = self.write(&entries, false).await;
        while written.is_err() {
            let abandoned = callers.iter().all(|(reply, _)| reply.is_abandoned());
            if abandoned || Instant::now() + pause > give_up {
                break;
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            written = self.write(&entries, true).await;
        }
        let receipts = written.unwrap_or_else(|_| {
            entries
                .iter()
                .map(|_| Err(AuditError::Unavailable))
                .collect()
        });
        for ((reply, in_flight), receipt) in callers.into_iter().zip(receipts) {
            reply.send(receipt);
            drop(in_flight);
        }
    }

    /// Completes what was opened and is in nobody's hands.
    pub(super) async fn settle(&mut self) {
        if self
            .settle_after
            .is_some_and(|after| Instant::now() < after)
        {
            return;
        }
        // A look that fails must not cost every batch that follows it another one.
        self.settle_after = Some(Instant::now() + SETTLE_PAUSE);
        let limit = i64::try_from(BATCH_MAX).unwrap_or(i64::MAX);
        let held = self.duties.held.all();
        let node = self.duties.node.clone();
        let found = match self.connection().await {
            Ok(connection) => {
                let client = &connection.session.client;
                within(store::unfinished(client, &node, &held, limit)).await
            }
            Err(error) => Err(error),
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.lose(&error),
        };
        let clock = &self.duties.clock;
        let entries: Vec<Entry> = found
            .iter()
            .map(|(opened, recorded)| settlement(opened, recorded.as_deref(), clock))
            .collect();
        if self.write(&entries, false).await.is_ok() {
            // A full page may not be the last.
            self.owes = entries.len() == BATCH_MAX;
            self.settle_after = None;
            report(&entries);
        }
    }

    /// One attempt. `careful`: some of the batch may be on disk already.
    async fn write(&mut self, entries: &[Entry], careful: bool) -> Result<Receipts, DatabaseError> {
        if entries.is_empty() {
            return Ok(Receipts::new());
        }
        let mut written = if careful {
            self.reconcile(entries).await
        } else {
            self.append(entries).await
        };
        if !careful && matches!(written, Err(DatabaseError::Conflict { .. })) {
            // An entry that was sent before: the connection and the heads are as they were.
            written = self.reconcile(entries).await;
        }
        match &written {
            Ok(_) => self.down_since = None,
            Err(error) => self.lose(error),
        }
        written
    }

    /// All of the batch, none of which is on disk.
    async fn append(&mut self, entries: &[Entry]) -> Result<Receipts, DatabaseError> {
        let rows = self.add(entries.iter().collect(), How::Copy).await?;
        Ok(rows.iter().map(|row| Ok(AuditReceipt::of(row))).collect())
    }

    /// The part of the batch that is not on disk.
    async fn reconcile(&mut self, entries: &[Entry]) -> Result<Receipts, DatabaseError> {
        let keys: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        let connection = self.connection().await?;
        let mut stored = within(store::find(&connection.session.client, &keys)).await?;
        let rows = self.add(missing(entries, &stored), How::Insert).await?;
        stored.extend(rows);
        Ok(receipts(entries, &stored))
    }

    async fn add(&mut self, entries: Vec<&Entry>, how: How) -> Result<Vec<Chained>, DatabaseError> {
        let node = self.duties.node.clone();
        let chains: BTreeSet<String> = entries.iter().map(|entry| chain_of(&node, entry)).collect();
        self.connection().await?;
        let Some(connection) = &mut self.connection else {
            return Err(DatabaseError::Unavailable);
        };
        let client = &mut connection.session.client;
        within(store::load_heads(client, &mut self.heads, chains)).await?;
        let batch = Batch::chain(&node, &self.heads, entries);
        match &connection.copy {
            Some(copy) if how == How::Copy => {
                within(store::copy(client, copy, &batch.rows)).await?;
            }
            _ => within(store::insert(client, &batch.rows)).await?,
        }
        self.heads = batch.heads;
        Ok(batch.rows)
    }

    /// The connection, made if there is none.
    async fn connection(&mut self) -> Result<&mut Connection, DatabaseError> {
        if self
            .connection
            .as_ref()
            .is_some_and(|held| held.session.client.is_closed())
        {
            self.connection = None;
        }
        if self.connection.is_none() {
            self.heads.clear();
            let config = self.duties.config.connection(Login::Audit);
            let config = config.map_err(|_| DatabaseError::Unavailable)?;
            let session = Session::open(&config)
                .await
                .map_err(|_| DatabaseError::Unavailable)?;
            within(store::lock_node(&session.client, &self.duties.node)).await?;
            let copy = within(store::prepare_copy(&session.client)).await?;
            let by_copy = copy.is_some();
            tracing::info!(node = self.duties.node, by_copy, "audit writer connected");
            self.connection = Some(Connection { session, copy });
        }
        self.connection.as_mut().ok_or(DatabaseError::Unavailable)
    }

    /// After an error the session's state is unknown, and so is what it did.
    fn lose(&mut self, error: &DatabaseError) {
        if self.down_since.is_none() {
            tracing::warn!(%error, "audit writer lost its database");
        }
        self.connection = None;
        self.heads.clear();
        self.down_since.get_or_insert_with(Instant::now);
    }
}

fn report(entries: &[Entry]) {
    let unknown = entries
        .iter()
        .filter(|entry| entry.outcome == Outcome::Unknown)
        .count();
    let recorded = entries.len().saturating_sub(unknown);
    if !entries.is_empty() {
        tracing::warn!(
            recorded,
            unknown,
            "completed audit entries that were left open"
        );
    }
}

async fn within<T>(
    work: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    match timeout(STATEMENT_DEADLINE, work).await {
        Ok(result) => result,
        Err(_) => Err(DatabaseError::Timeout {
            after: STATEMENT_DEADLINE,
        }),
    }
}
