//! The seam through which a test harness disturbs delivery.
//!
//! A handle asks its hook, if one was installed, before each message. It is no rule of the
//! product: without a hook every message is delivered, and there is no global switch.

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

/// Decides the fate of messages. Implementations must not block: they run in the caller's task.
pub trait FaultHook: Send + Sync + 'static {
    /// Called with the path of the actor before a message enters its mailbox.
    fn before_deliver(&self, path: &str) -> Delivery;
}
