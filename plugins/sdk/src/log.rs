//! A guest's log lines, handed to the host.
//!
//! Owns the level filter and the hand-over. Refuses formatted text: a line is fixed, with one
//! number at most, so that no part of an input reaches a log by accident.

use extism_pdk::{LogLevel, Memory};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Of use to the plugin's author.
    Debug,
    /// Worth knowing in operation.
    Info,
    /// Something was off and the call went on.
    Warn,
    /// The call failed.
    Error,
}

/// Sends one line to the host's log when the host listens at this level.
pub fn log(level: Level, line: &'static str, number: Option<u64>) {
    let level = match level {
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
    };
    #[expect(unsafe_code, reason = "the PDK has no safe call for `get_log_level`")]
    let heard_from = unsafe { extism_pdk::extism::get_log_level() };
    // `i32::MAX` is how an Extism host says that it does not log at all.
    if heard_from == i32::MAX || level.to_int() < heard_from {
        return;
    }
    let text = match number {
        Some(number) => format!("{line} `{number}`"),
        None => line.to_owned(),
    };
    if let Ok(memory) = Memory::from_bytes(text) {
        memory.log(level);
    }
}
