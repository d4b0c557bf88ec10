//! The emergency card by itself, as a session holds it and as it is given out.
//!
//! A session that has read its patient's card goes on holding it, watched or not, and lays it where
//! emergency access finds it without a turn in the mailbox, which may be full of those who wait for
//! the database. It dies with the session, and the session does not stop for idleness while it
//! holds one that could not be read again. It is vouched for by what the session sees: its own
//! writes, the word of others and, while somebody watches, a look every few seconds. A card that
//! cannot be read anew is given out in an emergency alone, and says when it was right; an ordinary
//! read is told that the records are away.
//!
//! PHI: as in [`super::bedside`]; audit: by the caller, for each card.

use super::bedside::{Bedside, rebuilt};
use super::session::{Message, PatientSession, State};
use super::store::Recent;
use super::watched::{LOAD_DEADLINE, OTHER_TYPES, OTHERS};
use super::write::Effect;
use super::{RecordError, Records, guard};
use crate::aside::aside;
use crate::database::Scope;
use crate::policy::{CardEmergency, Permit};
use arc_swap::ArcSwapWeak;
use plantao_schema::emergency::EmergencyCard;
use plantao_schema::fhir::{Entry, FhirType, Transaction};
use plantao_schema::id::{PatientId, ResourceId};
use plantao_schema::time::Timestamp;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The longest that an ordinary reading of a card may take, waiting included.
pub const CARD_DEADLINE: Duration = Duration::from_secs(5);

/// How long an emergency waits for the records before it takes the card that is held.
pub const EMERGENCY_PATIENCE: Duration = Duration::from_secs(1);

/// How long the records are taken for lost once they were: emergencies do not wait meanwhile.
const LOST: Duration = Duration::from_secs(5);

/// How old a card may become that nobody watches, while the records are there to read it anew from:
/// what other nodes write is not heard of.
const HELD: Duration = Duration::from_mins(15);

/// One patient's emergency card, whose it is, and how far it can be trusted.
#[derive(Clone)]
pub struct HeldCard {
    /// Allergies, medication and conditions.
    pub card: Arc<EmergencyCard>,
    /// The name to address the patient by.
    pub name: Option<Arc<str>>,
    /// The date of birth as FHIR has it.
    pub birth_date: Option<Arc<str>>,
    /// When it was last known to be what the records say.
    pub as_of: Timestamp,
    /// How many records could not be opened and are missing.
    pub unreadable: usize,
    /// There are as many records or lines as there is room for: others may be missing.
    pub is_incomplete: bool,
    /// Something is known to have changed that is not on it.
    pub is_behind: bool,
    /// Since when the records do not answer: it is out of memory, and may have been changed.
    pub lost_since: Option<Instant>,
}

impl fmt::Debug for HeldCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldCard")
            .field("as_of", &self.as_of)
            .field("is_behind", &self.is_behind)
            .field("lost_since", &self.lost_since)
            .finish_non_exhaustive()
    }
}

impl HeldCard {
    fn of(bedside: &Bedside, as_of: Timestamp) -> Self {
        Self {
            card: Arc::clone(&bedside.card),
            name: bedside.name.clone(),
            birth_date: bedside.birth_date.clone(),
            as_of,
            unreadable: bedside.unreadable,
            is_incomplete: bedside.card_incomplete,
            is_behind: false,
            lost_since: bedside.storage_lost.then(Instant::now),
        }
    }

    /// Whether it is given out without being read anew.
    #[must_use]
    pub const fn is_from_memory(&self) -> bool {
        self.lost_since.is_some()
    }

    fn lost(&self) -> Self {
        Self {
            lost_since: self.lost_since.or_else(|| Some(Instant::now())),
            ..self.clone()
        }
    }
}

/// A card that may be given out, once that is written down.
#[derive(Debug)]
pub struct CardRead {
    /// The card.
    pub card: Arc<HeldCard>,
    /// When it was read in an emergency, the proof of that.
    pub emergency: Option<CardEmergency>,
}

/// Where a session lays its card: found as long as the session lives.
pub(super) type CardPlace = Arc<ArcSwapWeak<HeldCard>>;

/// The card in a session's hands.
pub(super) struct Held {
    place: CardPlace,
    card: Option<(Arc<HeldCard>, Scope, Instant)>,
}

impl Held {
    pub(super) const fn new(place: CardPlace) -> Self {
        Self { place, card: None }
    }

    fn lay(&mut self, card: HeldCard, scope: &Scope) -> Arc<HeldCard> {
        let card = Arc::new(card);
        self.place.store(Arc::downgrade(&card));
        self.card = Some((Arc::clone(&card), scope.clone(), Instant::now()));
        card
    }

    /// Lays it anew with a doubt on it, as old as it was.
    fn doubt(&mut self, doubt: impl FnOnce(&mut HeldCard)) {
        if let Some((card, ..)) = &mut self.card {
            doubt(Arc::make_mut(card));
            self.place.store(Arc::downgrade(card));
        }
    }

    /// Something changed that is not on it.
    pub(super) fn fall_behind(&mut self) {
        self.doubt(|card| card.is_behind = true);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.card.is_none()
    }
}

impl Records {
    /// The emergency card of a permit's patient: as the records have it, or in an emergency, when
    /// they do not answer, as the patient's live session holds it.
    ///
    /// # Errors
    /// [`RecordError`]: `NotFound` for a patient who does not exist; `Unavailable`, `Timeout` and
    /// `Overloaded` when it can be had from neither.
    pub async fn card(&self, permit: Permit) -> Result<CardRead, RecordError> {
        let patient = guard::card(&permit, self.shared.clock.now()).await?;
        let scope = Scope::of(&permit);
        if !permit.is_break_glass() {
            let reading = timeout(CARD_DEADLINE, self.fresh_card(&scope, &patient));
            let card = reading.await.unwrap_or(Err(RecordError::Timeout {
                after: CARD_DEADLINE,
            }))?;
            let emergency = None;
            return Ok(CardRead { card, emergency });
        }
        let card = self.card_at_once(&scope, &patient).await?;
        let emergency = permit.into_card_emergency();
        Ok(CardRead { card, emergency })
    }

    /// Within a second or so, from wherever it can be had.
    async fn card_at_once(
        &self,
        scope: &Scope,
        patient: &PatientId,
    ) -> Result<Arc<HeldCard>, RecordError> {
        let held = || self.shared.sessions.card(&scope.tenant, patient);
        let is_lost = |card: &Arc<HeldCard>| {
            let since = card.lost_since;
            since.is_some_and(|since| since.elapsed() < LOST)
        };
        if let Some(card) = held().filter(is_lost) {
            return Ok(card);
        }
        let reading = timeout(EMERGENCY_PATIENCE, self.fresh_card(scope, patient));
        match reading.await.unwrap_or(Err(RecordError::Timeout {
            after: EMERGENCY_PATIENCE,
        })) {
            Err(error) if error.is_transient() => {
                let card = held().ok_or(error)?;
                Ok(if card.is_from_memory() {
                    card
                } else {
                    Arc::new(card.lost())
                })
            }
            fresh => fresh,
        }
    }

    async fn fresh_card(
        &self,
        scope: &Scope,
        patient: &PatientId,
    ) -> Result<Arc<HeldCard>, RecordError> {
        self.exists(scope, patient).await?;
        let session = self.shared.sessions.started(&scope.tenant, patient).await?;
        let make = |reply| Message::Card(scope.clone(), reply);
        session.call(CARD_DEADLINE, make).await?
    }
}

impl PatientSession {
    /// The card as the records have it now, held from now on.
    pub(super) async fn card(
        &self,
        state: &mut State,
        scope: &Scope,
    ) -> Result<Arc<HeldCard>, RecordError> {
        match self.read_card(scope).await {
            Ok(card) => Ok(state.held.lay(card, scope)),
            Err(error) => {
                if error.is_transient() {
                    state.held.doubt(|card| *card = card.lost());
                }
                Err(error)
            }
        }
    }

    async fn read_card(&self, scope: &Scope) -> Result<HeldCard, RecordError> {
        let reading = self
            .store
            .recent(scope, &self.patient, &OTHER_TYPES, OTHERS);
        let now = self.clock.now();
        let others =
            timeout(LOAD_DEADLINE, reading)
                .await
                .unwrap_or(Err(RecordError::Timeout {
                    after: LOAD_DEADLINE,
                }))?;
        let known = |(kind, _): &(FhirType, _)| *kind == FhirType::Patient;
        if others.unreadable == 0 && !others.records.iter().any(known) {
            return Err(RecordError::NotFound);
        }
        let bedside = aside(move || rebuilt(&Recent::default(), &others, now)).await;
        let bedside = bedside.ok_or(RecordError::Internal)?;
        Ok(HeldCard::of(&bedside, now))
    }

    /// Holds the card of what is watched, as it stands.
    pub(super) fn hold_watched(&self, state: &mut State) {
        if let Some(watched) = &state.watched {
            let bedside = watched.shown();
            let mut card = HeldCard::of(&bedside, watched.verified_at);
            card.is_behind = watched.is_behind;
            state.held.lay(card, &watched.scope);
        }
    }

    /// Takes note of a write while nobody watches.
    pub(super) fn written_unwatched(state: &mut State, bundle: &Transaction, effect: &Effect) {
        let touches = bundle.entries.iter().any(|entry| match entry {
            Entry::Store { resource, .. } => resource.kind != FhirType::Observation,
            _ => true,
        });
        if touches && !matches!(effect, Effect::Nothing) {
            state.held.fall_behind();
        }
    }

    /// Lets a card go that nobody watches, once it is old or the session idle; not while the
    /// records are away, which is when somebody may need it.
    pub(super) async fn settle_held(&self, state: &mut State, is_idle: bool) {
        let Some((_, scope, since)) = &state.held.card else {
            return;
        };
        if !is_idle && since.elapsed() < HELD {
            return;
        }
        let id = ResourceId::parse(self.patient.as_str());
        let Ok(id) = id else { return };
        let sign = self.store.owner(scope, FhirType::Patient, &id).await;
        if sign.is_err_and(|error| error.is_transient()) {
            state.held.doubt(|card| *card = card.lost());
        } else {
            state.held.card = None;
        }
    }
}
