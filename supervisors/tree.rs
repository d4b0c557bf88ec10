//! `Tree`: a running supervision tree, seen from outside.
//!
//! It starts the root, reads the tree without disturbing it, kills what it is told to kill, and
//! takes everything down in order. Nothing is above the root: when it gives up, `exited` says so
//! and the owner decides.

use std::fmt;
use std::sync::{Arc, OnceLock};
use tokio::sync::{broadcast, watch};

use crate::birth::{self, Birth, Born, StartFailure};
use crate::exit::ExitReason;
use crate::incarnation::{Incarnation, Leash, Life};
use crate::lifecycle::Lifecycle;
use crate::node::Node;
use crate::snapshot::Snapshot;
use crate::spec::{SupervisorSpec, id_defect};

/// A running tree. When the last clone is dropped the tree is told to stop.
#[derive(Clone)]
pub struct Tree {
    root: Arc<Root>,
}

struct Root {
    node: Arc<Node>,
    leash: Leash,
    exit: watch::Receiver<Option<ExitReason>>,
}

/// Why a tree did not start; nothing of it is left running.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A child did not come up.
    #[error("`{path}` did not start: {reason}")]
    Child {
        /// Path of the child that failed, however deep.
        path: String,
        /// Why.
        reason: ExitReason,
    },
    /// An id that cannot be a part of a path, or that a sibling has too.
    #[error("`{path}` has no valid id: {detail}")]
    Id {
        /// Path of the child.
        path: String,
        /// What is wrong with its id.
        detail: &'static str,
    },
}

/// Why nothing was killed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KillError {
    /// There is no such node.
    #[error("no actor at `{path}`")]
    NotFound {
        /// The path asked for.
        path: String,
    },
    /// There is, and it has no live incarnation.
    #[error("`{path}` is not running")]
    NotRunning {
        /// The path asked for.
        path: String,
    },
}

impl Tree {
    /// Starts a root supervisor named `name` and all its children, in order.
    ///
    /// # Errors
    /// [`StartError`] names the child that failed; those already up have been stopped.
    pub async fn start(name: &str, spec: SupervisorSpec) -> Result<Self, StartError> {
        if let Some(detail) = id_defect(name) {
            return Err(StartError::Id {
                path: name.to_owned(),
                detail,
            });
        }
        if let Some((path, detail)) = spec.defect(name) {
            return Err(StartError::Id { path, detail });
        }
        let node = Node::root(name, spec.strategy, spec.intensity);
        node.starting(false);
        let (life, end) = Life::new(None);
        let failure = Arc::new(OnceLock::new());
        let birth = Birth {
            node: Arc::clone(&node),
            life,
            parent: None,
            failure: Arc::clone(&failure),
        };
        let failed = |StartFailure { path, detail }| {
            let reason = ExitReason::StartFailed(detail);
            StartError::Child { path, reason }
        };
        let born = birth::supervisor(Arc::new(spec), birth).await;
        let born = born.map_err(|detail| failed(StartFailure::new(&node, detail)))?;
        let Born {
            actor,
            leash,
            task,
            seat,
            boot,
        } = born;
        let mut incarnation = Incarnation::new(actor, leash.clone(), task, end);
        seat();
        if let Some(boot) = boot
            && boot.await.is_err()
        {
            incarnation.ended().await;
            let unknown = || StartFailure::new(&node, ExitReason::Cancelled.to_string());
            return Err(failed(failure.get().cloned().unwrap_or_else(unknown)));
        }
        node.leash(leash.clone());
        node.up();
        let (tell, exit) = watch::channel(None);
        tokio::spawn(attend(incarnation, Arc::clone(&node), tell));
        Ok(Self {
            root: Arc::new(Root { node, leash, exit }),
        })
    }

    /// The tree as it is now. Sends no message to any actor.
    pub fn snapshot(&self) -> Snapshot {
        self.root.node.snapshot()
    }

    /// What happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Lifecycle> {
        self.root.node.bulletin().subscribe()
    }

    /// Kills the actor at `path`, such as `plantao/records/sessions`. A supervisor stops its
    /// children first and leaves as killed, so that its parent starts it with fresh ones.
    ///
    /// # Errors
    /// [`KillError`] when there is nothing to kill.
    pub fn kill(&self, path: &str) -> Result<(), KillError> {
        let node = self.root.node.leash_at(path);
        let leash = node.ok_or_else(|| KillError::NotFound {
            path: path.to_owned(),
        })?;
        leash
            .ok_or_else(|| KillError::NotRunning {
                path: path.to_owned(),
            })?
            .kill();
        Ok(())
    }

    /// Stops everything, children before their supervisors and later ones first; returns when
    /// nothing is left.
    pub async fn shutdown(&self) {
        self.root.leash.stop();
        self.exited().await;
    }

    /// Waits for the root's end: it gave up, was killed, or was shut down.
    pub async fn exited(&self) -> ExitReason {
        let mut exit = self.root.exit.clone();
        let reason = exit.wait_for(Option::is_some).await;
        reason
            .ok()
            .and_then(|reason| reason.clone())
            .unwrap_or(ExitReason::Cancelled)
    }
}

/// Sees the root to its end and tells how it ended.
async fn attend(
    mut incarnation: Incarnation,
    node: Arc<Node>,
    tell: watch::Sender<Option<ExitReason>>,
) {
    incarnation.ended().await;
    tell.send_replace(Some(node.left()));
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("path", &self.root.node.path())
            .finish_non_exhaustive()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        self.leash.stop();
    }
}
