//! What the live pages count, for whoever exposes it: numbers alone, no names.

use super::CloseReason;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters and gauges of one node. Readers poll; nothing here waits for a reader.
#[derive(Debug, Default)]
pub struct LiveCounts {
    viewers: AtomicU64,
    topics: AtomicU64,
    frames_sent: AtomicU64,
    frames_coalesced: AtomicU64,
    full_trees: AtomicU64,
    heartbeats: AtomicU64,
    disclosures: AtomicU64,
    closes: [AtomicU64; CloseReason::COUNT],
}

macro_rules! readings {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        impl LiveCounts {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(&self) -> u64 {
                    self.$name.load(Ordering::Relaxed)
                }
            )*
        }
    };
}

readings! {
    /// Viewers there are now, seats taken for one that is about to come included.
    viewers,
    /// Topics that show a page now.
    topics,
    /// Frames with data written since the start, whatever their kind.
    frames_sent,
    /// Those of them that stand for several which a viewer had missed.
    frames_coalesced,
    /// Those of them that held a whole tree.
    full_trees,
    /// Heartbeats written since the start.
    heartbeats,
    /// Audit entries of disclosures made by viewers since the start.
    disclosures,
}

impl LiveCounts {
    /// Connections that ended since the start, by reason.
    pub fn closes(&self) -> impl Iterator<Item = (CloseReason, u64)> {
        let reasons = CloseReason::ALL.iter().copied();
        reasons.zip(
            self.closes
                .iter()
                .map(|count| count.load(Ordering::Relaxed)),
        )
    }

    /// Connections that ended for this reason since the start.
    #[must_use]
    pub fn closed(&self, reason: CloseReason) -> u64 {
        let found = self.closes().find(|(one, _)| *one == reason);
        found.map_or(0, |(_, count)| count)
    }

    /// Takes a viewer's place unless `limit` are taken.
    pub(super) fn viewer_came(&self, limit: u64) -> bool {
        let more = |now: u64| (now < limit).then_some(now + 1);
        self.viewers
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .is_ok()
    }

    pub(super) fn viewer_left(&self) {
        self.viewers.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn topic_came(&self) {
        self.topics.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn topic_left(&self) {
        self.topics.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) {
        self.frames_sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn coalesced(&self) {
        self.frames_coalesced.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn whole(&self) {
        self.full_trees.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn heartbeat(&self) {
        self.heartbeats.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn disclosed(&self, entries: usize) {
        let entries = u64::try_from(entries).unwrap_or(u64::MAX);
        self.disclosures.fetch_add(entries, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, reason: CloseReason) {
        if let Some(count) = self.closes.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_viewers_come_than_may_and_each_leaves_room() {
        let counts = LiveCounts::default();
        assert!(counts.viewer_came(2) && counts.viewer_came(2));
        assert!(!counts.viewer_came(2));
        counts.viewer_left();
        assert!(counts.viewer_came(2));
        assert_eq!(counts.viewers(), 2);
    }

    #[test]
    fn closes_are_told_apart_by_reason() {
        let counts = LiveCounts::default();
        counts.ended(CloseReason::Idle);
        counts.ended(CloseReason::Killed);
        counts.ended(CloseReason::Killed);
        assert_eq!(counts.closed(CloseReason::Killed), 2);
        assert_eq!(counts.closes().map(|(_, count)| count).sum::<u64>(), 3);
    }
}
