//! What a guest may ask the host for, beyond Extism's own functions.
//!
//! Owns the namespace `extism:host/user` as the kit imports it: the time, and what a code of a
//! value set is called. Refuses nothing at a call: a function is linked for a plugin that holds its
//! capability and for no other ([`Terms`](super::terms::Terms)). Neither waits for anything, so
//! that a guest which asks without end meets its deadline as one that computes without end does.

use std::collections::BTreeMap;

use plantao_schema::fhir::valueset_display;
use plantao_schema::plugin::CapabilityKind;
use wasmtime::{Caller, Linker, Result};

use super::error::ImportRefusal;
use super::state::{GuestState, Stop};
use crate::clock::WallClock;

/// Where the functions of capabilities live.
pub(super) const NAMESPACE: &str = "extism:host/user";
const CLOCK: &str = "plantao_clock_now_ms";
const VALUESET: &str = "plantao_valueset_display";

/// What the guests of one plugin find when they ask.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    /// What `config_get` finds.
    pub(super) config: BTreeMap<String, String>,
    /// What tells the time.
    pub(super) clock: WallClock,
}

/// Which capability a function needs.
pub(super) fn need(name: &str) -> Option<CapabilityKind> {
    match name {
        CLOCK => Some(CapabilityKind::Clock),
        VALUESET => Some(CapabilityKind::ValuesetLookup),
        _ => None,
    }
}

/// Defines one function, or says why it is refused.
pub(super) fn define(
    linker: &mut Linker<GuestState>,
    name: &str,
) -> std::result::Result<(), ImportRefusal> {
    let defined = match name {
        CLOCK => linker.func_wrap(NAMESPACE, name, now_ms),
        VALUESET => linker.func_wrap(NAMESPACE, name, display),
        _ => return Err(ImportRefusal::Unknown),
    };
    defined.map(|_| ()).map_err(|_| ImportRefusal::Signature)
}

/// Milliseconds since 1970.
fn now_ms(guest: Caller<'_, GuestState>) -> u64 {
    let micros = guest.data().offer.clock.now().micros();
    u64::try_from(micros / 1_000).unwrap_or(0)
}

/// Two blocks in, one with the display name out; the null address when there is none.
fn display(mut guest: Caller<'_, GuestState>, valueset: u64, code: u64) -> Result<u64> {
    let state = guest.data_mut();
    let found = valueset_display(text(state, valueset)?, text(state, code)?);
    Ok(found.map_or(Ok(0), |name| state.store(name.as_bytes()))?)
}

/// The text of a block. What is not text names nothing.
fn text(state: &GuestState, address: u64) -> std::result::Result<&str, Stop> {
    let block = state.arena.block(address);
    let bytes = block.map_err(Stop::out_of_range(VALUESET))?;
    Ok(str::from_utf8(bytes).unwrap_or_default())
}
