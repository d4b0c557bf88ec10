//! One client of a torture: what it asks, over and over, and how it takes the answers.
//!
//! Takes no for an answer only where something may be down; anything else fails the test.

use super::super::client::{Client, Failure, Reply};
use super::super::hospital::pause;
use super::load::{Record, Shared};
use super::witness::{Expected, How, Told};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Patients over whom the records are spread.
pub(super) const PATIENTS: usize = 8;
/// Observations that each updating client writes into.
pub(super) const EACH: usize = 12;
/// Reads that are sent together.
const BURST: usize = 128;

/// What each of the clients does.
pub(super) const CLIENTS: [Work; 11] = [
    Work::Update(0),
    Work::Update(1),
    Work::Update(2),
    Work::Create,
    Work::Read,
    Work::Read,
    Work::Read,
    Work::Burst,
    Work::Absent,
    Work::Submit,
    Work::Forbidden,
];

#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    Update(usize),
    Create,
    Read,
    /// Many reads at once, so that many entries are committed together.
    Burst,
    Absent,
    Submit,
    Forbidden,
}

impl Work {
    pub(super) const fn who(self) -> &'static str {
        match self {
            Self::Submit => "autora",
            Self::Forbidden => "visitante",
            _ => "medica",
        }
    }
}

pub(super) struct Worker {
    pub(super) work: Work,
    pub(super) rng: fastrand::Rng,
    pub(super) shared: Arc<Shared>,
}

impl Worker {
    /// One request; an error when the connection is gone.
    pub(super) async fn once(&mut self, client: &Client) -> Result<(), Failure> {
        let asked = Instant::now();
        match self.work {
            Work::Update(writer) => self.update(client, asked, writer).await,
            Work::Create => self.create(client, asked).await,
            Work::Read => {
                let id = self.known();
                self.read(client, asked, id).await
            }
            Work::Burst => {
                let ids: Vec<String> = (0..BURST).map(|_| self.known()).collect();
                let worker = &*self;
                let reads = ids.into_iter().map(|id| worker.read(client, asked, id));
                try_join_all(reads).await?;
                Ok(())
            }
            Work::Absent => {
                let id = format!("absent-{}", self.rng.u32(..));
                let reply = client.get(&format!("/fhir/Observation/{id}")).await?;
                let expected = self.expected("read", "observation", Some(id), None);
                self.told(asked, &reply, &[404], expected, How::Failed)
                    .await;
                Ok(())
            }
            Work::Submit => {
                let text = format!("# Nota {}\n\nSem dados pessoais.\n", self.rng.u32(..));
                let reply = client.post("/v1/content", "text/markdown", text).await?;
                let expected = self.expected("submit", "content", None, None);
                self.told(asked, &reply, &[200], expected, How::Read).await;
                Ok(())
            }
            Work::Forbidden => {
                let id = patient(self.rng.usize(..PATIENTS));
                let reply = client.get(&format!("/fhir/Patient/{id}")).await?;
                let expected = self.expected("read", "patient", Some(id), None);
                self.told(asked, &reply, &[403], expected, How::Refused)
                    .await;
                Ok(())
            }
        }
    }

    async fn update(
        &mut self,
        client: &Client,
        asked: Instant,
        writer: usize,
    ) -> Result<(), Failure> {
        let id = format!("o-{writer}-{}", self.rng.usize(..EACH));
        let path = format!("/fhir/Observation/{id}");
        let number = self.number();
        let patient = {
            let mut records = self.shared.records.lock().unwrap();
            let record = records.get_mut(&path).unwrap();
            record.sent = number;
            record.patient.clone()
        };
        self.shared.touched.lock().unwrap().insert(path.clone());
        self.shared.unacknowledged.fetch_add(1, Ordering::SeqCst);
        let mut body = observation(&patient, number);
        body["id"] = json!(id);
        let reply = client.put_json(&path, &body).await?;
        let expected = self.expected("write", "observation", Some(id), Some(patient));
        if self
            .told(asked, &reply, &[200, 201], expected, How::Changed)
            .await
        {
            self.shared.unacknowledged.fetch_sub(1, Ordering::SeqCst);
            let mut records = self.shared.records.lock().unwrap();
            let record = records.get_mut(&path).unwrap();
            record.acknowledged = Some((number, version(&reply)));
        }
        Ok(())
    }

    async fn create(&mut self, client: &Client, asked: Instant) -> Result<(), Failure> {
        let (number, patient) = (self.number(), patient(self.rng.usize(..PATIENTS)));
        let body = Bytes::from(observation(&patient, number).to_string());
        let headers = [("content-type", "application/fhir+json")];
        let sent = client.send(Method::POST, "/fhir/Observation", &headers, body);
        let reply = sent.await?;
        let expected = self.expected("write", "observation", None, Some(patient.clone()));
        if self
            .told(asked, &reply, &[201], expected, How::Changed)
            .await
        {
            let location = reply.header("location");
            let path = location.split("/_history").next().unwrap().to_owned();
            let record = Record {
                patient,
                acknowledged: Some((number, 1)),
                sent: number,
                is_created: true,
            };
            let known = self
                .shared
                .records
                .lock()
                .unwrap()
                .insert(path.clone(), record);
            assert!(known.is_none(), "{path} was given twice");
            self.shared.touched.lock().unwrap().insert(path);
        }
        Ok(())
    }

    /// One of the records that are written.
    fn known(&mut self) -> String {
        let writer = self.rng.usize(..3);
        format!("o-{writer}-{}", self.rng.usize(..EACH))
    }

    async fn read(&self, client: &Client, asked: Instant, id: String) -> Result<(), Failure> {
        let path = format!("/fhir/Observation/{id}");
        let before = self.shared.records.lock().unwrap()[&path].clone();
        let Some((known, _)) = before.acknowledged else {
            pause().await;
            return Ok(());
        };
        let reply = client.get(&path).await?;
        let expected = self.expected("read", "observation", Some(id), Some(before.patient));
        if self.told(asked, &reply, &[200], expected, How::Read).await {
            let sent = self.shared.records.lock().unwrap()[&path].sent;
            let number = number(&reply);
            assert!(
                (known..=sent).contains(&number),
                "{path} answered {number}, {known} was acknowledged before"
            );
        }
        Ok(())
    }

    fn number(&self) -> u64 {
        1 + self.shared.numbers.fetch_add(1, Ordering::SeqCst) as u64
    }

    fn expected(
        &self,
        action: &'static str,
        kind: &'static str,
        resource: Option<String>,
        patient: Option<String>,
    ) -> Expected {
        Expected {
            who: self.work.who(),
            action,
            kind,
            resource,
            patient,
        }
    }

    /// Notes an answer; whether it is one of those that were hoped for.
    async fn told(
        &self,
        asked: Instant,
        reply: &Reply,
        hoped: &[u16],
        expected: Expected,
        how: How,
    ) -> bool {
        if !hoped.contains(&reply.status) {
            let text = reply.text();
            assert!(
                matches!(reply.status, 503 | 504),
                "{}: {text}",
                reply.status
            );
            // Shed while something recovers: come again, as `Retry-After` says, only sooner.
            pause().await;
            return false;
        }
        let entry = reply.header("plantao-audit-entry").parse().ok();
        let request = reply.header("x-request-id").to_owned();
        if how == How::Refused {
            self.shared.refused.fetch_add(1, Ordering::SeqCst);
        }
        self.shared.answered.fetch_add(1, Ordering::SeqCst);
        let struck = *self.shared.struck.lock().unwrap();
        if entry.is_some() && struck.is_some_and(|struck| asked > struck) {
            self.shared
                .served
                .lock()
                .unwrap()
                .get_or_insert_with(Instant::now);
            self.shared.served_again.fetch_add(1, Ordering::SeqCst);
        }
        let told = Told {
            request,
            entry,
            expected,
            how,
        };
        self.shared.told.lock().unwrap().push(told);
        true
    }
}

pub(super) fn patient(number: usize) -> String {
    format!("p-{number}")
}

pub(super) fn observation(patient: &str, number: u64) -> Value {
    json!({ "resourceType": "Observation", "status": "final",
        "code": { "text": "pulse" },
        "subject": { "reference": format!("Patient/{patient}") },
        "valueQuantity": { "value": number, "unit": "/min" } })
}

pub(super) fn number(reply: &Reply) -> u64 {
    reply.json()["valueQuantity"]["value"].as_u64().unwrap()
}

/// `W/"7"` (R4, 3.1.0.1.3).
pub(super) fn version(reply: &Reply) -> u64 {
    let tag = reply.header("etag");
    let number = tag.trim_start_matches("W/").trim_matches('"');
    number.parse().unwrap_or_else(|_| panic!("etag: {tag}"))
}
