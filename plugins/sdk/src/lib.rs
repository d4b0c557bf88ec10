//! What a plugin is written against: typed exports over the Extism ABI.
//!
//! Owns the way from an ordinary function to a guest export: input bytes in, checked as UTF-8,
//! the answer out as JSON, an error as a message and a return code. Refuses to let a guest put
//! input into an error: a [`GuestError`] carries fixed text and positions only, since the host
//! logs it. Exists so that plugin authors write one plain function and no ABI.
//!
//! ```ignore
//! use plantao_plugin_sdk::{GuestError, export};
//!
//! fn count(text: &str) -> Result<usize, GuestError> {
//!     Ok(text.chars().count())
//! }
//!
//! export!(count: text(count));
//! ```

mod error;
mod log;

pub use error::GuestError;
pub use log::{Level, log};

use extism_pdk::Memory;
use serde::Serialize;

/// What the host reads as success.
const SUCCESS: i32 = 0;

/// Exports a function under its plain name, where an Extism host looks for it.
///
/// `export!(name: text(path))` takes `fn(&str) -> Result<impl Serialize, GuestError>` and
/// answers in JSON; `export!(name: bytes(path))` takes `fn(Vec<u8>) -> Result<Vec<u8>,
/// GuestError>` and answers those bytes; `export!(name: code(path))` takes `fn() -> i32` and
/// leaves input, output and return code to it.
#[macro_export]
macro_rules! export {
    ($name:ident: text($handler:path)) => {
        $crate::export!(@symbol $name, $crate::answer_text($handler));
    };
    ($name:ident: bytes($handler:path)) => {
        $crate::export!(@symbol $name, $crate::answer_bytes($handler));
    };
    ($name:ident: code($handler:path)) => {
        $crate::export!(@symbol $name, $handler());
    };
    (@symbol $name:ident, $answer:expr) => {
        #[doc = concat!("Guest export `", stringify!($name), "`.")]
        #[expect(unsafe_code, reason = "the host finds an export by its unmangled name")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> i32 {
            $answer
        }
    };
}

/// Runs a text handler for an export: see [`export!`].
pub fn answer_text<T: Serialize>(handler: fn(&str) -> Result<T, GuestError>) -> i32 {
    let input = extism_pdk::input_bytes();
    finish(
        str::from_utf8(&input)
            .map_err(GuestError::from)
            .and_then(|text| {
                let answer = handler(text)?;
                serde_json::to_vec(&answer).map_err(|_| GuestError::Encode)
            }),
    )
}

/// Runs a byte handler for an export: see [`export!`].
pub fn answer_bytes(handler: fn(Vec<u8>) -> Result<Vec<u8>, GuestError>) -> i32 {
    finish(handler(extism_pdk::input_bytes()))
}

/// Asks the host for a block of `length` bytes and announces it, unwritten, as the output.
pub fn announce_output(length: u64) {
    Memory(extism_pdk::memory::internal::memory_alloc(length)).set_output();
}

fn finish(answer: Result<Vec<u8>, GuestError>) -> i32 {
    let stored = answer.and_then(|bytes| Memory::from_bytes(bytes).map_err(|_| GuestError::Encode));
    match stored {
        Ok(memory) => {
            memory.set_output();
            SUCCESS
        }
        Err(error) => error.report(),
    }
}
