//! Opened entries: which are in someone's hands, and what to say of those that are in nobody's.

use super::log::completion;
use super::{AuditError, AuditLog};
use dashmap::DashSet;
use plantao_schema::audit::{Entry, Outcome, Severity};
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// The opened entries of this process whose outcome someone still owes, and whether there may be
/// others that nobody does.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<Inner>);

#[derive(Default)]
struct Inner {
    ids: DashSet<Uuid>,
    owed: Notify,
    looks: watch::Sender<u64>,
}

impl Held {
    pub(super) fn take(&self, id: Uuid) {
        self.0.ids.insert(id);
    }

    pub(super) fn release(&self, id: Uuid) {
        self.0.ids.remove(&id);
    }

    pub(super) fn has(&self, id: Uuid) -> bool {
        self.0.ids.contains(&id)
    }

    pub(super) fn all(&self) -> Vec<Uuid> {
        self.0.ids.iter().map(|id| *id).collect()
    }

    /// Says that an entry may be in nobody's hands. Never lost, however much waits in the mailbox
    /// and whether or not a writer is there.
    pub(super) fn owe(&self) {
        self.0.owed.notify_one();
    }

    /// Says that somebody looked for entries in nobody's hands.
    pub(super) fn looked(&self) {
        self.0.looks.send_modify(|looks| *looks += 1);
    }

    /// How often somebody has looked, and what follows it.
    #[cfg(test)]
    pub(super) fn looks(&self) -> watch::Receiver<u64> {
        self.0.looks.subscribe()
    }

    /// Returns once after any number of [`Held::owe`].
    pub(super) async fn owed(&self) {
        self.0.owed.notified().await;
    }
}

/// The completion of an entry that nobody holds any more. `recorded` is what the transaction that
/// made the change wrote about it, or [`Outcome::Unknown`] where none has.
///
/// # Errors
/// As [`AuditLog::entry_key`].
pub(super) fn settlement(
    opened: &Entry,
    recorded: Outcome,
    log: &AuditLog,
) -> Result<Entry, AuditError> {
    let (severity, explanation) = if recorded == Outcome::Unknown {
        (
            Severity::Warning,
            "abandoned: no record of a committed change; the outcome is unknown",
        )
    } else {
        (
            opened.severity,
            "completed from the transaction's own record",
        )
    };
    let (key, at) = (log.entry_key()?, log.clock.now());
    Ok(Entry {
        severity,
        explanation: explanation.to_owned(),
        ..completion(key, opened, recorded, at)
    })
}
