//! What is written and verified: one entry.

use plantao_actors::clock::WallClock;
use plantao_schema::audit::{Entry, Outcome, Phase, Severity};
use plantao_schema::id::Tenant;
use uuid::Uuid;

/// An entry as long as those of a record that is read.
pub(crate) fn entry(id: Uuid, clock: &WallClock) -> Entry {
    Entry {
        id,
        at: clock.now(),
        phase: Phase::Single,
        opens: None,
        severity: Severity::Info,
        tenant: Tenant::parse("bench").unwrap(),
        principal: "medica".into(),
        role: "physician".into(),
        action: "read".into(),
        resource_kind: "patient".into(),
        resource_id: Some("maria-exemplo".into()),
        patient: Some("maria-exemplo".into()),
        purpose: "treatment".into(),
        verdict: "allow".into(),
        score: 88,
        explanation: "allowed; score 88 of 75: identity 30/30, device 25/25, network 15/15, \
                      hours 8/10, behaviour 10/20"
            .into(),
        request_id: id.to_string(),
        outcome: Outcome::Success,
        plugin: None,
        commitment: None,
    }
}
