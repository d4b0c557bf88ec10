//! A ward to look at: patients in beds, and readings for them.

use crate::client::{Client, Failure};
use crate::hospital::{Hospital, pause};
use crate::page::DEADLINE;
use http::Method;
use plantao_actors::clock::WallClock;
use plantao_schema::id::PatientId;
use plantao_schema::time::Timestamp;
use plantao_schema::vitals::{Reading, VitalSign, observation};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::Mutex;

/// The ward of every test.
pub(crate) const WARD: &str = "uti";
/// Words of a record that a role without the grant must never receive, not even as bytes.
pub(crate) const NAME: &str = "Zulmira Xavantina";
pub(crate) const ALLERGY: &str = "Penicilina-xyz";
pub(crate) const MEDICATION: &str = "Levofloxacino-xyz";
pub(crate) const CONDITION: &str = "Pneumonia-xyz";

/// The name of bed `number`, from 1 on.
pub(crate) fn bed(number: usize) -> String {
    format!("leito-{number:02}")
}

/// The id of the patient in bed `number`.
pub(crate) fn patient(number: usize) -> String {
    format!("paciente-{number:02}")
}

/// Where the heart rate of the patient in bed `number` stands on the ward's page.
pub(crate) fn heart(number: usize) -> String {
    format!("tr[data-k={}] [data-sign=heart_rate] b", bed(number))
}

/// A ward of so many beds, with a patient and a first reading of every sign in each.
pub(crate) async fn fill(hospital: &Hospital, beds: usize) -> Feed {
    let feed = admit(hospital, beds).await;
    for number in 1..=beds {
        feed.send_all(number, 70.0).await;
    }
    feed
}

/// A ward of so many beds, with a patient in each of whom nothing is measured yet.
pub(crate) async fn admit(hospital: &Hospital, beds: usize) -> Feed {
    let medica = hospital.as_principal("medica").await;
    let patients: Vec<usize> = (1..=beds).collect();
    for some in patients.chunks(20) {
        let entries: Vec<Value> = some.iter().flat_map(|number| records(*number)).collect();
        assert!(store(&medica, &entries).await.unwrap());
    }
    let recepcao = hospital.as_principal("recepcao").await;
    for number in patients {
        place(&recepcao, &bed(number), &patient(number)).await;
    }
    Feed {
        door: hospital.door,
        ca: hospital.paths().ca_certificate(),
        token: hospital.demo_token("medica"),
        client: Mutex::new(Some(medica)),
        next: AtomicU64::new(0),
    }
}

/// Puts a patient into a bed; another in which they lay is free then.
pub(crate) async fn place(client: &Client, bed: &str, patient: &str) {
    let path = format!("/v1/wards/{WARD}/beds/{bed}");
    let body = json!({ "patient": patient }).to_string();
    let headers = [("content-type", "application/json")];
    let reply = client.send(Method::PUT, &path, &headers, body.into()).await;
    let reply = reply.unwrap();
    assert!(reply.status < 300, "{}: {}", reply.status, reply.text());
}

fn records(number: usize) -> Vec<Value> {
    let id = patient(number);
    let subject = json!({ "reference": format!("Patient/{id}") });
    let status = |system: &str, code: &str| {
        let system = format!("http://terminology.hl7.org/CodeSystem/{system}");
        json!({ "coding": [{ "system": system, "code": code }] })
    };
    vec![
        json!({ "resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1951-03-18",
            "name": [{ "use": "official", "text": format!("{NAME} {number:02}") }] }),
        json!({ "resourceType": "AllergyIntolerance", "id": format!("{id}-alergia"),
            "clinicalStatus": status("allergyintolerance-clinical", "active"),
            "verificationStatus": status("allergyintolerance-verification", "confirmed"),
            "criticality": "high", "code": { "text": ALLERGY }, "patient": subject }),
        json!({ "resourceType": "MedicationRequest", "id": format!("{id}-medicamento"),
            "status": "active", "intent": "order",
            "medicationCodeableConcept": { "text": MEDICATION }, "subject": subject }),
        json!({ "resourceType": "Condition", "id": format!("{id}-condicao"),
            "clinicalStatus": status("condition-clinical", "active"),
            "verificationStatus": status("condition-ver-status", "confirmed"),
            "code": { "text": CONDITION }, "subject": subject }),
    ]
}

/// Stores resources in one transaction; false when the hospital cannot now.
async fn store(client: &Client, resources: &[Value]) -> Result<bool, Failure> {
    let entries: Vec<Value> = resources
        .iter()
        .map(|resource| {
            let kind = resource["resourceType"].as_str().unwrap();
            let url = format!("{kind}/{}", resource["id"].as_str().unwrap());
            json!({ "request": { "method": "PUT", "url": url }, "resource": resource })
        })
        .collect();
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    let reply = client
        .post("/fhir", "application/fhir+json", bundle.to_string())
        .await?;
    match reply.status {
        200..300 => Ok(true),
        // Away, or gone before it could tell: what is stored under its own id is sent again.
        503 | 504 => Ok(false),
        status => panic!("{status}: {}", reply.text()),
    }
}

/// Where readings come from.
pub(crate) struct Feed {
    door: SocketAddr,
    ca: PathBuf,
    token: String,
    /// Closed by the hospital when it is idle, and by those tests that end the hospital.
    client: Mutex<Option<Client>>,
    next: AtomicU64,
}

impl Feed {
    /// Stores resources; while the hospital is away for a moment, as some tests want it, again.
    async fn store(&self, resources: &[Value]) {
        let mut client = self.client.lock().await;
        let end = Instant::now() + DEADLINE;
        loop {
            if client.is_none() {
                *client = Client::tls(self.door, &self.ca, Some(&self.token))
                    .await
                    .ok();
            }
            if let Some(known) = client.as_ref() {
                match store(known, resources).await {
                    Ok(true) => return,
                    Ok(false) => {}
                    Err(_) => *client = None,
                }
            }
            assert!(Instant::now() < end, "the hospital takes no records");
            pause().await;
        }
    }

    /// One reading of one patient, taken now.
    pub(crate) async fn send(&self, number: usize, sign: VitalSign, value: f64) {
        let at = WallClock::system().now();
        self.send_at(number, &[Reading { sign, value, at }]).await;
    }

    /// Readings with times of their own.
    pub(crate) async fn send_at(&self, number: usize, readings: &[Reading]) {
        let id = PatientId::parse(&patient(number)).unwrap();
        let resources: Vec<Value> = readings
            .iter()
            .map(|reading| {
                let next = self.next.fetch_add(1, Ordering::SeqCst);
                observation(&id, &format!("obs-{next}"), &[*reading])
            })
            .collect();
        self.store(&resources).await;
    }

    /// A reading of every sign, the heart rate as told and everything else as in the healthy.
    pub(crate) async fn send_all(&self, number: usize, heart_rate: f64) {
        let at: Timestamp = WallClock::system().now();
        let value = |sign| match sign {
            VitalSign::RespiratoryRate => 16.0,
            VitalSign::Spo2 => 97.0,
            VitalSign::SystolicPressure => 122.0,
            VitalSign::DiastolicPressure => 78.0,
            VitalSign::MeanPressure => 93.0,
            VitalSign::HeartRate => heart_rate,
            VitalSign::Temperature => 36.7,
            VitalSign::Consciousness | VitalSign::SupplementalOxygen => 0.0,
        };
        let readings: Vec<Reading> = VitalSign::ALL
            .iter()
            .map(|&sign| Reading {
                sign,
                value: value(sign),
                at,
            })
            .collect();
        self.send_at(number, &readings).await;
    }
}

/// A recording in which every heart rate differs from the one before and none changes a score, in a
/// directory of its own.
pub(crate) fn recording(rows: u32) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("recording.csv");
    let mut text = String::from("minute,HR\n");
    for minute in 0..rows {
        text.push_str(&format!("{minute},{}\n", 60 + minute % 30));
    }
    std::fs::write(&path, text).unwrap();
    (directory, path)
}
