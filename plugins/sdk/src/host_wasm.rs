//! The host of a guest: Extism's functions and those of Plantão's capabilities.
//!
//! Owns the hand-over of texts through the host's blocks. Refuses nothing: what is not granted is
//! not linked, and a plugin that imports it is refused when it is loaded.

use extism_pdk::{LogLevel, Memory};

use crate::log::Level;

#[link(wasm_import_module = "extism:host/user")]
#[expect(unsafe_code, reason = "what the host links is declared so")]
unsafe extern "C" {
    /// Milliseconds since 1970.
    safe fn plantao_clock_now_ms() -> u64;
    /// Two blocks in, one with the display name out; 0 when there is none.
    safe fn plantao_valueset_display(valueset: u64, code: u64) -> u64;
}

pub(crate) fn now_ms() -> u64 {
    plantao_clock_now_ms()
}

pub(crate) fn config(key: &str) -> Option<String> {
    // An empty value and none are the same to the host.
    extism_pdk::config::get(key).ok().flatten()
}

pub(crate) fn valueset_display(valueset: &str, code: &str) -> Option<String> {
    let valueset = Memory::from_bytes(valueset).ok()?;
    let code = Memory::from_bytes(code).ok()?;
    let found = plantao_valueset_display(valueset.offset(), code.offset());
    Memory::find(found)?.to_string().ok()
}

pub(crate) fn hears(level: Level) -> bool {
    #[expect(unsafe_code, reason = "the PDK has no safe call for `get_log_level`")]
    let heard_from = unsafe { extism_pdk::extism::get_log_level() };
    // `i32::MAX` is how an Extism host says that it does not log at all.
    heard_from != i32::MAX && of_pdk(level).to_int() >= heard_from
}

pub(crate) fn log(level: Level, line: String) {
    if let Ok(memory) = Memory::from_bytes(line) {
        memory.log(of_pdk(level));
    }
}

fn of_pdk(level: Level) -> LogLevel {
    match level {
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
    }
}
