//! Rotations: every level of keys is replaced while the system serves.
//!
//! - `master`: the tenants' keys are wrapped anew under the next master key.
//! - `tenant`: a new version of a tenant's key; its data keys are wrapped anew under it.
//! - `period`: the same for every tenant, under the key of a new [period](super::period): what a
//!   copy of the key store of before holds opens no more. It begins by itself.
//! - `data`: new versions of data keys; every row that they seal is sealed anew, a few at a time.
//!
//! A rotation is a row of the database and its work is all in what that row and the keys say: the
//! [`rotator`](self) that is killed in the middle goes on where it was, on whichever node. One at a
//! time. What was replaced is destroyed when nothing is wrapped or sealed under it any more, and
//! who still held it has had time to finish ([`data::GRACE`]).

mod data;
mod jobs;
mod rotator;
mod stuck;
mod wrapping;

pub use stuck::StuckKeys;

use super::{Vault, VaultError};
use crate::audit::OpenEntry;
use crate::database::{Database, DatabaseError, Scope};
use plantao_schema::id::{PatientId, Tenant};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{ChildSpec, Handle, Limits};
use rotator::{Message, Rotator};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Wake-ups that may wait: one does as much as many.
const IN_FLIGHT: usize = 16;

/// Which keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The master key.
    Master,
    /// A tenant's key.
    Tenant,
    /// The period's key, and with it every tenant's.
    Period,
    /// Data keys.
    Data,
}

impl Level {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Tenant => "tenant",
            Self::Period => "period",
            Self::Data => "data",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        let all = [Self::Master, Self::Tenant, Self::Period, Self::Data];
        all.into_iter().find(|level| level.name() == name)
    }
}

/// What is to be rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The master key.
    Master,
    /// A tenant's key.
    Tenant,
    /// The period's key.
    Period,
    /// Every data key of a tenant.
    AllData,
    /// One patient's.
    Patient(PatientId),
}

/// A rotation: how far it is, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Its number.
    pub id: i64,
    /// Which keys.
    pub level: Level,
    /// In which institution; of the master key: where it was asked for.
    pub tenant: Tenant,
    /// Whose data keys, where they are one subject's.
    pub subject: Option<String>,
    /// Keys wrapped or rows sealed anew.
    pub done: u64,
    /// As many as there were at the start; 0 where counting took too long.
    pub total: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When something was done last.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// The state of a tenant's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// The master key in use, by its name.
    pub master: Option<Vec<u8>>,
    /// Master keys that something may still be wrapped under.
    pub masters_retiring: u64,
    /// The present period's number, and when it began.
    pub period: Option<(i64, Timestamp)>,
    /// The newest version of the tenant's key.
    pub tenant_key: Option<i32>,
    /// Versions of it that there are.
    pub tenant_keys: u64,
    /// Data keys, all versions.
    pub data_keys: u64,
    /// Of them those that the master key itself wraps, as before there were tenants' keys.
    pub wrapped_directly: u64,
    /// Of them those that nothing is sealed under any more.
    pub retired: u64,
    /// Subjects whose keys were destroyed.
    pub erased: u64,
    /// The rotation under way, or the last one.
    pub rotation: Option<Rotation>,
}

/// Why a rotation did not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// There is one already.
    #[error("a rotation is under way: `plantao vault status` shows it")]
    Busy,
    /// No key of that kind has been made yet.
    #[error("there is no such key yet")]
    Nothing,
    /// The vault refused.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<DatabaseError> for RotationError {
    fn from(error: DatabaseError) -> Self {
        Self::Vault(error.into())
    }
}

/// The handle: begins rotations and tells how far they are.
#[derive(Clone)]
pub struct Rotations {
    vault: Vault,
    database: Database,
    lasts: Option<Duration>,
    waits: Duration,
    stuck: Arc<watch::Sender<StuckKeys>>,
    handle: Handle<Message>,
}

impl Rotations {
    /// A handle that no rotator serves yet.
    #[must_use]
    pub fn new(vault: Vault, database: Database) -> Self {
        Self {
            vault,
            database,
            lasts: None,
            waits: stuck::WAIT,
            stuck: Arc::default(),
            handle: Handle::new(Limits::in_flight(IN_FLIGHT)),
        }
    }

    /// The same, with periods that end by themselves after so long. To be called before the first
    /// clone; without it they end when somebody says so.
    #[must_use]
    pub const fn with_periods_of(mut self, lasts: Duration) -> Self {
        self.lasts = Some(lasts);
        self
    }

    /// The same, with keys that do not unwrap given up after so long: as long as key backups are
    /// kept. To be called before the first clone.
    #[must_use]
    pub const fn waiting_for(mut self, waits: Duration) -> Self {
        self.waits = waits;
        self
    }

    /// The data keys that did not unwrap when somebody looked last.
    #[must_use]
    pub fn stuck(&self) -> StuckKeys {
        self.stuck.borrow().clone()
    }

    /// The rotator, as a child named `rotator`.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        let parts = self.clone();
        ChildSpec::worker("rotator", &self.handle, move || (Rotator, parts.clone()))
    }

    /// Begins a rotation; it goes on by itself and survives this process.
    ///
    /// # Errors
    /// [`RotationError`]; then nothing has begun.
    pub async fn start(&self, tenant: &Tenant, target: &Target) -> Result<Rotation, RotationError> {
        self.begin(tenant, target, None).await
    }

    /// The same for somebody who asked: the transaction that begins it records the outcome of
    /// `open`, so that a crash right after leaves no doubt.
    ///
    /// # Errors
    /// [`RotationError`]; then nothing has begun, unless it is unavailable: then the commit may
    /// have been sent and its answer lost, and what is recorded for `open` tells.
    pub async fn start_for(
        &self,
        tenant: &Tenant,
        target: &Target,
        open: &OpenEntry,
    ) -> Result<Rotation, RotationError> {
        self.begin(tenant, target, Some(open)).await
    }

    async fn begin(
        &self,
        tenant: &Tenant,
        target: &Target,
        open: Option<&OpenEntry>,
    ) -> Result<Rotation, RotationError> {
        let scope = Scope::system(tenant.clone());
        // Before anything is made; that there is one alone the database sees to.
        if jobs::under_way(&self.database, &scope).await?.is_some() {
            return Err(RotationError::Busy);
        }
        let new = match target {
            Target::Master => wrapping::begin_master(self, &scope).await?,
            Target::Tenant => wrapping::begin_tenant(self, &scope).await?,
            Target::Period => wrapping::begin_period(self, &scope).await?,
            Target::AllData => data::begin_all(self, &scope).await,
            Target::Patient(patient) => data::begin_patient(self, &scope, patient).await?,
        };
        let id = jobs::begin(&self.database, &scope, &new, open).await?;
        // Lost, it costs a moment: the rotator looks by itself.
        let _ = self.handle.cast_repeatable(|| Message::Begun);
        let begun = jobs::get(&self.database, &scope, id).await?;
        begun.ok_or(RotationError::Nothing)
    }

    /// The state of a tenant's keys.
    ///
    /// # Errors
    /// [`VaultError`] when the database does not answer.
    pub async fn overview(&self, tenant: &Tenant) -> Result<Overview, VaultError> {
        let scope = Scope::system(tenant.clone());
        Ok(jobs::overview(&self.database, &scope).await?)
    }
}

#[cfg(test)]
mod tests;
