//! Why a text is no experiment, by the field that whoever wrote it has to change.

use super::{FAULTS_MAX, VERSION};
use crate::fault::{FaultError, UnknownFault, UnknownState};
use crate::invariant::UnknownInvariant;
use crate::selector::SelectorError;

/// An experiment that is refused. Faults are counted from 1, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExperimentError {
    /// No TOML, a field that nothing reads, one that is missing, or a value of another type.
    #[error("line {line}: {reason}")]
    Unreadable {
        /// Where, from 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// Another version of the format.
    #[error("`version` `{found}` is not known; this reads version {VERSION}")]
    Version {
        /// The version.
        found: i64,
    },
    /// More faults than an experiment may have.
    #[error("`fault` is given {found} times; at most {FAULTS_MAX} are read")]
    TooManyFaults {
        /// How many there are.
        found: usize,
    },
    /// More load than a run carries.
    #[error("`{field}` `{found}` is more than {max}")]
    TooMuchLoad {
        /// `requests` or `viewers`.
        field: &'static str,
        /// How much.
        found: u32,
        /// The most there may be.
        max: u32,
    },
    /// A kind of fault that is not known.
    #[error("fault {fault}, `kind`: {why}")]
    Kind {
        /// Which fault.
        fault: usize,
        /// What is wrong.
        why: UnknownFault,
    },
    /// A target that is no selector.
    #[error("fault {fault}, `target`: {why}")]
    Target {
        /// Which fault.
        fault: usize,
        /// What is wrong.
        why: SelectorError,
    },
    /// A state that is not known.
    #[error("fault {fault}, `state`: {why}")]
    State {
        /// Which fault.
        fault: usize,
        /// What is wrong.
        why: UnknownState,
    },
    /// Fields that make no fault together.
    #[error("fault {fault}: {why}")]
    Fault {
        /// Which fault.
        fault: usize,
        /// What is wrong.
        why: FaultError,
    },
    /// An invariant that is not known.
    #[error("`invariants`: {why}")]
    Invariant {
        /// What is wrong.
        why: UnknownInvariant,
    },
    /// Nothing is to hold, so nothing could fail.
    #[error("`invariants` is empty: leave it out to check all")]
    NothingChecked,
    /// A target that names no actor of the tree.
    #[error("fault {fault}, `target`: `{target}` names no actor of this tree")]
    TargetNowhere {
        /// Which fault, in order of time.
        fault: usize,
        /// The target.
        target: String,
    },
}
