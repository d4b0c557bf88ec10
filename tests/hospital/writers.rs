//! Writers that go on whatever happens, and know what was acknowledged to them.

use crate::client::Client;
use crate::crashes::{PATIENTS, every_opening_is_closed, observation, patient, trail};
use crate::hospital::{Hospital, pause};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(90);

/// Writers at once, each with one request in flight.
const WRITERS: usize = 8;

/// What writers share.
#[derive(Default)]
struct Written {
    acknowledged: Mutex<Vec<(String, String)>>,
    refused: AtomicUsize,
    in_doubt: AtomicUsize,
    ended: AtomicBool,
}

/// A load of changes.
pub(crate) struct Writers {
    written: Arc<Written>,
    tasks: Vec<JoinHandle<()>>,
}

impl Writers {
    /// Makes the patients and begins to write about them.
    pub(crate) async fn start(hospital: &Hospital) -> Self {
        let client = hospital.as_principal("medica").await;
        for number in 0..PATIENTS {
            let path = format!("/fhir/Patient/p-{number}");
            let reply = client.put_json(&path, &patient(number)).await.unwrap();
            assert_eq!(reply.status, 201, "{}", reply.text());
        }
        let written = Arc::new(Written::default());
        let mut tasks = Vec::new();
        for writer in 0..WRITERS {
            let client = hospital.as_principal("medica").await;
            tasks.push(tokio::spawn(write(writer, client, Arc::clone(&written))));
        }
        Self { written, tasks }
    }

    fn acknowledged(&self) -> usize {
        self.written.acknowledged.lock().unwrap().len()
    }

    /// How many were refused with when to come again.
    pub(crate) fn refused(&self) -> usize {
        self.written.refused.load(Ordering::SeqCst)
    }

    /// Waits until so many more are acknowledged.
    pub(crate) async fn until_more(&self, more: usize) {
        let (end, wanted) = (Instant::now() + PATIENCE, self.acknowledged() + more);
        while self.acknowledged() < wanted {
            assert!(Instant::now() < end, "writes do not get through");
            pause().await;
        }
    }

    /// Waits until so many more are refused.
    pub(crate) async fn until_refused(&self, more: usize) {
        let (end, wanted) = (Instant::now() + PATIENCE, self.refused() + more);
        while self.refused() < wanted {
            assert!(Instant::now() < end, "nothing is refused");
            pause().await;
        }
    }

    /// Ends, and gives each change that was acknowledged: its path and its entry of the trail.
    pub(crate) async fn end(self) -> Vec<(String, String)> {
        self.written.ended.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
        let acknowledged = self.written.acknowledged.lock().unwrap();
        acknowledged.clone()
    }
}

async fn write(writer: usize, client: Client, written: Arc<Written>) {
    for attempt in 0.. {
        if written.ended.load(Ordering::SeqCst) {
            return;
        }
        let number = attempt * WRITERS + writer;
        let path = format!("/fhir/Observation/o-{number}");
        let asked = client.put_json(&path, &observation(number)).await;
        let reply = asked.expect("an answer within the client's deadline");
        match reply.status {
            200 | 201 => {
                let entry = reply.header("plantao-audit-entry").to_owned();
                written.acknowledged.lock().unwrap().push((path, entry));
            }
            503 => {
                assert!(!reply.header("retry-after").is_empty(), "{}", reply.text());
                written.refused.fetch_add(1, Ordering::SeqCst);
                pause().await;
            }
            // The commit was sent and nobody knows: neither acknowledged nor refused.
            504 => {
                written.in_doubt.fetch_add(1, Ordering::SeqCst);
            }
            status => panic!("{status}: {}", reply.text()),
        }
    }
}

/// Every acknowledged change is there, its entry is in the trail, the trail verifies and owes
/// nothing.
pub(crate) async fn nothing_is_lost(hospital: &Hospital, acknowledged: &[(String, String)]) {
    let entries: BTreeSet<String> = trail(hospital)
        .await
        .into_iter()
        .map(|item| item["entry"]["id"].as_str().unwrap().to_owned())
        .collect();
    let reader = hospital.as_principal("medica").await;
    for (path, entry) in acknowledged {
        assert!(entries.contains(entry), "the entry of {path} is lost");
        let reply = reader.get(path).await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
    hospital.must(&["audit", "verify"]).await;
    every_opening_is_closed(hospital).await;
}
