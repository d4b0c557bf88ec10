//! The trail as its users read it: searched, exported as FHIR, and told to the patient.

mod report;

use crate::client::{Client, Reply};
use crate::hospital::{Hospital, text};
use http::Method;
use serde_json::Value;
use std::collections::BTreeSet;

const PATIENT: &str = "maria-exemplo";
const REASON: &str = "parada cardíaca, CPF 529.982.247-25, leito 7";
const CONTACT: &str = "Ana Encarregada, privacidade@hospital.example";

/// A hospital in which a patient was stored, read, read in an emergency, and refused.
async fn lived() -> Hospital {
    let contact = format!("audit.privacy_contact={CONTACT}");
    let hospital = Hospital::start_with(&[&contact]).await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let read = ["fhir", "get", "Patient", PATIENT, "--as"];
    for name in ["medica", "medica", "enfermeiro"] {
        hospital.must(&[&read[..], &[name]].concat()).await;
    }
    let refused = hospital.run(&[&read[..], &["plantonista"]].concat()).await;
    assert_eq!(refused.status.code(), Some(1), "an unknown device steps up");
    let broken = [&read[..], &["plantonista", "--break-glass", REASON]].concat();
    hospital.must(&broken).await;
    let visitor = hospital.run(&[&read[..], &["visitante"]].concat()).await;
    assert_eq!(visitor.status.code(), Some(1));
    hospital
}

async fn get(client: &Client, path: &str) -> Reply {
    let reply = client.get(path).await.unwrap();
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply
}

fn items(reply: &Reply) -> Vec<Value> {
    reply.json()["entries"].as_array().unwrap().clone()
}

/// Where a `Link` header leads next.
fn next(reply: &Reply) -> Option<String> {
    let link = reply.header("link");
    let (target, relation) = link.split_once('>')?;
    assert_eq!(relation, "; rel=\"next\"");
    Some(target.trim_start_matches('<').to_owned())
}

fn ids(items: &[Value]) -> Vec<String> {
    let id = |item: &Value| item["entry"]["id"].as_str().unwrap().to_owned();
    items.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_is_searched_page_by_page_while_it_grows_and_by_those_who_may() {
    let hospital = lived().await;
    let auditor = hospital.as_principal("auditora").await;
    let path = format!("/v1/audit/entries?patient={PATIENT}");
    let before = items(&get(&auditor, &format!("{path}&limit=1000")).await);
    assert!(before.len() >= 6, "{before:#?}");
    // Each page that is read is an entry of this patient's trail, newer than all of them.
    let (mut read, mut page) = (Vec::new(), Some(format!("{path}&limit=2")));
    while let Some(target) = page {
        let reply = get(&auditor, &target).await;
        assert_eq!(reply.json()["next"].is_string(), next(&reply).is_some());
        read.extend(items(&reply));
        page = next(&reply);
    }
    let reading = &read[..read.len() - before.len()];
    assert!(
        reading
            .iter()
            .all(|item| item["entry"]["resource_kind"] == "audit")
    );
    assert_eq!(
        reading.len(),
        1,
        "what came after the first page is not in the later ones"
    );
    assert_eq!(ids(&read[reading.len()..]), ids(&before));

    let all = items(&get(&auditor, "/v1/audit/entries?limit=1000").await);
    for (condition, field, value) in [
        ("principal=medica", "principal", "medica"),
        ("action=write", "action", "write"),
        ("outcome=refused", "outcome", "refused"),
        ("severity=critical", "severity", "critical"),
    ] {
        let found = items(&get(&auditor, &format!("/v1/audit/entries?{condition}")).await);
        let there = all
            .iter()
            .filter(|item| item["entry"][field] == value)
            .count();
        assert!(
            there > 0 && found.len() >= there,
            "{condition}: {} of {there}",
            found.len()
        );
        assert!(
            found.iter().all(|item| item["entry"][field] == value),
            "{condition}"
        );
    }
    let both = "/v1/audit/entries?patient=maria-exemplo&principal=enfermeiro&since=2020-01-01";
    assert_eq!(items(&get(&auditor, both).await).len(), 1);
    let past = format!("{path}&until=2020-01-01T00:00:00Z");
    assert_eq!(items(&get(&auditor, &past).await).len(), 0);

    for (bad, field) in [
        ("action=look", "action"),
        ("since=x", "since"),
        ("paciente=1", "query"),
    ] {
        let reply = auditor
            .get(&format!("/v1/audit/entries?{bad}"))
            .await
            .unwrap();
        assert_eq!(
            (reply.status, &reply.json()["field"]),
            (400, &field.into()),
            "{bad}"
        );
        assert!(
            reply.json()["detail"]
                .as_str()
                .unwrap()
                .contains("expected")
        );
    }
    only_auditors(&hospital).await;

    let shown = hospital
        .must(&["audit", "search", "--patient", PATIENT])
        .await;
    assert!(shown.starts_with("WHEN "), "{shown}");
    assert!(
        shown.contains("plantonista/physician") && shown.contains("[CRITICAL]"),
        "{shown}"
    );
    // A change is one line: its opening is told with its completion.
    assert!(!shown.contains(" pending"), "{shown}");
    let few = [
        "audit",
        "search",
        "--patient",
        PATIENT,
        "--limit",
        "2",
        "--json",
    ];
    assert_eq!(hospital.must(&few).await.lines().count(), 2);
    let whole = [
        "audit",
        "search",
        "--principal",
        "medica",
        "--all",
        "--json",
    ];
    let whole = hospital.must(&whole).await;
    assert!(whole.lines().all(|line| {
        let item: Value = serde_json::from_str(line).unwrap();
        item["entry"]["principal"] == "medica"
    }));
    let wrong = hospital.run(&["audit", "search", "--action", "look"]).await;
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        text(&wrong.stderr).contains("[field `action`]"),
        "{}",
        text(&wrong.stderr)
    );
    hospital.finish().await;
}

/// Nobody else reads the trail by any of its addresses, and an emergency is no way in.
async fn only_auditors(hospital: &Hospital) {
    let paths = [
        format!("/v1/audit/entries?patient={PATIENT}"),
        format!("/fhir/AuditEvent?patient={PATIENT}"),
        format!("/v1/audit/patients/{PATIENT}/report"),
    ];
    for name in ["medica", "enfermeiro", "recepcao", "visitante", "operadora"] {
        let client = hospital.as_principal(name).await;
        for path in &paths {
            let glass = [("plantao-break-glass", "uma emergencia de verdade")];
            for headers in [&[][..], &glass[..]] {
                let reply = client
                    .send(Method::GET, path, headers, bytes::Bytes::new())
                    .await;
                let reply = reply.unwrap();
                assert_eq!(reply.status, 403, "{name} {path} {headers:?}");
                assert!(!reply.text().contains("medica"), "{}", reply.text());
            }
        }
    }
    let stranger = hospital.anonymous().await;
    for path in &paths {
        assert_eq!(stranger.get(path).await.unwrap().status, 401, "{path}");
    }
    let denied = hospital
        .run(&["audit", "report", PATIENT, "--as", "medica"])
        .await;
    assert_eq!((denied.status.code(), denied.stdout.len()), (Some(1), 0));
    // The attempts are in the trail, of whoever made them.
    let tried = [
        "audit",
        "search",
        "--principal",
        "recepcao",
        "--outcome",
        "refused",
        "--json",
    ];
    assert!(hospital.must(&tried).await.lines().count() >= 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_is_exported_as_audit_events_that_lead_back_to_its_entries() {
    let hospital = lived().await;
    let auditor = hospital.as_principal("auditora").await;
    let path = format!("/fhir/AuditEvent?patient=Patient/{PATIENT}");
    let (mut events, mut page) = (Vec::new(), Some(format!("{path}&_count=2")));
    while let Some(target) = page {
        let reply = get(&auditor, &target).await;
        assert!(
            reply
                .header("content-type")
                .starts_with("application/fhir+json")
        );
        let bundle = reply.json();
        assert_eq!(
            (&bundle["resourceType"], &bundle["type"]),
            (&"Bundle".into(), &"searchset".into())
        );
        assert_eq!(bundle["link"][0]["relation"], "self");
        events.extend(
            bundle["entry"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["resource"].clone()),
        );
        page = bundle["link"][1]["url"].as_str().map(str::to_owned);
    }
    let told = format!("/v1/audit/entries?patient={PATIENT}&once=true&limit=1000");
    let entries = items(&get(&auditor, &told).await);
    let known: BTreeSet<_> = ids(&entries).into_iter().collect();
    let found: Vec<&str> = events
        .iter()
        .map(|event| event["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        found.iter().collect::<BTreeSet<_>>().len(),
        found.len(),
        "none twice"
    );
    assert!(found.iter().all(|id| known.contains(*id)));
    let of = |code: &str| {
        let is = |event: &&Value| event["purposeOfEvent"][0]["coding"][0]["code"] == code;
        events.iter().filter(is).cloned().collect::<Vec<_>>()
    };
    let emergencies = of("ETREAT");
    assert_eq!(emergencies.len(), 1);
    assert_eq!(emergencies[0]["subtype"][1]["code"], "110127");
    let profile = emergencies[0]["meta"]["profile"][0].as_str().unwrap();
    assert!(profile.ends_with("IHE.BasicAudit.PatientRead"), "{profile}");
    assert!(
        of("TREAT").iter().any(|event| event["outcome"] == "8"),
        "the visitor was refused"
    );
    assert!(
        of("TREAT").iter().any(|event| event["outcome"] == "4"),
        "a step-up was asked for"
    );
    assert!(
        events
            .iter()
            .any(|event| event["period"]["start"].is_string()),
        "the load"
    );

    let narrow = format!("{path}&agent=enfermeiro&action=R&date=ge2020&date=lt2100");
    let bundle = get(&auditor, &narrow).await.json();
    assert_eq!(bundle["entry"].as_array().unwrap().len(), 1);
    let none = get(&auditor, &format!("{path}&action=D")).await.json();
    assert!(none.get("entry").is_none());
    let bad = auditor.get(&format!("{path}&date=soon")).await.unwrap();
    assert_eq!(
        (bad.status, &bad.json()["resourceType"]),
        (400, &"OperationOutcome".into())
    );

    let export = ["audit", "export", "--format", "fhir", "--patient", PATIENT];
    let lines = hospital.must(&export).await;
    let exported: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let same = |event: &Value| exported.iter().any(|other| other == event);
    assert!(
        events.iter().all(same),
        "what the search gives is what the export gives"
    );
    let lines = hospital
        .must(&["audit", "export", "--principal", "enfermeiro"])
        .await;
    let raw: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(raw["entry"]["principal"], "enfermeiro");
    assert_eq!(raw["hash"].as_str().unwrap().len(), 64);
    hospital.finish().await;
}
