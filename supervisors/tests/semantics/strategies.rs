//! Who restarts when a child exits.

use plantao_supervisors::{ExitReason, Restart, Strategy, Tree};

use crate::support::*;

const IDS: [&str; 3] = ["a", "b", "c"];

async fn three(strategy: Strategy) -> (Tree, [Line; 3], Board) {
    let board = Board::default();
    let lines = [line(), line(), line()];
    let spec = IDS
        .iter()
        .zip(&lines)
        .fold(patient(strategy), |spec, (id, line)| {
            spec.child(worker(id, line, &board))
        });
    let tree = start(spec).await;
    board.take();
    (tree, lines, board)
}

/// Ends child `failed` by a panic and tells what the others went through.
async fn traces_of_a_panic(strategy: Strategy, failed: usize) -> Vec<String> {
    let (tree, lines, board) = three(strategy).await;
    lines[failed].cast(Order::Panic).unwrap();
    until(|| board.starts(IDS[failed]) == 2).await;
    until(|| lines.iter().all(Line::is_up)).await;
    let traces = board.take();
    tree.shutdown().await;
    assert_eq!((board.alive(), board.overlaps()), (0, 0));
    traces
}

#[tokio::test(start_paused = true)]
async fn one_for_one_restarts_only_the_child_that_failed() {
    for (failed, id) in IDS.iter().enumerate() {
        let traces = traces_of_a_panic(Strategy::OneForOne, failed).await;
        assert_eq!(traces, [format!("start {id}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn one_for_all_stops_the_others_in_reverse_and_starts_all_in_order() {
    let expected = [
        [
            "stop c",
            "stopped c",
            "stop b",
            "stopped b",
            "start a",
            "start b",
            "start c",
        ],
        [
            "stop c",
            "stopped c",
            "stop a",
            "stopped a",
            "start a",
            "start b",
            "start c",
        ],
        [
            "stop b",
            "stopped b",
            "stop a",
            "stopped a",
            "start a",
            "start b",
            "start c",
        ],
    ];
    for (failed, expected) in expected.iter().enumerate() {
        assert_eq!(
            traces_of_a_panic(Strategy::OneForAll, failed).await,
            expected
        );
    }
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_restarts_the_child_and_those_started_after_it() {
    let expected: [&[&str]; 3] = [
        &[
            "stop c",
            "stopped c",
            "stop b",
            "stopped b",
            "start a",
            "start b",
            "start c",
        ],
        &["stop c", "stopped c", "start b", "start c"],
        &["start c"],
    ];
    for (failed, expected) in expected.iter().enumerate() {
        assert_eq!(
            traces_of_a_panic(Strategy::RestForOne, failed).await,
            *expected
        );
    }
}

/// Whether a lone child of this class came back, and how it ended.
async fn comes_back(restart: Restart, order: Order) -> (bool, ExitReason) {
    let (board, line) = (Board::default(), line());
    let spec = patient(Strategy::OneForOne).child(worker("a", &line, &board).restart(restart));
    let tree = start(spec).await;
    line.cast(order).unwrap();
    until(|| tree.snapshot().children[0].last_exit.is_some()).await;
    settle().await;
    let reason = tree.snapshot().children[0].last_exit.clone().unwrap();
    (ping(&line).await.is_some(), reason)
}

#[tokio::test(start_paused = true)]
async fn permanent_child_comes_back_after_every_exit() {
    let orders = [
        (Order::Finish(None), ExitReason::Normal),
        (Order::Finish(Some("shutdown")), ExitReason::Shutdown),
        (
            Order::Finish(Some("full")),
            ExitReason::Error("full".into()),
        ),
        (Order::Fail, ExitReason::Error("told to fail".into())),
        (Order::Panic, ExitReason::Panic("told to panic".into())),
    ];
    for (order, reason) in orders {
        assert_eq!(comes_back(Restart::Permanent, order).await, (true, reason));
    }
}

#[tokio::test(start_paused = true)]
async fn transient_child_stays_down_after_normal_and_shutdown_exits_only() {
    let orders = [
        (Order::Finish(None), false),
        (Order::Finish(Some("shutdown")), false),
        (Order::Finish(Some("full")), true),
        (Order::Fail, true),
        (Order::Panic, true),
    ];
    for (order, expected) in orders {
        assert_eq!(comes_back(Restart::Transient, order).await.0, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn temporary_child_never_comes_back() {
    for order in [Order::Finish(None), Order::Fail, Order::Panic] {
        let (board, line) = (Board::default(), line());
        let child = worker("a", &line, &board).restart(Restart::Temporary);
        let tree = start(patient(Strategy::OneForOne).child(child)).await;
        line.cast(order).unwrap();
        until(|| tree.snapshot().children.is_empty()).await;
        settle().await;
        assert_eq!(
            (board.starts("a"), board.alive(), line.is_up()),
            (1, 0, false)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_transient_child_is_restarted() {
    let (board, line) = (Board::default(), line());
    let child = worker("a", &line, &board).restart(Restart::Transient);
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    tree.kill("root/a").unwrap();
    until(|| board.starts("a") == 2).await;
    assert_eq!(
        tree.snapshot().children[0].last_exit,
        Some(ExitReason::Killed)
    );
}

#[tokio::test(start_paused = true)]
async fn a_temporary_sibling_is_stopped_and_not_revived_by_a_group_restart() {
    let (board, lines) = (Board::default(), [line(), line()]);
    let spec = patient(Strategy::OneForAll)
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board).restart(Restart::Temporary));
    let tree = start(spec).await;
    lines[0].cast(Order::Panic).unwrap();
    until(|| board.starts("a") == 2).await;
    settle().await;
    assert_eq!(board.starts("b"), 1);
    assert!(!lines[1].is_up());
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_restart_revives_a_transient_sibling_that_had_finished() {
    let (board, lines) = (Board::default(), [line(), line()]);
    let spec = patient(Strategy::OneForAll)
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board).restart(Restart::Transient));
    let tree = start(spec).await;
    lines[1].cast(Order::Finish(None)).unwrap();
    until(|| !lines[1].is_up()).await;
    lines[0].cast(Order::Panic).unwrap();
    until(|| board.starts("b") == 2).await;
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn siblings_that_fail_together_are_all_restarted() {
    for strategy in [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ] {
        let (tree, lines, board) = three(strategy).await;
        for line in &lines {
            line.cast(Order::Panic).unwrap();
        }
        until(|| IDS.iter().all(|id| board.starts(id) >= 2)).await;
        until(|| lines.iter().all(Line::is_up)).await;
        assert_eq!((board.alive(), board.overlaps()), (3, 0));
        tree.shutdown().await;
        assert_eq!(board.alive(), 0);
    }
}
