//! Seeded WebAssembly modules for the plugin host's gallery, one after the other on standard output.
//!
//! `plantao-smith FIRST COUNT ABI.wat` writes for each seed its number (8 bytes), a length (4 bytes)
//! and a module of wasm-smith that exports `run` and may import whatever ABI.wat imports: the same
//! for the same seed on any machine. Every fifth asks for features that the host does not give.

use std::io::Write;

use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

/// What a module is grown from.
const SEED_BYTES: usize = 8_192;
const RUN: &str = r#"(module (func (export "run") (result i32) (i32.const 0)))"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("expected FIRST COUNT ABI.wat");
    let (first, count): (u64, u64) = (next()?.parse()?, next()?.parse()?);
    let abi = wat::parse_file(next()?)?;
    let exports = wat::parse_str(RUN)?;
    let mut output = std::io::stdout().lock();
    for seed in first..first.saturating_add(count) {
        let bytes = bytes(seed);
        let config = config(seed, abi.clone(), exports.clone());
        let Ok(module) = Module::new(config, &mut Unstructured::new(&bytes)) else {
            continue;
        };
        let module = module.to_bytes();
        output.write_all(&seed.to_le_bytes())?;
        output.write_all(&u32::try_from(module.len())?.to_le_bytes())?;
        output.write_all(&module)?;
    }
    Ok(())
}

/// Splitmix64.
fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)).to_le_bytes()
    });
    words.take(SEED_BYTES / 8).flatten().collect()
}

fn config(seed: u64, abi: Vec<u8>, exports: Vec<u8>) -> Config {
    let strange = seed % 5 == 0;
    Config {
        exports: Some(exports),
        available_imports: Some(abi),
        max_imports: 20,
        max_memories: if strange { 2 } else { 1 },
        max_tables: 2,
        max_table_elements: 30_000,
        max_memory32_bytes: if strange { 1 << 32 } else { 1 << 24 },
        memory64_enabled: strange,
        threads_enabled: strange,
        gc_enabled: strange,
        reference_types_enabled: strange,
        exceptions_enabled: strange,
        tail_call_enabled: strange,
        relaxed_simd_enabled: strange,
        wide_arithmetic_enabled: strange,
        compact_imports_enabled: false,
        ..Config::default()
    }
}
