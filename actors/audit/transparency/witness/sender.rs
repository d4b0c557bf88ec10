//! `Witnesses`: the actor that takes checkpoints to the witnesses and brings their signatures back.
//!
//! Owns a task for each witness. Refuses to hold anything up: signing and shipping go on whatever a
//! witness does, and one that is slow or gone costs the others nothing. A witness that has signed
//! another history than this node's is told loudly: either this node's trail was rewritten, or
//! somebody signs with its keys elsewhere.
//!
//! Lost on restart: how far each witness is, which it says itself. Restart class: permanent.

use super::super::keys::NoteError;
use super::super::ship::Shipping;
use super::super::store::{Growth, LogSession};
use super::super::tiles;
use super::cosignature::{CosignerKey, check_cosigned};
use super::request::AddCheckpoint;
use crate::audit::trail::TrailStore;
use crate::database::DatabaseError;
use crate::pump::Pump;
use dashmap::DashMap;
use futures_util::future::{BoxFuture, join_all};
use plantao_schema::audit::Hash;
use plantao_schema::audit::merkle::{Tiles, consistency_tiles, prove_consistency};
use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::Serialize;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Between two rounds to one witness: it sees each log so often at most.
const EVERY: Duration = Duration::from_secs(5);
/// After a failure, and how long that grows to.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How long one witness may take over one request.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a witness answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// Its signature lines.
    Cosigned(String),
    /// It has signed a log of that length.
    Conflict(u64),
    /// It will not, with this status.
    Refused(u16),
}

/// Why a witness gave no answer, or none that helps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// It cannot be reached.
    #[error("it cannot be reached: {reason}")]
    Unreachable {
        /// What the network said.
        reason: String,
    },
    /// It answered too late.
    #[error("no answer in {after:?}")]
    Late {
        /// The deadline.
        after: Duration,
    },
    /// It answered what no witness answers.
    #[error("it answered no signature of its own: {0}")]
    Answer(#[from] NoteError),
    /// It refused.
    #[error("it refused with status {status}: does it know the keys of this node's logs?")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// It signed another history.
    #[error("it has cosigned {theirs} entries where {ours} are there, or others of them")]
    OtherHistory {
        /// How many it signed.
        theirs: u64,
        /// How many there are.
        ours: u64,
    },
    /// The database gave no proof.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The way to one witness: the network, handed in from outside.
pub trait WitnessClient: Send + Sync + 'static {
    /// `POST /add-checkpoint` with this body.
    fn add_checkpoint(&self, body: String) -> BoxFuture<'_, Result<WitnessAnswer, WitnessError>>;
}

/// One witness.
#[derive(Clone)]
pub struct Witness {
    /// What checks its signatures.
    pub key: CosignerKey,
    /// The way to it.
    pub client: Arc<dyn WitnessClient>,
}

/// How far a witness is with one log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WitnessState {
    /// The witness's name.
    pub witness: String,
    /// The chain.
    pub chain: String,
    /// How many entries it has cosigned; nothing before the first time.
    pub size: Option<u64>,
    /// The checkpoint with its signature.
    pub note: Option<String>,
    /// Why the last attempt came to nothing.
    pub failing: Option<String>,
}

type Newest = BTreeMap<String, (u64, String)>;

/// The handle. Clones share what is known.
#[derive(Clone)]
pub struct Witnesses {
    handle: Handle<Infallible>,
    witnesses: Arc<Vec<Witness>>,
    newest: Arc<watch::Sender<Newest>>,
    states: Arc<DashMap<(String, String), WitnessState>>,
    shipping: Shipping,
}

impl Witnesses {
    /// These witnesses; what they sign goes where `shipping` says as well.
    #[must_use]
    pub fn new(witnesses: Vec<Witness>, shipping: Shipping) -> Self {
        Self {
            handle: Handle::new(Limits::in_flight(1)),
            witnesses: Arc::new(witnesses),
            newest: Arc::new(watch::Sender::new(Newest::new())),
            states: Arc::default(),
            shipping,
        }
    }

    /// Nobody: there is no child to start then.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.witnesses.is_empty()
    }

    /// How far each witness is with each log, by name.
    #[must_use]
    pub fn states(&self) -> Vec<WitnessState> {
        let mut states: Vec<_> = self.states.iter().map(|one| one.value().clone()).collect();
        states.sort_by(|a, b| (&a.witness, &a.chain).cmp(&(&b.witness, &b.chain)));
        states
    }

    /// The actor, as a child named `witnesses`. `trail` gives what proofs are made of.
    #[must_use]
    pub fn child(&self, trail: Arc<dyn TrailStore>) -> ChildSpec {
        let parts = (self.clone(), trail);
        ChildSpec::worker("witnesses", &self.handle, move || (Sender, parts.clone()))
    }

    /// Notes a new checkpoint; whoever takes it to the witnesses finds it.
    pub(in super::super) fn offer(&self, growth: &Growth) {
        if !self.is_empty() {
            let newest = (growth.size, growth.note.clone());
            self.newest
                .send_modify(|all| drop(all.insert(growth.chain.clone(), newest)));
        }
    }
}

struct Sender;

impl Actor for Sender {
    type Msg = Envelope<Infallible>;
    type State = Pump;
    type Arguments = (Witnesses, Arc<dyn TrailStore>);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (witnesses, trail): Self::Arguments,
    ) -> Result<Pump, ActorProcessingErr> {
        let rounds = async move {
            let each = witnesses.witnesses.iter().map(|witness| Rounds {
                witness: witness.clone(),
                all: witnesses.clone(),
                trail: Arc::clone(&trail),
                known: BTreeMap::new(),
            });
            join_all(each.map(Rounds::run)).await;
        };
        Ok(Pump::start(myself, rounds))
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _state: &mut Pump,
    ) -> Result<(), ActorProcessingErr> {
        match envelope.open().0 {}
    }
}

/// The rounds to one witness.
struct Rounds {
    witness: Witness,
    all: Witnesses,
    trail: Arc<dyn TrailStore>,
    /// How long each log was when the witness last cosigned it.
    known: BTreeMap<String, u64>,
}

impl Rounds {
    async fn run(mut self) {
        let mut newest = self.all.newest.subscribe();
        newest.mark_changed();
        let (mut next, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            sleep_until(next).await;
            if newest.changed().await.is_err() {
                return;
            }
            next = Instant::now() + EVERY;
            let mut failed = false;
            let logs = newest.borrow_and_update().clone();
            for (chain, (size, note)) in logs {
                if self.known.get(&chain) == Some(&size) {
                    continue;
                }
                let cosigned = self.cosigned(&chain, size, &note).await;
                failed |= cosigned.is_err();
                self.told(&chain, size, cosigned).await;
            }
            if failed {
                sleep(pause).await;
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                newest.mark_changed();
            } else {
                pause = FIRST_PAUSE;
            }
        }
    }

    /// The checkpoint with the witness's signature.
    async fn cosigned(
        &mut self,
        chain: &str,
        size: u64,
        note: &str,
    ) -> Result<String, WitnessError> {
        let mut old = self.known.get(chain).copied().unwrap_or_default();
        let mut told = false;
        loop {
            let asked = AddCheckpoint {
                old,
                proof: self.proof(chain, old, size).await?,
                note: note.to_owned(),
            };
            let answer = self.witness.client.add_checkpoint(asked.to_text());
            let late = WitnessError::Late { after: DEADLINE };
            match timeout(DEADLINE, answer).await.map_err(|_| late)?? {
                WitnessAnswer::Cosigned(lines) => {
                    let note = format!("{note}{lines}");
                    check_cosigned(&note, &self.witness.key)?;
                    self.known.insert(chain.to_owned(), size);
                    return Ok(note);
                }
                // Told once how far it is, it has nothing to object to but another history.
                WitnessAnswer::Conflict(theirs) if told || theirs > size || theirs == old => {
                    return Err(WitnessError::OtherHistory { theirs, ours: size });
                }
                WitnessAnswer::Conflict(theirs) => (old, told) = (theirs, true),
                WitnessAnswer::Refused(422) => {
                    let (theirs, ours) = (old, size);
                    return Err(WitnessError::OtherHistory { theirs, ours });
                }
                WitnessAnswer::Refused(status) => return Err(WitnessError::Refused { status }),
            }
        }
    }

    async fn proof(&self, chain: &str, old: u64, size: u64) -> Result<Vec<Hash>, WitnessError> {
        let Ok(wanted) = consistency_tiles(old, size) else {
            return Ok(Vec::new());
        };
        let session = self.trail.sequence().await?;
        let session: &dyn LogSession = &*session;
        let mut tiles = Tiles::new();
        for one in wanted {
            let hashes = tiles::tile(session, chain, &one).await?;
            tiles.insert((one.level, one.index), hashes);
        }
        let proof = prove_consistency(old, size, &tiles);
        Ok(proof.map_err(|_| DatabaseError::Mismatch)?)
    }

    /// Keeps what came of it, and tells of changes.
    async fn told(&self, chain: &str, size: u64, cosigned: Result<String, WitnessError>) {
        let witness = self.witness.key.name().to_owned();
        let place = (witness.clone(), chain.to_owned());
        let before = self.all.states.get(&place).map(|one| one.value().clone());
        let was_failing = before.as_ref().is_some_and(|one| one.failing.is_some());
        let mut state = before.unwrap_or(WitnessState {
            witness: witness.clone(),
            chain: chain.to_owned(),
            size: None,
            note: None,
            failing: None,
        });
        match cosigned {
            Ok(note) => {
                if was_failing {
                    tracing::info!(witness, chain, "the witness cosigns again");
                }
                self.all
                    .shipping
                    .ship_cosigned(chain, &witness, &note)
                    .await;
                (state.size, state.note, state.failing) = (Some(size), Some(note), None);
            }
            Err(error) => {
                if matches!(error, WitnessError::OtherHistory { .. }) {
                    tracing::error!(witness, chain, %error,
                        "SECURITY: a witness has signed another history of the audit trail");
                } else if !was_failing {
                    tracing::warn!(witness, chain, %error, "the witness does not cosign");
                }
                state.failing = Some(error.to_string());
            }
        }
        self.all.states.insert(place, state);
    }
}
