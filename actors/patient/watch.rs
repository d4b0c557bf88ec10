//! Watching a patient: the way to the bedside that a live page shows.

use super::bedside::Bedside;
use super::session::Message;
use super::{RecordError, Records, guard};
use crate::database::Scope;
use crate::policy::ViewGrant;
use plantao_schema::fhir::FhirType;
use plantao_schema::id::{PatientId, ResourceId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// The longest that beginning to watch may take, restarts of the session included.
pub const WATCH_DEADLINE: Duration = Duration::from_secs(10);

/// Before a session that died meanwhile, or has a full mailbox, is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// As whom a session reads for its watchers: one reading serves several of them, each of whom has
/// an entry of its own in the audit trail.
const WATCHING: &str = "patient-session";

impl Records {
    /// The bedside of a patient, from now on: the session is started if need be, reads the recent
    /// window and the card, and publishes every change. While anybody watches it does not stop for
    /// idleness. When the receiver closes, the session died or was stopped: watch again, and the
    /// next incarnation builds the same from the database.
    ///
    /// The database sees the reading under the grant's tenant and purpose, by `patient-session`.
    /// Consent is asked here, once: whoever shows the bedside ends it when consent is withdrawn.
    ///
    /// # Errors
    /// [`RecordError`]: `PermitMismatch` for a patient outside the grant, `NotFound` for one who
    /// does not exist, `ConsentRevoked`, `Overloaded` when no session may be added; `Unavailable`
    /// or `Timeout` while the records cannot be read. All within [`WATCH_DEADLINE`].
    pub async fn watch(
        &self,
        grant: &ViewGrant,
        patient: &PatientId,
    ) -> Result<watch::Receiver<Arc<Bedside>>, RecordError> {
        if grant.patient().is_some_and(|only| only != patient) {
            return Err(RecordError::PermitMismatch);
        }
        let until = Instant::now() + WATCH_DEADLINE;
        timeout_at(until, self.begin_to_watch(grant, patient, until))
            .await
            .unwrap_or(Err(RecordError::Timeout {
                after: WATCH_DEADLINE,
            }))
    }

    async fn begin_to_watch(
        &self,
        grant: &ViewGrant,
        patient: &PatientId,
        until: Instant,
    ) -> Result<watch::Receiver<Arc<Bedside>>, RecordError> {
        let scope = Scope {
            tenant: grant.tenant().clone(),
            principal: WATCHING.to_owned(),
            purpose: grant.purpose(),
        };
        if !grant.is_break_glass() {
            let policy = self.consent.as_ref();
            guard::consent(policy, &scope.tenant, patient, scope.purpose).await?;
        }
        self.exists(&scope, patient).await?;
        let mut turn = None;
        loop {
            let session = self.shared.sessions.started(&scope.tenant, patient).await?;
            let asked = scope.clone();
            let brought = turn.take();
            let make = |reply| Message::Watch(asked, brought, reply);
            let left = until.saturating_duration_since(Instant::now());
            match session.call(left, make).await.map_err(RecordError::from) {
                Ok(Ok(Some(watching))) => return Ok(watching),
                // Nobody watches: a first load waits for its turn here, where it hinders nobody.
                Ok(Ok(None)) => turn = Some(self.shared.sessions.first_turn().await?),
                Ok(Err(error)) => return Err(error),
                // It died with the question, or is behind with other work.
                Err(RecordError::Unavailable | RecordError::Overloaded) => {
                    tokio::time::sleep(ASK_AGAIN).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A made-up id starts no session.
    pub(super) async fn exists(
        &self,
        scope: &Scope,
        patient: &PatientId,
    ) -> Result<(), RecordError> {
        if self.shared.sessions.live(&scope.tenant, patient).is_some() {
            return Ok(());
        }
        let id = ResourceId::parse(patient.as_str()).map_err(|_| RecordError::NotFound)?;
        let owner = self
            .shared
            .store
            .owner(scope, FhirType::Patient, &id)
            .await?;
        owner.map(drop).ok_or(RecordError::NotFound)
    }
}
