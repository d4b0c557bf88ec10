//! From a schedule that fails to the least that still does.
//!
//! Faults are taken out by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating
//! Failure-Inducing Input", 2002), so that in the end each one left is needed; then counts, spans,
//! requests and viewers are made smaller. Every try is a run, so tries are limited.

use crate::fault::{Fault, FaultParts};
use crate::schedule::Schedule;
use std::time::Duration;

/// What is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The least that was found to fail; what was given, when nothing less does.
    pub schedule: Schedule,
    /// How many schedules were tried.
    pub tries: usize,
}

/// Looks for the least that `still_fails`, in at most `limit` tries. That `failing` itself fails is
/// taken for granted.
pub fn shrink(
    failing: &Schedule,
    mut still_fails: impl FnMut(&Schedule) -> bool,
    limit: usize,
) -> Shrunk {
    let mut search = Search {
        best: failing.clone(),
        still_fails: &mut still_fails,
        tries: 0,
        limit,
    };
    loop {
        let before = search.best.clone();
        search.take_faults_out();
        search.make_faults_smaller();
        search.make_load_smaller();
        if search.best == before {
            return Shrunk {
                schedule: search.best,
                tries: search.tries,
            };
        }
    }
}

struct Search<'a> {
    best: Schedule,
    still_fails: &'a mut dyn FnMut(&Schedule) -> bool,
    tries: usize,
    limit: usize,
}

impl Search<'_> {
    /// Whether a smaller one fails too, and then it is the best.
    fn accepts(&mut self, smaller: Schedule) -> bool {
        if self.tries >= self.limit {
            return false;
        }
        self.tries += 1;
        let fails = (self.still_fails)(&smaller);
        if fails {
            self.best = smaller;
        }
        fails
    }

    fn accepts_faults(&mut self, faults: Vec<Fault>) -> bool {
        let smaller = Schedule {
            faults,
            ..self.best.clone()
        };
        self.accepts(smaller)
    }

    fn take_faults_out(&mut self) {
        if self.best.faults.is_empty() || self.accepts_faults(Vec::new()) {
            return;
        }
        let mut parts = 2;
        while self.best.faults.len() >= 2 && self.tries < self.limit {
            let count = self.best.faults.len();
            parts = parts.min(count);
            let size = count.div_ceil(parts);
            if self.keeps_one_part(size) {
                parts = 2;
            } else if parts > 2 && self.drops_one_part(size) {
                parts -= 1;
            } else if parts == count {
                return;
            } else {
                parts *= 2;
            }
        }
    }

    fn keeps_one_part(&mut self, size: usize) -> bool {
        let faults = self.best.faults.clone();
        faults
            .chunks(size)
            .any(|part| self.accepts_faults(part.to_vec()))
    }

    fn drops_one_part(&mut self, size: usize) -> bool {
        let faults = self.best.faults.clone();
        (0..faults.len()).step_by(size).any(|start| {
            let is_outside = |index: usize| index < start || index >= start + size;
            let kept = faults.iter().enumerate();
            let kept = kept.filter(|(index, _)| is_outside(*index));
            self.accepts_faults(kept.map(|(_, fault)| fault.clone()).collect())
        })
    }

    fn make_faults_smaller(&mut self) {
        for index in 0..self.best.faults.len() {
            let Some(fault) = self.best.faults.get(index) else {
                return;
            };
            let count = u64::from(fault.count);
            let span_ms = u64::try_from(fault.span.as_millis()).unwrap_or(u64::MAX);
            self.lower(count, 1, |best, count| {
                let count = u32::try_from(count).ok()?;
                with_fault(best, index, |parts| parts.count = count)
            });
            self.lower(span_ms, 1, |best, span_ms| {
                let span = Duration::from_millis(span_ms);
                with_fault(best, index, |parts| parts.span = span)
            });
        }
    }

    fn make_load_smaller(&mut self) {
        self.lower(u64::from(self.best.requests), 0, |best, requests| {
            Some(Schedule {
                requests: u32::try_from(requests).ok()?,
                ..best.clone()
            })
        });
        self.lower(u64::from(self.best.viewers), 0, |best, viewers| {
            Some(Schedule {
                viewers: u32::try_from(viewers).ok()?,
                ..best.clone()
            })
        });
    }

    /// Finds a number as low as `floor` that fails, where `high` does and lower ones may not.
    fn lower(
        &mut self,
        mut high: u64,
        floor: u64,
        with: impl Fn(&Schedule, u64) -> Option<Schedule>,
    ) {
        let fails_with = |search: &mut Self, number| {
            let smaller = with(&search.best, number);
            smaller.is_some_and(|smaller| search.accepts(smaller))
        };
        if high <= floor || fails_with(self, floor) {
            return;
        }
        let mut low = floor;
        while high - low > 1 && self.tries < self.limit {
            let middle = low + (high - low) / 2;
            if fails_with(self, middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
    }
}

/// The schedule with one fault changed, if that makes a fault.
fn with_fault(
    schedule: &Schedule,
    index: usize,
    change: impl FnOnce(&mut FaultParts),
) -> Option<Schedule> {
    let mut changed = schedule.clone();
    let fault = changed.faults.get_mut(index)?;
    let mut parts = fault.clone().into_parts();
    change(&mut parts);
    *fault = Fault::new(parts).ok()?;
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;
    use proptest::prelude::*;

    const NO_LIMIT: usize = 100_000;

    fn hang(at_ms: u64, span_ms: u64, count: u32) -> Fault {
        let mut parts = FaultParts::new(Duration::from_millis(at_ms), FaultKind::Hang);
        parts.target = Some("plantao/trust/writer".parse().unwrap());
        parts.span = Duration::from_millis(span_ms);
        parts.count = count;
        Fault::new(parts).unwrap()
    }

    fn schedule(faults: Vec<Fault>) -> Schedule {
        Schedule {
            seed: 7,
            faults,
            requests: 100,
            viewers: 10,
        }
    }

    #[test]
    fn what_fails_without_any_fault_is_shrunk_to_nothing() {
        let shrunk = shrink(&schedule(vec![hang(1, 1, 1); 9]), |_| true, NO_LIMIT);
        let least = Schedule {
            requests: 0,
            viewers: 0,
            ..schedule(Vec::new())
        };
        assert_eq!(shrunk.schedule, least);
        assert!(shrunk.tries < 10);
    }

    #[test]
    fn numbers_are_lowered_to_the_least_that_fails() {
        let fails = |tried: &Schedule| {
            let hangs = tried.faults.iter();
            tried.requests >= 37
                && hangs
                    .filter(|fault| fault.span >= Duration::from_millis(250) && fault.count >= 3)
                    .count()
                    == 1
        };
        let shrunk = shrink(&schedule(vec![hang(5, 4000, 90)]), fails, NO_LIMIT);
        let least = Schedule {
            requests: 37,
            viewers: 0,
            ..schedule(vec![hang(5, 250, 3)])
        };
        assert_eq!(shrunk.schedule, least);
        assert!(shrunk.tries < 60, "{}", shrunk.tries);
    }

    #[test]
    fn no_more_is_tried_than_the_limit_and_the_best_so_far_is_told() {
        let failing = schedule((0..40).map(|at| hang(at, 500, 2)).collect());
        let mut tries = 0;
        let needed = hang(39, 500, 2);
        let oracle = |tried: &Schedule| {
            tries += 1;
            tried.faults.contains(&needed)
        };
        let shrunk = shrink(&failing, oracle, 5);
        assert_eq!((tries, shrunk.tries), (5, 5));
        assert!(shrunk.schedule.faults.contains(&needed));
        assert!(shrunk.schedule.faults.len() < 40);
        assert_eq!(shrink(&failing, |_| true, 0).schedule, failing);
    }

    proptest! {
        #[test]
        fn a_pair_that_is_needed_together_is_all_that_is_left(
            count in 2..40usize, one: prop::sample::Index, other: prop::sample::Index
        ) {
            let (one, other) = (one.index(count), other.index(count));
            prop_assume!(one != other);
            let at_ms = |index: usize| u64::try_from(index).unwrap();
            let failing = schedule((0..count).map(|at| hang(at_ms(at), 500, 2)).collect());
            let pair = [one.min(other), one.max(other)].map(|at| hang(at_ms(at), 500, 2));
            let fails = |tried: &Schedule| pair.iter().all(|fault| tried.faults.contains(fault));
            let shrunk = shrink(&failing, fails, NO_LIMIT);
            prop_assert_eq!(&shrunk.schedule.faults, &pair);
            prop_assert_eq!((shrunk.schedule.requests, shrunk.schedule.viewers), (0, 0));
        }
    }
}
