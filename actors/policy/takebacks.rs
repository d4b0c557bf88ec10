//! Withdrawals of the last moments, so that a permit from before one is void for good: consent that
//! is given again allows new decisions, and no old permit.
//!
//! A withdrawal is noted before it is made, so that none is durable and not noted. It is about this
//! node alone, as permits are. Personal data: as [the policy's](super).

use plantao_schema::access::{AccessRequest, Purpose};
use plantao_schema::id::{PatientId, Tenant};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Most withdrawals that are remembered. A permit older than all of them cannot be told any more.
const REMEMBERED_MAX: usize = 1_024;

/// See the module. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Takebacks(Arc<Mutex<Recent>>);

#[derive(Default)]
struct Recent {
    /// How many there were.
    count: u64,
    latest: VecDeque<(Tenant, PatientId, Purpose)>,
}

impl Takebacks {
    /// A patient is about to withdraw.
    pub(crate) fn note(&self, tenant: &Tenant, patient: &PatientId, purpose: Purpose) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.latest.len() >= REMEMBERED_MAX {
            recent.latest.pop_front();
        }
        let one = (tenant.clone(), patient.clone(), purpose);
        recent.latest.push_back(one);
        recent.count += 1;
    }

    /// How many there were so far; asked before anything else that a decision rests on.
    pub(super) fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Whether one that concerns the request came after the first `count`; nothing when that is
    /// too long ago to tell.
    pub(super) fn since(&self, count: u64, access: &AccessRequest) -> Option<bool> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = usize::try_from(recent.count.saturating_sub(count)).ok()?;
        if new > recent.latest.len() {
            return None;
        }
        let tenant = &access.principal.tenant;
        let concerns = |one: &&(Tenant, PatientId, Purpose)| {
            one.0 == *tenant && Some(&one.1) == access.patient.as_ref() && one.2 == access.purpose
        };
        Some(
            recent
                .latest
                .iter()
                .rev()
                .take(new)
                .any(|one| concerns(&one)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use plantao_schema::access::{Action, ResourceKind};
    use plantao_schema::time::Timestamp;

    fn access(patient: &str) -> AccessRequest {
        let now = Timestamp::from_micros(0);
        let mut access = testing::access(Action::Read, ResourceKind::Patient, now);
        access.patient = PatientId::parse(patient).ok();
        access
    }

    fn withdraw(takebacks: &Takebacks, patient: &str, purpose: Purpose) {
        let tenant = access(patient).principal.tenant;
        takebacks.note(&tenant, &PatientId::parse(patient).unwrap(), purpose);
    }

    #[test]
    fn only_a_withdrawal_that_concerns_the_request_and_came_later_counts() {
        let takebacks = Takebacks::default();
        withdraw(&takebacks, "p1", Purpose::Treatment);
        let count = takebacks.count();
        withdraw(&takebacks, "p2", Purpose::Treatment);
        withdraw(&takebacks, "p1", Purpose::Research);
        assert_eq!(takebacks.since(count, &access("p1")), Some(false));
        assert_eq!(takebacks.since(count, &access("p2")), Some(true));
        assert_eq!(takebacks.since(0, &access("p1")), Some(true));
    }

    #[test]
    fn what_is_forgotten_cannot_be_told() {
        let takebacks = Takebacks::default();
        for _ in 0..=REMEMBERED_MAX {
            withdraw(&takebacks, "p1", Purpose::Treatment);
        }
        assert_eq!(takebacks.since(0, &access("p2")), None);
        assert_eq!(takebacks.since(1, &access("p2")), Some(false));
    }
}
