//! `SupervisorHandle`: starting, stopping and looking at the fixed children of a supervisor that
//! runs. It outlives the supervisor's incarnations.

use serde::Serialize;
use std::fmt;
use std::sync::Arc;

use crate::check;
use crate::core::{Answer, AutoShutdown, Child, Phase, Restart, Rules, Shutdown};
use crate::error::SupervisorError;
use crate::place::{Command, SupervisorPlace};
use crate::slot::Slot;
use crate::snapshot::NodeState;
use crate::spec::{ChildSpec, SupervisorSpec};
use crate::supervisor::Message;

/// Reaches one supervisor with fixed children, whichever incarnation of it lives.
#[derive(Clone, Default)]
pub struct SupervisorHandle {
    place: Arc<SupervisorPlace>,
}

/// What became of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// The child is up.
    Up,
    /// The child had nothing to start, and stays down: OTP's `ignore`.
    Ignored,
}

/// Whether a child has a task, as `which_children` of OTP tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It has: OTP shows its pid.
    Up,
    /// It has none, and gets none by itself.
    Undefined,
    /// It is being started again.
    Restarting,
}

/// What kind of child it is, as OTP tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildKind {
    /// It does work.
    Worker,
    /// It supervises.
    Supervisor,
}

/// One child of a supervisor, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChildStatus {
    /// Its id.
    pub id: String,
    /// Whether it has a task.
    pub presence: Presence,
    /// What kind of child it is.
    pub kind: ChildKind,
    /// Where exactly it is in its life.
    pub state: NodeState,
}

/// How many children a supervisor has; the same numbers as OTP's `count_children`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ChildCounts {
    /// Children, with or without a task.
    pub specs: usize,
    /// Children with a task.
    pub active: usize,
    /// Those that supervise, with or without a task.
    pub supervisors: usize,
    /// Those that work, with or without a task.
    pub workers: usize,
}

/// What was said about a child: OTP's `get_childspec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ChildSummary {
    /// When it is restarted.
    pub restart: Restart,
    /// How it is made to end.
    pub shutdown: Shutdown,
    /// What kind of child it is.
    pub kind: ChildKind,
    /// Whether its end can end its supervisor.
    pub significant: bool,
}

impl SupervisorHandle {
    /// A handle with no supervisor yet: everything is `Unavailable`.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn at(place: Arc<SupervisorPlace>) -> Self {
        Self { place }
    }

    pub(crate) fn place(&self) -> Arc<SupervisorPlace> {
        Arc::clone(&self.place)
    }

    /// Adds a child after those that are there, and starts it.
    ///
    /// # Errors
    /// [`SupervisorError::StartFailed`] and nothing was added; `AlreadyStarted`,
    /// `AlreadyPresent`, `Spec` or `Unavailable`.
    pub async fn start_child(&self, spec: ChildSpec) -> Result<Started, SupervisorError> {
        start_child(&self.place, spec).await
    }

    /// Stops a child as its specification says, and waits until nothing of it is left. A
    /// temporary one is forgotten then; others stay, to be restarted or deleted.
    ///
    /// # Errors
    /// `NotFound`, `Quarantined` or `Unavailable`.
    pub async fn terminate_child(&self, id: &str) -> Result<(), SupervisorError> {
        terminate_child(&self.place, id).await
    }

    /// Starts a child that has no task.
    ///
    /// # Errors
    /// `NotFound`, `Running`, `Restarting`, `StartFailed`, `Quarantined` or `Unavailable`.
    pub async fn restart_child(&self, id: &str) -> Result<Started, SupervisorError> {
        let id = Arc::from(id);
        self.place
            .ask(|reply| Message::RestartChild(id, reply))
            .await
            .map(started)
    }

    /// Forgets a child that has no task.
    ///
    /// # Errors
    /// `NotFound`, `Running`, `Restarting`, `Quarantined` or `Unavailable`.
    pub async fn delete_child(&self, id: &str) -> Result<(), SupervisorError> {
        let id = Arc::from(id);
        let asked = self.place.ask(|reply| Message::DeleteChild(id, reply));
        asked.await.map(|_| ())
    }

    /// All children in start order. Answers at once, whatever the supervisor is busy with.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn which_children(&self) -> Result<Vec<ChildStatus>, SupervisorError> {
        self.place.read(statuses)
    }

    /// One child.
    ///
    /// # Errors
    /// `NotFound` or `Unavailable`.
    pub fn which_child(&self, id: &str) -> Result<ChildStatus, SupervisorError> {
        self.place.read_child(id, status)
    }

    /// How many children there are.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn count_children(&self) -> Result<ChildCounts, SupervisorError> {
        self.place.read(counts)
    }

    /// What was said about a child.
    ///
    /// # Errors
    /// `NotFound` or `Unavailable`.
    pub fn child_spec(&self, id: &str) -> Result<ChildSummary, SupervisorError> {
        self.place.read_child(id, summary)
    }

    /// Replaces flags and specifications as OTP's `code_change` does: what runs runs on, under
    /// the new rules and from the new specification at its next start; children that are new
    /// stay down until `restart_child`; those not named are kept after the others.
    ///
    /// [`SupervisorHandle::apply`] goes further and makes the children be as specified.
    ///
    /// # Errors
    /// `Spec`, and nothing is changed; or `Unavailable`.
    pub async fn code_change(&self, spec: SupervisorSpec) -> Result<(), SupervisorError> {
        let path = self.path()?;
        check::supervisor(&path, &spec)?;
        self.place
            .read(|rules| check::kinds(&path, &spec, rules))??;
        self.place.change(Command::Fixed(Arc::new(spec))).await
    }

    pub(crate) fn path(&self) -> Result<String, SupervisorError> {
        Ok(self.place.station()?.path().to_string())
    }
}

pub(crate) async fn start_child(
    place: &SupervisorPlace,
    spec: ChildSpec,
) -> Result<Started, SupervisorError> {
    let station = place.station()?;
    let auto_shutdown: AutoShutdown = station.read(|rules| rules.flags().auto_shutdown);
    check::child(station.path(), &spec, auto_shutdown)?;
    place
        .ask(|reply| Message::StartChild(Box::new(spec), reply))
        .await
        .map(started)
}

pub(crate) async fn terminate_child(
    place: &SupervisorPlace,
    id: &str,
) -> Result<(), SupervisorError> {
    let id = Arc::from(id);
    let asked = place.ask(|reply| Message::TerminateChild(id, reply));
    asked.await.map(|_| ())
}

fn started(answer: Answer) -> Started {
    match answer {
        Answer::Up | Answer::Done => Started::Up,
        Answer::Ignored => Started::Ignored,
    }
}

pub(crate) fn statuses(rules: &Rules<Slot>) -> Vec<ChildStatus> {
    let children = rules.children();
    children.iter().map(|(_, child)| status(child)).collect()
}

pub(crate) fn status(child: &Child<Slot>) -> ChildStatus {
    ChildStatus {
        id: child.id.to_string(),
        presence: presence(child),
        kind: kind(child),
        state: child.state(),
    }
}

pub(crate) fn presence(child: &Child<Slot>) -> Presence {
    match child.phase {
        Phase::Up | Phase::Asked(_) | Phase::Killed(_) | Phase::Stuck(_) => Presence::Up,
        Phase::Down { .. } => Presence::Undefined,
        Phase::Starting(_) if child.starts <= 1 => Presence::Undefined,
        Phase::Starting(_) | Phase::Fallen | Phase::Retrying | Phase::Resting => {
            Presence::Restarting
        }
    }
}

fn kind(child: &Child<Slot>) -> ChildKind {
    if child.policy.supervisor {
        ChildKind::Supervisor
    } else {
        ChildKind::Worker
    }
}

pub(crate) fn counts(rules: &Rules<Slot>) -> ChildCounts {
    let mut counts = ChildCounts::default();
    for (_, child) in rules.children() {
        counts.specs += 1;
        counts.active += usize::from(presence(child) == Presence::Up);
        match kind(child) {
            ChildKind::Worker => counts.workers += 1,
            ChildKind::Supervisor => counts.supervisors += 1,
        }
    }
    counts
}

pub(crate) fn summary(child: &Child<Slot>) -> ChildSummary {
    let policy = &child.policy;
    ChildSummary {
        restart: policy.restart,
        shutdown: policy.shutdown,
        kind: kind(child),
        significant: policy.significant,
    }
}

impl fmt::Debug for SupervisorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisorHandle")
            .field("path", &self.path().unwrap_or_default())
            .finish_non_exhaustive()
    }
}
