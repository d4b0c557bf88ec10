//! Children that come and go: the group `restart_simple_one_for_one`.

use plantao_supervisors::{ExitReason, Restart, Shutdown, Started};
use std::sync::Arc;
use tokio::time::Instant;

use crate::stage::*;
use crate::support::*;

const PERMANENT: Restart = Restart::Permanent;

/// Two children, the first of which dies, and then the second, twice.
async fn two_die(mut stage: Dynamic, mut child1: Pid, mut child2: Pid) {
    stage.end("child1", DIE).await;
    child1 = stage.renewed("child1", child1);
    stage.shows([("child1", child1), ("child2", child2)]);
    assert_eq!(stage.counts(), [2, 2, 0, 2]);
    // One too many.
    stage.end("child2", DIE).await;
    child2 = stage.renewed("child2", child2);
    stage.shows([("child1", child1), ("child2", child2)]);
    stage.end("child1", DIE).await;
    assert_eq!(stage.exit("sup").await, ExitReason::Shutdown);
    assert_eq!(stage.crew.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn simple_one_for_one() {
    let stage = Dynamic::empty(USUAL).await;
    let child1 = stage.add("child1", PERMANENT).await;
    let child2 = stage.add("child2", PERMANENT).await;
    two_die(stage, child1, child2).await;
}

#[tokio::test(start_paused = true)]
async fn simple_one_for_one_shutdown() {
    let mut stage = Dynamic::empty(USUAL).await;
    for (id, takes) in [("child1", 1), ("child2", 1), ("child3", 5)] {
        stage.crew.farewell(id, Farewell::Late(takes * SECOND));
        let child = stage
            .crew
            .worker(id)
            .shutdown(Shutdown::Timeout(2 * SECOND));
        stage.sup.start_child(child).await.unwrap();
    }
    let before = Instant::now();
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    let took = before.elapsed();
    // All are waited for at once, and the last one no longer than it may take.
    assert!((2 * SECOND..3 * SECOND).contains(&took), "{took:?}");
    assert_eq!(stage.exit("child1").await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child2").await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child3").await, ExitReason::Killed);
}

/// The extra argument is what a template makes the child of; a restart makes it of that again.
#[tokio::test(start_paused = true)]
async fn simple_one_for_one_extra() {
    let stage = Dynamic::empty(USUAL).await;
    let crew = stage.crew.clone();
    let extra = Arc::new("extra_info");
    let template = stage
        .sup
        .template(move |(id, extra): (&str, _)| crew.laden(id, extra));
    for id in ["child1", "child2"] {
        let started = template.start_child((id, Arc::clone(&extra))).await;
        assert_eq!(started, Ok(Started::Up));
    }
    assert_eq!(Arc::strong_count(&extra), 3);
    let (child1, child2) = (stage.crew.pid("child1"), stage.crew.pid("child2"));
    two_die(stage, child1, child2).await;
    settle().await;
    assert_eq!(Arc::strong_count(&extra), 1);
}

#[tokio::test(start_paused = true)]
async fn simple_one_for_one_escalation() {
    let mut stage = Dynamic::empty(limits(4, 3600)).await;
    stage.add("child1", PERMANENT).await;
    stage.add("child2", PERMANENT).await;
    stage.crew.births("child1", Birth::Refuse);
    stage.end("child1", DIE).await;
    assert_eq!(stage.exit("sup").await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child2").await, ExitReason::Shutdown);
    assert_eq!(stage.crew.alive(), 0);
}

/// The end of one temporary child must not change how the next one is kept: without what it was
/// started from.
#[tokio::test(start_paused = true)]
async fn simple_one_for_one_corruption() {
    let mut stage = Dynamic::empty(USUAL).await;
    stage.add("child1", Restart::Temporary).await;
    stage.end("child1", DIE).await;
    stage.shows([]);
    let large = Arc::new(vec![0_u8; 50_000]);
    let child = stage.crew.laden("child2", Arc::clone(&large));
    let child = child.restart(Restart::Temporary);
    let child2 = stage.add_spec("child2", child).await;
    settle().await;
    assert_eq!(
        Arc::strong_count(&large),
        1,
        "what it was started from is kept"
    );
    stage.shows([("child2", child2)]);
    stage.end("child2", DIE).await;
    stage.shows([]);
    stage.stays(&["sup"]).await;
}
