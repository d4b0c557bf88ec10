//! Misbehaves on request, one way per export: what the sandbox is tested with.
//!
//! Owns one export per attack. Refuses nothing. Each must cost its own instance, a typed error
//! and not a byte or a millisecond of its neighbours'.

use std::hint::black_box;

use plantao_plugin_sdk::{GuestError, announce_output, plugin};

plugin! {
    name: "hostile",
    version: "0.1.0",
    functions: {
        "bad_utf8": bytes(bad_utf8),
        "grow": bytes(grow),
        "huge_output": code(huge_output),
        "large_output": code(large_output),
        "spin": bytes(spin),
        "trap": bytes(trap),
    },
    capabilities: [],
    // Small ones, so that tests see each of them met quickly.
    limits: { memory_bytes: 16_777_216, timeout_ms: 1500, output_bytes: 65_536 },
}

/// More than the whole sandbox may hold.
const HUGE_OUTPUT_BYTES: u64 = 256 * 1024 * 1024;
/// Within the sandbox's memory, and more than anyone should take as one answer.
const LARGE_OUTPUT_BYTES: u64 = 8 * 1024 * 1024;
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
