//! What the database's own watchers know, for whoever asks: space on the disk, the replicas' lag.
//!
//! Numbers alone, no handle to anything: the watchers write, health, metrics and the request path
//! read. Refuses to outlive its writers unseen: what is not measured any more is said so.

use super::Lsn;
use super::marks::Marks;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A replica that lags more than this is not read from.
pub const LAG_MAX: Duration = Duration::from_secs(1);

/// What may be done with the space that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Room {
    /// Nothing is known to be wrong.
    #[default]
    Enough,
    /// Changes are refused; what is left is for the trail.
    Scarce,
    /// The server may be unable to write at all, and what was set aside for it has been freed.
    Gone,
}

/// The disk that the private cluster is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Space {
    /// What may be done.
    pub room: Room,
    /// Free for the server, bytes; none before the first look and for a server elsewhere.
    pub free_bytes: Option<u64>,
    /// Below this changes are refused.
    pub free_min_bytes: u64,
}

/// How one replica stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaState {
    /// How old its answer would be now; none while that cannot be told.
    pub lag: Option<Duration>,
    /// How many reads it answered.
    pub reads: u64,
}

impl ReplicaState {
    /// Whether it is read from.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        self.lag.is_some_and(|lag| lag <= LAG_MAX)
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Standing {
    space: Mutex<Space>,
    replicas: Mutex<Vec<Replica>>,
    /// Kept only where there are replicas: nobody else asks.
    marks: Option<std::sync::Arc<Marks>>,
}

#[derive(Clone, Copy, Default)]
struct Replica {
    fresh_at: Option<Instant>,
    reads: u64,
}

impl Standing {
    pub(super) fn with_replicas(count: usize) -> Self {
        Self {
            replicas: Mutex::new(vec![Replica::default(); count]),
            marks: (count > 0).then(std::sync::Arc::default),
            ..Self::default()
        }
    }

    pub(super) const fn marks(&self) -> Option<&std::sync::Arc<Marks>> {
        self.marks.as_ref()
    }

    pub(super) fn space(&self) -> Space {
        *self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_space(&self, space: Space) {
        *self.space.lock().unwrap_or_else(PoisonError::into_inner) = space;
    }

    pub(super) fn replicas(&self) -> Vec<ReplicaState> {
        let replicas = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        let state = |one: &Replica| ReplicaState {
            lag: one.fresh_at.map(|at| at.elapsed()),
            reads: one.reads,
        };
        replicas.iter().map(state).collect()
    }

    /// At `at`, a replica held everything that its primary did.
    pub(super) fn fresh(&self, index: usize, at: Option<Instant>) {
        self.change(index, |one| one.fresh_at = at);
    }

    pub(super) fn answered(&self, index: usize) {
        self.change(index, |one| one.reads = one.reads.saturating_add(1));
    }

    fn change(&self, index: usize, how: impl FnOnce(&mut Replica)) {
        let mut replicas = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = replicas.get_mut(index) {
            how(one);
        }
    }
}

/// Where the primary's log ended, at moments of the last seconds.
#[derive(Default)]
pub(super) struct Track(std::collections::VecDeque<(Instant, Lsn)>);

/// Looks that are kept: beyond a few seconds of lag only its being too much is of interest.
const LOOKS: usize = 256;

impl Track {
    /// The primary's log ended at `end` or later, at the moment `at`.
    pub(super) fn saw(&mut self, at: Instant, end: Lsn) {
        if self.0.back().is_some_and(|(_, last)| end < *last) {
            // A promoted standby that did not have it all: what is known is of another log.
            self.0.clear();
        }
        if self.0.len() >= LOOKS {
            self.0.pop_front();
        }
        self.0.push_back((at, end));
    }

    /// The last moment at which whoever has replayed up to `replayed` had everything.
    pub(super) fn fresh_at(&self, replayed: Lsn) -> Option<Instant> {
        let seen = self.0.iter().rev();
        let mut held = seen.filter(|(_, end)| *end <= replayed);
        held.next().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lsn(number: u32) -> Lsn {
        Lsn::parse(&format!("0/{number:X}")).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn lag_is_since_the_last_moment_at_which_everything_was_there() {
        let mut track = Track::default();
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        assert_eq!(track.fresh_at(lsn(9)), None, "nothing is known yet");
        track.saw(at(0), lsn(10));
        track.saw(at(200), lsn(10));
        track.saw(at(400), lsn(30));
        assert_eq!(track.fresh_at(lsn(9)), None);
        assert_eq!(track.fresh_at(lsn(29)), Some(at(200)));
        assert_eq!(track.fresh_at(lsn(31)), Some(at(400)));
        track.saw(at(600), lsn(20));
        assert_eq!(track.fresh_at(lsn(19)), None, "another log");
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_that_is_measured_no_more_is_read_from_no_more() {
        let standing = Standing::with_replicas(2);
        assert!(standing.marks().is_some());
        assert!(!standing.replicas()[0].is_admitted(), "not measured yet");
        standing.fresh(0, Some(Instant::now()));
        standing.answered(0);
        assert!(standing.replicas()[0].is_admitted());
        assert_eq!(standing.replicas()[0].reads, 1);
        tokio::time::advance(LAG_MAX + Duration::from_millis(1)).await;
        assert!(!standing.replicas()[0].is_admitted());
        assert!(Standing::default().marks().is_none());
    }
}
