//! Opened entries: which are in someone's hands, and what to say of those that are in nobody's.

use super::log::completion;
use crate::clock::WallClock;
use dashmap::DashSet;
use plantao_schema::audit::{Entry, Outcome, Severity};
use std::sync::Arc;
use uuid::Uuid;

/// The opened entries of this process whose outcome someone still owes.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<DashSet<Uuid>>);

impl Held {
    pub(super) fn take(&self, id: Uuid) {
        self.0.insert(id);
    }

    pub(super) fn release(&self, id: Uuid) {
        self.0.remove(&id);
    }

    pub(super) fn all(&self) -> Vec<Uuid> {
        self.0.iter().map(|id| *id).collect()
    }
}

/// The completion of an entry that nobody holds any more. `recorded` is what the transaction that
/// made the change wrote about it, if it was committed.
pub(super) fn settlement(opened: &Entry, recorded: Option<&str>, clock: &WallClock) -> Entry {
    let outcome = recorded.and_then(Outcome::from_name);
    let (outcome, severity, explanation) = match outcome {
        Some(outcome) => (
            outcome,
            opened.severity,
            "completed from the transaction's own record",
        ),
        None => (
            Outcome::Unknown,
            Severity::Warning,
            "abandoned: no record of a committed change; the outcome is unknown",
        ),
    };
    let explanation = explanation.to_owned();
    Entry {
        severity,
        explanation,
        ..completion(opened, outcome, clock.now())
    }
}
