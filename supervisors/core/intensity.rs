//! How many restarts are too many.
//!
//! One list per supervisor, whichever child restarts; a group restart counts once and every
//! retry again. The window is inclusive, as OTP counts: a restart exactly one period old still
//! counts.

use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::sync::lock;

/// At most `restarts` within `period`; one more and the supervisor gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Intensity {
    /// Restarts allowed within the period.
    pub restarts: u32,
    /// Length of the sliding window.
    pub period: Duration,
}

impl Intensity {
    /// At most `restarts` within `period`.
    pub const fn new(restarts: u32, period: Duration) -> Self {
        Self { restarts, period }
    }

    /// Why these limits cannot be kept, if so.
    pub(crate) fn defect(&self) -> Option<&'static str> {
        self.period
            .is_zero()
            .then_some("its period is zero; expected more than no time")
    }
}

/// A limit that a whole subtree shares, whichever of its supervisors restarts something.
///
/// Not in OTP, where each supervisor counts for itself, so that a deep tree can restart the
/// product of its intensities.
#[derive(Debug)]
pub(crate) struct Budget(Mutex<Option<Window>>);

impl Budget {
    pub(crate) fn new(intensity: Option<Intensity>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(intensity.map(Window::new))))
    }

    /// Counts a restart, unless it is one too many.
    pub(crate) fn allow(&self, now: Duration) -> bool {
        lock(&self.0)
            .as_mut()
            .is_none_or(|window| window.left(now) > 0 && window.allow(now))
    }

    /// A restart that was counted at `now` did not take place.
    pub(crate) fn take_back(&self, now: Duration) {
        if let Some(window) = &mut *lock(&self.0) {
            window.take_back(now);
        }
    }

    /// Restarts left at `now`; without a limit there are always some.
    #[cfg(test)]
    pub(crate) fn left(&self, now: Duration) -> u32 {
        self.shown(now).unwrap_or(u32::MAX)
    }

    /// Restarts left at `now`, if there is a limit.
    pub(crate) fn shown(&self, now: Duration) -> Option<u32> {
        Some(lock(&self.0).as_mut()?.left(now))
    }

    pub(crate) fn is_unlimited(&self) -> bool {
        lock(&self.0).is_none()
    }

    /// Another limit for what was counted already.
    pub(crate) fn limit(&self, intensity: Option<Intensity>) {
        let mut window = lock(&self.0);
        match (&mut *window, intensity) {
            (Some(window), Some(intensity)) => window.limit(intensity),
            (window, intensity) => *window = intensity.map(Window::new),
        }
    }

    /// Nothing was counted.
    pub(crate) fn reset(&self) {
        if let Some(window) = &mut *lock(&self.0) {
            *window = Window::new(window.intensity);
        }
    }
}

/// The restarts that still count, oldest first; times are measured from a common start.
#[derive(Debug)]
pub(crate) struct Window {
    intensity: Intensity,
    restarts: VecDeque<Duration>,
}

impl Window {
    pub(crate) fn new(intensity: Intensity) -> Self {
        Self {
            intensity,
            restarts: VecDeque::new(),
        }
    }

    /// Other limits for the restarts that were counted already.
    pub(crate) fn limit(&mut self, intensity: Intensity) {
        self.intensity = intensity;
    }

    /// Restarts that would still be allowed at `now`.
    pub(crate) fn left(&mut self, now: Duration) -> u32 {
        self.intensity.restarts.saturating_sub(self.count(now))
    }

    /// Counts a restart; false when it is one too many.
    pub(crate) fn allow(&mut self, now: Duration) -> bool {
        self.restarts.push_back(now);
        self.count(now) <= self.intensity.restarts
    }

    fn take_back(&mut self, now: Duration) {
        if let Some(place) = self.restarts.iter().rposition(|at| *at == now) {
            self.restarts.remove(place);
        }
    }

    /// Restarts that count at `now`; forgets older ones, so that each is looked at once.
    pub(crate) fn count(&mut self, now: Duration) -> u32 {
        let period = self.intensity.period;
        while self
            .restarts
            .front()
            .is_some_and(|&at| now.saturating_sub(at) > period)
        {
            self.restarts.pop_front();
        }
        u32::try_from(self.restarts.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_restart_exactly_one_period_old_still_counts() {
        let mut window = Window::new(Intensity::new(1, 5 * SECOND));
        assert!(window.allow(SECOND));
        assert!(!window.allow(6 * SECOND));
    }

    #[test]
    fn a_restart_older_than_the_period_is_forgotten() {
        let mut window = Window::new(Intensity::new(1, 5 * SECOND));
        assert!(window.allow(SECOND));
        assert!(window.allow(6 * SECOND + Duration::from_nanos(1)));
    }

    #[test]
    fn a_budget_counts_neither_what_it_refuses_nor_what_is_taken_back() {
        let budget = Budget::new(Some(Intensity::new(2, 5 * SECOND)));
        assert!(budget.allow(SECOND) && budget.allow(2 * SECOND));
        assert!(!budget.allow(3 * SECOND));
        budget.take_back(2 * SECOND);
        assert_eq!(budget.left(3 * SECOND), 1);
        assert!(budget.allow(3 * SECOND));
        assert_eq!(budget.left(7 * SECOND), 1);
    }

    #[test]
    fn no_restart_is_allowed_at_intensity_zero() {
        assert!(!Window::new(Intensity::new(0, SECOND)).allow(SECOND));
    }

    proptest! {
        #[test]
        fn the_window_agrees_with_keeping_every_restart(
            restarts in 0u32..6,
            period_ms in 0u64..50,
            gaps_ms in prop::collection::vec(0u64..20, 1..200),
        ) {
            let period = Duration::from_millis(period_ms);
            let mut window = Window::new(Intensity::new(restarts, period));
            let (mut now, mut all) = (Duration::ZERO, Vec::new());
            for gap in gaps_ms {
                now += Duration::from_millis(gap);
                all.push(now);
                let counted = all.iter().filter(|&&at| now - at <= period).count();
                prop_assert_eq!(window.allow(now), counted <= restarts as usize);
            }
        }
    }
}
