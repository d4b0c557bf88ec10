//! What a report keeps of a run: the one place that knows what runs answer.

use super::ScheduleResult;
use crate::sim::Outcome;

impl ScheduleResult {
    /// A run as a report tells it; `again` is the command that plays it again. Its history, from
    /// which the timeline is drawn, is kept on demand: thousands of them fill a machine.
    #[must_use]
    pub fn of(outcome: &Outcome, again: String, is_history_kept: bool) -> Self {
        Self {
            seed: outcome.schedule.seed,
            hash: outcome.hash.clone(),
            violations: outcome.violations.clone(),
            faults: outcome
                .schedule
                .faults
                .iter()
                .map(ToString::to_string)
                .collect(),
            virtual_ms: u64::try_from(outcome.lasted.as_millis()).unwrap_or(u64::MAX),
            again,
            history: is_history_kept.then(|| outcome.history.clone()),
        }
    }
}
