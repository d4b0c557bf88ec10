//! Whom an exit takes along, and when it is one too many: `multiple_restarts` and the groups
//! `restart_one_for_one`, `restart_one_for_all` and `restart_rest_for_one`.

use plantao_supervisors::{ExitReason, Restart, Shutdown, Strategy};
use std::time::Duration;

use crate::stage::*;
use crate::support::*;

const PERMANENT: Restart = Restart::Permanent;

#[tokio::test(start_paused = true)]
async fn multiple_restarts() {
    let mut stage = Fixed::empty(Strategy::OneForOne, limits(1, 1)).await;
    let child = stage.crew.worker("child1").shutdown(Shutdown::BrutalKill);
    let mut pid = stage.add_spec("child1", child).await;
    for _ in 0..4 {
        stage.end("child1", DIE).await;
        pid = stage.renewed("child1", pid);
        tokio::time::sleep(Duration::from_millis(2100)).await;
    }
    stage.stays(&["sup"]).await;
    stage.sup.terminate_child("child1").await.unwrap();
    stage.sup.delete_child("child1").await.unwrap();
    stage.tree.kill("sup").unwrap();
    assert_eq!(stage.exit("sup").await, ExitReason::Killed);
}

#[tokio::test(start_paused = true)]
async fn one_for_one() {
    let mut stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    let child1 = stage.add("child1", PERMANENT).await;
    let child2 = stage.add("child2", PERMANENT).await;
    stage.end("child1", DIE).await;
    let child1 = stage.renewed("child1", child1);
    stage.shows([("child1", child1), ("child2", child2)]);
    assert_eq!(stage.counts(), [2, 2, 0, 2]);
    // One too many.
    stage.end("child2", DIE).await;
    stage.renewed("child2", child2);
    stage.end("child2", DIE).await;
    assert_eq!(stage.exit("sup").await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child1").await, ExitReason::Shutdown);
    assert_eq!(stage.crew.alive(), 0);
}

/// A supervisor of two children, of which one comes up once and never again.
async fn unsteady(strategy: Strategy, unsteady: &str) -> Fixed {
    let stage = Fixed::empty(strategy, limits(4, 3600)).await;
    stage.add("child1", PERMANENT).await;
    stage.add("child2", PERMANENT).await;
    stage.crew.births(unsteady, Birth::Refuse);
    stage
}

/// It gives up after as many attempts as it may make, and takes both children along.
async fn escalates(mut stage: Fixed) {
    stage.end("child1", DIE).await;
    assert_eq!(stage.exit("sup").await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child2").await, ExitReason::Shutdown);
    assert_eq!(stage.tree.exited().await, ExitReason::Shutdown);
    assert_eq!(stage.crew.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_for_one_escalation() {
    escalates(unsteady(Strategy::OneForOne, "child1").await).await;
}

#[tokio::test(start_paused = true)]
async fn one_for_all() {
    let mut stage = Fixed::empty(Strategy::OneForAll, USUAL).await;
    let child1 = stage.add("child1", PERMANENT).await;
    let child2 = stage.add("child2", PERMANENT).await;
    stage.end("child1", DIE).await;
    assert_eq!(stage.exit("child2").await, ExitReason::Shutdown);
    let child1 = stage.renewed("child1", child1);
    let child2 = stage.renewed("child2", child2);
    stage.shows([("child1", child1), ("child2", child2)]);
    assert_eq!(stage.counts(), [2, 2, 0, 2]);
    // One too many.
    stage.end("child2", DIE).await;
    stage.renewed("child2", child2);
    stage.end("child2", DIE).await;
    assert_eq!(stage.exit("sup").await, ExitReason::Shutdown);
    assert_eq!(stage.crew.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_for_all_escalation() {
    let stage = unsteady(Strategy::OneForAll, "child2").await;
    let crew = stage.crew.clone();
    escalates(stage).await;
    // The first child came up with each of the four attempts.
    assert_eq!(crew.lives(), 2 + 4);
}

/// Both up, then the first dies, and the second does not come up with it the first time.
async fn other_child_fails(strategy: Strategy) -> (Fixed, Vec<String>) {
    let crew = Crew::default();
    let spec = sup(strategy, limits(3, 3600))
        .child(crew.worker("child1"))
        .child(crew.worker("child2"));
    let mut stage = Fixed::start(&crew, spec).await;
    crew.next_births("child2", [Birth::Refuse]);
    let before = crew.pid("child1");
    crew.journal();
    stage.end("child1", DIE).await;
    let child1 = stage.renewed("child1", before);
    let child2 = stage.renewed("child2", before);
    stage.shows([("child1", child1), ("child2", child2)]);
    assert_eq!(stage.exit("child2").await, ExitReason::Shutdown);
    (stage, crew.journal())
}

#[tokio::test(start_paused = true)]
async fn one_for_all_other_child_fails_restart() {
    let (mut stage, journal) = other_child_fails(Strategy::OneForAll).await;
    let expected = [
        "end child1",
        "end child2",
        "start child1",
        // The second one did not come up.
        "end child1",
        "start child1",
        "start child2",
    ];
    assert_eq!(journal, expected);
    assert_eq!(stage.exit("child1").await, ExitReason::Shutdown);
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn rest_for_one() {
    let mut stage = Fixed::empty(Strategy::RestForOne, USUAL).await;
    let child1 = stage.add("child1", PERMANENT).await;
    let child2 = stage.add("child2", PERMANENT).await;
    let child3 = stage.add("child3", PERMANENT).await;
    assert_eq!(stage.counts(), [3, 3, 0, 3]);
    stage.end("child2", DIE).await;
    assert_eq!(stage.exit("child3").await, ExitReason::Shutdown);
    let child2 = stage.renewed("child2", child2);
    let child3 = stage.renewed("child3", child3);
    stage.shows([("child1", child1), ("child2", child2), ("child3", child3)]);
    assert_eq!(stage.counts(), [3, 3, 0, 3]);
    // One too many.
    stage.end("child3", DIE).await;
    stage.renewed("child3", child3);
    stage.shows([
        ("child1", child1),
        ("child2", child2),
        ("child3", stage.crew.pid("child3")),
    ]);
    stage.end("child2", DIE).await;
    assert_eq!(stage.exit("sup").await, ExitReason::Shutdown);
    assert_eq!(stage.crew.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_escalation() {
    escalates(unsteady(Strategy::RestForOne, "child2").await).await;
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_other_child_fails_restart() {
    let (mut stage, journal) = other_child_fails(Strategy::RestForOne).await;
    let expected = [
        "end child1",
        "end child2",
        "start child1",
        // The second one did not come up, and only that one is tried again.
        "start child2",
    ];
    assert_eq!(journal, expected);
    stage.stays(&["child1"]).await;
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
}
