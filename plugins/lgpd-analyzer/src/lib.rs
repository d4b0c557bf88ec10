//! Finds personal and health identifiers in Portuguese text and scores the risk.
//!
//! Owns the guest side of `plantao_schema::phi`: the same pure rules the host redacts by, so
//! that the two never disagree. Answers offsets and categories, never the matched text.
//!
//! PHI: purpose: privacy review of a text before publication (LGPD Art. 11 and 12); legal basis:
//! that of the text's own processing, granted as `phi:raw`; retention: none, an instance is
//! thrown away after its call; access: the call's permit; encryption: not at rest, it never
//! rests; audit: the host's, around the call.

use plantao_plugin_sdk::{GuestError, export};
use plantao_schema::phi::{self, Analysis};

fn analyze(text: &str) -> Result<Analysis, GuestError> {
    Ok(phi::analyze(text))
}

fn health(_input: Vec<u8>) -> Result<Vec<u8>, GuestError> {
    Ok(b"ok".to_vec())
}

mod exports {
    use super::export;

    export!(analyze: text(super::analyze));
    export!(health: bytes(super::health));
}
