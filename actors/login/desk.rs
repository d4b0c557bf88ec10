//! `LogInDesk`: owns what log-ins remember: one-time codes, addresses, and the table of ended
//! sessions that decisions read.
//!
//! Lost on restart: codes (ask for another link), counts of addresses, and the table, which is read
//! again for every tenant that was asked for; until then sessions of that tenant are denied,
//! emergencies excepted. Without a database it stays up and tries again twice a second. Assumes a
//! permanent restart.

use super::codes::{CodeHash, Codes};
use super::peers::Peers;
use super::store::LogInStore;
use super::{Identity, LogInError, sessions};
use crate::clock::WallClock;
use crate::database::Scope;
use crate::policy::{Ended, News, Owned, Shelf};
use plantao_schema::id::{SessionId, Tenant};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Envelope, Handle, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// The longest that a table may load: whoever logs in waits behind it.
const LOAD_DEADLINE: Duration = Duration::from_secs(1);

/// Until a queued load is given up on; the loader asks again.
const CALL_DEADLINE: Duration = Duration::from_secs(5);

/// Between two sweeps of a tenant's part: decisions wait for one, and it may be long.
const SWEEP_EVERY_SECONDS: i64 = 60;

/// What the desk is asked and told.
pub(super) enum Message {
    /// Look at an attempt from this address.
    Admit {
        peer: IpAddr,
        reply: Reply<Result<(), LogInError>>,
    },
    /// The attempt was not refused.
    LoggedIn { peer: IpAddr },
    /// Keep a code.
    Offer {
        hash: CodeHash,
        identity: Box<Identity>,
        session: Option<SessionId>,
        reply: Reply<Result<(), LogInError>>,
    },
    /// Take a code.
    Redeem {
        hash: CodeHash,
        reply: Reply<Result<Identity, LogInError>>,
    },
    /// A tenant was asked for.
    Load { tenant: Tenant, reply: Reply<bool> },
    /// A session was ended.
    SessionEnded {
        news: News<Ended>,
        tenant: Tenant,
        session: SessionId,
        until: Timestamp,
        reply: Option<Reply<()>>,
    },
}

/// What the desk works with.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) store: Arc<dyn LogInStore>,
    pub(super) clock: WallClock,
    pub(super) shelf: Shelf<Ended>,
    pub(super) handle: Handle<Message>,
}

pub(super) struct LogInDesk;

pub(super) struct State {
    parts: Parts,
    table: Owned<Ended>,
    codes: Codes,
    peers: Peers,
    /// When a tenant's part of the table was last rid of what is over; tenants as in the table.
    swept: HashMap<Tenant, Timestamp>,
    loading: JoinHandle<()>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.loading.abort();
    }
}

impl Actor for LogInDesk {
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
            codes: Codes::default(),
            peers: Peers::default(),
            swept: HashMap::new(),
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
        let now = Instant::now();
        match message {
            Message::Admit { peer, reply } => reply.send(state.peers.admit(peer, now)),
            Message::LoggedIn { peer } => state.peers.forgive(peer),
            Message::Offer {
                hash,
                identity,
                session,
                reply,
            } => reply.send(state.codes.offer(hash, *identity, session, now)),
            Message::Redeem { hash, reply } => {
                // Whoever stopped waiting has not used it.
                if !reply.is_abandoned() {
                    reply.send(state.codes.redeem(&hash, now));
                }
            }
            Message::Load { tenant, reply } => reply.send(state.load(tenant).await),
            Message::SessionEnded {
                news,
                tenant,
                session,
                until,
                reply,
            } => {
                state.end(&tenant, session, until);
                news.taken_in();
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
        let read = self.parts.store.ended(&scope, self.parts.clock.now());
        match timeout(LOAD_DEADLINE, read).await {
            Ok(Ok(ended)) => self.table.load(scope.tenant, ended, since),
            Ok(Err(error)) => {
                tracing::debug!(%error, "ended sessions are not loaded yet");
                false
            }
            Err(_) => false,
        }
    }

    fn end(&mut self, tenant: &Tenant, session: SessionId, until: Timestamp) {
        self.codes.forget(tenant, &session);
        let now = self.parts.clock.now();
        self.table.change(tenant, |ended| {
            let swept = self.swept.entry(tenant.clone()).or_insert(now);
            if now >= swept.plus_seconds(SWEEP_EVERY_SECONDS) {
                *swept = now;
                let kept = now.plus_seconds(-sessions::KEPT_SECONDS);
                ended.retain(|_, until| *until >= kept);
            }
            let known = ended.get(&session).copied();
            let until = known.map_or(until, |known| known.max(until));
            ended.insert(session, until) != Some(until)
        });
    }
}
