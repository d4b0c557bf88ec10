//! `Viewer`: one WebSocket, for as long as somebody looks.
//!
//! Owns the connection, the viewer's standing and its place in the topic's frames. Lost on restart:
//! the connection, and so everything; the page connects again and resumes from the topic, which
//! knows nothing of its viewers. Restart class: temporary, because a connection cannot be started
//! again from this end. Killed, it closes nothing properly: the other end sees the connection
//! break, and says so.
//!
//! PHI: what passes through, unkept. Purpose: care (LGPD Art. 11 II f); retention: none; access:
//! the permit, decided anew while it lasts; encryption: TLS, by the front door; audit: the view
//! from its opening to its end, and each patient shown, once per window.

use crate::pump::Pump;
use plantao_supervisors::Envelope;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::time::Duration;
use tokio::sync::oneshot;

/// What an ordered stop gets to say goodbye and to complete the view's entry.
pub(super) const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// A viewer is asked nothing: it looks.
pub(super) enum Message {}

/// Starts the work of a viewer; told how to stop.
pub(super) type Start =
    Box<dyn FnOnce(ActorRef<Envelope<Message>>, oneshot::Receiver<()>) -> Pump + Send>;

/// The actor.
pub(super) struct Viewer;

/// What it owns.
pub(super) struct State {
    pump: Pump,
    stop: Option<oneshot::Sender<()>>,
}

impl Actor for Viewer {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Option<Start>;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        start: Option<Start>,
    ) -> Result<State, ActorProcessingErr> {
        let start = start.ok_or("a connection is served once")?;
        let (stop, stopped) = oneshot::channel();
        Ok(State {
            pump: start(myself, stopped),
            stop: Some(stop),
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

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(stop) = state.stop.take() {
            // Its work is done, and this the reason for the stop.
            let _ = stop.send(());
        }
        state.pump.ended(STOP_PATIENCE).await;
        Ok(())
    }
}
