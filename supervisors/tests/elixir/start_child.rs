//! `start_child/2`: what may be started, and what a start answers.

use plantao_supervisors::{
    ChildKind, ChildSpec, ChildSummary, DynamicHandle, DynamicSpec, ExitReason, Intensity, Restart,
    Shutdown, SpecError, Started, SupervisorError,
};
use std::time::Duration;

use crate::pool::*;
use crate::support::*;

#[tokio::test(start_paused = true)]
async fn start_child_2_supports_old_child_spec() {
    let (pool, line) = (pool().await, line());
    let spec = pool
        .sleepy("task", &line)
        .restart(Restart::Temporary)
        .shutdown(Shutdown::Timeout(5 * SECOND))
        .significant(false);
    assert_eq!(pool.handle.start_child(spec).await, Ok(Started::Up));
    assert!(line.is_up());
    let said = ChildSummary {
        restart: Restart::Temporary,
        shutdown: Shutdown::Timeout(5 * SECOND),
        kind: ChildKind::Worker,
        significant: false,
    };
    assert_eq!(pool.handle.child_spec("task"), Ok(said));
}

#[tokio::test(start_paused = true)]
async fn start_child_2_supports_new_child_spec_as_tuple() {
    let (pool, line) = (pool().await, line());
    let spec = pool.sleepy("task", &line).restart(Restart::Temporary);
    assert_eq!(pool.handle.start_child(spec).await, Ok(Started::Up));
    assert!(line.is_up());
    let said = pool.handle.child_spec("task").unwrap();
    assert_eq!(said.restart, Restart::Temporary);
    assert_eq!(said.shutdown, Shutdown::Timeout(5 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn start_child_2_supports_new_child_spec() {
    let (pool, line) = (pool().await, line());
    let started = pool.handle.start_child(pool.sleepy("task", &line)).await;
    assert_eq!((started, line.is_up()), (Ok(Started::Up), true));
    assert_eq!(ping(&line).await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn start_child_2_supports_extra_arguments() {
    let pool = pool().await;
    let board = pool.board.clone();
    let template = pool.handle.template(move |(id, line): (&str, Line)| {
        worker(id, &line, &board).restart(Restart::Temporary)
    });
    for (id, line) in ["x", "y"].map(|id| (id, line())) {
        let started = template.start_child((id, line.clone())).await;
        assert_eq!((started, line.is_up()), (Ok(Started::Up), true));
    }
    assert_eq!(pool.board.take(), ["start x", "start y"]);
}

#[tokio::test(start_paused = true)]
async fn start_child_2_with_invalid_child_spec() {
    let (pool, line) = (pool().await, line());
    let endless = DynamicSpec::new(Intensity::new(3, Duration::ZERO), UNLIMITED);
    let path = |id: &str| format!("root/pool/{id}");
    let cases = [
        (
            pool.sleepy("", &line),
            SpecError::Id {
                path: path(""),
                detail: "it is empty",
            },
        ),
        (
            pool.sleepy("1/2", &line),
            SpecError::Id {
                path: path("1/2"),
                detail: "it contains `/`",
            },
        ),
        (
            ChildSpec::dynamic("below", &DynamicHandle::new(), endless),
            SpecError::Limits {
                path: path("below"),
                field: "intensity",
                detail: "its period is zero; expected more than no time",
            },
        ),
        (
            pool.sleepy("1", &line)
                .restart(Restart::Transient)
                .significant(true),
            SpecError::SignificantNever { path: path("1") },
        ),
    ];
    for (spec, defect) in cases {
        let refused = pool.handle.start_child(spec).await;
        assert_eq!(refused, Err(SupervisorError::Spec(defect)));
    }
    assert_eq!((pool.counts(), line.is_up()), ((0, 0), false));
    assert!(pool.board.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn start_child_2_with_different_returns() {
    let (pool, line) = (pool().await, line());
    pool.board.spoil("ignore", [BadStart::Ignore]);
    pool.board.spoil("error", [BadStart::Refuse]);
    let cases = [
        ("ok", Ok(Started::Up)),
        ("ignore", Ok(Started::Ignored)),
        ("error", start_failed("error", "error: refused")),
    ];
    for (id, expected) in cases {
        let started = pool.handle.start_child(pool.sleepy(id, &line)).await;
        assert_eq!(started, expected, "{id}");
    }
    let children = pool.handle.which_children().unwrap();
    let ids: Vec<_> = children.iter().map(|child| &*child.id).collect();
    assert_eq!(ids, ["ok"]);
    assert_eq!(pool.board.alive(), 1);
}

#[tokio::test(start_paused = true)]
async fn start_child_2_with_throw_error_exit() {
    let (pool, line) = (pool().await, line());
    let thrown = ChildSpec::worker("throw", &line, || -> (Worker, ()) { panic!("oops") });
    pool.board.spoil("error", [BadStart::Panic]);
    pool.board.spoil("exit", [BadStart::Refuse]);
    let cases = [
        (thrown, start_failed("throw", "panic: oops")),
        (
            pool.sleepy("error", &line),
            start_failed("error", "panic: broken"),
        ),
        (
            pool.sleepy("exit", &line),
            start_failed("exit", "error: refused"),
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(pool.handle.start_child(spec).await, expected);
    }
    assert_eq!((pool.counts(), pool.board.alive()), ((0, 0), 0));
}

#[tokio::test(start_paused = true)]
async fn start_child_2_with_max_children() {
    let (pool, line) = (pool_of(3, 0).await, line());
    let full = SupervisorError::MaxChildren { limit: 0 };
    let refused = pool.handle.start_child(pool.sleepy("x", &line)).await;
    assert_eq!(refused, Err(full));
    assert_eq!((pool.counts(), pool.board.starts("x")), ((0, 0), 0));
}

#[tokio::test(start_paused = true)]
async fn start_child_2_with_valid_shutdown() {
    let pool = pool().await;
    for time_ms in 0..=1 {
        let (id, line) = (time_ms.to_string(), line());
        let shutdown = Shutdown::Timeout(Duration::from_millis(time_ms));
        let spec = pool.sleepy(&id, &line).shutdown(shutdown);
        assert_eq!(pool.handle.start_child(spec).await, Ok(Started::Up));
        assert_eq!(pool.handle.child_spec(&id).unwrap().shutdown, shutdown);
        assert_end(&line, "shutdown").await;
        assert_eq!(pool.ends(), [named(&id, ExitReason::Shutdown)]);
    }
}
