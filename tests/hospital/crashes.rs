//! Power cuts: of the runtime in the middle of writes, and of PostgreSQL under it.

use crate::hospital::{Hospital, pause, signal};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const WRITES: usize = 1_000;

/// Patients over whom the writes are spread: each has a mailbox of its own, with a bound.
pub(crate) const PATIENTS: usize = 25;

pub(crate) fn patient(number: usize) -> Value {
    json!({ "resourceType": "Patient", "id": format!("p-{}", number % PATIENTS) })
}

pub(crate) fn observation(number: usize) -> Value {
    json!({ "resourceType": "Observation", "id": format!("o-{number}"), "status": "final",
        "code": { "text": "pulse" },
        "subject": { "reference": format!("Patient/p-{}", number % PATIENTS) },
        "valueQuantity": { "value": 70, "unit": "/min" } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_of_a_thousand_writes_loses_nothing_acknowledged() {
    let mut hospital = Hospital::start().await;
    let first = hospital.as_principal("medica").await;
    for number in 0..PATIENTS {
        let reply = first
            .put_json(&format!("/fhir/Patient/p-{number}"), &patient(number))
            .await;
        assert_eq!(reply.unwrap().status, 201);
    }
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let done = Arc::new(AtomicUsize::new(0));
    let mut writers = Vec::new();
    for number in 0..WRITES {
        // Ten connections, a hundred writes in flight on each.
        if number % 100 == 0 {
            writers.push((hospital.as_principal("medica").await, Vec::new()));
        }
        let (client, tasks) = writers.last_mut().unwrap();
        let (client, acknowledged, done) =
            (client.clone(), Arc::clone(&acknowledged), Arc::clone(&done));
        tasks.push(tokio::spawn(async move {
            let path = format!("/fhir/Observation/o-{number}");
            while let Ok(reply) = client.put_json(&path, &observation(number)).await {
                if reply.status == 503 {
                    // Shed: come again, as `Retry-After` says, only sooner.
                    pause().await;
                    continue;
                }
                assert!(reply.status < 300, "{}: {}", reply.status, reply.text());
                let entry = reply.header("plantao-audit-entry").to_owned();
                acknowledged.lock().await.push((path, entry));
                done.fetch_add(1, Ordering::SeqCst);
                break;
            }
        }));
    }
    let end = Instant::now() + Duration::from_secs(60);
    while done.load(Ordering::SeqCst) < WRITES / 4 {
        assert!(
            Instant::now() < end,
            "writes do not get through:\n{}",
            hospital.log()
        );
        pause().await;
    }
    hospital.kill_nine().await;
    for (client, tasks) in writers {
        drop(client);
        for task in tasks {
            task.await.unwrap();
        }
    }
    let acknowledged = acknowledged.lock().await.clone();
    assert!(
        acknowledged.len() < WRITES,
        "the kill came too late to prove anything"
    );

    hospital.launch().await;
    let ids: BTreeSet<String> = trail(&hospital)
        .await
        .into_iter()
        .map(|item| item["entry"]["id"].as_str().unwrap().to_owned())
        .collect();
    let reader = hospital.as_principal("medica").await;
    for (path, entry) in &acknowledged {
        assert!(ids.contains(entry), "the entry of {path} is lost");
        assert_eq!(
            reader.get(path).await.unwrap().status,
            200,
            "{path} is lost"
        );
    }
    hospital.must(&["audit", "verify"]).await;
    every_opening_is_closed(&hospital).await;
    hospital.finish().await;
}

pub(crate) async fn trail(hospital: &Hospital) -> Vec<Value> {
    let client = hospital.as_principal("auditora").await;
    let mut items: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let reply = client
            .get(&format!("/v1/audit/entries?limit=1000{after}"))
            .await
            .unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let page = reply.json();
        items.extend(page["entries"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={}", next.replace('/', "%2F")),
            None => return items,
        }
    }
}

/// After a restart every opened entry has its completion, if only to say that nobody knows.
pub(crate) async fn every_opening_is_closed(hospital: &Hospital) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let items = trail(hospital).await;
        let closed: BTreeSet<&str> = items
            .iter()
            .filter_map(|item| item["entry"]["opens"].as_str())
            .collect();
        let open = items
            .iter()
            .filter(|item| item["entry"]["phase"] == "opened")
            .filter(|item| !closed.contains(item["entry"]["id"].as_str().unwrap()))
            .count();
        if open == 0 {
            return;
        }
        assert!(Instant::now() < end, "{open} entries stay open");
        pause().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postgres_answers_503_and_comes_back_without_a_restart_of_the_runtime() {
    let hospital = Hospital::start().await;
    let client = hospital.as_principal("medica").await;
    let stored = client
        .put_json("/fhir/Patient/p-0", &patient(0))
        .await
        .unwrap();
    assert_eq!(stored.status, 201, "{}", stored.text());
    let (pid, before) = (hospital.pid(), hospital.postmaster());
    let refused = Arc::new(AtomicUsize::new(0));
    let mut readers = Vec::new();
    for number in 0..8 {
        let (client, refused) = (client.clone(), Arc::clone(&refused));
        readers.push(tokio::spawn(async move {
            // Each asks for records that nobody has read before: no session answers from memory.
            let end = Instant::now() + Duration::from_secs(60);
            for attempt in 0.. {
                assert!(
                    Instant::now() < end,
                    "no read fails while the database is down"
                );
                let path = format!("/fhir/Observation/absent-{number}-{attempt}");
                let reply = client.get(&path).await.unwrap();
                match reply.status {
                    404 if refused.load(Ordering::SeqCst) > 0 => return,
                    404 => {}
                    503 => {
                        assert!(!reply.header("retry-after").is_empty(), "{}", reply.text());
                        refused.fetch_add(1, Ordering::SeqCst);
                        let health = client.get("/healthz").await.unwrap();
                        assert_eq!(health.status, 200, "the door stays open");
                    }
                    status => panic!("{status}: {}", reply.text()),
                }
            }
        }));
    }
    signal(before, "KILL");
    let live = hospital.admin_get("/livez").await.unwrap();
    assert_eq!(live.status, 200, "liveness never asks PostgreSQL");
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(refused.load(Ordering::SeqCst) > 0);
    assert_ne!(hospital.postmaster(), before, "another server answers");
    let reply = client
        .put_json("/fhir/Observation/o-0", &observation(0))
        .await
        .unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(hospital.pid(), pid);
    hospital.must(&["audit", "verify"]).await;
    every_opening_is_closed(&hospital).await;
    hospital.finish().await;
}
