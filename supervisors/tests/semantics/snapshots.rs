//! What operators see.

use plantao_supervisors::{
    ChildSpec, LifecycleEvent, NodeKind, NodeState, Restart, Shutdown, Snapshot, Strategy,
};
use std::time::{Duration, Instant};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_snapshot_tells_kinds_restarts_uptime_and_mailboxes() {
    let (board, lines) = (Board::default(), [line(), line()]);
    let inner = patient(Strategy::RestForOne).child(worker("b", &lines[1], &board));
    let spec = patient(Strategy::OneForOne)
        .child(worker("a", &lines[0], &board).restart(Restart::Transient))
        .child(ChildSpec::supervisor("inner", inner));
    let tree = start(spec).await;
    for _ in 0..3 {
        lines[1].cast(Order::Panic).unwrap();
        settle().await;
    }
    lines[0].cast(Order::Hang).unwrap();
    lines[0].cast(Order::Fail).unwrap();
    tokio::time::advance(2 * SECOND).await;
    let snapshot = tree.snapshot();
    assert_eq!(
        (snapshot.kind, snapshot.restart),
        (NodeKind::Supervisor, None)
    );
    let a = snapshot.find("root/a").unwrap();
    assert_eq!(
        (a.kind, a.restart),
        (NodeKind::Worker, Some(Restart::Transient))
    );
    assert_eq!(
        (a.mailbox_depth, a.oldest_message_ms),
        (Some(2), Some(2_000))
    );
    let b = snapshot.find("root/inner/b").unwrap();
    assert_eq!(
        (b.state, b.restarts, b.uptime_ms),
        (NodeState::Running, 3, Some(2_000))
    );
    let inner = snapshot.find("root/inner").unwrap();
    assert_eq!(
        (inner.strategy, inner.restarts),
        (Some(Strategy::RestForOne), 0)
    );
    assert_eq!(
        inner.restarts_in_window,
        Some(0),
        "they are older than the period"
    );
    assert_eq!(inner.restarts_allowed, Some(1_000_000));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_serializes_to_plain_names() {
    let (board, line) = (Board::default(), line());
    let tree = start(patient(Strategy::OneForOne).child(worker("a", &line, &board))).await;
    line.cast(Order::Panic).unwrap();
    settle().await;
    let expected = serde_json::json!({
        "path": "root", "id": "root", "kind": "supervisor", "strategy": "one_for_one",
        "state": "running", "restarts": 0, "restarts_in_window": 1,
        "restarts_allowed": 1_000_000, "uptime_ms": 0, "seq": 5,
        "children": [{
            "path": "root/a", "id": "a", "kind": "worker", "restart": "permanent",
            "state": "running", "restarts": 1, "uptime_ms": 0, "mailbox_depth": 0,
            "last_exit": { "kind": "panic", "detail": "told to panic" }, "children": []
        }]
    });
    assert_eq!(serde_json::to_value(tree.snapshot()).unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn subscribers_hear_of_every_change_in_order() {
    let (board, line) = (Board::default(), line());
    let tree = start(patient(Strategy::OneForOne).child(worker("a", &line, &board))).await;
    let mut changes = tree.subscribe();
    board.spoil("a", [BadStart::Refuse]);
    line.cast(Order::Fail).unwrap();
    settle().await;
    tree.shutdown().await;
    let mut heard = Vec::new();
    while let Ok(change) = changes.try_recv() {
        heard.push((change.path, change.event));
    }
    let a = |event| ("root/a".to_owned(), event);
    let failed = plantao_supervisors::ExitReason::StartFailed("error: refused".into());
    let fell = plantao_supervisors::ExitReason::Error("told to fail".into());
    let down = plantao_supervisors::ExitReason::Shutdown;
    let expected = [
        a(LifecycleEvent::Exited { reason: fell }),
        a(LifecycleEvent::Restarting { attempt: 1 }),
        a(LifecycleEvent::StartFailed { reason: failed }),
        a(LifecycleEvent::Restarting { attempt: 2 }),
        a(LifecycleEvent::Started),
        a(LifecycleEvent::Stopped {
            reason: plantao_supervisors::ExitReason::Shutdown,
        }),
        ("root".to_owned(), LifecycleEvent::Exited { reason: down }),
    ];
    assert_eq!(heard, expected);
}

/// Waits in real time: what blocks a thread cannot run on a paused clock.
async fn until_real(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition never came true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn state_of(snapshot: &Snapshot, path: &str) -> NodeState {
    snapshot.find(path).unwrap().state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_that_does_not_end_is_quarantined_and_restarted_only_once_it_did() {
    let (board, lines) = (Board::default(), [line(), line()]);
    let spec = patient(Strategy::OneForAll)
        .child(worker("stuck", &lines[0], &board).shutdown(Shutdown::BrutalKill))
        .child(worker("other", &lines[1], &board));
    let tree = start(spec).await;
    let (release, until_released) = std::sync::mpsc::channel();
    lines[0].cast(Order::Block(until_released)).unwrap();
    until_real(|| board.take().contains(&"block stuck".to_owned())).await;
    tree.kill("root/stuck").unwrap();
    until_real(|| state_of(&tree.snapshot(), "root/stuck") == NodeState::Quarantined).await;
    assert!(!lines[0].is_up());
    tree.kill("root/other").unwrap();
    until_real(|| board.starts("other") == 2 && lines[1].is_up()).await;
    assert_eq!((board.starts("stuck"), board.overlaps()), (1, 0));
    drop(release);
    until_real(|| board.starts("stuck") == 2 && board.starts("other") == 3).await;
    until_real(|| lines.iter().all(Line::is_up)).await;
    assert_eq!(board.overlaps(), 0);
    tree.shutdown().await;
    assert_eq!(board.alive(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shutdown_goes_past_a_task_that_does_not_end_and_returns_once_it_did() {
    let (board, lines) = (Board::default(), [line(), line()]);
    let spec = patient(Strategy::OneForOne)
        .child(worker("other", &lines[0], &board))
        .child(worker("stuck", &lines[1], &board).shutdown(Shutdown::BrutalKill));
    let tree = start(spec).await;
    let (release, until_released) = std::sync::mpsc::channel();
    lines[1].cast(Order::Block(until_released)).unwrap();
    until_real(|| board.take().contains(&"block stuck".to_owned())).await;
    let stopping = tokio::spawn({
        let tree = tree.clone();
        async move { tree.shutdown().await }
    });
    until_real(|| state_of(&tree.snapshot(), "root/other") == NodeState::Stopped).await;
    assert_eq!(
        state_of(&tree.snapshot(), "root/stuck"),
        NodeState::Quarantined
    );
    assert!(
        !stopping.is_finished(),
        "a thread of the tree is still alive"
    );
    drop(release);
    stopping.await.unwrap();
    assert_eq!(board.alive(), 0);
}
