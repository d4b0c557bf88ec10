//! Where guests run: threads apart from the reactor's.
//!
//! Owns the small runtime that executes guests and compiles modules, so that a guest which burns
//! its whole time share slows other guests down and no front door, health check or policy
//! decision. Refuses to leave a guest behind: a task ends when its [`GuestTask`] is dropped.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// How often a worker looks at timers between two time shares. Tokio's default of 61 would let
/// spinning guests put off each other's timeouts by 61 ticks.
const EVENT_INTERVAL: u32 = 2;

/// The threads guests run on. Clones share them; the last one to go stops them.
#[derive(Clone, Debug)]
pub struct GuestRuntime {
    handle: Handle,
    _threads: Option<Arc<Threads>>,
}

impl GuestRuntime {
    /// Starts threads of its own.
    ///
    /// # Errors
    /// What the operating system says when it refuses a thread.
    pub fn start(workers: usize) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers.max(1))
            .thread_name("plantao-guest")
            .event_interval(EVENT_INTERVAL)
            .enable_time()
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self {
            handle,
            _threads: Some(Arc::new(Threads(Some(runtime)))),
        })
    }

    /// Runs guests on the runtime of the caller: for simulations on one paused clock.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn current() -> Self {
        Self {
            handle: Handle::current(),
            _threads: None,
        }
    }

    pub(super) fn spawn<F>(&self, future: F) -> GuestTask<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        GuestTask(self.handle.spawn(future))
    }

    /// For compilation, which never yields.
    pub(super) async fn compute<T, F>(&self, work: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.handle.spawn_blocking(work).await.ok()
    }
}

#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime dropped inside another one panics; this lets its threads end on their own.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A guest at work. Dropping it drops the guest at its next yield.
pub(super) struct GuestTask<T>(JoinHandle<T>);

impl<T> GuestTask<T> {
    /// Waits for the guest; nothing when it panicked or its threads are gone.
    pub(super) async fn finish(mut self) -> Option<T> {
        (&mut self.0).await.ok()
    }
}

impl<T> Drop for GuestTask<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
