//! The search for a schedule that shows a planted defect.
//!
//! Schedules are biased toward what the ones before did not hit, so that a defect which needs one
//! actor to be hit in one state is met before long.

use super::{Outcome, PATHS, SimError, Simulator};
use crate::coverage::Coverage;
use crate::{Mutant, Schedule};

/// What a hunt came to.
#[derive(Clone, Debug)]
pub struct Caught {
    /// The first run in which the invariant did not hold that the defect breaks.
    pub outcome: Outcome,
    /// How many schedules that took.
    pub schedules: u64,
}

/// Plays at most `limit` schedules, from seed `first` on; nothing when none shows the defect.
///
/// # Errors
/// [`SimError`] when a node could not be put together.
pub fn hunt(mutant: Mutant, first: u64, limit: u64) -> Result<Option<Caught>, SimError> {
    let simulator = Simulator::new()?.with(Some(mutant));
    let mut struck = Coverage::new(&PATHS);
    for number in 0..limit {
        let schedule = Schedule::biased(first.wrapping_add(number), &PATHS, &struck);
        let outcome = simulator.play(&schedule)?;
        struck.merge(&outcome.struck);
        let mut violations = outcome.violations.iter();
        if violations.any(|one| one.invariant == mutant.breaks()) {
            let schedules = number + 1;
            return Ok(Some(Caught { outcome, schedules }));
        }
    }
    Ok(None)
}
