//! The simulated day: who asks for what, and when; the same for the same seed.

use super::client::Asked;
use crate::history::Request;
use crate::twin;
use fastrand::Rng;
use http::Method;
use std::time::Duration;

/// How many patients there are. All of them lie in one ward.
pub(super) const PATIENTS: u32 = 4;
/// The ward.
pub(super) const WARD: &str = "uti-1";
/// Requests are spread over so much of virtual time.
pub(super) const DAY: Duration = Duration::from_secs(25);
/// So long at most before a change of consent, others begin to write to the same file, and so long
/// at most they take to send what they write.
const CONTENDING_MS: u64 = 1_000;
/// Different records each patient has.
const RECORDS: u32 = 3;

/// Those who ask.
pub(super) const PEOPLE: [Person; 6] = [
    Person::new("medica", "physician", true),
    Person::new("enfermeiro", "nurse", true),
    Person::new("recepcao", "ward_clerk", true),
    Person::new("plantonista", "physician", false),
    Person::new("visitante", "visitor", false),
    Person::new("redatora", "author", true),
];
/// Who submits content.
const EDITOR: usize = 5;

/// Somebody with a credential.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) role: &'static str,
    /// On a managed device and with a second factor.
    pub(super) is_trusted: bool,
}

impl Person {
    const fn new(name: &'static str, role: &'static str, is_trusted: bool) -> Self {
        Self {
            name,
            role,
            is_trusted,
        }
    }
}

/// What is asked for, for the checkers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Gives out a patient's data.
    Read { patient: u32, break_glass: bool },
    /// Gives out a patient's emergency card.
    Card { patient: u32 },
    /// Stores a record.
    Write { resource: String, patient: u32 },
    /// Gives a bed to a patient.
    Place { patient: u32 },
    /// A patient withdraws consent to treatment, or gives it again.
    Say { patient: u32, granted: bool },
    /// Looks at the ward's page.
    Look,
    /// Has a text checked before it is published.
    Check,
}

/// One request of the day.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) at: Duration,
    pub(super) who: usize,
    pub(super) what: What,
    pub(super) asked: Asked,
}

impl Step {
    /// What is asked for, as a history tells it.
    pub(super) fn request(&self, number: u64) -> Request {
        let patient = |number: u32| Some(format!("p{number}"));
        let (action, resource, patient) = match &self.what {
            What::Read { patient: of, .. } => ("read", format!("Patient/p{of}"), patient(*of)),
            What::Card { patient: of } => ("read", format!("EmergencyCard/p{of}"), patient(*of)),
            What::Write {
                resource,
                patient: of,
            } => ("write", resource.clone(), patient(*of)),
            What::Check => ("submit", "content".to_owned(), None),
            What::Look => ("look", format!("ward/{WARD}"), None),
            What::Place { patient: of } => ("place", "bed".to_owned(), patient(*of)),
            What::Say {
                patient: of,
                granted,
            } => {
                let action = if *granted { "grant" } else { "revoke" };
                (action, "consent".to_owned(), patient(*of))
            }
        };
        let principal = PEOPLE.get(self.who).map_or("nobody", |person| person.name);
        Request {
            request: number,
            principal: principal.to_owned(),
            action: action.to_owned(),
            resource,
            patient,
        }
    }
}

/// Those that come before anything is broken: the patients, and a record of each.
pub(super) fn admissions() -> Vec<Step> {
    (0..PATIENTS).map(admission).collect()
}

/// What somebody asks for who waits for the system to serve: about a patient of whom nothing else
/// is asked, and who withdraws nothing.
pub(super) fn probe() -> Step {
    admission(PATIENTS)
}

fn admission(patient: u32) -> Step {
    let path = format!("/fhir/Patient/p{patient}");
    let body = format!(
        r#"{{"resourceType":"Patient","id":"p{patient}","active":true,"gender":"unknown"}}"#
    );
    let what = What::Write {
        resource: format!("Patient/p{patient}"),
        patient,
    };
    step(Duration::ZERO, 0, what, put(path, FHIR, body))
}

/// The day of a seed.
pub(super) fn day(seed: u64, requests: u32) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed ^ 0x5045_4f50_4c45);
    let mut steps: Vec<Step> = Vec::new();
    for _ in 0..requests {
        let one = any(&mut rng);
        let beside = beside(&mut rng, &one);
        steps.push(one);
        steps.extend(beside);
    }
    steps.extend(cards(seed, requests));
    steps.sort_by_key(|step| step.at);
    steps
}

const FHIR: &str = "application/fhir+json";
const JSON: &str = "application/json";

fn any(rng: &mut Rng) -> Step {
    let span = u64::try_from(DAY.as_millis()).unwrap_or(u64::MAX);
    let at = Duration::from_millis(rng.u64(0..span));
    let patient = rng.u32(0..PATIENTS);
    let who = rng.usize(0..PEOPLE.len());
    match rng.u32(0..100) {
        0..40 => {
            let path = format!("/fhir/Patient/p{patient}");
            let break_glass = who == 3 && rng.bool();
            let mut asked = get(path);
            asked.break_glass = break_glass;
            let what = What::Read {
                patient,
                break_glass,
            };
            step(at, who, what, asked)
        }
        40..75 => written(rng, at, patient),
        75..82 => step(at, EDITOR, What::Check, content(rng)),
        82..90 => {
            let path = format!("/v1/wards/{WARD}/beds/b{}", rng.u32(0..PATIENTS));
            let body = format!(r#"{{"patient":"p{patient}"}}"#);
            step(at, 2, What::Place { patient }, put(path, JSON, body))
        }
        _ => {
            let granted = rng.bool();
            let status = if granted { "granted" } else { "revoked" };
            let path = format!("/v1/patients/p{patient}/consents/treatment");
            let body = format!(r#"{{"status":"{status}"}}"#);
            step(at, 2, What::Say { patient, granted }, put(path, JSON, body))
        }
    }
}

/// Emergency cards, every other one in an emergency. Drawn apart from the rest of the day.
fn cards(seed: u64, requests: u32) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed ^ 0x4341_5244);
    let span = u64::try_from(DAY.as_millis()).unwrap_or(u64::MAX);
    let one = |number: u32| {
        let (at, patient) = (
            Duration::from_millis(rng.u64(0..span)),
            rng.u32(0..PATIENTS),
        );
        let mut asked = get(format!("/v1/patients/p{patient}/emergency-card"));
        asked.break_glass = number.is_multiple_of(2);
        let who = if asked.break_glass { 3 } else { 0 };
        step(at, who, What::Card { patient }, asked)
    };
    (0..requests / 4).map(one).collect()
}

/// A record of a patient, by somebody who may write it.
fn written(rng: &mut Rng, at: Duration, patient: u32) -> Step {
    let id = format!("o{patient}-{}", rng.u32(0..RECORDS));
    let body = observation(&id, patient, rng.u32(50..120));
    let resource = format!("Observation/{id}");
    let asked = put(format!("/fhir/{resource}"), FHIR, body);
    let what = What::Write { resource, patient };
    step(at, rng.usize(0..2), what, asked)
}

/// A text, which may not agree with whoever checks it.
fn content(rng: &mut Rng) -> Asked {
    let word = match rng.u32(0..10) {
        0 => twin::TRAPS,
        1 => twin::LOOPS,
        _ => "plantão",
    };
    Asked {
        method: Method::POST,
        path: "/v1/content".to_owned(),
        content_type: "text/plain; charset=utf-8",
        body: format!("Nota da equipe: {word}, CPF 123.456.789-09."),
        ..Asked::default()
    }
}

/// Often somebody writes, slowly, to the file of a patient who is just changing their mind.
fn beside(rng: &mut Rng, one: &Step) -> Option<Step> {
    let What::Say { patient, .. } = one.what else {
        return None;
    };
    if rng.bool() {
        return None;
    }
    let before = Duration::from_millis(rng.u64(0..CONTENDING_MS));
    let mut written = admission(patient);
    written.at = one.at.saturating_sub(before);
    written.asked.body_after = Duration::from_millis(rng.u64(0..CONTENDING_MS));
    Some(written)
}

const fn step(at: Duration, who: usize, what: What, asked: Asked) -> Step {
    Step {
        at,
        who,
        what,
        asked,
    }
}

fn get(path: String) -> Asked {
    Asked {
        method: Method::GET,
        path,
        ..Asked::default()
    }
}

fn put(path: String, content_type: &'static str, body: String) -> Asked {
    Asked {
        method: Method::PUT,
        content_type,
        body,
        ..get(path)
    }
}

fn observation(id: &str, patient: u32, rate: u32) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"coding":[{{
        "system":"http://loinc.org","code":"8867-4"}}]}},"subject":{{"reference":
        "Patient/p{patient}"}},"effectiveDateTime":"2026-03-02T12:00:00Z","valueQuantity":{{
        "value":{rate},"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_day_in_order() {
        let paths = |seed| -> Vec<(Duration, String)> {
            let steps = day(seed, 50).into_iter();
            steps.map(|step| (step.at, step.asked.path)).collect()
        };
        assert_eq!(paths(7), paths(7));
        assert_ne!(paths(7), paths(8));
        assert!(paths(7).is_sorted_by_key(|(at, _)| *at));
    }
}
