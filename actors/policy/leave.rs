//! What a permit rests on between the decision and its use.
//!
//! A permit waits: for its entry in the trail, for a body, for a seat. What it rests on may be
//! taken back meanwhile, so whoever is handed one looks again, at the tables and not at the rules:
//! a permit that outlived a withdrawn consent or an ended session is none (NIST SP 800-207,
//! section 2.1, tenet 3: access is granted per session, and evaluated before it).

use super::Policy;
use super::harness::Defect;
use plantao_schema::access::{AccessRequest, ConsentStatus, ResourceKind};
use plantao_schema::time::Timestamp;
use std::fmt;

/// Why a permit is not good any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermitError {
    /// Its time is over.
    #[error("the permit has expired")]
    Expired,
    /// The patient withdrew consent, or the session was ended, since the decision.
    #[error("what the permit rests on was taken back")]
    Revoked,
    /// Nobody knows at present whether something was taken back.
    #[error("it cannot be told whether the permit still holds")]
    Undecided,
}

/// A permit's way back to the policy that gave it.
pub(super) struct Leave {
    policy: Policy,
    number: u64,
    /// How many withdrawals there were when it was decided.
    withdrawals: u64,
}

impl fmt::Debug for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leave").finish_non_exhaustive()
    }
}

impl Leave {
    pub(super) const fn new(policy: Policy, number: u64, withdrawals: u64) -> Self {
        Self {
            policy,
            number,
            withdrawals,
        }
    }

    /// Takes the permit for what it allows. Waits, at most a second, for tables that are away.
    pub(super) async fn hand_in(
        &self,
        access: &AccessRequest,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), PermitError> {
        let harness = &self.policy.harness;
        if harness.has(Defect::PermitUnchecked) {
            harness.handed_in(self.number);
            return Ok(());
        }
        if now >= until {
            return Err(PermitError::Expired);
        }
        if self.stands(access).is_none() {
            // In time or not: the answer is what is true now.
            self.policy.ready(&access.principal.tenant).await;
        }
        match self.stands(access) {
            Some(true) => {
                harness.handed_in(self.number);
                Ok(())
            }
            Some(false) => Err(PermitError::Revoked),
            None => Err(PermitError::Undecided),
        }
    }

    /// Whether nothing was taken back; nothing when that is unknown. An emergency does not wait
    /// for what is unknown, and asks for no consent.
    fn stands(&self, access: &AccessRequest) -> Option<bool> {
        let tables = self.policy.tables();
        let standing = tables.standing(access);
        let is_emergency = access.break_glass.is_some();
        let session_revoked = match standing.session_revoked {
            None if is_emergency => false,
            known => known?,
        };
        // The consent itself must stay reachable without what it is about.
        if is_emergency || access.kind == ResourceKind::Consent {
            return Some(!session_revoked);
        }
        let was_withdrawn = tables.takebacks.since(self.withdrawals, access)?;
        let is_withdrawn = standing.consent? == ConsentStatus::Revoked;
        Some(!session_revoked && !was_withdrawn && !is_withdrawn)
    }
}

#[cfg(test)]
#[path = "leave_tests.rs"]
mod tests;
