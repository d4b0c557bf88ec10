//! What must hold of a run, whatever was broken in it.

use std::fmt;
use std::str::FromStr;

/// One property of a history. The name is what experiment files, journals and reports call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Every entry whose receipt was given is in the trail, once.
    AuditDurable,
    /// Each chain numbers its entries without a gap, and every hash holds.
    AuditChained,
    /// Every opened entry is completed once, and says what became of the change.
    MutationCompleted,
    /// No answer with data left without a permit and a receipt before it.
    ReleaseProven,
    /// No permit served twice, after a change that revokes it was durable, or without an engine.
    PermitFresh,
    /// Restarts never exceed a supervisor's intensity, and it gives up at once when they would.
    IntensityObeyed,
    /// Only the children that the strategy names went down with a failed one.
    BlastContained,
    /// Nothing of a life is left once its supervisor has ended.
    NoOrphan,
    /// Two incarnations of one child never lived at once.
    NoOverlap,
    /// Children started in their order and stopped in its reverse.
    OrderKept,
    /// Every call ended by its deadline, with an answer or a typed error.
    CallsEnd,
    /// No more messages were in flight than a handle lets in.
    QueuesBounded,
    /// An acknowledged change is there to be read.
    WriteDurable,
    /// Once nothing is broken any more, the system serves again in time.
    Recovers,
}

/// A name that is no invariant's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant `{name}` is not known; there are {known}", known = Invariant::names())]
pub struct UnknownInvariant {
    /// The name.
    pub name: String,
}

impl Invariant {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 14] = [
        Self::AuditDurable,
        Self::AuditChained,
        Self::MutationCompleted,
        Self::ReleaseProven,
        Self::PermitFresh,
        Self::IntensityObeyed,
        Self::BlastContained,
        Self::NoOrphan,
        Self::NoOverlap,
        Self::OrderKept,
        Self::CallsEnd,
        Self::QueuesBounded,
        Self::WriteDurable,
        Self::Recovers,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuditDurable => "audit_durable",
            Self::AuditChained => "audit_chained",
            Self::MutationCompleted => "mutation_completed",
            Self::ReleaseProven => "release_proven",
            Self::PermitFresh => "permit_fresh",
            Self::IntensityObeyed => "intensity_obeyed",
            Self::BlastContained => "blast_contained",
            Self::NoOrphan => "no_orphan",
            Self::NoOverlap => "no_overlap",
            Self::OrderKept => "order_kept",
            Self::CallsEnd => "calls_end",
            Self::QueuesBounded => "queues_bounded",
            Self::WriteDurable => "write_durable",
            Self::Recovers => "recovers",
        }
    }

    fn names() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|one| one.name()).collect();
        names.join(", ")
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Invariant {
    type Err = UnknownInvariant;

    fn from_str(name: &str) -> Result<Self, UnknownInvariant> {
        let known = Self::ALL.into_iter().find(|one| one.name() == name);
        known.ok_or_else(|| UnknownInvariant {
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name_and_a_strange_name_is_told_the_known_ones() {
        for one in Invariant::ALL {
            assert_eq!(one.name().parse(), Ok(one));
        }
        let error = "intensity".parse::<Invariant>().unwrap_err().to_string();
        assert!(error.contains("`intensity`") && error.contains("intensity_obeyed"));
    }
}
