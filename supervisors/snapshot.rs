//! The picture of a live tree, as operators and dashboards read it.
//!
//! It is taken from shared cells that supervisors publish into, so it works while every
//! supervisor is busy. Nodes are read one by one: siblings may be microseconds apart.

use serde::Serialize;

use crate::core::{Restart, Strategy};
use crate::exit::ExitReason;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// An actor that does work.
    Worker,
    /// A supervisor with a fixed list of children.
    Supervisor,
    /// A supervisor whose children come and go.
    Dynamic,
}

/// Where a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Coming up for the first time.
    Starting,
    /// Up.
    Running,
    /// Ended, and coming up again.
    Restarting,
    /// Ordered to stop, not yet ended.
    Stopping,
    /// Down, and meant to be.
    Stopped,
    /// Down after a failure, and not coming back by itself.
    Failed,
    /// Ordered to end, and its task does not: it cannot be restarted until it does.
    Quarantined,
}

/// One node of a live tree and everything below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Path from the root's name down, joined by `/`.
    pub path: String,
    /// Last part of the path.
    pub id: String,
    /// What the node is.
    pub kind: NodeKind,
    /// How a supervisor answers an exit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// When the node is restarted; the root has nobody to restart it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// Where it is in its life.
    pub state: NodeState,
    /// How often it was started again since its supervisor started.
    pub restarts: u64,
    /// Restarts that count against a supervisor's limit right now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts_in_window: Option<u32>,
    /// A supervisor's limit of restarts within its period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts_allowed: Option<u32>,
    /// Restarts left in the budget of this supervisor's subtree, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_left: Option<u32>,
    /// How the previous incarnation ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<ExitReason>,
    /// How long this incarnation has been up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime_ms: Option<u64>,
    /// Messages in flight, where the child has a handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailbox_depth: Option<usize>,
    /// Age of the oldest message in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_message_ms: Option<u64>,
    /// How long messages took to be handled, where the child is metered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle_time: Option<HandleTime>,
    /// Number of the last event that the picture is sure to contain; on the root only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Children in start order.
    pub children: Vec<Snapshot>,
}

/// Quantiles of handle times since the child's supervisor started, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HandleTime {
    /// Messages measured.
    pub count: u64,
    /// Half of them took no longer.
    pub p50_us: u64,
    /// All but one in a hundred took no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl Snapshot {
    /// A node of which nothing more is known yet.
    pub fn new(path: impl Into<String>, kind: NodeKind, state: NodeState) -> Self {
        let path = path.into();
        Self {
            id: path.rsplit('/').next().unwrap_or_default().to_owned(),
            path,
            kind,
            strategy: None,
            restart: None,
            state,
            restarts: 0,
            restarts_in_window: None,
            restarts_allowed: None,
            budget_left: None,
            last_exit: None,
            uptime_ms: None,
            mailbox_depth: None,
            oldest_message_ms: None,
            handle_time: None,
            seq: None,
            children: Vec::new(),
        }
    }

    /// The node at `path`, which starts with this node's own path.
    pub fn find(&self, path: &str) -> Option<&Snapshot> {
        if self.path == path {
            return Some(self);
        }
        self.children
            .iter()
            .find(|child| path == child.path || path.starts_with(&format!("{}/", child.path)))
            .and_then(|child| child.find(path))
    }
}
