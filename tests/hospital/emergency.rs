//! An emergency while PostgreSQL is away: the card of a patient who is being looked after, written
//! down on this node before it is given out, and in the trail once that is back. Nothing else.

use crate::client::{Client, Reply};
use crate::hospital::{Hospital, node, pause};
use crate::server::Server;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

/// Longer than any deadline within, on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(60);
const CARD: &str = "/v1/patients/p-1/emergency-card";
const REASON: &str = "parada cardiaca no leito 7";

async fn ask(client: &Client, path: &str, headers: &[(&str, &str)]) -> Reply {
    let sent = client.send(Method::GET, path, headers, Bytes::new());
    sent.await.unwrap()
}

async fn emergency(client: &Client, path: &str) -> Reply {
    ask(client, path, &[("plantao-break-glass", REASON)]).await
}

async fn admit(client: &Client) {
    let about = json!({ "reference": "Patient/p-1" });
    let active = |system: &str| {
        let system = format!("http://terminology.hl7.org/CodeSystem/{system}");
        json!({ "coding": [{ "system": system, "code": "active" }] })
    };
    for (path, body) in [
        (
            "Patient/p-1",
            json!({ "resourceType": "Patient", "id": "p-1",
            "name": [{ "text": "Maria Exemplo" }] }),
        ),
        (
            "Patient/p-2",
            json!({ "resourceType": "Patient", "id": "p-2" }),
        ),
        (
            "AllergyIntolerance/a-1",
            json!({ "resourceType": "AllergyIntolerance",
            "id": "a-1", "clinicalStatus": active("allergyintolerance-clinical"),
            "criticality": "high", "code": { "text": "Penicilina" }, "patient": about }),
        ),
        (
            "Condition/c-1",
            json!({ "resourceType": "Condition", "id": "c-1",
            "clinicalStatus": active("condition-clinical"), "code": { "text": "Asma" },
            "subject": about }),
        ),
    ] {
        let reply = client.put_json(&format!("/fhir/{path}"), &body).await;
        let reply = reply.unwrap();
        assert_eq!(reply.status, 201, "{path}: {}", reply.text());
    }
}

fn is_whole(card: &Value) -> bool {
    card["allergies"][0]["text"] == "Penicilina"
        && card["conditions"][0]["text"] == "Asma"
        && card["name"] == "Maria Exemplo"
}

async fn refused(reply: Reply, status: u16) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert!(!reply.text().contains("Penicilina"));
    if status == 503 {
        assert!(!reply.header("retry-after").is_empty(), "{}", reply.text());
    }
}

/// The entries of emergency cards, by key.
async fn cards(hospital: &Hospital) -> Vec<(String, Value)> {
    let auditor = hospital.as_principal("auditora").await;
    let page = auditor.get("/v1/audit/entries?limit=1000").await.unwrap();
    assert_eq!(page.status, 200, "{}", page.text());
    let entries = page.json()["entries"].as_array().unwrap().clone();
    let entries = entries.into_iter().map(|item| item["entry"].clone());
    let emergencies = entries.filter(|one| one["verdict"] == "break_glass");
    let named = emergencies.map(|one| (one["id"].as_str().unwrap().to_owned(), one));
    named.collect()
}

/// Until nothing waits, and the entries are in the trail once each.
async fn delivered(hospital: &Hospital, keys: &[String]) -> Vec<(String, Value)> {
    let end = Instant::now() + DEADLINE;
    loop {
        let ready = hospital.admin_get("/readyz?verbose").await;
        let ready = ready.map_or_else(String::new, |reply| reply.text());
        if ready.contains("emergency_spool: 0 of 2 entries") {
            break;
        }
        assert!(Instant::now() < end, "{ready}\n{}", hospital.log());
        pause().await;
    }
    let found = cards(hospital).await;
    for key in keys {
        let count = found.iter().filter(|(one, _)| one == key).count();
        assert_eq!(count, 1, "{key} in {found:?}");
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_card_outlasts_the_trail_and_nothing_else_does() {
    let server = Server::start();
    let [app, owner] = Server::settings(&[&server]);
    let settings = [app.as_str(), owner.as_str(), "audit.spool_entries=2"];
    let mut hospital = Hospital::start_with(&settings).await;
    let physician = hospital.as_principal("medica").await;
    let nurse = hospital.as_principal("enfermeiro").await;
    let clerk = hospital.as_principal("recepcao").await;
    admit(&physician).await;

    // While everything is there, a card is an access like any other.
    let reply = ask(&physician, CARD, &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let card = reply.json();
    assert!(is_whole(&card), "{card}");
    assert_eq!(
        (&card["source"], &card["audit"]),
        (&json!("records"), &json!("trail"))
    );
    assert!(!reply.header("plantao-audit-entry").is_empty());
    refused(ask(&nurse, CARD, &[]).await, 403).await;
    let reply = emergency(&nurse, CARD).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.header("plantao-audit-spool").is_empty());
    let first = reply.header("plantao-audit-entry").to_owned();
    refused(emergency(&clerk, CARD).await, 403).await;
    assert!(node(&hospital.tree().await, "plantao/trust/spool").is_some());

    server.stop();
    let end = Instant::now() + DEADLINE;
    while physician.get("/fhir/Patient/p-1").await.unwrap().status != 503 {
        assert!(Instant::now() < end, "reads go on without a database");
        pause().await;
    }
    let mut keys = vec![first];
    for (number, client) in [(1, &physician), (2, &nurse)] {
        let language = [("accept-language", "en"), ("plantao-break-glass", REASON)];
        let reply = ask(client, CARD, &language).await;
        assert_eq!(reply.status, 200, "{}\n{}", reply.text(), hospital.log());
        let number = number.to_string();
        assert_eq!(reply.header("plantao-audit-spool"), number);
        let card = reply.json();
        assert!(is_whole(&card), "{card}");
        assert_eq!(card["source"], "session_memory");
        assert_eq!(card["audit"], "emergency_spool");
        let notices = card["notices"].to_string();
        assert!(notices.contains("recorded on this node"), "{notices}");
        keys.push(reply.header("plantao-audit-entry").to_owned());
    }
    // The spool is full, and everything else was closed all the time.
    let reply = emergency(&physician, CARD).await;
    assert!(reply.text().contains("spool is full"), "{}", reply.text());
    refused(reply, 503).await;
    refused(ask(&physician, CARD, &[]).await, 503).await;
    refused(emergency(&physician, "/fhir/Patient/p-1").await, 503).await;
    refused(emergency(&physician, "/patients/p-1").await, 503).await;
    let none = "/v1/patients/p-2/emergency-card";
    refused(emergency(&physician, none).await, 503).await;
    refused(emergency(&clerk, CARD).await, 403).await;
    let short = [("plantao-break-glass", "urgente")];
    refused(ask(&physician, CARD, &short).await, 403).await;
    let metrics = hospital.admin_get("/metrics").await.unwrap().text();
    assert!(metrics.contains("plantao_audit_spool_entries 2"));
    let file = hospital.paths().spool().join("emergency.spool");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bytes = std::fs::read(&file).unwrap();
    let bytes = String::from_utf8_lossy(&bytes);
    assert!(!bytes.contains("Penicilina") && !bytes.contains("Maria"));

    hospital.kill_nine().await;
    server.start_again();
    hospital.launch().await;
    let found = delivered(&hospital, &keys).await;
    assert_eq!(found.len(), 3, "{found:?}");
    let spooled = |one: &&(String, Value)| {
        let explanation = one.1["explanation"].as_str().unwrap();
        explanation.contains("kept in the emergency spool")
    };
    assert_eq!(found.iter().filter(spooled).count(), 2);
    assert!(found.iter().all(|(_, one)| one["severity"] == "critical"));
    hospital.must(&["audit", "verify"]).await;

    // Once more without a crash: the trail comes back under a runtime that goes on.
    let physician = hospital.as_principal("medica").await;
    assert_eq!(ask(&physician, CARD, &[]).await.status, 200);
    server.stop();
    let end = Instant::now() + DEADLINE;
    let key = loop {
        let reply = emergency(&physician, CARD).await;
        assert!(Instant::now() < end, "{}: {}", reply.status, hospital.log());
        if !reply.header("plantao-audit-spool").is_empty() {
            break reply.header("plantao-audit-entry").to_owned();
        }
        pause().await;
    };
    keys.push(key);
    server.start_again();
    delivered(&hospital, &keys).await;
    hospital.must(&["audit", "verify"]).await;
    hospital.finish().await;
}
