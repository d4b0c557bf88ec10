//! The seam through which a test harness disturbs a tree, and hears what happens in it.
//!
//! A hook belongs to one handle, or to one tree and then to all its workers: it is asked before
//! each delivery, each start and each message that is handled, and told of lives, calls and what
//! is in flight where they happen, not where a supervisor decides about them. It is no rule of
//! the product: without a hook nothing is disturbed, and there is no global switch.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::lifecycle::Lifecycle;
use crate::planted::Planted;

/// What becomes of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Hand it to the actor.
    Deliver,
    /// Lose it as if the actor died with it: the caller reads `Unavailable`.
    Drop,
    /// Hand it over later. Messages sent meanwhile overtake it.
    Delay(Duration),
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// With an answer.
    Answered,
    /// [`CallError::Unavailable`](crate::CallError).
    Unavailable,
    /// [`CallError::Overloaded`](crate::CallError).
    Overloaded,
    /// [`CallError::Timeout`](crate::CallError).
    TimedOut,
    /// Whoever called went away.
    Abandoned,
}

/// What becomes of one start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starting {
    /// It starts.
    Start,
    /// It fails, before the actor is made.
    Fail,
    /// It starts that much later.
    Hang(Duration),
}

/// What becomes of one message that an actor takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// It is handled.
    Handle,
    /// The handler panics.
    Panic,
    /// It is handled that much later, and whatever waits behind it.
    Hang(Duration),
}

/// Decides what is disturbed, and hears what happens. Implementations must not block: they run in
/// the caller's task, the actor's or its supervisor's.
pub trait FaultHook: Send + Sync + 'static {
    /// Called with the path of the actor before a message enters its mailbox.
    fn before_deliver(&self, path: &str) -> Delivery;

    /// Called before a message of [`Handle::cast_repeatable`](crate::Handle) is sent: whether it is
    /// to come twice.
    fn before_repeatable(&self, _path: &str) -> bool {
        false
    }

    /// Called before a worker's start. A tree's hook alone is asked.
    fn before_start(&self, _path: &str) -> Starting {
        Starting::Start
    }

    /// Called before a worker handles a message. A tree's hook alone is asked.
    fn before_handle(&self, _path: &str) -> Handling {
        Handling::Handle
    }

    /// So many messages more count as in flight: a flood that fills the mailbox.
    fn crowd(&self, _path: &str) -> usize {
        0
    }

    /// A message was let in, one of `depth` that are in flight now; `limit` is the handle's.
    fn let_in(&self, _path: &str, _depth: usize, _limit: usize) {}

    /// A call begins; answers its number.
    fn call_began(&self, _path: &str, _deadline: Duration) -> u64 {
        0
    }

    /// The call of that number is over.
    fn call_ended(&self, _call: u64, _how: Called) {}

    /// A worker's incarnation begins, before its actor is made; answers its number. A tree's hook
    /// alone is told.
    fn life_began(&self, _path: &str) -> u64 {
        0
    }

    /// Nothing of the actor of that incarnation is left.
    fn life_ended(&self, _path: &str, _life: u64) {}

    /// A supervisor tells of a change, at once and in order. A tree's hook alone is told.
    fn told(&self, _change: &Lifecycle) {}

    /// The defect that the tree and its handles are to have, in a build with debug assertions.
    fn planted(&self) -> Option<Planted> {
        None
    }
}

/// A tree's hook at one life of a worker: held by its actor and by its state, so that dropping the
/// last share is the end of that life.
pub(crate) struct Disturbance {
    hook: Arc<dyn FaultHook>,
    path: String,
    life: OnceLock<u64>,
}

impl Drop for Disturbance {
    fn drop(&mut self) {
        if let Some(life) = self.life.get() {
            self.hook.life_ended(&self.path, *life);
        }
    }
}

impl Disturbance {
    pub(crate) fn new(hook: Arc<dyn FaultHook>, path: String) -> Self {
        Self {
            hook,
            path,
            life: OnceLock::new(),
        }
    }

    pub(crate) fn hook(&self) -> Arc<dyn FaultHook> {
        Arc::clone(&self.hook)
    }

    /// False when the start fails; else the life begins.
    pub(crate) async fn lets_start(&self) -> bool {
        match self.hook.before_start(&self.path) {
            Starting::Start => {}
            Starting::Fail => return false,
            Starting::Hang(time) => tokio::time::sleep(time).await,
        }
        self.life.get_or_init(|| self.hook.life_began(&self.path));
        true
    }

    /// False when the handler panics.
    pub(crate) async fn lets_handle(&self) -> bool {
        match self.hook.before_handle(&self.path) {
            Handling::Handle => true,
            Handling::Panic => false,
            Handling::Hang(time) => {
                tokio::time::sleep(time).await;
                true
            }
        }
    }
}
