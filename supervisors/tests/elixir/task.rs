//! `Task.Supervisor`: one future each, awaited or not, bound to its owner or not.

use plantao_supervisors::{
    ChildCounts, DynamicHandle, ExitReason, Presence, Restart, Started, Strategy, SupervisorError,
    SupervisorSpec, Task, TaskError, TaskSupervisor, Tree,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::pool::{UNLIMITED, limits};
use crate::support::{SECOND, patient, settle, start};

/// `root/tasks`.
pub(crate) async fn open(max_children: usize) -> (Tree, TaskSupervisor) {
    let tasks = TaskSupervisor::new();
    let child = tasks.child("tasks", limits(3), max_children);
    let spec = patient(Strategy::OneForOne).child(child);
    (start(spec).await, tasks)
}

async fn unlimited() -> (Tree, TaskSupervisor) {
    open(UNLIMITED).await
}

/// The ids of the tasks that there are; all of them are up.
pub(crate) fn running(tasks: &TaskSupervisor) -> Vec<String> {
    let children = tasks.children().which_children().unwrap();
    assert!(children.iter().all(|child| child.presence == Presence::Up));
    children.into_iter().map(|child| child.id).collect()
}

/// Waits for its cue, then is done.
async fn wait_and_answer(cue: oneshot::Receiver<()>, answer: &'static str) -> &'static str {
    cue.await.unwrap();
    answer
}

async fn never() {
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn can_be_supervised_directly() {
    let (tree, tasks) = unlimited().await;
    assert_eq!(running(&tasks), [""; 0]);
    assert!(tree.dynamic("root/tasks").is_some());
}

#[tokio::test(start_paused = true)]
async fn multiple_supervisors_can_be_supervised_and_identified_with_simple_child_spec() {
    let names = ["simple", "global", "via"];
    let each = [(); 3].map(|()| TaskSupervisor::new());
    let pairs = names.iter().zip(&each);
    let spec = pairs.fold(patient(Strategy::OneForOne), |spec, (name, tasks)| {
        SupervisorSpec::child(spec, tasks.child(*name, limits(3), UNLIMITED))
    });
    let tree = start(spec).await;
    let root = tree.root();
    let late = TaskSupervisor::new();
    let fourth = || late.child("late", limits(3), UNLIMITED);
    assert_eq!(root.start_child(fourth()).await, Ok(Started::Up));
    for tasks in each.iter().chain([&late]) {
        assert_eq!(running(tasks), [""; 0]);
    }
    let there = SupervisorError::AlreadyStarted { id: "late".into() };
    assert_eq!(root.start_child(fourth()).await, Err(there));
}

#[tokio::test(start_paused = true)]
async fn counts_and_returns_children() {
    let (_tree, tasks) = unlimited().await;
    assert_eq!(running(&tasks), [""; 0]);
    let children: &DynamicHandle = tasks.children();
    assert_eq!(children.count_children(), Ok(ChildCounts::default()));
}

/// The task is there until its cue, then it answers, and is there no more.
async fn answers(tasks: &TaskSupervisor, task: Task<&'static str>, cue: oneshot::Sender<()>) {
    settle().await;
    assert_eq!(running(tasks), [task.id()]);
    cue.send(()).unwrap();
    assert_eq!(task.await, Ok("done"));
    settle().await;
    assert_eq!(running(tasks), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn async_1_spawns_tasks_under_the_supervisor() {
    let (_tree, tasks) = unlimited().await;
    let (cue, cued) = oneshot::channel();
    let work = async move {
        cued.await.unwrap();
        "done"
    };
    let task = tasks.spawn(work).await.unwrap();
    answers(&tasks, task, cue).await;

    let bound = tasks.spawn(never()).await.unwrap();
    assert_eq!(running(&tasks), [bound.id()]);
    drop(bound);
    settle().await;
    assert_eq!(running(&tasks), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn async_1_raises_when_max_children_is_reached() {
    let (_tree, tasks) = open(1).await;
    let _first = tasks.spawn(never()).await.unwrap();
    let full = SupervisorError::MaxChildren { limit: 1 };
    assert_eq!(tasks.spawn(never()).await.err(), Some(full));
}

#[tokio::test(start_paused = true)]
async fn async_3() {
    let (_tree, tasks) = unlimited().await;
    let (cue, cued) = oneshot::channel();
    let task = tasks.spawn(wait_and_answer(cued, "done")).await.unwrap();
    answers(&tasks, task, cue).await;
}

#[tokio::test(start_paused = true)]
async fn async_nolink_1_spawns_a_task_under_the_supervisor_without_linking_to_the_caller() {
    let (_tree, tasks) = unlimited().await;
    let (cue, cued) = oneshot::channel();
    let work = async move {
        cued.await.unwrap();
        "done"
    };
    let task = tasks.spawn_nolink(work).await.unwrap();
    answers(&tasks, task, cue).await;

    let (told, mut heard) = mpsc::unbounded_channel();
    let (cue, cued) = oneshot::channel();
    let work = async move { told.send(wait_and_answer(cued, "alone").await).unwrap() };
    drop(tasks.spawn_nolink(work).await.unwrap());
    settle().await;
    assert_eq!(running(&tasks).len(), 1);
    cue.send(()).unwrap();
    assert_eq!(heard.recv().await, Some("alone"));
}

#[tokio::test(start_paused = true)]
async fn async_nolink_1_raises_when_max_children_is_reached() {
    let (_tree, tasks) = open(1).await;
    let _first = tasks.spawn_nolink(never()).await.unwrap();
    let full = SupervisorError::MaxChildren { limit: 1 };
    assert_eq!(tasks.spawn_nolink(never()).await.err(), Some(full));
}

#[tokio::test(start_paused = true)]
async fn async_nolink_3() {
    let (_tree, tasks) = unlimited().await;
    let (cue, cued) = oneshot::channel();
    let work = wait_and_answer(cued, "done");
    let task = tasks.spawn_nolink(work).await.unwrap();
    answers(&tasks, task, cue).await;
}

/// Starts work that says when it begins and waits for its cue, which nobody awaits; says what is
/// heard of it from its cue on.
async fn started(restart: Restart, end: Result<(), ExitReason>) -> Vec<&'static str> {
    let (_tree, tasks) = unlimited().await;
    let (told, mut heard) = mpsc::unbounded_channel();
    let cue = Arc::new(Notify::new());
    let cued = Arc::clone(&cue);
    let work = move || {
        let (told, cued, end) = (told.clone(), Arc::clone(&cued), end.clone());
        async move {
            told.send("ready").unwrap();
            cued.notified().await;
            told.send("done").unwrap();
            end
        }
    };
    let id = tasks.start_child(restart, work).await.unwrap();
    assert_eq!(running(&tasks), [&*id]);
    assert_eq!(heard.recv().await, Some("ready"));
    cue.notify_one();
    settle().await;
    let left = usize::from(restart == Restart::Permanent);
    assert_eq!(running(&tasks), vec![id; left]);
    std::iter::from_fn(|| heard.try_recv().ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn start_child_1() {
    assert_eq!(started(Restart::Temporary, Ok(())).await, ["done"]);
}

#[tokio::test(start_paused = true)]
async fn start_child_3() {
    let (_tree, tasks) = unlimited().await;
    let (told, mut heard) = mpsc::unbounded_channel();
    let work = move || note(told.clone(), "done");
    tasks.start_child(Restart::Temporary, work).await.unwrap();
    assert_eq!(heard.recv().await, Some("done"));
}

async fn note(
    heard: mpsc::UnboundedSender<&'static str>,
    what: &'static str,
) -> Result<(), ExitReason> {
    heard.send(what).unwrap();
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn start_child_1_with_custom_restart() {
    let end = Err(ExitReason::Shutdown);
    let heard = started(Restart::Permanent, end).await;
    assert_eq!(heard, ["done", "ready"]);
}

#[tokio::test(start_paused = true)]
async fn terminate_child_2() {
    let (_tree, tasks) = unlimited().await;
    let work = || std::future::pending::<Result<(), ExitReason>>();
    let id = tasks.start_child(Restart::Temporary, work).await.unwrap();
    assert_eq!(running(&tasks), [&*id]);
    assert_eq!(tasks.children().terminate_child(&id).await, Ok(()));
    assert_eq!(running(&tasks), [""; 0]);
    let unknown = SupervisorError::NotFound { id: id.clone() };
    assert_eq!(tasks.children().terminate_child(&id).await, Err(unknown));
}

#[tokio::test(start_paused = true)]
async fn await_1_demonitors_and_unalias_on_timeout() {
    let (_tree, tasks) = unlimited().await;
    let (cue, cued) = oneshot::channel();
    let task = tasks.spawn(wait_and_answer(cued, "done")).await.unwrap();
    let late = TaskError::Timeout {
        after: Duration::ZERO,
    };
    assert_eq!(task.within(Duration::ZERO).await, Err(late));
    settle().await;
    assert_eq!(running(&tasks), [""; 0]);
    assert!(cue.send(()).is_err(), "nobody waits for the cue any more");
}

async fn awaited<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, TaskError> {
    let (_tree, tasks) = unlimited().await;
    let task = tasks.spawn(work).await.unwrap();
    task.within(5 * SECOND).await
}

#[tokio::test(start_paused = true)]
async fn await_1_exits_on_task_throw() {
    let thrown = awaited(async { std::panic::panic_any(7_u8) }).await;
    let reason = ExitReason::Panic("panic without a text".into());
    let thrown: Result<(), _> = thrown;
    assert_eq!(thrown, Err(TaskError::Exited(reason)));
}

#[tokio::test(start_paused = true)]
async fn await_1_exits_on_task_error() {
    let failed: Result<(), _> = awaited(async { panic!("oops") }).await;
    let reason = ExitReason::Panic("oops".into());
    assert_eq!(failed, Err(TaskError::Exited(reason)));
}

#[tokio::test(start_paused = true)]
async fn await_1_exits_on_task_exit() {
    let (tree, tasks) = unlimited().await;
    let killed = tasks.spawn(never()).await.unwrap();
    tree.kill(&format!("root/tasks/{}", killed.id())).unwrap();
    let reason = ExitReason::Killed;
    assert_eq!(killed.await, Err(TaskError::Exited(reason)));

    let stopped = tasks.spawn(never()).await.unwrap();
    let stop = tasks.children().terminate_child(stopped.id()).await;
    assert_eq!(stop, Ok(()));
    let reason = ExitReason::Shutdown;
    assert_eq!(stopped.await, Err(TaskError::Exited(reason)));
}
