//! A token bucket: so many a second on average, twice as many at once.

use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// How often something may happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// On average.
    pub(super) per_second: u32,
}

/// What is left of a rate.
#[derive(Debug)]
pub(super) struct Bucket {
    tokens: f64,
    refilled: Instant,
}

impl Rate {
    fn burst(self) -> f64 {
        2.0 * f64::from(self.per_second)
    }

    /// A full bucket.
    pub(super) fn bucket(self, now: Instant) -> Bucket {
        Bucket {
            tokens: self.burst(),
            refilled: now,
        }
    }
}

impl Bucket {
    /// Takes one, if there is one.
    pub(super) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        self.tokens = self.tokens_at(rate, now);
        self.refilled = now;
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }

    /// Whether nothing has been taken for so long that it is full again.
    pub(super) fn is_full(&self, rate: Rate, now: Instant) -> bool {
        self.tokens_at(rate, now) >= rate.burst()
    }

    fn tokens_at(&self, rate: Rate, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.refilled).as_secs_f64();
        (self.tokens + passed * f64::from(rate.per_second)).min(rate.burst())
    }
}

/// A bucket that everybody shares.
#[derive(Debug)]
pub struct SharedBucket {
    rate: Rate,
    bucket: Mutex<Bucket>,
}

impl SharedBucket {
    /// A full one.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let rate = Rate { per_second };
        let bucket = Mutex::new(rate.bucket(Instant::now()));
        Self { rate, bucket }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(self.rate, Instant::now())
    }
}
