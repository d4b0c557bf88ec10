//! The seam through which a test harness hears of permits, and plants defects in a policy.
//!
//! No rule of the product: a policy without a witness has none of it, and a release has no defect
//! whoever asks for one.

use super::leave::Leave;
use super::{Permit, Policy};
use plantao_schema::access::{AccessRequest, Decision, VerdictKind};
use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

/// Hears of permits, where they are given and handed in. Must not block.
pub trait PermitWitness: Send + Sync + 'static {
    /// One is given for that access; answers its number.
    fn given(&self, access: &AccessRequest, break_glass: bool) -> u64;

    /// The one of that number was handed in and taken.
    fn handed_in(&self, permit: u64);

    /// The defect that the policy is to have, in a build with debug assertions.
    fn planted(&self) -> Option<Defect> {
        None
    }
}

/// A defect of deciding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Defect {
    /// A permit is given out again for a like request, without a decision.
    PermitReused,
    /// A permit is taken without a look at what it rests on.
    PermitUnchecked,
    /// Decisions go on by the snapshot of an engine that died.
    SnapshotKept,
    /// Pages show patients who withdrew.
    WithdrawnShown,
}

/// What a policy keeps for its harness.
#[derive(Default)]
pub(super) struct Harness {
    witness: Option<Arc<dyn PermitWitness>>,
    reused: Mutex<Option<(AccessRequest, Decision, u64)>>,
    snapshot: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
}

impl Harness {
    pub(super) fn new(witness: Arc<dyn PermitWitness>) -> Self {
        Self {
            witness: Some(witness),
            ..Self::default()
        }
    }

    /// Whether that defect is planted.
    pub(super) fn has(&self, defect: Defect) -> bool {
        let planted = || self.witness.as_ref()?.planted();
        cfg!(debug_assertions) && planted() == Some(defect)
    }

    pub(super) fn shows_withdrawn(&self) -> bool {
        self.has(Defect::WithdrawnShown)
    }

    pub(super) fn given(&self, access: &AccessRequest, decision: &Decision) -> u64 {
        let Some(witness) = &self.witness else {
            return 0;
        };
        let glass = decision.verdict == VerdictKind::BreakGlass;
        let number = witness.given(access, glass);
        if self.has(Defect::PermitReused) {
            let mut reused = self.reused.lock().unwrap_or_else(PoisonError::into_inner);
            *reused = Some((access.clone(), decision.clone(), number));
        }
        number
    }

    pub(super) fn handed_in(&self, number: u64) {
        if let Some(witness) = &self.witness {
            witness.handed_in(number);
        }
    }

    /// The last permit once more, where that defect is planted and the request is like its own.
    pub(super) fn reused(&self, access: &AccessRequest, policy: &Policy) -> Option<Permit> {
        if !self.has(Defect::PermitReused) {
            return None;
        }
        let reused = self.reused.lock().unwrap_or_else(PoisonError::into_inner);
        let is_like = |last: &AccessRequest| {
            let of = |one: &AccessRequest| (one.action, one.kind, one.purpose);
            of(last) == of(access)
                && last.principal.id == access.principal.id
                && last.resource == access.resource
                && last.patient == access.patient
        };
        let last = reused.clone().filter(|(last, ..)| is_like(last));
        last.map(|(access, decision, number)| {
            let leave = Leave::new(policy.clone(), number, u64::MAX);
            Permit::new(access, decision, leave)
        })
    }

    /// Holds a snapshot beyond its engine, where that defect is planted.
    pub(super) fn keep(&self, snapshot: Arc<dyn Any + Send + Sync>) {
        if self.has(Defect::SnapshotKept) {
            let mut kept = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = Some(snapshot);
        }
    }
}
