//! `DynamicSupervisor` itself: supervised, started, found, and changed while it runs.

use plantao_supervisors::{
    ChildKind, ChildSpec, ChildSummary, DynamicHandle, DynamicSpec, Intensity, Restart, Shutdown,
    SpecError, StartError, Started, Strategy, SupervisorError, Tree,
};
use std::time::Duration;

use crate::pool::*;
use crate::support::*;

const PLAIN: DynamicSpec = DynamicSpec::new(Intensity::new(3, Duration::from_secs(5)), UNLIMITED);

#[tokio::test(start_paused = true)]
async fn can_be_supervised_directly() {
    let handle = DynamicHandle::new();
    let child = ChildSpec::dynamic("pool", &handle, PLAIN);
    let _tree = start(patient(Strategy::OneForOne).child(child)).await;
    assert_eq!(handle.which_children(), Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn multiple_supervisors_can_be_supervised_and_identified_with_simple_child_spec() {
    let names = ["simple", "global", "via"];
    let handles = [(); 3].map(|()| DynamicHandle::new());
    let mut spec = patient(Strategy::OneForOne);
    for (name, handle) in names.iter().zip(&handles) {
        spec = spec.child(ChildSpec::dynamic(*name, handle, PLAIN));
    }
    let tree = start(spec).await;
    let late = DynamicHandle::new();
    let fourth = || ChildSpec::dynamic("late", &late, PLAIN);
    assert_eq!(tree.root().start_child(fourth()).await, Ok(Started::Up));

    for handle in handles.iter().chain([&late]) {
        assert_eq!(handle.which_children(), Ok(Vec::new()));
    }
    for name in names {
        let found = tree.dynamic(&format!("root/{name}")).unwrap();
        assert_eq!(found.which_children(), Ok(Vec::new()));
    }
    let there = SupervisorError::AlreadyStarted { id: "late".into() };
    assert_eq!(tree.root().start_child(fourth()).await, Err(there));
    assert_eq!(late.which_children(), Ok(Vec::new()));
}

fn supervisor(restart: Restart, shutdown: Shutdown) -> ChildSummary {
    ChildSummary {
        restart,
        shutdown,
        kind: ChildKind::Supervisor,
        significant: false,
    }
}

#[tokio::test(start_paused = true)]
async fn use_2_generates_child_spec_1() {
    let (simple, custom) = (DynamicHandle::new(), DynamicHandle::new());
    let spec = patient(Strategy::OneForOne)
        .child(ChildSpec::dynamic("simple", &simple, PLAIN))
        .child(
            ChildSpec::dynamic("custom", &custom, PLAIN)
                .restart(Restart::Temporary)
                .shutdown(Shutdown::Timeout(SECOND)),
        );
    let tree = start(spec).await;
    let plain = supervisor(Restart::Permanent, Shutdown::Infinity);
    assert_eq!(tree.root().child_spec("simple"), Ok(plain));
    let other = supervisor(Restart::Temporary, Shutdown::Timeout(SECOND));
    assert_eq!(tree.root().child_spec("custom"), Ok(other));
}

fn no_period() -> DynamicSpec {
    DynamicSpec::new(Intensity::new(3, Duration::ZERO), UNLIMITED)
}

fn no_period_at(path: &str) -> SpecError {
    SpecError::Limits {
        path: path.to_owned(),
        field: "intensity",
        detail: "its period is zero; expected more than no time",
    }
}

#[tokio::test(start_paused = true)]
async fn start_link_3_with_non_ok_init() {
    let handle = DynamicHandle::new();
    let child = || ChildSpec::dynamic("pool", &handle, no_period());
    let refused = Tree::start("root", patient(Strategy::OneForOne).child(child())).await;
    assert_eq!(
        refused.err(),
        Some(StartError::Spec(no_period_at("root/pool")))
    );

    let tree = start(patient(Strategy::OneForOne)).await;
    let refused = tree.root().start_child(child()).await;
    assert_eq!(refused, Err(no_period_at("root/pool").into()));
    assert_eq!(tree.root().which_children(), Ok(Vec::new()));
    assert_eq!(handle.which_children(), Err(SupervisorError::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn start_link_3_with_registered_process() {
    let pool = pool().await;
    let found = pool.tree.dynamic("root/pool").unwrap();
    let line = line();
    found.start_child(pool.sleepy("x", &line)).await.unwrap();
    assert_eq!(pool.counts(), (1, 1));

    assert_eq!(pool.tree.root().terminate_child("pool").await, Ok(()));
    assert!(pool.tree.dynamic("root/pool").is_none());
    assert_eq!(found.which_children(), Err(SupervisorError::Unavailable));
    assert_eq!(pool.board.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn code_change_3_with_non_ok_init() {
    let (pool, line) = (pool_of(3, 1).await, line());
    let refused = pool.handle.code_change(no_period()).await;
    assert_eq!(refused, Err(no_period_at("root/pool").into()));

    pool.handle
        .start_child(pool.sleepy("x", &line))
        .await
        .unwrap();
    let full = SupervisorError::MaxChildren { limit: 1 };
    let spare = pool.sleepy("y", &line);
    assert_eq!(pool.handle.start_child(spare).await, Err(full));
}

#[tokio::test(start_paused = true)]
async fn code_change_3_with_ok_init() {
    let (pool, line) = (pool().await, line());
    pool.handle
        .start_child(pool.sleepy("x", &line))
        .await
        .unwrap();
    assert_eq!(pool.counts(), (1, 1));

    let one = DynamicSpec::new(limits(3), 1);
    assert_eq!(pool.handle.code_change(one).await, Ok(()));
    assert_eq!((pool.counts(), ping(&line).await), ((1, 1), Some(1)));
    let full = SupervisorError::MaxChildren { limit: 1 };
    let spare = pool.sleepy("y", &line);
    assert_eq!(pool.handle.start_child(spare).await, Err(full));
}
