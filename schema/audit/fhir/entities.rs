//! What an event was about: the request, the patient, the thing itself, and the entry it is told
//! from.

use super::ENTRY_SYSTEM;
use super::codes::{self, Code};
use super::event::{Event, Interaction, fhir_type};
use crate::audit::{Entry, Told};
use serde_json::{Map, Value, json};

pub(super) fn entities(told: &Told, event: &Event) -> Value {
    let entry = &told.item.entry;
    let about = match event.interaction {
        Some(Interaction::Query) => query(entry),
        Some(_) => resource(entry),
        None => thing(entry),
    };
    let all = [
        request(entry),
        patient(entry),
        Some(about),
        Some(trail(told)),
    ];
    all.into_iter().flatten().collect()
}

/// The request, by the `X-Request-Id` of its answer. Not every entry comes from one.
fn request(entry: &Entry) -> Option<Value> {
    let id = entry.request_id.as_str();
    (!id.is_empty()).then(|| {
        json!({
            "what": { "identifier": { "value": id } },
            "type": codes::X_REQUEST_ID.coding(),
        })
    })
}

fn patient(entry: &Entry) -> Option<Value> {
    let id = entry.patient.as_ref()?;
    Some(json!({
        "what": { "reference": format!("Patient/{id}") },
        "type": codes::PERSON.coding(),
        "role": codes::PATIENT.coding(),
    }))
}

/// A FHIR resource; one that the request did not name is known by its type alone.
fn resource(entry: &Entry) -> Value {
    let kind = fhir_type(&entry.resource_kind).unwrap_or("Resource");
    let what = match &entry.resource_id {
        Some(id) => json!({ "reference": format!("{kind}/{id}"), "type": kind }),
        None => json!({ "type": kind, "display": format!("a {kind}") }),
    };
    json!({
        "what": what,
        "type": codes::SYSTEM_OBJECT.coding(),
        "role": codes::DOMAIN_RESOURCE.coding(),
    })
}

/// The text of a search may name a person, and is not kept.
fn query(entry: &Entry) -> Value {
    let kind = fhir_type(&entry.resource_kind).unwrap_or("Resource");
    json!({
        "type": codes::SYSTEM_OBJECT.coding(),
        "role": codes::QUERY.coding(),
        "description": format!("a search for {kind}; its parameters are not kept"),
        "_query": codes::absent("masked"),
    })
}

/// Something that FHIR has no resource for.
fn thing(entry: &Entry) -> Value {
    let kind = entry.resource_kind.as_str();
    let role: Code = match kind {
        "ward" => codes::LOCATION,
        "audit" | "session" | "system" => codes::SECURITY_RESOURCE,
        "plugin" => codes::JOB,
        _ => codes::DOMAIN_RESOURCE,
    };
    let what = match &entry.resource_id {
        Some(id) => {
            let system = format!("urn:plantao:{kind}");
            json!({ "identifier": { "system": system, "value": id } })
        }
        None => json!({ "display": kind }),
    };
    json!({ "what": what, "type": codes::SYSTEM_OBJECT.coding(), "role": role.coding() })
}

/// The entry of the trail, and what of it FHIR has no element for.
fn trail(told: &Told) -> Value {
    let (item, entry) = (&told.item, &told.item.entry);
    let hash: String = item.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let opens = entry.opens.map(|id| id.to_string());
    let details = [
        ("phase", Some(entry.phase.as_str())),
        ("opens", opens.as_deref()),
        ("severity", Some(entry.severity.as_str())),
        ("verdict", Some(entry.verdict.as_str())),
        ("score", Some(&*entry.score.to_string())),
        ("explanation", Some(entry.explanation.as_str())),
        ("plugin", entry.plugin.as_deref()),
        ("hash", Some(hash.as_str())),
    ]
    .into_iter()
    .filter_map(|(name, value)| detail(name, value?))
    .collect::<Vec<_>>();
    let place = format!("{}:{}", item.chain, item.seq);
    json!({
        "what": { "identifier": { "system": ENTRY_SYSTEM, "value": place } },
        "type": codes::OTHER.coding(),
        "role": codes::SECURITY_RESOURCE.coding(),
        "detail": details,
    })
}

/// R4 has no empty strings.
fn detail(name: &str, value: &str) -> Option<Value> {
    let mut detail = Map::new();
    detail.insert("type".to_owned(), name.into());
    detail.insert("valueString".to_owned(), value.into());
    (!value.trim().is_empty()).then_some(Value::Object(detail))
}
