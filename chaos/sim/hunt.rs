//! The search for a schedule that shows a planted defect.
//!
//! It is a campaign: each schedule aims at what the ones before did not hit, so that a defect which
//! needs one actor to be hit in one state is met before long.

use super::{Outcome, SimError, Simulator};
use crate::{Campaign, Mutant};

/// What a hunt came to.
#[derive(Clone, Debug)]
pub struct Caught {
    /// The first run in which the invariant did not hold that the defect breaks.
    pub outcome: Outcome,
    /// How many schedules that took.
    pub schedules: u64,
}

/// Plays at most `limit` schedules, from seed `first` on, or until `is_over`; nothing when none
/// shows the defect.
///
/// # Errors
/// [`SimError`] when a node could not be put together.
pub fn hunt(
    mutant: Mutant,
    (first, limit): (u64, u64),
    is_over: impl Fn() -> bool,
) -> Result<Option<Caught>, SimError> {
    let simulator = Simulator::new()?.with(Some(mutant));
    let mut campaign = Campaign::new(None);
    for number in 0..limit {
        if is_over() {
            break;
        }
        let schedule = campaign.next(first.wrapping_add(number));
        let outcome = simulator.play(&schedule)?;
        campaign.learn(&outcome.struck);
        let mut violations = outcome.violations.iter();
        if violations.any(|one| one.invariant == mutant.breaks()) {
            let schedules = number + 1;
            return Ok(Some(Caught { outcome, schedules }));
        }
    }
    Ok(None)
}
