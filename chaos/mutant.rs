//! Defects planted on purpose, to show that each is caught and by what.
//!
//! Each is behind a value that only a run with a mutant sets. Those of stores are in the twins;
//! those of supervision and of deciding are in the code itself, in builds with debug assertions
//! alone, so that no release has them whoever asks.

use crate::Invariant;
use plantao_actors::policy::Defect;
use plantao_supervisors::Planted;
use std::fmt;

/// One planted defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// An entry is acknowledged and not kept.
    AcknowledgedBeforeCommit,
    /// The completion of a change is acknowledged and not kept.
    CompletionLost,
    /// Entries are kept without their place in the chain being looked at.
    ChainForked,
    /// A retried entry is kept again under another key.
    RetryDuplicates,
    /// A change records another outcome of itself than it had.
    OutcomeTwisted,
    /// A withdrawal is kept and never shown to decisions.
    RevocationUnseen,
    /// After a restart no withdrawal is read back.
    RevocationsForgotten,
    /// A write is acknowledged and not kept.
    WriteLost,
    /// An older body is put back in the place of a newer.
    WriteUndone,
    /// The dead writer's right to the chains is never given back.
    RightNeverReturned,
    /// The store stays out once it was.
    OutageForEver,
    /// One of supervision.
    Supervision(Planted),
    /// One of deciding.
    Policy(Defect),
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::AcknowledgedBeforeCommit,
        Self::CompletionLost,
        Self::ChainForked,
        Self::RetryDuplicates,
        Self::OutcomeTwisted,
        Self::RevocationUnseen,
        Self::RevocationsForgotten,
        Self::WriteLost,
        Self::WriteUndone,
        Self::RightNeverReturned,
        Self::OutageForEver,
        Self::Supervision(Planted::IntensityOffByOne),
        Self::Supervision(Planted::StrategyTooWide),
        Self::Supervision(Planted::StrategyTooNarrow),
        Self::Supervision(Planted::StaysDown),
        Self::Supervision(Planted::StopsForward),
        Self::Supervision(Planted::KillUnawaited),
        Self::Supervision(Planted::ChildrenLeft),
        Self::Supervision(Planted::LimitForgotten),
        Self::Supervision(Planted::DeadlineForgotten),
        Self::Policy(Defect::PermitReused),
        Self::Policy(Defect::PermitUnchecked),
        Self::Policy(Defect::SnapshotKept),
        Self::Policy(Defect::WithdrawnShown),
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AcknowledgedBeforeCommit => "acknowledged_before_commit",
            Self::CompletionLost => "completion_lost",
            Self::ChainForked => "chain_forked",
            Self::RetryDuplicates => "retry_duplicates",
            Self::OutcomeTwisted => "outcome_twisted",
            Self::RevocationUnseen => "revocation_unseen",
            Self::RevocationsForgotten => "revocations_forgotten",
            Self::WriteLost => "write_lost",
            Self::WriteUndone => "write_undone",
            Self::RightNeverReturned => "right_never_returned",
            Self::OutageForEver => "outage_for_ever",
            Self::Supervision(Planted::IntensityOffByOne) => "intensity_off_by_one",
            Self::Supervision(Planted::StrategyTooWide) => "strategy_too_wide",
            Self::Supervision(Planted::StrategyTooNarrow) => "strategy_too_narrow",
            Self::Supervision(Planted::StaysDown) => "stays_down",
            Self::Supervision(Planted::StopsForward) => "stops_forward",
            Self::Supervision(Planted::KillUnawaited) => "kill_unawaited",
            Self::Supervision(Planted::ChildrenLeft) => "children_left",
            Self::Supervision(Planted::LimitForgotten) => "limit_forgotten",
            Self::Supervision(Planted::DeadlineForgotten) => "deadline_forgotten",
            Self::Policy(Defect::PermitReused) => "permit_reused",
            Self::Policy(Defect::PermitUnchecked) => "permit_unchecked",
            Self::Policy(Defect::SnapshotKept) => "snapshot_kept",
            Self::Policy(Defect::WithdrawnShown) => "withdrawn_shown",
        }
    }

    /// What has to catch it.
    #[must_use]
    pub const fn breaks(self) -> Invariant {
        match self {
            Self::AcknowledgedBeforeCommit | Self::RetryDuplicates => Invariant::AuditDurable,
            Self::ChainForked => Invariant::AuditChained,
            Self::CompletionLost | Self::OutcomeTwisted => Invariant::MutationCompleted,
            Self::RevocationUnseen | Self::RevocationsForgotten => Invariant::PermitFresh,
            Self::WriteLost | Self::WriteUndone => Invariant::WriteDurable,
            Self::RightNeverReturned
            | Self::OutageForEver
            | Self::Supervision(Planted::StaysDown) => Invariant::Recovers,
            Self::Supervision(Planted::IntensityOffByOne) => Invariant::IntensityObeyed,
            Self::Supervision(Planted::StrategyTooWide | Planted::StrategyTooNarrow) => {
                Invariant::BlastContained
            }
            Self::Supervision(Planted::StopsForward) => Invariant::OrderKept,
            Self::Supervision(Planted::KillUnawaited) => Invariant::NoOverlap,
            Self::Supervision(Planted::ChildrenLeft) => Invariant::NoOrphan,
            Self::Supervision(Planted::LimitForgotten) => Invariant::QueuesBounded,
            Self::Supervision(Planted::DeadlineForgotten) => Invariant::CallsEnd,
            Self::Policy(Defect::WithdrawnShown) => Invariant::ReleaseProven,
            Self::Policy(_) => Invariant::PermitFresh,
        }
    }

    /// Whether this build can have it.
    #[must_use]
    pub const fn is_built(self) -> bool {
        let is_in_the_code = matches!(self, Self::Supervision(_) | Self::Policy(_));
        !is_in_the_code || cfg!(debug_assertions)
    }

    /// The defect of supervision that it is.
    #[must_use]
    pub const fn of_supervision(self) -> Option<Planted> {
        match self {
            Self::Supervision(planted) => Some(planted),
            _ => None,
        }
    }

    /// The defect of deciding that it is.
    #[must_use]
    pub const fn of_policy(self) -> Option<Defect> {
        match self {
            Self::Policy(defect) => Some(defect),
            _ => None,
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
