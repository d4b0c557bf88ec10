//! A live tree.
use tokio::sync::broadcast;
use crate::exit::ExitReason;
use crate::lifecycle::{Bulletin, Lifecycle};
use crate::snapshot::Snapshot;
use crate::spec::SupervisorSpec;
/// A live tree.
#[derive(Debug, Clone)]
pub struct Tree { bulletin: Bulletin, snapshot: Snapshot }
impl Tree {
    /// Starts.
    pub async fn start(name: &str, spec: SupervisorSpec) -> Result<Tree, StartError> {
        let _ = spec;
        Err(StartError::Child { path: name.to_owned(), reason: ExitReason::Cancelled })
    }
    /// Picture.
    pub fn snapshot(&self) -> Snapshot { self.snapshot.clone() }
    /// Changes.
    pub fn subscribe(&self) -> broadcast::Receiver<Lifecycle> { self.bulletin.subscribe() }
    /// Kills.
    pub fn kill(&self, path: &str) -> Result<(), KillError> { Err(KillError::NotFound { path: path.to_owned() }) }
    /// Stops.
    pub async fn shutdown(&self) {}
    /// Ended.
    pub async fn exited(&self) -> ExitReason { ExitReason::Shutdown }
}
/// Why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A child.
    #[error("`{path}` did not start: {reason}")]
    Child {
        /// Which.
        path: String,
        /// Why.
        reason: ExitReason
    },
    /// An id that cannot be a part of a path, or that a sibling has too.
    #[error("`{path}` is no valid child id here: {detail}")]
    Id {
        /// Which.
        path: String,
        /// Why.
        detail: &'static str
    },
}
/// Why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KillError {
    /// No such node.
    #[error("no actor at `{path}`")]
    NotFound {
        /// Path.
        path: String
    },
    /// Down.
    #[error("`{path}` is not running")]
    NotRunning {
        /// Path.
        path: String
    },
}
