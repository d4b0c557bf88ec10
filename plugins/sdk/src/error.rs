//! How a guest says no.
//!
//! Owns the guest's errors, their text and their return codes. Refuses to carry any part of the
//! input: the host writes these texts to its log.

use std::str::Utf8Error;

/// Why a guest call gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GuestError {
    /// The input is not text; the caller's fault.
    #[error("input is not UTF-8 from byte `{at}`")]
    NotUtf8 {
        /// The first byte that is not UTF-8.
        at: usize,
    },
    /// The plugin does not take this input; fixed text, so that none of it leaks.
    #[error("input refused: {why}")]
    Refused {
        /// What the plugin asks for instead.
        why: &'static str,
    },
    /// The answer could not be written; the plugin's fault.
    #[error("answer could not be encoded")]
    Encode,
    /// The input is not the JSON that the function takes; the caller's fault.
    #[error("input is not the JSON this takes, from line `{line}`, column `{column}` on")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// The operator's value of a key is not what the plugin can read; the operator's fault.
    #[error("config `{key}` is not what the plugin can read")]
    Config {
        /// Which key; its value is in no error.
        key: &'static str,
    },
}

impl GuestError {
    /// The export's return code; the host reads anything but zero as a failure.
    pub const fn code(self) -> i32 {
        match self {
            Self::NotUtf8 { .. } => 1,
            Self::Refused { .. } => 2,
            Self::Encode => 3,
            Self::NotJson { .. } => 4,
            Self::Config { .. } => 5,
        }
    }
}

impl From<Utf8Error> for GuestError {
    fn from(error: Utf8Error) -> Self {
        Self::NotUtf8 {
            at: error.valid_up_to(),
        }
    }
}

impl From<serde_json::Error> for GuestError {
    /// Where, and never what: the parser's own words quote the input.
    fn from(error: serde_json::Error) -> Self {
        Self::NotJson {
            line: error.line(),
            column: error.column(),
        }
    }
}
