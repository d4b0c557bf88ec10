//! Handlers that never end: found without a message, killed, restarted.

use plantao_supervisors::{
    CallError, ChildSpec, ExitReason, Intensity, LifecycleEvent, NodeState, Restart, Strategy,
    SupervisorSpec, Tree,
};
use std::time::{Duration, Instant};

use crate::support::*;
use crate::watch::*;

const LIMIT: Duration = Duration::from_secs(3);

async fn lone(restart: Restart) -> (Tree, Line, Board) {
    let (board, line) = (Board::default(), line());
    let child = worker("a", &line, &board).liveness(LIMIT).metered();
    let spec = patient(Strategy::OneForOne).child(child.restart(restart));
    (start(spec).await, line, board)
}

fn handled(tree: &Tree) -> u64 {
    let snapshot = tree.snapshot();
    snapshot.find("root/a").unwrap().handle_time.unwrap().count
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_end_is_found_exactly_at_its_limit() {
    // Wherever between two looks at it the message is taken.
    for idle_ms in [0, 1, 1_499, 2_999, 3_000, 10_500] {
        let (tree, line, board) = lone(Restart::Permanent).await;
        let mut feed = Feed::of(&tree);
        pass(Duration::from_millis(idle_ms)).await;
        line.cast(Order::Hang).unwrap();
        pass(LIMIT - MS).await;
        assert_eq!(feed.take(), [], "idle for {idle_ms} ms before");
        assert!(line.is_up());
        pass(MS).await;
        let reason = ExitReason::Stalled;
        assert_eq!(
            feed.at("root/a"),
            [
                LifecycleEvent::Stalled,
                LifecycleEvent::Exited { reason },
                LifecycleEvent::Restarting { attempt: 1 },
                LifecycleEvent::Started,
            ]
        );
        let snapshot = tree.snapshot();
        let a = snapshot.find("root/a").unwrap();
        assert_eq!(a.last_exit, Some(ExitReason::Stalled));
        assert_eq!(ping(&line).await, Some(2));
        assert_eq!(board.overlaps(), 0);
        tree.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_actor_never_stalls_and_hears_nothing_of_it() {
    let (tree, line, _) = lone(Restart::Permanent).await;
    let mut feed = Feed::of(&tree);
    pass(100 * LIMIT).await;
    assert_eq!(feed.take(), []);
    assert_eq!((handled(&tree), line.depth()), (0, 0));
    assert_eq!(ping(&line).await, Some(1));
    assert_eq!(handled(&tree), 1);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_actor_never_stalls_while_each_message_ends_in_time() {
    let (tree, line, board) = lone(Restart::Permanent).await;
    let mut feed = Feed::of(&tree);
    for _ in 0..10 {
        line.cast(Order::Work(LIMIT - MS)).unwrap();
    }
    until(|| line.depth() == 0).await;
    assert_eq!((feed.take(), board.starts("a")), (vec![], 1));
    assert_eq!(handled(&tree), 10);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn messages_behind_the_one_that_stalls_are_lost_and_their_callers_told() {
    let (tree, line, _) = lone(Restart::Permanent).await;
    line.cast(Order::Hang).unwrap();
    let answer = line.call(60 * SECOND, Order::Ping).await;
    assert_eq!(answer, Err(CallError::Unavailable));
    settle().await;
    assert_eq!((line.depth(), ping(&line).await), (0, Some(2)));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_an_abnormal_exit() {
    let cases = [
        (Restart::Permanent, Some(NodeState::Running)),
        (Restart::Transient, Some(NodeState::Running)),
        (Restart::Temporary, None),
    ];
    for (restart, expected) in cases {
        let (tree, line, board) = lone(restart).await;
        line.cast(Order::Hang).unwrap();
        pass(LIMIT).await;
        assert_eq!(state(&tree, "root/a"), expected);
        assert_eq!(board.alive(), u32::from(expected.is_some()));
        tree.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_life_is_watched_like_the_first() {
    let (tree, line, board) = lone(Restart::Permanent).await;
    for life in 1..5 {
        assert_eq!(board.starts("a"), life);
        line.cast(Order::Hang).unwrap();
        pass(LIMIT).await;
    }
    assert_eq!(board.starts("a"), 5);
    pass(10 * LIMIT).await;
    assert_eq!(
        board.starts("a"),
        5,
        "the stall of a life does not outlive it"
    );
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_stall_takes_siblings_along_and_counts_as_any_exit_does() {
    let board = Board::default();
    let lines: [Line; 2] = lines();
    let spec = SupervisorSpec::new(Strategy::OneForAll, Intensity::new(1, 60 * SECOND))
        .child(worker("a", &lines[0], &board).liveness(LIMIT))
        .child(worker("b", &lines[1], &board));
    let tree = start(spec).await;
    let mut feed = Feed::of(&tree);
    lines[0].cast(Order::Hang).unwrap();
    pass(LIMIT).await;
    assert_eq!((board.starts("a"), board.starts("b")), (2, 2));
    lines[0].cast(Order::Hang).unwrap();
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
    let reason = ExitReason::Stalled;
    assert!(feed.at("root").contains(&LifecycleEvent::GaveUp { reason }));
    assert_eq!(board.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_a_handler_may_take_for_ever() {
    let (board, line) = (Board::default(), line());
    let spec = patient(Strategy::OneForOne).child(worker("a", &line, &board).metered());
    let tree = start(spec).await;
    line.cast(Order::Hang).unwrap();
    pass(3_600 * SECOND).await;
    assert_eq!((board.starts("a"), board.alive()), (1, 1));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_stop_is_no_stall() {
    let (board, line) = (Board::default(), line());
    let slow = Manners {
        stop_takes: Some(4 * SECOND),
        ..Manners::default()
    };
    let child = mannered("a", &line, &board, slow).liveness(SECOND);
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    let mut feed = Feed::of(&tree);
    line.cast(Order::Finish(None)).unwrap();
    pass(4 * SECOND).await;
    let reason = ExitReason::Normal;
    let events = feed.at("root/a");
    assert_eq!(events[0], LifecycleEvent::Exited { reason });
    assert_eq!(board.starts("a"), 2);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_start_is_no_stall() {
    let (board, line) = (Board::default(), line());
    board.spoil("a", [BadStart::Hang]);
    let child = worker("a", &line, &board)
        .liveness(SECOND)
        .start_timeout(10 * SECOND);
    let error = Tree::start("root", patient(Strategy::OneForOne).child(child)).await;
    let text = error.unwrap_err().to_string();
    assert!(text.ends_with("not up after `10s`"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_a_change_takes_away_no_longer_holds() {
    let (tree, line, board) = lone(Restart::Permanent).await;
    line.cast(Order::Hang).unwrap();
    settle().await;
    let spec = patient(Strategy::OneForOne).child(worker("a", &line, &board));
    tree.root().code_change(spec).await.unwrap();
    pass(10 * LIMIT).await;
    assert_eq!(board.starts("a"), 1);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_holds_for_children_of_children_too() {
    let (board, line) = (Board::default(), line());
    let inner = patient(Strategy::OneForOne).child(worker("a", &line, &board).liveness(LIMIT));
    let spec = patient(Strategy::OneForOne).child(ChildSpec::supervisor("inner", inner));
    let tree = start(spec).await;
    line.cast(Order::Hang).unwrap();
    pass(LIMIT).await;
    assert_eq!(board.starts("a"), 2);
    tree.shutdown().await;
}

/// Waits in real time: what blocks a thread cannot run on a paused clock.
async fn until_real(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition never came true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_is_quarantined_and_restarted_when_it_ended() {
    let board = Board::default();
    let lines: [Line; 2] = lines();
    let limit = Duration::from_millis(50);
    let spec = patient(Strategy::OneForOne)
        .child(worker("a", &lines[0], &board).liveness(limit))
        .child(worker("b", &lines[1], &board));
    let tree = start(spec).await;
    let mut feed = Feed::of(&tree);
    let (release, until_released) = std::sync::mpsc::channel();
    lines[0].cast(Order::Block(until_released)).unwrap();
    until_real(|| state(&tree, "root/a") == Some(NodeState::Quarantined)).await;
    assert!(!lines[0].is_up());
    assert_eq!(
        board.starts("a"),
        1,
        "a second one would be beside the first"
    );
    assert_eq!(ping(&lines[1]).await, Some(1), "nobody else is held up");
    drop(release);
    until_real(|| board.starts("a") == 2 && lines[0].is_up()).await;
    assert_eq!(board.overlaps(), 0);
    tree.shutdown().await;
    let reason = ExitReason::Stalled;
    let told = feed.at("root/a");
    assert_eq!(
        told[..5],
        [
            LifecycleEvent::Stalled,
            LifecycleEvent::Quarantined,
            LifecycleEvent::Exited { reason },
            LifecycleEvent::Restarting { attempt: 1 },
            LifecycleEvent::Started,
        ]
    );
}
