//! A guest between two calls, for plugins whose operator opted in.
//!
//! Owns a store and its instance from the end of one call to the end of the next. Refuses to come
//! back from a call that ended in anything but an answer, to serve another module than its own, to
//! serve more than [`CALLS_MAX`] calls, and to keep memory that a call made it grow by more than
//! [`GROWTH_MAX_BYTES`]. The host's side of the call (input, blocks, variables, output) is dropped
//! with the call all the same; what is kept is the guest's own memory, which the host cannot look
//! into. So a plugin that is shown text as it came is never kept.

use std::sync::Arc;

use wasmtime::{Instance, Store};

use super::guard::GuestInput;
use super::module::GuestModule;
use super::state::{GuestState, Stop};

/// What a guest leaks in one call it may leak so often.
pub(super) const CALLS_MAX: u32 = 1_000;
/// Beyond what its first call left, so that a text of unusual length does not stay for good.
pub(super) const GROWTH_MAX_BYTES: usize = 1024 * 1024;

/// A guest that can take a call.
pub(super) struct Kept {
    module: Arc<GuestModule>,
    pub(super) store: Store<GuestState>,
    /// There once it has started.
    pub(super) instance: Option<Instance>,
    calls: u32,
    first_bytes: usize,
}

impl Kept {
    /// One that has not started.
    pub(super) fn fresh(module: &Arc<GuestModule>, store: Store<GuestState>) -> Self {
        Self {
            module: Arc::clone(module),
            store,
            instance: None,
            calls: 0,
            first_bytes: 0,
        }
    }

    /// Whether it is this module's: after a reload it is not.
    pub(super) fn is_of(&self, module: &Arc<GuestModule>) -> bool {
        Arc::ptr_eq(&self.module, module)
    }

    /// Gives it the next call's input.
    pub(super) fn take_up(&mut self, input: &GuestInput) -> Result<(), Stop> {
        self.store.data_mut().take_up(input)
    }

    /// After an answer: the same guest with nothing of the call on the host's side, or nothing when
    /// it is due for renewal.
    pub(super) fn rest(mut self) -> Option<Self> {
        if !self.module.reuse {
            return None;
        }
        let bytes = self.store.data().linear_bytes();
        if self.calls == 0 {
            self.first_bytes = bytes;
        }
        self.calls += 1;
        let grown = bytes.saturating_sub(self.first_bytes);
        if self.calls >= CALLS_MAX || grown > GROWTH_MAX_BYTES {
            return None;
        }
        self.store.data_mut().rest();
        Some(self)
    }
}
