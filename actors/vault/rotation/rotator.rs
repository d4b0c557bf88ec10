//! `Rotator`: the actor that does the work of rotations, and replays tombstones when it starts.
//!
//! Owns nothing: what is to be done is in the database, and is looked for at each start, when told,
//! and now and then. Waits for the database. Killed in the middle, it goes on where it was. Where
//! the database is a stand-in it does nothing. Restart class: permanent.

use super::jobs::{self, Job};
use super::{Level, RotationError, Rotations, Target, data, stuck, wrapping};
use crate::database::Scope;
use crate::pump::Pump;
use crate::vault::erase::tenants;
use crate::vault::incidents::IncidentKind;
use crate::vault::{ErasureError, VaultError};
use plantao_schema::id::Tenant;
use plantao_supervisors::Envelope;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Between two looks without being told: another node's rotation may have lost its rotator.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What a period lasts that nothing ends: longer than the database is.
const FOR_EVER: Duration = Duration::from_hours(24 * 365 * 100);

/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) enum Message {
    /// There is a rotation to be done.
    Begun,
}

pub(super) struct Rotator;

pub(super) struct State {
    begun: Arc<Notify>,
    _pump: Pump,
}

impl Actor for Rotator {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Rotations;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        parts: Rotations,
    ) -> Result<State, ActorProcessingErr> {
        let begun = Arc::new(Notify::new());
        let work = run(parts, Arc::clone(&begun));
        Ok(State {
            begun,
            _pump: Pump::start(myself, work),
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (Message::Begun, _in_flight) = envelope.open();
        state.begun.notify_one();
        Ok(())
    }
}

async fn run(parts: Rotations, begun: Arc<Notify>) {
    if parts.database.is_stand_in() {
        return std::future::pending().await;
    }
    replay(&parts).await;
    loop {
        match look(&parts).await {
            Ok(true) => {}
            Ok(false) => drop(timeout(LOOK_EVERY, begun.notified()).await),
            Err(error) => {
                tracing::debug!(%error, "a rotation waits");
                if !error.is_unavailable() {
                    tracing::error!(%error, "a rotation does not go on");
                }
                sleep(PAUSE).await;
            }
        }
    }
}

/// Nothing of somebody erased is opened meanwhile: the keeper has read the file itself.
async fn replay(parts: &Rotations) {
    loop {
        match parts.vault.replay(&parts.database).await {
            Ok(returned) => {
                tracing::debug!(returned, "tombstones replayed");
                return;
            }
            Err(ErasureError::Vault(error)) if error.is_unavailable() => {}
            Err(error) => tracing::error!(%error, "tombstones are not replayed"),
        }
        sleep(PAUSE).await;
    }
}

/// Does the rotation under way to its end. False where there is none.
async fn look(parts: &Rotations) -> Result<bool, VaultError> {
    // The list of rotations is in nobody's scope.
    let Ok(nobody) = Tenant::parse("system") else {
        return Ok(false);
    };
    let scope = Scope::system(nobody);
    let Some(job) = jobs::under_way(&parts.database, &scope).await? else {
        stuck::look(parts).await?;
        return turn(parts).await;
    };
    let stuck = work(parts, &job).await?;
    jobs::finish(&parts.database, &scope, &job).await?;
    let (level, tenant) = (job.shown.level.name(), &job.shown.tenant);
    if stuck > 0 {
        let what = format!("rotation of {level} keys: {stuck} do not open and stay as they are");
        let kind = IncidentKind::DecryptionFailed;
        parts.vault.tell_incident(kind, tenant, &what);
    }
    let what = format!("rotation {} of {level} keys", job.shown.id);
    let kind = IncidentKind::RotationFinished;
    parts.vault.tell_incident(kind, tenant, &what);
    Ok(true)
}

/// Begins the next period when the present one has lasted for its time. True where it did.
async fn turn(parts: &Rotations) -> Result<bool, VaultError> {
    if !parts.vault.has_periods() {
        return Ok(false);
    }
    let lasts = parts.lasts.unwrap_or(FOR_EVER).min(FOR_EVER);
    let is_over = wrapping::settle_period(parts, lasts).await?;
    let (true, Some(tenant)) = (is_over, tenants(&parts.database).await?.into_iter().next()) else {
        return Ok(false);
    };
    match parts.start(&tenant, &Target::Period).await {
        Ok(_) | Err(RotationError::Busy) => Ok(true),
        Err(RotationError::Nothing) => Ok(false),
        Err(RotationError::Vault(error)) => Err(error),
    }
}

async fn work(parts: &Rotations, job: &Job) -> Result<u64, VaultError> {
    match job.shown.level {
        Level::Master => wrapping::master(parts, job).await,
        Level::Tenant => wrapping::tenant(parts, job).await,
        Level::Period => wrapping::period(parts, job).await,
        Level::Data => data::data(parts, job).await,
    }
}
