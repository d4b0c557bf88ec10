//! What goes back: bundles of results, and a stored body with its version in `meta`.

use super::{BundleKind, FhirType, Issue, IssueCode, Severity, operation_outcome};
use crate::id::ResourceId;
use crate::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What became of one entry of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryOutcome {
    /// It is stored.
    Stored {
        /// Its type.
        kind: FhirType,
        /// Its id.
        id: ResourceId,
        /// Its version: 1 when it is new.
        version: u64,
        /// When it was stored.
        updated_at: Timestamp,
    },
    /// Its type is not taken here.
    Skipped {
        /// Its type.
        kind: &'static str,
    },
}

/// One resource found.
#[derive(Clone, Debug)]
pub struct SearchEntry {
    /// Its type.
    pub kind: FhirType,
    /// Its id.
    pub id: ResourceId,
    /// Its body.
    pub body: Value,
}

/// The weak entity tag of a version, for `ETag` and `response.etag`.
#[must_use]
pub fn etag(version: u64) -> String {
    format!("W/\"{version}\"")
}

/// A stored body as it is served: `meta.versionId` and `meta.lastUpdated` are the server's.
#[must_use]
pub fn with_version(mut body: Map<String, Value>, version: u64, updated_at: Timestamp) -> Value {
    let mut meta = match body.remove("meta") {
        Some(Value::Object(meta)) => meta,
        _ => Map::new(),
    };
    meta.insert("versionId".to_owned(), version.to_string().into());
    meta.insert("lastUpdated".to_owned(), updated_at.to_string().into());
    body.insert("meta".to_owned(), Value::Object(meta));
    Value::Object(body)
}

/// The answer to a bundle: one entry for each of its entries, in order, and when types were left
/// out one more that carries the counts.
#[must_use]
pub fn bundle_response(kind: BundleKind, outcomes: &[EntryOutcome]) -> Value {
    let mut skipped: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut entries: Vec<Value> = Vec::with_capacity(outcomes.len() + 1);
    for outcome in outcomes {
        if let EntryOutcome::Skipped { kind } = outcome {
            *skipped.entry(kind).or_default() += 1;
        }
        entries.push(json!({ "response": entry_response(outcome) }));
    }
    if !skipped.is_empty() {
        let issues: Vec<Issue> = skipped
            .iter()
            .map(|(kind, count)| left_out(kind, *count))
            .collect();
        entries.push(json!({
            "resource": operation_outcome(&issues),
            "response": { "status": "200 OK" },
        }));
    }
    let name = match kind {
        BundleKind::Transaction => "transaction-response",
        BundleKind::Batch => "batch-response",
    };
    json!({ "resourceType": "Bundle", "type": name, "entry": entries })
}

/// The answer to a search, under the base address without its last slash.
#[must_use]
pub fn searchset(base: &str, found: Vec<SearchEntry>) -> Value {
    let total = found.len();
    let entry = |found: SearchEntry| {
        json!({
            "fullUrl": format!("{base}/{}/{}", found.kind, found.id),
            "resource": found.body,
            "search": { "mode": "match" },
        })
    };
    let mut bundle = json!({ "resourceType": "Bundle", "type": "searchset", "total": total });
    if let (true, Some(members)) = (total > 0, bundle.as_object_mut()) {
        members.insert("entry".to_owned(), found.into_iter().map(entry).collect());
    }
    bundle
}

fn entry_response(outcome: &EntryOutcome) -> Value {
    match outcome {
        EntryOutcome::Stored {
            kind,
            id,
            version,
            updated_at,
        } => json!({
            "status": if *version == 1 { "201 Created" } else { "200 OK" },
            "location": format!("{kind}/{id}/_history/{version}"),
            "etag": etag(*version),
            "lastModified": updated_at.to_string(),
        }),
        // R4 wants an answer per entry; this one says that nothing was stored.
        EntryOutcome::Skipped { kind } => json!({
            "status": "501 Not Implemented",
            "outcome": operation_outcome(&[left_out(kind, 1)]),
        }),
    }
}

fn left_out(kind: &str, count: u64) -> Issue {
    Issue {
        severity: Severity::Warning,
        code: IssueCode::NotSupported,
        expression: String::new(),
        diagnostics: format!("skipped {count} of type {kind}: the type is not supported here"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(version: u64) -> EntryOutcome {
        EntryOutcome::Stored {
            kind: FhirType::Patient,
            id: ResourceId::parse("maria-exemplo").unwrap(),
            version,
            updated_at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn every_entry_is_answered_in_order_and_the_counts_come_last() {
        let skipped = || EntryOutcome::Skipped { kind: "Encounter" };
        let outcomes = [stored(1), skipped(), stored(2), skipped()];
        let bundle = bundle_response(BundleKind::Transaction, &outcomes);
        let status = |index: usize| bundle["entry"][index]["response"]["status"].clone();
        assert_eq!(bundle["type"], "transaction-response");
        assert_eq!(status(0), "201 Created");
        assert_eq!(status(1), "501 Not Implemented");
        assert_eq!(status(2), "200 OK");
        assert_eq!(bundle["entry"][2]["response"]["etag"], "W/\"2\"");
        let last = &bundle["entry"][4]["resource"]["issue"][0];
        assert_eq!(last["severity"], "warning");
        let text = last["diagnostics"].as_str().unwrap();
        assert!(text.starts_with("skipped 2 of type Encounter"), "{text}");
    }

    #[test]
    fn a_batch_is_answered_as_a_batch_and_without_counts_when_all_was_taken() {
        let bundle = bundle_response(BundleKind::Batch, &[stored(1)]);
        assert_eq!(bundle["type"], "batch-response");
        assert_eq!(bundle["entry"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn an_empty_searchset_has_a_total_and_no_empty_array() {
        let bundle = searchset("https://h/fhir", Vec::new());
        assert_eq!(bundle["total"], 0);
        assert!(bundle.get("entry").is_none());
    }

    #[test]
    fn the_version_in_meta_is_the_servers_and_the_rest_of_meta_stays() {
        let body = json!({ "resourceType": "Patient", "meta": { "versionId": "99", "tag": [1] } });
        let body = body.as_object().unwrap().clone();
        let served = with_version(body, 3, Timestamp::from_micros(0));
        assert_eq!(served["meta"]["versionId"], "3");
        assert_eq!(served["meta"]["lastUpdated"], "1970-01-01T00:00:00Z");
        assert_eq!(served["meta"]["tag"][0], 1);
    }
}
