//! A ward with patients in its beds, for whoever looks at live pages.

use crate::client::Client;
use crate::hospital::Hospital;
use crate::viewer::{Asking, attribute};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The ward's name.
pub(crate) const WARD: &str = "uti";

/// What a monitor measures: LOINC code, unit (UCUM) and a value that alarms nobody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sign(pub(crate) &'static str, &'static str, f64);

pub(crate) const HEART_RATE: Sign = Sign("8867-4", "/min", 60.0);
pub(crate) const TEMPERATURE: Sign = Sign("8310-5", "Cel", 36.7);
const OTHERS: [Sign; 5] = [
    Sign("9279-1", "/min", 15.0),
    Sign("59408-5", "%", 97.0),
    Sign("8480-6", "mm[Hg]", 121.0),
    Sign("8462-4", "mm[Hg]", 58.0),
    Sign("8478-0", "mm[Hg]", 94.0),
];

/// The hospital, its ward, and a physician who measures.
pub(crate) struct Stage {
    pub(crate) hospital: Hospital,
    pub(crate) physician: Client,
    pub(crate) version: String,
}

impl Stage {
    /// A ward of so many beds, each with a patient of whom everything was measured once.
    pub(crate) async fn start(beds: usize) -> Self {
        Self::start_with(beds, &[]).await
    }

    /// The same with settings of its own.
    pub(crate) async fn start_with(beds: usize, settings: &[&str]) -> Self {
        let hospital = Hospital::start_with(settings).await;
        let physician = hospital.as_principal("medica").await;
        let mut stage = Self {
            hospital,
            physician,
            version: String::new(),
        };
        for bed in 0..beds {
            stage.admit(bed).await;
        }
        stage.version = attribute(&stage.ward_page().await, "data-version");
        stage
    }

    async fn admit(&self, bed: usize) {
        let id = patient(bed);
        let name = json!([{ "family": format!("Modelo {bed}"), "given": ["Paciente"] }]);
        let body = json!({ "resourceType": "Patient", "id": id, "name": name });
        let address = format!("/fhir/Patient/{id}");
        let stored = self.physician.put_json(&address, &body).await.unwrap();
        assert_eq!(stored.status, 201, "{}", stored.text());
        let place = format!("/v1/wards/{WARD}/beds/{}", self::bed(bed));
        let body = json!({ "patient": id }).to_string();
        let headers = [("content-type", "application/json")];
        let placed = self
            .physician
            .send(Method::PUT, &place, &headers, body.into());
        let placed = placed.await.unwrap();
        assert_eq!(placed.status, 200, "{}", placed.text());
        for sign in OTHERS.into_iter().chain([HEART_RATE, TEMPERATURE]) {
            self.measure(&id, sign, sign.2, 60).await;
        }
    }

    /// A measurement of some seconds ago, stored.
    pub(crate) async fn measure(&self, patient: &str, sign: Sign, value: f64, age_s: u64) {
        let at = OffsetDateTime::now_utc() - Duration::from_secs(age_s);
        self.measure_at(patient, sign, value, at).await;
    }

    /// A measurement of a moment, stored in the end, whatever falls meanwhile.
    pub(crate) async fn measure_at(
        &self,
        patient: &str,
        sign: Sign,
        value: f64,
        at: OffsetDateTime,
    ) {
        let body = observation(patient, sign, value, at).to_string();
        // Shed while something recovers: come again, as `Retry-After` says, only sooner.
        for _ in 0..200 {
            let reply = self
                .physician
                .post("/fhir/Observation", "application/fhir+json", body.clone())
                .await
                .unwrap();
            match reply.status {
                201 => return,
                500.. => tokio::time::sleep(Duration::from_millis(100)).await,
                status => panic!("{status}: {}", reply.text()),
            }
        }
        panic!("a measurement is refused for twenty seconds");
    }

    /// The ward's page, as a physician sees it.
    pub(crate) async fn ward_page(&self) -> String {
        let page = self.physician.get(&format!("/wards/{WARD}")).await.unwrap();
        assert_eq!(page.status, 200, "{}", page.text());
        page.text()
    }

    /// A demonstration principal who looks at a page such as `ward/uti`.
    pub(crate) fn asking(&self, name: &str, topic: &str) -> Asking {
        self.asking_with(&self.hospital.demo_token(name), topic)
    }

    /// The bearer of a token who looks at a page.
    pub(crate) fn asking_with(&self, token: &str, topic: &str) -> Asking {
        Asking::of(&self.hospital, topic, &self.version).bearer(token)
    }

    /// A WebSocket of nobody yet.
    pub(crate) fn anybody(&self, topic: &str) -> Asking {
        Asking::of(&self.hospital, topic, &self.version)
    }

    /// A PUT of JSON.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> u16 {
        let headers = [("content-type", "application/json")];
        let body = Bytes::from(body.to_string());
        let reply = self.physician.send(Method::PUT, path, &headers, body).await;
        reply.unwrap().status
    }

    /// Every entry of the audit trail that names a principal.
    pub(crate) async fn trail_of(&self, principal: &str) -> Vec<Value> {
        let auditor = self.hospital.as_principal("auditora").await;
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/v1/audit/entries?limit=1000{after}");
            let page = auditor.get(&path).await.unwrap().json();
            let entries = page["entries"].as_array().unwrap().iter();
            let entries = entries.map(|item| item["entry"].clone());
            found.extend(entries.filter(|entry| entry["principal"] == principal));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={}", next.replace('/', "%2F")),
                None => return found,
            }
        }
    }
}

/// The page of the ward, as a topic.
pub(crate) fn ward() -> String {
    format!("ward/{WARD}")
}

/// The identifier of the patient in a bed.
pub(crate) fn patient(bed: usize) -> String {
    format!("leito-{bed}")
}

/// The name of a bed.
pub(crate) fn bed(number: usize) -> String {
    format!("b{number}")
}

/// One measurement as a monitor would send it.
pub(crate) fn observation(patient: &str, sign: Sign, value: f64, at: OffsetDateTime) -> Value {
    let Sign(code, unit, _) = sign;
    let category = "http://terminology.hl7.org/CodeSystem/observation-category";
    json!({
        "resourceType": "Observation",
        "status": "final",
        "category": [{ "coding": [{ "system": category, "code": "vital-signs" }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
        "subject": { "reference": format!("Patient/{patient}") },
        "effectiveDateTime": at.format(&Rfc3339).unwrap(),
        "valueQuantity": {
            "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit,
        },
    })
}
