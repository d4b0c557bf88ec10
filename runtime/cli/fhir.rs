//! `plantao fhir`: loads bundles and reads resources.
//!
//! Loading is made repeatable: an entry that carries its own id is stored under it (PUT) instead of
//! under a new one (POST), so that the same file twice is the same hospital. What is read is PHI
//! and goes to the standard output alone.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::arguments::{Fhir, FhirCommand};
use super::client::{Ask, segment};
use super::context::Context;
use super::error::CliError;
use super::outcome::{self, at};

const FHIR_JSON: &str = "application/fhir+json";

/// Who treats patients in a demonstration.
const USUAL: &str = "medica";

pub(super) async fn fhir(
    context: &Context,
    fhir: &Fhir,
    out: &mut impl Write,
) -> Result<(), CliError> {
    match &fhir.command {
        FhirCommand::Load { file, json } => load(context, file, *json, out).await,
        FhirCommand::Get {
            kind,
            id,
            break_glass,
            purpose,
        } => {
            let mut ask = Ask::get(format!("/fhir/{}/{}", segment(kind), segment(id)));
            if let Some(reason) = break_glass {
                ask = ask.header("plantao-break-glass", reason);
            }
            if let Some(purpose) = purpose {
                ask = ask.header("plantao-purpose", purpose);
            }
            let resource = context.front_door(USUAL)?.ask_json(ask).await?;
            writeln!(out, "{resource:#}")?;
            Ok(())
        }
    }
}

async fn load(
    context: &Context,
    file: &Path,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let unreadable = |reason: String| CliError::Input {
        path: file.into(),
        reason,
    };
    let text = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let bundle: Value =
        serde_json::from_slice(&text).map_err(|error| unreadable(format!("not JSON: {error}")))?;
    let bundle = repeatable(bundle).map_err(|reason| unreadable(reason.into()))?;
    let client = context.front_door(USUAL)?;
    let answer = client
        .ask_json(Ask::post("/fhir", FHIR_JSON, bundle.to_string()))
        .await?;
    if json {
        writeln!(out, "{answer:#}")?;
        return Ok(());
    }
    report(&answer, out)
}

/// The bundle as a transaction whose entries may be stored again and again.
fn repeatable(mut bundle: Value) -> Result<Value, &'static str> {
    if at(&bundle, "/resourceType") != Some("Bundle") {
        return Err("not a FHIR Bundle: `resourceType` must be `Bundle`");
    }
    match at(&bundle, "/type") {
        Some("transaction" | "batch") => {}
        Some("collection" | "searchset") => {
            if let Some(members) = bundle.as_object_mut() {
                members.insert("type".into(), "transaction".into());
            }
        }
        _ => return Err("`type` must be `transaction`, `batch`, `collection` or `searchset`"),
    }
    let entries = bundle.get_mut("entry").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten() {
        let method = at(entry, "/request/method");
        if !matches!(method, None | Some("POST")) {
            continue;
        }
        let identity = (
            at(entry, "/resource/resourceType"),
            at(entry, "/resource/id"),
        );
        let request = match identity {
            (Some(kind), Some(id)) => json!({ "method": "PUT", "url": format!("{kind}/{id}") }),
            (Some(kind), None) if method.is_none() => json!({ "method": "POST", "url": kind }),
            _ => continue,
        };
        if let Some(entry) = entry.as_object_mut() {
            entry.insert("request".into(), request);
            // A searchset's own bookkeeping has no place in a transaction.
            entry.remove("search");
        }
    }
    Ok(bundle)
}

fn report(answer: &Value, out: &mut impl Write) -> Result<(), CliError> {
    let entries = answer.get("entry").and_then(Value::as_array);
    let (mut created, mut updated, mut skipped) = (0_u64, 0_u64, 0_u64);
    let mut stored: BTreeMap<&str, u64> = BTreeMap::new();
    let mut patient = None;
    let mut notes = Vec::new();
    for entry in entries.into_iter().flatten() {
        if let Some(outcome) = entry.get("resource") {
            notes.push(outcome::issues(outcome));
            continue;
        }
        match at(entry, "/response/status").and_then(|status| status.split(' ').next()) {
            Some("201") => created += 1,
            Some("200") => updated += 1,
            _ => {
                skipped += 1;
                continue;
            }
        }
        let mut place = at(entry, "/response/location")
            .unwrap_or("other/")
            .split('/');
        let (kind, id) = (place.next().unwrap_or("other"), place.next());
        *stored.entry(kind).or_default() += 1;
        if kind == "Patient" && patient.is_none() {
            patient = id;
        }
    }
    let total = created + updated;
    writeln!(
        out,
        "stored {total} ({created} created, {updated} updated), skipped {skipped}"
    )?;
    for (kind, count) in stored {
        writeln!(out, "  {count:>5} {kind}")?;
    }
    for note in notes {
        writeln!(out, "  {note}")?;
    }
    if let Some(id) = patient {
        writeln!(out, "next: plantao fhir get Patient {id}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_with_an_id_is_stored_under_it() {
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
            { "fullUrl": "urn:uuid:1", "resource": { "resourceType": "Patient", "id": "maria" },
              "request": { "method": "POST", "url": "Patient", "ifNoneExist": "x" } },
            { "resource": { "resourceType": "Observation" },
              "request": { "method": "POST", "url": "Observation" } },
            { "request": { "method": "DELETE", "url": "Patient/joao" } },
        ]});
        let bundle = repeatable(bundle).unwrap();
        let expected = json!({ "method": "PUT", "url": "Patient/maria" });
        assert_eq!(bundle["entry"][0]["request"], expected);
        assert_eq!(bundle["entry"][0]["fullUrl"], "urn:uuid:1");
        assert_eq!(bundle["entry"][1]["request"]["method"], "POST");
        assert_eq!(bundle["entry"][2]["request"]["method"], "DELETE");
    }

    #[test]
    fn a_collection_becomes_a_transaction_and_a_message_does_not() {
        let collection = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
            { "resource": { "resourceType": "Patient", "id": "maria" } },
        ]});
        let bundle = repeatable(collection).unwrap();
        assert_eq!(bundle["type"], "transaction");
        assert_eq!(bundle["entry"][0]["request"]["method"], "PUT");
        repeatable(json!({ "resourceType": "Bundle", "type": "message" })).unwrap_err();
        repeatable(json!({ "resourceType": "Patient" })).unwrap_err();
    }

    #[test]
    fn the_report_counts_what_was_stored_and_what_was_left_out() {
        let answer = json!({ "resourceType": "Bundle", "type": "transaction-response", "entry": [
            { "response": { "status": "201 Created", "location": "Patient/maria/_history/1" } },
            { "response": { "status": "200 OK", "location": "Observation/o1/_history/2" } },
            { "response": { "status": "501 Not Implemented" } },
            { "resource": { "resourceType": "OperationOutcome",
                "issue": [{ "diagnostics": "skipped 1 of type Encounter" }] },
              "response": { "status": "200 OK" } },
        ]});
        let mut out = Vec::new();
        report(&answer, &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(
            said.starts_with("stored 2 (1 created, 1 updated), skipped 1\n"),
            "{said}"
        );
        assert!(
            said.contains("1 Patient") && said.contains("type Encounter"),
            "{said}"
        );
        assert!(said.contains("plantao fhir get Patient maria"), "{said}");
    }
}
