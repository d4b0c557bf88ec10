//! The one counter that says "decide again": it moves with whatever a decision rests on.
//!
//! It says that something changed and never what, so that nobody takes a notice for a decision.

use tokio::sync::watch;

/// The counter. Clones share it.
#[derive(Clone)]
pub(crate) struct Changes(watch::Sender<u64>);

impl Changes {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Says that decisions may now be others.
    pub(crate) fn bump(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
