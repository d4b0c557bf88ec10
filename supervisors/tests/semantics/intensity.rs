//! How many restarts are too many, and who answers for it.

use plantao_supervisors::{
    ChildSpec, ExitReason, Intensity, NodeState, Restart, Strategy, SupervisorSpec, Tree,
};
use tokio::time::advance;

use crate::support::*;

async fn lone(restarts: u32) -> (Tree, Line, Board) {
    let (board, line) = (Board::default(), line());
    let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity::new(restarts, 5 * SECOND))
        .child(worker("a", &line, &board));
    (start(spec).await, line, board)
}

async fn crash(line: &Line) {
    line.cast(Order::Panic).unwrap();
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_exactly_one_period_old_still_counts() {
    let (tree, line, board) = lone(1).await;
    crash(&line).await;
    assert_eq!(board.starts("a"), 2);
    advance(5 * SECOND).await;
    crash(&line).await;
    assert_eq!(board.starts("a"), 2);
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
    assert_eq!(board.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_restart_older_than_the_period_does_not_count() {
    let (tree, line, board) = lone(1).await;
    for restart in 0..10 {
        crash(&line).await;
        assert_eq!(board.starts("a"), restart + 2);
        advance(5 * SECOND + SECOND / 1000).await;
    }
    assert_eq!(tree.snapshot().restarts_in_window, Some(0));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn one_list_of_restarts_serves_all_children() {
    let (board, lines) = (Board::default(), [line(), line(), line()]);
    let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity::new(2, 5 * SECOND))
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board))
        .child(worker("c", &lines[2], &board));
    let tree = start(spec).await;
    for line in &lines {
        crash(line).await;
    }
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
    assert_eq!(["a", "b", "c"].map(|id| board.starts(id)), [2, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_group_restart_counts_once() {
    let (board, lines) = (Board::default(), [line(), line(), line()]);
    let spec = SupervisorSpec::new(Strategy::OneForAll, Intensity::new(1, 5 * SECOND))
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board))
        .child(worker("c", &lines[2], &board));
    let tree = start(spec).await;
    crash(&lines[1]).await;
    assert_eq!(tree.snapshot().restarts_in_window, Some(1));
    assert_eq!(["a", "b", "c"].map(|id| board.starts(id)), [2, 2, 2]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_fails_is_tried_again_and_each_try_counts() {
    let (tree, line, board) = lone(3).await;
    board.spoil("a", [BadStart::Refuse, BadStart::Panic]);
    crash(&line).await;
    assert_eq!(board.starts("a"), 2);
    let snapshot = tree.snapshot();
    assert_eq!(
        (snapshot.restarts_in_window, snapshot.children[0].restarts),
        (Some(3), 3)
    );
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn restarts_that_keep_failing_end_the_supervisor() {
    let (tree, line, board) = lone(3).await;
    board.spoil("a", [BadStart::Refuse; 100]);
    line.cast(Order::Panic).unwrap();
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
    assert_eq!((board.starts("a"), board.alive()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_member_fails_to_restart_is_taken_down_and_tried_again() {
    let (board, lines) = (Board::default(), [line(), line(), line()]);
    let spec = patient(Strategy::OneForAll)
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board))
        .child(worker("c", &lines[2], &board));
    let tree = start(spec).await;
    board.spoil("b", [BadStart::Refuse]);
    board.take();
    crash(&lines[2]).await;
    let expected = [
        "stop b",
        "stopped b",
        "stop a",
        "stopped a", // the group goes down
        "start a",   // b refuses
        "stop a",
        "stopped a",
        "start a",
        "start b",
        "start c",
    ];
    assert_eq!(board.take(), expected);
    tree.shutdown().await;
}

/// A root over `inner` over workers `a` and `b`; `inner` puts up with one restart.
async fn nested(restart: Restart) -> (Tree, [Line; 2], Board) {
    let (board, lines) = (Board::default(), [line(), line()]);
    let inner = SupervisorSpec::new(Strategy::OneForOne, Intensity::new(1, 5 * SECOND))
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board));
    let child = ChildSpec::supervisor("inner", inner).restart(restart);
    (
        start(patient(Strategy::OneForOne).child(child)).await,
        lines,
        board,
    )
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_gives_up_stops_its_children_and_its_parent_starts_it_anew() {
    let (tree, lines, board) = nested(Restart::Permanent).await;
    crash(&lines[0]).await;
    board.take();
    crash(&lines[0]).await;
    assert_eq!(board.take(), ["stop b", "stopped b", "start a", "start b"]);
    let inner = &tree.snapshot().children[0];
    assert_eq!(
        (inner.restarts, inner.last_exit.clone()),
        (1, Some(ExitReason::Shutdown))
    );
    assert_eq!(
        inner.restarts_in_window,
        Some(0),
        "a new incarnation has no past"
    );
    assert_eq!(inner.children[0].restarts, 0);
    assert_eq!((board.alive(), board.overlaps()), (2, 0));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_transient_supervisor_that_gives_up_stays_down() {
    let (tree, lines, board) = nested(Restart::Transient).await;
    crash(&lines[0]).await;
    crash(&lines[0]).await;
    let inner = &tree.snapshot().children[0];
    assert_eq!((inner.state, inner.restarts), (NodeState::Stopped, 0));
    assert_eq!(board.alive(), 0);
    tree.shutdown().await;
}
