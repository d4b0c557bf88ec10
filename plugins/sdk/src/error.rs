//! How a guest says no.
//!
//! Owns the guest's errors, their text and their return codes. Refuses to carry any part of the
//! input: the host writes these texts to its log.

use std::str::Utf8Error;

use extism_pdk::Memory;

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
}

impl GuestError {
    /// The export's return code; the host reads anything but zero as a failure.
    pub const fn code(self) -> i32 {
        match self {
            Self::NotUtf8 { .. } => 1,
            Self::Refused { .. } => 2,
            Self::Encode => 3,
        }
    }

    /// Hands the text to the host and answers the return code.
    pub(crate) fn report(self) -> i32 {
        if let Ok(message) = Memory::from_bytes(self.to_string()) {
            #[expect(unsafe_code, reason = "the PDK has no safe call for `error_set`")]
            // The offset comes from the host's own allocation just above.
            unsafe {
                extism_pdk::extism::error_set(message.offset());
            }
        }
        self.code()
    }
}

impl From<Utf8Error> for GuestError {
    fn from(error: Utf8Error) -> Self {
        Self::NotUtf8 {
            at: error.valid_up_to(),
        }
    }
}
