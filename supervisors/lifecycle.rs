//! The stream of what happens in a tree: one event, one log line.
//!
//! Subscribers that lag lose the oldest events, never slow a supervisor down.

use serde::Serialize;
use std::fmt;
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;

use crate::exit::ExitReason;
use crate::fault::FaultHook;
use crate::snapshot::NodeKind;
use crate::sync::lock;

/// Events kept for a slow subscriber before it starts to lose them.
const BACKLOG: usize = 1024;

/// One change in a live tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lifecycle {
    /// Number of the event in its tree, counted from 1 without a gap: whoever sees one missing
    /// has lagged, and takes a new snapshot.
    pub seq: u64,
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
    Stopped {
        /// What it ended with.
        reason: ExitReason,
    },
    /// It had nothing to start, and stays down.
    Ignored,
    /// It was taken in while its supervisor runs, and is down.
    Added,
    /// It is no longer one of its supervisor's children.
    Removed,
    /// It ended, and waits out its backoff.
    Resting {
        /// How long.
        wait_ms: u64,
    },
    /// It handled one message for longer than its liveness limit, and is killed for it.
    Stalled,
    /// Its task did not end in time; the id stays down until it does.
    Quarantined,
}

/// The sending side, shared by all supervisors of one tree.
#[derive(Debug, Clone)]
pub(crate) struct Bulletin(Arc<Press>);

struct Press {
    /// The number of the last event; held while sending, so that numbers arrive in order.
    last: Mutex<u64>,
    sender: broadcast::Sender<Lifecycle>,
    /// Hears everything at once.
    hook: Option<Arc<dyn FaultHook>>,
}

impl fmt::Debug for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Press").finish_non_exhaustive()
    }
}

impl Bulletin {
    pub(crate) fn new(hook: Option<Arc<dyn FaultHook>>) -> Self {
        Self(Arc::new(Press {
            last: Mutex::new(0),
            sender: broadcast::channel(BACKLOG).0,
            hook,
        }))
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Lifecycle> {
        self.0.sender.subscribe()
    }

    /// Whether anybody would read an event: a harness, a subscriber, or the log.
    pub(crate) fn is_watched(&self) -> bool {
        self.0.hook.is_some()
            || self.0.sender.receiver_count() > 0
            || tracing::enabled!(tracing::Level::ERROR)
    }

    /// Numbers events that nobody read.
    pub(crate) fn skip(&self, events: u64) {
        *lock(&self.0.last) += events;
    }

    /// The number of the last event.
    pub(crate) fn last(&self) -> u64 {
        *lock(&self.0.last)
    }

    /// Tells of an event; `path` is made only where somebody reads it.
    pub(crate) fn publish(&self, path: impl Fn() -> String, kind: NodeKind, event: LifecycleEvent) {
        log(&path, &event);
        let mut last = lock(&self.0.last);
        *last += 1;
        if self.0.hook.is_none() && self.0.sender.receiver_count() == 0 {
            return;
        }
        let told = Lifecycle {
            seq: *last,
            path: path(),
            kind,
            event,
        };
        if let Some(hook) = &self.0.hook {
            hook.told(&told);
        }
        // The last receiver may have gone this moment.
        let _ = self.0.sender.send(told);
    }
}

fn log(path: &impl Fn() -> String, event: &LifecycleEvent) {
    match event {
        LifecycleEvent::Started => tracing::debug!(path = path(), "actor started"),
        LifecycleEvent::Added => tracing::debug!(path = path(), "actor added"),
        LifecycleEvent::Removed => tracing::debug!(path = path(), "actor removed"),
        LifecycleEvent::Ignored => tracing::debug!(path = path(), "actor has nothing to start"),
        LifecycleEvent::Stopped { reason } => {
            tracing::debug!(path = path(), %reason, "actor stopped");
        }
        LifecycleEvent::Restarting { attempt } => {
            tracing::info!(path = path(), attempt, "actor restarting");
        }
        LifecycleEvent::Resting { wait_ms } => {
            tracing::info!(path = path(), wait_ms, "actor restarts later");
        }
        LifecycleEvent::StartFailed { reason } => {
            tracing::error!(path = path(), %reason, "actor start failed");
        }
        LifecycleEvent::Exited { reason } if reason.is_clean() => {
            tracing::debug!(path = path(), %reason, "actor exited");
        }
        LifecycleEvent::Exited { reason } => {
            tracing::warn!(path = path(), %reason, "actor exited");
        }
        LifecycleEvent::GaveUp { reason } => {
            tracing::error!(path = path(), %reason, "supervisor gave up");
        }
        LifecycleEvent::Stalled => tracing::error!(path = path(), "actor stalled; killed"),
        LifecycleEvent::Quarantined => {
            tracing::error!(path = path(), "actor does not end; quarantined");
        }
    }
}
