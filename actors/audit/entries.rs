//! Audit entries of decided accesses: what was asked, decided and done, without PHI.

use super::{AuditError, AuditLog};
use plantao_schema::access::{AccessRequest, Decision, VerdictKind};
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};

impl AuditLog {
    /// The entry of an access that was decided. `outcome` says what became of it.
    ///
    /// # Errors
    /// As [`AuditLog::entry_key`].
    pub fn decided(
        &self,
        access: &AccessRequest,
        decision: &Decision,
        phase: Phase,
        outcome: Outcome,
    ) -> Result<Entry, AuditError> {
        let severity = match (decision.verdict, outcome) {
            (VerdictKind::BreakGlass, _) => Severity::Critical,
            (VerdictKind::Allow, Outcome::Success | Outcome::Pending) => Severity::Info,
            _ => Severity::Warning,
        };
        Ok(Entry {
            id: self.entry_key()?,
            at: self.clock.now(),
            phase,
            opens: None,
            severity,
            tenant: access.principal.tenant.clone(),
            principal: access.principal.id.to_string(),
            role: access.principal.role.to_string(),
            action: access.action.to_string(),
            resource_kind: access.kind.to_string(),
            resource_id: access.resource.as_ref().map(ToString::to_string),
            patient: access.patient.as_ref().map(ToString::to_string),
            purpose: access.purpose.to_string(),
            verdict: decision.verdict.as_str().to_owned(),
            score: decision.trust.score,
            explanation: explanation(access, decision),
            request_id: access.request_id.to_string(),
            outcome,
            plugin: None,
            commitment: None,
        })
    }
}

/// The decision's explanation; for emergency access with the reason given, cleaned of whatever
/// identifies the patient, since people write names where a reason belongs.
fn explanation(access: &AccessRequest, decision: &Decision) -> String {
    match &access.break_glass {
        None => decision.explain(),
        Some(reason) => {
            let reason = plantao_schema::phi::redact(reason);
            format!("{}; reason given: {}", decision.explain(), reason.as_str())
        }
    }
}
