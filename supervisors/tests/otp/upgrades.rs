//! Flags and specifications exchanged while the supervisor runs: `code_change`, its other forms,
//! and the upgrades of the group `significant`.

use plantao_supervisors::{
    AutoShutdown, DynamicSpec, ExitReason, Intensity, Restart, Shutdown, SpecError, Started,
    Strategy, SupervisorError, SupervisorSpec,
};
use std::time::Duration;

use crate::stage::*;
use crate::support::*;

const NEVER: AutoShutdown = AutoShutdown::Never;
const ANY: AutoShutdown = AutoShutdown::AnySignificant;
const ALL: AutoShutdown = AutoShutdown::AllSignificant;
/// The limits that OTP's flags have when none are given.
const DEFAULT: Intensity = limits(1, 5);

fn flags(intensity: Intensity) -> SupervisorSpec {
    sup(Strategy::OneForOne, intensity)
}

impl Fixed {
    async fn change(&self, spec: SupervisorSpec) {
        assert_eq!(self.sup.code_change(spec).await, Ok(()));
    }

    async fn change_auto(&self, auto: AutoShutdown) {
        self.change(flags(DEFAULT).auto_shutdown(auto)).await;
    }

    async fn refuses(&self, spec: SupervisorSpec, error: SpecError) {
        let before = (self.tree.snapshot(), self.which());
        let refused = self.sup.code_change(spec).await;
        assert_eq!(refused, Err(SupervisorError::Spec(error)));
        assert_eq!((self.tree.snapshot(), self.which()), before);
    }

    fn restarts_allowed(&self) -> Option<u32> {
        self.tree.snapshot().restarts_allowed
    }

    /// Adds children, changes them, and leaves one out; says what the changes came to.
    async fn changes_children(&self, intensity: Intensity) {
        let crew = &self.crew;
        let timed = |id: &str, time| crew.worker(id).shutdown(Shutdown::Timeout(time));
        let brutal = |id: &str| crew.worker(id).shutdown(Shutdown::BrutalKill);
        let two = flags(intensity)
            .child(timed("child1", 2 * SECOND))
            .child(brutal("child2"));
        self.change(two).await;
        // What is new is not started.
        self.shows([("child1", Pid::Undefined), ("child2", Pid::Undefined)]);
        for id in ["child1", "child2"] {
            assert_eq!(self.sup.restart_child(id).await, Ok(Started::Up));
        }
        let (child1, child2) = (crew.pid("child1"), crew.pid("child2"));
        self.shows([("child1", child1), ("child2", child2)]);
        let shutdown = || self.sup.child_spec("child1").unwrap().shutdown;
        assert_eq!(shutdown(), Shutdown::Timeout(2 * SECOND));

        let others = flags(intensity)
            .child(timed("child1", SECOND))
            .child(brutal("child3"));
        self.change(others).await;
        // What is left out is kept, after the others.
        self.shows([
            ("child1", child1),
            ("child3", Pid::Undefined),
            ("child2", child2),
        ]);
        assert_eq!(shutdown(), Shutdown::Timeout(SECOND));
    }
}

/// Specifications that are none, and why.
fn faulty(crew: &Crew, intensity: Intensity) -> [(SupervisorSpec, SpecError); 3] {
    let zero = Intensity::new(1, Duration::ZERO);
    let twice = flags(intensity)
        .child(crew.worker("child1"))
        .child(crew.worker("child1"));
    [
        (
            flags(intensity).child(crew.worker("")),
            SpecError::Id {
                path: "sup/".to_owned(),
                detail: "it is empty",
            },
        ),
        (
            twice,
            SpecError::DuplicateId {
                path: "sup/child1".to_owned(),
            },
        ),
        (
            flags(zero),
            SpecError::Limits {
                path: "sup".to_owned(),
                field: "intensity",
                detail: "its period is zero; expected more than no time",
            },
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn code_change() {
    let none = limits(0, 1);
    let mut stage = Fixed::empty(Strategy::OneForOne, none).await;
    stage.shows([]);
    assert_eq!(stage.restarts_allowed(), Some(0));
    stage.change(flags(limits(1, 3))).await;
    assert_eq!(stage.restarts_allowed(), Some(1));
    for (spec, error) in faulty(&stage.crew, none) {
        stage.refuses(spec, error).await;
    }
    stage.changes_children(none).await;
    for (spec, error) in faulty(&stage.crew, none) {
        stage.refuses(spec, error).await;
    }
    assert_eq!(stage.restarts_allowed(), Some(0));
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn code_change_map() {
    let mut stage = Fixed::empty(Strategy::OneForOne, DEFAULT).await;
    stage.shows([]);
    stage.change(flags(limits(2, 3))).await;
    assert_eq!(stage.restarts_allowed(), Some(2));
    for (spec, error) in faulty(&stage.crew, DEFAULT) {
        stage.refuses(spec, error).await;
    }
    stage.changes_children(limits(2, 3)).await;
    // The changed flags are what the next exits are answered by.
    for _ in 0..2 {
        let pid = stage.crew.pid("child1");
        stage.end("child1", DIE).await;
        stage.renewed("child1", pid);
    }
    stage.end("child1", DIE).await;
    assert_eq!(stage.exit("sup").await, ExitReason::Shutdown);
}

/// The running supervisor holds its flags and no template: that is its callers', and they
/// exchange it themselves. That there is one, not two or none, is a matter of types.
#[tokio::test(start_paused = true)]
async fn code_change_simple() {
    let mut stage = Dynamic::empty(limits(0, 1)).await;
    let (sup, crew) = (stage.sup.clone(), stage.crew.clone());
    let template = |shutdown| {
        let crew = crew.clone();
        sup.template(move |id: &str| crew.worker(id).shutdown(shutdown))
    };
    let (before, after) = (Shutdown::BrutalKill, Shutdown::Timeout(SECOND));
    template(before).start_child("child1").await.unwrap();
    let child1 = crew.pid("child1");
    let flags = DynamicSpec::new(limits(0, 1), 2);
    assert_eq!(sup.code_change(flags).await, Ok(()));
    template(after).start_child("child2").await.unwrap();
    stage.shows([("child1", child1), ("child2", crew.pid("child2"))]);
    for (id, shutdown) in [("child1", before), ("child2", after)] {
        assert_eq!(sup.child_spec(id).unwrap().shutdown, shutdown);
    }
    let full = template(after).start_child("child3").await;
    assert_eq!(full, Err(SupervisorError::MaxChildren { limit: 2 }));
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child1").await, ExitReason::Killed);
    assert_eq!(stage.exit("child2").await, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn code_change_simple_map() {
    let mut stage = Dynamic::empty(limits(0, 1)).await;
    let child1 = stage.add("child1", Restart::Permanent).await;
    let zero = DynamicSpec::new(Intensity::new(1, Duration::ZERO), 1);
    let error = SpecError::Limits {
        path: "top/sup".to_owned(),
        field: "intensity",
        detail: "its period is zero; expected more than no time",
    };
    let refused = stage.sup.code_change(zero).await;
    assert_eq!(refused, Err(SupervisorError::Spec(error)));
    let flags = DynamicSpec::new(limits(1, 3600), 2);
    assert_eq!(stage.sup.code_change(flags).await, Ok(()));
    stage.shows([("child1", child1)]);
    // The changed flags are what the next exits are answered by.
    stage.end("child1", DIE).await;
    stage.shows([("child1", stage.renewed("child1", child1))]);
    stage.end("child1", DIE).await;
    assert_eq!(stage.exit("sup").await, ExitReason::Shutdown);
}

impl Fixed {
    async fn add_significant(&self, id: &str) -> Pid {
        let child = self.crew.significant(id, Restart::Transient);
        self.add_spec(id, child).await
    }

    /// No child may be significant below this supervisor.
    async fn refuses_significant(&self, id: &str) {
        let child = self.crew.significant(id, Restart::Transient);
        let path = format!("sup/{id}");
        let refused = SupervisorError::Spec(SpecError::SignificantNever { path });
        assert_eq!(self.sup.start_child(child).await, Err(refused));
    }

    async fn finishes(&mut self, id: &str) {
        assert_eq!(self.end(id, STOP).await, ExitReason::Normal);
    }

    /// It leaves by itself, and these with it.
    async fn leaves(&mut self, others: &[&str]) {
        self.exits(others).await;
        assert_eq!(self.exit("sup").await, ExitReason::Shutdown);
        assert_eq!(self.crew.alive(), 0);
    }

    /// It leaves with the first of two.
    async fn leaves_with_any(&mut self) {
        self.finishes("child1").await;
        self.leaves(&["child2"]).await;
    }

    /// It leaves with the second of two.
    async fn leaves_with_all(&mut self) {
        self.finishes("child1").await;
        self.stays(&["child2", "sup"]).await;
        self.finishes("child2").await;
        self.leaves(&[]).await;
    }
}

/// With no significant children allowed at first, and two of them afterwards.
async fn from_never(auto: AutoShutdown) -> Fixed {
    let stage = Fixed::shutting(DEFAULT, NEVER).await;
    stage.refuses_significant("child1").await;
    stage.change_auto(auto).await;
    stage.add_significant("child1").await;
    stage.add_significant("child2").await;
    stage
}

/// What was significant when it was started no longer is.
async fn to_never(auto: AutoShutdown) {
    let mut stage = Fixed::shutting(DEFAULT, auto).await;
    let child1 = stage.add_significant("child1").await;
    stage.change_auto(NEVER).await;
    stage.stays(&["child1", "sup"]).await;
    stage.shows([("child1", child1)]);
    stage.refuses_significant("child2").await;
    stage.finishes("child1").await;
    stage.stays(&["sup"]).await;
    assert_eq!(stage.sup.restart_child("child1").await, Ok(Started::Up));
    stage.renewed("child1", child1);
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    assert_eq!(stage.exit("child1").await, ExitReason::Shutdown);
}

/// Two significant children under the one mode, and then under the other.
async fn between(before: AutoShutdown, after: AutoShutdown) -> Fixed {
    let mut stage = Fixed::shutting(DEFAULT, before).await;
    let child1 = stage.add_significant("child1").await;
    let child2 = stage.add_significant("child2").await;
    stage.change_auto(after).await;
    stage.stays(&["child1", "child2", "sup"]).await;
    stage.shows([("child1", child1), ("child2", child2)]);
    stage
}

#[tokio::test(start_paused = true)]
async fn significant_upgrade_never_any() {
    from_never(ANY).await.leaves_with_any().await;
}

#[tokio::test(start_paused = true)]
async fn significant_upgrade_any_never() {
    to_never(ANY).await;
}

#[tokio::test(start_paused = true)]
async fn significant_upgrade_never_all() {
    from_never(ALL).await.leaves_with_all().await;
}

#[tokio::test(start_paused = true)]
async fn significant_upgrade_all_never() {
    to_never(ALL).await;
}

#[tokio::test(start_paused = true)]
async fn significant_upgrade_any_all() {
    between(ANY, ALL).await.leaves_with_all().await;
}

#[tokio::test(start_paused = true)]
async fn significant_upgrade_all_any() {
    between(ALL, ANY).await.leaves_with_any().await;
}

#[tokio::test(start_paused = true)]
async fn significant_upgrade_child() {
    let crew = Crew::default();
    let spec = |auto, significant| {
        let child = crew.of_class("child", Restart::Transient);
        flags(DEFAULT)
            .auto_shutdown(auto)
            .child(child.significant(significant))
    };
    let mut stage = Fixed::start(&crew, spec(NEVER, false)).await;
    let path = "sup/child".to_owned();
    let refused = SpecError::SignificantNever { path };
    stage.refuses(spec(NEVER, true), refused).await;
    stage.stays(&["child", "sup"]).await;
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);

    for significant in [true, false] {
        let mut stage = Fixed::start(&crew, spec(ANY, !significant)).await;
        let child = crew.pid("child");
        stage.change(spec(ANY, significant)).await;
        stage.stays(&["child", "sup"]).await;
        stage.shows([("child", child)]);
        stage.finishes("child").await;
        if significant {
            stage.leaves(&[]).await;
        } else {
            stage.stays(&["sup"]).await;
            assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
        }
    }
}
