//! Factories and starts that panic: at boot, at a restart, and when somebody asks.

use plantao_supervisors::{
    ChildSpec, DynamicHandle, DynamicSpec, ExitReason, Intensity, LifecycleEvent, NodeState,
    StartError, Strategy, SupervisorError, SupervisorSpec, Tree,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::*;
use crate::watch::*;

fn flat() -> SupervisorSpec {
    patient(Strategy::OneForOne)
}

/// A worker whose factory panics as long as there are bad turns left, the first `good` aside.
fn broken(line: &Line, board: &Board, good: u32, bad: u32) -> ChildSpec {
    let (make, turn) = (
        maker("a", board, Manners::default()),
        Arc::new(AtomicU32::new(0)),
    );
    ChildSpec::worker("a", line, move || {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        assert!(turn < good || turn >= good + bad, "no configuration");
        make()
    })
}

fn failed(text: &str) -> ExitReason {
    ExitReason::StartFailed(text.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_factory_that_panics_at_boot_names_the_child_and_leaves_nothing() {
    let board = Board::default();
    let lines: [Line; 3] = lines();
    let inner = flat()
        .child(worker("c", &lines[2], &board))
        .child(broken(&lines[0], &board, 0, 1));
    let spec = flat()
        .child(worker("b", &lines[1], &board))
        .child(ChildSpec::supervisor("inner", inner));
    let error = Tree::start("root", spec).await.unwrap_err();
    let path = "root/inner/a".to_owned();
    let reason = failed("panic: no configuration");
    assert_eq!(error, StartError::Child { path, reason });
    assert_eq!(
        board.take(),
        [
            "start b",
            "start c",
            "stop c",
            "stopped c",
            "stop b",
            "stopped b"
        ]
    );
    assert_eq!(board.alive(), 0);
    assert!(!lines.iter().any(Line::is_up));
}

#[tokio::test(start_paused = true)]
async fn a_panic_that_is_no_text_is_a_failed_start_too() {
    let child = ChildSpec::worker("a", &line(), || -> (Worker, ()) {
        std::panic::panic_any(7_u8)
    });
    let error = Tree::start("root", flat().child(child)).await.unwrap_err();
    let path = "root/a".to_owned();
    let reason = failed("panic: panic without a text");
    assert_eq!(error, StartError::Child { path, reason });
}

#[tokio::test(start_paused = true)]
async fn a_factory_that_panics_at_a_restart_is_tried_again_and_each_try_counts() {
    let board = Board::default();
    let lines: [Line; 2] = lines();
    let spec = flat()
        .child(broken(&lines[0], &board, 1, 3))
        .child(worker("b", &lines[1], &board));
    let tree = start(spec).await;
    let mut feed = Feed::of(&tree);
    crash(&lines[0]).await;
    assert_eq!(ping(&lines[0]).await, Some(2));
    let snapshot = tree.snapshot();
    let a = snapshot.find("root/a").unwrap();
    assert_eq!((a.restarts, snapshot.restarts_in_window), (4, Some(4)));
    let reason = failed("panic: no configuration");
    assert_eq!(a.last_exit, Some(reason.clone()));
    let told = feed.at("root/a").into_iter();
    let failures = told.filter(|event| {
        *event
            == LifecycleEvent::StartFailed {
                reason: reason.clone(),
            }
    });
    assert_eq!(failures.count(), 3);
    assert_eq!(board.starts("b"), 1, "nobody else is touched");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn starts_that_panic_at_every_restart_end_the_supervisor() {
    let cases = [(1, u32::MAX - 1, 0), (u32::MAX, 0, 100)];
    for (good, bad, spoiled) in cases {
        let (board, line) = (Board::default(), line());
        let limit = Intensity::new(3, SECOND);
        let spec = SupervisorSpec::new(Strategy::OneForOne, limit);
        let tree = start(spec.child(broken(&line, &board, good, bad))).await;
        let mut feed = Feed::of(&tree);
        board.spoil("a", vec![BadStart::Panic; spoiled]);
        line.cast(Order::Panic).unwrap();
        assert_eq!(tree.exited().await, ExitReason::Shutdown);
        assert_eq!((board.starts("a"), board.alive()), (1, 0));
        assert_eq!(feed.gave_up(), ["root"]);
        assert_eq!(state(&tree, "root/a"), Some(NodeState::Failed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_member_panics_at_its_restart_comes_back_as_a_whole() {
    let board = Board::default();
    let lines: [Line; 2] = lines();
    let spec = patient(Strategy::OneForAll)
        .child(worker("b", &lines[1], &board))
        .child(broken(&lines[0], &board, 1, 1));
    let tree = start(spec).await;
    crash(&lines[1]).await;
    assert!(lines.iter().all(Line::is_up));
    assert_eq!((board.starts("a"), board.overlaps()), (2, 0));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_panics_when_asked_for_leaves_no_child() {
    let (board, pool) = (Board::default(), DynamicHandle::new());
    let limits = DynamicSpec::new(Intensity::new(3, SECOND), 8);
    let tree = start(flat().child(ChildSpec::dynamic("pool", &pool, limits))).await;
    let in_factory = || broken(&line(), &board, 0, 1);
    let cases = [(true, "panic: no configuration"), (false, "panic: broken")];
    for (factory, text) in cases {
        let child = || {
            if factory {
                return in_factory();
            }
            board.spoil("a", [BadStart::Panic]);
            worker("a", &line(), &board)
        };
        let id = "a".to_owned();
        let reason = failed(text);
        let expected = Err(SupervisorError::StartFailed { id, reason });
        assert_eq!(tree.root().start_child(child()).await, expected);
        assert_eq!(pool.start_child(child()).await, expected);
        assert!(pool.is_empty());
        let gone = SupervisorError::NotFound { id: "a".to_owned() };
        assert_eq!(tree.root().which_child("a"), Err(gone));
    }
    assert_eq!(tree.snapshot().restarts_in_window, Some(0));
    assert_eq!(board.alive(), 0);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_was_asked_for_and_panics_leaves_the_child_down() {
    let (board, line) = (Board::default(), line());
    let tree = start(flat().child(broken(&line, &board, 1, 1))).await;
    let root = tree.root();
    root.terminate_child("a").await.unwrap();
    let id = "a".to_owned();
    let reason = failed("panic: no configuration");
    let expected = SupervisorError::StartFailed { id, reason };
    assert_eq!(root.restart_child("a").await, Err(expected));
    assert_eq!(state(&tree, "root/a"), Some(NodeState::Failed));
    assert_eq!(tree.snapshot().restarts_in_window, Some(0));
    root.restart_child("a").await.unwrap();
    assert_eq!(ping(&line).await, Some(2));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_tree_runs_and_stops() {
    let tree = start(flat()).await;
    assert_eq!(tree.snapshot().children, []);
    tree.shutdown().await;
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
}
