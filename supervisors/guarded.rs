//! The actor that every supervised actor runs inside.
//!
//! It types panics where they happen, and it owns the actor's state: ractor would hand the state
//! of an ended actor to its supervisor, which would then drop it, slowly or panicking, in its
//! own loop and after the restart. Here the state dies in the actor's own task, and the life
//! token after it, so that the end of the token means that everything is gone.

use futures_util::FutureExt;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::exit::{ExitReason, Panicked};
use crate::incarnation::Life;

type Outcome<T> = Result<T, ActorProcessingErr>;

/// An actor, its state and its life; fields are dropped in this order.
pub(crate) struct Guarded<A: Actor> {
    state: Mutex<Option<A::State>>,
    actor: A,
    _life: Arc<Life>,
}

/// Starts `actor`, linked to `parent` if there is one.
///
/// It has no name: names live in a registry of the whole process.
pub(crate) async fn spawn<A: Actor>(
    actor: A,
    arguments: A::Arguments,
    life: Arc<Life>,
    parent: Option<ActorCell>,
) -> Result<(ActorRef<A::Msg>, JoinHandle<()>), String> {
    let guarded = Guarded {
        state: Mutex::new(None),
        actor,
        _life: life,
    };
    let spawned = match parent {
        Some(parent) => Actor::spawn_linked(None, guarded, arguments, parent).await,
        None => Actor::spawn(None, guarded, arguments).await,
    };
    spawned.map_err(|error| match error {
        SpawnErr::StartupFailed(error) => ExitReason::of_failure(error.as_ref()).to_string(),
        other => other.to_string(),
    })
}

async fn typed<T>(callback: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    AssertUnwindSafe(callback)
        .catch_unwind()
        .await
        .unwrap_or_else(|payload| Err(Box::new(Panicked::of(payload))))
}

impl<A: Actor> Actor for Guarded<A> {
    type Msg = A::Msg;
    type State = ();
    type Arguments = A::Arguments;

    async fn pre_start(&self, myself: ActorRef<A::Msg>, arguments: A::Arguments) -> Outcome<()> {
        let state = typed(async { self.actor.pre_start(myself, arguments).await }).await?;
        *self.state.lock().await = Some(state);
        Ok(())
    }

    async fn post_start(&self, myself: ActorRef<A::Msg>, _: &mut ()) -> Outcome<()> {
        match self.state.lock().await.as_mut() {
            Some(state) => typed(async { self.actor.post_start(myself, state).await }).await,
            None => Ok(()),
        }
    }

    async fn post_stop(&self, myself: ActorRef<A::Msg>, _: &mut ()) -> Outcome<()> {
        match self.state.lock().await.as_mut() {
            Some(state) => typed(async { self.actor.post_stop(myself, state).await }).await,
            None => Ok(()),
        }
    }

    async fn handle(&self, myself: ActorRef<A::Msg>, message: A::Msg, _: &mut ()) -> Outcome<()> {
        match self.state.lock().await.as_mut() {
            Some(state) => typed(async { self.actor.handle(myself, message, state).await }).await,
            None => Ok(()),
        }
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<A::Msg>,
        event: SupervisionEvent,
        _: &mut (),
    ) -> Outcome<()> {
        match self.state.lock().await.as_mut() {
            Some(state) => {
                typed(async { self.actor.handle_supervisor_evt(myself, event, state).await }).await
            }
            None => Ok(()),
        }
    }
}
