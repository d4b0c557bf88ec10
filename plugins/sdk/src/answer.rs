//! From an ordinary function to what an export does: bytes in, checked, and bytes out.
//!
//! Owns the four shapes of a function and the one way its answer or its error leaves. The same
//! code runs in the sandbox and in a plugin's own tests.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::GuestError;

/// The bytes of an answer, or why there is none.
pub type Answer = Result<Vec<u8>, GuestError>;

/// A function as it is called: with the bytes of its input.
pub type Run = fn(&[u8]) -> Answer;

/// Takes JSON and answers JSON: `json(f)` of [`plugin!`](crate::plugin).
pub fn json<I, O>(handler: fn(I) -> Result<O, GuestError>, input: &[u8]) -> Answer
where
    I: DeserializeOwned,
    O: Serialize,
{
    encode(&handler(serde_json::from_slice(input)?)?)
}

/// Takes text and answers JSON: `text(f)` of [`plugin!`](crate::plugin).
pub fn text<O: Serialize>(handler: fn(&str) -> Result<O, GuestError>, input: &[u8]) -> Answer {
    encode(&handler(str::from_utf8(input)?)?)
}

/// Takes and answers bytes: `bytes(f)` of [`plugin!`](crate::plugin).
pub fn bytes(handler: fn(Vec<u8>) -> Answer, input: &[u8]) -> Answer {
    handler(input.to_vec())
}

fn encode<O: Serialize>(answer: &O) -> Answer {
    serde_json::to_vec(answer).map_err(|_| GuestError::Encode)
}

/// Runs a function on the host's input and hands its answer over.
#[cfg(target_family = "wasm")]
pub fn run(function: Run) -> i32 {
    use extism_pdk::Memory;

    let answer = function(&extism_pdk::input_bytes());
    match answer.and_then(|bytes| Memory::from_bytes(bytes).map_err(|_| GuestError::Encode)) {
        Ok(memory) => {
            memory.set_output();
            0
        }
        Err(error) => {
            if let Ok(message) = Memory::from_bytes(error.to_string()) {
                #[expect(unsafe_code, reason = "the PDK has no safe call for `error_set`")]
                // The offset comes from the host's own allocation just above.
                unsafe {
                    extism_pdk::extism::error_set(message.offset());
                }
            }
            error.code()
        }
    }
}

/// Asks the host for a block of `length` bytes and announces it, unwritten, as the output: what a
/// plugin that misbehaves does.
#[cfg(target_family = "wasm")]
pub fn announce_output(length: u64) {
    extism_pdk::Memory(extism_pdk::memory::internal::memory_alloc(length)).set_output();
}

/// Natively there is no host to announce anything to.
#[cfg(not(target_family = "wasm"))]
pub fn announce_output(_length: u64) {}
