//! The writing connection, the heads of this node's chains, and the commit of a batch.
//!
//! A small batch goes out by INSERT, one round trip; a large one by COPY, which takes three and
//! costs less for each row. After any error nothing is assumed: the connection is dropped, a new
//! one takes the node's lock (so that whatever was sent before is settled), reads the heads back,
//! looks up which of the batch's keys are on disk, and which opened entries are completed, and
//! inserts the rest, whole or not at all. Refuses to try for ever: past [`RETRY_WINDOW`] the
//! callers are told that there is no receipt.

use super::AuditError;
use super::batch::{Batch, Heads, chain_of, completes, missing, receipts};
use super::log::AuditReceipt;
use super::store;
use super::writer::{Duties, Waiting};
use crate::database::{DatabaseError, Login, STATEMENT_DEADLINE, Session};
use plantao_schema::audit::{Chained, Entry, Phase};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Statement;

/// How long a batch is tried again. A killed server is back within a fifth of this; callers
/// give up a little later than it.
const RETRY_WINDOW: Duration = Duration::from_secs(3);

/// The most rows that go out by INSERT. Beyond it, what COPY saves on each row outweighs its wait.
const INSERT_MAX: usize = 64;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// A session that holds the node's lock.
struct Connection {
    session: Session,
    insert: Statement,
    copy: Option<Statement>,
}

pub(super) struct Ledger {
    duties: Duties,
    connection: Option<Connection>,
    heads: Heads,
    down_since: Option<Instant>,
    /// The backend that holds the node's lock, told to the settler.
    backend: watch::Sender<Option<i32>>,
}

type Receipts = Vec<Result<AuditReceipt, AuditError>>;

impl Ledger {
    pub(super) const fn new(duties: Duties, backend: watch::Sender<Option<i32>>) -> Self {
        Self {
            duties,
            connection: None,
            heads: Heads::new(),
            down_since: None,
            backend,
        }
    }

    /// Sees to it that there is a connection, for a time when nobody writes.
    pub(super) async fn reach(&mut self) {
        if let Err(error) = self.connection().await {
            self.lose(&error);
        }
    }

    /// Makes a batch durable and answers every caller, with a receipt or with why there is none.
    ///
    /// A completion whose caller has gone is left out: its entry is in nobody's hands any more, so
    /// that it is completed from the database's own record, and once.
    pub(super) async fn commit(&mut self, mut batch: Vec<Waiting>) {
        batch.retain(|one| one.entry.phase != Phase::Completed || !one.reply.is_abandoned());
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
        let answers = callers.into_iter().zip(receipts);
        for (entry, ((reply, in_flight), receipt)) in entries.iter().zip(answers) {
            if entry.phase == Phase::Opened && reply.is_abandoned() {
                // It may be on disk only now, and nobody holds it.
                self.duties.log.held.owe();
            }
            reply.send(receipt);
            drop(in_flight);
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
        let rows = self.add(entries.iter().collect()).await?;
        Ok(rows.iter().map(|row| Ok(AuditReceipt::of(row))).collect())
    }

    /// The part of the batch that is not on disk.
    async fn reconcile(&mut self, entries: &[Entry]) -> Result<Receipts, DatabaseError> {
        let keys: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        let opened: Vec<_> = entries.iter().filter_map(completes).collect();
        let client = &self.connection().await?.session.client;
        let mut stored = within(store::find(client, &keys)).await?;
        if !opened.is_empty() {
            stored.extend(within(store::find_completions(client, &opened)).await?);
        }
        let rows = self.add(missing(entries, &stored)).await?;
        stored.extend(rows);
        Ok(receipts(entries, &stored))
    }

    /// Whole or not at all.
    async fn add(&mut self, entries: Vec<&Entry>) -> Result<Vec<Chained>, DatabaseError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let node = self.duties.node.clone();
        let chains: BTreeSet<String> = entries.iter().map(|entry| chain_of(&node, entry)).collect();
        self.connection().await?;
        let Some(connection) = &self.connection else {
            return Err(DatabaseError::Unavailable);
        };
        let client = &connection.session.client;
        within(store::load_heads(client, &mut self.heads, chains)).await?;
        let batch = Batch::chain(&node, &self.heads, entries);
        match &connection.copy {
            Some(copy) if batch.rows.len() > INSERT_MAX => {
                within(store::copy(client, copy, &batch.rows)).await?;
            }
            _ => within(store::insert(client, &connection.insert, &batch.rows)).await?,
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
            self.drop_connection();
        }
        if self.connection.is_none() {
            self.heads.clear();
            let config = self.duties.config.connection(Login::Audit);
            let config = config.map_err(|_| DatabaseError::Unavailable)?;
            let session = Session::open(&config)
                .await
                .map_err(|_| DatabaseError::Unavailable)?;
            let client = &session.client;
            let backend = within(store::lock_node(client, &self.duties.node)).await?;
            let insert = within(store::prepare_insert(client)).await?;
            let copy = within(store::prepare_copy(client)).await?;
            let by_copy = copy.is_some();
            tracing::info!(node = self.duties.node, by_copy, "audit writer connected");
            self.connection = Some(Connection {
                session,
                insert,
                copy,
            });
            self.backend.send_replace(Some(backend));
        }
        self.connection.as_mut().ok_or(DatabaseError::Unavailable)
    }

    /// After an error the session's state is unknown, and so is what it did.
    fn lose(&mut self, error: &DatabaseError) {
        if self.down_since.is_none() {
            tracing::warn!(%error, "audit writer lost its database");
        }
        self.drop_connection();
        self.heads.clear();
        self.down_since.get_or_insert_with(Instant::now);
    }

    fn drop_connection(&mut self) {
        self.connection = None;
        self.backend.send_replace(None);
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
