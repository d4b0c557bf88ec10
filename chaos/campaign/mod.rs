//! A campaign: schedules one after the other, each drawn towards what none before it has struck.
//!
//! A cell is a kind of fault, a child and a state of its life. Only what a run can hit is one:
//! kinds that are not injected yet are none, nor are messages to a child that is sent none, nor a
//! state in which that kind never finds that child. A cell that was aimed at many times in vain is
//! left in peace, so that it costs the others nothing, and is told with the rest of what is not
//! covered.

mod holes;
mod recipe;

use crate::sim::PATHS;
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
/// The ends of the paths of those that are sent messages. A test holds this and the next to what
/// runs strike.
const CALLED: [&str; 7] = [
    "/vault",
    "/instances/*",
    "/consents",
    "/log_ins",
    "/writer",
    "/ward_board",
    "/sessions/*",
];
/// Of those that are sent messages which may come twice.
const REPEATED: [&str; 2] = ["/ward_board", "/sessions/*"];
/// Of those that have something to finish when they are told to stop, beside those that are
/// called: others are gone before anybody sees them stopping.
const DRAINING: [&str; 2] = ["/front_door", "/viewers/*"];
/// Of those that no supervisor starts again.
const TEMPORARY: [&str; 2] = ["/topics/*", "/viewers/*"];
/// Of those of which no two have the same name.
const NEVER_TWICE: &str = "/viewers/*";
/// Cells that one schedule aims at: more at once hide each other.
const AIMS_MAX: usize = 3;
/// Faults of the blind schedule that are kept beside those that are aimed.
const BLIND_MAX: usize = 2;
/// One in so many schedules is blind: what nobody thought of is found by chance alone.
const BLIND_ONE_IN: u64 = 4;
/// One in so many aimed schedules topples a supervisor besides: cells are of workers alone.
const SUPERVISOR_ONE_IN: u64 = 3;
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
        let mut campaign = Self {
            coverage: Coverage::new(&PATHS),
            aims: BTreeMap::new(),
            requests,
            drawn: 0,
        };
        campaign.leave_out();
        campaign
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
        if rng.u64(..SUPERVISOR_ONE_IN) == 0 {
            schedule.faults.extend(recipe::of_a_supervisor(&mut rng));
        }
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
        // Who was not known before has cells too.
        self.leave_out();
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

    /// What cannot be hit is no cell, unless it was.
    fn leave_out(&mut self) {
        let mut never = self.coverage.uncovered();
        never.retain(|cell| !can_be_hit(cell));
        self.coverage = std::mem::take(&mut self.coverage).without(never);
    }

    fn is_given_up(&self, cell: &Cell) -> bool {
        let aims = self.aims.get(cell);
        aims.is_some_and(|aims| *aims >= AIMS_OF_A_CELL)
    }
}

/// Whether a run can hit that.
fn can_be_hit(cell: &Cell) -> bool {
    let Some(place) = &cell.place else {
        return true;
    };
    if !PATHS.contains(&place.child.as_str()) {
        return false;
    }
    let is_one_of = |ends: &[&str]| ends.iter().any(|end| place.child.ends_with(end));
    let is_called = is_one_of(&CALLED);
    match (cell.kind, place.state) {
        (FaultKind::Kill, LifeState::Stopping) => is_called || is_one_of(&DRAINING),
        (FaultKind::Kill, LifeState::Restarting) => !is_one_of(&TEMPORARY),
        (FaultKind::Kill, _) => true,
        (FaultKind::StartFailure | FaultKind::StartHang, LifeState::Starting) => true,
        (FaultKind::StartFailure | FaultKind::StartHang, _) => !is_one_of(&[NEVER_TWICE]),
        (FaultKind::Panic | FaultKind::Hang, state) => is_called && state == LifeState::Running,
        (FaultKind::Flood, state) => is_called && state == LifeState::Running,
        (FaultKind::Duplicate, state) => is_one_of(&REPEATED) && state == LifeState::Running,
        // Nobody is sent a message while it comes up again.
        (_, state) => is_called && state != LifeState::Restarting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Simulator;

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
        assert!(has(FaultKind::EntropyFailure, None));
        assert!(!has(FaultKind::Hang, Some(LifeState::Stopping)));
        assert!(!has(FaultKind::StartHang, Some(LifeState::Running)));
    }

    #[test]
    fn what_runs_strike_is_a_cell_and_who_is_never_sent_a_message_is_none() {
        let simulator = Simulator::new().unwrap();
        let mut campaign = Campaign::new(None);
        let mut struck = Coverage::new(&PATHS);
        for seed in 1..=120 {
            let outcome = simulator.play(&campaign.next(seed)).unwrap();
            campaign.learn(&outcome.struck);
            struck.merge(&outcome.struck);
        }
        let all = Coverage::new(&PATHS).uncovered().into_iter();
        let hit: Vec<Cell> = all.filter(|cell| struck.count(cell) > 0).collect();
        // A flood waits for no state, and meets any by chance.
        let beyond = hit.iter().filter(|cell| cell.kind != FaultKind::Flood);
        let beyond: Vec<&Cell> = beyond.filter(|cell| !can_be_hit(cell)).collect();
        assert!(beyond.is_empty(), "these are cells: {beyond:?}");
        for end in CALLED {
            let is_it = |cell: &&Cell| {
                let place = cell.place.as_ref();
                OF_MESSAGES.contains(&cell.kind)
                    && place.is_some_and(|place| {
                        place.child.ends_with(end) && place.state == LifeState::Running
                    })
            };
            assert!(
                hit.iter().any(|cell| is_it(&cell)),
                "{end} was sent no message"
            );
        }
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
        for seed in 1..=120 {
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
