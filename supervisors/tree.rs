//! `Tree`: a running supervision tree, seen from outside.
//!
//! It starts the root, reads the tree without disturbing it, kills what it is told to kill, and
//! takes everything down in order. Nothing is above the root: when it gives up, `exited` says so
//! and the owner decides.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};

use crate::birth::start_supervisor;
use crate::check;
use crate::conduct::stop;
use crate::core::Event;
use crate::dynamic::DynamicHandle;
use crate::error::SpecError;
use crate::exit::ExitReason;
use crate::fault::FaultHook;
use crate::life::{News, Outcome, Report, StartFailure, Token};
use crate::lifecycle::{Bulletin, Lifecycle, LifecycleEvent};
use crate::place::{Command, SupervisorPlace};
use crate::snapshot::{NodeKind, NodeState, Snapshot};
use crate::spec::SupervisorSpec;
use crate::station::{Found, Station};
use crate::supervise::SupervisorHandle;
use crate::supervisor::Message;

/// A running tree. When the last clone is dropped the tree is told to stop.
#[derive(Clone)]
pub struct Tree {
    root: Arc<Root>,
}

struct Root {
    station: Arc<Station>,
    place: Arc<SupervisorPlace>,
    life: watch::Receiver<RootLife>,
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
    /// The specification is not one.
    #[error(transparent)]
    Spec(#[from] SpecError),
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
    /// [`StartError`] names what is wrong with the specification, or the child that failed; those
    /// already up have been stopped.
    pub async fn start(name: &str, spec: SupervisorSpec) -> Result<Self, StartError> {
        Self::start_seeded(name, spec, 0).await
    }

    /// The same, with a seed for the jitter of backoffs: nodes of a cluster that start from
    /// different seeds do not come back in step.
    ///
    /// # Errors
    /// As [`Tree::start`].
    pub async fn start_seeded(
        name: &str,
        spec: SupervisorSpec,
        seed: u64,
    ) -> Result<Self, StartError> {
        Self::grow(name, spec, (seed, None)).await
    }

    /// The same for a test harness: `hook` is asked at all workers of the tree.
    ///
    /// # Errors
    /// As [`Tree::start`].
    pub async fn start_disturbed(
        name: &str,
        spec: SupervisorSpec,
        seed: u64,
        hook: Arc<dyn FaultHook>,
    ) -> Result<Self, StartError> {
        Self::grow(name, spec, (seed, Some(hook))).await
    }

    async fn grow(
        name: &str,
        spec: SupervisorSpec,
        ground: (u64, Option<Arc<dyn FaultHook>>),
    ) -> Result<Self, StartError> {
        check::tree(name, &spec)?;
        let station = Station::root(name, Command::Fixed(Arc::new(spec)), ground);
        let place = Arc::new(SupervisorPlace::default());
        place.take(Arc::clone(&station));
        let (watch, mut life) = RootWatch::new(&station);
        // Dropped while it waits here, the root is told to stop.
        let root = Arc::new(Root {
            station: Arc::clone(&station),
            place,
            life: life.clone(),
        });
        let token = Token::new(Report::Root(watch), None);
        start_supervisor(station, token, None).await;
        let begun = life
            .wait_for(|life| !matches!(life, RootLife::Booting))
            .await;
        let failure = match begun.as_deref() {
            Ok(RootLife::Over { failure, .. }) => Some(failure.clone()),
            Ok(RootLife::Booting | RootLife::Up(_)) => None,
            Err(_) => Some(None),
        };
        match failure {
            None => Ok(Self { root }),
            Some(failure) => Err(root.did_not_start(failure)),
        }
    }

    /// The root's own handle.
    pub fn root(&self) -> SupervisorHandle {
        SupervisorHandle::at(Arc::clone(&self.root.place))
    }

    /// The handle of the supervisor with fixed children at `path`, such as `plantao/records`.
    pub fn supervisor(&self, path: &str) -> Option<SupervisorHandle> {
        if path == &**self.root.station.path() {
            return Some(self.root());
        }
        let place = self.place_of(path, NodeKind::Supervisor)?;
        Some(SupervisorHandle::at(place))
    }

    /// The handle of the dynamic supervisor at `path`.
    pub fn dynamic(&self, path: &str) -> Option<DynamicHandle> {
        Some(DynamicHandle::at(self.place_of(path, NodeKind::Dynamic)?))
    }

    fn place_of(&self, path: &str, kind: NodeKind) -> Option<Arc<SupervisorPlace>> {
        let (above, Found { key, .. }) = self.root.station.find(path)?;
        above.read(|rules| {
            let body = rules.child(key)?.payload.body.command()?;
            (body.command.kind() == kind).then(|| Arc::clone(&body.place))
        })
    }

    /// The tree as it is now. Sends no message to any actor. Events numbered up to its
    /// [`seq`](Snapshot::seq) are in it; later ones may be.
    pub fn snapshot(&self) -> Snapshot {
        let seq = self.root.station.bulletin().last();
        let node = self.root.node();
        let node = self.root.station.snapshot(node);
        Snapshot {
            seq: Some(seq),
            ..node
        }
    }

    /// What happens from now on, numbered: with a snapshot taken after this, a picture that
    /// can be kept up to date.
    pub fn subscribe(&self) -> broadcast::Receiver<Lifecycle> {
        self.root.station.bulletin().subscribe()
    }

    /// Kills the actor at `path`, such as `plantao/records/sessions`. A supervisor stops its
    /// children first and leaves as killed, so that its parent starts it with fresh ones.
    ///
    /// # Errors
    /// [`KillError`] when there is nothing to kill.
    pub fn kill(&self, path: &str) -> Result<(), KillError> {
        let not_running = || KillError::NotRunning {
            path: path.to_owned(),
        };
        let sent = if path == &**self.root.station.path() {
            stop(&self.root.station, ExitReason::Killed)
        } else {
            let found = self.root.station.find(path);
            let (above, found) = found.ok_or_else(|| KillError::NotFound {
                path: path.to_owned(),
            })?;
            let Found { key, life, .. } = found;
            found.alive && above.send(Message::Event(Event::Kill(key, life)))
        };
        sent.then_some(()).ok_or_else(not_running)
    }

    /// Stops everything, children before their supervisors and later ones first; returns when
    /// nothing is left. A task that does not end is passed over by everybody else's stop, and is
    /// all that this then waits for.
    pub async fn shutdown(&self) {
        stop(&self.root.station, ExitReason::Shutdown);
        self.exited().await;
    }

    /// Waits for the root's end: it gave up, was killed, or was shut down.
    pub async fn exited(&self) -> ExitReason {
        let mut life = self.root.life.clone();
        let over = life
            .wait_for(|life| matches!(life, RootLife::Over { .. }))
            .await;
        match over.as_deref() {
            Ok(RootLife::Over { reason, .. }) => reason.clone(),
            _ => ExitReason::Cancelled,
        }
    }
}

impl Root {
    fn node(&self) -> Snapshot {
        let life = self.life.borrow();
        let (state, since, last_exit) = match &*life {
            RootLife::Booting => (NodeState::Starting, None, None),
            RootLife::Up(since) => (NodeState::Running, Some(*since), None),
            RootLife::Over { reason, .. } => {
                let state = if reason.is_clean() {
                    NodeState::Stopped
                } else {
                    NodeState::Failed
                };
                (state, None, Some(reason.clone()))
            }
        };
        let up = since.map(|since| self.station.now().saturating_sub(since));
        Snapshot {
            last_exit,
            uptime_ms: up.map(|up| u64::try_from(up.as_millis()).unwrap_or(u64::MAX)),
            ..Snapshot::new(&**self.station.path(), NodeKind::Supervisor, state)
        }
    }

    fn did_not_start(&self, failure: Option<StartFailure>) -> StartError {
        let reason = match &*self.life.borrow() {
            RootLife::Over { reason, .. } => reason.clone(),
            _ => ExitReason::Cancelled,
        };
        match failure {
            Some(StartFailure { path, detail }) => StartError::Child {
                path,
                reason: ExitReason::StartFailed(detail),
            },
            None => StartError::Child {
                path: self.station.path().to_string(),
                reason,
            },
        }
    }
}

/// Where the root is in its only life.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RootLife {
    Booting,
    /// Since when, on the tree's clock.
    Up(Duration),
    Over {
        reason: ExitReason,
        failure: Option<StartFailure>,
    },
}

/// Hears of the root what a parent would.
#[derive(Debug)]
pub(crate) struct RootWatch {
    path: Arc<str>,
    bulletin: Bulletin,
    clock: tokio::time::Instant,
    life: watch::Sender<RootLife>,
}

impl RootWatch {
    fn new(station: &Station) -> (Arc<Self>, watch::Receiver<RootLife>) {
        let (life, receiver) = watch::channel(RootLife::Booting);
        let watch = Self {
            path: Arc::clone(station.path()),
            bulletin: station.bulletin().clone(),
            clock: station.clock(),
            life,
        };
        (Arc::new(watch), receiver)
    }

    pub(crate) fn hear(&self, news: News) {
        match news {
            // The root is over only when nothing of the tree is left.
            News::Spawned { .. } | News::Lingers { .. } => {}
            News::Up => {
                let now = self.clock.elapsed();
                let up = self.life.send_if_modified(|life| {
                    let booting = *life == RootLife::Booting;
                    if booting {
                        *life = RootLife::Up(now);
                    }
                    booting
                });
                if up {
                    self.publish(LifecycleEvent::Started);
                }
            }
            News::Ended(outcome) => match outcome.map(|outcome| *outcome) {
                Some(Outcome::Failed(failure)) => {
                    let reason = failure.reason(&self.path);
                    self.over(reason, Some(failure));
                }
                Some(Outcome::Reason(reason)) => self.over(reason, None),
                Some(Outcome::Graceful | Outcome::Ignored) => self.over(ExitReason::Normal, None),
                None => self.over(ExitReason::Killed, None),
            },
        }
    }

    fn over(&self, reason: ExitReason, failure: Option<StartFailure>) {
        let over = self.life.send_if_modified(|life| {
            let living = !matches!(life, RootLife::Over { .. });
            if living {
                let reason = reason.clone();
                *life = RootLife::Over { reason, failure };
            }
            living
        });
        if over {
            self.publish(LifecycleEvent::Exited { reason });
        }
    }

    fn publish(&self, event: LifecycleEvent) {
        let path = || self.path.to_string();
        self.bulletin.publish(path, NodeKind::Supervisor, event);
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("path", self.root.station.path())
            .finish_non_exhaustive()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        stop(&self.station, ExitReason::Shutdown);
    }
}
