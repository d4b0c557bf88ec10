//! Waiting before a restart: how long, for whom, and what ends the wait early.

use plantao_supervisors::{
    Backoff, CallError, ChildSpec, DynamicHandle, DynamicSpec, ExitReason, Intensity, KillError,
    LifecycleEvent, NodeState, Presence, Restart, Strategy, SupervisorError, SupervisorSpec, Tree,
};
use std::time::Duration;
use tokio::time::Instant;

use crate::support::*;
use crate::watch::*;

fn doubling() -> Backoff {
    Backoff::exponential(SECOND, 8 * SECOND).jitter(0.0)
}

async fn lone(backoff: Backoff) -> (Tree, Line, Board) {
    let (board, line) = (Board::default(), line());
    let child = worker("a", &line, &board).backoff(backoff);
    let spec = patient(Strategy::OneForOne).child(child);
    (start(spec).await, line, board)
}

#[tokio::test(start_paused = true)]
async fn the_wait_doubles_from_restart_to_restart_up_to_its_limit() {
    let (tree, line, board) = lone(doubling()).await;
    let mut feed = Feed::of(&tree);
    for (before, seconds) in (1..).zip([1, 2, 4, 8, 8]) {
        crash(&line).await;
        pass(seconds * SECOND - MS).await;
        assert_eq!(
            board.starts("a"),
            before,
            "a wait of {seconds} s is not over"
        );
        pass(MS).await;
        assert_eq!(board.starts("a"), before + 1);
    }
    assert_eq!(feed.waits_ms(), [1_000, 2_000, 4_000, 8_000, 8_000]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_waits_shows_as_restarting_and_takes_no_message() {
    let (tree, line, board) = lone(doubling()).await;
    let mut feed = Feed::of(&tree);
    crash(&line).await;
    assert_eq!(state(&tree, "root/a"), Some(NodeState::Restarting));
    assert_eq!(
        tree.root().which_child("a").unwrap().presence,
        Presence::Restarting
    );
    let snapshot = tree.snapshot();
    let a = snapshot.find("root/a").unwrap();
    let panic = ExitReason::Panic("told to panic".to_owned());
    assert_eq!((&a.last_exit, a.uptime_ms), (&Some(panic.clone()), None));
    assert_eq!(line.cast(Order::Panic), Err(CallError::Unavailable));
    let not_running = KillError::NotRunning {
        path: "root/a".to_owned(),
    };
    assert_eq!(tree.kill("root/a"), Err(not_running));
    assert_eq!(
        feed.at("root/a"),
        [
            LifecycleEvent::Exited { reason: panic },
            LifecycleEvent::Resting { wait_ms: 1_000 },
        ]
    );
    pass(SECOND).await;
    assert_eq!(
        feed.at("root/a"),
        [
            LifecycleEvent::Restarting { attempt: 1 },
            LifecycleEvent::Started,
        ]
    );
    assert_eq!(ping(&line).await, Some(2));
    assert_eq!(board.overlaps(), 0);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_was_up_for_long_enough_starts_over_with_the_first_wait() {
    let (tree, line, _) = lone(doubling().reset_after(10 * SECOND)).await;
    let mut feed = Feed::of(&tree);
    let crashes = [
        (Duration::ZERO, SECOND),
        (10 * SECOND - MS, 2 * SECOND),
        (10 * SECOND, SECOND),
        (SECOND, 2 * SECOND),
    ];
    for (up, wait) in crashes {
        pass(up).await;
        crash(&line).await;
        pass(wait).await;
        assert!(line.is_up());
    }
    assert_eq!(feed.waits_ms(), [1_000, 2_000, 1_000, 2_000]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_fails_makes_the_next_wait_longer() {
    let (tree, line, board) = lone(doubling()).await;
    let mut feed = Feed::of(&tree);
    board.spoil("a", [BadStart::Refuse, BadStart::Panic]);
    crash(&line).await;
    pass(7 * SECOND - MS).await;
    assert_eq!(board.starts("a"), 1);
    pass(MS).await;
    assert_eq!(board.starts("a"), 2);
    assert_eq!(feed.waits_ms(), [1_000, 2_000, 4_000]);
    assert_eq!(tree.snapshot().find("root/a").unwrap().restarts, 3);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_first_start_that_fails_is_not_waited_for() {
    let (board, line) = (Board::default(), line());
    board.spoil("a", [BadStart::Refuse]);
    let child = worker("a", &line, &board).backoff(doubling());
    let begun = Instant::now();
    let started = Tree::start("root", patient(Strategy::OneForOne).child(child)).await;
    assert!(started.is_err());
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

/// The first five waits of two children, each crashing on its own.
async fn waits(seed: Option<u64>) -> [Vec<u64>; 2] {
    let board = Board::default();
    let lines: [Line; 2] = lines();
    let backoff = doubling().jitter(0.5);
    let spec = patient(Strategy::OneForOne)
        .child(worker("a", &lines[0], &board).backoff(backoff))
        .child(worker("b", &lines[1], &board).backoff(backoff));
    let tree = match seed {
        Some(seed) => Tree::start_seeded("root", spec, seed).await.unwrap(),
        None => start(spec).await,
    };
    let mut feed = Feed::of(&tree);
    let mut all = [Vec::new(), Vec::new()];
    for (line, waits) in lines.iter().zip(&mut all) {
        for _ in 0..5 {
            crash(line).await;
            until(|| line.is_up()).await;
        }
        *waits = feed.waits_ms();
    }
    tree.shutdown().await;
    all
}

#[tokio::test(start_paused = true)]
async fn jitter_stays_within_its_share_of_the_wait() {
    for seed in 0..20 {
        for waits in waits(Some(seed)).await {
            for (wait_ms, plain_ms) in waits.into_iter().zip([1_000, 2_000, 4_000, 8_000, 8_000]) {
                assert!((plain_ms / 2..=plain_ms * 3 / 2).contains(&wait_ms));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn jitter_is_repeated_by_the_seed_and_apart_for_siblings_and_other_seeds() {
    let [a, b] = waits(Some(7)).await;
    assert_eq!(waits(Some(7)).await, [a.clone(), b.clone()]);
    assert_ne!(a, b, "siblings do not come back in step");
    assert_ne!(waits(Some(8)).await[0], a);
    assert_eq!(waits(None).await, waits(Some(0)).await);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_nobody_can_compute_takes_no_supervisor_down() {
    let forever = Backoff::exponential(Duration::MAX, Duration::MAX);
    let absurd = [
        forever,
        forever.jitter(1.0),
        doubling().jitter(f64::NAN),
        Backoff {
            jitter: -40.0,
            ..doubling()
        },
        Backoff {
            jitter: 40.0,
            ..doubling()
        },
    ];
    for backoff in absurd {
        let board = Board::default();
        let lines: [Line; 2] = lines();
        let spec = patient(Strategy::OneForOne)
            .child(worker("a", &lines[0], &board).backoff(backoff))
            .child(worker("b", &lines[1], &board));
        // Refused, or understood; not found out by the first crash.
        let Ok(tree) = Tree::start("root", spec).await else {
            continue;
        };
        crash(&lines[0]).await;
        assert_eq!(ping(&lines[1]).await, Some(1), "{backoff:?}");
        assert_eq!(state(&tree, "root"), Some(NodeState::Running));
        tree.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn restarts_that_wait_count_against_the_intensity_as_ever() {
    let (board, line) = (Board::default(), line());
    let child = worker("a", &line, &board).backoff(doubling());
    let limit = Intensity::new(1, 60 * SECOND);
    let tree = start(SupervisorSpec::new(Strategy::OneForOne, limit).child(child)).await;
    crash(&line).await;
    pass(SECOND).await;
    let begun = Instant::now();
    crash(&line).await;
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
    assert_eq!((begun.elapsed(), board.starts("a")), (Duration::ZERO, 2));
}

#[tokio::test(start_paused = true)]
async fn only_a_child_that_comes_back_waits() {
    let (board, line) = (Board::default(), line());
    let child = worker("a", &line, &board)
        .backoff(doubling())
        .restart(Restart::Transient);
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    let mut feed = Feed::of(&tree);
    line.cast(Order::Finish(None)).unwrap();
    settle().await;
    assert_eq!(state(&tree, "root/a"), Some(NodeState::Stopped));
    assert_eq!(feed.waits_ms(), [] as [u64; 0]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_keeps_no_sibling_waiting() {
    let board = Board::default();
    let lines: [Line; 2] = lines();
    let spec = patient(Strategy::OneForOne)
        .child(worker("a", &lines[0], &board).backoff(doubling()))
        .child(worker("b", &lines[1], &board));
    let tree = start(spec).await;
    crash(&lines[0]).await;
    crash(&lines[1]).await;
    assert_eq!((board.starts("a"), board.starts("b")), (1, 2));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_the_wait() {
    let (tree, line, board) = lone(doubling()).await;
    crash(&line).await;
    let begun = Instant::now();
    tree.shutdown().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    pass(60 * SECOND).await;
    assert_eq!((board.starts("a"), board.alive()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn requests_about_a_child_that_waits_are_answered_at_once() {
    let (tree, line, board) = lone(doubling()).await;
    crash(&line).await;
    let id = "a".to_owned();
    let restarting = SupervisorError::Restarting { id: id.clone() };
    let root = tree.root();
    assert_eq!(root.restart_child("a").await, Err(restarting.clone()));
    assert_eq!(root.delete_child("a").await, Err(restarting));
    let present = Err(SupervisorError::AlreadyPresent { id });
    let again = root.start_child(worker("a", &line, &board)).await;
    assert!(again == present || matches!(again, Err(SupervisorError::AlreadyStarted { .. })));
    let begun = Instant::now();
    root.terminate_child("a").await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    pass(60 * SECOND).await;
    assert_eq!(board.starts("a"), 1, "terminated is terminated");
    root.restart_child("a").await.unwrap();
    assert_eq!(board.starts("a"), 2);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_child_that_waits_keeps_its_place() {
    let (board, pool) = (Board::default(), DynamicHandle::new());
    let lines: [Line; 2] = lines();
    let limits = DynamicSpec::new(Intensity::new(100, SECOND), 1);
    let spec = patient(Strategy::OneForOne).child(ChildSpec::dynamic("pool", &pool, limits));
    let tree = start(spec).await;
    let first = worker("a", &lines[0], &board).backoff(doubling());
    pool.start_child(first).await.unwrap();
    crash(&lines[0]).await;
    let full = Err(SupervisorError::MaxChildren { limit: 1 });
    let second = || worker("b", &lines[1], &board);
    assert_eq!(pool.start_child(second()).await, full);
    pool.terminate_child("a").await.unwrap();
    pool.start_child(second()).await.unwrap();
    pass(60 * SECOND).await;
    assert_eq!((board.starts("a"), board.starts("b")), (1, 1));
    tree.shutdown().await;
}
