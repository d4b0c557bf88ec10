//! What may be asked of a running supervisor, and its answers: `child_adm`, `child_adm_simple`
//! and `extra_return`.

use plantao_supervisors::{
    DynamicHandle, ExitReason, Restart, Started, Strategy, SupervisorError, SupervisorHandle,
};

use crate::stage::*;
use crate::support::*;

fn not_found<T>(id: &str) -> Result<T, SupervisorError> {
    Err(SupervisorError::NotFound { id: id.to_owned() })
}

fn running<T>(id: &str) -> Result<T, SupervisorError> {
    Err(SupervisorError::Running { id: id.to_owned() })
}

fn unavailable<T>() -> Result<T, SupervisorError> {
    Err(SupervisorError::Unavailable)
}

/// `child1` is there, and up or not.
#[track_caller]
fn has_child1(stage: &Fixed, pid: Pid) {
    stage.shows([("child1", pid)]);
    let active = usize::from(pid != Pid::Undefined);
    assert_eq!(stage.counts(), [1, active, 0, 1]);
}

#[track_caller]
fn has_nothing(stage: &Fixed) {
    stage.shows([]);
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn child_adm() {
    let crew = Crew::default();
    let spec = sup(Strategy::OneForOne, USUAL).child(crew.worker("child1"));
    let mut stage = Fixed::start(&crew, spec).await;
    let sup = stage.sup.clone();
    let child = || crew.worker("child1");
    let id = || "child1".to_owned();
    let nobody = SupervisorHandle::new();
    let first = crew.pid("child1");
    has_child1(&stage, first);
    let started = SupervisorError::AlreadyStarted { id: id() };
    assert_eq!(sup.start_child(child()).await, Err(started));

    assert_eq!(sup.terminate_child("hej").await, not_found("hej"));
    assert_eq!(nobody.terminate_child("child1").await, unavailable());
    assert_eq!(sup.terminate_child("child1").await, Ok(()));
    assert_eq!(stage.exit("child1").await, ExitReason::Shutdown);
    has_child1(&stage, Pid::Undefined);
    assert_eq!(sup.terminate_child("child1").await, Ok(()));

    let present = SupervisorError::AlreadyPresent { id: id() };
    assert_eq!(sup.start_child(child()).await, Err(present));
    assert_eq!(sup.restart_child("child1").await, Ok(Started::Up));
    let second = stage.renewed("child1", first);
    has_child1(&stage, second);
    assert_eq!(sup.restart_child("child1").await, running("child1"));
    assert_eq!(sup.restart_child("child2").await, not_found("child2"));

    assert_eq!(sup.delete_child("child1").await, running("child1"));
    assert_eq!(sup.delete_child("hej").await, not_found("hej"));
    assert_eq!(nobody.delete_child("child1").await, unavailable());
    assert_eq!(sup.terminate_child("child1").await, Ok(()));
    assert_eq!(sup.delete_child("child1").await, Ok(()));
    assert_eq!(sup.restart_child("child1").await, not_found("child1"));
    has_nothing(&stage);

    assert_eq!(nobody.start_child(child()).await, unavailable());
    assert_eq!(sup.start_child(child()).await, Ok(Started::Up));
    has_child1(&stage, stage.renewed("child1", second));
    // What names a child is its id, and nothing else of it.
    assert_eq!(
        sup.terminate_child("sup/child1").await,
        not_found("sup/child1")
    );
    has_child1(&stage, crew.pid("child1"));
    assert_eq!(nobody.which_children(), unavailable());
    assert_eq!(nobody.count_children(), unavailable());
}

#[tokio::test(start_paused = true)]
async fn child_adm_simple() {
    let mut stage = Dynamic::empty(USUAL).await;
    let sup = stage.sup.clone();
    let nobody = DynamicHandle::new();
    stage.shows([]);
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
    let started = nobody.start_child(stage.crew.worker("child1")).await;
    assert_eq!(started, unavailable());

    let child1 = stage.add("child1", Restart::Permanent).await;
    stage.shows([("child1", child1)]);
    assert_eq!(stage.counts(), [1, 1, 0, 1]);
    let child2 = stage.add("child2", Restart::Permanent).await;
    stage.shows([("child1", child1), ("child2", child2)]);
    assert_eq!(stage.counts(), [2, 2, 0, 2]);

    assert_eq!(sup.terminate_child("child1").await, Ok(()));
    assert_eq!(stage.exit("child1").await, ExitReason::Shutdown);
    assert_eq!(stage.crew.pid("child1"), Pid::Undefined);
    stage.shows([("child2", child2)]);
    assert_eq!(stage.counts(), [1, 1, 0, 1]);
    // An id stays nobody's when its child is gone, where a pid of OTP is known to be over.
    assert_eq!(sup.terminate_child("child1").await, not_found("child1"));
    assert_eq!(sup.terminate_child("child3").await, not_found("child3"));
    stage.shows([("child2", child2)]);
    assert_eq!(stage.counts(), [1, 1, 0, 1]);

    let operation = "restart_child";
    let refused = Err(SupervisorError::Dynamic { operation });
    assert_eq!(sup.restart_child("child2"), refused);
    let operation = "delete_child";
    let refused = Err(SupervisorError::Dynamic { operation });
    assert_eq!(sup.delete_child("child2"), refused);
}

/// Besides coming up, the child hands something out: here the number of its life, through the
/// crew that its factory holds. No start adds to it or keeps it back.
#[tokio::test(start_paused = true)]
async fn extra_return() {
    let crew = Crew::default();
    let spec = sup(Strategy::OneForOne, USUAL).child(crew.worker("child1"));
    let mut stage = Fixed::start(&crew, spec).await;
    let sup = stage.sup.clone();
    let first = crew.pid("child1");
    has_child1(&stage, first);
    assert_eq!(sup.terminate_child("hej").await, not_found("hej"));
    assert_eq!(sup.delete_child("hej").await, not_found("hej"));
    assert_eq!(sup.restart_child("hej").await, not_found("hej"));
    assert_eq!(sup.delete_child("child1").await, running("child1"));
    assert_eq!(sup.restart_child("child1").await, running("child1"));
    has_child1(&stage, first);

    assert_eq!(sup.terminate_child("child1").await, Ok(()));
    assert_eq!(stage.exit("child1").await, ExitReason::Shutdown);
    has_child1(&stage, Pid::Undefined);
    assert_eq!(sup.restart_child("child1").await, Ok(Started::Up));
    assert_eq!(crew.pid("child1"), Pid::At(2));
    has_child1(&stage, Pid::At(2));

    assert_eq!(sup.terminate_child("child1").await, Ok(()));
    assert_eq!(stage.exit("child1").await, ExitReason::Shutdown);
    assert_eq!(sup.terminate_child("child1").await, Ok(()));
    assert_eq!(sup.delete_child("child1").await, Ok(()));
    assert_eq!(sup.restart_child("child1").await, not_found("child1"));
    has_nothing(&stage);

    let started = sup.start_child(crew.worker("child1")).await;
    assert_eq!(started, Ok(Started::Up));
    assert_eq!(crew.pid("child1"), Pid::At(3));
    has_child1(&stage, Pid::At(3));
    stage.end("child1", DIE).await;
    assert_eq!(crew.pid("child1"), Pid::At(4));
    has_child1(&stage, Pid::At(4));
}
