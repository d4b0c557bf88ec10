//! How much of the machine one call may use.
//!
//! Owns the defaults and the ceilings an operator cannot pass. Refuses values outside them by
//! naming the field, so that a wrong number in a file is found at start and not at the first call.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::error::PluginError;

const MIB: usize = 1024 * 1024;

/// One WebAssembly page: a guest cannot start with less.
const MEMORY_MIN_BYTES: usize = 64 * 1024;
/// Beyond this a guest is a service of its own and belongs outside the process.
pub(super) const MEMORY_MAX_BYTES: usize = 512 * MIB;
/// A caller waits; past half a minute nobody does any more.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);
/// Longer texts are cut into paragraphs by the caller.
const INPUT_MAX_BYTES: usize = 4 * MIB;
/// An answer is parsed whole and held in memory.
const OUTPUT_MAX_BYTES: usize = 16 * MIB;
/// What the engine's table pool is built for.
pub(super) const TABLE_ELEMENTS_MAX: usize = 20_000;
/// Variables are scratch space of one call, never a store.
const VARIABLE_MAX_BYTES: usize = MIB;

/// The limits of one plugin. They hold from before the first instruction of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Linear memory and host blocks of one call together: 64 MiB, at most 512 MiB.
    pub memory_bytes: usize,
    /// Wall time of one call, instantiation included: 5 s, at most 30 s.
    #[serde(rename = "timeout_ms", serialize_with = "milliseconds")]
    pub timeout: Duration,
    /// Input text of one call: 1 MiB, at most 4 MiB.
    pub input_bytes: usize,
    /// Output of one call: 1 MiB, at most 16 MiB.
    pub output_bytes: usize,
    /// Elements of one table: 10,000, at most 20,000.
    pub table_elements: usize,
    /// Names and values of ephemeral variables together, and 64 bytes for each: 1 MiB, which is
    /// also the ceiling.
    pub variable_bytes: usize,
    /// Instructions of one call, about one for each: not counted, since counting takes a third more
    /// time.
    pub fuel: Option<u64>,
}

fn milliseconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 * MIB,
            timeout: Duration::from_secs(5),
            input_bytes: MIB,
            output_bytes: MIB,
            table_elements: 10_000,
            variable_bytes: VARIABLE_MAX_BYTES,
            fuel: None,
        }
    }
}

impl Limits {
    /// Checks every limit against its ceiling.
    ///
    /// # Errors
    /// [`PluginError::Spec`] naming the first field that is out of range.
    pub fn check(&self, plugin: &str) -> Result<(), PluginError> {
        let timeout_ms = usize::try_from(self.timeout.as_millis()).unwrap_or(usize::MAX);
        let timeout_max_ms = usize::try_from(TIMEOUT_MAX.as_millis()).unwrap_or(usize::MAX);
        let ranges = [
            (
                "memory_bytes",
                self.memory_bytes,
                MEMORY_MIN_BYTES,
                MEMORY_MAX_BYTES,
            ),
            ("timeout_ms", timeout_ms, 1, timeout_max_ms),
            ("input_bytes", self.input_bytes, 1, INPUT_MAX_BYTES),
            ("output_bytes", self.output_bytes, 1, OUTPUT_MAX_BYTES),
            ("table_elements", self.table_elements, 1, TABLE_ELEMENTS_MAX),
            ("variable_bytes", self.variable_bytes, 0, VARIABLE_MAX_BYTES),
        ];
        for (field, value, least, most) in ranges {
            if value < least || value > most {
                return Err(PluginError::Spec {
                    plugin: plugin.to_owned(),
                    field,
                    reason: format!("is {value}: expected {least} to {most}"),
                });
            }
        }
        if self.fuel == Some(0) {
            return Err(PluginError::Spec {
                plugin: plugin.to_owned(),
                field: "fuel",
                reason: "is 0: expected 1 or more instructions".to_owned(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_within_the_ceilings() {
        assert_eq!(Limits::default().check("p"), Ok(()));
    }

    #[test]
    fn a_limit_over_its_ceiling_is_named() {
        let cases = [
            (
                "memory_bytes",
                Limits {
                    memory_bytes: MEMORY_MAX_BYTES + 1,
                    ..Limits::default()
                },
            ),
            (
                "memory_bytes",
                Limits {
                    memory_bytes: 0,
                    ..Limits::default()
                },
            ),
            (
                "timeout_ms",
                Limits {
                    timeout: Duration::from_secs(31),
                    ..Limits::default()
                },
            ),
            (
                "timeout_ms",
                Limits {
                    timeout: Duration::ZERO,
                    ..Limits::default()
                },
            ),
            (
                "output_bytes",
                Limits {
                    output_bytes: usize::MAX,
                    ..Limits::default()
                },
            ),
            (
                "table_elements",
                Limits {
                    table_elements: 20_001,
                    ..Limits::default()
                },
            ),
            (
                "variable_bytes",
                Limits {
                    variable_bytes: 1_048_577,
                    ..Limits::default()
                },
            ),
            (
                "fuel",
                Limits {
                    fuel: Some(0),
                    ..Limits::default()
                },
            ),
        ];
        for (expected, limits) in cases {
            match limits.check("p") {
                Err(PluginError::Spec { field, plugin, .. }) => {
                    assert_eq!((field, plugin.as_str()), (expected, "p"));
                }
                other => panic!("{expected}: {other:?}"),
            }
        }
    }
}
