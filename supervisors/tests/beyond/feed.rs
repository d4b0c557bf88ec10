//! What operators read: numbered events, and the numbers of a snapshot.

use plantao_supervisors::{
    CallError, ChildSpec, ExitReason, Intensity, LifecycleEvent, NodeKind, Strategy,
    SupervisorSpec, Tree,
};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

use crate::support::*;
use crate::watch::*;

async fn lone() -> (Tree, Line, Board) {
    let (board, line) = (Board::default(), line());
    let child = worker("a", &line, &board).metered();
    let spec = patient(Strategy::OneForOne).child(child);
    (start(spec).await, line, board)
}

#[tokio::test(start_paused = true)]
async fn every_event_of_a_tree_has_the_next_number_beginning_with_one() {
    let board = Board::default();
    let lines: [Line; 3] = lines();
    let inner = patient(Strategy::OneForAll)
        .child(worker("b", &lines[1], &board))
        .child(worker("c", &lines[2], &board));
    let spec = patient(Strategy::OneForOne)
        .child(worker("a", &lines[0], &board))
        .child(ChildSpec::supervisor("inner", inner));
    let tree = start(spec).await;
    let mut feed = Feed::of(&tree);
    // Five nodes came up, the root last.
    assert_eq!(tree.snapshot().seq, Some(5));
    for line in lines.iter().cycle().take(30) {
        crash(line).await;
    }
    tree.kill("root/inner").unwrap();
    settle().await;
    let seen = feed.all();
    let numbers: Vec<u64> = seen.iter().map(|change| change.seq).collect();
    let last = tree.snapshot().seq.unwrap();
    assert_eq!(numbers, (6..=last).collect::<Vec<_>>());
    tree.shutdown().await;
    let rest = feed.all();
    assert_eq!(rest[0].seq, last + 1);
    assert_eq!(rest.last().unwrap().path, "root");
    assert_eq!(tree.snapshot().seq, Some(rest.last().unwrap().seq));
}

#[tokio::test(start_paused = true)]
async fn only_the_root_of_a_snapshot_has_a_number() {
    let (tree, _, _) = lone().await;
    assert_eq!(tree.snapshot().find("root/a").unwrap().seq, None);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn events_are_numbered_whether_or_not_anybody_listens() {
    let (tree, line, _) = lone().await;
    crash(&line).await;
    // Exited, restarting, started.
    assert_eq!(tree.snapshot().seq, Some(2 + 3));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_listens_too_slowly_misses_numbers_and_is_told() {
    let (tree, line, _) = lone().await;
    let mut events = tree.subscribe();
    for _ in 0..500 {
        crash(&line).await;
    }
    let lagged = events.recv().await;
    let Err(RecvError::Lagged(missed)) = lagged else {
        panic!("nothing was missed: {lagged:?}");
    };
    assert_eq!(events.recv().await.unwrap().seq, 2 + missed + 1);
    assert_eq!(tree.snapshot().seq, Some(2 + 3 * 500));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn all_who_listen_are_told_the_same() {
    let (tree, line, _) = lone().await;
    let (mut one, mut other) = (Feed::of(&tree), Feed::of(&tree));
    crash(&line).await;
    let told = one.all();
    assert_eq!(told.len(), 3);
    assert_eq!(other.all(), told);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn events_serialize_to_plain_names() {
    let (tree, line, _) = lone().await;
    let mut feed = Feed::of(&tree);
    crash(&line).await;
    let told = serde_json::to_value(feed.all()).unwrap();
    let node = |seq: u64, event: serde_json::Value| {
        let (path, kind) = ("root/a", "worker");
        serde_json::json!({ "seq": seq, "path": path, "kind": kind, "event": event })
    };
    let reason = serde_json::json!({ "kind": "panic", "detail": "told to panic" });
    let expected = [
        node(3, serde_json::json!({ "type": "exited", "reason": reason })),
        node(4, serde_json::json!({ "type": "restarting", "attempt": 1 })),
        node(5, serde_json::json!({ "type": "started" })),
    ];
    assert_eq!(told, serde_json::Value::from(expected.to_vec()));
    let kind = serde_json::to_value(NodeKind::Dynamic).unwrap();
    assert_eq!(kind, "dynamic");
    let resting = LifecycleEvent::Resting { wait_ms: 7 };
    assert_eq!(
        serde_json::to_value(resting).unwrap(),
        serde_json::json!({ "type": "resting", "wait_ms": 7 })
    );
    assert_eq!(
        serde_json::to_value(ExitReason::Stalled).unwrap(),
        serde_json::json!({ "kind": "stalled" })
    );
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_metered_child_tells_how_long_its_messages_took() {
    let (tree, line, _) = lone().await;
    let times = |tree: &Tree| {
        let snapshot = tree.snapshot();
        snapshot.find("root/a").unwrap().handle_time.unwrap()
    };
    let none = times(&tree);
    assert_eq!((none.count, none.p99_us, none.max_us), (0, 0, 0));
    let works = std::iter::repeat_n(2, 90).chain([40; 9]).chain([700]);
    for took_ms in works {
        line.cast(Order::Work(Duration::from_millis(took_ms)))
            .unwrap();
        until(|| line.depth() == 0).await;
    }
    let all = times(&tree);
    let within = |us: u64, ms: u64| (ms * 990..=ms * 1_010).contains(&us);
    assert_eq!(all.count, 100);
    assert!(within(all.p50_us, 2), "{all:?}");
    assert!(within(all.p99_us, 40), "{all:?}");
    assert!(within(all.max_us, 700), "{all:?}");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn handle_times_include_the_message_that_killed_and_outlive_a_restart() {
    let (tree, line, _) = lone().await;
    ping(&line).await;
    crash(&line).await;
    line.cast(Order::Hang).unwrap();
    pass(SECOND).await;
    tree.kill("root/a").unwrap();
    settle().await;
    ping(&line).await;
    let snapshot = tree.snapshot();
    let a = snapshot.find("root/a").unwrap();
    let times = a.handle_time.unwrap();
    assert_eq!((a.restarts, times.count), (2, 4));
    assert!(times.max_us >= 990_000, "{times:?}");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_not_metered_has_no_handle_time() {
    let (board, line) = (Board::default(), line());
    let watched = worker("a", &line, &board).liveness(SECOND);
    let tree = start(patient(Strategy::OneForOne).child(watched)).await;
    ping(&line).await;
    let snapshot = tree.snapshot();
    assert_eq!(snapshot.find("root/a").unwrap().handle_time, None);
    assert_eq!(snapshot.handle_time, None);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn restarts_leave_the_window_one_by_one() {
    let (board, line) = (Board::default(), line());
    let limit = Intensity::new(9, 10 * SECOND);
    let spec = SupervisorSpec::new(Strategy::OneForOne, limit);
    let tree = start(spec.child(worker("a", &line, &board))).await;
    let count = |tree: &Tree| tree.snapshot().restarts_in_window.unwrap();
    for crashes in 1..=3 {
        crash(&line).await;
        assert_eq!(count(&tree), crashes);
        pass(4 * SECOND).await;
    }
    for expected in [2, 2, 1, 1, 0] {
        assert_eq!(count(&tree), expected);
        pass(2 * SECOND).await;
    }
    assert_eq!(tree.snapshot().restarts_allowed, Some(9));
    assert_eq!(tree.snapshot().find("root/a").unwrap().restarts, 3);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_shows_how_full_it_is_and_how_long_the_oldest_message_waits() {
    let (tree, line, _) = lone().await;
    let mailbox = |tree: &Tree| {
        let snapshot = tree.snapshot();
        let a = snapshot.find("root/a").unwrap();
        (a.mailbox_depth, a.oldest_message_ms)
    };
    assert_eq!(mailbox(&tree), (Some(0), None));
    line.cast(Order::Work(3 * SECOND)).unwrap();
    pass(SECOND).await;
    line.cast(Order::Work(3 * SECOND)).unwrap();
    assert_eq!(mailbox(&tree), (Some(2), Some(1_000)));
    pass(2 * SECOND).await;
    assert_eq!(mailbox(&tree), (Some(1), Some(2_000)), "the first is done");
    for _ in 0..15 {
        line.cast(Order::Fail).unwrap();
    }
    let overloaded = CallError::Overloaded { limit: 16 };
    assert_eq!(line.cast(Order::Fail), Err(overloaded));
    assert_eq!(mailbox(&tree).0, Some(16));
    pass(3 * SECOND).await;
    assert_eq!(mailbox(&tree), (Some(0), None), "they died with the actor");
    let snapshot = tree.snapshot();
    assert_eq!(
        (snapshot.mailbox_depth, snapshot.oldest_message_ms),
        (None, None)
    );
    tree.shutdown().await;
}
