//! What stands on the card, in which order and words, and what is left out.

use super::*;
use serde_json::{Value, json};

fn card(resources: &[Value]) -> EmergencyCard {
    let kind = |body: &Value| crate::fhir::parse_type(body["resourceType"].as_str().unwrap());
    EmergencyCard::of(
        resources
            .iter()
            .map(|body| (kind(body).unwrap(), body.as_object().unwrap())),
    )
}

fn coded(code: &str) -> Value {
    json!({ "coding": [{ "system": "x", "code": code }] })
}

fn allergy(name: &str) -> Value {
    json!({
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": coded("active"),
        "code": { "text": name },
    })
}

fn order(name: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": { "text": name },
    })
}

fn condition(name: &str) -> Value {
    json!({
        "resourceType": "Condition",
        "clinicalStatus": coded("active"),
        "code": { "text": name },
    })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn texts(items: &[CardItem]) -> Vec<&str> {
    items.iter().map(|item| item.text.as_str()).collect()
}

fn only(items: &[CardItem]) -> &CardItem {
    assert_eq!(items.len(), 1, "{items:?}");
    &items[0]
}

#[test]
fn an_allergy_stands_with_its_reactions_and_its_gravity() {
    let penicillin = json!({
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": coded("active"),
        "criticality": "high",
        "code": { "coding": [{ "code": "764146007", "display": "Penicilina" }] },
        "onsetDateTime": "2011-03",
        "recordedDate": "2020-01-01",
        "reaction": [
            { "manifestation": [{ "text": "Anafilaxia" }, { "text": " Urticária\n" }] },
        ],
    });
    let expected = CardItem {
        text: "Penicilina".to_owned(),
        detail: Some("Anafilaxia, Urticária".to_owned()),
        critical: true,
        since: Some("2011-03".to_owned()),
    };
    assert_eq!(card(&[penicillin]).allergies, [expected]);
    let severe = json!([{ "manifestation": [{ "text": "Choque" }], "severity": "severe" }]);
    assert!(only(&card(&[with(allergy("Látex"), "reaction", severe)]).allergies).critical);
    assert!(!only(&card(&[allergy("Pólen")]).allergies).critical);
}

#[test]
fn what_is_over_refuted_or_entered_in_error_is_left_out() {
    for status in ["inactive", "resolved", "remission"] {
        let status = coded(status);
        let found = card(&[
            with(allergy("x"), "clinicalStatus", status.clone()),
            with(condition("x"), "clinicalStatus", status),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
    for status in ["refuted", "entered-in-error"] {
        let status = coded(status);
        let found = card(&[
            with(allergy("x"), "verificationStatus", status.clone()),
            with(condition("x"), "verificationStatus", status),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
    assert!(card(&[with(condition("x"), "abatementDateTime", json!("2020"))]).is_empty());
}

#[test]
fn what_came_back_and_what_has_no_status_is_kept() {
    for status in [coded("recurrence"), coded("relapse"), Value::Null] {
        let mut body = condition("Asma");
        body["clinicalStatus"] = status;
        if body["clinicalStatus"].is_null() {
            body.as_object_mut().unwrap().remove("clinicalStatus");
        }
        assert_eq!(texts(&card(&[body]).conditions), ["Asma"]);
    }
    let unconfirmed = with(allergy("Iodo"), "verificationStatus", coded("unconfirmed"));
    assert_eq!(texts(&card(&[unconfirmed]).allergies), ["Iodo"]);
}

#[test]
fn only_orders_that_are_carried_out_or_paused_are_medication() {
    for (status, intent, there) in [
        ("active", "order", true),
        ("active", "instance-order", true),
        ("on-hold", "original-order", true),
        ("active", "plan", false),
        ("active", "proposal", false),
        ("active", "option", false),
        ("completed", "order", false),
        ("stopped", "order", false),
        ("cancelled", "order", false),
        ("draft", "order", false),
        ("entered-in-error", "order", false),
        ("unknown", "order", false),
    ] {
        let body = with(
            with(order("x"), "status", json!(status)),
            "intent",
            json!(intent),
        );
        assert_eq!(!card(&[body]).is_empty(), there, "{status} {intent}");
    }
    assert!(card(&[with(order("x"), "doNotPerform", json!(true))]).is_empty());
    let paused = card(&[with(order("x"), "status", json!("on-hold"))]);
    assert_eq!(only(&paused.medication).detail.as_deref(), Some("on-hold"));
}

#[test]
fn a_dosage_is_told_in_its_words_or_its_numbers() {
    let worded = json!([{ "text": "1 comprimido de 12 em 12 horas" }]);
    let numbers = json!([{
        "asNeededBoolean": true,
        "doseAndRate": [{ "doseQuantity": { "value": 20, "unit": "mg" } }],
        "timing": { "repeat": { "frequency": 2, "period": 1, "periodUnit": "d" } },
    }]);
    let hours = json!([{
        "timing": { "repeat": { "frequency": 1, "period": 8.0, "periodUnit": "h" } },
    }]);
    for (dosage, expected) in [
        (worded, Some("1 comprimido de 12 em 12 horas")),
        (numbers, Some("20 mg 2×/d SOS/PRN")),
        (hours, Some("1×/8 h")),
        (json!([{ "sequence": 1 }]), None),
    ] {
        let found = card(&[with(order("x"), "dosageInstruction", dosage)]);
        assert_eq!(only(&found.medication).detail.as_deref(), expected);
    }
}

#[test]
fn a_medication_is_named_by_what_the_order_contains_or_says() {
    let mut contained = order("x");
    contained
        .as_object_mut()
        .unwrap()
        .remove("medicationCodeableConcept");
    let mut named = contained.clone();
    contained["contained"] = json!([
        { "resourceType": "Medication", "id": "m", "code": { "text": "Varfarina 5 mg" } },
    ]);
    contained["medicationReference"] = json!({ "reference": "#m" });
    assert_eq!(texts(&card(&[contained]).medication), ["Varfarina 5 mg"]);
    named["medicationReference"] = json!({ "reference": "Medication/m", "display": "Insulina" });
    assert_eq!(texts(&card(&[named.clone()]).medication), ["Insulina"]);
    named["medicationReference"] = json!({ "reference": "Medication/m" });
    assert_eq!(
        texts(&card(&[named]).medication),
        ["?"],
        "never left out for want of words"
    );
}

#[test]
fn the_gravest_stand_first_then_the_newest() {
    let since = |name: &str, date: &str| with(allergy(name), "onsetDateTime", json!(date));
    let grave = with(since("Penicilina", "1999"), "criticality", json!("high"));
    let resources = [
        since("Pólen", "2001"),
        since("Ácaro", "2020-02-01"),
        allergy("Látex"),
        grave,
    ];
    let expected = ["Penicilina", "Ácaro", "Pólen", "Látex"];
    assert_eq!(texts(&card(&resources).allergies), expected);
    let mut backwards = resources.clone();
    backwards.reverse();
    assert_eq!(card(&backwards), card(&resources));
}

#[test]
fn a_condition_is_critical_when_it_is_severe() {
    let severe = with(condition("Sepse"), "severity", coded("24484000"));
    let found = card(&[
        severe,
        with(condition("Gripe"), "severity", coded("255604002")),
    ]);
    assert_eq!(texts(&found.conditions), ["Sepse", "Gripe"]);
    assert!(found.conditions[0].critical && !found.conditions[1].critical);
}

#[test]
fn the_same_said_twice_stands_once_and_a_card_is_bounded() {
    let again = with(order("Enalapril"), "authoredOn", json!("2025-01-01"));
    let found = card(&[order("Enalapril"), again]);
    assert_eq!(only(&found.medication).since.as_deref(), Some("2025-01-01"));
    let many: Vec<Value> = (0..200)
        .map(|n| allergy(&format!("Alérgeno {n}")))
        .collect();
    assert_eq!(card(&many).allergies.len(), CARD_ITEMS);
    let long = card(&[allergy(&"ção ".repeat(500))]);
    assert_eq!(
        only(&long.allergies).text.chars().count(),
        CARD_TEXT_CHARS + 1
    );
}

#[test]
fn other_resources_and_odd_bodies_are_passed_over() {
    let odd = [
        json!({ "resourceType": "Patient" }),
        json!({ "resourceType": "Observation" }),
        json!({ "resourceType": "MedicationRequest" }),
        json!({ "resourceType": "MedicationRequest", "status": 1, "intent": [] }),
    ];
    assert!(card(&odd).is_empty());
    let bare = card(&[json!({ "resourceType": "Condition", "code": 3, "severity": [1] })]);
    assert_eq!(texts(&bare.conditions), ["?"]);
}
