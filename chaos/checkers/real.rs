//! The judges, asked about real trees: what supervisors do is what they expect, and what they
//! would do by another plan is found.

use super::{Arrangement, Tree, check_all};
use crate::Invariant;
use crate::history::{Change, History, What};
use fastrand::Rng;
use plantao_supervisors::{
    ChildSpec, Delivery, Envelope, FaultHook, Handle, Intensity, Limits, Starting, Strategy,
    SupervisorSpec, Tree as RealTree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What lifecycle events are enough for.
const TOLD: [Invariant; 4] = [
    Invariant::IntensityObeyed,
    Invariant::BlastContained,
    Invariant::NoOverlap,
    Invariant::OrderKept,
];
const PERIOD: Duration = Duration::from_secs(1);
const RESTARTS: u32 = 3;
const WORKERS: [&str; 8] = [
    "root/before",
    "root/group/a",
    "root/group/b",
    "root/group/c",
    "root/group/d",
    "root/after",
    "root/group",
    "root/group/c",
];

/// Does nothing until it is killed.
struct Idle;

impl Actor for Idle {
    type Msg = Envelope<()>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

/// So many of the next starts fail.
#[derive(Default)]
struct BadStarts(AtomicU32);

impl FaultHook for BadStarts {
    fn before_deliver(&self, _: &str) -> Delivery {
        Delivery::Deliver
    }

    fn before_start(&self, _: &str) -> Starting {
        let spent = |left: u32| left.checked_sub(1);
        match self
            .0
            .try_update(Ordering::Relaxed, Ordering::Relaxed, spent)
        {
            Ok(_) => Starting::Fail,
            Err(_) => Starting::Start,
        }
    }
}

fn worker(id: &str) -> ChildSpec {
    ChildSpec::worker(id, &Handle::new(Limits::in_flight(8)), || (Idle, ()))
}

fn spec(strategy: Strategy) -> SupervisorSpec {
    let limits = Intensity::new(RESTARTS, PERIOD);
    let mut group = SupervisorSpec::new(strategy, limits);
    for id in ["a", "b", "c", "d"] {
        group = group.child(worker(id));
    }
    SupervisorSpec::new(Strategy::RestForOne, limits)
        .child(worker("before"))
        .child(ChildSpec::supervisor("group", group))
        .child(worker("after"))
}

/// Kills and spoils starts at random, and tells what happened and what was meant to.
async fn disturb(seed: u64, strategy: Strategy) -> (History, Tree) {
    let mut rng = Rng::with_seed(seed);
    let bad = Arc::new(BadStarts::default());
    let tree = RealTree::start_disturbed("root", spec(strategy), seed, bad.clone());
    let tree = tree.await.unwrap();
    let begun = Instant::now();
    let mut changes = tree.subscribe();
    let plan = Tree::of_snapshot(&tree.snapshot(), |_| PERIOD);
    let mut history = History::new();
    for _ in 0..rng.usize(1..12) {
        for _ in 0..rng.usize(1..3) {
            // Who is down already is not killed again.
            let _ = tree.kill(WORKERS[rng.usize(..WORKERS.len())]);
        }
        bad.0
            .store(rng.u32(..4).saturating_sub(1), Ordering::Relaxed);
        for _ in 0..rng.usize(1..40) {
            sleep(Duration::from_millis(10)).await;
            while let Ok(change) = changes.try_recv() {
                history.record(begun.elapsed(), What::of_lifecycle(&change));
            }
        }
    }
    bad.0.store(0, Ordering::Relaxed);
    tree.shutdown().await;
    while let Ok(change) = changes.try_recv() {
        history.record(begun.elapsed(), What::of_lifecycle(&change));
    }
    (history, plan)
}

/// The histories of many seeds.
fn disturbed(strategy: Strategy) -> Vec<(History, Tree)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let seeds = 0..150;
    seeds
        .map(|seed| runtime.block_on(disturb(seed, strategy)))
        .collect()
}

/// The changes, as a person reads them.
fn lines(history: &History) -> String {
    let lines = history.events().iter().map(|event| match &event.what {
        What::Lifecycle(told) => {
            let (path, change, reason) = (&told.path, told.change, told.reason);
            format!(
                "{} {:?} {path} {change:?} {reason:?}\n",
                event.seq, event.at
            )
        }
        other => format!("{} {:?} {other:?}\n", event.seq, event.at),
    });
    lines.collect()
}

/// The plan with another group in it.
fn planned(plan: Tree, strategy: Strategy, restarts: u32) -> Tree {
    let group = plan.supervisor("root/group").unwrap();
    let children: Vec<_> = group
        .children
        .iter()
        .map(|child| (&*child.id, child.restart))
        .collect();
    let limits = Intensity::new(restarts, PERIOD);
    plan.clone().with(
        "root/group",
        Arrangement::Fixed(strategy),
        limits,
        &children,
    )
}

const STRATEGIES: [Strategy; 3] = [
    Strategy::OneForOne,
    Strategy::OneForAll,
    Strategy::RestForOne,
];

#[test]
fn whatever_is_killed_and_fails_to_start_in_a_real_tree_the_judges_find_nothing() {
    for strategy in STRATEGIES {
        let (mut gave_up, mut restarts) = (0, 0);
        for (seed, (history, plan)) in disturbed(strategy).into_iter().enumerate() {
            let found = check_all(&history, &plan, &TOLD);
            assert!(
                found.is_empty(),
                "{strategy:?} {seed}: {found:#?}\n{}",
                lines(&history)
            );
            for event in history.events() {
                if let What::Lifecycle(told) = &event.what {
                    gave_up += usize::from(told.change == Change::GaveUp);
                    restarts += usize::from(told.change == Change::Restarting);
                }
            }
        }
        assert!(
            gave_up > 20 && restarts > 500,
            "{strategy:?}: {gave_up}, {restarts}"
        );
    }
}

/// In how many histories of a tree with one strategy another plan is found not to be kept.
fn found(invariant: Invariant, real: Strategy, meant: Strategy, restarts: u32) -> usize {
    let histories = disturbed(real).into_iter();
    let wrong = histories.filter(|(history, plan)| {
        let plan = planned(plan.clone(), meant, restarts);
        !check_all(history, &plan, &[invariant]).is_empty()
    });
    wrong.count()
}

#[test]
fn a_real_tree_that_takes_more_along_than_its_plan_says_is_found() {
    let (one, all, rest) = (
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    );
    for (real, meant) in [(all, one), (all, rest), (rest, one)] {
        let times = found(Invariant::BlastContained, real, meant, RESTARTS);
        assert!(times > 30, "{real:?} for {meant:?} was found {times} times");
    }
}

#[test]
fn a_real_tree_that_counts_otherwise_than_its_plan_says_is_found() {
    for strategy in STRATEGIES {
        for restarts in [RESTARTS - 1, RESTARTS + 1] {
            let times = found(Invariant::IntensityObeyed, strategy, strategy, restarts);
            assert!(
                times > 10,
                "{restarts} for {RESTARTS} was found {times} times"
            );
        }
    }
}
