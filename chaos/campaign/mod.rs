//! A campaign: schedules one after the other, each drawn towards what none before it has struck.
//!
//! A cell is a kind of fault, a child and a state of its life. Only what a run can hit and show is
//! one: kinds that are not injected yet are none, nor are children that no run has; what meets
//! messages meets children that are up and are called, and what meets starts meets children that
//! start. A cell that was aimed at many times in vain is left in peace, so that it costs the others
//! nothing, and is told with the rest of what is not covered.

mod holes;
mod recipe;

use crate::sim::{NOT_YET, PATHS};
use crate::{Cell, Coverage, FaultKind, LifeState, Schedule};
use fastrand::Rng;
use std::collections::BTreeMap;

/// What meets a message, on its way or as it is handled.
const OF_MESSAGES: [FaultKind; 6] = [
    FaultKind::Panic,
    FaultKind::Hang,
    FaultKind::Delay,
    FaultKind::Drop,
    FaultKind::Duplicate,
    FaultKind::Flood,
];
/// The ends of the paths of those that runs call. A test holds them to it, and to the next two.
const CALLED: [&str; 5] = [
    "/consents",
    "/log_ins",
    "/writer",
    "/ward_board",
    "/sessions/*",
];
/// Of those that no run has: nobody looks at a live page in one.
const ABSENT: [&str; 2] = ["/topics/*", "/viewers/*"];
/// Of those that have something to finish when they are told to stop, beside those that are
/// called: others are gone before anybody sees them stopping.
const DRAINING: &str = "/front_door";
/// Of those that take messages which may come twice.
const REPEATABLE: [&str; 2] = ["/ward_board", "/sessions/*"];
/// Cells that one schedule aims at: more at once hide each other.
const AIMS_MAX: usize = 3;
/// Faults of the blind schedule that are kept beside those that are aimed.
const BLIND_MAX: usize = 2;
/// One in so many schedules is blind: what nobody thought of is found by chance alone.
const BLIND_ONE_IN: u64 = 4;
/// After so many aims a cell is aimed at no more.
const AIMS_OF_A_CELL: u32 = 25;
/// Once nothing is uncovered, what was struck less often than that is aimed at.
const STRIKES_WANTED: u64 = 10;

/// See the module.
#[derive(Clone, Debug)]
pub struct Campaign {
    coverage: Coverage,
    aims: BTreeMap<Cell, u32>,
    requests: Option<u32>,
    drawn: u64,
}

impl Campaign {
    /// Nothing was played yet. With `requests` each schedule sends so many, else as many as are
    /// drawn.
    #[must_use]
    pub fn new(requests: Option<u32>) -> Self {
        let all = Coverage::new(&PATHS);
        let never = all.uncovered().into_iter().filter(|cell| !can_be_hit(cell));
        Self {
            coverage: Coverage::new(&PATHS).without(never),
            aims: BTreeMap::new(),
            requests,
            drawn: 0,
        }
    }

    /// The next schedule. What it aims at rests on what was played before, so its seed alone does
    /// not give it again: kept as an experiment, it is played again as it is.
    pub fn next(&mut self, seed: u64) -> Schedule {
        let mut schedule = Schedule::from_seed(seed, &PATHS);
        if let Some(requests) = self.requests {
            schedule.requests = requests;
        }
        self.drawn += 1;
        let wanted = self.wanted();
        if self.drawn.is_multiple_of(BLIND_ONE_IN) || wanted.is_empty() {
            return schedule;
        }
        let mut rng = Rng::with_seed(seed);
        rng.shuffle(&mut schedule.faults);
        schedule.faults.truncate(rng.usize(..=BLIND_MAX));
        for _ in 0..rng.usize(1..=AIMS_MAX) {
            let Some(cell) = rng.choice(&wanted) else {
                break;
            };
            *self.aims.entry(cell.clone()).or_default() += 1;
            schedule.faults.extend(recipe::faults(cell, &mut rng));
        }
        schedule.faults.sort_by_key(|fault| fault.at);
        schedule
    }

    /// Takes in what a run struck.
    pub fn learn(&mut self, struck: &Coverage) {
        self.coverage.merge(struck);
    }

    /// What was struck.
    #[must_use]
    pub const fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What was not, a line for each child; nothing when all was.
    #[must_use]
    pub fn holes(&self) -> String {
        holes::text(&self.coverage.uncovered(), |cell| self.is_given_up(cell))
    }

    /// What is still worth an aim, in a fixed order: what was not struck, then what was seldom.
    fn wanted(&self) -> Vec<Cell> {
        let worth = |mut cells: Vec<Cell>| {
            cells.retain(|cell| !self.is_given_up(cell));
            cells
        };
        let uncovered = worth(self.coverage.uncovered());
        if uncovered.is_empty() {
            return worth(self.coverage.thinner_than(STRIKES_WANTED));
        }
        uncovered
    }

    fn is_given_up(&self, cell: &Cell) -> bool {
        let aims = self.aims.get(cell);
        aims.is_some_and(|aims| *aims >= AIMS_OF_A_CELL)
    }
}

/// Whether a run can hit that.
fn can_be_hit(cell: &Cell) -> bool {
    !NOT_YET.contains(&cell.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collapsed;
    use crate::history::What;
    use crate::sim::Simulator;
    use std::collections::BTreeSet;

    fn played(count: u64, requests: Option<u32>) -> (Campaign, Vec<Schedule>) {
        let simulator = Simulator::new().unwrap();
        let mut campaign = Campaign::new(requests);
        let schedules = (1..=count).map(|seed| {
            let schedule = campaign.next(seed);
            let outcome = simulator.play(&schedule).unwrap();
            assert!(outcome.held(), "{outcome}");
            campaign.learn(&outcome.struck);
            schedule
        });
        let schedules = schedules.collect();
        (campaign, schedules)
    }

    #[test]
    fn kinds_and_states_that_nothing_can_hit_are_no_cells() {
        let cells = Campaign::new(None).coverage.uncovered();
        let has = |kind, state| {
            let mut cells = cells.iter();
            cells.any(|cell: &Cell| {
                let place = cell.place.as_ref();
                cell.kind == kind && place.map(|place| place.state) == state
            })
        };
        assert!(has(FaultKind::Kill, Some(LifeState::Stopping)));
        assert!(has(FaultKind::NodeCrash, None));
        assert!(!has(FaultKind::EntropyFailure, None));
        assert!(!has(FaultKind::Drop, Some(LifeState::Starting)));
        assert!(!has(FaultKind::StartHang, Some(LifeState::Running)));
    }

    #[test]
    fn whom_runs_call_and_whom_they_never_have_is_as_it_is_told() {
        let simulator = Simulator::new().unwrap();
        let (mut called, mut there) = (BTreeSet::new(), BTreeSet::new());
        for seed in 1..=40 {
            let outcome = simulator.play(&Schedule::from_seed(seed, &PATHS)).unwrap();
            for event in outcome.history.events() {
                match &event.what {
                    What::CallBegan { actor, .. } => drop(called.insert(collapsed(actor))),
                    What::Lifecycle(told) => drop(there.insert(collapsed(&told.path))),
                    _ => {}
                }
            }
        }
        let ending = |ends: &[&str]| -> BTreeSet<String> {
            let is_one = |path: &&str| ends.iter().any(|end| path.ends_with(end));
            PATHS
                .into_iter()
                .filter(is_one)
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(called, ending(&CALLED));
        let absent = PATHS.into_iter().filter(|path| !there.contains(*path));
        let absent: BTreeSet<String> = absent.map(str::to_owned).collect();
        assert_eq!(absent, ending(&ABSENT));
    }

    #[test]
    fn the_same_seeds_after_the_same_runs_give_the_same_schedules() {
        let (one, first) = played(24, Some(20));
        let (other, second) = played(24, Some(20));
        assert_eq!(first, second);
        assert_eq!(one.coverage, other.coverage);
        assert!(first.iter().all(|schedule| schedule.requests == 20));
    }

    #[test]
    fn aiming_covers_more_than_chance_does_in_as_many_runs() {
        let simulator = Simulator::new().unwrap();
        let (aimed, _) = played(60, None);
        let mut blind = Campaign::new(None);
        for seed in 1..=60 {
            let schedule = Schedule::from_seed(seed, &PATHS);
            let outcome = simulator.play(&schedule).unwrap();
            blind.learn(&outcome.struck);
        }
        let left = |campaign: &Campaign| campaign.coverage.uncovered().len();
        assert!(
            left(&aimed) + 10 < left(&blind),
            "{} and {}",
            left(&aimed),
            left(&blind)
        );
    }

    #[test]
    fn a_cell_that_is_never_hit_is_given_up_and_still_told() {
        let mut campaign = Campaign::new(None);
        let cells = campaign.wanted();
        campaign.aims = cells
            .into_iter()
            .map(|cell| (cell, AIMS_OF_A_CELL))
            .collect();
        assert!(campaign.wanted().is_empty());
        assert_eq!(campaign.next(7), Schedule::from_seed(7, &PATHS));
        assert!(campaign.holes().contains("plantao/trust/writer"));
    }
}
