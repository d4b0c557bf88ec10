//! What principals have been doing lately: a bounded table that readers update themselves.

use dashmap::DashMap;
use plantao_schema::access::Principal;
use plantao_schema::id::{PrincipalId, Tenant};
use tokio::time::{Duration, Instant};

/// Most principals kept; beyond it a newcomer's pace counts as the fastest, so that a flood of
/// invented names cannot wash out memory or look ordinary.
const PRINCIPALS_MAX: usize = 100_000;
const MINUTE: Duration = Duration::from_secs(60);
const TEN_MINUTES: Duration = Duration::from_secs(600);

#[derive(Clone, Copy)]
struct Window {
    started: Instant,
    count: u32,
    previous: u32,
}

impl Window {
    const fn new(now: Instant) -> Self {
        Self {
            started: now,
            count: 0,
            previous: 0,
        }
    }

    /// Rolls to the window that `now` lies in.
    fn roll(&mut self, now: Instant, length: Duration) {
        let age = now.saturating_duration_since(self.started);
        if age >= length * 2 {
            *self = Self::new(now);
        } else if age >= length {
            *self = Self {
                started: self.started + length,
                count: 0,
                previous: self.count,
            };
        }
    }

    /// The larger of this window and the one before: never less than the true sliding count of
    /// either, and no burst at a window's edge goes unseen.
    fn peak(&self) -> u32 {
        self.count.max(self.previous)
    }
}

#[derive(Clone, Copy)]
struct Record {
    requests: Window,
    refusals: Window,
    last: Instant,
}

/// A principal's name says who it is in its own institution only.
type Who = (Tenant, PrincipalId);

/// Requests and refusals per principal.
#[derive(Default)]
pub(super) struct Behaviour(DashMap<Who, Record>);

/// Counts that go into a decision.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) requests_last_minute: u32,
    pub(super) refusals_last_ten_minutes: u32,
}

impl Pace {
    /// Of somebody for whom there is no room any more.
    const FASTEST: Self = Self {
        requests_last_minute: u32::MAX,
        refusals_last_ten_minutes: u32::MAX,
    };
    const NONE: Self = Self {
        requests_last_minute: 0,
        refusals_last_ten_minutes: 0,
    };
}

fn key(who: &Principal) -> Who {
    (who.tenant.clone(), who.id.clone())
}

impl Record {
    fn roll(&mut self, now: Instant) {
        self.requests.roll(now, MINUTE);
        self.refusals.roll(now, TEN_MINUTES);
    }

    fn pace(&self) -> Pace {
        Pace {
            requests_last_minute: self.requests.peak(),
            refusals_last_ten_minutes: self.refusals.peak(),
        }
    }
}

impl Behaviour {
    /// Counts a request and tells the principal's pace.
    pub(super) fn request(&self, who: &Principal, now: Instant) -> Pace {
        let who = key(who);
        if self.0.len() >= PRINCIPALS_MAX && !self.0.contains_key(&who) {
            return Pace::FASTEST;
        }
        let mut record = self.0.entry(who).or_insert_with(|| Record {
            requests: Window::new(now),
            refusals: Window::new(now),
            last: now,
        });
        record.last = now;
        record.roll(now);
        record.requests.count = record.requests.count.saturating_add(1);
        record.pace()
    }

    /// Tells the principal's pace and counts nothing.
    pub(super) fn pace(&self, who: &Principal, now: Instant) -> Pace {
        match self.0.get(&key(who)) {
            Some(record) => {
                let mut record = *record;
                record.roll(now);
                record.pace()
            }
            None if self.0.len() >= PRINCIPALS_MAX => Pace::FASTEST,
            None => Pace::NONE,
        }
    }

    /// Counts a refusal.
    pub(super) fn refusal(&self, who: &Principal, now: Instant) {
        if let Some(mut record) = self.0.get_mut(&key(who)) {
            record.refusals.roll(now, TEN_MINUTES);
            record.refusals.count = record.refusals.count.saturating_add(1);
        }
    }

    /// Forgets whoever has been silent for ten minutes.
    pub(super) fn prune(&self, now: Instant) {
        self.0
            .retain(|_, record| now.saturating_duration_since(record.last) < TEN_MINUTES);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use plantao_schema::access::{Action, ResourceKind};
    use plantao_schema::time::Timestamp;

    fn who(name: &str) -> Principal {
        let now = Timestamp::from_micros(0);
        let access = testing::access(Action::Read, ResourceKind::Patient, now);
        Principal {
            id: PrincipalId::parse(name).unwrap(),
            ..access.principal
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pace_falls_back_once_two_windows_have_passed() {
        let behaviour = Behaviour::default();
        let start = Instant::now();
        for _ in 0..50 {
            behaviour.request(&who("a"), start);
        }
        let pace = |after: u64| {
            behaviour
                .request(&who("a"), start + Duration::from_secs(after))
                .requests_last_minute
        };
        assert_eq!(pace(1), 51);
        assert_eq!(pace(61), 51, "the window before still counts");
        assert_eq!(pace(200), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_counted_per_principal_and_pruned_with_it() {
        let behaviour = Behaviour::default();
        let now = Instant::now();
        behaviour.request(&who("a"), now);
        behaviour.refusal(&who("a"), now);
        behaviour.refusal(&who("a"), now);
        assert_eq!(
            behaviour.request(&who("a"), now).refusals_last_ten_minutes,
            2
        );
        assert_eq!(
            behaviour.request(&who("b"), now).refusals_last_ten_minutes,
            0
        );
        behaviour.prune(now + TEN_MINUTES);
        assert_eq!(behaviour.0.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn namesakes_of_two_institutions_are_two_principals() {
        let behaviour = Behaviour::default();
        let now = Instant::now();
        let here = who("a");
        let there = Principal {
            tenant: Tenant::parse("another").unwrap(),
            ..who("a")
        };
        behaviour.request(&here, now);
        behaviour.refusal(&here, now);
        behaviour.refusal(&there, now);
        assert_eq!(behaviour.pace(&there, now), Pace::NONE);
        assert_eq!(behaviour.pace(&here, now).refusals_last_ten_minutes, 1);
        assert_eq!(behaviour.request(&there, now).requests_last_minute, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn looking_at_a_pace_counts_nothing_and_keeps_nobody() {
        let behaviour = Behaviour::default();
        let now = Instant::now();
        let (ana, later) = (who("ana"), now + MINUTE * 2);
        assert_eq!(behaviour.pace(&ana, now), Pace::NONE);
        assert_eq!(behaviour.0.len(), 0);
        let counted = behaviour.request(&ana, now);
        for _ in 0..100 {
            assert_eq!(behaviour.pace(&ana, now), counted);
        }
        assert_eq!(behaviour.pace(&ana, later).requests_last_minute, 0);
        behaviour.prune(now + TEN_MINUTES);
        assert_eq!(behaviour.0.len(), 0);
    }
}
