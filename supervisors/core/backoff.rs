//! How long a child that keeps failing waits before it is started again.
//!
//! Not in OTP, whose supervisors restart at once. The wait doubles from restart to restart, is
//! spread by jitter so that many children do not come back together, and starts over when the
//! child was up for long enough. The jitter is computed from a seed, so a run can be repeated.

use serde::Serialize;
use std::time::Duration;

/// Exponential backoff; see [`Backoff::exponential`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Backoff {
    /// Wait before the first restart.
    pub first: Duration,
    /// Longest wait, jitter aside.
    pub max: Duration,
    /// Share of the wait, 0 to 1, by which it may be shorter or longer.
    pub jitter: f64,
    /// A child that was up this long starts over with the first wait.
    pub reset_after: Duration,
}

impl Backoff {
    /// Waits `first`, then twice that, and so on up to `max`; a tenth of jitter, and a fresh
    /// start after a minute up.
    ///
    /// ```
    /// use plantao_supervisors::Backoff;
    /// use std::time::Duration;
    ///
    /// let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30))
    ///     .jitter(0.2)
    ///     .reset_after(Duration::from_secs(300));
    /// assert_eq!(backoff.max, Duration::from_secs(30));
    /// ```
    pub const fn exponential(first: Duration, max: Duration) -> Self {
        Self {
            first,
            max,
            jitter: 0.1,
            reset_after: Duration::from_secs(60),
        }
    }

    /// Spreads each wait by this share of it, 0 to 1.
    #[must_use]
    pub const fn jitter(mut self, share: f64) -> Self {
        self.jitter = share.clamp(0.0, 1.0);
        self
    }

    /// How long a child must have been up for its next wait to be the first again.
    #[must_use]
    pub const fn reset_after(mut self, up: Duration) -> Self {
        self.reset_after = up;
        self
    }

    /// The wait before restart number `attempt`, counted from 0, of the child that `salt` names.
    pub(crate) fn wait(&self, attempt: u32, salt: u64) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX));
        let wait = doubled.min(self.max);
        let roll = fastrand::Rng::with_seed(salt ^ u64::from(attempt)).f64();
        // The fields are anybody's to set: what is no share of anything spreads nothing.
        let share = if self.jitter.is_nan() {
            0.0
        } else {
            self.jitter.clamp(0.0, 1.0)
        };
        let seconds = wait.as_secs_f64() * (1.0 + share * (2.0 * roll - 1.0));
        Duration::try_from_secs_f64(seconds).unwrap_or(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_wait_doubles_up_to_its_limit() {
        let backoff = Backoff::exponential(SECOND, 10 * SECOND).jitter(0.0);
        let waits: Vec<u64> = (0..6).map(|n| backoff.wait(n, 7).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 10, 10]);
        assert_eq!(backoff.wait(400, 7), 10 * SECOND);
    }

    #[test]
    fn no_wait_is_beyond_computing() {
        for jitter in [f64::NAN, f64::INFINITY, -3.0, 9.0] {
            let mut backoff = Backoff::exponential(Duration::MAX, Duration::MAX);
            backoff.jitter = jitter;
            assert!(backoff.wait(9, 7) >= Duration::ZERO);
        }
    }

    proptest! {
        #[test]
        fn jitter_stays_within_its_share_and_repeats(
            attempt in 0u32..80,
            salt: u64,
            share in 0.0..1.0,
        ) {
            let backoff = Backoff::exponential(SECOND, 60 * SECOND).jitter(share);
            let plain = backoff.jitter(0.0).wait(attempt, salt).as_secs_f64();
            let wait = backoff.wait(attempt, salt).as_secs_f64();
            prop_assert!((wait - plain).abs() <= plain * share + 1e-6);
            prop_assert_eq!(backoff.wait(attempt, salt), backoff.wait(attempt, salt));
        }
    }
}
