//! The rules of R4 that span several elements, each under its name in the specification.
//!
//! Taken are those of the resource types taken here and of the datatypes real records use. Rules
//! that need another resource (a reference that must exist) belong to the store; rules that R4
//! only warns of (`con-3`: a problem on the list has a clinical status) refuse nothing.

use super::definitions::{
    ALLERGY_VERIFICATION, CONDITION_CLINICAL, CONDITION_VERIFICATION, CodeList,
};
use super::validate::{Path, Report, document_number};
use super::{FhirType, IssueCode};
use serde_json::{Map, Value};

type Body = Map<String, Value>;

/// Rules of a whole resource.
pub(super) fn resource(report: &mut Report, kind: FhirType, body: &Body, at: &Path<'_>) {
    match kind {
        FhirType::Observation => observation(report, body, at),
        FhirType::Organization => organization(report, body, at),
        FhirType::AllergyIntolerance => allergy(report, body, at),
        FhirType::Condition => condition(report, body, at),
        FhirType::Patient | FhirType::Practitioner | FhirType::MedicationRequest => {}
    }
    contained_references(report, body, at);
}

/// Rules of one element, by the name of its type.
pub(super) fn element(report: &mut Report, of: &str, map: &Body, at: &Path<'_>) {
    let has = |name: &str| map.contains_key(name);
    let mut broken = |name: &str, text: &str| {
        report.add(IssueCode::Invariant, at, format!("{name}: {text}"));
    };
    match of {
        "Extension" if has_any(map, "value") == has("extension") => {
            broken("ext-1", "an extension has either a value or extensions");
        }
        "Quantity" if has("code") && !has("system") => {
            broken("qty-3", "a coded unit needs the system of its code");
        }
        "ContactPoint" if has("value") && !has("system") => {
            broken("cpt-2", "a contact value needs its system");
        }
        "Attachment" if has("data") && !has("contentType") => {
            broken("att-1", "attached data needs its content type");
        }
        "Patient.contact"
            if !["name", "telecom", "address", "organization"]
                .into_iter()
                .any(has) =>
        {
            broken(
                "pat-1",
                "a contact has a name, telecom, address or organization",
            );
        }
        "Observation.referenceRange" if !["low", "high", "text"].into_iter().any(has) => {
            broken("obs-3", "a reference range has a low, a high or a text");
        }
        "Condition.stage" if !has("summary") && !has("assessment") => {
            broken("con-1", "a stage has a summary or an assessment");
        }
        "Condition.evidence" if !has("code") && !has("detail") => {
            broken("con-2", "evidence has a code or a detail");
        }
        "Period" if ends_before_it_starts(map) => {
            broken("per-1", "a period does not end before it starts");
        }
        "Identifier" => document_number(report, map, at),
        _ => {}
    }
}

fn observation(report: &mut Report, body: &Body, at: &Path<'_>) {
    let valued = has_any(body, "value");
    if valued && body.contains_key("dataAbsentReason") {
        let text = "obs-6: a reason for absent data stands only where no value is";
        report.add(
            IssueCode::Invariant,
            &Path::Field(at, "dataAbsentReason"),
            text,
        );
    }
    let codings = |of: Option<&Value>| -> Vec<(Option<Value>, Option<Value>)> {
        let list = of
            .and_then(|code| code.get("coding"))
            .and_then(Value::as_array);
        let pair = |coding: &Value| (coding.get("system").cloned(), coding.get("code").cloned());
        list.map(|items| items.iter().map(pair).collect())
            .unwrap_or_default()
    };
    let own = codings(body.get("code"));
    let components = body
        .get("component")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let repeated = components
        .flat_map(|component| codings(component.get("code")))
        .any(|coding| coding.1.is_some() && own.contains(&coding));
    if valued && repeated {
        let text = "obs-7: a component with the code of the observation leaves it without a value";
        report.add(IssueCode::Invariant, at, text);
    }
}

fn organization(report: &mut Report, body: &Body, at: &Path<'_>) {
    if !body.contains_key("name") && !body.contains_key("identifier") {
        let text = "org-1: an organization has a name or an identifier";
        report.add(IssueCode::Invariant, at, text);
    }
    for (field, rule) in [("address", "org-2"), ("telecom", "org-3")] {
        let entries = body
            .get(field)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for (index, entry) in entries.enumerate() {
            if entry.get("use").and_then(Value::as_str) == Some("home") {
                let field = Path::Field(at, field);
                let text = format!("{rule}: an organization has no home");
                report.add(IssueCode::Invariant, &Path::Item(&field, index), text);
            }
        }
    }
}

fn allergy(report: &mut Report, body: &Body, at: &Path<'_>) {
    let status = body.contains_key("clinicalStatus");
    match (entered_in_error(body, &ALLERGY_VERIFICATION), status) {
        (false, false) => {
            let text = "ait-1: an allergy has a clinical status unless it was entered in error";
            report.add(
                IssueCode::Invariant,
                &Path::Field(at, "clinicalStatus"),
                text,
            );
        }
        (true, true) => no_status(report, "ait-2", at),
        (true, false) | (false, true) => {}
    }
}

fn condition(report: &mut Report, body: &Body, at: &Path<'_>) {
    let ended = || {
        let codes = ["inactive", "remission", "resolved"];
        has_code(body, "clinicalStatus", CONDITION_CLINICAL.system, &codes)
    };
    if has_any(body, "abatement") && !ended() {
        let text = "con-4: a condition that abated is inactive, resolved or in remission";
        report.add(
            IssueCode::Invariant,
            &Path::Field(at, "clinicalStatus"),
            text,
        );
    }
    let status = body.contains_key("clinicalStatus");
    if status && entered_in_error(body, &CONDITION_VERIFICATION) {
        no_status(report, "con-5", at);
    }
}

fn no_status(report: &mut Report, rule: &str, at: &Path<'_>) {
    let text = format!("{rule}: what was entered in error has no clinical status");
    report.add(
        IssueCode::Invariant,
        &Path::Field(at, "clinicalStatus"),
        text,
    );
}

fn entered_in_error(body: &Body, list: &CodeList) -> bool {
    has_code(
        body,
        "verificationStatus",
        list.system,
        &["entered-in-error"],
    )
}

/// Whether a concept has a coding of this system with one of these codes.
fn has_code(body: &Body, element: &str, system: &str, codes: &[&str]) -> bool {
    let codings = body.get(element).and_then(|concept| concept.get("coding"));
    let codings = codings.and_then(Value::as_array).into_iter().flatten();
    codings.into_iter().any(|coding| {
        let text = |name: &str| coding.get(name).and_then(Value::as_str);
        text("system") == Some(system) && text("code").is_some_and(|code| codes.contains(&code))
    })
}

/// `ref-1`: a reference to a contained resource finds it.
fn contained_references(report: &mut Report, body: &Body, at: &Path<'_>) {
    let list = body
        .get("contained")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let ids: Vec<&str> = list.filter_map(|one| one.get("id")?.as_str()).collect();
    let mut dangling = false;
    for value in body.values() {
        each_reference(value, &mut |text| {
            let local = text.strip_prefix('#').filter(|id| !id.is_empty());
            dangling |= local.is_some_and(|id| !ids.contains(&id));
        });
    }
    if dangling {
        let text = "ref-1: a reference to a contained resource that is not there";
        report.add(IssueCode::Invariant, &Path::Field(at, "contained"), text);
    }
}

/// Visits the text of every `reference` below a value.
pub(super) fn each_reference(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, visit)),
        Value::Object(map) => {
            for (name, value) in map {
                match value.as_str() {
                    Some(text) if name == "reference" => visit(text),
                    _ => each_reference(value, visit),
                }
            }
        }
        _ => {}
    }
}

/// Whether any type of a choice is given: `value` matches `valueString`, not `valueless`.
fn has_any(map: &Body, group: &str) -> bool {
    map.keys().any(|key| {
        let key = key.strip_prefix('_').unwrap_or(key);
        let rest = key.strip_prefix(group);
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
    })
}

/// Compares what both ends have in common, and only where that is comparable: dates by their shared
/// precision, moments when both have the same zone.
fn ends_before_it_starts(map: &Body) -> bool {
    let text = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or_default();
    let (start, end) = (text("start"), text("end"));
    let day = |text: &str| text.get(..10).unwrap_or(text).to_owned();
    let zone = |text: &str| {
        text.get(19..)
            .map(|rest| rest.trim_start_matches(['.']).to_owned())
    };
    if start.len() > 10 && end.len() > 10 {
        if zone(start) == zone(end) {
            return end < start;
        }
        // Zones apart: only more than a day decides for certain, which the year and month show.
        return end.get(..7) < start.get(..7);
    }
    let shared = day(start).len().min(day(end).len());
    shared > 0 && day(end).get(..shared) < day(start).get(..shared)
}
