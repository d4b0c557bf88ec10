//! Starting a child, in a task of its own, outside its supervisor's loop.
//!
//! A start that fails, is cancelled or takes too long leaves nothing running behind: the life's
//! token says so, and only once that is true.

use futures_util::FutureExt;
use ractor::{Actor, ActorCell, ActorId, SpawnErr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::AbortHandle;

use crate::context::{Readiness, StartContext};
use crate::core::{Key, Life, Rules};
use crate::exit::{ExitReason, Panicked};
use crate::guarded::Guarded;
use crate::handle::Place;
use crate::life::{News, Outcome, Report, Tenure, Token};
use crate::message::Envelope;
use crate::place::CommandBody;
use crate::planted::Planted;
use crate::post::Post;
use crate::pulse::Pulse;
use crate::slot::Slot;
use crate::station::{Station, drop_quietly};
use crate::supervisor::{Arguments, Message, Supervisor};

/// What a start needs from the supervisor.
pub(crate) struct Birth {
    pub(crate) token: Arc<Token>,
    pub(crate) post: Arc<Post>,
    pub(crate) id: Arc<str>,
    /// Lives of this child before this one, since its supervisor started.
    pub(crate) restarts: u32,
    pub(crate) awaits_readiness: bool,
    /// Who begins it may be held up by it, and saves a task.
    pub(crate) inline: bool,
    pub(crate) pulse: Option<Arc<Pulse>>,
    /// The child's own cell, if it is a supervisor.
    pub(crate) station: Option<Arc<Station>>,
}

impl Birth {
    /// For a life that the rules have begun: what it is started from, and with.
    pub(crate) fn prepare(
        rules: &mut Rules<Slot>,
        post: &Arc<Post>,
        above: &Arc<Token>,
        (key, life): (Key, Life),
    ) -> Option<(Arc<dyn Body>, Self)> {
        let is_held = !rules.soil.has(Planted::ChildrenLeft);
        let child = rules.child_mut(key)?;
        let (id, policy) = (Arc::clone(&child.id), &child.policy);
        let measured = policy.metered || policy.liveness.is_some();
        let slot = &mut child.payload;
        slot.equip(&post.station, &id, measured, policy.metered);
        let report = Report::Supervisor {
            post: Arc::clone(post),
            key,
            life,
        };
        let birth = Self {
            token: Token::new(report, is_held.then(|| Arc::clone(above))),
            post: Arc::clone(post),
            id,
            awaits_readiness: policy.awaits_readiness,
            inline: false,
            pulse: slot.pulse().cloned(),
            station: slot.station().cloned(),
            restarts: child.restarts(),
        };
        Some((Arc::clone(&child.payload.body), birth))
    }
}

/// A start that was begun.
pub(crate) enum Launch {
    /// It goes on in a task, which tells the supervisor.
    Task(AbortHandle),
    /// It is over. The token is that of the life, held until its end may be told; there is a
    /// cell unless nothing was started.
    Over(Option<Started>, Arc<Token>),
}

impl Launch {
    /// Takes note of how far the start of that life is by now.
    pub(crate) fn seat(self, station: &Station, life: (Key, Life)) {
        match self {
            Self::Task(launch) => station.seat_launch(life, launch),
            Self::Over(Some(Started { cell, up }), token) => {
                if let Some(cell) = station.seat_quietly(token.report(), cell, up) {
                    token.report().send(News::Spawned { cell, up });
                }
            }
            // The token tells.
            Self::Over(None, _) => {}
        }
    }
}

/// An actor whose `pre_start` returned.
pub(crate) struct Started {
    pub(crate) cell: ActorCell,
    pub(crate) up: bool,
}

/// What a child runs, with its types erased: started anew for every life.
pub(crate) trait Body: Send + Sync {
    fn launch(self: Arc<Self>, birth: Birth) -> Launch;

    /// The incarnation is gone: nobody reaches it any more.
    fn vacate(&self, actor: Option<ActorId>);

    /// Where callers meet it: the same for two handles of one child.
    fn seat(&self) -> Option<usize> {
        None
    }

    fn depth(&self) -> Option<usize> {
        None
    }

    fn oldest_age(&self) -> Option<Duration> {
        None
    }

    /// What has to be kept of a child that is never started again, without what it was started
    /// from.
    fn spent(&self) -> Arc<dyn Body>;

    /// It is about to be stopped by order.
    fn asked(&self) {}

    /// What it supervises, if it does.
    fn command(&self) -> Option<&CommandBody> {
        None
    }
}

/// An actor that does work.
pub(crate) struct WorkerBody<M, F> {
    pub(crate) place: Arc<Place<M>>,
    pub(crate) factory: F,
}

impl<A, M, F> Body for WorkerBody<M, F>
where
    A: Actor<Msg = Envelope<M>>,
    M: Send + 'static,
    F: Fn(&StartContext) -> (A, A::Arguments) + Send + Sync + 'static,
{
    fn launch(self: Arc<Self>, birth: Birth) -> Launch {
        let (token, above) = (Arc::clone(&birth.token), Arc::clone(&birth.post.station));
        if birth.inline {
            let mut start = Box::pin(start_worker(self, birth));
            // What is not over at once goes on in a task, which asks it again.
            let begun = catch_unwind(AssertUnwindSafe(|| (&mut start).now_or_never()));
            return match begun {
                Ok(Some(outcome)) => Launch::Over(outcome, token),
                Ok(None) => Launch::Task(attend(start, token, above)),
                // Something of the actor panicked when it was dropped.
                Err(payload) => {
                    let panic = ExitReason::Panic(Panicked::of(payload).0);
                    token.conclude(Outcome::Reason(panic));
                    drop_quietly(start);
                    Launch::Over(None, token)
                }
            };
        }
        Launch::Task(attend(start_worker(self, birth), token, above))
    }

    fn vacate(&self, actor: Option<ActorId>) {
        self.place.vacate(actor);
    }

    fn spent(&self) -> Arc<dyn Body> {
        Arc::new(SpentWorker(Arc::clone(&self.place)))
    }

    fn seat(&self) -> Option<usize> {
        Some(Arc::as_ptr(&self.place).addr())
    }

    fn depth(&self) -> Option<usize> {
        Some(self.place.depth())
    }

    fn oldest_age(&self) -> Option<Duration> {
        self.place.oldest_age()
    }
}

/// A worker that is up for the only time.
struct SpentWorker<M>(Arc<Place<M>>);

impl<M: Send + 'static> Body for SpentWorker<M> {
    fn launch(self: Arc<Self>, birth: Birth) -> Launch {
        unstartable(birth)
    }

    fn vacate(&self, actor: Option<ActorId>) {
        self.0.vacate(actor);
    }

    fn spent(&self) -> Arc<dyn Body> {
        Arc::new(Self(Arc::clone(&self.0)))
    }

    fn seat(&self) -> Option<usize> {
        Some(Arc::as_ptr(&self.0).addr())
    }

    fn depth(&self) -> Option<usize> {
        Some(self.0.depth())
    }

    fn oldest_age(&self) -> Option<Duration> {
        self.0.oldest_age()
    }
}

/// What it was started from is not kept; the start fails.
fn unstartable(birth: Birth) -> Launch {
    let reason = ExitReason::Error("a temporary child is started once".to_owned());
    birth.token.conclude(Outcome::Reason(reason));
    Launch::Over(None, birth.token)
}

/// Sees a start to its end in a task of its own, and tells the supervisor.
fn attend(
    start: impl Future<Output = Option<Started>> + Send + 'static,
    token: Arc<Token>,
    above: Arc<Station>,
) -> AbortHandle {
    let task = async move {
        if let Some(Started { cell, up }) = start.await
            && let Some(cell) = above.seat_quietly(token.report(), cell, up)
        {
            token.report().send(News::Spawned { cell, up });
        }
    };
    tokio::spawn(task).abort_handle()
}

async fn start_worker<A, M, F>(body: Arc<WorkerBody<M, F>>, birth: Birth) -> Option<Started>
where
    A: Actor<Msg = Envelope<M>>,
    M: Send + 'static,
    F: Fn(&StartContext) -> (A, A::Arguments) + Send + Sync + 'static,
{
    let Birth {
        token,
        post,
        id,
        restarts,
        awaits_readiness,
        pulse,
        ..
    } = birth;
    let disturbance = post.station.disturbance(&id);
    if let Some(disturbance) = &disturbance
        && !disturbance.lets_start().await
    {
        let reason = ExitReason::Error("the start was made to fail".to_owned());
        token.conclude(Outcome::Reason(reason));
        return None;
    }
    let readiness = Readiness::new(&token, awaits_readiness);
    let above = Arc::clone(post.station.path());
    let context = StartContext::new(above, id, restarts, readiness);
    let made = catch_unwind(AssertUnwindSafe(|| (body.factory)(&context)));
    let (actor, arguments) = match made {
        Ok(made) => made,
        Err(payload) => {
            let panic = ExitReason::Panic(Panicked::of(payload).0);
            token.conclude(Outcome::Reason(panic));
            return None;
        }
    };
    let hook = disturbance.as_ref().map(|one| one.hook());
    let guarded = Guarded {
        actor,
        pulse,
        disturbance,
        tenure: Tenure::new(Arc::clone(&token)),
    };
    let supervisor = post.mailbox.get_cell();
    match guarded.spawn(arguments, Some(supervisor)).await {
        Ok(actor) => {
            let cell = actor.get_cell();
            body.place.take(context.whereabouts(), actor, hook);
            let up = !awaits_readiness;
            Some(Started { cell, up })
        }
        Err(error) => {
            conclude_unstarted(&token, error);
            None
        }
    }
}

/// Notes why ractor started nothing, unless the callback said so itself.
fn conclude_unstarted(token: &Token, error: SpawnErr) {
    let reason = match error {
        SpawnErr::StartupFailed(error) => ExitReason::of_failure(error.as_ref()),
        other => ExitReason::Error(other.to_string()),
    };
    token.conclude(Outcome::Reason(reason));
}

/// Starts a supervisor; its children are still to come when this returns.
pub(crate) async fn start_supervisor(
    station: Arc<Station>,
    token: Arc<Token>,
    supervisor: Option<ActorCell>,
) {
    let guarded = Guarded {
        actor: Supervisor,
        pulse: None,
        disturbance: None,
        tenure: Tenure::new(Arc::clone(&token)),
    };
    let arguments = Arguments {
        station: Arc::clone(&station),
        token: Arc::clone(&token),
    };
    match guarded.spawn(arguments, supervisor).await {
        Ok(actor) => {
            let cell = actor.get_cell();
            token.report().send(News::Spawned { cell, up: false });
            // It fails only when the supervisor died already, which is reported by itself.
            let _ = station.send(Message::Boot);
        }
        Err(error) => conclude_unstarted(&token, error),
    }
}

/// Work that is one future, and over when that is.
pub(crate) struct TaskBody<F> {
    pub(crate) make: F,
    /// Set when it is stopped by order, so that its owner can tell that from a kill.
    pub(crate) asked: Arc<AtomicBool>,
}

impl<F, W> Body for TaskBody<F>
where
    F: Fn(&StartContext) -> W + Send + Sync + 'static,
    W: Future<Output = Result<(), ExitReason>> + Send + 'static,
{
    fn launch(self: Arc<Self>, birth: Birth) -> Launch {
        let readiness = Readiness::new(&birth.token, false);
        let above = Arc::clone(birth.post.station.path());
        let context = StartContext::new(above, birth.id, birth.restarts, readiness);
        let token = birth.token;
        let task = async move {
            // The task is up as soon as it runs, and its own abort handle is what stops it.
            token.report().send(News::Up);
            let work = async { (self.make)(&context).await };
            let reason = match AssertUnwindSafe(work).catch_unwind().await {
                Ok(Ok(())) => ExitReason::Normal,
                Ok(Err(reason)) => reason,
                Err(payload) => ExitReason::Panic(Panicked::of(payload).0),
            };
            token.conclude(Outcome::Reason(reason));
        };
        Launch::Task(tokio::spawn(task).abort_handle())
    }

    fn vacate(&self, _: Option<ActorId>) {}

    fn spent(&self) -> Arc<dyn Body> {
        Arc::new(SpentTask(Arc::clone(&self.asked)))
    }

    fn asked(&self) {
        self.asked.store(true, Ordering::Release);
    }
}

/// A task that runs for the only time.
struct SpentTask(Arc<AtomicBool>);

impl Body for SpentTask {
    fn launch(self: Arc<Self>, birth: Birth) -> Launch {
        unstartable(birth)
    }

    fn vacate(&self, _: Option<ActorId>) {}

    fn spent(&self) -> Arc<dyn Body> {
        Arc::new(Self(Arc::clone(&self.0)))
    }

    fn asked(&self) {
        self.0.store(true, Ordering::Release);
    }
}
