//! `Consents`: what others hold to read a patient's consent and to write it down.

use super::keeper::{ConsentKeeper, Message, Parts};
use super::store::{ConsentStore, PostgresConsents, Statement};
use super::{Consent, ConsentError};
use crate::audit::OpenEntry;
use crate::clock::WallClock;
use crate::database::{Database, Scope};
use crate::policy::{Permit, Shelf, Tables, Takebacks, Withdrawn};
use plantao_schema::access::{Action, ConsentStatus, Purpose, ResourceKind};
use plantao_schema::id::{PatientId, Tenant};
use plantao_supervisors::{ChildSpec, Handle, Limits};
use std::sync::Arc;
use std::time::Duration;

/// Changes on their way into the table. Each is one request of the front door, which has fewer.
const IN_FLIGHT: usize = 4_096;

/// Until a change that is durable must be in the table; otherwise the tenant is closed.
const APPLY_DEADLINE: Duration = Duration::from_secs(5);

/// The handle: cheap to clone, made before the tree.
#[derive(Clone)]
pub struct Consents {
    pub(super) keeper: Handle<Message>,
    store: Arc<dyn ConsentStore>,
    shelf: Shelf<Withdrawn>,
    takebacks: Takebacks,
    clock: WallClock,
}

impl Consents {
    /// A handle that no keeper serves yet. `tables` are those of the policy that decides.
    #[must_use]
    pub fn new(database: Database, tables: &Tables, clock: WallClock) -> Self {
        Self::with_store(Arc::new(PostgresConsents::new(database)), tables, clock)
    }

    /// The same over any store.
    #[must_use]
    pub fn with_store(store: Arc<dyn ConsentStore>, tables: &Tables, clock: WallClock) -> Self {
        Self {
            keeper: Handle::new(Limits::in_flight(IN_FLIGHT)),
            store,
            shelf: tables.consents.clone(),
            takebacks: tables.takebacks.clone(),
            clock,
        }
    }

    /// The keeper as a child of a supervisor.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        let parts = Parts {
            store: Arc::clone(&self.store),
            shelf: self.shelf.clone(),
            handle: self.keeper.clone(),
        };
        ChildSpec::worker("consents", &self.keeper, move || {
            (ConsentKeeper, parts.clone())
        })
    }

    /// Writes down what a patient says about a purpose. Durable with the outcome of `open`, and
    /// known to every decision, before this returns; the entry comes back to be completed.
    ///
    /// # Errors
    /// [`ConsentError`] with the entry, for the caller to complete with what happened.
    pub async fn set(
        &self,
        permit: Permit,
        open: OpenEntry,
        patient: &PatientId,
        purpose: Purpose,
        status: ConsentStatus,
    ) -> Result<OpenEntry, (ConsentError, OpenEntry)> {
        match self
            .set_under(&permit, &open, patient, purpose, status)
            .await
        {
            Ok(()) => Ok(open),
            Err(error) => Err((error, open)),
        }
    }

    async fn set_under(
        &self,
        permit: &Permit,
        open: &OpenEntry,
        patient: &PatientId,
        purpose: Purpose,
        status: ConsentStatus,
    ) -> Result<(), ConsentError> {
        self.covers(permit, Action::Write, patient).await?;
        if status == ConsentStatus::NotAsked {
            return Err(ConsentError::NotAStatement);
        }
        let scope = Scope::of(permit);
        let statement = Statement {
            patient,
            purpose,
            status,
            at: self.clock.now(),
        };
        // A caller that goes away in the middle leaves the table to be read back all the same.
        let mut notice = Notice {
            of: self,
            tenant: &scope.tenant,
            patient,
            owed: true,
        };
        if status == ConsentStatus::Revoked {
            self.takebacks.note(&scope.tenant, patient, purpose);
        }
        let result = self.store.set(&scope, &statement, open).await;
        notice.owed = false;
        if matches!(result, Ok(()) | Err(ConsentError::InDoubt)) {
            self.apply(&scope.tenant, patient).await;
        }
        result
    }

    /// What a patient has said about a purpose.
    ///
    /// # Errors
    /// [`ConsentError`].
    pub async fn status(
        &self,
        permit: Permit,
        patient: &PatientId,
        purpose: Purpose,
    ) -> Result<Consent, ConsentError> {
        self.covers(&permit, Action::Read, patient).await?;
        let scope = Scope::of(&permit);
        self.store.get(&scope, patient, purpose).await
    }

    async fn covers(
        &self,
        permit: &Permit,
        action: Action,
        patient: &PatientId,
    ) -> Result<(), ConsentError> {
        permit.hand_in(self.clock.now()).await?;
        let covers = permit.action() == action
            && permit.resource_kind() == ResourceKind::Consent
            && permit.patient() == Some(patient);
        if covers {
            Ok(())
        } else {
            Err(ConsentError::PermitMismatch)
        }
    }

    /// Has the table read what is durable now.
    async fn apply(&self, tenant: &Tenant, patient: &PatientId) {
        let make = |reply| Message::Changed {
            news: self.shelf.news(tenant),
            tenant: tenant.clone(),
            patient: patient.clone(),
            reply: Some(reply),
        };
        match self.keeper.call(APPLY_DEADLINE, make).await {
            Ok(()) => {}
            // It may have died or lost the message, and its successor read too early.
            Err(_) => self.shelf.doubt(tenant),
        }
    }
}

/// Tells the keeper of a change whose caller went away before its end.
struct Notice<'a> {
    of: &'a Consents,
    tenant: &'a Tenant,
    patient: &'a PatientId,
    owed: bool,
}

impl Drop for Notice<'_> {
    fn drop(&mut self) {
        if !self.owed {
            return;
        }
        let told = self.of.keeper.cast(Message::Changed {
            news: self.of.shelf.news(self.tenant),
            tenant: self.tenant.clone(),
            patient: self.patient.clone(),
            reply: None,
        });
        if told.is_err() {
            self.of.shelf.doubt(self.tenant);
        }
    }
}
