//! `VaultKeeper`: the actor that owns the master keys and the key of the period.
//!
//! They are read from their source at each start and live in this actor's state alone; the
//! simulator's is handed over instead. With them come the tombstones of the file outside of the
//! database: no key of somebody erased is unwrapped, whatever the database says. Assumes a
//! permanent restart. Lost on restart: nothing; callers with a data key in hand keep it.

use super::VaultError;
use super::data_key::KeyBytes;
use super::incidents::{IncidentKind, Incidents};
use super::master::MasterKeySource;
use super::period::{PeriodMark, Periods};
use super::ring::{Rewrap, Rewrapped, Ring};
use super::tombstones::Tombstones;
use super::wrapped::{MasterName, Place, WrappedDataKey, WrappedTenantKey};
use crate::entropy::Entropy;
use plantao_schema::id::Tenant;
use plantao_supervisors::{Envelope, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::path::PathBuf;

type Answer<T> = Reply<Result<T, VaultError>>;

/// What the keeper is asked.
pub(super) enum Message {
    MakeTenantKey {
        tenant: String,
        version: i32,
        master: Option<Vec<u8>>,
        period: Option<PeriodMark>,
        reply: Answer<WrappedTenantKey>,
    },
    MakeDataKey {
        place: Place,
        tenant_key: WrappedTenantKey,
        reply: Answer<(WrappedDataKey, KeyBytes)>,
    },
    Open {
        place: Place,
        key: WrappedDataKey,
        tenant_key: Option<WrappedTenantKey>,
        reply: Answer<KeyBytes>,
    },
    Rewrap {
        keys: Vec<Rewrap>,
        to: WrappedTenantKey,
        reply: Answer<Rewrapped>,
    },
    RewrapTenantKey {
        tenant: String,
        key: WrappedTenantKey,
        to: Vec<u8>,
        reply: Answer<WrappedTenantKey>,
    },
    NextMaster {
        current: Option<Vec<u8>>,
        reply: Answer<MasterName>,
    },
    Settle {
        current: MasterName,
        reply: Answer<()>,
    },
    NextPeriod {
        current: Option<PeriodMark>,
        reply: Answer<PeriodMark>,
    },
    SettlePeriod {
        current: PeriodMark,
        reply: Answer<()>,
    },
}

pub(super) struct VaultKeeper;

/// What it is made of.
#[derive(Clone)]
pub(super) struct KeeperParts {
    pub(super) source: MasterKeySource,
    pub(super) period: Option<PathBuf>,
    pub(super) entropy: Entropy,
    pub(super) tombstones: Tombstones,
    pub(super) incidents: Incidents,
}

pub(super) struct State {
    ring: Ring,
    tombstones: Tombstones,
    incidents: Incidents,
}

impl Actor for VaultKeeper {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = KeeperParts;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        parts: KeeperParts,
    ) -> Result<Self::State, ActorProcessingErr> {
        let KeeperParts {
            source,
            period,
            entropy,
            tombstones,
            incidents,
        } = parts;
        let (masters, periods) = if matches!(source, MasterKeySource::Held(_)) {
            (source.load(&entropy)?, Periods::load(period, &entropy)?)
        } else {
            let (source, entropy, tombstones) =
                (source.clone(), entropy.clone(), tombstones.clone());
            let load = move || {
                let masters = source.load(&entropy)?;
                tombstones.load()?;
                Ok::<_, ActorProcessingErr>((masters, Periods::load(period, &entropy)?))
            };
            tokio::task::spawn_blocking(load).await??
        };
        Ok(State {
            ring: Ring::new(source, masters, periods, entropy),
            tombstones,
            incidents,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (message, _in_flight) = message.open();
        match message {
            Message::MakeTenantKey {
                tenant,
                version,
                master,
                period,
                reply,
            } => {
                let made = state
                    .ring
                    .make_tenant_key(&tenant, version, master.as_deref(), period);
                reply.send(made.await);
            }
            Message::MakeDataKey {
                place,
                tenant_key,
                reply,
            } => reply.send(state.make_data_key(&place, &tenant_key).await),
            Message::Open {
                place,
                key,
                tenant_key,
                reply,
            } => reply.send(state.open(&place, &key, tenant_key.as_ref()).await),
            Message::Rewrap { keys, to, reply } => reply.send(state.ring.rewrap(keys, &to).await),
            Message::RewrapTenantKey {
                tenant,
                key,
                to,
                reply,
            } => reply.send(state.ring.rewrap_tenant_key(&tenant, &key, &to).await),
            Message::NextMaster { current, reply } => {
                reply.send(state.ring.next_master(current.as_deref()).await);
            }
            Message::Settle { current, reply } => reply.send(state.ring.settle(current).await),
            Message::NextPeriod { current, reply } => {
                reply.send(state.ring.periods.next(current).await);
            }
            Message::SettlePeriod { current, reply } => {
                reply.send(state.ring.settle_period(current).await);
            }
        }
        Ok(())
    }
}

impl State {
    async fn make_data_key(
        &mut self,
        place: &Place,
        tenant_key: &WrappedTenantKey,
    ) -> Result<(WrappedDataKey, KeyBytes), VaultError> {
        if self.tombstones.holds(&place.tenant, &place.subject) {
            return Err(VaultError::Erased);
        }
        let made = self.ring.make_data_key(place, tenant_key).await;
        self.noted(place, made)
    }

    async fn open(
        &mut self,
        place: &Place,
        key: &WrappedDataKey,
        tenant_key: Option<&WrappedTenantKey>,
    ) -> Result<KeyBytes, VaultError> {
        if self.tombstones.holds(&place.tenant, &place.subject) {
            return Err(VaultError::Erased);
        }
        let opened = self.ring.open(place, key, tenant_key).await;
        self.noted(place, opened)
    }

    /// What does not unwrap is an incident; what cannot be asked now is none.
    fn noted<T>(&self, place: &Place, result: Result<T, VaultError>) -> Result<T, VaultError> {
        let kind = match &result {
            Err(VaultError::Sealed | VaultError::OtherPeriodKey) => IncidentKind::UnwrapFailed,
            Err(VaultError::OtherMasterKey) => IncidentKind::OtherMasterKey,
            _ => return result,
        };
        if let Ok(tenant) = Tenant::parse(&place.tenant) {
            let what = format!("plantao_keys.data_key version {}", place.version);
            self.incidents.tell(kind, &tenant, &what);
        }
        result
    }
}
