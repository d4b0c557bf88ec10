//! Specifications that are refused, and all that are not: `child_specs`, `child_specs_map` and
//! `sup_flags`.

use plantao_supervisors::{
    AutoShutdown, ChildSpec, DynamicHandle, DynamicSpec, ExitReason, Intensity, Restart, Shutdown,
    SpecError, StartError, Started, Strategy, SupervisorError, SupervisorSpec, Tree,
};
use std::time::Duration;

use crate::stage::*;
use crate::support::*;

const CLASSES: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];
const SHUTDOWNS: [Shutdown; 4] = [
    Shutdown::Timeout(Duration::ZERO),
    Shutdown::Timeout(SECOND),
    Shutdown::Infinity,
    Shutdown::BrutalKill,
];

async fn defect(spec: SupervisorSpec) -> Option<SpecError> {
    match Tree::start("sup", spec).await {
        Ok(_) => None,
        Err(StartError::Spec(error)) => Some(error),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn child_specs() {
    let stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    let pool = Dynamic::empty(USUAL).await;
    for (id, detail) in [("", "it is empty"), ("a/b", "it contains `/`")] {
        let refused = |above: &str| {
            let path = format!("{above}/{id}");
            Err(SupervisorError::Spec(SpecError::Id { path, detail }))
        };
        let child = || stage.crew.worker(id);
        assert_eq!(stage.sup.start_child(child()).await, refused("sup"));
        assert_eq!(pool.sup.start_child(child()).await, refused("top/sup"));
        let spec = sup(Strategy::OneForOne, USUAL).child(child());
        let path = format!("sup/{id}");
        assert_eq!(defect(spec).await, Some(SpecError::Id { path, detail }));
    }
    let pair = |first, second| {
        let spec = sup(Strategy::OneForOne, USUAL);
        spec.child(first).child(second)
    };
    let below = || ChildSpec::supervisor("child", sup(Strategy::OneForOne, USUAL));
    let path = "sup/child".to_owned();
    let twice = Some(SpecError::DuplicateId { path });
    let same = pair(below(), stage.crew.worker("child"));
    assert_eq!(defect(same).await, twice);
    assert_eq!(stage.crew.lives(), 0);
    stage.shows([]);

    for class in CLASSES {
        for shutdown in SHUTDOWNS {
            let worker = stage.crew.of_class("worker", class).shutdown(shutdown);
            let below = below().restart(class).shutdown(shutdown);
            assert_eq!(defect(pair(worker, below)).await, None);
        }
    }
}

/// What OTP says of this combination, if anything.
fn combination(auto: AutoShutdown, class: Restart, significant: bool) -> Option<SpecError> {
    let path = "sup/child".to_owned();
    match (auto, class, significant) {
        (AutoShutdown::Never, _, true) => Some(SpecError::SignificantNever { path }),
        (_, Restart::Permanent, true) => Some(SpecError::SignificantPermanent { path }),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn child_specs_map() {
    let modes = [
        AutoShutdown::Never,
        AutoShutdown::AnySignificant,
        AutoShutdown::AllSignificant,
    ];
    let significances = [None, Some(true), Some(false)];
    for (auto, class) in modes
        .iter()
        .flat_map(|auto| CLASSES.map(|class| (*auto, class)))
    {
        let stage = Fixed::shutting(USUAL, auto).await;
        for (shutdown, significant) in SHUTDOWNS
            .iter()
            .flat_map(|shutdown| significances.map(|significant| (*shutdown, significant)))
        {
            let child = stage.crew.of_class("child", class).shutdown(shutdown);
            let child = match significant {
                Some(significant) => child.significant(significant),
                None => child,
            };
            let expected = combination(auto, class, significant == Some(true));
            let started = stage.sup.start_child(child.clone()).await;
            match expected.clone() {
                Some(error) => assert_eq!(started, Err(SupervisorError::Spec(error))),
                None => {
                    assert_eq!(started, Ok(Started::Up));
                    stage.sup.terminate_child("child").await.unwrap();
                    // A temporary one is forgotten by now.
                    let _ = stage.sup.delete_child("child").await;
                }
            }
            stage.shows([]);
            let spec = sup(Strategy::OneForOne, USUAL).auto_shutdown(auto);
            assert_eq!(defect(spec.child(child)).await, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn sup_flags() {
    let faulty = |path: &str, field| SpecError::Limits {
        path: path.to_owned(),
        field,
        detail: "its period is zero; expected more than no time",
    };
    let never = Intensity::new(2, Duration::ZERO);
    for strategy in [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ] {
        let spec = sup(strategy, never);
        assert_eq!(defect(spec).await, Some(faulty("sup", "intensity")));
        let spec = sup(strategy, USUAL).budget(never);
        assert_eq!(defect(spec).await, Some(faulty("sup", "budget")));
    }
    let above = || sup(Strategy::OneForOne, USUAL);
    let below = ChildSpec::supervisor("below", sup(Strategy::OneForOne, never));
    let expected = Some(faulty("sup/below", "intensity"));
    assert_eq!(defect(above().child(below)).await, expected);
    let pool = || ChildSpec::dynamic("below", &DynamicHandle::new(), DynamicSpec::new(never, 1));
    assert_eq!(defect(above().child(pool())).await, expected);

    let mut stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    let refused = stage.sup.start_child(pool()).await;
    let expected = SupervisorError::Spec(faulty("sup/below", "intensity"));
    assert_eq!(refused, Err(expected));
    stage.shows([]);
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
}
