//! The twins that stand in for PostgreSQL: what is durable, and the faults of a store.
//!
//! One [`Disk`] outlives every incarnation of the node, as a server outlives its clients; each
//! folder's twin is a view of it. A change is applied at one instant, after its wait and before its
//! answer, so that a fault can fall on either side of it. Whatever both can be asked, both answer
//! alike: the contract's tests hold them side by side. What the twins do not imitate: statements of
//! one transaction that interleave with another's.

mod consents;
#[cfg(test)]
mod contract;
mod guests;
mod keys;
mod log;
mod log_ins;
mod points;
mod records;
mod spool;
mod tables;
mod trail;
mod wards;

use crate::mutant::Mutant;
use crate::sim::Recorder;
use fastrand::Rng;
use plantao_actors::consent::ConsentError;
use plantao_actors::database::{DatabaseError, StandIn};
use plantao_actors::login::LogInError;
use plantao_actors::patient::RecordError;
use plantao_actors::vault::VaultError;
use plantao_actors::ward::WardError;
use plantao_schema::audit::Chained;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

pub(crate) use consents::TwinConsents;
pub(crate) use guests::{Guests, LOOPS, TRAPS};
pub(crate) use keys::TwinKeys;
pub(crate) use log_ins::TwinLogIns;
use points::Points;
pub(crate) use points::Side;
pub(crate) use records::TwinRecords;
pub(crate) use spool::TwinSpool;
pub(crate) use tables::{Record, Tables};
pub(crate) use trail::TwinTrail;
pub(crate) use wards::TwinWards;

/// The shortest and the longest that a healthy store takes over one exchange.
const LATENCY_MIN_US: u64 = 100;
const LATENCY_MAX_US: u64 = 1_999;

/// What is durable. Clones share it.
#[derive(Clone)]
pub(crate) struct Disk {
    shared: Arc<Shared>,
    /// The failpoint that its changes come by.
    point: &'static str,
}

struct Shared {
    inner: Mutex<Inner>,
    /// A session ended, or the store is back.
    changed: Notify,
    /// Hears of what the trail keeps.
    recorder: Recorder,
    points: Points,
}

struct Inner {
    tables: Tables,
    faults: Faults,
    rng: Rng,
    latency_max_us: u64,
    /// Sessions of an older epoch are gone.
    epoch: u64,
    mutant: Option<Mutant>,
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
            latency_max_us: LATENCY_MAX_US,
            epoch: 0,
            mutant,
        };
        let shared = Arc::new(Shared {
            inner: Mutex::new(inner),
            changed: Notify::new(),
            recorder,
            points: Points::default(),
        });
        Self { shared, point: "" }
    }

    /// The same disk, whose changes come by that failpoint.
    pub(crate) fn at(&self, point: &'static str) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared, point }
    }

    /// Waits for somebody to come by a failpoint.
    pub(crate) async fn wait_at(&self, point: &str, side: Side) {
        self.shared.points.wait(point, side).await;
    }

    /// Comes by the disk's failpoint.
    pub(crate) async fn reach(&self, side: Side) {
        self.shared.points.reach(self.point, side).await;
    }

    /// The store tells its writer that these rows are kept.
    pub(crate) fn tell_kept(&self, rows: &[Chained]) {
        self.shared.recorder.kept(rows);
    }

    /// The node's own disk has this entry for the trail.
    pub(crate) fn tell_spooled(&self, key: uuid::Uuid) {
        self.shared.recorder.spooled(key);
    }

    /// The same, which takes no time over anything.
    #[cfg(test)]
    pub(crate) fn prompt(self) -> Self {
        self.lock().latency_max_us = 0;
        self
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
        self.shared.changed.notify_waiters();
    }

    /// The node died with all its sessions.
    pub(crate) fn end_sessions(&self) {
        self.lock().end_sessions();
        self.shared.changed.notify_waiters();
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
        self.pass().await;
        if self.lock().faults.is_out {
            return Err(DatabaseError::Unavailable);
        }
        Ok(())
    }

    /// Waits as long as an exchange takes.
    pub(crate) async fn pass(&self) {
        let wait = {
            let mut inner = self.lock();
            let most = inner.latency_max_us;
            inner.rng.u64(most.min(LATENCY_MIN_US)..=most)
        };
        tokio::time::sleep(Duration::from_micros(wait)).await;
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

    /// Changes the bytes of the node's own spool, which no outage of the store touches.
    pub(crate) fn write_spool<T>(&self, change: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        change(&mut self.lock().tables.spool)
    }

    /// Keeps bytes beside the spool.
    pub(crate) fn write_aside(&self, bytes: Vec<u8>) {
        self.lock().tables.set_aside.push(bytes);
    }

    /// Puts rows there that nobody stored.
    #[cfg(test)]
    pub(crate) fn fill(&self, change: impl FnOnce(&mut Tables)) {
        change(&mut self.lock().tables);
    }

    /// Makes a change, whole or not at all: refused by `change` itself, failed before it or in
    /// doubt after it.
    pub(crate) async fn commit<T, E: Unmade>(
        &self,
        change: impl FnOnce(&mut Tables) -> Result<T, E>,
    ) -> Result<T, E> {
        self.commit_telling(|| {}, change).await
    }

    /// The same; `sent` is told when the change is not refused and may be durable from then on.
    pub(crate) async fn commit_telling<T, E: Unmade>(
        &self,
        sent: impl FnOnce(),
        change: impl FnOnce(&mut Tables) -> Result<T, E>,
    ) -> Result<T, E> {
        self.exchange().await?;
        self.reach(Side::Before).await;
        let (done, lost) = {
            let mut inner = self.lock();
            if inner.faults.before_commit > 0 {
                inner.faults.before_commit -= 1;
                // Whoever hears nothing cannot tell this from the other.
                let silent = inner.rng.bool();
                if !silent {
                    return Err(DatabaseError::Unavailable.into());
                }
                sent();
                return Err(E::in_doubt());
            }
            let done = change(&mut inner.tables)?;
            sent();
            let lost = inner.faults.after_commit > 0;
            inner.faults.after_commit = inner.faults.after_commit.saturating_sub(1);
            (done, lost)
        };
        self.reach(Side::After).await;
        let answered = self.exchange().await.is_ok();
        if lost || !answered {
            return Err(E::in_doubt());
        }
        Ok(done)
    }

    /// Resolves when a session ended or the store came back.
    pub(crate) async fn changed(&self) {
        // Ends by itself too: a notice may have come just before.
        let wait = tokio::time::timeout(Duration::from_millis(20), self.shared.changed.notified());
        let _either = wait.await;
    }

    /// A number for a new session.
    pub(crate) fn next_session(&self) -> i32 {
        let mut inner = self.lock();
        inner.tables.sessions = inner.tables.sessions.saturating_add(1);
        inner.tables.sessions
    }

    /// Takes the right to write a node's chains, if nobody has it.
    pub(crate) fn take_right(&self, node: &str, session: i32) -> bool {
        let mut inner = self.lock();
        let free = !inner.tables.holders.contains_key(node);
        if free {
            inner.tables.holders.insert(node.to_owned(), session);
        }
        free
    }

    /// Gives it back.
    pub(crate) fn give_right(&self, session: i32) {
        let mut inner = self.lock();
        let keeps = inner.mutant == Some(Mutant::RightNeverReturned);
        if !keeps {
            inner.tables.holders.retain(|_, holder| *holder != session);
        }
        drop(inner);
        self.shared.changed.notify_waiters();
    }
}

impl Inner {
    fn end_sessions(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
        if self.mutant != Some(Mutant::RightNeverReturned) {
            self.tables.holders.clear();
        }
    }
}

impl StandIn for Disk {
    fn ping(&self) -> futures_util::future::BoxFuture<'_, Result<(), DatabaseError>> {
        Box::pin(self.exchange())
    }
}
