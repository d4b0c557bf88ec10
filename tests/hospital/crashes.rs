//! Power cuts: of the runtime in the middle of writes, and of PostgreSQL under it.

use crate::hospital::{Hospital, pause, signal};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const WRITES: usize = 1_000;

fn observation(number: usize) -> Value {
    json!({ "resourceType": "Observation", "id": format!("o-{number}"), "status": "final",
        "code": { "text": "pulse" }, "subject": { "reference": "Patient/maria-exemplo" },
        "valueQuantity": { "value": 70, "unit": "/min" } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_of_a_thousand_writes_loses_nothing_acknowledged() {
    let mut hospital = Hospital::start().await;
    hospital.must(&["fhir", "load", "config/demo/bundle.json"]).await;
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
            if let Ok(reply) = client.put_json(&path, &observation(number)).await
                && reply.status < 300
            {
                let entry = reply.header("plantao-audit-entry").to_owned();
                acknowledged.lock().await.push((path, entry));
                done.fetch_add(1, Ordering::SeqCst);
            }
        }));
    }
    let end = Instant::now() + Duration::from_secs(60);
    while done.load(Ordering::SeqCst) < WRITES / 4 {
        assert!(Instant::now() < end, "writes do not get through:\n{}", hospital.log());
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
    assert!(acknowledged.len() < WRITES, "the kill came too late to prove anything");

    hospital.launch().await;
    let ids: BTreeSet<String> = trail(&hospital)
        .await
        .into_iter()
        .map(|item| item["entry"]["id"].as_str().unwrap().to_owned())
        .collect();
    let reader = hospital.as_principal("medica").await;
    for (path, entry) in &acknowledged {
        assert!(ids.contains(entry), "the entry of {path} is lost");
        assert_eq!(reader.get(path).await.unwrap().status, 200, "{path} is lost");
    }
    hospital.must(&["audit", "verify"]).await;
    every_opening_is_closed(&hospital).await;
    hospital.finish().await;
}

async fn trail(hospital: &Hospital) -> Vec<Value> {
    let client = hospital.as_principal("auditora").await;
    let mut items: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let reply = client.get(&format!("/v1/audit/entries?limit=1000{after}")).await.unwrap();
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
async fn every_opening_is_closed(hospital: &Hospital) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let items = trail(hospital).await;
        let closed: BTreeSet<&str> =
            items.iter().filter_map(|item| item["entry"]["opens"].as_str()).collect();
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
    hospital.must(&["fhir", "load", "config/demo/bundle.json"]).await;
    let client = hospital.as_principal("medica").await;
    let path = "/fhir/Observation/during";
    let mut body = observation(0);
    body["id"] = "during".into();
    let (pid, before) = (hospital.pid(), hospital.postmaster());
    signal(before, "KILL");
    let mut unavailable = 0;
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let reply = client.put_json(path, &body).await.unwrap();
        match reply.status {
            503 => {
                unavailable += 1;
                assert!(!reply.header("retry-after").is_empty(), "{}", reply.text());
                let health = client.get("/healthz").await.unwrap();
                assert_eq!(health.status, 200, "the door stays open");
                let live = hospital.admin_get("/livez").await.unwrap();
                assert_eq!(live.status, 200, "liveness never asks PostgreSQL");
            }
            200 | 201 if unavailable > 0 && hospital.postmaster() != before => break,
            // Before the server's death is noticed, or a write whose outcome nobody knows.
            200 | 201 | 504 => {}
            status => panic!("{status}: {}", reply.text()),
        }
        assert!(Instant::now() < end, "does not recover:\n{}", hospital.log());
    }
    assert!(unavailable > 0);
    assert_eq!(hospital.pid(), pid);
    hospital.must(&["audit", "verify"]).await;
    every_opening_is_closed(&hospital).await;
    hospital.finish().await;
}
