//! A guest's log lines, handed to the host.
//!
//! Owns the level filter, the form of a line (`event key=value`) and what may be a value. Refuses
//! text of an input: an event and a key are fixed, a value is a number, a truth or a fixed word, so
//! that no part of an input reaches a log by accident.

use std::fmt::Write;

use crate::capability::Log;
use crate::host;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// What may stand behind a key of a log line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A number that may be negative.
    Signed(i64),
    /// A number that is not.
    Unsigned(u64),
    /// A measure.
    Real(f64),
    /// A truth.
    Truth(bool),
    /// A word that was in the plugin's source.
    Word(&'static str),
}

macro_rules! values {
    ($($from:ty => $variant:ident($to:ty)),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(<$to>::from(value))
            }
        }
    )*};
}

values! {
    i8 => Signed(i64), i16 => Signed(i64), i32 => Signed(i64), i64 => Signed(i64),
    u8 => Unsigned(u64), u16 => Unsigned(u64), u32 => Unsigned(u64), u64 => Unsigned(u64),
    f32 => Real(f64), f64 => Real(f64),
    bool => Truth(bool), &'static str => Word(&'static str),
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Unsigned(u64::try_from(value).unwrap_or(u64::MAX))
    }
}

/// Writes one line to the host's log, when the plugin declares `log`:
/// `log!(HOST.log, Info, "words_counted", words = count)`.
///
/// The event and the keys are fixed, and a value is a number, a truth or a word of the source.
/// ```compile_fail
/// # use plantao_plugin_sdk::{log, plugin};
/// # mod a { plantao_plugin_sdk::plugin! {
/// #     name: "a", version: "0.1.0", functions: {}, capabilities: [log],
/// #     limits: { memory_bytes: 65_536, timeout_ms: 1, output_bytes: 1 },
/// # } pub(super) fn f(input: &str) {
/// plantao_plugin_sdk::log!(HOST.log, Info, "seen", text = input); // not `'static`: refused
/// # } }
/// ```
#[macro_export]
macro_rules! log {
    ($log:expr, $level:ident, $event:literal $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::Log::write(
            &$log,
            $crate::Level::$level,
            $event,
            &[$((stringify!($key), $crate::Value::from($value))),*],
        )
    };
}

impl Log {
    /// Sends one line to the host's log when the host listens at this level.
    pub fn write(&self, level: Level, event: &'static str, values: &[(&'static str, Value)]) {
        if !host::hears(level) {
            return;
        }
        let mut line = event.to_owned();
        for (key, value) in values {
            // Writing to a string does not fail.
            let _ = match value {
                Value::Signed(number) => write!(line, " {key}={number}"),
                Value::Unsigned(number) => write!(line, " {key}={number}"),
                Value::Real(number) => write!(line, " {key}={number}"),
                Value::Truth(truth) => write!(line, " {key}={truth}"),
                Value::Word(word) => write!(line, " {key}={word:?}"),
            };
        }
        host::log(level, line);
    }
}
