//! An experiment: one schedule with a title, and what must hold while it plays.
//!
//! Experiments are files that people write, exchange and keep beside the code, so they are read
//! strictly: whatever is not known is refused by the name of its field. One that failed becomes a
//! test that plays it for ever.
//!
//! ```toml
//! version = 1
//! title = "the audit writer dies between two commits"
//! title_pt = "o escritor de auditoria morre entre duas gravações"
//! seed = 7
//! requests = 40
//! viewers = 2
//! invariants = ["audit_durable", "recovers"]
//!
//! [[fault]]
//! at_ms = 1200
//! kind = "kill"
//! target = "plantao/trust/writer"
//! state = "running"
//! failpoint = "audit.commit"
//! ```

mod error;
mod read;
mod write;

pub use error::ExperimentError;

use crate::invariant::Invariant;
use crate::schedule::Schedule;
use crate::selector::Selector;
use std::collections::BTreeSet;

/// The version of the format that is read and written.
const VERSION: i64 = 1;
/// Most faults of one experiment.
const FAULTS_MAX: usize = 1_000;
/// Most requests: beyond it a run takes minutes.
const REQUESTS_MAX: u32 = 1_000_000;
/// Most viewers: the tree has room for no more.
const VIEWERS_MAX: u32 = 100_000;

/// A schedule with a title and the invariants that are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    /// What it is about, in English.
    pub title: String,
    /// The same in Portuguese.
    pub title_pt: Option<String>,
    /// What is done. Faults that a file does not give in order of time are read in it.
    pub schedule: Schedule,
    /// What must hold.
    pub invariants: BTreeSet<Invariant>,
}

impl Experiment {
    /// An experiment of which every invariant must hold.
    pub fn new(title: impl Into<String>, schedule: Schedule) -> Self {
        Self {
            title: title.into(),
            title_pt: None,
            schedule,
            invariants: Invariant::ALL.into_iter().collect(),
        }
    }

    /// Checks that each target names an actor of a tree with these paths, in which `*` stands for
    /// children that come and go, or a supervisor of one.
    ///
    /// # Errors
    /// [`ExperimentError::TargetNowhere`] naming the first that does not.
    pub fn check_targets(&self, paths: &[&str]) -> Result<(), ExperimentError> {
        for (index, fault) in self.schedule.faults.iter().enumerate() {
            let Some(target) = &fault.target else {
                continue;
            };
            let is_there = |path: &&str| above(path).any(|path| names_some(target, path));
            if !paths.iter().any(is_there) {
                return Err(ExperimentError::TargetNowhere {
                    fault: index + 1,
                    target: target.to_string(),
                });
            }
        }
        Ok(())
    }
}

/// A path, and those of the supervisors above it.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| Some(path.rsplit_once('/')?.0))
}

/// Whether the selector names an actor at `path`, whatever stands in place of its `*`.
fn names_some(selector: &Selector, path: &str) -> bool {
    let text = selector.of_any_kind().to_string();
    let mut named = text.split('/');
    let filled: Vec<&str> = path
        .split('/')
        .map(|name| match (name, named.next()) {
            ("*", Some(segment)) => segment,
            (name, _) => name,
        })
        .collect();
    selector.matches(&filled.join("/"))
}

#[cfg(test)]
mod tests;
