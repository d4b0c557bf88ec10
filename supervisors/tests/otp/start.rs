//! Starting supervisors and children: the groups `sup_start` and `sup_start_map`.

use plantao_supervisors::{
    ChildKind, ChildSpec, ChildSummary, ExitReason, Handle, Limits, Restart, Shutdown, SpecError,
    StartError, Started, Strategy, SupervisorError, SupervisorSpec, Tree,
};

use crate::stage::*;
use crate::support::*;

/// What a child that did not come up is answered with.
fn failed(id: &str, detail: &str) -> SupervisorError {
    SupervisorError::StartFailed {
        id: id.to_owned(),
        reason: ExitReason::StartFailed(detail.to_owned()),
    }
}

#[tokio::test(start_paused = true)]
async fn sup_start_normal() {
    let mut stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    assert_eq!(stage.tree.exited().await, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn sup_start_ignore_child() {
    let stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    stage.crew.births("child1", Birth::Ignore);
    let ignored = stage.sup.add(stage.crew.worker("child1")).await;
    assert_eq!(ignored, Started::Ignored);
    let child2 = stage.add("child2", Restart::Permanent).await;
    stage.shows([("child1", Pid::Undefined), ("child2", child2)]);
    assert_eq!(stage.counts(), [2, 1, 0, 2]);
}

#[tokio::test(start_paused = true)]
async fn sup_start_ignore_temporary_child() {
    let crew = Crew::default();
    crew.births("child1", Birth::Ignore);
    let spec = sup(Strategy::OneForOne, USUAL)
        .child(crew.of_class("child1", Restart::Temporary))
        .child(crew.of_class("child2", Restart::Temporary));
    let stage = Fixed::start(&crew, spec).await;
    let child2 = stage.renewed("child2", Pid::At(0));
    stage.shows([("child2", child2)]);
    assert_eq!(stage.counts(), [1, 1, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn sup_start_ignore_temporary_child_start_child() {
    let stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    stage.crew.births("child1", Birth::Ignore);
    let child1 = stage.crew.of_class("child1", Restart::Temporary);
    assert_eq!(stage.sup.add(child1).await, Started::Ignored);
    let child2 = stage.add("child2", Restart::Temporary).await;
    stage.shows([("child2", child2)]);
    assert_eq!(stage.counts(), [1, 1, 0, 1]);
}

/// An ignored child and one that comes up, below a dynamic supervisor.
async fn ignored_and_up(restart: Restart) -> Dynamic {
    let stage = Dynamic::empty(USUAL).await;
    stage.crew.births("child1", Birth::Ignore);
    let child1 = stage.crew.of_class("child1", restart);
    assert_eq!(stage.sup.add(child1).await, Started::Ignored);
    let child2 = stage.add("child2", restart).await;
    stage.shows([("child2", child2)]);
    assert_eq!(stage.counts(), [1, 1, 0, 1]);
    stage
}

#[tokio::test(start_paused = true)]
async fn sup_start_ignore_temporary_child_start_child_simple() {
    ignored_and_up(Restart::Temporary).await;
}

#[tokio::test(start_paused = true)]
async fn sup_start_ignore_permanent_child_start_child_simple() {
    let mut stage = ignored_and_up(Restart::Permanent).await;
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child2").await, ExitReason::Shutdown);
    assert_eq!(stage.crew.alive(), 0);
}

/// A specification that is none, with a child that must not be started for it.
fn faulty(crew: &Crew) -> SupervisorSpec {
    sup(Strategy::OneForOne, USUAL)
        .child(crew.worker("child1"))
        .child(crew.worker("child1"))
}

#[tokio::test(start_paused = true)]
async fn sup_start_error_return() {
    let crew = Crew::default();
    let twice = |path: &str| SpecError::DuplicateId {
        path: format!("{path}/child1"),
    };
    let refused = Tree::start("sup", faulty(&crew)).await.err();
    assert_eq!(refused, Some(StartError::Spec(twice("sup"))));

    let mut stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    let below = ChildSpec::supervisor("below", faulty(&crew));
    let refused = stage.sup.start_child(below).await;
    assert_eq!(refused, Err(SupervisorError::Spec(twice("sup/below"))));
    stage.shows([]);
    stage.stays(&["sup"]).await;
    assert_eq!(crew.lives(), 0);
}

/// What a supervisor runs of its user's while it starts is the factories of its children.
#[tokio::test(start_paused = true)]
async fn sup_start_fail() {
    let crew = Crew::default();
    let line = Handle::<Order>::new(Limits::in_flight(1));
    let faulty = ChildSpec::worker("child2", &line, || -> (Worker, ()) { panic!("badmatch") });
    let spec = sup(Strategy::OneForOne, USUAL)
        .child(crew.worker("child1"))
        .child(faulty);
    let reason = ExitReason::StartFailed("panic: badmatch".to_owned());
    let path = "sup/child2".to_owned();
    let refused = Tree::start("sup", spec.clone()).await.err();
    assert_eq!(refused, Some(StartError::Child { path, reason }));
    assert_eq!((crew.lives(), crew.alive()), (1, 0));

    let mut stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    let below = ChildSpec::supervisor("below", spec);
    let refused = stage.sup.start_child(below).await.err().unwrap();
    assert!(
        matches!(&refused, SupervisorError::StartFailed { id, .. } if id == "below"),
        "{refused}"
    );
    stage.shows([]);
    stage.stays(&["sup"]).await;
    assert_eq!((crew.lives(), crew.alive()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn sup_start_child_returns_error() {
    let stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    stage.crew.births("child1", Birth::Refuse);
    stage.crew.births("child2", Birth::Panic);
    let refused = stage.sup.start_child(stage.crew.worker("child1")).await;
    assert_eq!(refused, Err(failed("child1", "error: refused")));
    let refused = stage.sup.start_child(stage.crew.worker("child2")).await;
    assert_eq!(refused, Err(failed("child2", "panic: broken")));
    stage.shows([]);
}

#[tokio::test(start_paused = true)]
async fn sup_start_restart_child_returns_error() {
    let crew = Crew::default();
    crew.next_births("child1", [Birth::Well]);
    crew.births("child1", Birth::Refuse);
    let spec = sup(Strategy::OneForOne, USUAL).child(crew.worker("child1"));
    let stage = Fixed::start(&crew, spec).await;
    stage.sup.terminate_child("child1").await.unwrap();
    let refused = stage.sup.restart_child("child1").await;
    assert_eq!(refused, Err(failed("child1", "error: refused")));
    stage.shows([("child1", Pid::Undefined)]);
}

#[tokio::test(start_paused = true)]
async fn sup_start_child_returns_error_simple() {
    let stage = Dynamic::empty(USUAL).await;
    stage
        .crew
        .next_births("child1", [Birth::Refuse, Birth::Panic]);
    for detail in ["error: refused", "panic: broken"] {
        let refused = stage.sup.start_child(stage.crew.worker("child1")).await;
        assert_eq!(refused, Err(failed("child1", detail)));
        stage.shows([]);
    }
}

#[tokio::test(start_paused = true)]
async fn sup_start_map() {
    let crew = Crew::default();
    let below = sup(Strategy::OneForOne, USUAL);
    let spec = sup(Strategy::OneForOne, USUAL)
        .child(crew.worker("child1"))
        .child(crew.worker("child2").shutdown(Shutdown::BrutalKill))
        .child(ChildSpec::supervisor("child3", below));
    let mut stage = Fixed::start(&crew, spec).await;
    let expected = [
        ("child1", Shutdown::Timeout(5 * SECOND), ChildKind::Worker),
        ("child2", Shutdown::BrutalKill, ChildKind::Worker),
        ("child3", Shutdown::Infinity, ChildKind::Supervisor),
    ];
    for (id, shutdown, kind) in expected {
        let summary = ChildSummary {
            restart: Restart::Permanent,
            shutdown,
            kind,
            significant: false,
        };
        assert_eq!(stage.sup.child_spec(id), Ok(summary));
    }
    let id = "child4".to_owned();
    let unknown = stage.sup.child_spec("child4");
    assert_eq!(unknown, Err(SupervisorError::NotFound { id }));
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn sup_start_map_simple() {
    let mut stage = Dynamic::empty(USUAL).await;
    let crew = stage.crew.clone();
    let template = stage
        .sup
        .template(move |id: &str| crew.of_class(id, Restart::Temporary));
    let summary = ChildSummary {
        restart: Restart::Temporary,
        shutdown: Shutdown::Timeout(5 * SECOND),
        kind: ChildKind::Worker,
        significant: false,
    };
    let ids = ["child1", "child2", "child3"];
    for id in ids {
        assert_eq!(template.start_child(id).await, Ok(Started::Up));
    }
    for id in ids {
        assert_eq!(stage.sup.child_spec(id), Ok(summary));
    }
    let id = "child4".to_owned();
    let unknown = stage.sup.child_spec("child4");
    assert_eq!(unknown, Err(SupervisorError::NotFound { id }));
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn sup_start_map_faulty_specs() {
    let crew = Crew::default();
    let cases = [("", "it is empty"), ("child/1", "it contains `/`")];
    for (id, detail) in cases {
        let spec = sup(Strategy::OneForOne, USUAL)
            .child(crew.worker("child0"))
            .child(crew.worker(id));
        let path = format!("sup/{id}");
        let refused = Tree::start("sup", spec).await.err();
        let expected = SpecError::Id { path, detail };
        assert_eq!(refused, Some(StartError::Spec(expected)));
    }
    assert_eq!(crew.lives(), 0);
}
