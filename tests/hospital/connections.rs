//! Connections that ask for nothing, for too much, or in the ways of other clients than ours.

use crate::client::Client;
use crate::hospital::{Hospital, pause, root, text};
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_http2_connection_is_closed_and_one_address_cannot_take_the_door() {
    let settings = [
        "front_door.header_timeout_ms=3000",
        "front_door.max_connections_per_address=4",
    ];
    let hospital = Hospital::start_with(&settings).await;
    let ca = hospital.paths().ca_certificate();
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(Client::tls(hospital.door, &ca, None).await.unwrap());
    }
    let fifth = Client::tls(hospital.door, &ca, None).await;
    assert!(
        fifth.is_err(),
        "a fifth connection of one address is closed at once"
    );
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let connections = hospital.admin_get("/metrics").await.unwrap().text();
        if connections.contains("plantao_http_connections 0") {
            break;
        }
        assert!(Instant::now() < end, "silent connections stay open");
        pause().await;
    }
    let client = Client::tls(hospital.door, &ca, None).await.unwrap();
    assert_eq!(client.get("/healthz").await.unwrap().status, 200);
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_answers_with_the_length_and_no_body() {
    let hospital = Hospital::start().await;
    let ca = hospital.paths().ca_certificate();
    let two = Client::tls(hospital.door, &ca, None).await.unwrap();
    let one = Client::tls_http1(hospital.door, &ca, None).await.unwrap();
    for client in [two, one] {
        let reply = client
            .send(Method::HEAD, "/healthz", &[], Bytes::new())
            .await
            .unwrap();
        assert_eq!((reply.status, reply.body.len()), (200, 0));
        assert_eq!(reply.header("content-length"), "3");
        let reply = client
            .send(Method::HEAD, "/nowhere", &[], Bytes::new())
            .await
            .unwrap();
        assert_eq!((reply.status, reply.body.len()), (401, 0));
    }
    hospital.finish().await;
}

/// What `curl` of Debian shows: over HTTP/2 unless told otherwise.
async fn curl(hospital: &Hospital, arguments: &[&str], path: &str) -> (String, String) {
    let mut command = Command::new("curl");
    command.args(["-sS", "-w", "\n%{http_code} %{http_version}", "--cacert"]);
    command
        .arg(hospital.paths().ca_certificate())
        .args(arguments);
    command.arg(format!("https://{}{path}", hospital.door));
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let (body, status) = printed.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_shows_every_refusal_that_comes_before_its_body_was_read() {
    let hospital = Hospital::start().await;
    let large = hospital.state.join("large");
    std::fs::write(&large, vec![b'x'; 9_000_000]).unwrap();
    let large = format!("@{}", large.display());
    let bearer = format!("Authorization: Bearer {}", hospital.demo_token("medica"));
    let fhir = "Content-Type: application/fhir+json";
    let small = [
        "-H",
        fhir,
        "--data-binary",
        "{\"resourceType\":\"Spaceship\"}",
    ];
    let huge = ["-H", &bearer, "-H", fhir, "--data-binary", &large];
    let (status, body) = curl(&hospital, &huge, "/fhir").await;
    assert_eq!(status, "413 2", "{body}");
    assert!(body.contains("OperationOutcome"), "{body}");
    let (status, _) = curl(&hospital, &small, "/fhir").await;
    assert_eq!(status, "401 2");
    let mut known = small.to_vec();
    known.extend(["-H", &bearer]);
    let (status, _) = curl(&hospital, &known, "/fhir/Spaceship").await;
    assert_eq!(status, "404 2");
    let html = [
        "-H",
        &bearer,
        "-H",
        "Content-Type: text/html",
        "--data-binary",
        &large,
    ];
    let (status, _) = curl(&hospital, &html, "/fhir").await;
    assert_eq!(status, "415 2");
    let (status, body) = curl(&hospital, &["-I"], "/healthz").await;
    assert_eq!(status, "200 2", "{body}");
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_patient_of_a_bundle_has_the_change_in_its_own_trail() {
    let hospital = Hospital::start().await;
    let patient = |id: &str| {
        serde_json::json!({
            "resource": { "resourceType": "Patient", "id": id },
            "request": { "method": "PUT", "url": format!("Patient/{id}") },
        })
    };
    let bundle = serde_json::json!({ "resourceType": "Bundle", "type": "transaction",
        "entry": [patient("ana"), patient("bia"), patient("caio")] });
    let client = hospital.as_principal("medica").await;
    let reply = client
        .post("/fhir", "application/fhir+json", bundle.to_string())
        .await
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let auditor = hospital.as_principal("auditora").await;
    let trail = auditor.get("/v1/audit/entries").await.unwrap().json();
    let entries: Vec<&Value> = trail["entries"].as_array().unwrap().iter().collect();
    for id in ["ana", "bia", "caio"] {
        let of = |phase: &str| {
            let matches =
                |item: &&&Value| item["entry"]["patient"] == id && item["entry"]["phase"] == phase;
            entries.iter().filter(matches).count()
        };
        assert_eq!((of("opened"), of("completed")), (1, 1), "{id}: {trail}");
    }
    hospital.must(&["audit", "verify"]).await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_names_files_that_exist() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let folders = [
        "runtime/", "schema/", "config/", "tests/", "benches/", "plugins/", "chaos/",
    ];
    let words = readme.split(|c: char| c.is_whitespace() || "`,;()".contains(c));
    let mut seen = 0;
    for word in words.filter(|word| folders.iter().any(|folder| word.starts_with(folder))) {
        let path = word.trim_end_matches(['.', ':']);
        if path.contains('*') {
            continue;
        }
        seen += 1;
        assert!(root().join(path).exists(), "README.md names `{path}`");
    }
    assert!(seen > 10, "only {seen} paths were looked at");
}
