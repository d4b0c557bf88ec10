//! `terminate/2` and `terminate_child/2`: how children end when they are made to.

use plantao_supervisors::{ExitReason, Restart, Shutdown, SupervisorError};
use std::time::Duration;

use crate::pool::*;
use crate::support::*;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Three sleepy children, to be ended in this way.
async fn three(pool: &Pool, shutdown: Shutdown) {
    for id in ["a", "b", "c"] {
        let spec = pool.sleepy(id, &line()).shutdown(shutdown);
        pool.handle.start_child(spec).await.unwrap();
    }
}

/// What is told when the supervisor stops, and its children end so.
fn all_end(reasons: [ExitReason; 3]) -> Vec<(String, ExitReason)> {
    let children = ["a", "b", "c"].into_iter().zip(reasons);
    let mut ends: Vec<_> = children.map(|(id, reason)| named(id, reason)).collect();
    ends.push(named("pool", ExitReason::Shutdown));
    ends
}

#[tokio::test(start_paused = true)]
async fn terminate_2_terminates_children_with_brutal_kill() {
    let pool = pool().await;
    three(&pool, Shutdown::BrutalKill).await;
    pool.board.take();
    pool.leave().await;
    assert_eq!(pool.ends(), all_end([(); 3].map(|()| ExitReason::Killed)));
    assert_eq!(pool.board.alive(), 0);
    assert!(pool.board.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn terminate_2_terminates_children_with_infinity_shutdown() {
    let pool = pool().await;
    three(&pool, Shutdown::Infinity).await;
    pool.leave().await;
    assert_eq!(pool.ends(), all_end([(); 3].map(|()| ExitReason::Shutdown)));
    assert_eq!(pool.board.alive(), 0);
}

/// Children that answer the request to stop with reasons of their own: an error and a panic as
/// they clean up, and one that has just begun to leave, saying why.
async fn abnormal(shutdown: Shutdown) {
    let pool = pool().await;
    let manners = [
        Manners {
            stop_fails: Some("oops"),
            ..Manners::default()
        },
        Manners {
            stop_panics: true,
            ..Manners::default()
        },
        Manners {
            stop_takes: Some(SECOND / 2),
            ..Manners::default()
        },
    ];
    let mut lines = Vec::new();
    for (id, manners) in ["a", "b", "c"].iter().zip(manners) {
        let line = line();
        let spec = mannered(id, &line, &pool.board, manners).shutdown(shutdown);
        pool.handle.start_child(spec).await.unwrap();
        lines.push(line);
    }
    assert_end(&lines[2], "shutdown: oops").await;
    assert!(pool.ends().is_empty());
    pool.leave().await;
    let expected = all_end([
        ExitReason::Error("oops".into()),
        ExitReason::Panic("told to panic at the end".into()),
        ExitReason::ShutdownWith("oops".into()),
    ]);
    assert_eq!(pool.ends(), expected);
    assert_eq!(["a", "b", "c"].map(|id| pool.board.starts(id)), [1, 1, 1]);
    assert_eq!(pool.board.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn terminate_2_terminates_children_with_infinity_shutdown_and_abnormal_reason() {
    abnormal(Shutdown::Infinity).await;
}

#[tokio::test(start_paused = true)]
async fn terminate_2_terminates_children_with_integer_shutdown() {
    let pool = pool().await;
    three(&pool, Shutdown::Timeout(SECOND)).await;
    pool.leave().await;
    assert_eq!(pool.ends(), all_end([(); 3].map(|()| ExitReason::Shutdown)));
    assert_eq!(pool.board.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn terminate_2_terminates_children_with_integer_shutdown_and_abnormal_reason() {
    abnormal(Shutdown::Timeout(SECOND)).await;
}

#[tokio::test(start_paused = true)]
async fn terminate_2_terminates_children_with_expired_integer_shutdown() {
    let (pool, deaf) = (pool().await, line());
    for (id, line) in [("a", line()), ("b", deaf.clone()), ("c", line())] {
        let shutdown = Shutdown::Timeout(MILLISECOND);
        let spec = pool.sleepy(id, &line).shutdown(shutdown);
        pool.handle.start_child(spec).await.unwrap();
    }
    deaf.cast(Order::Hang).unwrap();
    settle().await;
    pool.leave().await;
    let expected = all_end([
        ExitReason::Shutdown,
        ExitReason::Killed,
        ExitReason::Shutdown,
    ]);
    assert_eq!(pool.ends(), expected);
    assert_eq!(pool.board.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn terminate_2_terminates_children_with_permanent_restart_and_normal_reason() {
    let pool = pool().await;
    for id in ["a", "b", "c"] {
        let (line, manners) = (
            line(),
            Manners {
                stop_takes: Some(SECOND / 2),
                ..Manners::default()
            },
        );
        let spec = mannered(id, &line, &pool.board, manners)
            .shutdown(Shutdown::Infinity)
            .restart(Restart::Permanent);
        pool.handle.start_child(spec).await.unwrap();
        line.cast(Order::Finish(None)).unwrap();
    }
    settle().await;
    assert_eq!((pool.ends(), pool.counts()), (Vec::new(), (3, 3)));
    pool.leave().await;
    assert_eq!(pool.ends(), all_end([(); 3].map(|()| ExitReason::Normal)));
    assert_eq!(["a", "b", "c"].map(|id| pool.board.starts(id)), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn terminate_2_terminates_with_mixed_children() {
    let pool = pool().await;
    let kinds = [("a", Shutdown::Infinity), ("b", Shutdown::BrutalKill)];
    for (id, shutdown) in kinds {
        let spec = pool.sleepy(id, &line()).shutdown(shutdown);
        pool.handle.start_child(spec).await.unwrap();
    }
    pool.leave().await;
    let expected = [
        named("a", ExitReason::Shutdown),
        named("b", ExitReason::Killed),
        named("pool", ExitReason::Shutdown),
    ];
    assert_eq!(pool.ends(), expected);
    assert_eq!(pool.board.alive(), 0);
}

/// Ends one child by its id; it is forgotten, and there is nothing to end a second time.
async fn terminated(shutdown: Shutdown, reason: ExitReason) {
    let (pool, line) = (pool().await, line());
    let spec = pool.sleepy("x", &line).shutdown(shutdown);
    pool.handle.start_child(spec).await.unwrap();
    assert_eq!(pool.handle.terminate_child("x").await, Ok(()));
    assert_eq!(pool.ends(), [named("x", reason)]);
    assert_gone(&pool).await;
}

async fn assert_gone(pool: &Pool) {
    let unknown = SupervisorError::NotFound { id: "x".into() };
    assert_eq!(pool.handle.terminate_child("x").await, Err(unknown));
    assert_eq!((pool.counts(), pool.board.alive()), ((0, 0), 0));
}

#[tokio::test(start_paused = true)]
async fn terminate_child_2_terminates_child_with_brutal_kill() {
    terminated(Shutdown::BrutalKill, ExitReason::Killed).await;
}

#[tokio::test(start_paused = true)]
async fn terminate_child_2_terminates_child_with_integer_shutdown() {
    terminated(Shutdown::Timeout(SECOND), ExitReason::Shutdown).await;
}

#[tokio::test(start_paused = true)]
async fn terminate_child_2_terminates_restarting_child() {
    let pool = pool_of(100_000, UNLIMITED).await;
    let child = pool.open("x", Restart::Permanent).await;
    pool.board
        .spoil("x", std::iter::repeat_n(BadStart::Refuse, 100_000));
    assert_end(&child, "shutdown").await;
    assert_eq!(pool.counts(), (1, 0));
    assert_eq!(pool.handle.terminate_child("x").await, Ok(()));
    assert_gone(&pool).await;
}
