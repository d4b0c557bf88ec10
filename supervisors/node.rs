//! The shared cell that a supervisor publishes one child into.
//!
//! Readers (snapshots, `Tree::kill`) look here and never wait for an actor. The cell belongs to a
//! place in the tree, not to an incarnation. Locks are held for a few instructions only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

use crate::core::{Intensity, Restart, Strategy, Window};
use crate::exit::ExitReason;
use crate::handle::Seat;
use crate::incarnation::Leash;
use crate::lifecycle::{Bulletin, LifecycleEvent};
use crate::snapshot::{NodeKind, NodeState, Snapshot};
use crate::spec::{Body, Plan};
use crate::sync::lock;

/// One place in the tree.
pub(crate) struct Node {
    path: Arc<str>,
    id: String,
    kind: NodeKind,
    restart: Option<Restart>,
    strategy: Option<Strategy>,
    command: Option<Command>,
    seat: Option<Arc<dyn Seat>>,
    bulletin: Bulletin,
    status: Mutex<Status>,
    children: Mutex<Children>,
}

/// What only supervisors have.
struct Command {
    intensity: Intensity,
    epoch: Instant,
    window: Mutex<Window>,
}

#[derive(Default)]
struct Children {
    next: u64,
    nodes: BTreeMap<u64, Arc<Node>>,
}

struct Status {
    state: NodeState,
    restarts: u64,
    last_exit: Option<ExitReason>,
    since: Option<Instant>,
    leash: Option<Leash>,
    /// What a supervisor said when it left.
    verdict: Option<ExitReason>,
}

impl Node {
    /// The root's node.
    pub(crate) fn root(name: &str, strategy: Strategy, intensity: Intensity) -> Arc<Self> {
        Arc::new(Self {
            path: Arc::from(name),
            id: name.to_owned(),
            kind: NodeKind::Supervisor,
            restart: None,
            strategy: Some(strategy),
            command: Some(Command::new(intensity)),
            seat: None,
            bulletin: Bulletin::new(),
            status: Mutex::default(),
            children: Mutex::default(),
        })
    }

    /// Adds a place below this one; the number takes it away again.
    pub(crate) fn add(&self, plan: &Plan) -> (u64, Arc<Self>) {
        let (kind, strategy, intensity) = match &plan.body {
            Body::Worker(_) => (NodeKind::Worker, None, None),
            Body::Supervisor(spec) => (
                NodeKind::Supervisor,
                Some(spec.strategy),
                Some(spec.intensity),
            ),
            Body::Dynamic(_, spec) => (NodeKind::Dynamic, None, Some(spec.intensity)),
        };
        let node = Arc::new(Self {
            path: Arc::from(format!("{}/{}", self.path, plan.id)),
            id: plan.id.clone(),
            kind,
            restart: Some(plan.restart),
            strategy,
            command: intensity.map(Command::new),
            seat: Some(plan.body.seat()),
            bulletin: self.bulletin.clone(),
            status: Mutex::default(),
            children: Mutex::default(),
        });
        let mut children = lock(&self.children);
        let number = children.next;
        children.next += 1;
        children.nodes.insert(number, Arc::clone(&node));
        (number, node)
    }

    pub(crate) fn remove(&self, number: u64) {
        lock(&self.children).nodes.remove(&number);
    }

    /// A new incarnation of a supervisor starts with no children and no past.
    pub(crate) fn clear(&self) {
        lock(&self.children).nodes.clear();
        if let Some(command) = &self.command {
            *lock(&command.window) = Window::new(command.intensity);
        }
    }

    pub(crate) fn path(&self) -> Arc<str> {
        Arc::clone(&self.path)
    }

    pub(crate) fn bulletin(&self) -> &Bulletin {
        &self.bulletin
    }

    pub(crate) fn publish(&self, event: LifecycleEvent) {
        self.bulletin.publish(&self.path, self.kind, event);
    }

    /// Gives a supervisor's rules its window, and the time in the window's own base.
    pub(crate) fn with_window<T>(&self, rules: impl FnOnce(Duration, &mut Window) -> T) -> T {
        match &self.command {
            Some(command) => rules(command.epoch.elapsed(), &mut lock(&command.window)),
            // A worker has no rules to run; an empty allowance is the safe answer.
            None => rules(
                Duration::ZERO,
                &mut Window::new(Intensity::new(0, Duration::ZERO)),
            ),
        }
    }

    /// A start begins; the first one is no restart.
    pub(crate) fn starting(&self, again: bool) {
        let mut status = lock(&self.status);
        status.state = if again {
            NodeState::Restarting
        } else {
            NodeState::Starting
        };
        status.restarts += u64::from(again);
        let attempt = status.restarts;
        drop(status);
        if again {
            self.publish(LifecycleEvent::Restarting { attempt });
        }
    }

    /// An incarnation exists and can be reached, though it may still be coming up.
    pub(crate) fn leash(&self, leash: Leash) {
        lock(&self.status).leash = Some(leash);
    }

    pub(crate) fn up(&self) {
        let mut status = lock(&self.status);
        status.state = NodeState::Running;
        status.since = Some(Instant::now());
        drop(status);
        self.publish(LifecycleEvent::Started);
    }

    pub(crate) fn stopping(&self) {
        lock(&self.status).state = NodeState::Stopping;
    }

    pub(crate) fn quarantined(&self) {
        self.down(NodeState::Quarantined, None);
        self.publish(LifecycleEvent::Quarantined);
    }

    /// It ended by itself.
    pub(crate) fn exited(&self, reason: ExitReason) {
        let state = if reason.is_clean() {
            NodeState::Stopped
        } else {
            NodeState::Failed
        };
        self.down(state, Some(reason.clone()));
        self.publish(LifecycleEvent::Exited { reason });
    }

    /// It ended on its supervisor's order.
    pub(crate) fn stopped(&self, reason: ExitReason) {
        self.down(NodeState::Stopped, Some(reason));
        self.publish(LifecycleEvent::Stopped);
    }

    pub(crate) fn start_failed(&self, reason: ExitReason) {
        self.down(NodeState::Failed, Some(reason.clone()));
        self.publish(LifecycleEvent::StartFailed { reason });
    }

    /// A supervisor that leaves says why; the root has no other way to be heard.
    pub(crate) fn leaving(&self, reason: &ExitReason) {
        lock(&self.status).verdict = Some(reason.clone());
    }

    /// The root's end: by its own verdict, or abrupt.
    pub(crate) fn left(&self) -> ExitReason {
        let verdict = lock(&self.status).verdict.take();
        let reason = verdict.unwrap_or(ExitReason::Cancelled);
        self.exited(reason.clone());
        reason
    }

    fn down(&self, state: NodeState, last_exit: Option<ExitReason>) {
        if let Some(seat) = &self.seat {
            seat.vacate();
        }
        let mut status = lock(&self.status);
        status.state = state;
        status.since = None;
        status.leash = None;
        if last_exit.is_some() {
            status.last_exit = last_exit;
        }
    }

    /// The live incarnation of the node at `path`; `None` inside when it has none.
    pub(crate) fn leash_at(&self, path: &str) -> Option<Option<Leash>> {
        let rest = path.strip_prefix(&*self.path)?;
        if rest.is_empty() {
            return Some(lock(&self.status).leash.clone());
        }
        let rest = rest.strip_prefix('/')?;
        let id = rest.split('/').next()?;
        let child = lock(&self.children)
            .nodes
            .values()
            .find(|node| node.id == id)
            .cloned()?;
        child.leash_at(path)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let children: Vec<_> = lock(&self.children).nodes.values().cloned().collect();
        let window = self.command.as_ref().map(|command| {
            (
                lock(&command.window).count(command.epoch.elapsed()),
                command.intensity.restarts,
            )
        });
        let status = lock(&self.status);
        Snapshot {
            path: self.path.to_string(),
            id: self.id.clone(),
            kind: self.kind,
            strategy: self.strategy,
            restart: self.restart,
            state: status.state,
            restarts: status.restarts,
            restarts_in_window: window.map(|(counted, _)| counted),
            restarts_allowed: window.map(|(_, allowed)| allowed),
            last_exit: status.last_exit.clone(),
            uptime_ms: status.since.map(|since| millis(since.elapsed())),
            mailbox_depth: self.seat.as_ref().and_then(|seat| seat.depth()),
            oldest_message_ms: self
                .seat
                .as_ref()
                .and_then(|seat| seat.oldest_age())
                .map(millis),
            children: children.iter().map(|child| child.snapshot()).collect(),
        }
    }
}

impl Command {
    fn new(intensity: Intensity) -> Self {
        Self {
            intensity,
            epoch: Instant::now(),
            window: Mutex::new(Window::new(intensity)),
        }
    }
}

impl Default for Status {
    fn default() -> Self {
        Self {
            state: NodeState::Stopped,
            restarts: 0,
            last_exit: None,
            since: None,
            leash: None,
            verdict: None,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
