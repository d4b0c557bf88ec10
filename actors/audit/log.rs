//! `AuditLog`: what others hold to leave a trace, and the proofs that they get for it.
//!
//! An opened entry is known to be in someone's hands until its completion is durable. One that is
//! let go without (its request was cancelled, its task died) is told to the writer, which completes
//! it from what the database knows.

use super::lost::{Losses, Lost};
use super::opening::Opening;
use super::trail::Completion;
use super::unfinished::Held;
use super::writer::Message;
use super::{AuditError, QUEUE_LIMIT};
use crate::clock::WallClock;
use crate::database::{DatabaseError, Transaction};
use crate::entropy::Entropy;
use plantao_schema::audit::{Chained, Entry, Hash, Outcome, Phase};
use plantao_schema::id::Tenant;
use plantao_supervisors::{Handle, Limits};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// The longest that an entry may take to become durable; an ordinary one takes about a millisecond.
pub const APPEND_DEADLINE: Duration = Duration::from_secs(5);

const COMPLETE_IN: &str = "INSERT INTO audit_completion (tenant, entry_id, outcome, at_us) \
     SELECT $1, entry_id, $3, $4 FROM unnest($2::uuid[]) AS w(entry_id)";

/// The handle to the audit trail: cheap to clone, made before the tree.
#[derive(Clone)]
pub struct AuditLog {
    pub(super) writer: Handle<Message>,
    pub(super) held: Held,
    pub(super) clock: WallClock,
    pub(super) losses: Losses,
    entropy: Entropy,
    growth: Arc<Notify>,
    /// Whether the writer has its store; not while that is known to be away.
    reach: Arc<AtomicBool>,
}

/// Proof that an entry is on disk. Only the writer makes one.
#[derive(Debug)]
pub struct AuditReceipt {
    entry: Uuid,
    chain: String,
    seq: i64,
    hash: Hash,
}

impl AuditReceipt {
    pub(super) fn of(item: &Chained) -> Self {
        let (entry, chain) = (item.entry.id, item.chain.clone());
        Self {
            entry,
            chain,
            seq: item.seq,
            hash: item.hash,
        }
    }

    /// The key of the entry that it proves.
    #[must_use]
    pub const fn entry(&self) -> Uuid {
        self.entry
    }

    /// The chain that the entry is in.
    #[must_use]
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// Its number in that chain.
    #[must_use]
    pub const fn seq(&self) -> i64 {
        self.seq
    }

    /// Its hash.
    #[must_use]
    pub const fn hash(&self) -> &Hash {
        &self.hash
    }
}

/// A change that was announced and whose outcome is owed. Consumed by completing it; dropped, it is
/// completed by the writer.
#[must_use = "the outcome of an opened entry is owed"]
pub struct OpenEntry {
    entry: Entry,
    openings: Vec<Opening>,
    clock: WallClock,
    hold: Hold,
}

/// Keeps an opened entry out of the writer's search for abandoned ones.
struct Hold {
    id: Uuid,
    held: Held,
    settled: bool,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.release(self.id);
        if !self.settled {
            self.held.owe();
        }
    }
}

impl OpenEntry {
    /// The key of the opened entry.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.entry.id
    }

    /// The institution whose trail it is in: the scope of a transaction that completes it.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.entry.tenant
    }

    /// The same, with what opens the commitments of the change: to be kept with it. Each names the
    /// entry that it belongs to, and the change completes them all.
    pub fn with_openings(mut self, openings: Vec<Opening>) -> Self {
        self.openings = openings;
        self
    }

    /// What opens the commitments of the change.
    #[must_use]
    pub fn openings(&self) -> &[Opening] {
        &self.openings
    }

    /// What a store that is no PostgreSQL writes with the change, for the reason that
    /// [`OpenEntry::complete_in`] gives: of this entry, and of every other that the same change was
    /// announced under.
    #[must_use]
    pub fn completions(&self, outcome: Outcome) -> Vec<Completion> {
        let at = self.clock.now();
        let completion = |entry| Completion {
            tenant: self.entry.tenant.clone(),
            entry,
            outcome,
            at,
        };
        self.change().into_iter().map(completion).collect()
    }

    /// The entries of the change: one for each patient whose records it touches.
    fn change(&self) -> BTreeSet<Uuid> {
        let openings = self.openings.iter().map(|opening| opening.entry);
        openings.chain([self.entry.id]).collect()
    }

    /// Writes the outcome inside the transaction that makes the change, so that after a crash the
    /// trail can still tell what became of it: of this entry, and of every other that the same
    /// change was announced under.
    ///
    /// # Errors
    /// As [`Transaction::execute`]. [`DatabaseError::Conflict`] when the outcome was recorded
    /// before, above all as unknown because the entry had been given up: the transaction can then
    /// only be rolled back, so that what the trail says stays true.
    pub async fn complete_in(
        &self,
        transaction: &Transaction,
        outcome: Outcome,
    ) -> Result<(), DatabaseError> {
        let entries: Vec<Uuid> = self.change().into_iter().collect();
        let (tenant, at) = (self.entry.tenant.as_str(), self.clock.now().micros());
        let outcome = outcome.as_str();
        transaction
            .execute(COMPLETE_IN, &[&tenant, &entries, &outcome, &at])
            .await?;
        Ok(())
    }
}

impl AuditLog {
    /// A handle that no writer serves yet. `clock` dates completions; keys are the system's.
    #[must_use]
    pub fn new(clock: WallClock) -> Self {
        Self::with_queue(clock, Entropy::system(), QUEUE_LIMIT)
    }

    /// The same with keys from another source and another bound on how many entries may wait.
    #[must_use]
    pub fn with_queue(clock: WallClock, entropy: Entropy, entries: usize) -> Self {
        let writer = Handle::new(Limits::in_flight(entries));
        Self {
            writer,
            held: Held::default(),
            clock,
            losses: Losses::default(),
            entropy,
            growth: Arc::default(),
            reach: Arc::default(),
        }
    }

    /// The writer has its store, or has lost it.
    pub(super) fn tell_reach(&self, is_reached: bool) {
        self.reach.store(is_reached, Ordering::Relaxed);
    }

    /// Whether the writer has its store, as far as it knows.
    pub(super) fn is_reached(&self) -> bool {
        self.is_up() && self.reach.load(Ordering::Relaxed)
    }

    /// Says that entries were committed. Never lost, whether or not anybody listens.
    pub(super) fn grow(&self) {
        self.growth.notify_one();
    }

    /// Returns once after any number of commits. One listens: the sequencer.
    pub(super) async fn grew(&self) {
        self.growth.notified().await;
    }

    /// A key for a new entry.
    ///
    /// # Errors
    /// [`AuditError::Unavailable`] when none could be drawn; then there is no entry, and nothing
    /// that needs one may happen.
    pub fn entry_key(&self) -> Result<Uuid, AuditError> {
        Ok(self.entropy.uuid_v7(self.clock.now())?)
    }

    /// Appends an entry that is whole: a read, a refusal, a notice.
    ///
    /// # Errors
    /// [`AuditError`]; then there is no proof that the entry is on disk, and no answer may go out.
    pub async fn append(&self, entry: Entry) -> Result<AuditReceipt, AuditError> {
        storable(&entry)?;
        let entry = Box::new(entry);
        self.writer
            .call(APPEND_DEADLINE, |reply| Message::Append { entry, reply })
            .await?
    }

    /// Announces a change before it is made.
    ///
    /// # Errors
    /// [`AuditError`]; then the change must not be made.
    pub async fn open(&self, entry: Entry) -> Result<OpenEntry, AuditError> {
        let entry = Entry {
            phase: Phase::Opened,
            outcome: Outcome::Pending,
            ..entry
        };
        // Held before it can be seen on disk: a search in between must not take it for abandoned.
        let hold = self.hold(entry.id);
        self.append(entry.clone()).await?;
        Ok(OpenEntry {
            entry,
            openings: Vec::new(),
            clock: self.clock.clone(),
            hold,
        })
    }

    /// Completes an entry once its change is committed.
    ///
    /// # Errors
    /// [`AuditError`]; the writer then completes the entry itself, from the transaction's record.
    pub async fn complete(
        &self,
        open: OpenEntry,
        outcome: Outcome,
    ) -> Result<AuditReceipt, AuditError> {
        let OpenEntry {
            entry,
            clock,
            mut hold,
            ..
        } = open;
        let (key, at) = (self.entry_key()?, clock.now());
        let receipt = self.append(completion(key, &entry, outcome, at)).await?;
        hold.settled = true;
        Ok(receipt)
    }

    /// Completes an entry whose change was not made, or is not known to be.
    ///
    /// # Errors
    /// As [`AuditLog::complete`].
    pub async fn abandon(
        &self,
        open: OpenEntry,
        outcome: Outcome,
    ) -> Result<AuditReceipt, AuditError> {
        self.complete(open, outcome).await
    }

    /// Whether a writer is there; it may still be waiting for its database.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.writer.is_up()
    }

    /// Chains of which acknowledged entries were missing when their database came back.
    #[must_use]
    pub fn lost(&self) -> Vec<Lost> {
        self.losses.all()
    }

    /// How many entries wait to become durable.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.writer.depth()
    }

    fn hold(&self, id: Uuid) -> Hold {
        self.held.take(id);
        Hold {
            id,
            held: self.held.clone(),
            settled: false,
        }
    }
}

/// The entry that closes `opened`.
pub(super) fn completion(
    key: Uuid,
    opened: &Entry,
    outcome: Outcome,
    at: plantao_schema::time::Timestamp,
) -> Entry {
    Entry {
        id: key,
        at,
        phase: Phase::Completed,
        opens: Some(opened.id),
        outcome,
        ..opened.clone()
    }
}

/// Longest text of an indexed field: an index row holds 2,704 bytes.
const TEXT_MAX_BYTES: usize = 512;

/// Longest explanation.
const EXPLANATION_MAX_BYTES: usize = 8_192;

/// PostgreSQL's text cannot hold a NUL, nor its indexes a novel; found here, that costs its caller
/// alone and not a whole batch.
pub(super) fn storable(entry: &Entry) -> Result<(), AuditError> {
    let fields = [
        ("principal", entry.principal.as_str()),
        ("role", &entry.role),
        ("action", &entry.action),
        ("resource_kind", &entry.resource_kind),
        (
            "resource_id",
            entry.resource_id.as_deref().unwrap_or_default(),
        ),
        ("patient", entry.patient.as_deref().unwrap_or_default()),
        ("purpose", &entry.purpose),
        ("verdict", &entry.verdict),
        ("explanation", &entry.explanation),
        ("request_id", &entry.request_id),
        ("plugin", entry.plugin.as_deref().unwrap_or_default()),
        (
            "commitment",
            entry.commitment.as_deref().unwrap_or_default(),
        ),
    ];
    for (field, text) in fields {
        let max_bytes = if field == "explanation" {
            EXPLANATION_MAX_BYTES
        } else {
            TEXT_MAX_BYTES
        };
        if text.len() > max_bytes || text.contains('\0') {
            return Err(AuditError::Invalid { field, max_bytes });
        }
    }
    Ok(())
}
