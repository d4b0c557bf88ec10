//! Wall time, handed down: the one seam through which the system learns what time it is.
//!
//! Monotonic time is `tokio::time`; this is the calendar. Nothing else calls the system's clock, so
//! that a test or the simulator decides the date.

use plantao_schema::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// A source of wall time. Clones share the same hands.
#[derive(Clone, Debug)]
pub struct WallClock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
    /// Runs with tokio's clock from where it was set.
    Running(Arc<AtomicI64>, Instant),
}

impl WallClock {
    /// The operating system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands until it is set.
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(at.micros()))))
    }

    /// A clock that says `at` now and runs with tokio's, paused or not. Setting it is a jump.
    #[must_use]
    pub fn running(at: Timestamp) -> Self {
        Self(Source::Running(
            Arc::new(AtomicI64::new(at.micros())),
            Instant::now(),
        ))
    }

    /// The present. A system clock set before 1970 reads as 1970, which fails closed: every
    /// credential is then from the future.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
            }
            Source::Manual(hands) => Timestamp::from_micros(hands.load(Ordering::SeqCst)),
            Source::Running(began, since) => {
                let run = i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX);
                Timestamp::from_micros(began.load(Ordering::SeqCst).saturating_add(run))
            }
        }
    }

    /// Moves any clock but the system's, which stays as it is.
    pub fn set(&self, at: Timestamp) {
        match &self.0 {
            Source::System => {}
            Source::Manual(hands) => hands.store(at.micros(), Ordering::SeqCst),
            Source::Running(began, _) => {
                let jump = at.micros().saturating_sub(self.now().micros());
                began.fetch_add(jump, Ordering::SeqCst);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_for_every_clone() {
        let clock = WallClock::manual(Timestamp::from_micros(1));
        let other = clock.clone();
        clock.set(Timestamp::from_micros(2));
        assert_eq!(other.now(), Timestamp::from_micros(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_clock_keeps_tokio_s_time_and_jumps_where_it_is_set() {
        let clock = WallClock::running(Timestamp::from_micros(10));
        tokio::time::advance(std::time::Duration::from_micros(5)).await;
        assert_eq!(clock.now(), Timestamp::from_micros(15));
        clock.set(Timestamp::from_micros(100));
        tokio::time::advance(std::time::Duration::from_micros(1)).await;
        assert_eq!(clock.now(), Timestamp::from_micros(101));
    }
}
