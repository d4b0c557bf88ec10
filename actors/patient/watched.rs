//! `Watched`: what a session holds while somebody watches its patient.
//!
//! The chart of recent vital signs and the emergency card, published as one [`Bedside`] to every
//! watcher. Both come from the database when the first watcher arrives; from then on the session's
//! own writes are taken from their bundle as soon as they are committed, and whatever else happens
//! to the patient's records is read anew:
//!
//! - a new Observation adds its readings; nothing is read, and of the chart only what changes is
//!   copied, and that only when a reader still holds the last one;
//! - a corrected Observation, a change of the card and a large bundle are read anew, at most once
//!   in [`RELOAD_PAUSE`], and on the whole node at most [`RELOADS_AT_ONCE`] at a time, as at most
//!   [`FIRST_LOADS_AT_ONCE`] begin at a time;
//! - what other writers stored is noticed by their word or, when that is lost, by a look at the
//!   names of what was stored lately, every [`LOOK_EVERY`]: a committed record is shown no later.
//!
//! When the database does not answer, the last bedside stays and says that its storage is lost;
//! reading is tried again with growing pauses until it works. The session goes on meanwhile: a
//! database that is away must not use up its supervisor's patience.
//!
//! PHI: as in [`super::bedside`].

use super::RecordError;
use super::bedside::{self, Bedside};
use super::seen::Seen;
use super::session::{Message, PatientSession, State};
use super::store::Recent;
use super::write::Effect;
use crate::aside::aside;
use crate::database::Scope;
use plantao_schema::fhir::{Entry, EntryOutcome, FhirType, Transaction};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{CallError, Handle};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Most Observations that a chart is rebuilt from: the whole window of every sign, each reading
/// an Observation of its own, and laboratory values between them. Signs that count for longer than
/// these reach back come besides.
const OBSERVATIONS: usize = 4_000;

/// Most records of each other type: a patient has tens, and after months in bed some hundred
/// prescriptions. Where there are more, the bedside says that its card is incomplete.
pub(super) const OTHERS: usize = 2_000;

/// What the name and the emergency card are made of.
pub(super) const OTHER_TYPES: [FhirType; 4] = [
    FhirType::Patient,
    FhirType::AllergyIntolerance,
    FhirType::MedicationRequest,
    FhirType::Condition,
];

/// Everything that is shown.
const SHOWN_TYPES: [FhirType; 5] = [
    FhirType::Patient,
    FhirType::AllergyIntolerance,
    FhirType::MedicationRequest,
    FhirType::Condition,
    FhirType::Observation,
];

/// The longest that one rebuild may take. The patient's reads and writes wait meanwhile.
pub(super) const LOAD_DEADLINE: Duration = Duration::from_secs(5);

/// How often a watched session looks whether it has missed something.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The longest that such a look may take.
const LOOK_DEADLINE: Duration = Duration::from_secs(2);

/// How far back it looks, in seconds: a record is dated when its write is sent and committed
/// before its deadlines of twenty seconds, perhaps by a node whose clock is behind.
const LOOK_BACK_S: i64 = 60;

/// At least so long between two rebuilds: a storm of corrections costs one a second.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

/// Most rebuilds at a time on one node, first ones not counted: a tenth of a second each, so that
/// monitors which correct where they should add leave the processor to others.
const RELOADS_AT_ONCE: usize = 2;

/// Most first loads at a time on one node: a ward that is opened asks for two hundred, of four
/// thousand records each, and must leave connections and memory to those who write.
const FIRST_LOADS_AT_ONCE: usize = 8;

/// The first pause before a rebuild that failed is tried again; it doubles.
const RETRY_MIN: Duration = Duration::from_millis(500);

/// The longest pause.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Before a message that found the mailbox full is sent again.
const SEND_AGAIN: Duration = Duration::from_millis(50);

/// Most entries of a bundle whose readings are taken on the reactor: less than a millisecond.
const TAKEN_AT_ONCE: usize = 64;

/// Whose turn it is to read a whole file, on one node.
pub(super) struct Turns {
    first: Arc<Semaphore>,
    again: Semaphore,
}

/// The right to one first load, until dropped.
pub(super) type FirstTurn = OwnedSemaphorePermit;

impl Default for Turns {
    fn default() -> Self {
        Self {
            first: Arc::new(Semaphore::new(FIRST_LOADS_AT_ONCE)),
            again: Semaphore::new(RELOADS_AT_ONCE),
        }
    }
}

impl Turns {
    /// A turn for a first load, in the order of asking. Waited for by who wants to watch, and not
    /// by the session: the patient's reads and writes go on meanwhile.
    pub(super) async fn first(&self) -> Result<FirstTurn, RecordError> {
        let turn = Arc::clone(&self.first).acquire_owned().await;
        // Nobody closes it.
        turn.map_err(|_| RecordError::Internal)
    }
}

/// What a session holds while it is watched. Dropping it tells every watcher.
pub(super) struct Watched {
    pub(super) scope: Scope,
    /// When the records last said what is shown.
    pub(super) verified_at: Timestamp,
    /// Something is known to have changed that is not shown.
    pub(super) is_behind: bool,
    bedside: watch::Sender<Arc<Bedside>>,
    seen: Seen,
    loaded_at: Instant,
    stale: bool,
    retry_after: Duration,
    again: Option<JoinHandle<()>>,
    ticker: JoinHandle<()>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.ticker.abort();
        if let Some(again) = &self.again {
            again.abort();
        }
    }
}

/// What a rebuild brings.
struct Loaded {
    at: Timestamp,
    bedside: Bedside,
    seen: Seen,
}

impl Watched {
    fn new(scope: Scope, loaded: Loaded, own: &Handle<Message>) -> Self {
        let own = own.clone();
        let ticker = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                // Not taken when the session is busy; the next one will be.
                let _ = own.cast_repeatable(|| Message::LookCameDue);
            }
        });
        Self {
            scope,
            verified_at: loaded.at,
            is_behind: false,
            bedside: watch::Sender::new(Arc::new(loaded.bedside)),
            seen: loaded.seen,
            loaded_at: Instant::now(),
            stale: false,
            retry_after: RETRY_MIN,
            again: None,
            ticker,
        }
    }

    /// Whether anybody watches.
    pub(super) fn has_watchers(&self) -> bool {
        self.bedside.receiver_count() > 0
    }

    /// What is shown.
    pub(super) fn shown(&self) -> Arc<Bedside> {
        Arc::clone(&self.bedside.borrow())
    }

    /// Shows what a rebuild brought.
    fn show(&mut self, loaded: Loaded) {
        self.verified_at = loaded.at;
        self.is_behind = false;
        self.seen = loaded.seen;
        self.loaded_at = Instant::now();
        self.stale = false;
        self.retry_after = RETRY_MIN;
        self.bedside.send_modify(|shown| {
            let revision = shown.revision + 1;
            *shown = Arc::new(Bedside {
                revision,
                ..loaded.bedside
            });
        });
    }

    /// Says that what is shown can no longer be vouched for, and looks again later.
    fn lost(&mut self, own: &Handle<Message>) {
        self.stale = true;
        self.bedside.send_if_modified(|shown| {
            let news = !shown.storage_lost;
            if news {
                let shown = Arc::make_mut(shown);
                shown.storage_lost = true;
                shown.revision += 1;
            }
            news
        });
        let after = self.retry_after;
        self.retry_after = RETRY_MAX.min(after * 2);
        self.look_after(after, own);
    }

    /// Sees to it that a look comes due, unless one is on its way.
    fn look_after(&mut self, after: Duration, own: &Handle<Message>) {
        if self.again.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let own = own.clone();
        self.again = Some(tokio::spawn(async move {
            tokio::time::sleep(after).await;
            while let Err(CallError::Overloaded { .. }) = own.cast(Message::LookCameDue) {
                tokio::time::sleep(SEND_AGAIN).await;
            }
        }));
    }

    /// Takes what this session itself has stored; false when that takes a rebuild as well.
    fn take(&mut self, bundle: &Transaction, outcomes: &[EntryOutcome], at: Timestamp) -> bool {
        if outcomes.len() > TAKEN_AT_ONCE {
            return false;
        }
        let (mut readings, mut whole) = (Vec::new(), true);
        for (entry, outcome) in bundle.entries.iter().zip(outcomes) {
            let (Entry::Store { resource, .. }, EntryOutcome::Stored { version, .. }) =
                (entry, outcome)
            else {
                continue;
            };
            // What a correction takes back is known to the records alone; what it says is not.
            whole &= resource.kind == FhirType::Observation && *version == 1;
            if resource.kind == FhirType::Observation {
                readings.extend(bedside::readings(&resource.body, at));
            }
            self.seen.note(resource.kind, &resource.id, *version, at);
        }
        self.bedside.send_if_modified(|shown| {
            // Copied only when a reader holds it.
            let shown = Arc::make_mut(shown);
            let mut news = false;
            for reading in readings {
                news |= bedside::is_news(shown.chart.take(reading));
            }
            shown.revision += u64::from(news);
            news
        });
        whole
    }
}

impl PatientSession {
    /// Joins those who watch, or begins to when it is the caller's turn for that; nothing when the
    /// caller has to wait for its turn first.
    pub(super) async fn watch(
        &self,
        state: &mut State,
        scope: Scope,
        turn: Option<FirstTurn>,
    ) -> Result<Option<watch::Receiver<Arc<Bedside>>>, RecordError> {
        if let Some(watched) = state.watched.as_mut().filter(|one| one.has_watchers()) {
            watched.scope = scope;
            return Ok(Some(watched.bedside.subscribe()));
        }
        // Nobody watched meanwhile, so nobody looked for what was missed.
        state.watched = None;
        let Some(_turn) = turn else {
            return Ok(None);
        };
        let loaded = self.load(&scope).await?;
        let watched = state.watched.insert(Watched::new(scope, loaded, &self.own));
        Ok(Some(watched.bedside.subscribe()))
    }

    /// Takes what a write of this session did.
    pub(super) async fn written(
        &self,
        watched: &mut Watched,
        bundle: &Transaction,
        effect: Effect,
        at: Timestamp,
    ) {
        let whole = match effect {
            Effect::Nothing => true,
            Effect::Stored(outcomes) => watched.take(bundle, &outcomes, at),
            Effect::InDoubt => false,
        };
        if !whole {
            watched.is_behind = true;
            self.reload(watched).await;
        }
    }

    /// Looks whether something was stored that is not shown, and shows it.
    pub(super) async fn look(&self, watched: &mut Watched) {
        let now = self.clock.now();
        let since = now.plus_seconds(-LOOK_BACK_S);
        let stored = self
            .store
            .stored_since(&watched.scope, &self.patient, &SHOWN_TYPES, since);
        let Ok(Ok(stored)) = timeout(LOOK_DEADLINE, stored).await else {
            return watched.lost(&self.own);
        };
        watched.seen.forget_before(since.plus_seconds(-LOOK_BACK_S));
        watched.is_behind = !watched.seen.covers(&stored);
        if watched.stale || watched.is_behind {
            self.reload(watched).await;
        } else {
            watched.verified_at = now;
        }
    }

    /// Rebuilds what is shown, now or as soon as it may be.
    async fn reload(&self, watched: &mut Watched) {
        watched.stale = true;
        let pause = RELOAD_PAUSE.saturating_sub(watched.loaded_at.elapsed());
        if !pause.is_zero() {
            return watched.look_after(pause, &self.own);
        }
        let Ok(_turn) = self.turns.again.try_acquire() else {
            return watched.look_after(RELOAD_PAUSE, &self.own);
        };
        match self.load(&watched.scope).await {
            Ok(loaded) => watched.show(loaded),
            Err(error) => {
                tracing::warn!(%error, "a watched bedside was not read anew");
                watched.lost(&self.own);
            }
        }
    }

    async fn load(&self, scope: &Scope) -> Result<Loaded, RecordError> {
        let work = self.load_within(scope);
        timeout(LOAD_DEADLINE, work)
            .await
            .unwrap_or(Err(RecordError::Timeout {
                after: LOAD_DEADLINE,
            }))
    }

    async fn load_within(&self, scope: &Scope) -> Result<Loaded, RecordError> {
        let (store, patient) = (&*self.store, &self.patient);
        let now = self.clock.now();
        let since = now.plus_seconds(-2 * LOOK_BACK_S);
        let (observations, others) = futures_util::future::try_join(
            store.recent(scope, patient, &[FhirType::Observation], OBSERVATIONS),
            store.recent(scope, patient, &OTHER_TYPES, OTHERS),
        )
        .await?;
        let known = |(kind, _): &(FhirType, _)| *kind == FhirType::Patient;
        if others.unreadable == 0 && !others.records.iter().any(known) {
            return Err(RecordError::NotFound);
        }
        let rebuild = move || {
            let mut seen = Seen::default();
            note(&mut seen, &observations, since);
            note(&mut seen, &others, since);
            let bedside = bedside::rebuilt(&observations, &others, now);
            let at = now;
            Loaded { at, bedside, seen }
        };
        aside(rebuild).await.ok_or(RecordError::Internal)
    }
}

/// Remembers what of a rebuild was stored since.
fn note(seen: &mut Seen, recent: &Recent, since: Timestamp) {
    for (kind, stored) in &recent.records {
        if stored.updated_at >= since {
            seen.note(*kind, &stored.id, stored.version, stored.updated_at);
        }
    }
}
