//! Gathers a report while schedules are played, within bounds: a night of runs fits in memory and
//! on a page.

use super::{LeftOut, Report, ScheduleResult};
use crate::invariant::Invariant;
use crate::sim::Outcome;
use std::collections::BTreeSet;

/// Most failing schedules whose history is kept: as many as the page draws.
const HISTORIES_MAX: usize = super::page::SCHEDULES_MAX;
/// Most failing schedules that are kept with every violation; of later ones the first of each
/// invariant says enough.
const WHOLE_MAX: usize = 200;
/// Most schedules that held which are listed one by one; more are counted.
const HELD_MAX: usize = 10_000;

/// See the module.
#[derive(Debug)]
pub struct Collector {
    report: Report,
    failing: usize,
    held: usize,
}

impl Collector {
    /// Nothing was played yet. `title` is the command that plays.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            report: Report {
                title: title.into(),
                invariants: Invariant::ALL.into(),
                ..Report::default()
            },
            failing: 0,
            held: 0,
        }
    }

    /// Says what alone is judged.
    #[must_use]
    pub fn judging(mut self, invariants: impl IntoIterator<Item = Invariant>) -> Self {
        self.report.invariants = invariants.into_iter().collect();
        self
    }

    /// Takes in a run, which the command `again` plays again. Of those that held, the first keeps
    /// its history, so that the page has a day to show.
    pub fn take(&mut self, outcome: &Outcome, again: String) {
        let report = &mut self.report;
        let seed = outcome.schedule.seed;
        let is_first = self.failing + self.held == 0;
        report.seeds = if is_first {
            (seed, seed)
        } else {
            (report.seeds.0, seed)
        };
        report.sometimes.merge(&outcome.sometimes);
        if outcome.held() {
            self.held += 1;
            if self.held > HELD_MAX {
                report.left_out.add(outcome);
            } else {
                let kept = ScheduleResult::of(outcome, again, self.held == 1);
                report.schedules.push(kept);
            }
            return;
        }
        self.failing += 1;
        let is_drawn = self.failing <= HISTORIES_MAX;
        let mut kept = ScheduleResult::of(outcome, again, is_drawn);
        if self.failing > WHOLE_MAX {
            let mut seen = BTreeSet::new();
            kept.violations.retain(|one| seen.insert(one.invariant));
        }
        report.schedules.push(kept);
    }

    /// The report, with what was struck as a table of text.
    #[must_use]
    pub fn finish(mut self, coverage: String) -> Report {
        self.report.coverage = coverage;
        self.report
    }
}

impl LeftOut {
    fn add(&mut self, outcome: &Outcome) {
        let whole = |count| u64::try_from(count).unwrap_or(u64::MAX);
        self.schedules += 1;
        self.faults += whole(outcome.schedule.faults.len());
        self.virtual_ms += u64::try_from(outcome.lasted.as_millis()).unwrap_or(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::{Sometimes, Violation};
    use crate::history::{History, What};
    use crate::{Coverage, Rare, Schedule};
    use std::time::Duration;

    fn outcome(seed: u64, violations: usize) -> Outcome {
        let mut sometimes = Sometimes::default();
        sometimes.mark(Rare::LostReply);
        let violation = Violation {
            invariant: Invariant::Recovers,
            at: Duration::ZERO,
            seq: 1,
            what: "it did not".to_owned(),
        };
        Outcome {
            schedule: Schedule {
                seed,
                faults: Vec::new(),
                requests: 1,
                viewers: 0,
            },
            hash: String::new(),
            violations: vec![violation; violations],
            history: History::from_iter([(Duration::ZERO, What::FaultsOver)]),
            served: 1,
            sometimes,
            struck: Coverage::default(),
            lasted: Duration::from_secs(30),
        }
    }

    fn collected(outcomes: impl IntoIterator<Item = Outcome>) -> Report {
        let mut collector = Collector::new("sim");
        for outcome in outcomes {
            collector.take(&outcome, "again".to_owned());
        }
        collector.finish(String::new())
    }

    #[test]
    fn of_thousands_that_held_only_the_first_keeps_its_history_and_the_last_are_counted() {
        let many = u64::try_from(HELD_MAX).unwrap() + 5;
        let report = collected((1..=many).map(|seed| outcome(seed, 0)));
        let kept = report.schedules.iter().filter(|one| one.history.is_some());
        assert_eq!(kept.count(), 1);
        assert_eq!(report.schedules.len(), HELD_MAX);
        assert_eq!(
            (report.left_out.schedules, report.left_out.virtual_ms),
            (5, 150_000)
        );
        assert_eq!(report.seeds, (1, many));
        assert_eq!(report.sometimes.count(Rare::LostReply), many);
    }

    #[test]
    fn every_failing_schedule_is_listed_and_the_first_ones_with_all_there_is() {
        let report = collected((0..300).map(|seed| outcome(seed, 3)));
        assert_eq!(report.failing().count(), 300);
        let histories = report.schedules.iter().filter(|one| one.history.is_some());
        assert_eq!(histories.count(), HISTORIES_MAX);
        let (first, last) = (&report.schedules[0], &report.schedules[299]);
        assert_eq!((first.violations.len(), last.violations.len()), (3, 1));
    }
}
