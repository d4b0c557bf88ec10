//! Backoff where an exit takes siblings along: they stop at once, wait together, start together.

use plantao_supervisors::{
    Backoff, Intensity, LifecycleEvent, NodeState, Presence, Strategy, SupervisorError, Tree,
};
use std::time::Duration;
use tokio::time::{Instant, timeout};

use crate::support::*;
use crate::watch::*;

const GROUPS: [Strategy; 2] = [Strategy::OneForAll, Strategy::RestForOne];

/// Children `a`, `b` and `c`, of which `b` waits ten seconds before a restart.
async fn group(strategy: Strategy) -> (Tree, [Line; 3], Board) {
    let board = Board::default();
    let lines: [Line; 3] = lines();
    let backoff = Backoff::exponential(10 * SECOND, 60 * SECOND).jitter(0.0);
    let spec = patient(strategy)
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board).backoff(backoff))
        .child(worker("c", &lines[2], &board));
    let tree = start(spec).await;
    board.take();
    (tree, lines, board)
}

#[tokio::test(start_paused = true)]
async fn siblings_stop_at_once_and_start_together_when_the_wait_is_over() {
    let stops = [
        vec!["stop c", "stopped c", "stop a", "stopped a"],
        vec!["stop c", "stopped c"],
    ];
    let starts = [
        vec!["start a", "start b", "start c"],
        vec!["start b", "start c"],
    ];
    for (strategy, (stops, starts)) in GROUPS.into_iter().zip(stops.into_iter().zip(starts)) {
        let (tree, lines, board) = group(strategy).await;
        let mut feed = Feed::of(&tree);
        crash(&lines[1]).await;
        assert_eq!(board.take(), stops);
        assert_eq!(lines[0].is_up(), strategy == Strategy::RestForOne);
        pass(10 * SECOND - MS).await;
        assert_eq!(board.take(), [] as [&str; 0]);
        pass(MS).await;
        assert_eq!(board.take(), starts);
        assert_eq!(feed.waits_ms(), [10_000], "one waits for all");
        tree.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_child_that_its_group_waits_for_shows_as_restarting() {
    for strategy in GROUPS {
        let (tree, lines, _) = group(strategy).await;
        crash(&lines[1]).await;
        assert_eq!(state(&tree, "root/b"), Some(NodeState::Restarting));
        let b = tree.root().which_child("b").unwrap();
        assert_eq!(b.presence, Presence::Restarting);
        tree.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_member_without_a_backoff_takes_the_group_back_at_once() {
    let (tree, lines, board) = group(Strategy::OneForAll).await;
    crash(&lines[2]).await;
    assert_eq!((board.starts("b"), board.starts("c")), (2, 2));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_begins_with_the_crash_not_with_the_last_stop() {
    let board = Board::default();
    let lines: [Line; 2] = lines();
    let backoff = Backoff::exponential(10 * SECOND, 60 * SECOND).jitter(0.0);
    let slow = Manners {
        stop_takes: Some(4 * SECOND),
        ..Manners::default()
    };
    let spec = patient(Strategy::OneForAll)
        .child(mannered("a", &lines[0], &board, slow))
        .child(worker("b", &lines[1], &board).backoff(backoff));
    let tree = start(spec).await;
    let begun = Instant::now();
    crash(&lines[1]).await;
    until(|| board.starts("b") == 2).await;
    assert!((10 * SECOND..11 * SECOND).contains(&begun.elapsed()));
    assert_eq!(board.overlaps(), 0);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_earlier_sibling_that_crashes_during_the_wait_comes_back_at_once() {
    let (tree, lines, board) = group(Strategy::RestForOne).await;
    crash(&lines[1]).await;
    crash(&lines[0]).await;
    assert_eq!(board.starts("a"), 2, "it has no backoff of its own");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_the_wait_of_a_group() {
    for strategy in GROUPS {
        let (tree, lines, board) = group(strategy).await;
        crash(&lines[1]).await;
        let begun = Instant::now();
        tree.shutdown().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        pass(60 * SECOND).await;
        assert_eq!((board.starts("b"), board.alive()), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_terminated_during_the_wait_stays_down_and_the_others_come_back() {
    let (tree, lines, board) = group(Strategy::OneForAll).await;
    crash(&lines[1]).await;
    tree.root().terminate_child("c").await.unwrap();
    pass(10 * SECOND).await;
    let starts = ["a", "b", "c"].map(|id| board.starts(id));
    assert_eq!(starts, [2, 2, 1]);
    tree.root().restart_child("c").await.unwrap();
    assert_eq!(board.starts("c"), 2);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_starts_a_member_past_the_wait_of_its_group() {
    let (tree, lines, board) = group(Strategy::OneForAll).await;
    crash(&lines[1]).await;
    for id in ["a", "b", "c"] {
        let restarting = SupervisorError::Restarting { id: id.to_owned() };
        let asked = timeout(SECOND, tree.root().restart_child(id)).await;
        assert_eq!(asked, Ok(Err(restarting)), "{id}");
    }
    assert_eq!(board.starts("b"), 1);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_specification_does_not_wait_for_the_wait() {
    let (tree, lines, board) = group(Strategy::OneForAll).await;
    crash(&lines[1]).await;
    let spec = patient(Strategy::OneForOne)
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board))
        .child(worker("c", &lines[2], &board));
    let changed = timeout(SECOND, tree.root().code_change(spec)).await;
    assert_eq!(changed, Ok(Ok(())));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_fails_to_come_back_waits_longer_each_time() {
    let (tree, lines, board) = group(Strategy::OneForAll).await;
    let mut feed = Feed::of(&tree);
    board.spoil("b", [BadStart::Refuse, BadStart::Refuse]);
    crash(&lines[1]).await;
    pass(70 * SECOND - MS).await;
    assert_eq!(board.starts("b"), 1);
    pass(MS).await;
    assert_eq!((board.starts("b"), board.overlaps()), (2, 0));
    let all = feed.take();
    let waits = all.iter().filter_map(|(_, event)| match event {
        LifecycleEvent::Resting { wait_ms } => Some(*wait_ms),
        _ => None,
    });
    assert_eq!(waits.collect::<Vec<_>>(), [10_000, 20_000, 40_000]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_wait_of_a_group_counts_once_against_the_intensity() {
    let board = Board::default();
    let lines: [Line; 3] = lines();
    let backoff = Backoff::exponential(SECOND, SECOND).jitter(0.0);
    let mut spec = patient(Strategy::OneForAll);
    spec.intensity = Intensity::new(1, 60 * SECOND);
    for (id, line) in ["a", "b", "c"].iter().zip(&lines) {
        spec = spec.child(worker(id, line, &board).backoff(backoff));
    }
    let tree = start(spec).await;
    crash(&lines[0]).await;
    pass(SECOND).await;
    assert_eq!(tree.snapshot().restarts_in_window, Some(1));
    assert!(lines.iter().all(Line::is_up));
    tree.shutdown().await;
}
