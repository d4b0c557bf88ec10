//! What has been taken back: consents and sessions, as decisions see them.
//!
//! Both tables belong to other actors (`consents`, `log_ins`) and die with them. Unknown is not
//! "nothing revoked": a decision that needs a table which is not there is a denial.

use super::changes::Changes;
use super::shelf::Shelf;
use super::takebacks::Takebacks;
use plantao_schema::access::{AccessRequest, ConsentStatus, Purpose, ResourceKind};
use plantao_schema::id::{PatientId, SessionId, Tenant};
use plantao_schema::time::Timestamp;
use std::collections::{BTreeSet, HashMap};

/// The purposes that a tenant's patients withdrew their consent to.
pub(crate) type Withdrawn = HashMap<PatientId, BTreeSet<Purpose>>;

/// A tenant's sessions that were ended early, each until its credential's time is over.
pub(crate) type Ended = HashMap<SessionId, Timestamp>;

/// The tables, for the actors that own them. Clones share them.
#[derive(Clone)]
pub struct Tables {
    pub(crate) consents: Shelf<Withdrawn>,
    pub(crate) sessions: Shelf<Ended>,
    pub(crate) takebacks: Takebacks,
}

/// What the tables say about one request; `None` is unknown.
pub(super) struct Standing {
    pub(super) consent: Option<ConsentStatus>,
    pub(super) session_revoked: Option<bool>,
}

impl Tables {
    pub(super) fn new(changes: &Changes) -> Self {
        Self {
            consents: Shelf::new(changes.clone()),
            sessions: Shelf::new(changes.clone()),
            takebacks: Takebacks::default(),
        }
    }

    /// Asks the owners for a tenant's parts.
    pub(super) fn want(&self, tenant: &Tenant) {
        self.consents.want(tenant);
        self.sessions.want(tenant);
    }

    /// Whether both tables know the tenant.
    pub(super) fn know(&self, tenant: &Tenant) -> bool {
        self.consents.look(tenant, |_| ()).is_some() && self.sessions.look(tenant, |_| ()).is_some()
    }

    pub(super) fn standing(&self, access: &AccessRequest) -> Standing {
        let tenant = &access.principal.tenant;
        let consent = match &access.patient {
            // The consent itself must stay reachable without what it is about.
            Some(patient) if access.kind != ResourceKind::Consent => {
                self.consent(tenant, patient, access.purpose)
            }
            _ => Some(ConsentStatus::NotAsked),
        };
        let session_revoked = match &access.principal.session {
            Some(session) => self
                .sessions
                .look(tenant, |ended| ended.contains_key(session)),
            None => Some(false),
        };
        Standing {
            consent,
            session_revoked,
        }
    }

    /// Whether a patient withdrew consent to a purpose; `None` when it is unknown. The table holds
    /// withdrawals alone, so that [`ConsentStatus::NotAsked`] stands for every other answer.
    pub(super) fn consent(
        &self,
        tenant: &Tenant,
        patient: &PatientId,
        purpose: Purpose,
    ) -> Option<ConsentStatus> {
        self.consents.look(tenant, |withdrawn| {
            let purposes = withdrawn.get(patient);
            if purposes.is_some_and(|purposes| purposes.contains(&purpose)) {
                ConsentStatus::Revoked
            } else {
                ConsentStatus::NotAsked
            }
        })
    }
}
