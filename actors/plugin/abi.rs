//! Extism's host functions, as its plugin kits import them.
//!
//! Owns the namespace `extism:host/env`: input and output, blocks, configuration, variables, log
//! and error; [`offer`] owns `extism:host/user`. Refuses network (`http_*`), the operating system
//! (WASI) and everything unknown when the module is loaded. An offset outside every block ends the
//! guest; only `length`, which guests use to ask whether an offset is a block, answers 0 to that.
//! Semantics follow `extism-pdk` 1.4.

use plantao_schema::plugin::CapabilityKind;
use tracing::Level;
use wasmtime::{Caller, Linker, Result};

use super::error::ImportRefusal;
use super::log_lines;
use super::offer;
use super::state::{GuestState, Stop};

/// Where Extism's functions live.
pub(super) const NAMESPACE: &str = "extism:host/env";

type Guest<'a> = Caller<'a, GuestState>;

/// Which capability an import needs; most need none.
pub(super) fn need(namespace: &str, name: &str) -> Option<CapabilityKind> {
    if namespace == offer::NAMESPACE {
        return offer::need(name);
    }
    if namespace != NAMESPACE {
        return None;
    }
    match name {
        "config_get" => Some(CapabilityKind::Config),
        "get_log_level" => Some(CapabilityKind::Log),
        _ if name.starts_with("log_") => Some(CapabilityKind::Log),
        _ => None,
    }
}

/// Defines one import, or says why it is refused.
pub(super) fn define(
    linker: &mut Linker<GuestState>,
    namespace: &str,
    name: &str,
) -> std::result::Result<(), ImportRefusal> {
    if namespace.starts_with("wasi") {
        return Err(ImportRefusal::Wasi);
    }
    if namespace == offer::NAMESPACE {
        return offer::define(linker, name);
    }
    if namespace != NAMESPACE {
        return Err(ImportRefusal::Unknown);
    }
    let defined = match name {
        "input_length" => linker.func_wrap(NAMESPACE, name, input_length),
        "input_offset" => linker.func_wrap(NAMESPACE, name, input_offset),
        "input_load_u8" => linker.func_wrap(NAMESPACE, name, input_load_u8),
        "input_load_u64" => linker.func_wrap(NAMESPACE, name, input_load_u64),
        "alloc" => linker.func_wrap(NAMESPACE, name, alloc),
        "free" => linker.func_wrap(NAMESPACE, name, free),
        "length" | "length_unsafe" => linker.func_wrap(NAMESPACE, name, length),
        "load_u8" => linker.func_wrap(NAMESPACE, name, load_u8),
        "load_u64" => linker.func_wrap(NAMESPACE, name, load_u64),
        "store_u8" => linker.func_wrap(NAMESPACE, name, store_u8),
        "store_u64" => linker.func_wrap(NAMESPACE, name, store_u64),
        "output_set" => linker.func_wrap(NAMESPACE, name, output_set),
        "error_set" => linker.func_wrap(NAMESPACE, name, error_set),
        "config_get" => linker.func_wrap(NAMESPACE, name, config_get),
        "var_get" => linker.func_wrap(NAMESPACE, name, var_get),
        "var_set" => linker.func_wrap(NAMESPACE, name, var_set),
        "get_log_level" => linker.func_wrap(NAMESPACE, name, log_lines::level_for_guests),
        "log_trace" => log(linker, "log_trace", Level::TRACE),
        "log_debug" => log(linker, "log_debug", Level::DEBUG),
        "log_info" => log(linker, "log_info", Level::INFO),
        "log_warn" => log(linker, "log_warn", Level::WARN),
        "log_error" => log(linker, "log_error", Level::ERROR),
        #[cfg(test)]
        "test_panic" | "test_pending" => super::tests::host::define(linker, name),
        "http_request" | "http_status_code" | "http_headers" => {
            return Err(ImportRefusal::Network);
        }
        _ => return Err(ImportRefusal::Unknown),
    };
    // A second definition under one name is the only way this fails, and callers ask once.
    defined.map(|_| ()).map_err(|_| ImportRefusal::Signature)
}

fn input_length(guest: Guest<'_>) -> u64 {
    guest.data().input().1
}

fn input_offset(guest: Guest<'_>) -> u64 {
    guest.data().input().0
}

fn input_load_u8(guest: Guest<'_>, offset: u64) -> Result<u32> {
    let [byte] = input_bytes::<1>(&guest, offset, "input_load_u8")?;
    Ok(u32::from(byte))
}

fn input_load_u64(guest: Guest<'_>, offset: u64) -> Result<u64> {
    input_bytes(&guest, offset, "input_load_u64").map(u64::from_le_bytes)
}

fn input_bytes<const N: usize>(
    guest: &Guest<'_>,
    offset: u64,
    function: &'static str,
) -> Result<[u8; N]> {
    let (address, length) = guest.data().input();
    // The offset counts from the input's start: it must not reach into a neighbouring address.
    if offset.checked_add(N as u64).is_none_or(|end| end > length) {
        return Err(Stop::OutOfRange { function }.into());
    }
    let bytes = guest.data().arena.read_array(address + offset);
    Ok(bytes.map_err(Stop::out_of_range(function))?)
}

fn alloc(mut guest: Guest<'_>, length: u64) -> Result<u64> {
    Ok(guest.data_mut().alloc(length)?)
}

fn free(mut guest: Guest<'_>, offset: u64) -> Result<()> {
    if offset == 0 {
        return Ok(());
    }
    Ok(guest
        .data_mut()
        .arena
        .remove(offset)
        .map_err(Stop::out_of_range("free"))?)
}

fn length(guest: Guest<'_>, offset: u64) -> u64 {
    guest
        .data()
        .arena
        .block(offset)
        .map_or(0, |block| block.len() as u64)
}

fn load_u8(guest: Guest<'_>, offset: u64) -> Result<u32> {
    let bytes = guest.data().arena.read_array(offset);
    let [byte] = bytes.map_err(Stop::out_of_range("load_u8"))?;
    Ok(u32::from(byte))
}

fn load_u64(guest: Guest<'_>, offset: u64) -> Result<u64> {
    let bytes = guest.data().arena.read_array(offset);
    Ok(u64::from_le_bytes(
        bytes.map_err(Stop::out_of_range("load_u64"))?,
    ))
}

fn store_u8(mut guest: Guest<'_>, offset: u64, value: u32) -> Result<()> {
    // A byte travels as the low bits of an i32.
    let [byte, ..] = value.to_le_bytes();
    let stored = guest.data_mut().arena.write(offset, &[byte]);
    Ok(stored.map_err(Stop::out_of_range("store_u8"))?)
}

fn store_u64(mut guest: Guest<'_>, offset: u64, value: u64) -> Result<()> {
    let stored = guest.data_mut().arena.write(offset, &value.to_le_bytes());
    Ok(stored.map_err(Stop::out_of_range("store_u64"))?)
}

fn output_set(mut guest: Guest<'_>, offset: u64, length: u64) -> Result<()> {
    Ok(guest.data_mut().set_output(offset, length)?)
}

fn error_set(mut guest: Guest<'_>, offset: u64) -> Result<()> {
    Ok(guest.data_mut().set_error(offset)?)
}

fn config_get(mut guest: Guest<'_>, key: u64) -> Result<u64> {
    let state = guest.data_mut();
    let key = state
        .arena
        .block(key)
        .map_err(Stop::out_of_range("config_get"))?;
    let value = str::from_utf8(key)
        .ok()
        .and_then(|key| state.offer.config.get(key))
        .cloned();
    Ok(value.map_or(Ok(0), |value| state.store(value.as_bytes()))?)
}

fn var_get(mut guest: Guest<'_>, key: u64) -> Result<u64> {
    let state = guest.data_mut();
    let key = state
        .arena
        .block(key)
        .map_err(Stop::out_of_range("var_get"))?;
    let value = state.variable(key).map(<[u8]>::to_vec);
    Ok(value.map_or(Ok(0), |value| state.store(&value))?)
}

fn var_set(mut guest: Guest<'_>, key: u64, value: u64) -> Result<()> {
    let state = guest.data_mut();
    let out_of_range = || Stop::out_of_range("var_set");
    let key = state.arena.block(key).map_err(out_of_range())?.to_vec();
    let value = match value {
        0 => None,
        address => Some(state.arena.block(address).map_err(out_of_range())?.to_vec()),
    };
    Ok(state.set_variable(&key, value.as_deref())?)
}

fn log<'a>(
    linker: &'a mut Linker<GuestState>,
    name: &'static str,
    level: Level,
) -> Result<&'a mut Linker<GuestState>> {
    linker.func_wrap(
        NAMESPACE,
        name,
        move |mut guest: Guest<'_>, line: u64| -> Result<()> {
            let state = guest.data_mut();
            // Null is no line, as it is no error and nothing to free.
            if line == 0 {
                return Ok(());
            }
            let line = state.arena.block(line).map_err(Stop::out_of_range(name))?;
            state.logs.write(level, line);
            Ok(())
        },
    )
}
