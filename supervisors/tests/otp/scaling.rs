//! Many children: `simple_one_for_one_scale_many_temporary_children` and
//! `scale_start_stop_many_children`.
//!
//! What is compared is work, not time: turns that another task gets meanwhile, and events told of.

use plantao_supervisors::{Restart, Strategy, SupervisorError, Tree};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::stage::*;

const FEW: u64 = 1_000;
const MANY: u64 = 10_000;

/// What something cost.
#[derive(Debug, Clone, Copy)]
struct Work {
    turns: u64,
    events: u64,
}

impl Work {
    /// Runs `work` beside a task that does nothing but count its turns.
    async fn of(tree: &Tree, work: impl Future<Output = ()>) -> Self {
        let events = || tree.snapshot().seq.unwrap();
        let before = events();
        let turns = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&turns);
        let counter = tokio::spawn(async move {
            loop {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        work.await;
        counter.abort();
        Self {
            turns: turns.load(Ordering::Relaxed),
            events: events() - before,
        }
    }

    /// The same for ten times as many children cost ten times as much, give or take a tenth.
    #[track_caller]
    fn is_a_tenth_of(self, other: Self) {
        assert_eq!(other.events, 10 * self.events);
        let bound = 11 * self.turns;
        assert!(other.turns <= bound, "{self:?} for few, {other:?} for many");
    }
}

#[tokio::test(start_paused = true)]
async fn simple_one_for_one_scale_many_temporary_children() {
    let stage = Dynamic::empty(USUAL).await;
    let id = |number: u64| format!("child{number}");
    let start = async |many: u64| {
        for number in 0..many {
            let child = stage.crew.of_class(&id(number), Restart::Temporary);
            stage.sup.start_child(child).await.unwrap();
        }
        assert_eq!(stage.sup.len() as u64, many);
    };
    let terminate = async |many: u64| {
        for number in 0..many {
            stage.sup.terminate_child(&id(number)).await.unwrap();
        }
        assert_eq!((stage.sup.len(), stage.crew.alive()), (0, 0));
    };
    start(FEW).await;
    let few = Work::of(&stage.tree, terminate(FEW)).await;
    start(MANY).await;
    let many = Work::of(&stage.tree, terminate(MANY)).await;
    few.is_a_tenth_of(many);
}

#[tokio::test(start_paused = true)]
async fn scale_start_stop_many_children() {
    let stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    let start = async |from: u64, to: u64| {
        for number in from..to {
            let child = stage.crew.worker(&number.to_string());
            stage.sup.start_child(child).await.unwrap();
        }
    };
    let terminate = async |from: u64, to: u64| {
        for number in from..to {
            let id = number.to_string();
            stage.sup.terminate_child(&id).await.unwrap();
        }
        assert_eq!(stage.crew.alive(), 0);
    };
    let few_started = Work::of(&stage.tree, start(0, FEW)).await;
    let few_stopped = Work::of(&stage.tree, terminate(0, FEW)).await;
    // Those that were there before still are, without a task.
    let id = "0".to_owned();
    let present = stage.sup.start_child(stage.crew.worker("0")).await;
    assert_eq!(present, Err(SupervisorError::AlreadyPresent { id }));
    let all = FEW + MANY;
    few_started.is_a_tenth_of(Work::of(&stage.tree, start(FEW, all)).await);
    few_stopped.is_a_tenth_of(Work::of(&stage.tree, terminate(FEW, all)).await);
    let all = usize::try_from(all).unwrap();
    assert_eq!(stage.counts(), [all, 0, 0, all]);
}
