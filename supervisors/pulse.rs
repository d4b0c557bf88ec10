//! What an actor's handler is doing and how long its messages took.
//!
//! Kept only for children whose specification asks for it: a liveness limit, or metering. A
//! supervisor reads it; no message is sent to find out whether an actor still lives.

use hdrhistogram::Histogram;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

use crate::snapshot::HandleTime;
use crate::sync::lock;

/// Longer handle times are counted as this one.
const LONGEST_US: u64 = 60_000_000;
/// Quantiles are exact to one part in a hundred.
const DIGITS: u8 = 2;

/// See the module.
pub(crate) struct Pulse {
    clock: Instant,
    /// Nanoseconds on the clock at which the message in hand was taken, plus one; 0 when idle.
    since: AtomicU64,
    times: Option<Mutex<Histogram<u32>>>,
}

/// A message in hand.
pub(crate) struct Beat<'a>(&'a Pulse, Instant);

impl Pulse {
    /// `clock` is the start of its supervisor's time.
    pub(crate) fn new(clock: Instant, metered: bool) -> Self {
        let times = metered.then(|| Histogram::new_with_bounds(1, LONGEST_US, DIGITS).ok());
        Self {
            clock,
            since: AtomicU64::new(0),
            times: times.flatten().map(Mutex::new),
        }
    }

    pub(crate) fn is_metered(&self) -> bool {
        self.times.is_some()
    }

    /// Called when a message is taken; the end is the drop.
    pub(crate) fn beat(&self) -> Beat<'_> {
        let now = Instant::now();
        let at = now.duration_since(self.clock).as_nanos();
        let at = u64::try_from(at).unwrap_or(u64::MAX).saturating_add(1);
        self.since.store(at, Ordering::Relaxed);
        Beat(self, now)
    }

    /// Since when, on the clock, the message in hand has been handled.
    pub(crate) fn busy_since(&self) -> Option<Duration> {
        let at = self.since.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_nanos(at))
    }

    pub(crate) fn handle_time(&self) -> Option<HandleTime> {
        let times = lock(self.times.as_ref()?);
        Some(HandleTime {
            count: times.len(),
            p50_us: times.value_at_quantile(0.5),
            p99_us: times.value_at_quantile(0.99),
            max_us: times.max(),
        })
    }
}

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        let Self(pulse, start) = self;
        pulse.since.store(0, Ordering::Relaxed);
        if let Some(times) = &pulse.times {
            let took = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
            lock(times).saturating_record(took.clamp(1, LONGEST_US));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pulse_tells_since_when_and_how_long() {
        let pulse = Pulse::new(Instant::now(), true);
        tokio::time::advance(Duration::from_millis(5)).await;
        for took_ms in [1, 1, 1, 300] {
            let beat = pulse.beat();
            assert!(pulse.busy_since().is_some());
            tokio::time::advance(Duration::from_millis(took_ms)).await;
            drop(beat);
        }
        assert_eq!(pulse.busy_since(), None);
        let times = pulse.handle_time().unwrap();
        assert_eq!((times.count, times.p50_us / 100), (4, 10));
        assert!((300_000..=303_000).contains(&times.max_us), "{times:?}");
    }
}
