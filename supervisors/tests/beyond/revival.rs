//! A child that failed comes back by itself: whoever else is held up meanwhile.

use plantao_supervisors::{
    ChildSpec, Envelope, ExitReason, Handle, LifecycleEvent, Limits, NodeState, Strategy,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::*;
use crate::watch::*;

/// Holds a thread up until it is let go.
#[derive(Clone)]
struct Gate {
    arrived: Arc<AtomicU32>,
    open: Arc<Mutex<Receiver<()>>>,
}

impl Gate {
    fn new() -> (Self, Sender<()>) {
        let (key, open) = channel();
        let gate = Self {
            arrived: Arc::default(),
            open: Arc::new(Mutex::new(open)),
        };
        (gate, key)
    }

    /// Goes through when the key is dropped.
    fn pass(&self) {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        let _ = self.open.lock().unwrap().recv();
    }

    async fn is_reached(&self) {
        until(|| self.arrived.load(Ordering::SeqCst) > 0).await;
    }
}

/// Dropped, it passes the gate.
struct Grip(Gate);

impl Drop for Grip {
    fn drop(&mut self) {
        self.0.pass();
    }
}

/// A worker whose every start but the first passes the gate.
fn gated(id: &str, line: &Line, board: &Board, gate: &Gate) -> ChildSpec {
    let (make, gate) = (maker(id, board, Manners::default()), gate.clone());
    let starts = AtomicU32::new(0);
    ChildSpec::worker(id, line, move || {
        if starts.fetch_add(1, Ordering::SeqCst) > 0 {
            gate.pass();
        }
        make()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_child_comes_back_while_its_supervisor_is_held_up() {
    let (board, lines) = (Board::default(), lines::<2>());
    let (gate, key) = Gate::new();
    let (make, grip) = (
        maker("slow", &board, Manners::default()),
        Grip(gate.clone()),
    );
    let slow = ChildSpec::worker("slow", &lines[0], move || {
        let _held = &grip;
        make()
    });
    let tree = start(patient(Strategy::OneForOne).child(worker("a", &lines[1], &board))).await;
    let root = tree.root();
    root.start_child(slow).await.unwrap();
    root.terminate_child("slow").await.unwrap();
    // What a child was started from is dropped by its supervisor.
    let asked = tokio::spawn(async move { root.delete_child("slow").await });
    gate.is_reached().await;

    for life in 2..5 {
        lines[1].cast(Order::Fail).unwrap();
        until(|| board.starts("a") == life).await;
        until(|| lines[1].is_up()).await;
        assert_eq!(ping(&lines[1]).await, Some(life));
    }
    assert!(!asked.is_finished());
    drop(key);
    asked.await.unwrap().unwrap();
    assert_eq!(board.overlaps(), 0);
    tree.shutdown().await;
    assert_eq!(board.alive(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_that_blocks_its_thread_holds_up_nobody_else() {
    let (board, lines) = (Board::default(), lines::<3>());
    let (gate, key) = Gate::new();
    let spec = patient(Strategy::OneForOne)
        .child(gated("slow", &lines[0], &board, &gate))
        .child(worker("a", &lines[1], &board));
    let tree = start(spec).await;
    lines[0].cast(Order::Fail).unwrap();
    gate.is_reached().await;

    tree.root()
        .start_child(worker("b", &lines[2], &board))
        .await
        .unwrap();
    tree.root().terminate_child("a").await.unwrap();
    assert_eq!(state(&tree, "root/slow"), Some(NodeState::Restarting));
    drop(key);
    until(|| board.starts("slow") == 2).await;
    tree.shutdown().await;
    assert_eq!((board.overlaps(), board.alive()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_child_that_is_terminated_in_the_midst_of_its_restart_is_gone() {
    for hangs in [false, true] {
        let (board, line) = (Board::default(), line());
        let (gate, key) = Gate::new();
        let spec = patient(Strategy::OneForOne).child(gated("slow", &line, &board, &gate));
        let tree = start(spec).await;
        if hangs {
            board.spoil("slow", [BadStart::Hang]);
        }
        line.cast(Order::Fail).unwrap();
        gate.is_reached().await;
        let root = tree.root();
        let asked = tokio::spawn(async move { root.terminate_child("slow").await });
        until(|| state(&tree, "root/slow") == Some(NodeState::Stopping)).await;
        drop(key);
        asked.await.unwrap().unwrap();
        assert_eq!(board.alive(), 0, "hangs: {hangs}");
        assert_eq!(state(&tree, "root/slow"), Some(NodeState::Stopped));
        tree.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_hangs_runs_into_its_limit() {
    let (board, line) = (Board::default(), line());
    let child = worker("a", &line, &board).start_timeout(Duration::from_secs(3));
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    board.spoil("a", [BadStart::Hang]);
    let mut feed = Feed::of(&tree);
    line.cast(Order::Fail).unwrap();
    pass(Duration::from_secs(4)).await;
    let failed = |event: &LifecycleEvent| match event {
        LifecycleEvent::StartFailed { reason } => Some(reason.clone()),
        _ => None,
    };
    let failures: Vec<_> = feed.at("root/a").iter().filter_map(failed).collect();
    let late = ExitReason::StartFailed("not up after `3s`".to_owned());
    assert_eq!(failures, [late]);
    assert_eq!(ping(&line).await, Some(2));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn events_of_a_restart_come_in_the_order_of_what_happened() {
    let (board, line) = (Board::default(), line());
    let tree = start(patient(Strategy::OneForOne).child(worker("a", &line, &board))).await;
    let mut feed = Feed::of(&tree);
    for life in 1..100 {
        line.cast(Order::Fail).unwrap();
        settle().await;
        let reason = ExitReason::Error("told to fail".to_owned());
        let expected = [
            LifecycleEvent::Exited { reason },
            LifecycleEvent::Restarting { attempt: life },
            LifecycleEvent::Started,
        ];
        assert_eq!(feed.at("root/a"), expected);
    }
    tree.shutdown().await;
}

/// Its state takes its time to go once it failed.
struct Clinging(Gate);

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Clinging {
    type Msg = Envelope<()>;
    type State = Grip;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<Grip, ActorProcessingErr> {
        Ok(Grip(self.0.clone()))
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        _: Self::Msg,
        _: &mut Grip,
    ) -> Result<(), ActorProcessingErr> {
        Err("told to fail".into())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_child_that_failed_and_does_not_go_is_quarantined_and_comes_back_when_it_has_gone() {
    let (gate, key) = Gate::new();
    let handle = Handle::new(Limits::in_flight(1));
    let made = gate.clone();
    let child = ChildSpec::worker("a", &handle, move || (Clinging(made.clone()), ()));
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    let mut feed = Feed::of(&tree);
    handle.cast(()).unwrap();
    gate.is_reached().await;
    until(|| state(&tree, "root/a") == Some(NodeState::Quarantined)).await;
    assert!(!handle.is_up());
    drop(key);
    until(|| handle.is_up()).await;
    assert_eq!(state(&tree, "root/a"), Some(NodeState::Running));
    assert_eq!(gate.arrived.load(Ordering::SeqCst), 1);
    let told = feed.at("root/a");
    assert_eq!(told.first(), Some(&LifecycleEvent::Quarantined));
    tree.shutdown().await;
}

/// Fails with an error that cannot be shown.
struct Unspeakable;

#[derive(Debug)]
struct Unspoken;

impl std::error::Error for Unspoken {}

impl std::fmt::Display for Unspoken {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words")
    }
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Unspeakable {
    type Msg = Envelope<()>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        _: Self::Msg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        Err(Unspoken.into())
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_panics_when_it_is_shown_is_a_panic() {
    let handle = Handle::new(Limits::in_flight(1));
    let child = ChildSpec::worker("a", &handle, || (Unspeakable, ()));
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    handle.cast(()).unwrap();
    settle().await;
    let exit = tree.snapshot().find("root/a").unwrap().last_exit.clone();
    assert_eq!(exit, Some(ExitReason::Panic("no words".to_owned())));
    assert!(handle.is_up());
    tree.shutdown().await;
}
