//! `Wards`: what the rest of the system holds of the wards.

use super::WardError;
use super::board::{Beds, Message, WardBoard};
use super::store::{Placement, PostgresWards, WardStore};
use crate::audit::OpenEntry;
use crate::clock::WallClock;
use crate::database::{Database, Scope};
use crate::policy::{Permit, ViewGrant};
use plantao_schema::access::{Action, ResourceKind};
use plantao_schema::id::{BedId, PatientId, Tenant, WardId};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{CallError, ChildSpec, Handle, Limits};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest that asking for beds may take, a restart of the board included.
pub const BEDS_DEADLINE: Duration = Duration::from_secs(5);

/// Most requests that wait for the board.
const IN_FLIGHT: usize = 1_024;

/// How long a placement waits until it is shown; it is made by then and shows later otherwise.
const SHOWN_DEADLINE: Duration = Duration::from_secs(2);

/// Before a board that is between two incarnations is asked again: restarts take microseconds.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// As whom the board reads for all who look: each of them has an entry of its own in the trail.
const LOOKING: &str = "ward-board";

/// The handle to the wards. Made before the tree; clones share everything.
#[derive(Clone)]
pub struct Wards {
    board: Handle<Message>,
    store: Arc<dyn WardStore>,
    clock: WallClock,
}

impl Wards {
    /// Wards that no board serves yet.
    #[must_use]
    pub fn new(database: Database, clock: WallClock) -> Self {
        Self::with_store(Arc::new(PostgresWards::new(database)), clock)
    }

    /// The same over any store.
    #[must_use]
    pub fn with_store(store: Arc<dyn WardStore>, clock: WallClock) -> Self {
        Self {
            board: Handle::new(Limits::in_flight(IN_FLIGHT)),
            store,
            clock,
        }
    }

    /// The board as a child named `ward_board`.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        let (store, own) = (Arc::clone(&self.store), self.board.clone());
        ChildSpec::worker("ward_board", &self.board, move || {
            (WardBoard::new(Arc::clone(&store), own.clone()), ())
        })
    }

    /// The beds of a ward, by name, empty ones included, from now on. When the receiver closes the
    /// board died, or the ward can no longer be read: ask again.
    ///
    /// # Errors
    /// [`WardError`]: `NotFound` for a ward without a bed, `Unavailable` or `Timeout` while the
    /// table cannot be read. All within [`BEDS_DEADLINE`].
    pub async fn beds(&self, grant: &ViewGrant, ward: &WardId) -> Result<Beds, WardError> {
        let until = Instant::now() + BEDS_DEADLINE;
        loop {
            let (scope, ward) = (scope(grant), ward.clone());
            let left = until.saturating_duration_since(Instant::now());
            let make = |reply| Message::Beds(scope, ward, reply);
            match self.board.call(left, make).await {
                Ok(answer) => return answer,
                // It died with the question and is coming back.
                Err(CallError::Unavailable) if Instant::now() + ASK_AGAIN < until => {
                    tokio::time::sleep(ASK_AGAIN).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The wards of the grant's institution, by name, at most
    /// [`MAX_WARDS_LISTED`](super::MAX_WARDS_LISTED).
    ///
    /// # Errors
    /// [`WardError`] while the table cannot be read.
    pub async fn list(&self, grant: &ViewGrant) -> Result<Vec<WardId>, WardError> {
        self.store.wards(&scope(grant)).await
    }

    /// Gives a bed to a patient, or frees it. A bed is made when it is first given to somebody; a
    /// patient who lies in another bed is moved, both at once. What is so already stays and
    /// succeeds. The change, and the outcome of `open`, are durable before this returns, and shown
    /// unless the board is down; the entry comes back to be completed or abandoned.
    ///
    /// # Errors
    /// [`WardError`] with the entry; only `InDoubt` leaves open whether the change was made.
    pub async fn place(
        &self,
        permit: Permit,
        open: OpenEntry,
        ward: WardId,
        bed: BedId,
        patient: Option<PatientId>,
    ) -> Result<OpenEntry, (WardError, OpenEntry)> {
        let at = self.clock.now();
        if let Err(error) = covers(&permit, &ward, patient.as_ref(), at).await {
            return Err((error, open));
        }
        let scope = Scope::of(&permit);
        let placement = Placement {
            scope: &scope,
            ward: &ward,
            bed: &bed,
            patient: patient.as_ref(),
            at,
        };
        match self.store.place(&placement, &open).await {
            Ok(touched) => {
                self.show(&scope.tenant, touched).await;
                Ok(open)
            }
            Err(error) => Err((error, open)),
        }
    }

    /// Has the board read what changed. A board that is down reads everything when it is back, and
    /// one that is late reads it at its next tick.
    async fn show(&self, tenant: &Tenant, touched: BTreeSet<WardId>) {
        let make = |reply| Message::Read(tenant.clone(), touched, reply);
        let _ = self.board.call(SHOWN_DEADLINE, make).await;
    }
}

/// The scope in which the board reads for all who look.
fn scope(grant: &ViewGrant) -> Scope {
    Scope {
        tenant: grant.tenant().clone(),
        principal: LOOKING.to_owned(),
        purpose: grant.purpose(),
    }
}

/// Whether the permit was given for this placement.
async fn covers(
    permit: &Permit,
    ward: &WardId,
    patient: Option<&PatientId>,
    now: Timestamp,
) -> Result<(), WardError> {
    permit.hand_in(now).await?;
    let named = permit.resource_id().map(|id| id.as_str());
    let own = permit.patient().is_none() || permit.patient() == patient;
    let covered = permit.action() == Action::Write
        && permit.resource_kind() == ResourceKind::Ward
        && named == Some(ward.as_str())
        && own;
    if covered {
        Ok(())
    } else {
        Err(WardError::PermitMismatch)
    }
}
