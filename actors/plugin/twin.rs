//! Guests without WebAssembly: what a simulator runs in their place.
//!
//! A twin answers as a guest would, or stops as one does; loading, redaction, slots, deadlines and
//! crashes are the host's own. No configuration reaches it.

use futures_util::future::BoxFuture;

/// Stands in for every module of a host.
pub trait GuestTwin: Send + Sync + 'static {
    /// Whether a plugin exports a function.
    fn has(&self, plugin: &str, function: &str) -> bool;

    /// Runs a call on what a guest is shown. Dropping the future ends the guest.
    fn run<'a>(
        &'a self,
        plugin: &'a str,
        function: &'a str,
        input: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, TwinStop>>;
}

/// How a guest ends that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TwinStop {
    /// By a trap.
    Trapped,
    /// With a code of its own.
    Failed(i32),
}
