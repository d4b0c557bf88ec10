//! Finds personal and health identifiers in Portuguese and English text, scores the risk, and
//! drafts the consent form that publishing them would need.
//!
//! Owns the guest side of `plantao_schema::phi`: the same pure rules the host redacts by, so
//! that the two never disagree. Answers offsets and categories, never the matched text; a form
//! repeats what its request states and nothing of the text it was drafted for.
//!
//! PHI: purpose: privacy review of a text before publication (LGPD Art. 11 and 12); legal basis:
//! that of the text's own processing, granted as `phi:raw`; retention: none, an instance is
//! thrown away after its call; access: the call's permit; encryption: not at rest, it never
//! rests; audit: the host's, around the call.

use plantao_plugin_sdk::{GuestError, plugin};
use plantao_schema::phi::{self, Analysis, ConsentDraft, ConsentRequest};

plugin! {
    name: "lgpd-analyzer",
    version: "0.1.0",
    functions: {
        "analyze": text(analyze),
        "consent_form": json(consent_form),
        "health": text(health),
    },
    // It looks for identifiers, so redacted text would leave it nothing to find.
    capabilities: [phi:raw],
    limits: { memory_bytes: 67_108_864, timeout_ms: 5000, output_bytes: 1_048_576 },
    health: "health",
    output: json,
}

fn analyze(text: &str) -> Result<Analysis, GuestError> {
    Ok(phi::analyze(text))
}

fn consent_form(request: ConsentRequest) -> Result<ConsentDraft, GuestError> {
    Ok(phi::consent_form(&request).into())
}

fn health(_input: &str) -> Result<&'static str, GuestError> {
    Ok("ok")
}
