//! What is read out of an Observation, and that what is written is read back.

use super::*;
use crate::fhir::parse_new_resource;
use crate::id::{PatientId, ResourceId};
use crate::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const AT: &str = "2025-11-22T10:00:00-03:00";

fn measured(code: &str, value: f64, unit: &str) -> Value {
    json!({
        "resourceType": "Observation",
        "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
        "subject": { "reference": "Patient/maria-exemplo" },
        "effectiveDateTime": AT,
        "valueQuantity": quantity(value, unit),
    })
}

fn quantity(value: f64, unit: &str) -> Value {
    json!({ "value": value, "system": "http://unitsofmeasure.org", "code": unit })
}

fn read(body: &Value) -> Vec<(VitalSign, f64)> {
    let found = readings(body.as_object().unwrap());
    let at = Timestamp::parse(AT).unwrap();
    assert!(found.iter().all(|one| one.at == at));
    found.iter().map(|one| (one.sign, one.value)).collect()
}

#[test]
fn every_sign_is_read_by_its_code_in_its_unit() {
    for (code, value, unit, sign, expected) in [
        ("8867-4", 72.0, "/min", VitalSign::HeartRate, 72.0),
        (
            "9279-1",
            16.0,
            "{breaths}/min",
            VitalSign::RespiratoryRate,
            16.0,
        ),
        ("59408-5", 97.0, "%", VitalSign::Spo2, 97.0),
        ("2708-6", 96.0, "%", VitalSign::Spo2, 96.0),
        ("8480-6", 16.0, "kPa", VitalSign::SystolicPressure, 120.01),
        ("8462-4", 80.0, "mm[Hg]", VitalSign::DiastolicPressure, 80.0),
        ("8478-0", 93.0, "mm[Hg]", VitalSign::MeanPressure, 93.0),
        ("8310-5", 100.4, "[degF]", VitalSign::Temperature, 38.0),
        ("3151-8", 2.0, "L/min", VitalSign::SupplementalOxygen, 2.0),
        ("3150-6", 40.0, "%", VitalSign::SupplementalOxygen, 5.0),
        ("3150-6", 22.0, "%", VitalSign::SupplementalOxygen, 0.5),
        ("3150-6", 21.0, "%", VitalSign::SupplementalOxygen, 0.0),
    ] {
        assert_eq!(
            read(&measured(code, value, unit)),
            [(sign, expected)],
            "{code} {unit}"
        );
    }
}

#[test]
fn levels_of_consciousness_are_read_by_their_code() {
    for (code, level) in [
        ("248234008", Acvpu::Alert),
        ("130987000", Acvpu::Confusion),
        ("300202002", Acvpu::Voice),
        ("450847001", Acvpu::Pain),
        ("422768004", Acvpu::Unresponsive),
    ] {
        let mut body = measured("67775-7", 0.0, "1");
        assert_eq!(read(&body), [], "a number is no level");
        body["valueQuantity"].take();
        let coding = json!({ "system": "http://snomed.info/sct", "code": code });
        body["valueCodeableConcept"] = json!({ "coding": [coding] });
        assert_eq!(read(&body), [(VitalSign::Consciousness, level.value())]);
    }
}

#[test]
fn panels_give_their_components_and_an_oximetry_gives_its_oxygen() {
    let component = |code: &str, value: f64, unit: &str| {
        let code = json!({ "coding": [{ "system": "http://loinc.org", "code": code }] });
        json!({ "code": code, "valueQuantity": quantity(value, unit) })
    };
    let mut panel = measured("85354-9", 0.0, "mm[Hg]");
    panel.as_object_mut().unwrap().remove("valueQuantity");
    let mut unknown = component("8478-0", 93.0, "mm[Hg]");
    unknown["dataAbsentReason"] = json!({ "text": "?" });
    panel["component"] = json!([
        component("8480-6", 120.0, "mm[Hg]"),
        component("8462-4", 80.0, "mm[Hg]"),
        component("29463-7", 80.0, "kg"),
        unknown,
    ]);
    let pressures = [
        (VitalSign::SystolicPressure, 120.0),
        (VitalSign::DiastolicPressure, 80.0),
    ];
    assert_eq!(read(&panel), pressures);
    panel["code"]["coding"][0]["code"] = json!("34565-2");
    assert_eq!(
        read(&panel),
        [],
        "components of an unknown panel may mean something else"
    );
    let mut oximetry = measured("59408-5", 95.0, "%");
    oximetry["component"] = json!([component("3151-8", 3.0, "L/min")]);
    let both = [
        (VitalSign::Spo2, 95.0),
        (VitalSign::SupplementalOxygen, 3.0),
    ];
    assert_eq!(read(&oximetry), both);
}

#[test]
fn what_is_not_said_for_certain_is_no_reading() {
    let sound = measured("8867-4", 72.0, "/min");
    assert_eq!(read(&sound).len(), 1);
    let cases = [
        ("/status", json!("entered-in-error")),
        ("/status", json!("cancelled")),
        ("/status", json!("registered")),
        ("/status", json!("unknown")),
        ("/status", Value::Null),
        (
            "/code/coding/0/system",
            json!("https://rede.example/codigos"),
        ),
        ("/code/coding/0/code", json!("29463-7")),
        ("/effectiveDateTime", json!("2025-11-22")),
        ("/effectiveDateTime", Value::Null),
        ("/valueQuantity/comparator", json!("<")),
        ("/valueQuantity/code", json!("kg")),
        (
            "/valueQuantity/system",
            json!("https://rede.example/unidades"),
        ),
        ("/valueQuantity/code", Value::Null),
        ("/valueQuantity/value", json!("72")),
        ("/valueQuantity", json!([72])),
        ("/dataAbsentReason", json!({ "text": "desconectado" })),
        ("/code", json!("8867-4")),
    ];
    for (pointer, value) in cases {
        let mut body = sound.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value.clone();
        assert_eq!(read(&body), [], "{pointer} {value}");
    }
}

#[test]
fn other_ways_to_say_the_same_are_read() {
    let mut body = measured("8867-4", 72.0, "/min");
    for status in ["preliminary", "amended", "corrected"] {
        body["status"] = json!(status);
        assert_eq!(read(&body).len(), 1, "{status}");
    }
    body["valueQuantity"] = json!({ "value": 72, "unit": "bpm" });
    assert_eq!(read(&body), [(VitalSign::HeartRate, 72.0)]);
    body["effectiveInstant"] = body["effectiveDateTime"].take();
    assert_eq!(read(&body).len(), 1);
}

#[test]
fn what_cannot_be_said_becomes_a_reason_and_is_still_sound() {
    let patient = PatientId::parse("maria-exemplo").unwrap();
    let at = Timestamp::parse(AT).unwrap();
    let reading = |sign, value| Reading { sign, value, at };
    for one in [
        vec![reading(VitalSign::HeartRate, f64::NAN)],
        vec![reading(VitalSign::Consciousness, 7.0)],
        vec![],
    ] {
        let body = observation(&patient, "o-1", &one);
        assert_eq!(readings(body.as_object().unwrap()), []);
        parse_new_resource(body, ResourceId::parse("o-1").unwrap()).unwrap();
    }
}

/// A value of the sign, with one decimal as monitors send it.
fn reading() -> impl Strategy<Value = (VitalSign, f64)> {
    let sign = prop::sample::select(VitalSign::ALL);
    (sign, 0_u16..5_000).prop_map(|(sign, number)| match sign {
        VitalSign::Consciousness => (sign, f64::from(number % 5)),
        _ => (sign, f64::from(number) / 10.0),
    })
}

proptest! {
    #[test]
    fn what_is_written_passes_the_checks_and_is_read_back(
        values in proptest::collection::vec(reading(), 1..6),
        micros in 0_i64..4_000_000_000_000_000,
    ) {
        let at = Timestamp::from_micros(micros);
        let written: Vec<Reading> =
            values.iter().map(|&(sign, value)| Reading { sign, value, at }).collect();
        let patient = PatientId::parse("maria-exemplo").unwrap();
        let body = observation(&patient, "o-1", &written);
        let parsed = parse_new_resource(body, ResourceId::parse("o-1").unwrap()).unwrap();
        prop_assert_eq!(parsed.patient.as_ref(), Some(&patient));
        prop_assert_eq!(readings(&parsed.body), written);
    }

    #[test]
    fn reading_survives_any_body(text in "\\PC{0,40}", number in any::<f64>()) {
        let mut body = measured("8867-4", number, &text);
        body["effectiveDateTime"] = json!(text);
        let found = readings(body.as_object().unwrap());
        prop_assert!(found.is_empty());
    }
}
