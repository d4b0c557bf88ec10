//! Finds the medical statements of a text, the evidence each asks for, and what the CFM forbids.
//!
//! Owns the guest side of `plantao_schema::claims`. Asks for no capability: a statement is general,
//! so text whose identifiers the host took out holds all there is to find; that a name and a CRM
//! number stand there, which the resolution requires, is seen by their tokens.
//!
//! PHI: none is asked for; what the guard leaves in (names that stand free) is held for the call
//! alone and never answered: offsets only.

use plantao_plugin_sdk::{GuestError, plugin};
use plantao_schema::claims::{self, Extraction};

plugin! {
    name: "claims-extractor",
    version: "0.1.0",
    functions: { "extract": text(extract), "health": text(health) },
    capabilities: [],
    limits: { memory_bytes: 67_108_864, timeout_ms: 5000, output_bytes: 1_048_576 },
    health: "health",
    output: json,
}

fn extract(text: &str) -> Result<Extraction, GuestError> {
    Ok(claims::extract(text))
}

fn health(_input: &str) -> Result<&'static str, GuestError> {
    Ok("ok")
}
