//! A change of a node of the tree, without the texts of reasons: those come from actors, and may
//! name what differs between two runs of one seed.

use plantao_supervisors::{ExitReason, LifecycleEvent};
use serde::Serialize;
use std::fmt;

/// A change of a node of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lifecycle {
    /// Which node, from the root's name down.
    pub path: String,
    /// What happened to it.
    pub change: Change,
    /// Why, where there is a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// What happened to a node: [`LifecycleEvent`] without its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is up.
    Started,
    /// It did not come up.
    StartFailed,
    /// It ended by itself, or was killed.
    Exited,
    /// It is started again.
    Restarting,
    /// The supervisor saw too many restarts.
    GaveUp,
    /// Its supervisor stopped it.
    Stopped,
    /// It had nothing to start.
    Ignored,
    /// It was taken in while its supervisor runs.
    Added,
    /// It is no longer one of its supervisor's children.
    Removed,
    /// It waits out its backoff.
    Resting,
    /// It is killed for handling one message too long.
    Stalled,
    /// Its task did not end in time.
    Quarantined,
}

/// Why a node ended: [`ExitReason`] without its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It had finished.
    Normal,
    /// A supervisor ordered it, or gave up.
    Shutdown,
    /// Its own part of an orderly shutdown.
    ShutdownWith,
    /// A callback returned an error.
    Error,
    /// A callback panicked.
    Panic,
    /// It was killed.
    Killed,
    /// Its task was aborted.
    Cancelled,
    /// It handled one message too long.
    Stalled,
    /// It did not come up.
    StartFailed,
}

impl Lifecycle {
    /// What a tree told.
    #[must_use]
    pub fn of(told: &plantao_supervisors::Lifecycle) -> Self {
        let (change, reason) = match &told.event {
            LifecycleEvent::Started => (Change::Started, None),
            LifecycleEvent::StartFailed { reason } => (Change::StartFailed, Some(reason)),
            LifecycleEvent::Exited { reason } => (Change::Exited, Some(reason)),
            LifecycleEvent::Restarting { .. } => (Change::Restarting, None),
            LifecycleEvent::GaveUp { reason } => (Change::GaveUp, Some(reason)),
            LifecycleEvent::Stopped { reason } => (Change::Stopped, Some(reason)),
            LifecycleEvent::Ignored => (Change::Ignored, None),
            LifecycleEvent::Added => (Change::Added, None),
            LifecycleEvent::Removed => (Change::Removed, None),
            LifecycleEvent::Resting { .. } => (Change::Resting, None),
            LifecycleEvent::Stalled => (Change::Stalled, None),
            LifecycleEvent::Quarantined => (Change::Quarantined, None),
        };
        Self {
            path: told.path.clone(),
            change,
            reason: reason.map(Reason::of),
        }
    }
}

impl Change {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::StartFailed => "start_failed",
            Self::Exited => "exited",
            Self::Restarting => "restarting",
            Self::GaveUp => "gave_up",
            Self::Stopped => "stopped",
            Self::Ignored => "ignored",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Resting => "resting",
            Self::Stalled => "stalled",
            Self::Quarantined => "quarantined",
        }
    }

    /// Whether nothing of the node's incarnation is left after it.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Exited | Self::Stopped | Self::StartFailed)
    }
}

impl Reason {
    /// The kind of a reason.
    #[must_use]
    pub const fn of(reason: &ExitReason) -> Self {
        match reason {
            ExitReason::Normal => Self::Normal,
            ExitReason::Shutdown => Self::Shutdown,
            ExitReason::ShutdownWith(_) => Self::ShutdownWith,
            ExitReason::Error(_) => Self::Error,
            ExitReason::Panic(_) => Self::Panic,
            ExitReason::Killed => Self::Killed,
            ExitReason::Cancelled => Self::Cancelled,
            ExitReason::Stalled => Self::Stalled,
            ExitReason::StartFailed(_) => Self::StartFailed,
        }
    }

    /// Whether a transient child stays down after it.
    #[must_use]
    pub const fn is_clean(self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Shutdown => "shutdown",
            Self::ShutdownWith => "shutdown_with",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Killed => "killed",
            Self::Cancelled => "cancelled",
            Self::Stalled => "stalled",
            Self::StartFailed => "start_failed",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
