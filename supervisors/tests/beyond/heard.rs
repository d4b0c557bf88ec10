//! What a harness hears of a tree, where it happens; and defects that it plants.

use plantao_supervisors::{
    CallError, Called, ChildSpec, Delivery, Envelope, FaultHook, Handle, Lifecycle, LifecycleEvent,
    Limits, Planted, Strategy, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);

/// Writes down what it hears.
#[derive(Default)]
struct Ear {
    heard: Mutex<Vec<String>>,
    number: AtomicU64,
    crowd: AtomicUsize,
    duplicates: bool,
    planted: Option<Planted>,
}

impl Ear {
    fn note(&self, line: String) {
        self.heard.lock().unwrap().push(line);
    }

    fn heard(&self, prefix: &str) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let fits = heard.iter().filter(|line| line.starts_with(prefix));
        fits.cloned().collect()
    }

    fn next(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }
}

impl FaultHook for Ear {
    fn before_deliver(&self, _: &str) -> Delivery {
        Delivery::Deliver
    }

    fn before_repeatable(&self, _: &str) -> bool {
        self.duplicates
    }

    fn crowd(&self, _: &str) -> usize {
        self.crowd.load(Ordering::Relaxed)
    }

    fn let_in(&self, path: &str, depth: usize, limit: usize) {
        self.note(format!("depth {path} {depth} of {limit}"));
    }

    fn call_began(&self, path: &str, deadline: Duration) -> u64 {
        let call = self.next();
        self.note(format!("call {call} to {path} within {deadline:?}"));
        call
    }

    fn call_ended(&self, call: u64, how: Called) {
        self.note(format!("call {call} ended {how:?}"));
    }

    fn life_began(&self, path: &str) -> u64 {
        let life = self.next();
        self.note(format!("life {life} of {path}"));
        life
    }

    fn life_ended(&self, _: &str, life: u64) {
        self.note(format!("life {life} over"));
    }

    fn told(&self, change: &Lifecycle) {
        if matches!(change.event, LifecycleEvent::Exited { .. }) {
            self.note(format!("life told over {}", change.path));
        }
    }

    fn planted(&self) -> Option<Planted> {
        self.planted
    }
}

async fn tree(ear: &Arc<Ear>) -> (Tree, Line) {
    let (board, line) = (Board::default(), line());
    let spec = patient(Strategy::OneForOne).child(worker("a", &line, &board));
    let tree = Tree::start_disturbed("root", spec, 0, ear.clone()).await;
    (tree.unwrap(), line)
}

#[tokio::test(start_paused = true)]
async fn a_life_is_over_before_its_end_is_told_and_before_the_next_begins() {
    let ear = Arc::new(Ear::default());
    let (tree, line) = tree(&ear).await;
    tree.kill("root/a").unwrap();
    until(|| ear.heard("life 1 of").len() == 1 && line.is_up()).await;
    tree.shutdown().await;
    let heard = ear.heard("life");
    let expected = [
        "life 0 of root/a",
        "life 0 over",
        "life told over root/a",
        "life 1 of root/a",
        "life 1 over",
        "life told over root",
    ];
    assert_eq!(heard, expected);
}

#[tokio::test(start_paused = true)]
async fn each_call_is_heard_of_with_how_it_ended_even_when_its_caller_went_away() {
    let ear = Arc::new(Ear::default());
    let (_tree, line) = tree(&ear).await;
    assert!(line.call(SECOND, Order::Ping).await.is_ok());
    drop(tokio::time::timeout(SECOND, line.call(5 * SECOND, Order::Hold)).await);
    let expected = [
        "call 1 to root/a within 1s",
        "call 1 ended Answered",
        "call 2 to root/a within 5s",
        "call 2 ended Abandoned",
    ];
    assert_eq!(ear.heard("call"), expected);
    assert_eq!(ear.heard("depth"), ["depth root/a 1 of 16"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_takes_places_and_who_finds_none_is_overloaded() {
    let ear = Arc::new(Ear::default());
    let (_tree, line) = tree(&ear).await;
    ear.crowd.store(15, Ordering::Relaxed);
    assert!(line.call(SECOND, Order::Ping).await.is_ok());
    ear.crowd.store(16, Ordering::Relaxed);
    let shed = line.call(SECOND, Order::Ping).await;
    assert_eq!(shed, Err(CallError::Overloaded { limit: 16 }));
}

#[tokio::test(start_paused = true)]
async fn a_planted_defect_is_there_and_in_that_tree_alone() {
    let planted = Some(Planted::LimitForgotten);
    let ear = Arc::new(Ear {
        planted,
        ..Ear::default()
    });
    let (_tree, line) = tree(&ear).await;
    ear.crowd.store(16, Ordering::Relaxed);
    assert!(line.call(SECOND, Order::Ping).await.is_ok());
    assert_eq!(ear.heard("depth"), ["depth root/a 17 of 16"]);
    let sound = Arc::new(Ear::default());
    sound.crowd.store(16, Ordering::Relaxed);
    let (_tree, line) = tree(&sound).await;
    assert!(line.call(SECOND, Order::Ping).await.is_err());
}

/// Counts what comes.
struct Count(Arc<AtomicU64>);

impl Actor for Count {
    type Msg = Envelope<u64>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let (number, _in_flight) = message.open();
        self.0.fetch_add(number, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_repeatable_message_comes_twice() {
    let ear = Arc::new(Ear {
        duplicates: true,
        ..Ear::default()
    });
    let (sum, handle) = (
        Arc::new(AtomicU64::new(0)),
        Handle::new(Limits::in_flight(8)),
    );
    let counted = sum.clone();
    let child = ChildSpec::worker("a", &handle, move || (Count(counted.clone()), ()));
    let spec = patient(Strategy::OneForOne).child(child);
    let _tree = Tree::start_disturbed("root", spec, 0, ear).await.unwrap();
    handle.cast(1).unwrap();
    handle.cast_repeatable(|| 10).unwrap();
    until(|| handle.depth() == 0).await;
    assert_eq!(sum.load(Ordering::Relaxed), 21);
}
