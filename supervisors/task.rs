//! `TaskSupervisor`: work that is one future each, supervised.
//!
//! Elixir's `Task.Supervisor`. A task is a temporary child of a dynamic supervisor: it counts
//! against its limit, is stopped with the tree, and is seen in snapshots while it runs. Stopping
//! a task drops its future at the next await point.

use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::oneshot;

use crate::birth::TaskBody;
use crate::context::StartContext;
use crate::core::{Policy, Restart, Shutdown};
use crate::dynamic::DynamicHandle;
use crate::error::SupervisorError;
use crate::exit::{ExitReason, Panicked};
use crate::spec::{ChildSpec, DynamicSpec};
use crate::supervisor::Message;
use crate::sync::lock;

/// Time a task gets to stop, as in Elixir; it is spent only by one that reaches no await point.
const SHUTDOWN: Duration = Duration::from_secs(5);
/// Time that one item of a stream may take, as in Elixir.
const ITEM: Duration = Duration::from_secs(5);

/// Starts tasks under one dynamic supervisor, whichever incarnation of it lives.
///
/// ```
/// use futures_util::StreamExt;
/// use plantao_supervisors::{
///     Intensity, Strategy, StreamOptions, SupervisorSpec, TaskSupervisor, Tree,
/// };
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskSupervisor::new();
/// let limits = Intensity::new(3, Duration::from_secs(5));
/// let root = SupervisorSpec::new(Strategy::OneForOne, limits)
///     .child(tasks.child("reports", limits, 100));
/// let tree = Tree::start("hospital", root).await?;
///
/// let sum = tasks.spawn(async { 40 + 2 }).await?;
/// assert_eq!(sum.await?, 42);
///
/// let squares = tasks.stream(1..=4_u32, StreamOptions::at_once(2), |n| async move { n * n });
/// let squares: Result<Vec<_>, _> = squares.collect::<Vec<_>>().await.into_iter().collect();
/// assert_eq!(squares?, [1, 4, 9, 16]);
/// # tree.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct TaskSupervisor {
    children: DynamicHandle,
    next: Arc<AtomicU64>,
}

/// Why there is no result of a task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// It panicked, was stopped or was killed.
    #[error("task exited: {0}")]
    Exited(ExitReason),
    /// It took longer than it may, and was stopped.
    #[error("task not done after `{after:?}`")]
    Timeout {
        /// The limit.
        after: Duration,
    },
    /// It was not started.
    #[error(transparent)]
    NotStarted(#[from] SupervisorError),
}

impl TaskSupervisor {
    /// A handle with no supervisor yet: everything is `Unavailable`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The supervisor of the tasks, as a child of another: at most `max_children` at one time.
    /// The intensity counts tasks that are started to be restarted.
    pub fn child(
        &self,
        id: impl Into<String>,
        intensity: crate::core::Intensity,
        max_children: usize,
    ) -> ChildSpec {
        let spec = DynamicSpec::new(intensity, max_children);
        ChildSpec::dynamic(id, &self.children, spec)
    }

    /// The supervisor itself: to look at the tasks, or to stop one by its id.
    pub fn children(&self) -> &DynamicHandle {
        &self.children
    }

    /// Runs a future whose result is awaited: Elixir's `async`. The task is bound to its owner:
    /// when the [`Task`] is dropped the task is stopped.
    ///
    /// # Errors
    /// `MaxChildren` or `Unavailable`.
    pub async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Task<T>, SupervisorError> {
        self.begin(work, true).await
    }

    /// The same, but the task runs on when the [`Task`] is dropped: Elixir's `async_nolink`.
    ///
    /// # Errors
    /// `MaxChildren` or `Unavailable`.
    pub async fn spawn_nolink<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Task<T>, SupervisorError> {
        self.begin(work, false).await
    }

    /// Runs work that nobody awaits: Elixir's `start_child`. By its restart class it is done
    /// again when it fails; `work` makes it anew then. Answers the child's id.
    ///
    /// # Errors
    /// `MaxChildren` or `Unavailable`.
    pub async fn start_child<W>(
        &self,
        restart: Restart,
        work: impl Fn() -> W + Send + Sync + 'static,
    ) -> Result<String, SupervisorError>
    where
        W: Future<Output = Result<(), ExitReason>> + Send + 'static,
    {
        let asked = Arc::default();
        let spec = self.task(restart, asked, move |_: &StartContext| work());
        let id = spec.id.to_string();
        self.children.start_child(spec).await?;
        Ok(id)
    }

    /// Does the same with each item, some at a time: Elixir's `async_stream`. Items are taken, and
    /// tasks started, only as results are asked for. Dropping the stream stops its tasks. What
    /// one item comes to, a start that was refused included, is its own result.
    pub fn stream<I, F, T, W>(
        &self,
        items: I,
        options: StreamOptions,
        work: F,
    ) -> BoxStream<'static, Result<T, TaskError>>
    where
        F: Fn(I::Item) -> W + Send + Sync + 'static,
        I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>,
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let (tasks, work) = (self.clone(), Arc::new(work));
        let results = stream::iter(items).map(move |item| {
            let (tasks, work) = (tasks.clone(), Arc::clone(&work));
            async move {
                // Called in the task: a panic there is the item's result.
                let task = tasks.begin(async move { work(item).await }, true).await?;
                let id = Arc::clone(&task.id);
                let result = task.within(options.timeout).await;
                // The next item's task may be started when nothing is left of this one, which
                // by now is on its way out or gone.
                let _ = tasks.children.terminate_child(&id).await;
                result
            }
        });
        let at_once = options.max_concurrency.max(1);
        if options.ordered {
            results.buffered(at_once).boxed()
        } else {
            results.buffer_unordered(at_once).boxed()
        }
    }

    async fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        linked: bool,
    ) -> Result<Task<T>, SupervisorError> {
        let (sender, result) = oneshot::channel();
        let asked = Arc::new(AtomicBool::new(false));
        let promise = Promise {
            sender: Some(sender),
            asked: Arc::clone(&asked),
        };
        let once = Mutex::new(Some((work, promise)));
        let spec = self.task(Restart::Temporary, asked, move |_: &StartContext| {
            let taken = lock(&once).take();
            async move {
                // Temporary: there is no second start.
                let Some((work, promise)) = taken else {
                    return Err(ExitReason::Cancelled);
                };
                promise.keep(work, linked).await
            }
        });
        let id = Arc::clone(&spec.id);
        self.children.start_child(spec).await?;
        Ok(Task {
            id,
            children: self.children.clone(),
            result,
        })
    }

    fn task<W>(
        &self,
        restart: Restart,
        asked: Arc<AtomicBool>,
        make: impl Fn(&StartContext) -> W + Send + Sync + 'static,
    ) -> ChildSpec
    where
        W: Future<Output = Result<(), ExitReason>> + Send + 'static,
    {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let policy = Policy {
            restart,
            ..Policy::new(Shutdown::Timeout(SHUTDOWN))
        };
        ChildSpec::new(
            format!("task-{number}"),
            policy,
            Arc::new(TaskBody { make, asked }),
        )
    }
}

impl fmt::Debug for TaskSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSupervisor")
            .field("children", &self.children)
            .finish_non_exhaustive()
    }
}

/// How [`TaskSupervisor::stream`] does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamOptions {
    /// Tasks at one time.
    pub max_concurrency: usize,
    /// Results in the order of the items, rather than as they come.
    pub ordered: bool,
    /// Time for one item; what takes longer is stopped, and the others go on.
    pub timeout: Duration,
}

impl StreamOptions {
    /// So many tasks at a time, results in order, five seconds for each.
    pub const fn at_once(max_concurrency: usize) -> Self {
        Self {
            max_concurrency,
            ordered: true,
            timeout: ITEM,
        }
    }
}

/// What a task owes its owner: its result, or why there is none.
struct Promise<T> {
    sender: Option<oneshot::Sender<Result<T, ExitReason>>>,
    asked: Arc<AtomicBool>,
}

impl<T> Promise<T> {
    /// Does the work and hands its result over; a linked task ends with its owner.
    async fn keep(mut self, work: impl Future<Output = T>, linked: bool) -> Result<(), ExitReason> {
        let gone = async {
            match &mut self.sender {
                Some(sender) if linked => sender.closed().await,
                _ => std::future::pending().await,
            }
        };
        let outcome = tokio::select! {
            biased;
            outcome = AssertUnwindSafe(work).catch_unwind() => outcome,
            () = gone => return Err(ExitReason::Shutdown),
        };
        let outcome = outcome.map_err(|payload| ExitReason::Panic(Panicked::of(payload).0));
        let reason = outcome.as_ref().err().cloned();
        if let Some(sender) = self.sender.take() {
            // Its owner has gone; the result is not wanted any more.
            let _ = sender.send(outcome);
        }
        reason.map_or(Ok(()), Err)
    }
}

/// Stopped before it was done.
impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            let reason = if self.asked.load(Ordering::Acquire) {
                ExitReason::Shutdown
            } else {
                ExitReason::Killed
            };
            let _ = sender.send(Err(reason));
        }
    }
}

/// A task whose result is awaited.
#[must_use = "a task that is dropped is stopped, unless it was spawned without a link"]
pub struct Task<T> {
    id: Arc<str>,
    children: DynamicHandle,
    result: oneshot::Receiver<Result<T, ExitReason>>,
}

impl<T> Task<T> {
    /// The child's id under its supervisor.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The result, if it comes in time; if not, the task is stopped.
    ///
    /// # Errors
    /// [`TaskError`].
    pub async fn within(mut self, limit: Duration) -> Result<T, TaskError> {
        match tokio::time::timeout(limit, &mut self).await {
            Ok(result) => result,
            Err(_) => {
                self.stop();
                Err(TaskError::Timeout { after: limit })
            }
        }
    }

    /// Stops the task and waits until nothing of it is left; answers its result if it was done.
    pub async fn shutdown(mut self) -> Option<T> {
        // Not there any more: it is done.
        let _ = self.children.terminate_child(&self.id).await;
        self.result.try_recv().ok()?.ok()
    }

    fn stop(&self) {
        if let Ok(station) = self.children.place().station() {
            let (reply, _) = oneshot::channel();
            station.send(Message::TerminateChild(Arc::clone(&self.id), reply));
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.result).poll(context));
        Poll::Ready(match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(reason)) => Err(TaskError::Exited(reason)),
            Err(_) => Err(TaskError::Exited(ExitReason::Killed)),
        })
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
