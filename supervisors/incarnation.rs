//! One life of a child: its token, its task, and the ways to end it.
//!
//! Never two incarnations of a child alive together: the end of one is the end of its task and of
//! everything below it, which the life token witnesses. What does not end in time is reported,
//! waited for without end, and aborted rather than orphaned.

use ractor::{ActorCell, ActorRef};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::core::Shutdown;
use crate::exit::{ExitReason, SHUTDOWN};

/// How long a killed, aborted or ended actor may take for its task to be gone. Killing works at
/// await points, and a handler that reaches none for a second is what quarantine is for.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// Held by everything that belongs to an incarnation, the incarnations below it included.
#[derive(Debug)]
pub(crate) struct Life {
    _end: oneshot::Sender<Infallible>,
    _above: Option<Arc<Life>>,
}

/// Resolves when the last holder of a [`Life`] is gone.
#[derive(Debug)]
pub(crate) struct End {
    receiver: oneshot::Receiver<Infallible>,
    over: bool,
}

impl Life {
    pub(crate) fn new(above: Option<Arc<Life>>) -> (Arc<Self>, End) {
        let (sender, receiver) = oneshot::channel();
        (
            Arc::new(Self {
                _end: sender,
                _above: above,
            }),
            End {
                receiver,
                over: false,
            },
        )
    }
}

impl End {
    /// Waits for the end; may be cancelled and called again.
    pub(crate) async fn wait(&mut self) {
        if !self.over {
            // Nothing is ever sent: an error is the sender's end.
            let _ = (&mut self.receiver).await;
            self.over = true;
        }
    }
}

/// Reaches a live actor from anywhere, to make it end.
#[derive(Clone)]
pub(crate) enum Leash {
    /// An actor like any other; its supervisor is told of a kill, because a task that reaches no
    /// await point does not notice it.
    Worker {
        actor: ActorCell,
        killed: Option<Arc<dyn Fn() + Send + Sync>>,
    },
    /// A supervisor leaves by its own rules, after its children, giving this reason.
    Supervisor(Arc<dyn Fn(ExitReason) + Send + Sync>),
}

impl Leash {
    pub(crate) fn worker(actor: ActorCell) -> Self {
        Self::Worker {
            actor,
            killed: None,
        }
    }

    /// A supervisor takes the order as a message.
    pub(crate) fn supervisor<M: Send + 'static>(
        actor: ActorRef<M>,
        order: impl Fn(ExitReason) -> M + Send + Sync + 'static,
    ) -> Self {
        Self::Supervisor(Arc::new(move |reason| {
            // A supervisor that is gone already needs no order.
            let _ = actor.send_message(order(reason));
        }))
    }

    /// The same, for hands other than the supervisor's.
    pub(crate) fn watched(self, tell: impl Fn() + Send + Sync + 'static) -> Self {
        match self {
            Self::Worker { actor, .. } => Self::Worker {
                actor,
                killed: Some(Arc::new(tell)),
            },
            supervisor @ Self::Supervisor(_) => supervisor,
        }
    }

    pub(crate) fn stop(&self) {
        match self {
            Self::Worker { actor, .. } => actor.stop(Some(SHUTDOWN.to_owned())),
            Self::Supervisor(order) => order(ExitReason::Shutdown),
        }
    }

    pub(crate) fn kill(&self) {
        match self {
            Self::Worker { actor, killed } => {
                actor.kill();
                if let Some(tell) = killed {
                    tell();
                }
            }
            Self::Supervisor(order) => order(ExitReason::Killed),
        }
    }
}

/// A task that does not outlive its owner.
#[derive(Debug)]
pub(crate) struct Owned<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A running actor. Dropped, it is aborted.
pub(crate) struct Incarnation {
    actor: ActorCell,
    leash: Leash,
    task: Owned<()>,
    joined: bool,
    end: End,
}

impl Incarnation {
    pub(crate) fn new(actor: ActorCell, leash: Leash, task: Owned<()>, end: End) -> Self {
        Self {
            actor,
            leash,
            task,
            joined: false,
            end,
        }
    }

    pub(crate) fn actor(&self) -> &ActorCell {
        &self.actor
    }

    pub(crate) fn leash(&self) -> Leash {
        self.leash.clone()
    }

    /// Waits until nothing of it is left; may be cancelled and called again.
    pub(crate) async fn ended(&mut self) {
        if !self.joined {
            // A panic while the state was dropped ends the task all the same.
            let _ = (&mut self.task.0).await;
            self.joined = true;
        }
        self.end.wait().await;
    }

    /// Makes it end as `shutdown` says. `overdue` is called if that takes too long.
    pub(crate) async fn stop(mut self, shutdown: Shutdown, overdue: impl FnOnce()) {
        match shutdown {
            Shutdown::Infinity => {
                self.leash.stop();
                return self.ended().await;
            }
            Shutdown::Timeout(patience) => {
                self.leash.stop();
                if timeout(patience, self.ended()).await.is_ok() {
                    return;
                }
            }
            Shutdown::BrutalKill => {}
        }
        self.leash.kill();
        if timeout(GRACE, self.ended()).await.is_err() {
            self.reap(overdue).await;
        }
    }

    /// Waits for what has ended, or has to: its task may outlast its last callback.
    pub(crate) async fn reap(mut self, overdue: impl FnOnce()) {
        if timeout(GRACE, self.ended()).await.is_ok() {
            return;
        }
        self.task.0.abort();
        if timeout(GRACE, self.ended()).await.is_err() {
            overdue();
            self.ended().await;
        }
    }
}
