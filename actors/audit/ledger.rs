//! The writing connection, the heads of this node's chains, and the commit of a batch.
//!
//! After any error nothing is assumed: the session is dropped, a new one takes the node's lock (so
//! that whatever was sent before is settled), reads the heads back, looks up which of the batch's
//! keys are on disk, and which opened entries are completed, and inserts the rest, whole or not at
//! all. That takes the place of `ON CONFLICT DO NOTHING`: with it, a row that is left out would
//! leave a hole in the chain that the rows after it were hashed for. A session may lead to another
//! server than the last one, so that the last acknowledged entry of a chain is looked for first
//! (see [`super::lost`]).
//! Refuses to try for ever: past [`RETRY_WINDOW`] the callers are told that there is no receipt.

use super::AuditError;
use super::batch::{Batch, Heads, chain_of, completes, missing, receipts};
use super::log::AuditReceipt;
use super::lost::{Acknowledged, Lost, is_under, report};
use super::trail::TrailSession;
use super::writer::{Duties, Waiting};
use crate::database::DatabaseError;
use plantao_schema::audit::{ChainHead, Chained, Entry, Phase};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How long a batch is tried again. A killed server is back within a fifth of this; callers
/// give up a little later than it.
const RETRY_WINDOW: Duration = Duration::from_secs(3);

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Ledger {
    duties: Duties,
    session: Option<Box<dyn TrailSession>>,
    heads: Heads,
    acknowledged: Acknowledged,
    down_since: Option<Instant>,
    /// Who holds the node's lock, told to the settler.
    holder: watch::Sender<Option<i32>>,
}

type Receipts = Vec<Result<AuditReceipt, AuditError>>;

impl Ledger {
    pub(super) const fn new(duties: Duties, holder: watch::Sender<Option<i32>>) -> Self {
        Self {
            duties,
            session: None,
            heads: Heads::new(),
            acknowledged: Acknowledged::new(),
            down_since: None,
            holder,
        }
    }

    /// Sees to it that there is a connection, for a time when nobody writes.
    pub(super) async fn reach(&mut self) {
        if let Err(error) = self.session().await {
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
            Ok(_) => {
                self.down_since = None;
                self.duties.log.grow();
            }
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
        let session = self.session().await?;
        let mut stored = session.find(&keys).await?;
        if !opened.is_empty() {
            stored.extend(session.completions(&opened).await?);
        }
        self.acknowledged.note(&stored);
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
        let by_tenant = entries.iter().map(|entry| (entry.tenant.as_str(), *entry));
        let tenants: BTreeMap<&str, &Entry> = by_tenant.collect();
        let chains: Vec<String> = tenants
            .values()
            .map(|entry| chain_of(&node, entry))
            .collect();
        self.session().await?;
        for chain in chains {
            if self.heads.contains_key(&chain) {
                continue;
            }
            let head = self.begin(&chain).await?;
            self.heads.insert(chain, head);
        }
        let Some(session) = &self.session else {
            return Err(DatabaseError::Unavailable);
        };
        let batch = Batch::chain(&node, &self.heads, entries);
        session.add(&batch.rows).await?;
        self.heads = batch.heads;
        self.acknowledged.note(&batch.rows);
        Ok(batch.rows)
    }

    /// The head of a chain on a server that was come to anew. Where what was acknowledged is not
    /// under it, that is said, in the trail above all.
    async fn begin(&mut self, chain: &str) -> Result<ChainHead, DatabaseError> {
        let Some(session) = &self.session else {
            return Err(DatabaseError::Unavailable);
        };
        let head = session.head(chain).await?;
        let Some((key, last)) = self.acknowledged.last(chain) else {
            return Ok(head);
        };
        // What was sent and never answered may have come after it.
        let is_there = head == last || is_under(&session.find(&[key]).await?, chain, last);
        if is_there {
            return Ok(head);
        }
        let lost = Lost {
            chain: chain.to_owned(),
            acknowledged: last.seq,
            found: head.seq,
        };
        tracing::error!(%lost, "SECURITY: acknowledged audit entries are missing");
        let entry = report(&self.duties.log, &lost).map_err(|_| DatabaseError::Unavailable)?;
        let row = Chained::after(chain, &head, entry);
        session.add(std::slice::from_ref(&row)).await?;
        self.duties.log.losses.add(lost);
        self.acknowledged.forget(chain);
        self.acknowledged.note([&row]);
        Ok(row.head())
    }

    /// The session, opened if there is none.
    async fn session(&mut self) -> Result<&dyn TrailSession, DatabaseError> {
        if self.session.as_ref().is_some_and(|held| held.is_closed()) {
            self.drop_session();
        }
        if self.session.is_none() {
            self.heads.clear();
            let session = self.duties.trail.write(&self.duties.node).await?;
            let (node, in_bulk) = (&self.duties.node, session.in_bulk());
            tracing::info!(node, in_bulk, "audit writer connected");
            self.holder.send_replace(Some(session.holder()));
            self.session = Some(session);
            self.duties.log.tell_reach(true);
        }
        self.session.as_deref().ok_or(DatabaseError::Unavailable)
    }

    /// After an error the session's state is unknown, and so is what it did.
    fn lose(&mut self, error: &DatabaseError) {
        if self.down_since.is_none() {
            tracing::warn!(%error, "audit writer lost its database");
        }
        self.drop_session();
        self.duties.log.tell_reach(false);
        self.heads.clear();
        self.down_since.get_or_insert_with(Instant::now);
    }

    fn drop_session(&mut self) {
        self.session = None;
        self.holder.send_replace(None);
    }
}
