//! The chaos harness: what may be broken on purpose in the supervision tree, and how it is named.
//!
//! This rung stands above the runtime and is used by nothing below it. It holds the language of
//! faults ([`Fault`], [`Schedule`], [`Experiment`]), what must hold ([`Invariant`]), the simulator
//! ([`sim`]), which plays schedules on the real tree with a paused clock, and the [`Campaign`],
//! which draws them towards what was not struck yet. Faults in a running hospital are injected by
//! its own admin socket (`plantao kill PATH`).

mod campaign;
mod checkers;
pub mod cli;
mod coverage;
mod experiment;
mod fault;
pub mod history;
mod invariant;
mod mutant;
mod report;
mod schedule;
mod seed_file;
mod selector;
mod shrink;
pub mod sim;
mod twin;

pub use campaign::Campaign;
pub use checkers::{
    Arrangement, ChildPlan, Rare, Sometimes, SupervisorPlan, Tree, VIOLATIONS_MAX, Violation,
    check, check_all,
};
pub use coverage::{Cell, Coverage, Place, collapsed};
pub use experiment::{Experiment, ExperimentError};
pub use fault::{
    FAILPOINTS, Fault, FaultError, FaultKind, FaultParts, LifeState, UnknownFault, UnknownState,
};
pub use history::History;
pub use invariant::{Invariant, UnknownInvariant};
pub use mutant::Mutant;
pub use report::{Collector, JOURNAL_VERSION, LeftOut, Report, ReportError, ScheduleResult};
pub use schedule::Schedule;
pub use seed_file::{SeedFile, SeedFileError};
pub use selector::{ActorKind, Selector, SelectorError};
pub use shrink::{Shrunk, shrink};
