//! The twins that stand in for PostgreSQL: what is durable, and the faults of a store.
//!
//! One [`Disk`] outlives every incarnation of the node, as a server outlives its clients; each
//! folder's twin is a view of it. A change is applied at one instant, after its wait and before its
//! answer, so that a fault can fall on either side of it. What the twins do not imitate: statements
//! of one transaction that interleave with another's, and row-level security.

mod consents;
mod keys;
mod log_ins;
mod records;
mod trail;
mod wards;

use crate::mutant::Mutant;
use crate::sim::Recorder;
use fastrand::Rng;
use plantao_actors::audit::Completion;
use plantao_actors::consent::ConsentError;
use plantao_actors::database::{DatabaseError, Scope, StandIn};
use plantao_actors::login::LogInError;
use plantao_actors::patient::RecordError;
use plantao_actors::vault::VaultError;
use plantao_actors::ward::WardError;
use plantao_schema::access::{ConsentStatus, Purpose};
use plantao_schema::audit::Chained;
use plantao_schema::fhir::FhirType;
use plantao_schema::id::{BedId, PatientId, SessionId, Tenant, WardId};
use plantao_schema::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) use consents::TwinConsents;
pub(crate) use keys::TwinKeys;
pub(crate) use log_ins::TwinLogIns;
pub(crate) use records::TwinRecords;
pub(crate) use trail::TwinTrail;
pub(crate) use wards::TwinWards;

/// The longest that a healthy store takes over one exchange.
const LATENCY_MAX_US: u64 = 2_000;

/// What is durable. Clones share it.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Shared>);

struct Shared {
    inner: Mutex<Inner>,
    /// A session ended, or the store is back.
    changed: Notify,
    /// Hears of what the trail keeps.
    recorder: Recorder,
}

struct Inner {
    tables: Tables,
    faults: Faults,
    rng: Rng,
    /// Sessions of an older epoch are gone.
    epoch: u64,
    mutant: Option<Mutant>,
}

/// The rows.
#[derive(Default)]
pub(crate) struct Tables {
    /// The trail, by chain and number.
    pub(crate) entries: BTreeMap<(String, i64), Chained>,
    /// Where each entry is in it.
    pub(crate) places: BTreeMap<Uuid, (String, i64)>,
    /// What changes recorded of themselves.
    pub(crate) completions: BTreeMap<Uuid, Completion>,
    /// The newest version of each record.
    pub(crate) records: BTreeMap<(Tenant, FhirType, String), Record>,
    /// The last thing that each patient said about each purpose.
    pub(crate) consents: BTreeMap<(Tenant, PatientId, Purpose), (ConsentStatus, Timestamp)>,
    /// Who lies where.
    pub(crate) beds: BTreeMap<(Tenant, WardId, BedId), Option<PatientId>>,
    /// Wrapped keys by tenant, subject and version.
    pub(crate) keys: BTreeMap<(String, String, i32), Vec<u8>>,
    /// The name of the master key that wrapped the first of them.
    pub(crate) master: Option<Vec<u8>>,
    /// Sessions ended before their time.
    pub(crate) ended: BTreeMap<(Tenant, SessionId), Timestamp>,
    /// The session that holds the right to write a node's chains.
    pub(crate) holder: Option<i32>,
    /// How many sessions there were.
    pub(crate) sessions: i32,
}

/// One stored record, open.
pub(crate) struct Record {
    pub(crate) version: u64,
    pub(crate) updated_at: Timestamp,
    pub(crate) patient: Option<PatientId>,
    pub(crate) body: Vec<u8>,
    pub(crate) identifiers: BTreeSet<(String, String)>,
}

impl Tables {
    /// The request that an entry is about.
    pub(crate) fn request_of(&self, entry: &Uuid) -> Option<String> {
        let row = self.entries.get(self.places.get(entry)?)?;
        Some(row.entry.request_id.clone())
    }

    /// The records of the scope's tenant, by type and id.
    pub(crate) fn of_tenant(
        &self,
        scope: &Scope,
    ) -> impl Iterator<Item = (FhirType, &str, &Record)> {
        let tenant = scope.tenant.clone();
        let records = self
            .records
            .iter()
            .filter(move |((one, ..), _)| *one == tenant);
        records.map(|((_, kind, id), record)| (*kind, id.as_str(), record))
    }
}

/// Writes what a change says of itself; once, as the table's key has it.
pub(crate) fn complete(tables: &mut Tables, completion: Completion) -> Result<(), DatabaseError> {
    if tables.completions.contains_key(&completion.entry) {
        let constraint = "audit_completion".to_owned();
        return Err(DatabaseError::Conflict { constraint });
    }
    tables.completions.insert(completion.entry, completion);
    Ok(())
}

/// What goes wrong next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// So many commits fail and did not happen.
    pub(crate) before_commit: u32,
    /// So many commits happen and their answers are lost.
    pub(crate) after_commit: u32,
    /// Nothing answers.
    pub(crate) is_out: bool,
}

/// An error that a folder tells a change by that was not made, or may have been.
pub(crate) trait Unmade: From<DatabaseError> {
    /// The commit's answer never came: it may have happened.
    fn in_doubt() -> Self;
}

impl Unmade for DatabaseError {
    fn in_doubt() -> Self {
        Self::Unavailable
    }
}

impl Unmade for VaultError {
    fn in_doubt() -> Self {
        DatabaseError::Unavailable.into()
    }
}

impl Unmade for ConsentError {
    fn in_doubt() -> Self {
        Self::InDoubt
    }
}

impl Unmade for LogInError {
    fn in_doubt() -> Self {
        Self::InDoubt
    }
}

impl Unmade for RecordError {
    fn in_doubt() -> Self {
        Self::InDoubt
    }
}

impl Unmade for WardError {
    fn in_doubt() -> Self {
        Self::InDoubt
    }
}

impl Disk {
    /// An empty one; `rng` draws how long things take.
    pub(crate) fn new(rng: Rng, mutant: Option<Mutant>, recorder: Recorder) -> Self {
        let inner = Inner {
            tables: Tables::default(),
            faults: Faults::default(),
            rng,
            epoch: 0,
            mutant,
        };
        Self(Arc::new(Shared {
            inner: Mutex::new(inner),
            changed: Notify::new(),
            recorder,
        }))
    }

    /// The store tells its writer that these rows are kept.
    pub(crate) fn tell_kept(&self, rows: &[Chained]) {
        self.0.recorder.kept(rows);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what goes wrong. An outage ends every session.
    pub(crate) fn disturb(&self, change: impl FnOnce(&mut Faults)) {
        let mut inner = self.lock();
        let before = inner.faults;
        change(&mut inner.faults);
        if inner.mutant == Some(Mutant::OutageForEver) {
            inner.faults.is_out |= before.is_out;
        }
        if inner.faults.is_out && !before.is_out {
            inner.end_sessions();
        }
        drop(inner);
        self.0.changed.notify_waiters();
    }

    /// The node died with all its sessions.
    pub(crate) fn end_sessions(&self) {
        self.lock().end_sessions();
        self.0.changed.notify_waiters();
    }

    /// Whether that defect is planted.
    pub(crate) fn has(&self, mutant: Mutant) -> bool {
        self.lock().mutant == Some(mutant)
    }

    /// The present epoch of sessions.
    pub(crate) fn epoch(&self) -> u64 {
        self.lock().epoch
    }

    /// Waits as long as an exchange takes, and fails where nothing answers.
    pub(crate) async fn exchange(&self) -> Result<(), DatabaseError> {
        let wait = self.lock().rng.u64(100..LATENCY_MAX_US);
        tokio::time::sleep(Duration::from_micros(wait)).await;
        if self.lock().faults.is_out {
            return Err(DatabaseError::Unavailable);
        }
        Ok(())
    }

    /// Reads the rows.
    pub(crate) async fn read<T>(
        &self,
        view: impl FnOnce(&Tables) -> T,
    ) -> Result<T, DatabaseError> {
        self.exchange().await?;
        Ok(view(&self.lock().tables))
    }

    /// Looks at the rows from outside of any time, as the checkers do.
    pub(crate) fn inspect<T>(&self, view: impl FnOnce(&Tables) -> T) -> T {
        view(&self.lock().tables)
    }

    /// Makes a change, whole or not at all: refused by `change` itself, failed before it or in
    /// doubt after it.
    pub(crate) async fn commit<T, E: Unmade>(
        &self,
        change: impl FnOnce(&mut Tables) -> Result<T, E>,
    ) -> Result<T, E> {
        self.exchange().await?;
        let (done, lost) = {
            let mut inner = self.lock();
            if inner.faults.before_commit > 0 {
                inner.faults.before_commit -= 1;
                // Whoever hears nothing cannot tell this from the other.
                let silent = inner.rng.bool();
                return Err(if silent {
                    E::in_doubt()
                } else {
                    DatabaseError::Unavailable.into()
                });
            }
            let done = change(&mut inner.tables)?;
            let lost = inner.faults.after_commit > 0;
            inner.faults.after_commit = inner.faults.after_commit.saturating_sub(1);
            (done, lost)
        };
        let answered = self.exchange().await.is_ok();
        if lost || !answered {
            return Err(E::in_doubt());
        }
        Ok(done)
    }

    /// Resolves when a session ended or the store came back.
    pub(crate) async fn changed(&self) {
        // Ends by itself too: a notice may have come just before.
        let wait = tokio::time::timeout(Duration::from_millis(20), self.0.changed.notified());
        let _either = wait.await;
    }

    /// A number for a new session.
    pub(crate) fn next_session(&self) -> i32 {
        let mut inner = self.lock();
        inner.tables.sessions = inner.tables.sessions.saturating_add(1);
        inner.tables.sessions
    }

    /// Takes the right to write, if nobody has it.
    pub(crate) fn take_right(&self, session: i32) -> bool {
        let mut inner = self.lock();
        let free = inner.tables.holder.is_none();
        if free {
            inner.tables.holder = Some(session);
        }
        free
    }

    /// Gives it back.
    pub(crate) fn give_right(&self, session: i32) {
        let mut inner = self.lock();
        let keeps = inner.mutant == Some(Mutant::RightNeverReturned);
        if inner.tables.holder == Some(session) && !keeps {
            inner.tables.holder = None;
        }
        drop(inner);
        self.0.changed.notify_waiters();
    }
}

impl Inner {
    fn end_sessions(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
        if self.mutant != Some(Mutant::RightNeverReturned) {
            self.tables.holder = None;
        }
    }
}

impl StandIn for Disk {
    fn ping(&self) -> futures_util::future::BoxFuture<'_, Result<(), DatabaseError>> {
        Box::pin(self.exchange())
    }
}
