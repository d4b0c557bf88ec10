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

/// How many modules are compiled at once. Further ones wait, so that reloads or restarts in a row
/// cannot pile compilers up on the machine.
pub(super) const COMPILERS: usize = 2;

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
            .max_blocking_threads(COMPILERS)
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

    /// For compilation, which never yields: at most [`COMPILERS`] at once. Dropped before its turn
    /// it does not begin; once begun it runs to its end, whose bound is the module's size.
    pub(super) async fn compute<T, F>(&self, work: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        GuestTask(self.handle.spawn_blocking(work)).finish().await
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

/// A guest or a compiler at work. Dropping it drops the guest at its next yield.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[tokio::test]
    async fn compilers_wait_for_their_turn_and_those_no_longer_wanted_never_begin() {
        let guests = GuestRuntime::start(1).unwrap();
        let (begun, gates) = (Arc::new(AtomicUsize::new(0)), 2 * COMPILERS);
        let (opened, gate) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let mut works: Vec<_> = (0..gates)
            .map(|_| {
                let (guests, begun, gate) = (guests.clone(), begun.clone(), gate.clone());
                let work = move || {
                    begun.fetch_add(1, Ordering::SeqCst);
                    gate.lock().unwrap().recv().ok()
                };
                Box::pin(async move { guests.compute(work).await })
            })
            .collect();
        for work in &mut works {
            assert!(futures_util::poll!(work).is_pending());
        }
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while begun.load(Ordering::SeqCst) < COMPILERS {
            assert!(std::time::Instant::now() < deadline, "no compiler began");
            tokio::task::yield_now().await;
        }
        works.truncate(COMPILERS);
        for _ in 0..gates {
            opened.send(()).unwrap();
        }
        for work in works {
            assert_eq!(work.await, Some(Some(())));
        }
        assert_eq!(guests.compute(|| 1).await, Some(1));
        assert_eq!(begun.load(Ordering::SeqCst), COMPILERS);
    }
}
