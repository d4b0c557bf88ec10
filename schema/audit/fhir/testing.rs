//! Entries that tests start from.

use crate::audit::{ChainHead, Chained, Entry, Outcome, Phase, Severity, Told};
use crate::id::Tenant;
use crate::time::Timestamp;
use uuid::Uuid;

/// A physician's ordinary reading of one patient's record.
pub(crate) fn entry() -> Entry {
    Entry {
        id: Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001),
        at: Timestamp::from_micros(1_764_000_000_123_456),
        phase: Phase::Single,
        opens: None,
        severity: Severity::Info,
        tenant: Tenant::parse("hospital-a").unwrap(),
        principal: "medica".into(),
        role: "physician".into(),
        action: "read".into(),
        resource_kind: "observation".into(),
        resource_id: Some("fc-1".into()),
        patient: Some("maria-exemplo".into()),
        purpose: "treatment".into(),
        verdict: "allow".into(),
        score: 88,
        explanation: "trusted: score 88 of 75 needed".into(),
        request_id: "0192abcd".into(),
        outcome: Outcome::Success,
        plugin: None,
        commitment: None,
    }
}

/// The same, in its place.
pub(crate) fn told(entry: Entry) -> Told {
    Chained::after("node-1/hospital-a", &ChainHead::EMPTY, entry).into()
}
