//! `Bedside`: what the pages show of one patient, as it stands now.
//!
//! A value: the session publishes a new one at each change and readers keep it for as long as they
//! draw it. Sharing is by reference: what did not change between two of them is the same memory.
//! It holds more than any one viewer may see; whoever draws it takes the fields of the viewer's
//! grant and no others.
//!
//! PHI: vital signs, allergies, medication, conditions, name and date of birth, in memory. Purpose
//! and legal basis: care (LGPD Art. 11 II f); retention: until the last reader lets go; access: the
//! view grant given to [`super::Records::watch`]; encryption: none in memory; audit: each
//! disclosure, by the viewer it is sent to.

use super::store::Recent;
use plantao_schema::emergency::{CARD_ITEMS, EmergencyCard};
use plantao_schema::fhir::FhirType;
use plantao_schema::time::Timestamp;
use plantao_schema::vitals::{self, Chart, Reading, Taken};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

/// One patient's chart and emergency card, and who the patient is.
#[derive(Clone)]
pub struct Bedside {
    /// The recent vital signs with their alarms.
    pub chart: Chart,
    /// Allergies, medication and conditions.
    pub card: Arc<EmergencyCard>,
    /// The name to address the patient by.
    pub name: Option<Arc<str>>,
    /// The date of birth as FHIR has it: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub birth_date: Option<Arc<str>>,
    /// How many records could not be opened and are missing here: the card may be incomplete.
    pub unreadable: usize,
    /// There are as many records as are read for the card, or lines as it has room for: others
    /// may be missing, and it must not be shown as complete.
    pub card_incomplete: bool,
    /// The records could not be read or compared lately: what is here was right once, and nothing
    /// may be said of what has changed since. It must not be shown as live.
    pub storage_lost: bool,
    /// Grows with each publication of one incarnation of the session; starts anew with the next.
    pub revision: u64,
}

impl fmt::Debug for Bedside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bedside")
            .field("unreadable", &self.unreadable)
            .field("card_incomplete", &self.card_incomplete)
            .field("storage_lost", &self.storage_lost)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// The bedside that stored records amount to. Pure, and a tenth of a second long for thousands.
/// A reading from the future is left out, here as when it comes: it would push all others out.
pub(super) fn rebuilt(observations: &Recent, others: &Recent, now: Timestamp) -> Bedside {
    let mut unreadable = observations.unreadable + others.unreadable;
    let mut chart = Chart::new();
    // In the order in which they were stored, as when they came one by one.
    for (_, stored) in observations.records.iter().rev() {
        match serde_json::from_slice::<Map<String, Value>>(&stored.body) {
            Ok(body) => {
                for reading in readings(&body, now) {
                    chart.take(reading);
                }
            }
            Err(_) => unreadable += 1,
        }
    }
    let mut bodies = Vec::with_capacity(others.records.len());
    for (kind, stored) in &others.records {
        match serde_json::from_slice::<Map<String, Value>>(&stored.body) {
            Ok(body) => bodies.push((*kind, body)),
            Err(_) => unreadable += 1,
        }
    }
    let patient = bodies.iter().find(|(kind, _)| *kind == FhirType::Patient);
    let patient = patient.map(|(_, body)| body);
    let card = EmergencyCard::of(bodies.iter().map(|(kind, body)| (*kind, body)));
    Bedside {
        chart,
        card_incomplete: others.cut || is_full(&card),
        card: Arc::new(card),
        name: patient.and_then(name).map(Arc::from),
        birth_date: patient
            .and_then(|body| body.get("birthDate")?.as_str())
            .map(Arc::from),
        unreadable,
        storage_lost: false,
        revision: 0,
    }
}

/// Whether a list of the card has no room for more.
fn is_full(card: &EmergencyCard) -> bool {
    let lists = [&card.allergies, &card.medication, &card.conditions];
    lists.iter().any(|items| items.len() >= CARD_ITEMS)
}

/// The readings of an Observation that a chart may take now.
pub(super) fn readings(
    observation: &Map<String, Value>,
    now: Timestamp,
) -> impl Iterator<Item = Reading> {
    let all = vitals::readings(observation).into_iter();
    all.filter(move |reading| !reading.is_ahead_of(now))
}

/// Whether a chart is another one after it took a reading.
pub(super) const fn is_news(taken: Taken) -> bool {
    !matches!(taken, Taken::Duplicate | Taken::TooOld | Taken::Full)
}

/// Which of a patient's names comes first: the one in use before the official one (the social name
/// of Decreto 8.727/2016), and never one that is no longer borne.
const USES: [Option<&str>; 4] = [Some("usual"), Some("official"), None, Some("temp")];

fn name(patient: &Map<String, Value>) -> Option<String> {
    let names = patient.get("name")?.as_array()?;
    let of_use = |wanted: &Option<&str>| names.iter().find(|name| name["use"].as_str() == *wanted);
    spelled(USES.iter().find_map(of_use)?)
}

fn spelled(name: &Value) -> Option<String> {
    if let Some(text) = name.get("text").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let given = name.get("given").and_then(Value::as_array);
    let given = given.into_iter().flatten().filter_map(Value::as_str);
    let family = name.get("family").and_then(Value::as_str);
    let parts: Vec<&str> = given.chain(family).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::super::Stored;
    use super::*;
    use plantao_schema::id::ResourceId;
    use serde_json::json;
    use zeroize::Zeroizing;

    fn named(names: Value) -> Option<String> {
        let body = json!({ "name": names });
        name(body.as_object().unwrap())
    }

    #[test]
    fn a_patient_is_called_by_the_name_in_use() {
        let official = json!({ "use": "official", "family": "Silva", "given": ["João", "B."] });
        let usual = json!({ "use": "usual", "text": "Joana Silva" });
        let old = json!({ "use": "old", "text": "Outro" });
        assert_eq!(named(json!([old, official])).unwrap(), "João B. Silva");
        assert_eq!(named(json!([official, usual])).unwrap(), "Joana Silva");
        assert_eq!(named(json!([{ "family": "Só" }])).unwrap(), "Só");
        assert_eq!(named(json!([old])), None);
        assert_eq!(named(json!([{ "use": "official" }])), None);
    }

    #[test]
    fn a_card_with_more_than_it_can_take_says_that_it_is_incomplete() {
        let now = Timestamp::from_micros(0);
        let with = |count: usize, cut| {
            let allergy = |number: usize| {
                let body = json!({ "code": { "text": format!("a-{number}") } }).to_string();
                let stored = Stored {
                    id: ResourceId::parse("a").unwrap(),
                    version: 1,
                    updated_at: now,
                    patient: None,
                    body: Zeroizing::new(body.into_bytes()),
                };
                (FhirType::AllergyIntolerance, stored)
            };
            let records = (0..count).map(allergy).collect();
            let others = Recent {
                records,
                cut,
                ..Recent::default()
            };
            rebuilt(&Recent::default(), &others, now).card_incomplete
        };
        assert!(!with(CARD_ITEMS - 1, false));
        assert!(with(CARD_ITEMS, false));
        assert!(with(1, true));
        let observations = Recent {
            cut: true,
            ..Recent::default()
        };
        assert!(!rebuilt(&observations, &Recent::default(), now).card_incomplete);
    }

    #[test]
    fn a_bedside_prints_nothing_of_the_patient() {
        let (none, now) = (Recent::default(), Timestamp::from_micros(0));
        let mut bedside = rebuilt(&none, &none, now);
        bedside.name = Some(Arc::from("Maria"));
        assert!(!format!("{bedside:?}").contains("Maria"));
    }
}
