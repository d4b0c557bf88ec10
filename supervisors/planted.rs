//! Defects that a harness plants in a tree, to show that it would notice them.
//!
//! Only [`FaultHook::planted`](crate::FaultHook) plants one, in one tree, and only where debug
//! assertions are compiled in: a release has none of them.

/// A defect of supervision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Planted {
    /// One restart more than the intensity allows.
    IntensityOffByOne,
    /// An exit takes all siblings along, whatever the strategy says.
    StrategyTooWide,
    /// An exit takes no sibling along, whatever the strategy says.
    StrategyTooNarrow,
    /// Children that failed stay down.
    StaysDown,
    /// Fixed children are stopped in the order in which they were started.
    StopsForward,
    /// Who is killed counts as ended at once, and is started again beside itself.
    KillUnawaited,
    /// A supervisor leaves, and is told to have ended, before its children.
    ChildrenLeft,
    /// Handles let in whatever comes.
    LimitForgotten,
    /// Calls wait for their answer whatever their deadline.
    DeadlineForgotten,
}

/// What is planted: nothing, in a release.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Soil(Option<Planted>);

impl Soil {
    pub(crate) fn new(planted: Option<Planted>) -> Self {
        Self(planted.filter(|_| cfg!(debug_assertions)))
    }

    /// Whether it is this defect.
    pub(crate) fn has(self, planted: Planted) -> bool {
        cfg!(debug_assertions) && self.0 == Some(planted)
    }
}
