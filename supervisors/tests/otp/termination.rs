//! Which classes come back after which ends: the groups `normal_termination`,
//! `shutdown_termination` and `abnormal_termination`, and the temporary bystander.

use plantao_supervisors::{ChildSpec, ExitReason, Restart, StartError, Started, Strategy, Tree};

use crate::stage::*;
use crate::support::*;

const SHUTDOWN: Order = Order::Finish(Some("shutdown"));
const SHUTDOWN_WITH: Order = Order::Finish(Some("shutdown: some_info"));

/// One child of this class, and the life it has.
async fn one(restart: Restart) -> (Fixed, Pid) {
    let stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    let pid = stage.add("child1", restart).await;
    (stage, pid)
}

fn died() -> ExitReason {
    ExitReason::Error("died".to_owned())
}

fn with_info() -> ExitReason {
    ExitReason::ShutdownWith("some_info".to_owned())
}

#[track_caller]
fn is_back(stage: &Fixed, before: Pid) -> Pid {
    let pid = stage.renewed("child1", before);
    stage.shows([("child1", pid)]);
    assert_eq!(stage.counts(), [1, 1, 0, 1]);
    pid
}

#[track_caller]
fn is_down(stage: &Fixed) {
    stage.shows([("child1", Pid::Undefined)]);
    assert_eq!(stage.counts(), [1, 0, 0, 1]);
}

#[track_caller]
fn is_forgotten(stage: &Fixed) {
    stage.shows([]);
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn permanent_normal() {
    let (mut stage, pid) = one(Restart::Permanent).await;
    assert_eq!(stage.end("child1", STOP).await, ExitReason::Normal);
    is_back(&stage, pid);
}

#[tokio::test(start_paused = true)]
async fn transient_normal() {
    let (mut stage, _) = one(Restart::Transient).await;
    assert_eq!(stage.end("child1", STOP).await, ExitReason::Normal);
    is_down(&stage);
}

#[tokio::test(start_paused = true)]
async fn temporary_normal() {
    let (mut stage, _) = one(Restart::Temporary).await;
    assert_eq!(stage.end("child1", STOP).await, ExitReason::Normal);
    is_forgotten(&stage);
}

#[tokio::test(start_paused = true)]
async fn permanent_shutdown() {
    let (mut stage, pid) = one(Restart::Permanent).await;
    assert_eq!(stage.end("child1", SHUTDOWN).await, ExitReason::Shutdown);
    let pid = is_back(&stage, pid);
    assert_eq!(stage.end("child1", SHUTDOWN_WITH).await, with_info());
    is_back(&stage, pid);
}

#[tokio::test(start_paused = true)]
async fn transient_shutdown() {
    let (mut stage, _) = one(Restart::Transient).await;
    assert_eq!(stage.end("child1", SHUTDOWN).await, ExitReason::Shutdown);
    is_down(&stage);
    let restarted = stage.sup.restart_child("child1").await;
    assert_eq!(restarted, Ok(Started::Up));
    assert_eq!(stage.end("child1", SHUTDOWN_WITH).await, with_info());
    is_down(&stage);
}

#[tokio::test(start_paused = true)]
async fn temporary_shutdown() {
    let (mut stage, _) = one(Restart::Temporary).await;
    assert_eq!(stage.end("child1", SHUTDOWN).await, ExitReason::Shutdown);
    is_forgotten(&stage);
    stage.add("child1", Restart::Temporary).await;
    assert_eq!(stage.end("child1", SHUTDOWN_WITH).await, with_info());
    is_forgotten(&stage);
}

/// The server of an application breaks when it starts: whoever starts the application learns
/// which child it was and how it broke, and nothing stays behind.
#[tokio::test(start_paused = true)]
async fn faulty_application_shutdown() {
    let crew = Crew::default();
    crew.births("app_faulty", Birth::Panic);
    let application = sup(Strategy::OneForOne, USUAL)
        .child(crew.worker("before"))
        .child(crew.worker("app_faulty"));
    let node = sup(Strategy::OneForOne, USUAL)
        .child(crew.worker("kernel"))
        .child(ChildSpec::supervisor("application", application));
    let error = Tree::start("node", node).await.err();
    let expected = StartError::Child {
        path: "node/application/app_faulty".to_owned(),
        reason: ExitReason::StartFailed("panic: broken".to_owned()),
    };
    assert_eq!(error, Some(expected));
    assert_eq!((crew.lives(), crew.alive()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn permanent_abnormal() {
    let (mut stage, pid) = one(Restart::Permanent).await;
    assert_eq!(stage.end("child1", DIE).await, died());
    is_back(&stage, pid);
}

#[tokio::test(start_paused = true)]
async fn transient_abnormal() {
    let (mut stage, pid) = one(Restart::Transient).await;
    assert_eq!(stage.end("child1", DIE).await, died());
    is_back(&stage, pid);
}

#[tokio::test(start_paused = true)]
async fn temporary_abnormal() {
    let (mut stage, _) = one(Restart::Temporary).await;
    assert_eq!(stage.end("child1", DIE).await, died());
    is_forgotten(&stage);
}

#[tokio::test(start_paused = true)]
async fn temporary_bystander() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let mut stage = Fixed::empty(strategy, limits(2, 300)).await;
        let child1 = stage.add("child1", Restart::Permanent).await;
        stage.add("child2", Restart::Temporary).await;
        assert_eq!(stage.end("child1", STOP).await, ExitReason::Normal);
        stage.stays(&["sup"]).await;
        let child1 = stage.renewed("child1", child1);
        stage.shows([("child1", child1)]);
        assert_eq!(stage.exit("child2").await, ExitReason::Shutdown);
        assert_eq!(stage.crew.pid("child2"), Pid::Undefined);
    }
}
