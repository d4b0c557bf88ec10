//! A child that failed comes back by itself: whoever else is held up meanwhile.

use plantao_supervisors::{
    ChildSpec, Envelope, ExitReason, Handle, LifecycleEvent, Limits, NodeState, Strategy,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::time::Duration;

use crate::gates::*;
use crate::support::*;
use crate::watch::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_child_comes_back_while_its_supervisor_is_held_up() {
    let (board, lines) = (Board::default(), lines::<2>());
    let (gate, key) = Gate::new();
    let spec = patient(Strategy::OneForOne)
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board));
    let tree = start(spec).await;
    // What was done before does not matter.
    tree.kill("root/b").unwrap();
    until(|| board.starts("b") == 2 && lines[1].is_up()).await;
    hold_up(&tree, &gate).await;
    for life in 2..5 {
        lines[0].cast(Order::Fail).unwrap();
        until(|| board.starts("a") == life && lines[0].is_up()).await;
        assert_eq!(ping(&lines[0]).await, Some(life));
    }
    drop(key);
    tree.shutdown().await;
    assert_eq!((board.overlaps(), board.alive()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_supervisor_was_told_before_a_child_failed_comes_before() {
    for shutdown in [false, true] {
        let (board, line) = (Board::default(), line());
        let (gate, key) = Gate::new();
        let tree = start(patient(Strategy::OneForOne).child(worker("a", &line, &board))).await;
        hold_up(&tree, &gate).await;
        let (told, waits) = tokio::sync::oneshot::channel();
        let (root, own) = (tree.root(), tree.clone());
        let asked = tokio::spawn(async move {
            let order = async {
                match shutdown {
                    true => own.shutdown().await,
                    false => root.terminate_child("a").await.unwrap(),
                }
            };
            tokio::select! {
                biased;
                () = order => panic!("the supervisor is not held up"),
                () = std::future::ready(()) => told.send(()).unwrap(),
            }
            // The order is with the supervisor by now; who gave it need not wait.
        });
        waits.await.unwrap();
        asked.await.unwrap();
        line.cast(Order::Fail).unwrap();
        until(|| board.alive() == 0).await;
        drop(key);
        tree.shutdown().await;
        assert_eq!(board.starts("a"), 1, "shutdown: {shutdown}");
    }
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
        let (tree, _line, board, key) = restarting(hangs).await;
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
    assert_eq!(gate.passages(), 1);
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
