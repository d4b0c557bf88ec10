//! `start_child/2`: when a child is restarted, what a restart may come to, and what it counts.

use plantao_supervisors::{ExitReason, Presence, Restart, SupervisorError};

use crate::pool::*;
use crate::support::*;

/// More than any case waits for: as good as for ever.
const FOR_EVER: usize = 100_000;
/// As `max_restarts` where a case is not about it.
const PATIENT: u32 = 100_000;

fn always(bad: BadStart) -> impl Iterator<Item = BadStart> {
    std::iter::repeat_n(bad, FOR_EVER)
}

#[tokio::test(start_paused = true)]
async fn start_child_2_temporary_child_is_not_restarted_regardless_of_reason() {
    let pool = pool().await;
    for reason in ["shutdown", "whatever"] {
        let line = pool.open("x", Restart::Temporary).await;
        assert_end(&line, reason).await;
        assert_eq!(pool.counts(), (0, 0), "{reason}");
    }
    assert_eq!(pool.board.starts("x"), 2);
}

#[tokio::test(start_paused = true)]
async fn start_child_2_transient_child_is_restarted_unless_normal_shutdown_shutdown_with() {
    let pool = pool().await;
    let cases = [
        ("normal", 0),
        ("shutdown", 0),
        ("shutdown: signal", 0),
        ("whatever", 1),
    ];
    for (reason, left) in cases {
        let line = pool.open("x", Restart::Transient).await;
        assert_end(&line, reason).await;
        assert_eq!(pool.counts(), (left, left), "{reason}");
    }
    let reasons: Vec<_> = pool.ends().into_iter().map(|(_, reason)| reason).collect();
    let expected = [
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::ShutdownWith("signal".into()),
        ExitReason::Error("whatever".into()),
    ];
    assert_eq!(reasons, expected);
}

#[tokio::test(start_paused = true)]
async fn start_child_2_permanent_child_is_restarted_regardless_of_reason() {
    let pool = pool_of(PATIENT, UNLIMITED).await;
    let reasons = ["shutdown", "shutdown: signal", "whatever"];
    for (before, reason) in reasons.iter().enumerate() {
        let id = format!("x{before}");
        let line = pool.open(&id, Restart::Permanent).await;
        assert_end(&line, reason).await;
        assert_eq!(pool.counts(), (before + 1, before + 1), "{reason}");
        assert_eq!((ping(&line).await, line.is_up()), (Some(2), true));
    }
}

#[tokio::test(start_paused = true)]
async fn start_child_2_child_is_restarted_with_different_values() {
    use Presence::{Restarting, Up};
    let pool = pool_of(PATIENT, UNLIMITED).await;
    let ok = pool.open("ok", Restart::Permanent).await;
    assert_eq!(pool.presences(), [Up]);
    assert_end(&ok, "shutdown").await;
    assert_eq!(pool.counts(), (1, 1));

    let again = pool.open("again", Restart::Permanent).await;
    assert_eq!(pool.presences(), [Up, Up]);
    assert_end(&again, "shutdown").await;
    assert_eq!(pool.counts(), (2, 2));

    let ignore = pool.open("ignore", Restart::Permanent).await;
    assert_eq!(pool.presences(), [Up, Up, Up]);
    pool.board.spoil("ignore", [BadStart::Ignore]);
    assert_end(&ignore, "shutdown").await;
    assert_eq!(pool.counts(), (2, 2));

    let error = pool.open("error", Restart::Permanent).await;
    assert_eq!(pool.presences(), [Up, Up, Up]);
    pool.board.spoil("error", always(BadStart::Refuse));
    assert_end(&error, "shutdown").await;
    assert_eq!(pool.counts(), (3, 2));

    let unknown = pool.open("unknown", Restart::Permanent).await;
    assert_eq!(pool.presences(), [Up, Up, Restarting, Up]);
    pool.board.spoil("unknown", always(BadStart::Panic));
    assert_end(&unknown, "shutdown").await;
    assert_eq!(pool.counts(), (4, 2));
    assert_eq!(pool.presences(), [Up, Up, Restarting, Restarting]);
}

#[tokio::test(start_paused = true)]
async fn start_child_2_restarting_on_init_children_counted_in_max_children() {
    let pool = pool_of(PATIENT, 1).await;
    let child = pool.open("x", Restart::Permanent).await;
    pool.board.spoil("x", always(BadStart::Refuse));
    assert_end(&child, "shutdown").await;
    assert_eq!(pool.counts(), (1, 0));

    let full = SupervisorError::MaxChildren { limit: 1 };
    let refused = pool.handle.start_child(pool.sleepy("y", &line())).await;
    assert_eq!(refused, Err(full));
}

#[tokio::test(start_paused = true)]
async fn start_child_2_restarting_on_exit_children_counted_in_max_children() {
    let pool = pool_of(PATIENT, 1).await;
    let child = pool.open("x", Restart::Permanent).await;
    assert_end(&child, "shutdown").await;
    assert_eq!(pool.counts(), (1, 1));

    let full = SupervisorError::MaxChildren { limit: 1 };
    let refused = pool.handle.start_child(pool.sleepy("y", &line())).await;
    assert_eq!(refused, Err(full));
}

#[tokio::test(start_paused = true)]
async fn start_child_2_restarting_a_child_with_extra_arguments_successfully_restarts_child() {
    let pool = pool().await;
    let board = pool.board.clone();
    let template = pool.handle.template(move |(id, line): (&str, Line)| {
        worker(id, &line, &board).restart(Restart::Transient)
    });
    let line = line();
    template.start_child(("x", line.clone())).await.unwrap();
    assert_eq!(pool.board.take(), ["start x"]);
    assert_eq!(pool.counts(), (1, 1));

    assert_end(&line, "oops").await;
    assert_eq!(pool.board.take(), ["stop x", "stopped x", "start x"]);
    assert_eq!((pool.counts(), ping(&line).await), ((1, 1), Some(2)));
}

#[tokio::test(start_paused = true)]
async fn start_child_2_child_is_restarted_when_trying_again() {
    let pool = pool_of(2, UNLIMITED).await;
    let child = pool.open("x", Restart::Permanent).await;
    assert_eq!(pool.board.starts("x"), 1);
    pool.board.spoil("x", [BadStart::Refuse]);
    assert_end(&child, "shutdown").await;
    assert_eq!(pool.board.starts("x"), 2);
    assert_eq!(pool.counts(), (1, 1));
}

/// A child that never comes up again ends the supervisor, which allows so many restarts.
async fn gives_up_after(max_restarts: u32) {
    let pool = pool_of(max_restarts, UNLIMITED).await;
    let child = pool.open("x", Restart::Permanent).await;
    pool.board.spoil("x", always(BadStart::Refuse));
    assert_end(&child, "shutdown").await;
    let gone = pool.handle.which_children();
    assert_eq!(gone, Err(SupervisorError::Unavailable));
    let expected = [
        named("pool", ExitReason::Shutdown),
        named("x", ExitReason::Shutdown),
    ];
    assert_eq!(pool.ends(), expected);
    assert_eq!((pool.board.starts("x"), pool.board.alive()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn start_child_2_child_triggers_maximum_restarts() {
    gives_up_after(1).await;
}

#[tokio::test(start_paused = true)]
async fn start_child_2_child_triggers_maximum_intensity_when_trying_again() {
    gives_up_after(10).await;
}
