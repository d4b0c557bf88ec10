//! Starting a child, outside its supervisor's loop and under a time limit.
//!
//! A start that fails, is cancelled or takes too long leaves nothing running behind, and says so
//! only once that is true; what cannot be ended is reported as overdue.

use ractor::{Actor, ActorCell};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::dynamic::{DynamicMessage, DynamicSupervisor};
use crate::exit::{ExitReason, Panicked};
use crate::guarded;
use crate::handle::Place;
use crate::incarnation::{End, GRACE, Incarnation, Leash, Life, Owned};
use crate::message::Envelope;
use crate::node::Node;
use crate::spec::{Body, Plan, SupervisorSpec};
use crate::supervisor::{Supervisor, SupervisorArguments, SupervisorMessage};

/// What a start needs from the supervisor.
pub(crate) struct Birth {
    pub(crate) node: Arc<Node>,
    pub(crate) life: Arc<Life>,
    pub(crate) parent: Option<ActorCell>,
    pub(crate) failure: Arc<OnceLock<StartFailure>>,
}

/// Who did not come up, which may be a node further below, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StartFailure {
    pub(crate) path: String,
    pub(crate) detail: String,
}

impl StartFailure {
    pub(crate) fn new(node: &Node, detail: String) -> Self {
        Self {
            path: node.path().to_string(),
            detail,
        }
    }

    /// As the reason of the node at `path`, which names the failing node when it is another.
    pub(crate) fn reason(&self, path: &str) -> ExitReason {
        ExitReason::StartFailed(if self.path == path {
            self.detail.clone()
        } else {
            format!("`{}`: {}", self.path, self.detail)
        })
    }
}

/// An actor whose `pre_start` returned.
pub(crate) struct Born {
    pub(crate) actor: ActorCell,
    pub(crate) leash: Leash,
    pub(crate) task: Owned<()>,
    /// Called once the incarnation is known to its supervisor: makes it reachable for callers, or
    /// lets a supervisor start its own children.
    pub(crate) seat: Box<dyn FnOnce() + Send>,
    /// A supervisor is up only once its children are.
    pub(crate) boot: Option<oneshot::Receiver<()>>,
}

/// How a start ended.
pub(crate) enum Launch {
    Born(
        Incarnation,
        Box<dyn FnOnce() + Send>,
        Option<oneshot::Receiver<()>>,
    ),
    Failed(StartFailure),
}

/// Runs one start to its end. `overdue` is called when it was given up but does not end.
pub(crate) async fn launch(
    plan: Plan,
    birth: Birth,
    mut end: End,
    cancelled: oneshot::Receiver<()>,
    overdue: impl FnOnce(StartFailure),
) -> Launch {
    let node = Arc::clone(&birth.node);
    // A supervisor's own limit covers its children too, and is kept by its parent's loop.
    let limit = match plan.body {
        Body::Supervisor(_) => None,
        Body::Worker(_) | Body::Dynamic(..) => plan.start_timeout,
    };
    let mut task = Owned(tokio::spawn(start(plan, birth)));
    let given_up = tokio::select! {
        biased;
        outcome = &mut task.0 => return settle(outcome, &node, end).await,
        () = order(cancelled) => "cancelled".to_owned(),
        detail = expiry(limit) => detail,
    };
    task.0.abort();
    let failure = StartFailure::new(&node, given_up);
    let outcome = match timeout(GRACE, &mut task.0).await {
        Ok(outcome) => outcome,
        Err(_) => {
            overdue(failure.clone());
            (&mut task.0).await
        }
    };
    match outcome {
        // It came up while it was being given up: its supervisor decides.
        Ok(Ok(_)) => settle(outcome, &node, end).await,
        Ok(Err(_)) | Err(_) => {
            end.wait().await;
            Launch::Failed(failure)
        }
    }
}

/// Resolves on the order to give up; a supervisor that is gone aborts this task instead.
async fn order(cancelled: oneshot::Receiver<()>) {
    if cancelled.await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn expiry(limit: Option<Duration>) -> String {
    match limit {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            format!("not up after `{limit:?}`")
        }
        None => std::future::pending().await,
    }
}

async fn settle(
    outcome: Result<Result<Born, String>, tokio::task::JoinError>,
    node: &Node,
    mut end: End,
) -> Launch {
    let detail = match outcome {
        Ok(Ok(born)) => {
            let Born {
                actor,
                leash,
                task,
                seat,
                boot,
            } = born;
            return Launch::Born(Incarnation::new(actor, leash, task, end), seat, boot);
        }
        Ok(Err(detail)) => detail,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => ExitReason::Panic(Panicked::of(payload).0).to_string(),
            Err(_) => ExitReason::Cancelled.to_string(),
        },
    };
    end.wait().await;
    Launch::Failed(StartFailure::new(node, detail))
}

async fn start(plan: Plan, birth: Birth) -> Result<Born, String> {
    match plan.body {
        Body::Worker(worker) => (worker.start)(birth).await,
        Body::Supervisor(spec) => supervisor(spec, birth).await,
        Body::Dynamic(handle, spec) => {
            let place = handle.place();
            let arguments = (
                Arc::clone(&place),
                spec,
                Arc::clone(&birth.node),
                birth.life.clone(),
            );
            let (actor, task) =
                guarded::spawn(DynamicSupervisor, arguments, birth.life, birth.parent).await?;
            Ok(Born {
                actor: actor.get_cell(),
                leash: Leash::supervisor(actor.clone(), DynamicMessage::Stop),
                task: Owned(task),
                seat: Box::new(move || place.take(actor)),
                boot: None,
            })
        }
    }
}

/// Starts a worker that `factory` makes and seats it at `place`.
pub(crate) async fn worker<A, M, F>(
    factory: Arc<F>,
    place: Arc<Place<M>>,
    birth: Birth,
) -> Result<Born, String>
where
    A: Actor<Msg = Envelope<M>>,
    M: Send + 'static,
    F: Fn() -> (A, A::Arguments) + Send + Sync + 'static,
{
    let path = birth.node.path();
    let (actor, arguments) = factory();
    let (actor, task) = guarded::spawn(actor, arguments, birth.life, birth.parent).await?;
    Ok(Born {
        actor: actor.get_cell(),
        leash: Leash::worker(actor.get_cell()),
        task: Owned(task),
        seat: Box::new(move || place.take(path, actor)),
        boot: None,
    })
}

/// Starts a supervisor; its children are still to come when this returns.
pub(crate) async fn supervisor(spec: Arc<SupervisorSpec>, birth: Birth) -> Result<Born, String> {
    let (ready, boot) = oneshot::channel();
    let arguments = SupervisorArguments {
        spec,
        node: birth.node,
        life: Arc::clone(&birth.life),
        ready,
        failure: birth.failure,
    };
    let (actor, task) = guarded::spawn(Supervisor, arguments, birth.life, birth.parent).await?;
    Ok(Born {
        actor: actor.get_cell(),
        leash: Leash::supervisor(actor.clone(), SupervisorMessage::Stop),
        task: Owned(task),
        seat: Box::new(move || {
            // It fails only when the supervisor died already, which is reported by itself.
            let _ = actor.send_message(SupervisorMessage::Boot);
        }),
        boot: Some(boot),
    })
}
