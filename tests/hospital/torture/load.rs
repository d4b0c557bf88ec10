//! What the clients of a torture ask, what they were told, and whether it is still so.
//!
//! Each updating client has observations of its own, into which it writes growing numbers: what is
//! read later has to be the last number that was acknowledged, or a later one that was sent.

use super::super::client::{Client, Reply};
use super::super::hospital::{Hospital, pause};
use super::witness::Told;
use super::worker::{CLIENTS, EACH, PATIENTS, Worker, number, patient, version};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// The longest wait for a record after a kill.
const READ_DEADLINE: Duration = Duration::from_secs(30);

/// One record, as its client knows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) patient: String,
    /// The last number that was acknowledged, and its version.
    pub(super) acknowledged: Option<(u64, u64)>,
    /// The last number that was sent.
    pub(super) sent: u64,
    pub(super) is_created: bool,
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) told: Mutex<Vec<Told>>,
    pub(super) answered: AtomicUsize,
    pub(super) refused: AtomicUsize,
    pub(super) unacknowledged: AtomicUsize,
    pub(super) struck: Mutex<Option<Instant>>,
    pub(super) served: Mutex<Option<Instant>>,
    pub(super) served_again: AtomicUsize,
    pub(super) records: Mutex<BTreeMap<String, Record>>,
    pub(super) touched: Mutex<BTreeSet<String>>,
    pub(super) numbers: AtomicUsize,
}

/// The clients' side of a torture.
pub(super) struct Load {
    shared: Arc<Shared>,
    pub(super) acknowledged: usize,
    pub(super) refused: usize,
    pub(super) unacknowledged: usize,
}

/// Clients at work.
pub(super) struct Running {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Lets each of them finish what it asked.
    pub(super) async fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

impl Load {
    /// The patients, and records that nobody has written yet.
    pub(super) async fn prepare(hospital: &Hospital) -> Self {
        let shared = Arc::<Shared>::default();
        let client = hospital.as_principal("medica").await;
        for number in 0..PATIENTS {
            let body = json!({ "resourceType": "Patient", "id": patient(number) });
            let path = format!("/fhir/Patient/{}", patient(number));
            let stored = client.put_json(&path, &body).await.unwrap();
            assert_eq!(stored.status, 201, "{}", stored.text());
        }
        let mut records = BTreeMap::new();
        for number in 0..3 * EACH {
            let patient = patient(number % PATIENTS);
            let (writer, place) = (number / EACH, number % EACH);
            let record = Record {
                patient,
                ..Record::default()
            };
            records.insert(format!("/fhir/Observation/o-{writer}-{place}"), record);
        }
        *shared.records.lock().unwrap() = records;
        Self {
            shared,
            acknowledged: 0,
            refused: 0,
            unacknowledged: 0,
        }
    }

    /// Everybody begins.
    pub(super) fn start(&self, hospital: &Hospital, seed: u64) -> Running {
        *self.shared.struck.lock().unwrap() = None;
        *self.shared.served.lock().unwrap() = None;
        self.shared.served_again.store(0, Ordering::SeqCst);
        self.shared.answered.store(0, Ordering::SeqCst);
        let stop = Arc::<AtomicBool>::default();
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut tasks = Vec::new();
        for work in CLIENTS {
            let mut worker = Worker {
                work,
                rng: rng.fork(),
                shared: Arc::clone(&self.shared),
            };
            let (door, ca) = (hospital.door, hospital.paths().ca_certificate());
            let (token, stop) = (hospital.demo_token(work.who()), Arc::clone(&stop));
            tasks.push(tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let Ok(client) = Client::tls(door, &ca, Some(&token)).await else {
                        pause().await;
                        continue;
                    };
                    while !stop.load(Ordering::SeqCst) && worker.once(&client).await.is_ok() {}
                }
            }));
        }
        Running { stop, tasks }
    }

    /// Answers in this round.
    pub(super) fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// The kill comes now.
    pub(super) fn struck(&self, at: Instant) {
        *self.shared.struck.lock().unwrap() = Some(at);
    }

    /// Answers with an audit entry to what was asked after the kill.
    pub(super) fn served_again(&self) -> usize {
        self.shared.served_again.load(Ordering::SeqCst)
    }

    /// How long after the kill the first of them came.
    pub(super) fn outage(&self) -> Option<Duration> {
        let (struck, served) = (self.shared.struck.lock(), self.shared.served.lock());
        Some(
            served
                .unwrap()
                .as_ref()?
                .duration_since(struck.unwrap().as_ref().copied()?),
        )
    }

    /// What was told in this round.
    pub(super) fn take(&mut self) -> Vec<Told> {
        let told = std::mem::take(&mut *self.shared.told.lock().unwrap());
        self.refused = self.shared.refused.load(Ordering::SeqCst);
        self.unacknowledged = self.shared.unacknowledged.load(Ordering::SeqCst);
        self.acknowledged += told.len();
        told
    }

    /// Every record that was written in this round; `successes` counts, by the trail, how often
    /// each one was.
    pub(super) async fn touched_is_readable(
        &self,
        hospital: &Hospital,
        successes: &BTreeMap<String, u64>,
    ) {
        let touched = std::mem::take(&mut *self.shared.touched.lock().unwrap());
        let client = hospital.as_principal("medica").await;
        let mut kept = Vec::new();
        for path in touched {
            let record = self.shared.records.lock().unwrap()[&path].clone();
            let reply = read(&client, &path).await;
            if reply.status == 404 && record.acknowledged.is_none() {
                continue;
            }
            assert_eq!(reply.status, 200, "{path} is lost: {}", reply.text());
            let (number, version) = (number(&reply), version(&reply));
            let (known, at) = record.acknowledged.unwrap_or((0, 0));
            assert!(
                (known..=record.sent).contains(&number) && version >= at,
                "{path} holds {number} in version {version}; {record:?} was acknowledged and sent"
            );
            let id = path.rsplit('/').next().unwrap().to_owned();
            let told = successes.get(&id).copied().unwrap_or_default();
            assert!(
                record.is_created || told == version,
                "{path} is in version {version} and the trail tells of {told} changes"
            );
            let mut records = self.shared.records.lock().unwrap();
            records.get_mut(&path).unwrap().acknowledged = Some((number, version));
            kept.push((id, version));
        }
        on_disk(hospital, &kept).await;
    }

    /// Every record there is.
    pub(super) async fn everything_is_readable(
        &self,
        hospital: &Hospital,
        successes: &BTreeMap<String, u64>,
    ) {
        let all = self
            .shared
            .records
            .lock()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        *self.shared.touched.lock().unwrap() = all;
        self.touched_is_readable(hospital, successes).await;
    }
}

/// A live patient's actor may answer from memory: the database has to have it as well.
async fn on_disk(hospital: &Hospital, kept: &[(String, u64)]) {
    for some in kept.chunks(500) {
        let mut list = String::new();
        for (id, version) in some {
            write!(
                list,
                "{}('{id}', {version})",
                if list.is_empty() { "" } else { ", " }
            )
            .unwrap();
        }
        let found = hospital
            .as_superuser(&format!(
                "SELECT FROM plantao.fhir_resource \
                 WHERE tenant = 'demo' AND kind = 'Observation' AND (id, version) IN ({list})"
            ))
            .await;
        assert_eq!(found, some.len() as u64, "on disk: {list}");
    }
}

async fn read(client: &Client, path: &str) -> Reply {
    let end = Instant::now() + READ_DEADLINE;
    loop {
        let reply = client.get(path).await.unwrap();
        if !matches!(reply.status, 503 | 504) {
            return reply;
        }
        assert!(Instant::now() < end, "{path}: {}", reply.text());
        pause().await;
    }
}
