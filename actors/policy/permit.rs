//! The proof that a decision was made: what a handler that touches PHI must be given.
//!
//! A permit has no public constructor, cannot be cloned and is consumed by the handler, so a
//! request that skipped the decision, or uses one twice, does not compile:
//!
//! ```compile_fail,E0451
//! use plantao_actors::policy::Permit;
//! use plantao_schema::access::AccessRequest;
//! use plantao_schema::time::Timestamp;
//! fn forge(permit: Permit, access: AccessRequest, expires_at: Timestamp) -> Permit {
//!     Permit { access, expires_at, ..permit }
//! }
//! ```
//!
//! ```compile_fail,E0382
//! fn twice(permit: plantao_actors::policy::Permit) {
//!     drop(permit);
//!     drop(permit);
//! }
//! ```
//!
//! ```compile_fail,E0599
//! fn copy(permit: plantao_actors::policy::Permit) -> plantao_actors::policy::Permit {
//!     permit.clone()
//! }
//! ```

use super::leave::{Leave, PermitError};
use plantao_schema::access::{
    AccessRequest, Action, Decision, Principal, Purpose, ResourceKind, VerdictKind,
};
use plantao_schema::id::{PatientId, RequestId, ResourceId, Tenant};
use plantao_schema::time::Timestamp;

/// How long a permit may wait for its use: longer than any request's deadline, shorter than a
/// change of mind.
pub const PERMIT_LIFETIME_SECONDS: i64 = 60;

/// Leave to do one thing once: bound to request, principal, tenant, patient, action, purpose and
/// expiry.
#[derive(Debug)]
pub struct Permit {
    access: AccessRequest,
    decision: Decision,
    expires_at: Timestamp,
    leave: Leave,
}

impl Permit {
    pub(super) fn new(access: AccessRequest, decision: Decision, leave: Leave) -> Self {
        let lifetime = access.at.plus_seconds(PERMIT_LIFETIME_SECONDS);
        let expires_at = lifetime.min(access.principal.expires_at);
        Self {
            access,
            decision,
            expires_at,
            leave,
        }
    }

    /// Takes it for what it allows: the first thing that a handler does with it. Waits, at most a
    /// second, where it cannot be told at once whether it still holds.
    ///
    /// # Errors
    /// [`PermitError`]; nothing was done under it.
    pub async fn hand_in(&self, now: Timestamp) -> Result<(), PermitError> {
        self.leave.hand_in(&self.access, self.expires_at, now).await
    }

    /// The request it was given for.
    #[must_use]
    pub const fn access(&self) -> &AccessRequest {
        &self.access
    }

    /// The decision that made it.
    #[must_use]
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The request's id.
    #[must_use]
    pub const fn request_id(&self) -> &RequestId {
        &self.access.request_id
    }

    /// Who may.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.access.principal
    }

    /// In which institution.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.access.principal.tenant
    }

    /// On whose data, when the request named the patient.
    #[must_use]
    pub const fn patient(&self) -> Option<&PatientId> {
        self.access.patient.as_ref()
    }

    /// May do what.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.access.action
    }

    /// On what kind.
    #[must_use]
    pub const fn resource_kind(&self) -> ResourceKind {
        self.access.kind
    }

    /// On which one, when the request named it.
    #[must_use]
    pub const fn resource_id(&self) -> Option<&ResourceId> {
        self.access.resource.as_ref()
    }

    /// For what.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.access.purpose
    }

    /// Until when.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Whether it was given as emergency access.
    #[must_use]
    pub fn is_break_glass(&self) -> bool {
        self.decision.verdict == VerdictKind::BreakGlass
    }
}

/// A decision that is not a permit, with the request it answers, for the audit trail.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What was asked.
    pub access: AccessRequest,
    /// What was decided, and why.
    pub decision: Decision,
}

/// What the policy answers.
#[derive(Debug)]
pub enum Verdict {
    /// Do it.
    Permit(Permit),
    /// Authenticate more strongly first.
    StepUp(Refusal),
    /// No.
    Denial(Refusal),
}
