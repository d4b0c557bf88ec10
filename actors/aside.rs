//! Work that takes the processor for longer than a reactor should be held up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs it on a thread apart; nothing when it panicked. A runtime of one thread runs it in place:
/// it has nobody else to serve meanwhile but on the same processor, and in a simulation what comes
/// first must not depend on threads.
pub async fn aside<T, F>(work: F) -> Option<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return catch_unwind(AssertUnwindSafe(work)).ok();
    }
    tokio::task::spawn_blocking(work).await.ok()
}

#[cfg(test)]
mod tests {
    use super::aside;

    #[tokio::test]
    async fn one_thread_does_the_work_itself_and_survives_its_panic() {
        let here = std::thread::current().id();
        assert_eq!(aside(move || std::thread::current().id()).await, Some(here));
        assert_eq!(aside(|| -> u8 { panic!("on purpose") }).await, None);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn several_threads_leave_the_work_to_another() {
        let here = tokio::spawn(async { std::thread::current().id() });
        let here = here.await.unwrap();
        let there = tokio::spawn(aside(|| std::thread::current().id()));
        assert_ne!(there.await.unwrap(), Some(here));
        assert_eq!(aside(|| -> u8 { panic!("on purpose") }).await, None);
    }
}
