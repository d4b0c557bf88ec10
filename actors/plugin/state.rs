//! Everything one call owns on the host's side of the sandbox.
//!
//! Owns the blocks, variables, output and error of a single call and counts them against its
//! limits. Refuses by [`Stop`], which ends the guest where it stands. PHI: the input of a plugin
//! with `phi:raw` passes through here; purpose and legal basis are the caller's permit, retention
//! is the call (the store is dropped with it), access is the one guest, nothing is written out
//! unredacted, the audit entry is the caller's.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::arena::{Arena, BLOCKS_MAX, OutOfRange};
use super::error::PluginError;
use super::guard::GuestInput;
use super::limit_kind::LimitKind;
use super::limits::Limits;
use super::log_lines::LogLines;
use super::offer::Offer;

/// Host bytes a variable costs beyond its name and value, charged so that empty ones are not free.
const VARIABLE_OVERHEAD_BYTES: usize = 64;

/// Why the host stopped a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    /// A limit was passed.
    #[error("passed its limit of {value} {limit}")]
    Limit {
        /// Which.
        limit: LimitKind,
        /// Its value.
        value: u64,
    },
    /// An offset outside every block.
    #[error("gave `{function}` an offset out of range")]
    OutOfRange {
        /// To which host function.
        function: &'static str,
    },
}

impl Stop {
    pub(super) fn limit(limit: LimitKind, value: usize) -> Self {
        Self::Limit {
            limit,
            value: value as u64,
        }
    }

    pub(super) fn out_of_range(function: &'static str) -> impl FnOnce(OutOfRange) -> Self {
        move |OutOfRange| Self::OutOfRange { function }
    }

    pub(super) fn into_error(self, plugin: &str) -> PluginError {
        let plugin = plugin.to_owned();
        match self {
            Self::Limit { limit, value } => PluginError::Limit {
                plugin,
                limit,
                value,
            },
            Self::OutOfRange { function } => PluginError::OutOfRange { plugin, function },
        }
    }
}

/// The host's side of one call.
pub(super) struct GuestState {
    plugin: Arc<str>,
    pub(super) arena: Arena,
    pub(super) logs: LogLines,
    pub(super) offer: Arc<Offer>,
    limits: Limits,
    linear_bytes: usize,
    input: (u64, u64),
    output: Option<(u64, u64)>,
    error: Option<u64>,
    variables: BTreeMap<Vec<u8>, Vec<u8>>,
    variable_bytes: usize,
}

impl GuestState {
    /// The state of a call with this input, which counts as the guest's first block.
    pub(super) fn new(
        plugin: Arc<str>,
        limits: Limits,
        offer: Arc<Offer>,
        shown: &GuestInput,
    ) -> Result<Self, Stop> {
        let mut state = Self::idle(plugin, limits, offer);
        state.take_up(shown)?;
        Ok(state)
    }

    /// Takes the input of a call.
    pub(super) fn take_up(&mut self, shown: &GuestInput) -> Result<(), Stop> {
        let input = shown.as_bytes();
        if input.len() > self.limits.input_bytes {
            let most = self.limits.input_bytes;
            return Err(Stop::limit(LimitKind::InputBytes, most));
        }
        self.logs = LogLines::about(Arc::clone(&self.plugin), shown);
        let address = self.store(input)?;
        self.input = (address, input.len() as u64);
        Ok(())
    }

    /// Forgets a call; the guest's own memory still counts.
    pub(super) fn rest(&mut self) {
        let (plugin, offer) = (Arc::clone(&self.plugin), Arc::clone(&self.offer));
        let idle = Self::idle(plugin, self.limits, offer);
        let linear_bytes = self.linear_bytes;
        *self = Self {
            linear_bytes,
            ..idle
        };
    }

    /// The guest's linear memory.
    pub(super) fn linear_bytes(&self) -> usize {
        self.linear_bytes
    }

    /// The state of no call: what a store needs to exist.
    pub(super) fn idle(plugin: Arc<str>, limits: Limits, offer: Arc<Offer>) -> Self {
        Self {
            arena: Arena::default(),
            logs: LogLines::of_no_call(Arc::clone(&plugin)),
            plugin,
            offer,
            limits,
            linear_bytes: 0,
            input: (0, 0),
            output: None,
            error: None,
            variables: BTreeMap::new(),
            variable_bytes: 0,
        }
    }

    /// Address and length of the input.
    pub(super) fn input(&self) -> (u64, u64) {
        self.input
    }

    /// An empty block; the null address for no bytes, as guests expect.
    pub(super) fn alloc(&mut self, length: u64) -> Result<u64, Stop> {
        if length == 0 {
            return Ok(0);
        }
        let length = self.admit(length)?;
        Ok(self.arena.insert(vec![0; length].into_boxed_slice()))
    }

    /// A block with a copy of these bytes; the null address for no bytes.
    pub(super) fn store(&mut self, bytes: &[u8]) -> Result<u64, Stop> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.admit(bytes.len() as u64)?;
        Ok(self.arena.insert(bytes.into()))
    }

    fn admit(&self, length: u64) -> Result<usize, Stop> {
        if self.arena.is_full() {
            return Err(Stop::limit(LimitKind::Blocks, BLOCKS_MAX));
        }
        let over = Stop::limit(LimitKind::MemoryBytes, self.limits.memory_bytes);
        let price = Arena::price(length).ok_or(over)?;
        let held = self.linear_bytes.saturating_add(self.arena.bytes());
        if held
            .checked_add(price)
            .is_none_or(|total| total > self.limits.memory_bytes)
        {
            return Err(over);
        }
        usize::try_from(length).map_err(|_| over)
    }

    /// Notes where the output is; it is read when the function has returned.
    pub(super) fn set_output(&mut self, address: u64, length: u64) -> Result<(), Stop> {
        if length > self.limits.output_bytes as u64 {
            return Err(Stop::limit(
                LimitKind::OutputBytes,
                self.limits.output_bytes,
            ));
        }
        if length > 0 {
            self.arena
                .read(address, length)
                .map_err(Stop::out_of_range("output_set"))?;
        }
        self.output = Some((address, length));
        Ok(())
    }

    /// What the guest left as its output; nothing when it set none.
    pub(super) fn output(&self) -> Result<&[u8], Stop> {
        match self.output {
            None | Some((_, 0)) => Ok(&[]),
            Some((address, length)) => self
                .arena
                .read(address, length)
                .map_err(Stop::out_of_range("output_set")),
        }
    }

    /// Notes where the error text is; the null address takes an earlier error back.
    pub(super) fn set_error(&mut self, address: u64) -> Result<(), Stop> {
        if address == 0 {
            self.error = None;
            return Ok(());
        }
        self.arena
            .block(address)
            .map_err(Stop::out_of_range("error_set"))?;
        self.error = Some(address);
        Ok(())
    }

    /// What the guest left as its error text.
    /// Whether an error was set, readable or not: its block may have been freed since.
    pub(super) const fn has_error(&self) -> bool {
        self.error.is_some()
    }

    pub(super) fn error(&self) -> Option<&[u8]> {
        self.arena.block(self.error?).ok()
    }

    pub(super) fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        self.variables.get(name).map(Vec::as_slice)
    }

    /// Sets a variable, or removes it when there is no value. It ends with the call.
    pub(super) fn set_variable(&mut self, name: &[u8], value: Option<&[u8]>) -> Result<(), Stop> {
        let price = |value: &[u8]| {
            let content = name.len().saturating_add(value.len());
            content.saturating_add(VARIABLE_OVERHEAD_BYTES)
        };
        let old = self.variable(name).map_or(0, price);
        let new = value.map_or(0, price);
        let total = (self.variable_bytes - old).saturating_add(new);
        if total > self.limits.variable_bytes {
            return Err(Stop::limit(
                LimitKind::VariableBytes,
                self.limits.variable_bytes,
            ));
        }
        self.variable_bytes = total;
        match value {
            Some(value) => drop(self.variables.insert(name.to_vec(), value.to_vec())),
            None => drop(self.variables.remove(name)),
        }
        Ok(())
    }
}

impl ResourceLimiter for GuestState {
    /// Growth past the limit stops the guest: one that saw its request fail could ask for ever.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let linear = self
            .linear_bytes
            .saturating_sub(current)
            .saturating_add(desired);
        if linear.saturating_add(self.arena.bytes()) > self.limits.memory_bytes {
            return Err(Stop::limit(LimitKind::MemoryBytes, self.limits.memory_bytes).into());
        }
        self.linear_bytes = linear;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.limits.table_elements {
            return Err(Stop::limit(LimitKind::TableElements, self.limits.table_elements).into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        2
    }

    fn memories(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::WallClock;

    fn state(variable_bytes: usize) -> GuestState {
        let limits = Limits {
            variable_bytes,
            ..Limits::default()
        };
        let offer = Offer {
            config: BTreeMap::new(),
            clock: WallClock::system(),
        };
        GuestState::idle("guest".into(), limits, Arc::new(offer))
    }

    #[test]
    fn variables_with_nothing_in_them_are_limited_too() {
        let mut state = state(Limits::default().variable_bytes);
        let full = (0_u64..).find(|number| {
            let set = state.set_variable(&number.to_le_bytes(), Some(b""));
            set.is_err()
        });
        let most = Limits::default().variable_bytes / (8 + VARIABLE_OVERHEAD_BYTES);
        assert_eq!(full, Some(most as u64));
    }

    #[test]
    fn a_variable_that_is_replaced_or_removed_gives_back_what_it_cost() {
        let mut state = state(2 * VARIABLE_OVERHEAD_BYTES);
        for value in [b"abc".as_slice(), b"", b"abcdef"] {
            assert_eq!(state.set_variable(b"a", Some(value)), Ok(()));
        }
        assert!(state.set_variable(b"b", Some(b"")).is_err());
        assert_eq!(state.set_variable(b"a", None), Ok(()));
        assert_eq!((state.variable(b"a"), state.variable_bytes), (None, 0));
        assert_eq!(state.set_variable(b"b", Some(b"")), Ok(()));
    }
}
