//! `Pulse`: whether the database answers, felt twice a second.
//!
//! Pages show by it that what they show may be old. Owns the answer and nothing else; while it is
//! down the answer is no, because nobody knows. Lost on restart: nothing. Restart class: permanent.

use crate::database::Database;
use crate::pump::Pump;
use plantao_supervisors::{ChildSpec, Envelope, Handle, Limits};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Between an answer and the next question: with the deadline, a loss is on the page within two
/// seconds, of the three that it may take.
const EVERY: Duration = Duration::from_millis(500);

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(1);

/// The handle.
#[derive(Clone)]
pub struct Pulse {
    database: Database,
    handle: Handle<Message>,
    beats: Arc<watch::Sender<bool>>,
}

impl Pulse {
    /// A pulse that nobody feels yet.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            database,
            handle: Handle::new(Limits::in_flight(1)),
            beats: Arc::new(watch::Sender::new(false)),
        }
    }

    /// The actor, as a child named `pulse`.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        let parts = self.clone();
        ChildSpec::worker("pulse", &self.handle, move || (Feeler, parts.clone()))
    }

    /// Whether the database answers, and when that changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.beats.subscribe()
    }
}

enum Message {}

struct Feeler;

struct State {
    _pump: Pump,
    beats: Arc<watch::Sender<bool>>,
}

impl Drop for State {
    fn drop(&mut self) {
        tell(&self.beats, false);
    }
}

impl Actor for Feeler {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Pulse;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        pulse: Pulse,
    ) -> Result<State, ActorProcessingErr> {
        let (database, beats) = (pulse.database, Arc::clone(&pulse.beats));
        let feel = async move {
            loop {
                let answer = timeout(DEADLINE, database.ping()).await;
                tell(&beats, answer.is_ok_and(|answer| answer.is_ok()));
                tokio::time::sleep(EVERY).await;
            }
        };
        Ok(State {
            _pump: Pump::start(myself, feel),
            beats: pulse.beats,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match envelope.open().0 {}
    }
}

/// Whoever watches hears of changes alone.
fn tell(beats: &watch::Sender<bool>, now: bool) {
    beats.send_if_modified(|before| std::mem::replace(before, now) != now);
}
