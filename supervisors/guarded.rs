//! The actor that every supervised actor runs inside.
//!
//! It types panics and errors where they happen and notes them in the life's token, and it sees
//! that the state dies in the actor's own task: ractor would hand the state of an ended actor to
//! its supervisor, which would then drop it, slowly or panicking, in its own loop.
//!
//! Its callbacks are no `async fn`s around the actor's: ractor boxes one processing loop per
//! actor, sized for all that a callback may hold, and nesting would hold everything twice.

use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::core::{Key, Life};
use crate::exit::{ExitReason, Ignore, Panicked};
use crate::fault::Disturbance;
use crate::life::{Outcome, Report, Tenure, Token};
use crate::pulse::Pulse;
use crate::revival;

type Answer<T> = Result<T, ActorProcessingErr>;
type Payload = Box<dyn std::any::Any + Send>;

/// An actor and its life; fields are dropped in this order.
pub(crate) struct Guarded<A> {
    pub(crate) actor: A,
    pub(crate) pulse: Option<Arc<Pulse>>,
    pub(crate) disturbance: Option<Arc<Disturbance>>,
    pub(crate) tenure: Tenure,
}

/// The actor's state, which holds the life as long as it is there. Dropped in this order.
pub(crate) struct Kept<S> {
    state: Option<S>,
    disturbance: Option<Arc<Disturbance>>,
    tenure: Option<Tenure>,
    /// It has handled nothing yet.
    is_new: bool,
}

/// Tells a supervisor whose end it is that ractor tells of. Why, it heard already.
#[derive(Debug, thiserror::Error)]
#[error("the actor failed")]
pub(crate) struct Failed {
    pub(crate) key: Key,
    pub(crate) life: Life,
}

/// The error of an actor of whose end ractor tells nobody.
#[derive(Debug, thiserror::Error)]
#[error("the actor failed")]
struct Left;

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

    /// Sees a callback of the actor to its end. It was called already, and may have panicked
    /// before it gave a future.
    fn guard<'a, T, W>(
        &'a self,
        called: Result<W, Payload>,
    ) -> impl Future<Output = Answer<T>> + Send + use<'a, T, W, A>
    where
        T: Send,
        W: Future<Output = Answer<T>> + Send,
    {
        match called {
            Ok(future) => {
                let future = AssertUnwindSafe(future).catch_unwind();
                Either::Left(future.map(|answer| self.note(answer)))
            }
            Err(payload) => Either::Right(ready(self.note(Err(payload)))),
        }
    }

    fn note<T>(&self, answer: Result<Answer<T>, Payload>) -> Answer<T> {
        let answer = answer.unwrap_or_else(|payload| Err(Box::new(Panicked::of(payload))));
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        // The text is the author's, and may panic itself.
        let reason = call(|| ExitReason::of_failure(error.as_ref()));
        let panic = |payload| ExitReason::Panic(Panicked::of(payload).0);
        self.conclude(Outcome::Reason(reason.unwrap_or_else(panic)));
        match self.tenure.token().map(Token::report) {
            Some(&Report::Supervisor {
                ref post,
                key,
                life,
            }) => {
                if revival::leave(post, key, life) {
                    return Err(Box::new(Left));
                }
                Err(Box::new(Failed { key, life }))
            }
            Some(Report::Root(_)) | None => Err(error),
        }
    }

    /// What comes before a message is handled; false when the handler is made to panic.
    fn before_handling(&self, is_new: bool) -> impl Future<Output = bool> + Send + use<A> {
        let way = GiveWay(is_new);
        match self.disturbance.clone() {
            None => Either::Left(way.map(|()| true)),
            Some(disturbance) => Either::Right(Box::pin(async move {
                way.await;
                disturbance.lets_handle().await
            })),
        }
    }

    fn conclude(&self, outcome: Outcome) {
        if let Some(token) = self.tenure.token() {
            token.conclude(outcome);
        }
    }

    async fn start(
        &self,
        myself: ActorRef<A::Msg>,
        arguments: A::Arguments,
    ) -> Answer<Kept<A::State>> {
        let started = call(|| self.actor.pre_start(myself, arguments));
        let started = started.map(|start| {
            start.inspect(|answer| {
                if answer.as_ref().is_err_and(|error| error.is::<Ignore>()) {
                    self.conclude(Outcome::Ignored);
                }
            })
        });
        let state = self.guard(started).await?;
        Ok(Kept {
            state: Some(state),
            disturbance: self.disturbance.clone(),
            tenure: Some(self.tenure.clone()),
            is_new: true,
        })
    }

    async fn stop(&self, myself: ActorRef<A::Msg>, kept: &mut Kept<A::State>) -> Answer<()> {
        let Some(mut state) = kept.state.take() else {
            return Ok(());
        };
        let outcome = self
            .guard(Ok(async move {
                let outcome = self.actor.post_stop(myself, &mut state).await;
                drop(state);
                outcome
            }))
            .await;
        if outcome.is_ok() {
            self.conclude(Outcome::Graceful);
        }
        kept.disturbance = None;
        kept.tenure = None;
        outcome
    }
}

/// Lets whoever waits for this thread go first, if true.
///
/// An actor that comes up wakes its supervisor, which tokio then runs next, and only on the same
/// thread: a first message that blocks the thread would hold the supervisor up with it.
struct GiveWay(bool);

impl Future for GiveWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.0) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

fn panic_unless(lets_handle: bool) {
    if !lets_handle {
        // Caught at once, and nobody's report is of use.
        std::panic::resume_unwind(Box::new("the handler was made to panic"));
    }
}

fn call<W>(callback: impl FnOnce() -> W) -> Result<W, Payload> {
    catch_unwind(AssertUnwindSafe(callback))
}

#[cfg(not(feature = "async-trait"))]
impl<A: Actor> Actor for Guarded<A> {
    type Msg = A::Msg;
    type State = Kept<A::State>;
    type Arguments = A::Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<A::Msg>,
        arguments: A::Arguments,
    ) -> Answer<Kept<A::State>> {
        self.start(myself, arguments).await
    }

    fn post_start(
        &self,
        myself: ActorRef<A::Msg>,
        kept: &mut Kept<A::State>,
    ) -> impl Future<Output = Answer<()>> + Send {
        match &mut kept.state {
            Some(state) => {
                Either::Left(self.guard(call(move || self.actor.post_start(myself, state))))
            }
            None => Either::Right(ready(Ok(()))),
        }
    }

    async fn post_stop(&self, myself: ActorRef<A::Msg>, kept: &mut Kept<A::State>) -> Answer<()> {
        self.stop(myself, kept).await
    }

    fn handle(
        &self,
        myself: ActorRef<A::Msg>,
        message: A::Msg,
        kept: &mut Kept<A::State>,
    ) -> impl Future<Output = Answer<()>> + Send {
        let way = self.before_handling(std::mem::take(&mut kept.is_new));
        match &mut kept.state {
            Some(state) => Either::Left(way.then(move |lets_handle| {
                let busy = self.pulse.as_deref().map(Pulse::beat);
                let called = call(move || {
                    panic_unless(lets_handle);
                    self.actor.handle(myself, message, state)
                });
                self.guard(called).inspect(move |_| drop(busy))
            })),
            None => Either::Right(ready(Ok(()))),
        }
    }

    fn handle_supervisor_evt(
        &self,
        myself: ActorRef<A::Msg>,
        event: SupervisionEvent,
        kept: &mut Kept<A::State>,
    ) -> impl Future<Output = Answer<()>> + Send {
        match &mut kept.state {
            Some(state) => {
                let called = call(move || self.actor.handle_supervisor_evt(myself, event, state));
                Either::Left(self.guard(called))
            }
            None => Either::Right(ready(Ok(()))),
        }
    }
}

#[cfg(feature = "async-trait")]
#[ractor::async_trait]
impl<A: Actor> Actor for Guarded<A> {
    type Msg = A::Msg;
    type State = Kept<A::State>;
    type Arguments = A::Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<A::Msg>,
        arguments: A::Arguments,
    ) -> Answer<Kept<A::State>> {
        self.start(myself, arguments).await
    }

    async fn post_start(&self, myself: ActorRef<A::Msg>, kept: &mut Kept<A::State>) -> Answer<()> {
        match &mut kept.state {
            Some(state) => {
                self.guard(call(|| self.actor.post_start(myself, state)))
                    .await
            }
            None => Ok(()),
        }
    }

    async fn post_stop(&self, myself: ActorRef<A::Msg>, kept: &mut Kept<A::State>) -> Answer<()> {
        self.stop(myself, kept).await
    }

    async fn handle(
        &self,
        myself: ActorRef<A::Msg>,
        message: A::Msg,
        kept: &mut Kept<A::State>,
    ) -> Answer<()> {
        let way = self.before_handling(std::mem::take(&mut kept.is_new));
        let lets_handle = way.await;
        let _busy = self.pulse.as_deref().map(Pulse::beat);
        match &mut kept.state {
            Some(state) => {
                let called = call(|| {
                    panic_unless(lets_handle);
                    self.actor.handle(myself, message, state)
                });
                self.guard(called).await
            }
            None => Ok(()),
        }
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<A::Msg>,
        event: SupervisionEvent,
        kept: &mut Kept<A::State>,
    ) -> Answer<()> {
        match &mut kept.state {
            Some(state) => {
                let called = call(|| self.actor.handle_supervisor_evt(myself, event, state));
                self.guard(called).await
            }
            None => Ok(()),
        }
    }
}
