//! Misbehaves on request, one way per export: what the sandbox is tested with.
//!
//! Owns one export per attack. Refuses nothing. Each must cost its own instance, a typed error
//! and not a byte or a millisecond of its neighbours'.

use std::hint::black_box;

use plantao_plugin_sdk::{GuestError, announce_output, export};

/// More than the whole sandbox may hold.
const HUGE_OUTPUT_BYTES: u64 = 256 * 1024 * 1024;
/// Within the sandbox's memory, and more than anyone should take as one answer.
const LARGE_OUTPUT_BYTES: u64 = 32 * 1024 * 1024;
/// One step of the memory bomb.
const GROWTH_BYTES: usize = 1024 * 1024;

/// Never answers.
#[expect(clippy::empty_loop, reason = "burning the processor is the point")]
fn spin(_input: Vec<u8>) -> Result<Vec<u8>, GuestError> {
    loop {}
}

/// Dies at once.
fn trap(_input: Vec<u8>) -> Result<Vec<u8>, GuestError> {
    std::process::abort()
}

/// Takes memory and touches it until there is none.
fn grow(_input: Vec<u8>) -> Result<Vec<u8>, GuestError> {
    let mut held = Vec::new();
    loop {
        held.push(black_box(vec![1_u8; GROWTH_BYTES]));
    }
}

/// Announces an answer larger than the whole sandbox.
fn huge_output() -> i32 {
    announce_output(HUGE_OUTPUT_BYTES);
    0
}

/// Announces an answer that fits the sandbox and no reader.
fn large_output() -> i32 {
    announce_output(LARGE_OUTPUT_BYTES);
    0
}

/// Answers bytes that are not text.
fn bad_utf8(_input: Vec<u8>) -> Result<Vec<u8>, GuestError> {
    Ok(vec![0xff, 0xfe, b'{', 0x80])
}

mod exports {
    use super::export;

    export!(spin: bytes(super::spin));
    export!(trap: bytes(super::trap));
    export!(grow: bytes(super::grow));
    export!(huge_output: code(super::huge_output));
    export!(large_output: code(super::large_output));
    export!(bad_utf8: bytes(super::bad_utf8));
}
