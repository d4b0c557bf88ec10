//! Readings out of FHIR Observations, and Observations out of readings.
//!
//! What an Observation does not say for certain is no reading: no status that stands, no moment
//! with a time of day, no known unit, a bound (`< 90`) instead of a value, a reason why the value
//! is absent. Codes are those of LOINC; levels of consciousness are those of SNOMED CT.

use super::units::{self, Dimension, UCUM};
use super::{Acvpu, Reading, VitalSign};
use crate::id::PatientId;
use crate::time::Timestamp;
use serde_json::{Map, Value, json};

const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const DATA_ABSENT: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";

/// Vital signs panel: several readings of one moment.
const VITAL_SIGNS_PANEL: &str = "85353-1";

/// Panels whose components are read: vital signs, blood pressure, and the older codes of the
/// latter that records still carry.
const PANELS: &[&str] = &[VITAL_SIGNS_PANEL, "85354-9", "55284-4", "35094-2"];

/// Oxygen saturation by pulse oximetry: what [`VitalSign::Spo2`] is, beside R4's own code.
const PULSE_OXIMETRY: &str = "59408-5";

/// Inhaled oxygen concentration: what is given to some patients instead of a flow.
const OXYGEN_CONCENTRATION: &str = "3150-6";

/// Oxygen in air, %: a concentration up to it is no oxygen given.
const AIR_PERCENT: f64 = 21.0;

/// Levels of consciousness in SNOMED CT, with their words there.
const LEVELS: &[(Acvpu, &str, &str)] = &[
    (Acvpu::Alert, "248234008", "Mentally alert"),
    (Acvpu::Confusion, "130987000", "Acute confusion"),
    (Acvpu::Voice, "300202002", "Responds to voice"),
    (Acvpu::Pain, "450847001", "Responds to pain"),
    (Acvpu::Unresponsive, "422768004", "Unresponsive"),
];

/// What a code of an Observation stands for.
#[derive(Clone, Copy)]
enum Meaning {
    Sign(VitalSign),
    OxygenConcentration,
    Panel,
}

/// The readings of an Observation: its own and its components'. Values are as measured: whether
/// they can be true is [`super::is_plausible`]'s to say.
#[must_use]
pub fn readings(observation: &Map<String, Value>) -> Vec<Reading> {
    let Some(at) = stands(observation).then(|| moment(observation)).flatten() else {
        return Vec::new();
    };
    let Some(own) = meaning(observation) else {
        return Vec::new();
    };
    let components = observation.get("component").and_then(Value::as_array);
    let components = components
        .into_iter()
        .flatten()
        .filter_map(Value::as_object);
    std::iter::once((own, observation))
        .chain(components.filter_map(|part| Some((meaning(part)?, part))))
        .filter_map(|(meaning, part)| {
            let (sign, value) = value(meaning, part)?;
            Some(Reading { sign, value, at })
        })
        .collect()
}

/// The Observation that says these readings of one patient; [`readings`] gives them back.
///
/// One reading is one Observation with its value. Several are a panel of the moment of the first:
/// they must share it. A value that is no number, or no level of consciousness, becomes a reason
/// why the value is absent.
#[must_use]
pub fn observation(patient: &PatientId, id: &str, readings: &[Reading]) -> Value {
    let mut body = json!({
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "category": [{ "coding": [{ "system": CATEGORY, "code": "vital-signs" }] }],
        "subject": { "reference": format!("Patient/{patient}") },
    });
    let Some(map) = body.as_object_mut() else {
        return body;
    };
    if let Some(first) = readings.first() {
        let at = first.at.to_string();
        map.insert("effectiveDateTime".to_owned(), at.into());
    }
    if let [one] = readings {
        map.extend(said(one));
        return body;
    }
    let panel = json!({ "coding": [{ "system": LOINC, "code": VITAL_SIGNS_PANEL }] });
    map.insert("code".to_owned(), panel);
    let components: Vec<Value> = readings
        .iter()
        .map(|one| Value::Object(said(one)))
        .collect();
    if components.is_empty() {
        map.insert("dataAbsentReason".to_owned(), absent("not-performed"));
    } else {
        map.insert("component".to_owned(), components.into());
    }
    body
}

/// Whether the status is one of something that was measured and stands.
fn stands(observation: &Map<String, Value>) -> bool {
    let status = observation.get("status").and_then(Value::as_str);
    matches!(
        status,
        Some("final" | "amended" | "corrected" | "preliminary")
    )
}

fn moment(observation: &Map<String, Value>) -> Option<Timestamp> {
    let text = |name: &str| observation.get(name).and_then(Value::as_str);
    let at = text("effectiveDateTime").or_else(|| text("effectiveInstant"))?;
    Timestamp::parse(at).ok()
}

fn meaning(part: &Map<String, Value>) -> Option<Meaning> {
    codings(part.get("code")?)
        .filter(|(system, _)| *system == LOINC)
        .find_map(|(_, code)| match code {
            OXYGEN_CONCENTRATION => Some(Meaning::OxygenConcentration),
            PULSE_OXIMETRY => Some(Meaning::Sign(VitalSign::Spo2)),
            panel if PANELS.contains(&panel) => Some(Meaning::Panel),
            code => {
                let mut signs = VitalSign::ALL.iter();
                let sign = signs.find(|sign| sign.loinc() == code)?;
                Some(Meaning::Sign(*sign))
            }
        })
}

/// System and code of each coding of a concept.
fn codings(concept: &Value) -> impl Iterator<Item = (&str, &str)> {
    let codings = concept.get("coding").and_then(Value::as_array);
    codings.into_iter().flatten().filter_map(|coding| {
        let text = |name: &str| coding.get(name).and_then(Value::as_str);
        Some((text("system")?, text("code")?))
    })
}

fn value(meaning: Meaning, part: &Map<String, Value>) -> Option<(VitalSign, f64)> {
    if part.contains_key("dataAbsentReason") {
        return None;
    }
    match meaning {
        Meaning::Panel => None,
        Meaning::Sign(VitalSign::Consciousness) => {
            let level = level(part.get("valueCodeableConcept")?)?;
            Some((VitalSign::Consciousness, level.value()))
        }
        Meaning::Sign(sign) => Some((sign, quantity(part, Dimension::of(sign)?)?)),
        Meaning::OxygenConcentration => {
            let percent = quantity(part, Dimension::Fraction)?;
            Some((VitalSign::SupplementalOxygen, estimated_flow(percent)))
        }
    }
}

fn quantity(part: &Map<String, Value>, to: Dimension) -> Option<f64> {
    let quantity = part.get("valueQuantity")?.as_object()?;
    if quantity.contains_key("comparator") {
        return None;
    }
    let text = |name: &str| quantity.get(name).and_then(Value::as_str);
    let coded = text("code").filter(|_| text("system").is_none_or(|system| system == UCUM));
    let unit = coded.or_else(|| text("unit"))?;
    let value = quantity.get("value")?.as_f64().filter(|v| v.is_finite())?;
    units::converted(value, unit, to)
}

fn level(concept: &Value) -> Option<Acvpu> {
    codings(concept)
        .filter(|(system, _)| *system == SNOMED)
        .find_map(|(_, given)| {
            let known = LEVELS.iter().find(|(_, code, _)| *code == given);
            known.map(|(level, ..)| *level)
        })
}

/// The flow that gives about this concentration: each litre a minute adds some 4 % to the 20 % of
/// the bedside rule. What is scored is only whether oxygen is given at all.
fn estimated_flow(percent: f64) -> f64 {
    if percent <= AIR_PERCENT {
        return 0.0;
    }
    (((percent - 20.0) / 4.0 * 2.0).round() / 2.0).max(0.5)
}

/// Code and value of one reading, as an Observation or a component has them.
fn said(reading: &Reading) -> Map<String, Value> {
    let sign = reading.sign;
    let mut codes = vec![json!({ "system": LOINC, "code": sign.loinc() })];
    if sign == VitalSign::Spo2 {
        codes.push(json!({ "system": LOINC, "code": PULSE_OXIMETRY }));
    }
    let mut map = Map::new();
    map.insert("code".to_owned(), json!({ "coding": codes }));
    let (name, value) = if sign == VitalSign::Consciousness {
        let known = LEVELS
            .iter()
            .find(|(level, ..)| Acvpu::of(reading.value) == Some(*level));
        match known {
            Some((_, code, display)) => {
                let coding = json!({ "system": SNOMED, "code": code, "display": display });
                ("valueCodeableConcept", json!({ "coding": [coding] }))
            }
            None => ("dataAbsentReason", absent("error")),
        }
    } else if reading.value.is_finite() {
        let ucum = sign.ucum();
        let quantity = json!({
            "value": reading.value,
            "unit": ucum,
            "system": UCUM,
            "code": ucum,
        });
        ("valueQuantity", quantity)
    } else {
        ("dataAbsentReason", absent("error"))
    };
    map.insert(name.to_owned(), value);
    map
}

fn absent(code: &str) -> Value {
    json!({ "coding": [{ "system": DATA_ABSENT, "code": code }] })
}
