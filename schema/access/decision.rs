//! The decision: the session, then emergency access; role, purpose and consent; then the score.

use super::{
    AccessRequest, Action, ConsentStatus, Purpose, ResourceKind, Role, Rules, Signals, Trust, trust,
};
use serde::{Deserialize, Serialize};

/// Shortest reason accepted for emergency access: a word is not a reason.
pub const BREAK_GLASS_REASON_MIN_CHARS: usize = 10;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// Allowed.
    Allow,
    /// Allowed as an emergency: critical in the audit trail, to be reviewed.
    BreakGlass,
    /// Not yet: authenticate more strongly and ask again.
    StepUp,
    /// Refused.
    Deny,
}

impl VerdictKind {
    /// Its name in the audit trail and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::BreakGlass => "break_glass",
            Self::StepUp => "step_up",
            Self::Deny => "deny",
        }
    }
}

/// Why the answer is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Role, purpose and score suffice.
    Trusted,
    /// Emergency access with a reason.
    Emergency,
    /// The score suffices only with a stronger authentication.
    ScoreNeedsStepUp,
    /// The score is below every threshold.
    ScoreTooLow,
    /// No grant of the role covers this action on this kind.
    RoleLacksGrant,
    /// The role may do this, but not for this purpose.
    PurposeNotGranted,
    /// The credential's time is over.
    CredentialExpired,
    /// The session was ended before its credential's time was over.
    SessionRevoked,
    /// The patient has withdrawn consent to this purpose.
    ConsentRevoked,
    /// Emergency access without a proper reason, role or patient in focus.
    EmergencyNotPossible,
    /// There is no policy to decide by.
    PolicyUnavailable,
}

impl Reason {
    /// Its name in the audit trail and for clients.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Emergency => "emergency",
            Self::ScoreNeedsStepUp => "score_needs_step_up",
            Self::ScoreTooLow => "score_too_low",
            Self::RoleLacksGrant => "role_lacks_grant",
            Self::PurposeNotGranted => "purpose_not_granted",
            Self::CredentialExpired => "credential_expired",
            Self::SessionRevoked => "session_revoked",
            Self::ConsentRevoked => "consent_revoked",
            Self::EmergencyNotPossible => "emergency_not_possible",
            Self::PolicyUnavailable => "policy_unavailable",
        }
    }
}

/// A decision with its score and its whole explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The answer.
    pub verdict: VerdictKind,
    /// Why.
    pub reason: Reason,
    /// The score and its factors.
    pub trust: Trust,
    /// The score from which this kind of resource is allowed.
    pub threshold: u8,
}

impl Decision {
    /// The refusal of a system that has no policy: fail closed.
    #[must_use]
    pub const fn policy_unavailable() -> Self {
        Self {
            verdict: VerdictKind::Deny,
            reason: Reason::PolicyUnavailable,
            trust: Trust {
                score: 0,
                factors: Vec::new(),
            },
            threshold: 100,
        }
    }

    /// One line for the audit trail: reason, score against threshold, factors.
    #[must_use]
    pub fn explain(&self) -> String {
        let (reason, score, threshold) = (self.reason.as_str(), self.trust.score, self.threshold);
        format!(
            "{reason}: score {score} of {threshold} needed ({})",
            self.trust.explain()
        )
    }
}

/// Decides a request by the rules and the signals. Total: every input has an answer.
#[must_use]
pub fn decide(rules: &Rules, request: &AccessRequest, signals: &Signals) -> Decision {
    let trust = trust(signals);
    let threshold = rules.thresholds.get(&request.kind).copied();
    let (verdict, reason) = match threshold {
        // A session somebody ended is over for everything, an emergency included: it may be stolen.
        _ if signals.session_revoked => (VerdictKind::Deny, Reason::SessionRevoked),
        None => (VerdictKind::Deny, Reason::PolicyUnavailable),
        Some(_) if request.at >= request.principal.expires_at => {
            (VerdictKind::Deny, Reason::CredentialExpired)
        }
        Some(_) if request.break_glass.is_some() => emergency(rules, request),
        Some(_) => weigh(rules, &Asked::of(request, signals.consent), trust.score),
    };
    Decision {
        verdict,
        reason,
        trust,
        threshold: threshold.map_or(100, |t| t.allow),
    }
}

/// What an emergency opens: what helps at the bedside, of the one patient in focus. The trail, the
/// consents and what else is kept about a patient saves nobody.
const EMERGENCY_KINDS: [ResourceKind; 6] = [
    ResourceKind::Patient,
    ResourceKind::Observation,
    ResourceKind::AllergyIntolerance,
    ResourceKind::MedicationRequest,
    ResourceKind::Condition,
    ResourceKind::EmergencyCard,
];

/// Whether emergency access covers this at all, before its reason and its patient are looked at.
#[must_use]
pub fn emergency_covers(rules: &Rules, role: &Role, action: Action, kind: ResourceKind) -> bool {
    let role_may = rules.roles.get(role).is_some_and(|rule| rule.break_glass);
    role_may && action == Action::Read && EMERGENCY_KINDS.contains(&kind)
}

fn emergency(rules: &Rules, request: &AccessRequest) -> (VerdictKind, Reason) {
    let role = &request.principal.role;
    let covered = emergency_covers(rules, role, request.action, request.kind);
    let reason_given = request
        .break_glass
        .as_ref()
        .is_some_and(|reason| reason.trim().chars().count() >= BREAK_GLASS_REASON_MIN_CHARS);
    if covered && reason_given && request.patient.is_some() {
        (VerdictKind::BreakGlass, Reason::Emergency)
    } else {
        (VerdictKind::Deny, Reason::EmergencyNotPossible)
    }
}

/// What an ordinary access is about: all of it that is neither a signal nor a session.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who: the role it acts in.
    pub role: &'a Role,
    /// Does what.
    pub action: Action,
    /// On what kind.
    pub kind: ResourceKind,
    /// Why.
    pub purpose: Purpose,
    /// What the patient in focus has said about that.
    pub consent: ConsentStatus,
}

impl<'a> Asked<'a> {
    const fn of(request: &'a AccessRequest, consent: ConsentStatus) -> Self {
        Self {
            role: &request.principal.role,
            action: request.action,
            kind: request.kind,
            purpose: request.purpose,
            consent,
        }
    }
}

/// What role, purpose, consent and a score that was reached, 0-100, come to by these rules: the
/// ordinary part of [`decide`], also for whoever weighs a decision of the past by other rules.
#[must_use]
pub fn weigh(rules: &Rules, asked: &Asked<'_>, score: u8) -> (VerdictKind, Reason) {
    let Some(threshold) = rules.thresholds.get(&asked.kind) else {
        return (VerdictKind::Deny, Reason::PolicyUnavailable);
    };
    if !rules.may(asked.role, asked.action, asked.kind) {
        return (VerdictKind::Deny, Reason::RoleLacksGrant);
    }
    if !rules.may_for(asked.role, asked.action, asked.kind, asked.purpose) {
        return (VerdictKind::Deny, Reason::PurposeNotGranted);
    }
    // The consent itself stays readable and writable, or nobody could give it again.
    if asked.consent == ConsentStatus::Revoked && asked.kind != ResourceKind::Consent {
        return (VerdictKind::Deny, Reason::ConsentRevoked);
    }
    if score >= threshold.allow {
        (VerdictKind::Allow, Reason::Trusted)
    } else if score >= threshold.step_up {
        (VerdictKind::StepUp, Reason::ScoreNeedsStepUp)
    } else {
        (VerdictKind::Deny, Reason::ScoreTooLow)
    }
}
