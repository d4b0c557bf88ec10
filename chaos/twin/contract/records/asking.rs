//! Bundles and questions about few records, drawn so that they meet.

use super::super::{PATIENTS, bundle, patient};
use super::{Ask, id, identified, observation};
use fastrand::Rng;
use plantao_schema::fhir::{self, FhirType};
use plantao_schema::time::Timestamp;
use plantao_schema::vitals::VitalSign;
use serde_json::{Value, json};

/// Spelled in two ways, and no document of anybody.
const CPFS: [&str; 2] = ["529.982.247-25", "52998224725"];
pub(super) const WRISTBAND: &str = "urn:example:wristband";

const IDENTIFIED: [FhirType; 3] = [
    FhirType::Patient,
    FhirType::Practitioner,
    FhirType::Organization,
];

pub(super) const SIGNS: [(VitalSign, f64); 6] = [
    (VitalSign::Temperature, 38.5),
    (VitalSign::Consciousness, 0.0),
    (VitalSign::SystolicPressure, 120.0),
    (VitalSign::HeartRate, 80.0),
    (VitalSign::Spo2, 97.0),
    // Of nobody alive, so that it is no sign.
    (VitalSign::Temperature, 5.0),
];

/// Draws bundles and questions about few records, so that they meet.
pub(super) struct Asking {
    pub(super) rng: Rng,
    pub(super) at: Timestamp,
}

impl Asking {
    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.rng.usize(..of.len())].clone()
    }

    fn identifiers(&mut self) -> Vec<(&'static str, &'static str)> {
        let cpf = (fhir::CPF_SYSTEM, self.one(&CPFS));
        let wristband = (WRISTBAND, self.one(&["7", " 7 ", "8", "9"]));
        match self.rng.u8(..4) {
            0 => vec![],
            1 => vec![cpf],
            2 => vec![wristband],
            _ => vec![cpf, wristband, wristband],
        }
    }

    /// Whose file a record is in by its number; at times another's, or nobody's.
    fn owner(&mut self, number: usize) -> &'static str {
        match self.rng.u8(..24) {
            0 => "nobody",
            1 => self.one(&PATIENTS),
            _ => PATIENTS[number % PATIENTS.len()],
        }
    }

    fn resource(&mut self) -> Value {
        let number = self.rng.usize(..14);
        match self.rng.u8(..10) {
            0 => {
                let name = self.one(&["maria", "joao", "ida", "otto"]);
                identified("Patient", name, &self.identifiers())
            }
            1 => {
                let kind = self.one(&["Practitioner", "Organization"]);
                let wristband = [(WRISTBAND, self.one(&["7", "8", "9"]))];
                identified(kind, &format!("x{}", number % 3), &wristband)
            }
            2 => json!({
                "resourceType": "AllergyIntolerance",
                "id": format!("a{number}"),
                "patient": { "reference": format!("Patient/{}", self.owner(number)) },
                "code": { "text": format!("{}", self.rng.u8(..)) },
                "clinicalStatus": { "coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
                    "code": "active",
                }] },
            }),
            _ => {
                let readings: Vec<_> = (0..self.rng.usize(1..3))
                    .map(|_| self.one(&SIGNS))
                    .collect();
                let taken = self.at.plus_seconds(-self.rng.i64(0..30 * 3_600));
                let owner = self.owner(number);
                observation(owner, &format!("o{number}"), &readings, taken)
            }
        }
    }

    pub(super) fn bundle(&mut self) -> fhir::Transaction {
        let mut resources: Vec<Value> = Vec::new();
        for _ in 0..self.rng.usize(1..5) {
            let made = self.resource();
            let same = |one: &Value| one["id"] == made["id"];
            if !resources.iter().any(same) || self.rng.u8(..6) == 0 {
                resources.push(made);
            }
        }
        let mut bundle = bundle(&resources);
        if self.rng.u8(..6) == 0 {
            bundle
                .entries
                .push(fhir::Entry::Skipped { kind: "Encounter" });
        }
        self.at = self.at.plus_seconds(3_600 * self.rng.i64(0..4));
        bundle
    }

    pub(super) fn questions(&mut self, step: usize) -> [Ask; 5] {
        let number = self.rng.usize(..14);
        let (kind, name) = match self.rng.u8(..4) {
            0 => (
                FhirType::Patient,
                self.one(&["maria", "ida", "nobody"]).to_owned(),
            ),
            1 => (FhirType::Organization, format!("x{}", number % 3)),
            _ => (FhirType::Observation, format!("o{number}")),
        };
        let known = self.rng.bool().then_some(self.rng.u64(..6));
        let (system, value) = self.one(&[
            (fhir::CPF_SYSTEM, CPFS[0]),
            (fhir::CPF_SYSTEM, CPFS[1]),
            (WRISTBAND, "7"),
            (WRISTBAND, "8 "),
            ("", "8"),
        ]);
        let who = patient(self.one(&["maria", "joao", "rita", "nobody"]));
        let mut kinds = FhirType::ALL.to_vec();
        self.rng.shuffle(&mut kinds);
        kinds.truncate(self.rng.usize(1..=FhirType::ALL.len()));
        let mut watched = kinds.clone();
        watched.retain(|kind| *kind != FhirType::Observation);
        watched.push(FhirType::Observation);
        let since = self.at.plus_seconds(-3_600 * self.rng.i64(0..9));
        [
            Ask::Load(kind, id(&name), known),
            Ask::Owner(kind, id(&name)),
            Ask::Find(self.one(&IDENTIFIED), system, value.to_owned()),
            Ask::Recent(who.clone(), watched, step % 4),
            Ask::StoredSince(who, kinds, since),
        ]
    }
}
