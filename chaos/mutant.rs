//! Defects planted on purpose, to show that each is caught and by what.
//!
//! They live in the twins, behind a value that only a run with a mutant sets: nothing of the
//! product can be switched to any of them. Not planted yet are defects of supervision itself
//! (order, waiting for the old task, counting); those are caught by the supervisors' own tests.

use crate::Invariant;
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
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 11] = [
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
            Self::RightNeverReturned | Self::OutageForEver => Invariant::Recovers,
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
