//! One resource, read as an item of the card or passed over.

use super::{CARD_TEXT_CHARS, CardItem};
use serde_json::{Map, Value};

type Body = Map<String, Value>;

/// Clinical statuses of what is there now, of allergies and conditions alike.
const ACTIVE: &[&str] = &["active", "recurrence", "relapse"];

/// Verification statuses of what was never there.
const NOT_SO: &[&str] = &["refuted", "entered-in-error"];

/// Severities (SNOMED CT) that threaten life: severe, life threatening.
const SEVERE: &[&str] = &["24484000", "442452003"];

/// Intents of a request that is meant to be carried out; a proposal, a plan and an option are not.
const ORDERS: &[&str] = &[
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
];

/// An allergy, when it is active and not refuted. Critical: of high criticality, or a reaction was
/// severe.
pub(super) fn allergy(body: &Body) -> Option<CardItem> {
    if !is_there(body) {
        return None;
    }
    let reactions = || items(body.get("reaction"));
    let severe = reactions().any(|one| text(one.get("severity")) == Some("severe"));
    let shown = reactions()
        .flat_map(|one| items(one.get("manifestation")))
        .filter_map(words);
    let detail = joined(shown, ", ");
    let substance = || reactions().find_map(|one| one.get("substance").and_then(words));
    Some(CardItem {
        text: named(body.get("code").and_then(words).or_else(substance)),
        detail,
        critical: severe || text(body.get("criticality")) == Some("high"),
        since: since(body, &["onsetDateTime", "recordedDate"]),
    })
}

/// An order for medication that is being carried out or paused. An order not to give something is
/// none.
pub(super) fn medication(body: &Body) -> Option<CardItem> {
    let status = text(body.get("status"))?;
    let ordered = text(body.get("intent")).is_some_and(|intent| ORDERS.contains(&intent));
    let forbidden = body.get("doNotPerform").and_then(Value::as_bool) == Some(true);
    if !matches!(status, "active" | "on-hold") || !ordered || forbidden {
        return None;
    }
    let paused = (status == "on-hold").then(|| status.to_owned());
    let dosages = items(body.get("dosageInstruction")).filter_map(dosage);
    Some(CardItem {
        text: named(medicine(body)),
        detail: joined(paused.into_iter().chain(dosages), "; "),
        critical: false,
        since: since(body, &["authoredOn"]),
    })
}

/// A condition that is there now. Critical: severe, or threatening life.
pub(super) fn condition(body: &Body) -> Option<CardItem> {
    let abated = body.keys().any(|key| key.starts_with("abatement"));
    if !is_there(body) || abated {
        return None;
    }
    let severity = body.get("severity");
    Some(CardItem {
        text: named(body.get("code").and_then(words)),
        detail: severity.and_then(words).map(|words| cut(&words)),
        critical: severity.is_some_and(|one| codes(one).any(|code| SEVERE.contains(&code))),
        since: since(body, &["onsetDateTime", "recordedDate"]),
    })
}

/// Whether it is so and still so. Without a status it is.
fn is_there(body: &Body) -> bool {
    let among = |name: &str, list: &[&str]| {
        let concept = body.get(name)?;
        Some(codes(concept).any(|code| list.contains(&code)))
    };
    let refuted = among("verificationStatus", NOT_SO).unwrap_or(false);
    let active = among("clinicalStatus", ACTIVE).unwrap_or(true);
    active && !refuted
}

/// What is given: a concept, or a medication that the order contains or names.
fn medicine(body: &Body) -> Option<String> {
    if let Some(concept) = body.get("medicationCodeableConcept") {
        return words(concept);
    }
    let reference = body.get("medicationReference")?;
    let id = text(reference.get("reference")).and_then(|target| target.strip_prefix('#'));
    let contained = items(body.get("contained")).find(|one| {
        let own = text(one.get("id"));
        own.is_some() && own == id
    });
    let code = contained.and_then(|one| words(one.get("code")?));
    code.or_else(|| text(reference.get("display")).map(str::to_owned))
}

/// A dosage in its own words, or as `20 mg 2×/d SOS/PRN`.
fn dosage(dosage: &Value) -> Option<String> {
    if let Some(words) = text(dosage.get("text")) {
        return Some(words.to_owned());
    }
    let dose = items(dosage.get("doseAndRate")).find_map(|one| amount(one.get("doseQuantity")?));
    let repeat = dosage.get("timing").and_then(|timing| timing.get("repeat"));
    let rhythm = repeat.and_then(|repeat| {
        let number = |name: &str| repeat.get(name).and_then(Value::as_f64);
        let (times, unit) = (
            number("frequency").unwrap_or(1.0),
            text(repeat.get("periodUnit"))?,
        );
        Some(match number("period")? {
            1.0 => format!("{times}×/{unit}"),
            period => format!("{times}×/{period} {unit}"),
        })
    });
    let needed = dosage.get("asNeededBoolean").and_then(Value::as_bool) == Some(true);
    let needed = needed.then(|| "SOS/PRN".to_owned());
    joined([dose, rhythm, needed].into_iter().flatten(), " ")
}

fn amount(quantity: &Value) -> Option<String> {
    let value = quantity.get("value")?.as_f64()?;
    let unit = text(quantity.get("unit")).or_else(|| text(quantity.get("code")));
    Some(match unit {
        Some(unit) => format!("{value} {unit}"),
        None => value.to_string(),
    })
}

/// The words of a concept: its text, else the first display, else the first code.
fn words(concept: &Value) -> Option<String> {
    let codings = || items(concept.get("coding"));
    let found = text(concept.get("text"))
        .or_else(|| codings().find_map(|coding| text(coding.get("display"))))
        .or_else(|| codings().find_map(|coding| text(coding.get("code"))));
    found.map(str::to_owned)
}

fn codes(concept: &Value) -> impl Iterator<Item = &str> {
    items(concept.get("coding")).filter_map(|coding| text(coding.get("code")))
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

/// A text with something in it.
fn text(value: Option<&Value>) -> Option<&str> {
    let text = value?.as_str()?.trim();
    (!text.is_empty()).then_some(text)
}

fn since(body: &Body, elements: &[&str]) -> Option<String> {
    let period = || text(body.get("onsetPeriod")?.get("start"));
    let found = elements.iter().find_map(|name| text(body.get(*name)));
    let onset = text(body.get("onsetDateTime")).or_else(period);
    onset.or(found).map(str::to_owned)
}

fn named(words: Option<String>) -> String {
    words.map_or_else(|| "?".to_owned(), |words| cut(&words))
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> Option<String> {
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| cut(&parts.join(between)))
}

/// At most [`CARD_TEXT_CHARS`], with white space of any kind as one space.
fn cut(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(CARD_TEXT_CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
