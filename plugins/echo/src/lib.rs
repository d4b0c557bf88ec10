//! Answers with its own input: the witness of what a plugin is shown.
//!
//! Owns nothing and asks for no capability, so whatever it answers is what the data guard let
//! through: with no `phi:raw` grant, that must be redacted text.

use plantao_plugin_sdk::{GuestError, plugin};
use serde::Serialize;

plugin! {
    name: "echo",
    version: "0.1.0",
    functions: { "analyze": text(analyze), "echo": bytes(echo) },
    capabilities: [],
    limits: { memory_bytes: 16_777_216, timeout_ms: 1000, output_bytes: 1_048_576 },
}

/// The input, wrapped so that a caller expecting JSON can read it.
#[derive(Debug, Serialize)]
struct Seen {
    text: String,
}

fn echo(input: Vec<u8>) -> Result<Vec<u8>, GuestError> {
    Ok(input)
}

fn analyze(text: &str) -> Result<Seen, GuestError> {
    Ok(Seen {
        text: text.to_owned(),
    })
}
