//! The hook that the tree's workers are disturbed through, and heard.

use super::recorder::Recorder;
use crate::{ActorKind, FaultKind, LifeState, Selector};
use plantao_supervisors::{
    Called, Delivery, FaultHook, Handling, Lifecycle, NodeState, Planted, Snapshot, Starting, Tree,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What happens at the next occasions, to whom a selector names.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub(super) target: Selector,
    pub(super) act: Act,
    /// Only while it is in that state.
    pub(super) state: Option<LifeState>,
    /// So many times.
    pub(super) left: u32,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Drop,
    Duplicate,
    Delay(Duration),
    FailStart,
    HangStart(Duration),
    Panic,
    Hang(Duration),
}

/// A crowd in a mailbox.
#[derive(Clone, Debug)]
struct Flood {
    target: Selector,
    messages: usize,
    /// Only while it is in that state.
    state: Option<LifeState>,
}

/// See the module. Clones share the charges.
#[derive(Clone, Default)]
pub(super) struct Hook {
    charges: Arc<Mutex<Vec<Charge>>>,
    /// Mailboxes that are crowded, and with how many messages.
    floods: Arc<Mutex<Vec<Flood>>>,
    /// When the last that was struck is over.
    until: Arc<Mutex<Option<Instant>>>,
    /// Where states are looked up, as long as the node lives.
    tree: Arc<Mutex<Option<Tree>>>,
    /// Who has begun to live before.
    known: Arc<Mutex<BTreeSet<String>>>,
    recorder: Recorder,
    planted: Option<Planted>,
}

/// Whether a selector names a worker, which are all that a hook hears of.
fn names(selector: &Selector, path: &str) -> bool {
    selector.takes(ActorKind::Worker) && selector.matches(path)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hook {
    pub(super) fn new(recorder: Recorder, planted: Option<Planted>) -> Self {
        Self {
            recorder,
            planted,
            ..Self::default()
        }
    }

    pub(super) fn lay(&self, charge: Charge) {
        lock(&self.charges).push(charge);
    }

    /// Crowds mailboxes until [`Hook::drain`].
    pub(super) fn flood(&self, target: &Selector, messages: usize, state: Option<LifeState>) {
        lock(&self.floods).push(Flood {
            target: target.clone(),
            messages,
            state,
        });
    }

    /// They are as they were.
    pub(super) fn drain(&self, target: &Selector) {
        lock(&self.floods).retain(|flood| flood.target != *target);
    }

    /// Whether all that was laid has happened and is over.
    pub(super) fn is_spent(&self) -> bool {
        let is_spent = lock(&self.charges).iter().all(|one| one.left == 0);
        let is_over = lock(&self.until).is_none_or(|until| until <= Instant::now());
        is_spent && is_over && lock(&self.floods).is_empty()
    }

    /// Nothing more happens.
    pub(super) fn clear(&self) {
        lock(&self.charges).clear();
        lock(&self.floods).clear();
    }

    /// States are looked up in this tree, until [`Hook::forget`].
    pub(super) fn follow(&self, tree: &Tree) {
        *lock(&self.tree) = Some(tree.clone());
    }

    /// The node is over.
    pub(super) fn forget(&self) {
        lock(&self.tree).take();
    }

    /// The first charge that `fits` and names `path`, once less from now on.
    fn take(&self, path: &str, fits: impl Fn(Act) -> bool) -> Option<Act> {
        let is_due = |one: &Charge| one.left > 0 && fits(one.act) && names(&one.target, path);
        // Looked up only where there is something to look it up for.
        if !lock(&self.charges).iter().any(is_due) {
            return None;
        }
        let state = self.state_of(path, fits(Act::FailStart));
        let mut charges = lock(&self.charges);
        let charge = charges
            .iter_mut()
            .find(|one| is_due(one) && one.state.is_none_or(|asked| asked == state))?;
        charge.left -= 1;
        let act = charge.act;
        drop(charges);
        let until = Instant::now() + act.lasts();
        let mut over = lock(&self.until);
        *over = Some(over.map_or(until, |before| before.max(until)));
        drop(over);
        self.recorder.struck(act.kind(), path, state);
        Some(act)
    }

    /// In which state a worker is; one that is about to start, whether that is its first time.
    fn state_of(&self, path: &str, is_start: bool) -> LifeState {
        if is_start {
            let is_known = lock(&self.known).contains(path);
            return if is_known {
                LifeState::Restarting
            } else {
                LifeState::Starting
            };
        }
        let tree = lock(&self.tree).clone();
        let found = tree.and_then(|tree| state_in(&tree.snapshot(), path));
        found.unwrap_or(LifeState::Running)
    }
}

impl Act {
    /// How long it takes once it has struck.
    const fn lasts(self) -> Duration {
        match self {
            Self::Delay(span) | Self::HangStart(span) | Self::Hang(span) => span,
            _ => Duration::ZERO,
        }
    }

    const fn kind(self) -> FaultKind {
        match self {
            Self::Drop => FaultKind::Drop,
            Self::Duplicate => FaultKind::Duplicate,
            Self::Delay(_) => FaultKind::Delay,
            Self::FailStart => FaultKind::StartFailure,
            Self::HangStart(_) => FaultKind::StartHang,
            Self::Panic => FaultKind::Panic,
            Self::Hang(_) => FaultKind::Hang,
        }
    }
}

/// The state of a node of a tree.
fn state_in(node: &Snapshot, path: &str) -> Option<LifeState> {
    if node.path == path {
        return life_state(node.state);
    }
    let below = node
        .children
        .iter()
        .filter(|child| path.starts_with(&child.path));
    below.into_iter().find_map(|child| state_in(child, path))
}

/// The states that faults are aimed at. Who is down is in none.
pub(super) const fn life_state(state: NodeState) -> Option<LifeState> {
    match state {
        NodeState::Starting => Some(LifeState::Starting),
        NodeState::Running => Some(LifeState::Running),
        NodeState::Restarting => Some(LifeState::Restarting),
        NodeState::Stopping => Some(LifeState::Stopping),
        _ => None,
    }
}

impl FaultHook for Hook {
    fn before_deliver(&self, path: &str) -> Delivery {
        let is_of_delivery = |act| matches!(act, Act::Drop | Act::Delay(_));
        match self.take(path, is_of_delivery) {
            Some(Act::Drop) => Delivery::Drop,
            Some(Act::Delay(time)) => Delivery::Delay(time),
            _ => Delivery::Deliver,
        }
    }

    fn before_repeatable(&self, path: &str) -> bool {
        self.take(path, |act| act == Act::Duplicate).is_some()
    }

    fn before_start(&self, path: &str) -> Starting {
        match self.take(path, |act| {
            matches!(act, Act::FailStart | Act::HangStart(_))
        }) {
            Some(Act::FailStart) => Starting::Fail,
            Some(Act::HangStart(time)) => Starting::Hang(time),
            _ => Starting::Start,
        }
    }

    fn before_handle(&self, path: &str) -> Handling {
        match self.take(path, |act| matches!(act, Act::Panic | Act::Hang(_))) {
            Some(Act::Panic) => Handling::Panic,
            Some(Act::Hang(time)) => Handling::Hang(time),
            _ => Handling::Handle,
        }
    }

    fn crowd(&self, path: &str) -> usize {
        let mut here = lock(&self.floods).clone();
        here.retain(|flood| names(&flood.target, path));
        if here.is_empty() {
            return 0;
        }
        let state = self.state_of(path, false);
        here.retain(|flood| flood.state.is_none_or(|asked| asked == state));
        if !here.is_empty() {
            self.recorder.struck(FaultKind::Flood, path, state);
        }
        here.iter().map(|flood| flood.messages).sum()
    }

    fn let_in(&self, path: &str, depth: usize, limit: usize) {
        self.recorder.let_in(path, depth, limit);
    }

    fn call_began(&self, path: &str, deadline: Duration) -> u64 {
        self.recorder.call_began(path, deadline)
    }

    fn call_ended(&self, call: u64, how: Called) {
        self.recorder.call_ended(call, how);
    }

    fn life_began(&self, path: &str) -> u64 {
        lock(&self.known).insert(path.to_owned());
        self.recorder.life_began(path)
    }

    fn life_ended(&self, path: &str, life: u64) {
        self.recorder.life_ended(path, life);
    }

    fn told(&self, change: &Lifecycle) {
        self.recorder.told(change);
    }

    fn planted(&self) -> Option<Planted> {
        self.planted
    }
}
