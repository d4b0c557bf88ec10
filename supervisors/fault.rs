//! The seam through which a test harness disturbs a tree.
//!
//! A hook belongs to one handle, or to one tree and then to all its workers: it is asked before
//! each delivery, each start and each message that is handled. It is no rule of the product:
//! without a hook nothing is disturbed, and there is no global switch.

use std::sync::Arc;
use std::time::Duration;

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

/// Decides what is disturbed. Implementations must not block: they run in the caller's task, or the
/// actor's.
pub trait FaultHook: Send + Sync + 'static {
    /// Called with the path of the actor before a message enters its mailbox.
    fn before_deliver(&self, path: &str) -> Delivery;

    /// Called before a worker's start. A tree's hook alone is asked.
    fn before_start(&self, _path: &str) -> Starting {
        Starting::Start
    }

    /// Called before a worker handles a message. A tree's hook alone is asked.
    fn before_handle(&self, _path: &str) -> Handling {
        Handling::Handle
    }
}

/// A tree's hook at one worker.
pub(crate) struct Disturbance {
    pub(crate) hook: Arc<dyn FaultHook>,
    pub(crate) path: String,
}

impl Disturbance {
    /// False when the start fails.
    pub(crate) async fn lets_start(&self) -> bool {
        match self.hook.before_start(&self.path) {
            Starting::Start => true,
            Starting::Fail => false,
            Starting::Hang(time) => {
                tokio::time::sleep(time).await;
                true
            }
        }
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
