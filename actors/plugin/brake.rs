//! When a plugin that keeps crashing is left alone.
//!
//! Owns the times of a plugin's recent crashes. Refuses calls once there were too many within a
//! second, so that whoever finds an input that crashes a guest can wear out neither the machine
//! nor the restart intensity above it: a supervisor must give up on faults, never on hostile text.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};

/// So many crashes within [`PERIOD`] make the plugin rest until the oldest of them is past.
pub(super) const CRASHES_MAX: usize = 32;
/// The window crashes are counted in.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// The recent crashes of one plugin.
#[derive(Debug, Default)]
pub(super) struct Brake {
    crashes: Mutex<VecDeque<Instant>>,
}

impl Brake {
    /// Counts a crash.
    pub(super) fn crashed(&self) {
        let mut crashes = self.recent();
        crashes.push_back(Instant::now());
        // More are never looked at: the oldest decides when the rest is over.
        while crashes.len() > CRASHES_MAX {
            crashes.pop_front();
        }
    }

    /// Whether calls are refused at this moment.
    pub(super) fn is_on(&self) -> bool {
        self.recent().len() >= CRASHES_MAX
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, VecDeque<Instant>> {
        let mut crashes = self.crashes.lock().unwrap_or_else(PoisonError::into_inner);
        while crashes.front().is_some_and(|at| at.elapsed() > PERIOD) {
            crashes.pop_front();
        }
        crashes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn too_many_crashes_make_a_plugin_rest_and_time_heals() {
        let brake = Brake::default();
        for _ in 1..CRASHES_MAX {
            brake.crashed();
        }
        assert!(!brake.is_on());
        brake.crashed();
        assert!(brake.is_on());
        tokio::time::advance(PERIOD + Duration::from_millis(1)).await;
        assert!(!brake.is_on());
    }

    #[tokio::test(start_paused = true)]
    async fn crashes_far_apart_are_no_reason_to_rest() {
        let brake = Brake::default();
        for _ in 0..4 * CRASHES_MAX {
            brake.crashed();
            tokio::time::advance(PERIOD / 16).await;
        }
        assert!(!brake.is_on());
    }
}
