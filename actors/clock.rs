//! Wall time, handed down: the one seam through which the system learns what time it is.
//!
//! Monotonic time is `tokio::time`; this is the calendar. Nothing else calls the system's clock, so
//! that a test or the simulator decides the date.

use plantao_schema::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of wall time. Clones share the same hands.
#[derive(Clone, Debug)]
pub struct WallClock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
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
        }
    }

    /// Moves a manual clock; the system's cannot be moved and stays as it is.
    pub fn set(&self, at: Timestamp) {
        if let Source::Manual(hands) = &self.0 {
            hands.store(at.micros(), Ordering::SeqCst);
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
}
