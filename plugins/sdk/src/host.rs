//! The host of a native build: the scripted one of the test that runs, if there is one.
//!
//! Owns nothing; its twin in the sandbox is `host_wasm.rs`, function by function.

use crate::log::Level;
use crate::testing::ask;

pub(crate) fn now_ms() -> u64 {
    ask(|host| host.look_at_clock())
}

pub(crate) fn config(key: &str) -> Option<String> {
    ask(|host| host.value_of(key))
}

pub(crate) fn valueset_display(valueset: &str, code: &str) -> Option<String> {
    ask(|host| host.display_of(valueset, code))
}

pub(crate) fn hears(_level: Level) -> bool {
    true
}

pub(crate) fn log(level: Level, line: String) {
    ask(|host| host.hear(level, line));
}
