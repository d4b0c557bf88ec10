//! `ConsentKeeper`: owns the table of withdrawals that decisions read.
//!
//! Lost on restart: the table, which is read again for every tenant that was asked for; until then
//! requests that name a patient are denied. Without a database it stays up and tries again twice a
//! second. Assumes a permanent restart.

use super::store::ConsentStore;
use crate::database::Scope;
use crate::policy::{News, Owned, Shelf, Withdrawn};
use plantao_schema::id::{PatientId, Tenant};
use plantao_supervisors::{Envelope, Handle, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The longest that a table may load. Longer means a database that hangs, and other tenants wait.
const LOAD_DEADLINE: Duration = Duration::from_secs(2);

/// Reading one patient back, the wait for the change under way included.
const READ_BACK_DEADLINE: Duration = Duration::from_secs(2);

/// Until a queued load is given up on; the loader asks again.
const CALL_DEADLINE: Duration = Duration::from_secs(5);

/// What the keeper is told.
pub(super) enum Message {
    /// A tenant was asked for.
    Load { tenant: Tenant, reply: Reply<bool> },
    /// A patient's consents may have changed.
    Changed {
        news: News<Withdrawn>,
        tenant: Tenant,
        patient: PatientId,
        reply: Option<Reply<()>>,
    },
}

/// What the keeper works with.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) store: Arc<dyn ConsentStore>,
    pub(super) shelf: Shelf<Withdrawn>,
    pub(super) handle: Handle<Message>,
}

pub(super) struct ConsentKeeper;

pub(super) struct State {
    parts: Parts,
    table: Owned<Withdrawn>,
    loading: JoinHandle<()>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.loading.abort();
    }
}

impl Actor for ConsentKeeper {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Parts;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        parts: Parts,
    ) -> Result<State, ActorProcessingErr> {
        let table = parts.shelf.own();
        let handle = parts.handle.clone();
        let load = move |tenant| {
            let handle = handle.clone();
            async move {
                let make = |reply| Message::Load { tenant, reply };
                handle.call(CALL_DEADLINE, make).await.unwrap_or(false)
            }
        };
        let loading = tokio::spawn(parts.shelf.clone().keep_loaded(load));
        Ok(State {
            parts,
            table,
            loading,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (message, _in_flight) = envelope.open();
        match message {
            Message::Load { tenant, reply } => reply.send(state.load(tenant).await),
            Message::Changed {
                news,
                tenant,
                patient,
                reply,
            } => {
                // Otherwise what was said is not known, and nothing is decided until it is.
                if state.read_back(tenant, patient).await {
                    news.taken_in();
                }
                if let Some(reply) = reply {
                    reply.send(());
                }
            }
        }
        Ok(())
    }
}

impl State {
    async fn load(&self, tenant: Tenant) -> bool {
        let since = self.parts.shelf.doubts();
        let scope = Scope::system(tenant);
        let read = self.parts.store.withdrawn(&scope);
        match timeout(LOAD_DEADLINE, read).await {
            Ok(Ok(withdrawn)) => self.table.load(scope.tenant, withdrawn, since),
            Ok(Err(error)) => {
                tracing::debug!(%error, "consents are not loaded yet");
                false
            }
            Err(_) => false,
        }
    }

    async fn read_back(&self, tenant: Tenant, patient: PatientId) -> bool {
        let scope = Scope::system(tenant);
        let read = self.parts.store.withdrawn_by(&scope, &patient);
        let Ok(Ok(purposes)) = timeout(READ_BACK_DEADLINE, read).await else {
            return false;
        };
        self.table.change(&scope.tenant, |withdrawn| {
            if purposes.is_empty() {
                withdrawn.remove(&patient).is_some()
            } else {
                let before = withdrawn.insert(patient.clone(), purposes);
                before.as_ref() != withdrawn.get(&patient)
            }
        });
        true
    }
}
