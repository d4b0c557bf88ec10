//! The judges: each reads a history, and the plan of its tree, and says what did not hold.
//!
//! A judge is a pure function. It says only what the history shows for sure: where events leave
//! open in which order things were decided, it takes the order that holds. What was never looked
//! at is another matter: an acknowledged entry without a trail to find it in is a violation, since
//! a run that forgets to look would otherwise hold whatever it did.

mod audit;
mod blast;
mod calls;
mod engine;
mod intensity;
mod lives;
mod order;
mod outcome;
mod permits;
mod rare;
#[cfg(test)]
mod real;
mod reign;
mod service;
mod sometimes;
#[cfg(test)]
mod testing;
mod tree;

pub use rare::Rare;
pub use sometimes::Sometimes;
pub use tree::{Arrangement, ChildPlan, SupervisorPlan, Tree};

use crate::history::{Event, History, micros};
use crate::invariant::Invariant;
use serde::Serialize;
use serde::ser::Serializer;
use std::fmt;
use std::time::Duration;

/// Most violations of one invariant that are kept of one history: what broke a thousand times
/// broke once.
pub const VIOLATIONS_MAX: usize = 100;

/// Something that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// What should have.
    #[serde(serialize_with = "name")]
    pub invariant: Invariant,
    /// When it showed, in virtual time since the run began.
    #[serde(rename = "at_us", serialize_with = "micros")]
    pub at: Duration,
    /// The event that shows it.
    pub seq: u64,
    /// How it did not hold, without anybody's data.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            invariant,
            seq,
            what,
            ..
        } = self;
        write!(f, "{invariant} at {:?}, event {seq}: {what}", self.at)
    }
}

/// All that did not hold, in the order of `invariants`.
#[must_use]
pub fn check_all(history: &History, tree: &Tree, invariants: &[Invariant]) -> Vec<Violation> {
    let checked = invariants.iter().flat_map(|one| check(*one, history, tree));
    checked.collect()
}

/// How one invariant did not hold: at most [`VIOLATIONS_MAX`] times, in the order of the history.
#[must_use]
pub fn check(invariant: Invariant, history: &History, tree: &Tree) -> Vec<Violation> {
    let judge = match invariant {
        Invariant::AuditDurable => audit::durable,
        Invariant::AuditChained => audit::chained,
        Invariant::MutationCompleted => outcome::completed,
        Invariant::ReleaseProven => permits::proven,
        Invariant::PermitFresh => permits::fresh,
        Invariant::IntensityObeyed => intensity::obeyed,
        Invariant::BlastContained => blast::contained,
        Invariant::NoOrphan => lives::no_orphan,
        Invariant::NoOverlap => lives::no_overlap,
        Invariant::OrderKept => order::kept,
        Invariant::CallsEnd => calls::ended,
        Invariant::QueuesBounded => calls::bounded,
        Invariant::WriteDurable => service::durable,
        Invariant::Recovers => service::recovers,
    };
    let judge: fn(&History, &Tree, &mut Findings) = judge;
    let mut findings = Findings {
        invariant,
        found: Vec::new(),
    };
    judge(history, tree, &mut findings);
    let mut found = findings.found;
    found.sort_by_key(|violation| violation.seq);
    found.truncate(VIOLATIONS_MAX);
    found
}

/// What one judge finds.
struct Findings {
    invariant: Invariant,
    found: Vec<Violation>,
}

impl Findings {
    /// An event shows that something did not hold.
    fn at(&mut self, event: &Event, what: String) {
        self.when(event.seq, event.at, what);
    }

    /// The same, where the event is not at hand.
    fn when(&mut self, seq: u64, at: Duration, what: String) {
        self.found.push(Violation {
            invariant: self.invariant,
            at,
            seq,
            what,
        });
    }
}

fn name<S: Serializer>(invariant: &Invariant, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(invariant.name())
}
