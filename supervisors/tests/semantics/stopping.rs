//! How children are made to end.

use plantao_supervisors::{ChildSpec, ExitReason, Shutdown, Strategy};
use tokio::time::Instant;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn shutdown_stops_children_in_reverse_order_one_after_the_other() {
    let (board, lines) = (Board::default(), [line(), line(), line(), line()]);
    let slow = |id: &str, line: &Line| {
        mannered(
            id,
            line,
            &board,
            Manners {
                stop_takes: Some(SECOND),
                ..Manners::default()
            },
        )
    };
    let inner = patient(Strategy::OneForOne)
        .child(slow("b", &lines[1]))
        .child(slow("c", &lines[2]));
    let spec = patient(Strategy::OneForOne)
        .child(slow("a", &lines[0]))
        .child(ChildSpec::supervisor("inner", inner))
        .child(slow("d", &lines[3]));
    let tree = start(spec).await;
    board.take();
    tree.shutdown().await;
    let expected: Vec<String> = ["d", "c", "b", "a"]
        .iter()
        .flat_map(|id| [format!("stop {id}"), format!("stopped {id}")])
        .collect();
    assert_eq!(board.take(), expected);
    assert_eq!(board.alive(), 0);
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
}

async fn stop_of(manners: Manners, shutdown: Shutdown, order: Option<Order>) -> (f64, Vec<String>) {
    let (board, line) = (Board::default(), line());
    let child = mannered("a", &line, &board, manners).shutdown(shutdown);
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    if let Some(order) = order {
        line.cast(order).unwrap();
        settle().await;
    }
    board.take();
    let before = Instant::now();
    tree.shutdown().await;
    assert_eq!(board.alive(), 0);
    (before.elapsed().as_secs_f64(), board.take())
}

#[tokio::test(start_paused = true)]
async fn a_child_that_overruns_its_time_to_stop_is_killed() {
    let manners = Manners {
        stop_takes: Some(60 * SECOND),
        ..Manners::default()
    };
    let (took, traces) = stop_of(manners, Shutdown::Timeout(3 * SECOND), None).await;
    assert!((3.0..3.1).contains(&took), "{took}");
    assert_eq!(traces, ["stop a"]);
}

#[tokio::test(start_paused = true)]
async fn a_child_whose_handler_hangs_is_killed_after_its_time_to_stop() {
    let shutdown = Shutdown::Timeout(3 * SECOND);
    let (took, traces) = stop_of(Manners::default(), shutdown, Some(Order::Hang)).await;
    assert!((3.0..3.1).contains(&took), "{took}");
    assert!(traces.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_brutal_kill_runs_no_post_stop() {
    let (took, traces) = stop_of(Manners::default(), Shutdown::BrutalKill, None).await;
    assert!(took < 0.1, "{took}");
    assert!(traces.is_empty());
}

#[tokio::test(start_paused = true)]
async fn infinity_waits_as_long_as_the_child_takes() {
    let manners = Manners {
        stop_takes: Some(3600 * SECOND),
        ..Manners::default()
    };
    let (took, traces) = stop_of(manners, Shutdown::Infinity, None).await;
    assert!(took >= 3600.0, "{took}");
    assert_eq!(traces, ["stop a", "stopped a"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_post_stop_hinders_neither_the_stop_nor_a_restart() {
    let manners = Manners {
        stop_panics: true,
        ..Manners::default()
    };
    let (_, traces) = stop_of(
        manners.clone(),
        Shutdown::Timeout(SECOND),
        Some(Order::Finish(None)),
    )
    .await;
    assert_eq!(traces, ["stop a"]);
    let (board, line) = (Board::default(), line());
    let spec = patient(Strategy::OneForOne).child(mannered("a", &line, &board, manners));
    let tree = start(spec).await;
    line.cast(Order::Finish(None)).unwrap();
    until(|| board.starts("a") == 2).await;
    let exit = tree.snapshot().children[0].last_exit.clone();
    assert_eq!(
        exit,
        Some(ExitReason::Panic("told to panic at the end".into()))
    );
    tree.shutdown().await;
    assert_eq!(board.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_still_starting_is_called_off_by_a_shutdown() {
    let (board, line) = (Board::default(), line());
    let tree = start(patient(Strategy::OneForOne).child(worker("a", &line, &board))).await;
    board.spoil("a", [BadStart::Hang]);
    line.cast(Order::Panic).unwrap();
    until(|| !line.is_up()).await;
    settle().await;
    let before = Instant::now();
    tree.shutdown().await;
    assert!(before.elapsed() < SECOND);
    assert_eq!(board.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_tree_nobody_holds_any_more_stops_in_order() {
    let (board, lines) = (Board::default(), [line(), line()]);
    let spec = patient(Strategy::OneForOne)
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board));
    drop(start(spec).await);
    until(|| board.alive() == 0).await;
    assert_eq!(
        board.take()[2..],
        ["stop b", "stopped b", "stop a", "stopped a"]
    );
}
