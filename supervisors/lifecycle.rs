//! The stream of what happens in a tree: one event, one log line.
//!
//! Subscribers that lag lose the oldest events, never slow a supervisor down.

use serde::Serialize;
use tokio::sync::broadcast;

use crate::exit::ExitReason;
use crate::snapshot::NodeKind;

/// Events kept for a slow subscriber before it starts to lose them.
const BACKLOG: usize = 1024;

/// One change in a live tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lifecycle {
    /// Path of the node, from the root's name down.
    pub path: String,
    /// What the node is.
    pub kind: NodeKind,
    /// What happened to it.
    pub event: LifecycleEvent,
}

/// What happened to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LifecycleEvent {
    /// It is up.
    Started,
    /// It did not come up.
    StartFailed {
        /// Why.
        reason: ExitReason,
    },
    /// It ended by itself, or was killed.
    Exited {
        /// Why.
        reason: ExitReason,
    },
    /// It is started again.
    Restarting {
        /// How often that was tried since its supervisor started.
        attempt: u64,
    },
    /// The supervisor saw too many restarts: it stops its children and exits.
    GaveUp {
        /// The exit that was one too many.
        reason: ExitReason,
    },
    /// Its supervisor stopped it.
    Stopped,
    /// Its task did not end in time; the id stays down until it does.
    Quarantined,
}

/// The sending side, shared by all supervisors of one tree.
#[derive(Debug, Clone)]
pub(crate) struct Bulletin(broadcast::Sender<Lifecycle>);

impl Bulletin {
    pub(crate) fn new() -> Self {
        Self(broadcast::channel(BACKLOG).0)
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Lifecycle> {
        self.0.subscribe()
    }

    pub(crate) fn publish(&self, path: &str, kind: NodeKind, event: LifecycleEvent) {
        log(path, &event);
        // Nobody is listening: the log line is enough.
        let _ = self.0.send(Lifecycle {
            path: path.to_owned(),
            kind,
            event,
        });
    }
}

fn log(path: &str, event: &LifecycleEvent) {
    match event {
        LifecycleEvent::Started => tracing::debug!(path, "actor started"),
        LifecycleEvent::Stopped => tracing::debug!(path, "actor stopped"),
        LifecycleEvent::Restarting { attempt } => tracing::info!(path, attempt, "actor restarting"),
        LifecycleEvent::StartFailed { reason } => {
            tracing::error!(path, %reason, "actor start failed");
        }
        LifecycleEvent::Exited { reason } if reason.is_clean() => {
            tracing::debug!(path, %reason, "actor exited");
        }
        LifecycleEvent::Exited { reason } => tracing::warn!(path, %reason, "actor exited"),
        LifecycleEvent::GaveUp { reason } => tracing::error!(path, %reason, "supervisor gave up"),
        LifecycleEvent::Quarantined => tracing::error!(path, "actor does not end; quarantined"),
    }
}
