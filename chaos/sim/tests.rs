//! Runs of the whole simulator.

use super::Recorder;
use super::client::{self, Answered, Asked};
use super::{Outcome, Simulator, UNREACHABLE, hunt, play_text};
use super::{hook::Hook, node::Site};
use crate::sim::PATHS;
use crate::{Experiment, Mutant, Rare, Schedule, Sometimes};
use http::Method;
use plantao_supervisors::{NodeKind, Snapshot};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

fn schedule(seed: u64) -> Schedule {
    Schedule::from_seed(seed, &PATHS)
}

#[test]
fn three_hundred_schedules_hold() {
    let simulator = Simulator::new().unwrap();
    let (mut served, mut sometimes) = (0, Sometimes::default());
    for seed in 1..=300 {
        let outcome = simulator.play(&schedule(seed)).unwrap();
        assert!(outcome.held(), "{outcome}");
        served += outcome.served;
        sometimes.merge(&outcome.sometimes);
    }
    assert!(served > 10_000, "{served} requests were served");
    // Rare states that a run of so many must reach, or it proves less than it says.
    assert_eq!(sometimes.never(), UNREACHABLE);
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_another() {
    let play = |seed| {
        // Other keys each time: they are no part of a trace.
        let outcome = Simulator::new().unwrap().play(&schedule(seed));
        outcome.unwrap().hash
    };
    for seed in [3, 7, 0x33b] {
        let first = play(seed);
        assert!((0..5).all(|_| play(seed) == first), "seed {seed}");
    }
    assert_ne!(play(3), play(7));
}

#[test]
fn every_planted_defect_is_caught_by_what_it_breaks() {
    for mutant in Mutant::ALL {
        let caught = hunt(mutant, (1, 600), || false).unwrap();
        assert!(caught.is_some(), "{mutant}");
    }
}

#[test]
fn an_experiment_file_plays_as_its_schedule_does() {
    let schedule = schedule(11);
    let text = Experiment::new("eleven", schedule.clone()).to_toml();
    let played = play_text(&text).unwrap();
    let again = Simulator::new().unwrap().play(&schedule).unwrap();
    assert_eq!(played.hash, again.hash);
}

#[test]
fn a_request_for_which_nothing_can_be_drawn_is_refused_and_served_once_it_can() {
    let head = "version = 1\ntitle = \"x\"\nseed = 5\nrequests = 200\nviewers = 0\n";
    let fault = "[[fault]]\nat_ms = 4000\nkind = \"entropy_failure\"\ncount = 100000\n";
    let whole = play_text(head).unwrap();
    let dry = play_text(&format!("{head}{fault}")).unwrap();
    assert!(whole.held() && dry.held(), "{dry}");
    let told = |outcome: &Outcome| outcome.sometimes.count(Rare::UnavailableTold);
    let refused = told(&dry) > told(&whole) + 10;
    assert!(refused && dry.served < whole.served, "{}", dry.history);
    // And nobody fell over it: guests trap on any day.
    let text = dry.history.to_string();
    let fell = |line: &&str| line.contains(" restarting") && !line.contains("/instances/");
    assert!(!text.lines().any(|line| fell(&line)), "{text}");
}

/// What the node says to a stranger: its answer names the request.
async fn refusal(seed: u64) -> Answered {
    let simulator = Simulator::new().unwrap();
    let (config, signing) = (simulator.config.clone(), simulator.signing.clone());
    let site = Site::new(config, signing, Recorder::default(), (seed, None));
    let node = site.start(Arc::new(Hook::default())).await.unwrap();
    let asked = Asked {
        method: Method::GET,
        path: "/v1/wards/uti".into(),
        content_type: "application/json",
        ..Asked::default()
    };
    let here = "127.0.0.1:40000".parse().unwrap();
    let answered = client::ask(&site.lane, here, asked).await;
    node.tree.shutdown().await;
    answered
}

#[tokio::test(start_paused = true)]
async fn one_seed_draws_the_same_identifiers_and_another_others() {
    let first = refusal(1).await;
    assert!(matches!(&first, Answered::Whole(401, None, body) if !body.is_empty()));
    assert_eq!(refusal(1).await, first);
    assert_ne!(refusal(2).await, first);
}

#[test]
fn an_experiment_that_is_none_says_which_part_is_not_known() {
    let text = "version = 1\ntitle = \"x\"\nseed = 1\nrequests = 9\nviewers = 0\n\
        [[fault]]\nat_ms = 5\nkind = \"meteor\"\n";
    let error = play_text(text).unwrap_err().to_string();
    assert!(error.contains("`meteor`"), "{error}");
}

/// Every worker of a tree, and `*` below what starts others as they are needed.
fn workers(node: &Snapshot, into: &mut BTreeSet<String>) {
    match node.kind {
        NodeKind::Worker => drop(into.insert(node.path.clone())),
        NodeKind::Dynamic => drop(into.insert(format!("{}/*", node.path))),
        NodeKind::Supervisor => node.children.iter().for_each(|child| workers(child, into)),
    }
}

#[tokio::test(start_paused = true)]
async fn faults_are_aimed_at_every_worker_of_the_tree_and_at_nobody_else() {
    let simulator = Simulator::new().unwrap();
    let (config, signing) = (simulator.config.clone(), simulator.signing.clone());
    let site = Site::new(config, signing, Recorder::default(), (1, None));
    let node = site.start(Arc::new(Hook::default())).await.unwrap();
    let mut there = BTreeSet::new();
    workers(&node.tree.snapshot(), &mut there);
    assert_eq!(there, PATHS.map(str::to_owned).into());
    node.tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_up_again_goes_on_with_the_time_of_the_one_before() {
    let simulator = Simulator::new().unwrap();
    let (config, signing) = (simulator.config.clone(), simulator.signing.clone());
    let site = Site::new(config, signing, Recorder::default(), (1, None));
    tokio::time::advance(Duration::from_secs(17)).await;
    let wall = site.clock.now();
    let next = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async move { site.again(wall).clock.now() })
    });
    assert_eq!(next.join().unwrap(), wall);
}
