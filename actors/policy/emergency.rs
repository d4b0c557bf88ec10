//! The proof that emergency access to one patient's emergency card was decided.
//!
//! It comes out of a permit and of nothing else, so that what is given out on it alone cannot be
//! given out without the decision:
//!
//! ```compile_fail,E0451
//! use plantao_actors::policy::CardEmergency;
//! use plantao_schema::access::{AccessRequest, Decision};
//! fn forge(access: AccessRequest, decision: Decision) -> CardEmergency {
//!     CardEmergency { access, decision }
//! }
//! ```
//!
//! ```compile_fail,E0599
//! fn copy(one: plantao_actors::policy::CardEmergency) -> plantao_actors::policy::CardEmergency {
//!     one.clone()
//! }
//! ```

use super::Permit;
use plantao_schema::access::{AccessRequest, Action, Decision, ResourceKind};

/// Emergency access to one patient's emergency card, decided and reasoned.
#[derive(Debug)]
pub struct CardEmergency {
    access: AccessRequest,
    decision: Decision,
}

impl CardEmergency {
    /// The request it was decided for.
    #[must_use]
    pub const fn access(&self) -> &AccessRequest {
        &self.access
    }

    /// The decision.
    #[must_use]
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }
}

impl Permit {
    /// What is left of a permit that was handed in: the proof of an emergency, when it was given as
    /// emergency access to read one patient's emergency card, and otherwise nothing.
    #[must_use]
    pub fn into_card_emergency(self) -> Option<CardEmergency> {
        let is_card =
            self.action() == Action::Read && self.resource_kind() == ResourceKind::EmergencyCard;
        let is_one = is_card && self.patient().is_some() && self.is_break_glass();
        is_one.then(|| CardEmergency {
            access: self.access().clone(),
            decision: self.decision().clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use plantao_schema::id::PatientId;
    use plantao_schema::time::Timestamp;

    async fn emergency(kind: ResourceKind, reason: Option<&str>) -> Option<CardEmergency> {
        let mut access = testing::access(Action::Read, kind, Timestamp::from_micros(0));
        access.patient = PatientId::parse("maria").ok();
        access.break_glass = reason.map(str::to_owned);
        testing::permit(access).await.into_card_emergency()
    }

    #[tokio::test]
    async fn only_emergency_access_to_a_card_is_one() {
        let reason = Some("cardiac arrest in bed 7");
        let card = emergency(ResourceKind::EmergencyCard, reason).await;
        let card = card.unwrap();
        assert_eq!(card.access().break_glass.as_deref(), reason);
        assert_eq!(card.decision().verdict.as_str(), "break_glass");
        assert!(emergency(ResourceKind::EmergencyCard, None).await.is_none());
        assert!(emergency(ResourceKind::Patient, reason).await.is_none());
    }
}
