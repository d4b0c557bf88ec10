//! `Task.Supervisor.async_stream` and `async_stream_nolink`, which are one here: many items, some
//! at a time, and a task that fails is the result of its item.

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use plantao_supervisors::{
    ExitReason, StreamOptions, SupervisorError, TaskError, TaskSupervisor, Tree,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

use crate::pool::UNLIMITED;
use crate::support::settle;
use crate::task::{open, running};

type Results<T> = BoxStream<'static, Result<T, TaskError>>;

/// As many as there are cores, in Elixir; here as many as there are items.
const OPTIONS: StreamOptions = StreamOptions::at_once(4);
/// Longer than any case lasts.
const FOR_EVER: u64 = u64::MAX;

async fn sleep(time_ms: u64) -> u64 {
    match time_ms {
        FOR_EVER => std::future::pending().await,
        _ => tokio::time::sleep(Duration::from_millis(time_ms)).await,
    }
    time_ms
}

fn oks(items: impl IntoIterator<Item = u64>) -> Vec<Result<u64, TaskError>> {
    items.into_iter().map(Ok).collect()
}

fn exit<T>(text: &str) -> Result<T, TaskError> {
    Err(TaskError::Exited(ExitReason::Panic(text.to_owned())))
}

async fn yield_and_exit(text: String) -> u64 {
    tokio::task::yield_now().await;
    panic!("{text}")
}

fn texts() -> [String; 4] {
    [1, 2, 3, 4].map(|item: u8| item.to_string())
}

async fn no_task_is_left(tasks: &TaskSupervisor) {
    settle().await;
    assert_eq!(running(tasks), [""; 0]);
}

async fn with_fun(options: StreamOptions) {
    let (_tree, tasks) = open(UNLIMITED).await;
    let results = tasks.stream(1..=4, options, |item| async move { sleep(item).await });
    assert_eq!(results.collect::<Vec<_>>().await, oks(1..=4));
}

async fn with_mfa(options: StreamOptions) {
    let (_tree, tasks) = open(UNLIMITED).await;
    let results = tasks.stream(1..=4, options, sleep);
    assert_eq!(results.collect::<Vec<_>>().await, oks(1..=4));
}

async fn without_leaking_tasks(options: StreamOptions) {
    let (_tree, tasks) = open(UNLIMITED).await;
    let results = tasks.stream(1..=4, options, sleep);
    assert_eq!(results.collect::<Vec<_>>().await, oks(1..=4));
    no_task_is_left(&tasks).await;
}

async fn with_slowest_first(options: StreamOptions) {
    let (_tree, tasks) = open(UNLIMITED).await;
    let results = tasks.stream((1..=4).rev(), options, sleep);
    assert_eq!(results.collect::<Vec<_>>().await, oks((1..=4).rev()));
}

async fn with_exits(options: StreamOptions) {
    let (_tree, tasks) = open(UNLIMITED).await;
    let results = tasks.stream(texts(), options, yield_and_exit);
    let expected = ["1", "2", "3", "4"].map(exit::<u64>);
    assert_eq!(results.collect::<Vec<_>>().await, expected);
    no_task_is_left(&tasks).await;
}

/// One item that is done at once, and three that never are; the first is all that is taken.
/// `held` is kept by each task as long as there is anything of it.
async fn first_of(tasks: &TaskSupervisor, options: StreamOptions, held: Arc<()>) {
    let results: Results<u64> = tasks.stream([0, FOR_EVER, FOR_EVER, FOR_EVER], options, {
        move |item| {
            let held = Arc::clone(&held);
            async move {
                let slept = sleep(item).await;
                drop(held);
                slept
            }
        }
    });
    assert_eq!(results.take(1).collect::<Vec<_>>().await, oks([0]));
}

async fn shuts_down_unused_tasks(options: StreamOptions) {
    let (_tree, tasks) = open(UNLIMITED).await;
    first_of(&tasks, options, Arc::default()).await;
    no_task_is_left(&tasks).await;
}

async fn shuts_down_without_leaking(options: StreamOptions) {
    let (_tree, tasks) = open(UNLIMITED).await;
    let held = Arc::new(());
    first_of(&tasks, options, Arc::clone(&held)).await;
    settle().await;
    assert_eq!(
        Arc::strong_count(&held),
        1,
        "work goes on that nobody awaits"
    );
}

/// The refusal is the result of the item that it met, and not of the whole stream.
async fn fails_at_max_children(options: StreamOptions) {
    let (_tree, tasks): (Tree, _) = open(1).await;
    let options = StreamOptions {
        max_concurrency: 2,
        ordered: false,
        ..options
    };
    let mut results = tasks.stream([FOR_EVER; 3], options, sleep);
    let full = SupervisorError::MaxChildren { limit: 1 };
    assert_eq!(results.next().await, Some(Err(TaskError::NotStarted(full))));
    drop(results);
    no_task_is_left(&tasks).await;
}

#[tokio::test(start_paused = true)]
async fn async_stream_streams_an_enumerable_with_fun() {
    with_fun(OPTIONS).await;
}

#[tokio::test(start_paused = true)]
async fn async_stream_streams_an_enumerable_with_mfa() {
    with_mfa(OPTIONS).await;
}

#[tokio::test(start_paused = true)]
async fn async_stream_streams_an_enumerable_without_leaking_tasks() {
    without_leaking_tasks(OPTIONS).await;
}

#[tokio::test(start_paused = true)]
async fn async_stream_streams_an_enumerable_with_slowest_first() {
    with_slowest_first(OPTIONS).await;
}

#[tokio::test(start_paused = true)]
async fn async_stream_streams_an_enumerable_with_exits() {
    with_exits(OPTIONS).await;
}

#[tokio::test(start_paused = true)]
async fn async_stream_shuts_down_unused_tasks() {
    shuts_down_unused_tasks(OPTIONS).await;
}

#[tokio::test(start_paused = true)]
async fn async_stream_shuts_down_unused_tasks_without_leaking_messages() {
    shuts_down_without_leaking(OPTIONS).await;
}

#[tokio::test(start_paused = true)]
async fn async_stream_raises_an_error_if_max_children_is_reached_with_clean_stream_shutdown() {
    fails_at_max_children(OPTIONS).await;
}

#[tokio::test(start_paused = true)]
async fn async_stream_consuming_from_another_process() {
    let (_tree, tasks) = open(UNLIMITED).await;
    let (told, mut heard) = mpsc::unbounded_channel();
    let results = tasks.stream(1..=3, OPTIONS, move |item: u64| {
        let told = told.clone();
        async move { told.send(item).unwrap() }
    });
    let consumer = tokio::spawn(results.for_each(|_| async {}));
    let mut items = Vec::new();
    while let Some(item) = heard.recv().await {
        items.push(item);
    }
    items.sort_unstable();
    assert_eq!(items, [1, 2, 3]);
    consumer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn async_stream_with_timeout_and_zip_input_on_exit_set_to_true() {
    let (_tree, tasks) = open(UNLIMITED).await;
    let after = Duration::from_millis(50);
    let options = StreamOptions {
        timeout: after,
        ..OPTIONS
    };
    let results = tasks.stream([1, 100], options, sleep);
    let zipped = stream::iter([1, 100]).zip(results);
    let expected = [(1, Ok(1)), (100, Err(TaskError::Timeout { after }))];
    assert_eq!(zipped.collect::<Vec<_>>().await, expected);
    no_task_is_left(&tasks).await;
}

#[tokio::test(start_paused = true)]
async fn async_stream_with_outer_halt_on_failure_and_zip_input_on_exit() {
    let (_tree, tasks) = open(UNLIMITED).await;
    let items = 1..=8_u64;
    let fail = |item: u64| yield_and_exit(item.to_string());
    let results = tasks.stream(items.clone(), OPTIONS, fail);
    let zipped = stream::iter(items).zip(results).take(4);
    let expected = [1, 2, 3, 4].map(|item: u64| (item, exit(&item.to_string())));
    assert_eq!(zipped.collect::<Vec<_>>().await, expected);
    no_task_is_left(&tasks).await;
}
