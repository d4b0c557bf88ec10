//! The sessions of this node: which patient's session is reached through which handle.
//!
//! A session is started by the first who needs it; everyone else waits for the same start. The
//! name of a session in the tree is drawn from a salt that lives as long as this process: the tree
//! is shown to operators, and even a pseudonym of a patient is not for them.

use super::session::{Message, PatientSession};
use super::{RecordError, RecordStore};
use aws_lc_rs::digest;
use dashmap::DashMap;
use plantao_schema::id::{PatientId, Tenant};
use plantao_supervisors::{
    ChildSpec, DynamicHandle, Handle, Limits, Restart, Shutdown, StartChildError,
};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Most sessions of one node: an idle actor takes some 8 KB, a full memory 1 MB.
pub const MAX_SESSIONS: usize = 10_000;

/// Most requests that wait for one patient: a ward and its monitors, not a flood.
const IN_FLIGHT: usize = 64;

/// How long a caller waits for a session to start or to come back.
const START_DEADLINE: Duration = Duration::from_secs(2);

/// How long a caller waits before it looks again whether a session has come back: restarts take
/// microseconds.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// What a stopping session gets to finish the write in hand.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// The sessions and how to start one.
pub(super) struct Sessions<S> {
    supervisor: DynamicHandle,
    handles: DashMap<(Tenant, PatientId), Handle<Message>>,
    salt: Uuid,
    store: Arc<S>,
}

impl<S: RecordStore> Sessions<S> {
    pub(super) fn new(store: Arc<S>) -> Self {
        Self {
            supervisor: DynamicHandle::new(),
            handles: DashMap::new(),
            salt: Uuid::new_v4(),
            store,
        }
    }

    /// The supervisor's own handle, for the tree.
    pub(super) const fn supervisor(&self) -> &DynamicHandle {
        &self.supervisor
    }

    /// The session of a patient if it is live.
    pub(super) fn live(&self, tenant: &Tenant, patient: &PatientId) -> Option<Handle<Message>> {
        let handle = self
            .handles
            .get(&(tenant.clone(), patient.clone()))?
            .clone();
        handle.is_up().then_some(handle)
    }

    /// The session of a patient, started when it is not live.
    ///
    /// # Errors
    /// `Overloaded` when as many are live as may be, `Unavailable` when it does not come up.
    pub(super) async fn started(
        &self,
        tenant: &Tenant,
        patient: &PatientId,
    ) -> Result<Handle<Message>, RecordError> {
        let handle = self.handle(tenant, patient);
        let name = self.name(tenant, patient);
        let until = Instant::now() + START_DEADLINE;
        while !handle.is_up() {
            match self
                .supervisor
                .start_child(self.child(&name, patient, &handle))
                .await
            {
                Ok(()) => break,
                // Someone else starts it, or it is between two incarnations.
                Err(StartChildError::AlreadyStarted { .. }) if Instant::now() < until => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(StartChildError::AlreadyStarted { .. }) => {
                    // It does not come up: the next caller starts it afresh.
                    drop(self.supervisor.terminate_child(&name).await);
                    return Err(RecordError::Unavailable);
                }
                Err(StartChildError::MaxChildren { .. }) => return Err(RecordError::Overloaded),
                Err(StartChildError::Failed { .. } | StartChildError::Unavailable) => {
                    return Err(RecordError::Unavailable);
                }
            }
        }
        Ok(handle)
    }

    fn handle(&self, tenant: &Tenant, patient: &PatientId) -> Handle<Message> {
        if self.handles.len() >= 2 * MAX_SESSIONS {
            self.handles.retain(|_, handle| handle.is_up());
        }
        let place = (tenant.clone(), patient.clone());
        let new = || Handle::new(Limits::in_flight(IN_FLIGHT));
        self.handles.entry(place).or_insert_with(new).clone()
    }

    fn child(&self, name: &str, patient: &PatientId, handle: &Handle<Message>) -> ChildSpec {
        let (store, patient, own) = (Arc::clone(&self.store), patient.clone(), handle.clone());
        let make = move || {
            (
                PatientSession::new(Arc::clone(&store), patient.clone(), own.clone()),
                (),
            )
        };
        ChildSpec::worker(name, handle, make)
            .restart(Restart::Transient)
            .shutdown(Shutdown::Timeout(STOP_DEADLINE))
    }

    /// Sixteen hexadecimal digits that mean nothing outside this process.
    fn name(&self, tenant: &Tenant, patient: &PatientId) -> String {
        let text = format!("{}|{tenant}|{patient}", self.salt);
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        digest
            .as_ref()
            .iter()
            .take(8)
            .fold(String::new(), |mut name, byte| {
                // Writing to a string does not fail.
                let _ = write!(name, "{byte:02x}");
                name
            })
    }
}
