//! Stopping supervisors: the group `sup_stop`.

use plantao_supervisors::{ChildSpec, ExitReason, Restart, Shutdown, Strategy};
use std::time::Duration;

use crate::stage::*;
use crate::support::*;

const CLASSES: [Restart; 3] = [Restart::Temporary, Restart::Transient, Restart::Permanent];

/// What a worker may stop itself with, and as what that is told.
fn reasons() -> [(Option<&'static str>, ExitReason); 4] {
    [
        (None, ExitReason::Normal),
        (Some("shutdown"), ExitReason::Shutdown),
        (
            Some("shutdown: test"),
            ExitReason::ShutdownWith("test".to_owned()),
        ),
        (Some("other"), ExitReason::Error("other".to_owned())),
    ]
}

#[tokio::test(start_paused = true)]
async fn sup_stop_infinity() {
    let mut stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    // As long as it takes: the worker below the first child, and the second child.
    for id in ["below", "child2"] {
        stage.crew.farewell(id, Farewell::Late(3600 * SECOND));
    }
    let patient = |id: &str| stage.crew.worker(id).shutdown(Shutdown::Infinity);
    let below = sup(Strategy::OneForOne, USUAL).child(patient("below"));
    let child1 = ChildSpec::supervisor("child1", below).shutdown(Shutdown::Infinity);
    stage.sup.start_child(child1).await.unwrap();
    stage.sup.start_child(patient("child2")).await.unwrap();
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    for id in ["child1", "child2", "below"] {
        assert_eq!(stage.exit(id).await, ExitReason::Shutdown);
    }
    assert_eq!(stage.crew.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn sup_stop_timeout() {
    let mut stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    let shutdown = Shutdown::Timeout(SECOND);
    for id in ["child1", "child2"] {
        let child = stage.crew.worker(id).shutdown(shutdown);
        stage.sup.start_child(child).await.unwrap();
    }
    stage.crew.tell("child2", Order::Sleep);
    settle().await;
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child1").await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child2").await, ExitReason::Killed);
    assert_eq!(stage.crew.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn sup_stop_timeout_dynamic() {
    let mut stage = Dynamic::empty(USUAL).await;
    let shutdown = Shutdown::Timeout(SECOND);
    for id in ["child1", "child2"] {
        let child = stage.crew.of_class(id, Restart::Temporary);
        stage
            .sup
            .start_child(child.shutdown(shutdown))
            .await
            .unwrap();
    }
    stage.crew.tell("child2", Order::Sleep);
    settle().await;
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child1").await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child2").await, ExitReason::Killed);
    assert_eq!(stage.crew.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn sup_stop_brutal_kill() {
    let mut stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    let kinds = [
        ("child1", Shutdown::Timeout(SECOND)),
        ("child2", Shutdown::BrutalKill),
    ];
    for (id, shutdown) in kinds {
        let child = stage.crew.worker(id).shutdown(shutdown);
        stage.sup.start_child(child).await.unwrap();
    }
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child1").await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child2").await, ExitReason::Killed);
}

#[tokio::test(start_paused = true)]
async fn sup_stop_brutal_kill_dynamic() {
    let mut stage = Dynamic::empty(USUAL).await;
    let ids = (1..=10).map(|number| format!("child{number}"));
    let ids: Vec<String> = ids.collect();
    for id in &ids {
        let child = stage.crew.of_class(id, Restart::Temporary);
        let child = child.shutdown(Shutdown::BrutalKill);
        stage.sup.start_child(child).await.unwrap();
    }
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    for id in &ids {
        assert_eq!(stage.exit(id).await, ExitReason::Killed);
    }
}

#[tokio::test(start_paused = true)]
async fn sup_stop_race() {
    let mut stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    let limited = |id: &str, restart, time| {
        let child = stage.crew.of_class(id, restart);
        child.shutdown(Shutdown::Timeout(time))
    };
    let first = limited("child_a", Restart::Temporary, SECOND);
    stage.sup.start_child(first).await.unwrap();
    let mut racers = Vec::new();
    for class in CLASSES {
        for (reason, told) in reasons() {
            let id = format!("child{}", racers.len());
            let child = limited(&id, class, SECOND);
            stage.sup.start_child(child).await.unwrap();
            racers.push((id, reason, told));
        }
    }
    // It is the first to be stopped, and takes its time; meanwhile the others leave.
    stage.crew.farewell("child_z", Farewell::Late(SECOND));
    let last = limited("child_z", Restart::Temporary, 2 * SECOND);
    stage.sup.start_child(last).await.unwrap();
    let lives = stage.crew.lives();
    let race = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for (id, reason, _) in &racers {
            stage.crew.tell(id, Order::Finish(*reason));
        }
    };
    tokio::join!(stage.tree.shutdown(), race);
    assert_eq!(stage.exit("sup").await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child_z").await, ExitReason::Shutdown);
    for (id, _, told) in racers {
        assert_eq!(stage.exit(&id).await, told);
    }
    assert_eq!(stage.exit("child_a").await, ExitReason::Shutdown);
    assert_eq!((stage.crew.lives(), stage.crew.alive()), (lives, 0));
}

/// The workers are on their way out, each for its own reason, when they are told to stop; the
/// last one fails for having been told.
#[tokio::test(start_paused = true)]
async fn sup_stop_non_shutdown_exit_dynamic() {
    for class in CLASSES {
        let mut stage = Dynamic::empty(USUAL).await;
        let mut leaving = Vec::new();
        for (reason, told) in reasons() {
            let id = format!("child{}", leaving.len());
            stage.crew.farewell(&id, Farewell::Late(SECOND));
            stage.add(&id, class).await;
            stage.crew.tell(&id, Order::Finish(reason));
            leaving.push((id, told));
        }
        stage.crew.farewell("last", Farewell::Fails("other"));
        stage.add("last", class).await;
        leaving.push(("last".to_owned(), ExitReason::Error("other".to_owned())));
        settle().await;
        assert_eq!(stage.crew.alive(), leaving.len());
        assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
        let lives = leaving.len() as u64;
        for (id, told) in leaving {
            assert_eq!(stage.exit(&id).await, told);
        }
        assert_eq!((stage.crew.lives(), stage.crew.alive()), (lives, 0));
    }
}
