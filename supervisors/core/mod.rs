//! The rules of supervision, with no runtime in them: events go in, actions come out.
//!
//! Nothing here spawns, sends, waits or reads a clock, so every rule can be checked against a
//! naive model, and a run is repeated by repeating its events.

mod dynamic;
mod fixed;
mod intensity;
mod policy;
mod strategy;

pub use intensity::Intensity;
pub use policy::{Restart, Shutdown};
pub use strategy::Strategy;

pub(crate) use dynamic::{Dynamic, Refusal, Removal};
pub(crate) use fixed::Fixed;
pub(crate) use intensity::Window;

use crate::exit::ExitReason;

/// What happened, as a supervisor's rules see it. `K` names a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event<K> {
    /// The child is up.
    Started(K),
    /// The child did not come up, and nothing of it is left running.
    StartFailed(K, ExitReason),
    /// The child's task is over.
    Ended(K, ExitReason),
    /// The child should have ended by now, and its task has not.
    Overdue(K),
    /// The message to self that follows a failed restart.
    Retry(K),
    /// The supervisor itself is to stop.
    Stop(ExitReason),
}

/// What the adapter has to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action<K> {
    /// Start the child; answer `Started`, `StartFailed`, `Ended` or `Overdue`.
    Start(K),
    /// Make the child end; answer `Ended`, or `Overdue` first.
    Stop(K),
    /// Send `Retry` through the supervisor's own mailbox, so that an order can interleave.
    Retry(K),
    /// All children came up for the first time.
    Ready,
    /// The child is no longer one of the supervisor's.
    Forget(K),
    /// The child's exit was one restart too many.
    GiveUp(K, ExitReason),
    /// Leave, all children having ended.
    Exit(ExitReason),
}
