//! `PatientSession`: one patient's file while somebody works with it.
//!
//! Owns the opened records of one patient, in memory, and that patient's writes, which it makes one
//! after the other. Starts with the first access and stops by itself when nobody has used it for
//! [`IDLE_STOP`], watching included, and it holds no card that the records cannot give again. Lost
//! on restart: the memory, and nothing else; each read looks at the version in the database, so a
//! session that forgot, or one on another node, never answers with old data. Those who watched
//! learn of its end, and the next of them has the chart built again from the database
//! ([`super::watched`]). Restart class: transient under a dynamic supervisor, so that an idle stop
//! is final and a crash is not; one patient's crash touches no other patient.
//!
//! PHI: opened bodies. Purpose: care (LGPD Art. 11 II f); retention: until the idle stop; access:
//! the permit each request consumed; encryption: none in memory, wiped when dropped; audit: by the
//! caller, for each request.

use super::bedside::Bedside;
use super::cache::{Budget, Cache};
use super::card::{CardPlace, Held, HeldCard};
use super::seats::Seat;
use super::store::{Found, Loaded};
use super::watched::{FirstTurn, Turns, Watched};
use super::write::Write;
use super::{RecordError, RecordStore};
use crate::clock::WallClock;
use crate::database::Scope;
use plantao_schema::fhir::FhirType;
use plantao_schema::id::{PatientId, ResourceId};
use plantao_supervisors::{Envelope, Handle, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How long a session outlives its last use: a consultation pauses, a shift does not.
pub const IDLE_STOP: Duration = Duration::from_mins(15);

/// How often a session asks itself whether it is idle.
const IDLE_CHECK: Duration = Duration::from_mins(1);

/// The answer to who wants to watch.
pub(super) type Watching = Result<Option<watch::Receiver<Arc<Bedside>>>, RecordError>;

/// What a session is asked.
pub(super) enum Message {
    /// One record of the patient.
    Read(
        Scope,
        FhirType,
        ResourceId,
        Reply<Result<Found, RecordError>>,
    ),
    /// A bundle that concerns this patient alone.
    Write(Box<Write>),
    /// The patient's emergency card, read anew.
    Card(Scope, Reply<Result<Arc<HeldCard>, RecordError>>),
    /// The patient's bedside, from now on; nothing when nobody watches yet and the caller brings
    /// no turn to begin.
    Watch(Scope, Option<FirstTurn>, Reply<Watching>),
    /// It is time to see whether a change was missed.
    LookCameDue,
    /// Somebody else changed records of the patient.
    RecordsChanged,
    /// The patient was erased: nothing is remembered or shown any longer.
    Erased,
    /// Time has passed.
    ClockTicked,
}

/// The actor.
pub(super) struct PatientSession {
    pub(super) store: Arc<dyn RecordStore>,
    budget: Arc<Budget>,
    pub(super) clock: WallClock,
    pub(super) patient: PatientId,
    pub(super) own: Handle<Message>,
    pub(super) turns: Arc<Turns>,
    card: CardPlace,
}

/// What it owns.
pub(super) struct State {
    cache: Cache,
    last_used: Instant,
    pub(super) watched: Option<Watched>,
    pub(super) held: Held,
    ticker: JoinHandle<()>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.ticker.abort();
    }
}

impl PatientSession {
    /// A session for one patient, in their `seat`, whose memory counts against `budget` and whose
    /// rebuilds wait for their `turns`.
    pub(super) fn new(
        store: Arc<dyn RecordStore>,
        budget: Arc<Budget>,
        clock: WallClock,
        patient: PatientId,
        seat: &Seat,
        turns: Arc<Turns>,
    ) -> Self {
        Self {
            store,
            budget,
            clock,
            patient,
            own: seat.handle.clone(),
            turns,
            card: Arc::clone(&seat.card),
        }
    }
}

impl Actor for PatientSession {
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
                tokio::time::sleep(IDLE_CHECK).await;
                // Not taken when the session is busy, and then it is not idle.
                let _ = own.cast_repeatable(|| Message::ClockTicked);
            }
        });
        Ok(State {
            cache: Cache::new(Arc::clone(&self.budget)),
            last_used: Instant::now(),
            watched: None,
            held: Held::new(Arc::clone(&self.card)),
            ticker,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (message, _in_flight) = envelope.open();
        match message {
            Message::Read(scope, kind, id, reply) => {
                state.last_used = Instant::now();
                if !reply.is_abandoned() {
                    reply.send(self.read(&mut state.cache, &scope, kind, &id).await);
                }
            }
            Message::Write(write) => {
                state.last_used = Instant::now();
                state.cache.clear();
                self.write(state, *write).await;
            }
            Message::Card(scope, reply) => {
                state.last_used = Instant::now();
                if !reply.is_abandoned() {
                    reply.send(self.card(state, &scope).await);
                }
            }
            Message::Watch(scope, turn, reply) => {
                state.last_used = Instant::now();
                if !reply.is_abandoned() {
                    let watching = self.watch(state, scope, turn).await;
                    self.hold_watched(state);
                    reply.send(watching);
                }
            }
            Message::RecordsChanged => {
                state.cache.clear();
                state.held.fall_behind();
                if let Some(watched) = &mut state.watched {
                    watched.is_behind = true;
                }
                self.look_again(state).await;
            }
            Message::Erased => {
                state.cache.clear();
                state.watched = None;
                myself.stop(None);
            }
            Message::LookCameDue => self.look_again(state).await,
            Message::ClockTicked if state.is_watched() => state.last_used = Instant::now(),
            Message::ClockTicked => {
                let is_idle = state.last_used.elapsed() >= IDLE_STOP;
                self.settle_held(state, is_idle).await;
                if is_idle && state.held.is_empty() {
                    myself.stop(None);
                }
            }
        }
        Ok(())
    }
}

impl State {
    fn is_watched(&self) -> bool {
        self.watched.as_ref().is_some_and(Watched::has_watchers)
    }
}

impl PatientSession {
    /// Stores, answers, and shows what was stored to whoever watches.
    async fn write(&self, state: &mut State, write: Write) {
        let (bundle, at) = (Arc::clone(&write.bundle), write.at);
        let effect = write.perform(&*self.store).await;
        if let Some(watched) = &mut state.watched {
            self.written(watched, &bundle, effect, at).await;
            self.hold_watched(state);
        } else {
            Self::written_unwatched(state, &bundle, &effect);
        }
    }

    /// Looks for what was missed, for as long as anybody watches; what nobody watches is let go.
    async fn look_again(&self, state: &mut State) {
        match &mut state.watched {
            Some(watched) if watched.has_watchers() => {
                self.look(watched).await;
                self.hold_watched(state);
            }
            _ => state.watched = None,
        }
    }

    /// One record; also when nothing more may be remembered, which costs time and no answer.
    pub(super) async fn read(
        &self,
        cache: &mut Cache,
        scope: &Scope,
        kind: FhirType,
        id: &ResourceId,
    ) -> Result<Found, RecordError> {
        let known = cache.recall(kind, id).map(|stored| stored.version);
        let found = match self.store.load(scope, kind, id, known).await? {
            None => {
                cache.forget(kind, id);
                return Err(RecordError::NotFound);
            }
            Some(Loaded::Unchanged) => cache
                .recall(kind, id)
                .ok_or(RecordError::Internal)?
                .found(kind)?,
            Some(Loaded::Newest(stored)) => {
                let found = stored.found(kind)?;
                if stored.patient.as_ref() == Some(&self.patient) {
                    cache.remember(kind, stored);
                }
                found
            }
        };
        // Another patient's record is not in this file, whatever its id.
        if found.patient.as_ref() == Some(&self.patient) {
            Ok(found)
        } else {
            Err(RecordError::NotFound)
        }
    }
}
