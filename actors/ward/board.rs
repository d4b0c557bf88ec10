//! `WardBoard`: the wards that somebody looks at, kept up to date for all who do.
//!
//! Owns one list of beds for each of them, read from the table when the first looker comes, read
//! again at each placement made here and every [`READ_EVERY`] for those made elsewhere, and let go
//! when nobody looks any more. While the database does not answer, the lists stay as they were
//! last known: who shows them watches the database too. A ward that cannot be read although the
//! database answers is let go, so that its lookers see the loss and ask again. Lost on restart: the
//! lists; every looker learns of it by a closed receiver, asks again, and gets the same from the
//! table. Restart class: permanent.
//!
//! PHI: as in [`super`].

use super::WardError;
use super::store::{Bed, WardStore};
use crate::database::Scope;
use plantao_schema::id::{Tenant, WardId};
use plantao_supervisors::{Envelope, Handle, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How often the wards that are looked at are read again: a placement by another node, or one whose
/// notice was lost, shows no later.
const READ_EVERY: Duration = Duration::from_secs(5);

/// The longest that one reading may take; others wait meanwhile.
const READ_DEADLINE: Duration = Duration::from_secs(2);

/// Most wards that are looked at on this node.
const MAX_WARDS: usize = 1_024;

/// The beds of a ward as they are published.
pub(super) type Beds = watch::Receiver<Arc<Vec<Bed>>>;

/// What the board is asked.
pub(super) enum Message {
    /// The beds of a ward, from now on.
    Beds(Scope, WardId, Reply<Result<Beds, WardError>>),
    /// Read these wards again: beds of theirs were given or freed.
    Read(Tenant, BTreeSet<WardId>, Reply<()>),
    /// Time has passed.
    ClockTicked,
}

/// The actor.
pub(super) struct WardBoard {
    store: Arc<dyn WardStore>,
    own: Handle<Message>,
}

/// What it owns.
pub(super) struct State {
    wards: BTreeMap<(Tenant, WardId), Shown>,
    ticker: JoinHandle<()>,
}

struct Shown {
    scope: Scope,
    beds: watch::Sender<Arc<Vec<Bed>>>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.ticker.abort();
    }
}

impl WardBoard {
    /// A board, reached through `own`.
    pub(super) fn new(store: Arc<dyn WardStore>, own: Handle<Message>) -> Self {
        Self { store, own }
    }
}

impl Actor for WardBoard {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        let own = self.own.clone();
        let ticker = tokio::spawn(async move {
            loop {
                tokio::time::sleep(READ_EVERY).await;
                // Not taken when the board is busy; the next one will be.
                let _ = own.cast_repeatable(|| Message::ClockTicked);
            }
        });
        Ok(State {
            wards: BTreeMap::new(),
            ticker,
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
            Message::Beds(scope, ward, reply) if !reply.is_abandoned() => {
                reply.send(self.beds(state, scope, ward).await);
            }
            // Whoever asked has gone.
            Message::Beds(..) => {}
            Message::Read(tenant, wards, reply) => {
                // A failure shows at the next tick, which tries again.
                let _ = self.read(state, &tenant, |ward| wards.contains(ward)).await;
                reply.send(());
            }
            Message::ClockTicked => self.read_all(state).await,
        }
        Ok(())
    }
}

impl WardBoard {
    async fn beds(&self, state: &mut State, scope: Scope, ward: WardId) -> Result<Beds, WardError> {
        let place = (scope.tenant.clone(), ward);
        if let Some(shown) = state.wards.get(&place) {
            // One that nobody looked at meanwhile was not kept up to date.
            if shown.beds.receiver_count() > 0 {
                return Ok(shown.beds.subscribe());
            }
        }
        if state.wards.len() >= MAX_WARDS && !state.wards.contains_key(&place) {
            state.forget_unseen();
        }
        if state.wards.len() >= MAX_WARDS && !state.wards.contains_key(&place) {
            return Err(WardError::Overloaded);
        }
        let mut read = self.within(&scope, &[&place.1]).await?;
        let beds = read.remove(&place.1).ok_or(WardError::NotFound)?;
        let (sender, receiver) = watch::channel(Arc::new(beds));
        let shown = Shown {
            scope,
            beds: sender,
        };
        state.wards.insert(place, shown);
        Ok(receiver)
    }

    async fn read_all(&self, state: &mut State) {
        state.forget_unseen();
        let tenants = state.wards.keys().map(|(tenant, _)| tenant.clone());
        let tenants: BTreeSet<Tenant> = tenants.collect();
        for tenant in &tenants {
            let Err(error) = self.read(state, tenant, |_| true).await else {
                continue;
            };
            tracing::debug!(%error, "wards were not read again");
            if is_of_database(&error) || self.read_apart(state, tenant).await.is_err() {
                // What one tenant cannot be told now, the others cannot be told either.
                return;
            }
        }
    }

    /// Reads the wards of a tenant that cannot be read together, each by itself: those that cannot
    /// be read at all are let go, which closes their channels.
    async fn read_apart(&self, state: &mut State, tenant: &Tenant) -> Result<(), WardError> {
        let of_tenant = state.wards.keys().filter(|(one, _)| one == tenant);
        let wards: Vec<WardId> = of_tenant.map(|(_, ward)| ward.clone()).collect();
        for ward in wards {
            match self.read(state, tenant, |one| *one == ward).await {
                Ok(()) => {}
                Err(error) if is_of_database(&error) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "a ward cannot be read and is let go");
                    state.wards.remove(&(tenant.clone(), ward));
                }
            }
        }
        Ok(())
    }

    /// Reads the wards of a tenant that are shown and wanted, and publishes what is new.
    async fn read(
        &self,
        state: &State,
        tenant: &Tenant,
        wanted: impl Fn(&WardId) -> bool,
    ) -> Result<(), WardError> {
        let of_tenant = state
            .wards
            .iter()
            .filter(|((one, ward), _)| one == tenant && wanted(ward));
        let shown: Vec<(&WardId, &Shown)> =
            of_tenant.map(|((_, ward), shown)| (ward, shown)).collect();
        let Some((_, first)) = shown.first() else {
            return Ok(());
        };
        let wards: Vec<&WardId> = shown.iter().map(|(ward, _)| *ward).collect();
        let mut read = self.within(&first.scope, &wards).await?;
        for (ward, shown) in shown {
            let beds = read.remove(ward).unwrap_or_default();
            shown.beds.send_if_modified(|before| {
                let news = **before != beds;
                if news {
                    *before = Arc::new(beds);
                }
                news
            });
        }
        Ok(())
    }

    async fn within(
        &self,
        scope: &Scope,
        wards: &[&WardId],
    ) -> Result<BTreeMap<WardId, Vec<Bed>>, WardError> {
        timeout(READ_DEADLINE, self.store.beds(scope, wards))
            .await
            .unwrap_or(Err(WardError::Timeout {
                after: READ_DEADLINE,
            }))
    }
}

/// Whether the database did not answer, which says nothing of what was asked.
const fn is_of_database(error: &WardError) -> bool {
    matches!(error, WardError::Unavailable | WardError::Timeout { .. })
}

impl State {
    fn forget_unseen(&mut self) {
        self.wards
            .retain(|_, shown| shown.beds.receiver_count() > 0);
    }
}
