//! Entries as FHIR R4 `AuditEvent`, in the patterns of IHE BALP 1.1 (Basic Audit Log Patterns).
//!
//! Pure, and lossless: what FHIR has no element for (verdict, score, place in the chain, hash) goes
//! into the details of one entity, so that an event leads back to the entry that proves it. What
//! the trail does not hold is said to be absent with the reason and never made up: the address of
//! the client is not kept, and the text of a search never, since it may name a person. An event
//! claims a BALP profile only where it keeps to it.
//!
//! PHI: none, as in the entries themselves.

mod codes;
mod entities;
mod event;

use self::codes::Code;
use self::entities::entities;
use self::event::{Event, Interaction, is_emergency};
use super::{Entry, Outcome, Told};
use serde_json::{Map, Value, json};

/// Names a principal of this system.
pub const PRINCIPAL_SYSTEM: &str = "urn:plantao:principal";
/// Names a node of this system.
pub const NODE_SYSTEM: &str = "urn:plantao:node";
/// Names the place of an entry: chain and number.
pub const ENTRY_SYSTEM: &str = "urn:plantao:audit-entry";

/// An access as an `AuditEvent`.
#[must_use]
pub fn audit_event(told: &Told) -> Value {
    let (item, entry) = (&told.item, &told.item.entry);
    let event = Event::of(entry);
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    set("resourceType", json!("AuditEvent"));
    set("id", json!(entry.id.to_string()));
    if let Some(profile) = event.profile(entry) {
        set("meta", json!({ "profile": [profile] }));
    }
    set("type", event.kind.coding());
    if !event.subtypes.is_empty() {
        set(
            "subtype",
            event.subtypes.iter().map(|code| code.coding()).collect(),
        );
    }
    set("action", json!(event.action));
    if let Some(began) = told.began {
        set("period", json!({ "start": began, "end": entry.at }));
    }
    set("recorded", json!(entry.at));
    let (outcome, description) = outcome(entry);
    if let Some(code) = outcome {
        set("outcome", json!(code));
    }
    if let Some(text) = description {
        set("outcomeDesc", json!(text));
    }
    let purpose = purpose(entry);
    if let Some(purpose) = &purpose {
        set("purposeOfEvent", json!([purpose]));
    }
    let node = node(&item.chain);
    set("agent", agents(entry, &event, node, purpose.as_ref()));
    set(
        "source",
        json!({
            "site": entry.tenant.as_str(),
            "observer": machine(node),
            "type": [codes::APPLICATION_SERVER.coding()],
        }),
    );
    set("entity", entities(told, &event));
    Value::Object(body)
}

/// A page of a search: `own` is its address, `next` that of the one after it.
#[must_use]
pub fn searchset(events: &[Told], own: &str, next: Option<&str>) -> Value {
    let mut links = vec![json!({ "relation": "self", "url": own })];
    links.extend(next.map(|url| json!({ "relation": "next", "url": url })));
    let mut bundle = json!({ "resourceType": "Bundle", "type": "searchset", "link": links });
    let entry = |told: &Told| {
        json!({
            "fullUrl": format!("urn:uuid:{}", told.item.entry.id),
            "resource": audit_event(told),
            "search": { "mode": "match" },
        })
    };
    // R4 has no empty arrays (2.6.2).
    if let (false, Some(members)) = (events.is_empty(), bundle.as_object_mut()) {
        members.insert("entry".to_owned(), events.iter().map(entry).collect());
    }
    bundle
}

/// The code of `http://hl7.org/fhir/audit-event-outcome`, and what to say where it was no success.
/// What is not known has no code: every one of them would claim to know.
fn outcome(entry: &Entry) -> (Option<&'static str>, Option<&str>) {
    let why = Some(entry.explanation.as_str()).filter(|text| !text.trim().is_empty());
    match entry.outcome {
        Outcome::Success => (Some("0"), None),
        // Whoever authenticates more strongly may ask again.
        Outcome::Refused if entry.verdict == "step_up" => (Some("4"), why),
        Outcome::Refused | Outcome::Failed => (Some("8"), why),
        Outcome::Pending => (
            None,
            Some("pending: the end of this access is not recorded yet"),
        ),
        Outcome::Unknown => (
            None,
            Some("unknown: the system stopped before it could tell"),
        ),
    }
}

fn purpose(entry: &Entry) -> Option<Value> {
    let name = entry.purpose.as_str();
    match codes::purpose(name, is_emergency(entry)) {
        Some(code) => Some(code.concept()),
        None => (!name.is_empty() && name != "none").then(|| json!({ "text": name })),
    }
}

/// A chain is called NODE/TENANT.
fn node(chain: &str) -> &str {
    chain.split_once('/').map_or(chain, |(node, _)| node)
}

fn machine(node: &str) -> Value {
    json!({ "identifier": { "system": NODE_SYSTEM, "value": node } })
}

/// Who asked, through what, and who answered. In a read the data flows from the server to the
/// client; in everything else what the client sends flows to the server.
fn agents(entry: &Entry, event: &Event, node: &str, purpose: Option<&Value>) -> Value {
    let (client, server) = match event.interaction {
        Some(Interaction::Read) => (codes::DESTINATION, codes::SOURCE),
        None if event.action == "R" => (codes::DESTINATION, codes::SOURCE),
        _ => (codes::SOURCE, codes::DESTINATION),
    };
    let user = match event.action {
        "C" | "U" => codes::AUTHOR,
        _ => codes::RECIPIENT,
    };
    json!([
        {
            "type": client.concept(),
            "who": { "display": "the client that made the request" },
            "requestor": false,
            "network": { "_address": codes::absent("unknown") },
        },
        {
            "type": server.concept(),
            "who": machine(node),
            "requestor": false,
            "network": { "address": node, "type": "1" },
        },
        person(entry, user, purpose),
    ])
}

fn person(entry: &Entry, kind: Code, purpose: Option<&Value>) -> Value {
    let mut role = json!({ "text": entry.role });
    if let (Some(code), Some(members)) = (codes::role(&entry.role), role.as_object_mut()) {
        members.insert("coding".to_owned(), json!([code.coding()]));
    }
    let mut agent = json!({
        "type": kind.concept(),
        "role": [role],
        "who": { "identifier": { "system": PRINCIPAL_SYSTEM, "value": entry.principal } },
        "requestor": true,
    });
    if let (Some(purpose), Some(members)) = (purpose, agent.as_object_mut()) {
        members.insert("purposeOfUse".to_owned(), json!([purpose]));
    }
    agent
}

#[cfg(test)]
mod official;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
