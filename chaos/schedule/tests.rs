//! What is drawn from a seed.

use super::*;
use fastrand::Rng;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

const PATHS: [&str; 9] = [
    "plantao",
    "plantao/storage/pool",
    "plantao/trust/vault",
    "plantao/trust/consents",
    "plantao/trust/writer",
    "plantao/records/ward_board",
    "plantao/records/sessions",
    "plantao/records/sessions/*",
    "plantao/live/viewers/viewer-1",
];

fn all_drawn(seeds: u64) -> Vec<Fault> {
    let faults = (0..seeds).flat_map(|seed| Schedule::from_seed(seed, &PATHS).faults);
    faults.collect()
}

#[test]
fn every_kind_in_every_state_and_at_every_failpoint_is_drawn_sooner_or_later() {
    let faults = all_drawn(5_000);
    for kind in FaultKind::ALL {
        let states = LifeState::ALL.into_iter();
        for state in states.filter(|state| kind.strikes_in(*state)) {
            let is_drawn = |fault: &Fault| fault.kind == kind && fault.state == Some(state);
            assert!(faults.iter().any(is_drawn), "{kind} while {state}");
        }
        assert!(faults.iter().any(|fault| fault.kind == kind), "{kind}");
    }
    for name in FAILPOINTS {
        let is_drawn = |fault: &Fault| {
            fault.failpoint.as_deref() == Some(name) && fault.kind == FaultKind::Kill
        };
        assert!(faults.iter().any(is_drawn), "{name}");
    }
}

#[test]
fn the_places_that_children_reach_are_the_known_ones() {
    let places = REACHED_BY.map(|(place, _)| place);
    assert_eq!(places, FAILPOINTS);
}

#[test]
fn every_number_of_faults_is_drawn_from_none_to_six() {
    let counts: BTreeSet<usize> = (0..200)
        .map(|seed| Schedule::from_seed(seed, &PATHS).faults.len())
        .collect();
    assert_eq!(counts, (0..=FAULTS_MAX).collect());
}

#[test]
fn without_a_tree_only_what_strikes_no_actor_is_drawn() {
    for seed in 0..200 {
        let schedule = Schedule::from_seed(seed, &["", "a//b"]);
        assert!(schedule.faults.iter().all(|fault| !fault.kind.is_aimed()));
    }
}

#[test]
fn what_is_struck_while_it_restarts_is_brought_down_first() {
    for seed in 0..500 {
        let faults = Schedule::from_seed(seed, &PATHS).faults;
        let is_restarting = |fault: &&Fault| fault.state == Some(LifeState::Restarting);
        for fault in faults.iter().filter(is_restarting) {
            let is_nudge =
                |other: &Fault| other.kind == FaultKind::Kill && other.target == fault.target;
            assert!(faults.len() == FAULTS_MAX || faults.iter().any(is_nudge));
        }
    }
}

proptest! {
    #[test]
    fn a_schedule_is_its_seed_and_nothing_else(seed: u64) {
        let schedule = Schedule::from_seed(seed, &PATHS);
        let mut reversed = PATHS;
        reversed.reverse();
        prop_assert_eq!(&schedule, &Schedule::from_seed(seed, &reversed));
        prop_assert_eq!(schedule.seed, seed);
        prop_assert!(schedule.faults.len() <= FAULTS_MAX);
        prop_assert!(schedule.faults.is_sorted_by_key(|fault| fault.at));
        prop_assert!(schedule.faults.iter().all(|fault| fault.at <= Duration::from_secs(20)));
        prop_assert!(REQUESTS.contains(&schedule.requests));
    }

    /// An aim that makes no fault would end the drawing early, unseen.
    #[test]
    fn every_aim_makes_a_fault(seed: u64) {
        let mut rng = Rng::with_seed(seed);
        let children = children(&PATHS);
        prop_assert!(Aim::anywhere(&mut rng, &children).fault(&mut rng).is_some());
    }
}
