//! The sessions of this node: how one is started and found.
//!
//! A session is started by the first who needs it; everyone else waits for the same start. The
//! name of a session in the tree is drawn from a salt that lives as long as this process: the tree
//! is shown to operators, and even a pseudonym of a patient is not for them.

use super::cache::Budget;
use super::card::HeldCard;
use super::seats::{Seat, Seats};
use super::session::{Message, PatientSession};
use super::watched::{FirstTurn, Turns};
use super::{RecordError, RecordStore};
use crate::clock::WallClock;
use crate::entropy::{Entropy, EntropyError, Salt};
use plantao_schema::id::{PatientId, Tenant};
use plantao_supervisors::{ChildSpec, DynamicHandle, Handle, Restart, Shutdown, SupervisorError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Most bytes that the sessions of one node remember together: a session's own limit alone would
/// let twenty thousand of them take twenty gigabytes.
const CACHE_BUDGET_BYTES: usize = 256 * 1024 * 1024;

/// How long a caller waits for a session to start or to come back.
const START_DEADLINE: Duration = Duration::from_secs(2);

/// How long a caller waits before it looks again whether a session has come back: restarts take
/// microseconds.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// What a stopping session gets to finish the write in hand.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// The sessions and how to start one.
pub(super) struct Sessions {
    supervisor: DynamicHandle,
    seats: Seats,
    budget: Arc<Budget>,
    salt: Salt,
    store: Arc<dyn RecordStore>,
    clock: WallClock,
    turns: Arc<Turns>,
}

impl Sessions {
    pub(super) fn new(store: Arc<dyn RecordStore>, clock: WallClock, entropy: Entropy) -> Self {
        Self {
            supervisor: DynamicHandle::new(),
            seats: Seats::default(),
            budget: Arc::new(Budget::new(CACHE_BUDGET_BYTES)),
            salt: Salt::new(entropy),
            store,
            clock,
            turns: Arc::default(),
        }
    }

    /// The supervisor's own handle, for the tree.
    pub(super) const fn supervisor(&self) -> &DynamicHandle {
        &self.supervisor
    }

    /// The session of a patient if it is live.
    pub(super) fn live(&self, tenant: &Tenant, patient: &PatientId) -> Option<Handle<Message>> {
        self.seats.live(tenant, patient)
    }

    /// The card that a patient's live session holds.
    pub(super) fn card(&self, tenant: &Tenant, patient: &PatientId) -> Option<Arc<HeldCard>> {
        self.seats.card(tenant, patient)
    }

    /// The session of a patient, started when it is not live.
    ///
    /// # Errors
    /// `Overloaded` when as many are live as may be, `Unavailable` when it does not come up or
    /// there is no name for it.
    pub(super) async fn started(
        &self,
        tenant: &Tenant,
        patient: &PatientId,
    ) -> Result<Handle<Message>, RecordError> {
        let seat = self.seats.of(tenant, patient);
        if seat.handle.is_up() {
            return Ok(seat.handle.clone());
        }
        let name = self.name(tenant, patient)?;
        let until = Instant::now() + START_DEADLINE;
        while !seat.handle.is_up() {
            match self
                .supervisor
                .start_child(self.child(&name, patient, &seat))
                .await
            {
                Ok(_) => break,
                // Someone else starts it, or it is between two incarnations.
                Err(SupervisorError::AlreadyStarted { .. }) if Instant::now() < until => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(SupervisorError::MaxChildren { .. }) => return Err(RecordError::Overloaded),
                // Its supervisor decides how long it may take and when to give it up. A caller
                // that waits in vain knows nothing that would justify ending it.
                Err(_) => return Err(RecordError::Unavailable),
            }
        }
        Ok(seat.handle.clone())
    }

    /// A turn to begin to watch somebody on this node.
    pub(super) async fn first_turn(&self) -> Result<FirstTurn, RecordError> {
        self.turns.first().await
    }

    /// Tells the live sessions of these patients that their records were changed from elsewhere.
    pub(super) fn changed(&self, tenant: &Tenant, patients: &BTreeSet<PatientId>) {
        for patient in patients {
            if let Some(session) = self.live(tenant, patient) {
                // Lost, it costs time: reads look at the version, and who watches looks again.
                let _ = session.cast_repeatable(|| Message::RecordsChanged);
            }
        }
    }

    /// Ends the live session of somebody erased, and with it every view of it.
    pub(super) fn erased(&self, tenant: &Tenant, patient: &PatientId) {
        if let Some(session) = self.live(tenant, patient) {
            // Lost, the session finds the tombstone at its next read.
            let _ = session.cast_repeatable(|| Message::Erased);
        }
    }

    /// The description holds the seat for as long as the supervisor knows the child.
    fn child(&self, name: &str, patient: &PatientId, seat: &Arc<Seat>) -> ChildSpec {
        let (store, budget) = (Arc::clone(&self.store), Arc::clone(&self.budget));
        let (clock, patient, own) = (self.clock.clone(), patient.clone(), Arc::clone(seat));
        let turns = Arc::clone(&self.turns);
        let make = move || {
            let (store, budget) = (Arc::clone(&store), Arc::clone(&budget));
            let (clock, patient) = (clock.clone(), patient.clone());
            let turns = Arc::clone(&turns);
            let session = PatientSession::new(store, budget, clock, patient, &own, turns);
            (session, ())
        };
        ChildSpec::worker(name, &seat.handle, make)
            .restart(Restart::Transient)
            .shutdown(Shutdown::Timeout(STOP_DEADLINE))
    }

    /// Sixteen hexadecimal digits that mean nothing outside this process.
    fn name(&self, tenant: &Tenant, patient: &PatientId) -> Result<String, EntropyError> {
        self.salt.name(&format!("{tenant}|{patient}"))
    }
}
