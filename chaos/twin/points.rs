//! Failpoints: named places of the stores where a crash hurts most.
//!
//! Whoever wants to strike there waits for somebody to come by; who comes by then pauses, so that
//! the strike falls between a change and its answer, or just before the change. They belong to one
//! disk: there is no registry.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long somebody pauses who is waited for: a strike takes no time.
const PAUSE: Duration = Duration::from_millis(1);

/// On which side of the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Nothing is changed yet.
    Before,
    /// It is durable, and nobody was told.
    After,
}

/// Those who wait. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Points(Arc<Mutex<Vec<Waiting>>>);

struct Waiting {
    point: String,
    side: Side,
    notice: Arc<Notify>,
}

impl Points {
    /// Resolves when somebody comes by.
    pub(super) async fn wait(&self, point: &str, side: Side) {
        let notice = Arc::new(Notify::new());
        let waiting = Waiting {
            point: point.to_owned(),
            side,
            notice: Arc::clone(&notice),
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(waiting);
        notice.notified().await;
    }

    /// Somebody comes by.
    pub(super) async fn reach(&self, point: &str, side: Side) {
        let here: Vec<Waiting> = {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            waiting
                .extract_if(.., |one| one.point == point && one.side == side)
                .collect()
        };
        if here.is_empty() {
            return;
        }
        for one in here {
            one.notice.notify_one();
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_at_a_point_hears_of_the_next_to_come_by_there_on_that_side() {
        let points = Points::default();
        let waiting = points.clone();
        let heard = tokio::spawn(async move { waiting.wait("audit.commit", Side::After).await });
        tokio::task::yield_now().await;
        points.reach("audit.commit", Side::Before).await;
        points.reach("wards.place", Side::After).await;
        assert!(!heard.is_finished());
        points.reach("audit.commit", Side::After).await;
        assert!(heard.is_finished());
        let begun = tokio::time::Instant::now();
        points.reach("audit.commit", Side::After).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
