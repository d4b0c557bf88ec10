//! The actor that every supervised actor runs inside.
//!
//! It types panics and errors where they happen and notes them in the life's token, and it sees
//! that the state dies in the actor's own task: ractor would hand the state of an ended actor to
//! its supervisor, which would then drop it, slowly or panicking, in its own loop.

use futures_util::FutureExt;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use crate::exit::{ExitReason, Ignore, Panicked};
use crate::life::{Outcome, Token};
use crate::pulse::Pulse;

type Answer<T> = Result<T, ActorProcessingErr>;

/// An actor and its life; fields are dropped in this order.
pub(crate) struct Guarded<A> {
    pub(crate) actor: A,
    pub(crate) pulse: Option<Arc<Pulse>>,
    pub(crate) token: Arc<Token>,
}

/// The actor's state, which holds the life as long as it is there.
pub(crate) struct Kept<S> {
    state: Option<S>,
    token: Option<Arc<Token>>,
}

impl<A: Actor> Guarded<A> {
    /// Starts it, linked to `supervisor` if there is one. It has no name: names live in a
    /// registry of the whole process.
    pub(crate) async fn spawn(
        self,
        arguments: A::Arguments,
        supervisor: Option<ActorCell>,
    ) -> Result<ActorRef<A::Msg>, ractor::SpawnErr> {
        let (actor, _) = match supervisor {
            Some(supervisor) => Actor::spawn_linked(None, self, arguments, supervisor).await?,
            None => Actor::spawn(None, self, arguments).await?,
        };
        Ok(actor)
    }

    async fn typed<T>(&self, callback: impl Future<Output = Answer<T>>) -> Answer<T> {
        let answer = AssertUnwindSafe(callback)
            .catch_unwind()
            .await
            .unwrap_or_else(|payload| Err(Box::new(Panicked::of(payload))));
        if let Err(error) = &answer {
            self.token.conclude(if error.is::<Ignore>() {
                Outcome::Ignored
            } else {
                Outcome::Reason(ExitReason::of_failure(error.as_ref()))
            });
        }
        answer
    }
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl<A: Actor> Actor for Guarded<A> {
    type Msg = A::Msg;
    type State = Kept<A::State>;
    type Arguments = A::Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<A::Msg>,
        arguments: A::Arguments,
    ) -> Answer<Kept<A::State>> {
        // The callback is called inside: it may panic before it gives a future.
        let state = self
            .typed(async { self.actor.pre_start(myself, arguments).await })
            .await?;
        Ok(Kept {
            state: Some(state),
            token: Some(Arc::clone(&self.token)),
        })
    }

    async fn post_start(&self, myself: ActorRef<A::Msg>, kept: &mut Kept<A::State>) -> Answer<()> {
        match &mut kept.state {
            Some(state) => {
                self.typed(async { self.actor.post_start(myself, state).await })
                    .await
            }
            None => Ok(()),
        }
    }

    async fn post_stop(&self, myself: ActorRef<A::Msg>, kept: &mut Kept<A::State>) -> Answer<()> {
        let Some(mut state) = kept.state.take() else {
            return Ok(());
        };
        let outcome = self
            .typed(async move {
                let outcome = self.actor.post_stop(myself, &mut state).await;
                drop(state);
                outcome
            })
            .await;
        if outcome.is_ok() {
            self.token.conclude(Outcome::Graceful);
        }
        kept.token = None;
        outcome
    }

    async fn handle(
        &self,
        myself: ActorRef<A::Msg>,
        message: A::Msg,
        kept: &mut Kept<A::State>,
    ) -> Answer<()> {
        let Some(state) = &mut kept.state else {
            return Ok(());
        };
        let _busy = self.pulse.as_deref().map(Pulse::beat);
        self.typed(async { self.actor.handle(myself, message, state).await })
            .await
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<A::Msg>,
        event: SupervisionEvent,
        kept: &mut Kept<A::State>,
    ) -> Answer<()> {
        match &mut kept.state {
            Some(state) => {
                self.typed(async { self.actor.handle_supervisor_evt(myself, event, state).await })
                    .await
            }
            None => Ok(()),
        }
    }
}
