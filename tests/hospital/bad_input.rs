//! Bad input: a typed error that names the field, and nothing more than one request harmed.

use crate::client::{Client, Reply};
use crate::hospital::Hospital;
use bytes::Bytes;
use http::Method;
use plantao_schema::time::Timestamp;
use serde_json::json;

fn names(reply: &Reply) -> (u16, String) {
    let body = reply.json();
    let field = if body["resourceType"] == "OperationOutcome" {
        body["issue"][0]["expression"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    } else {
        body["field"].as_str().unwrap_or_default().to_owned()
    };
    (reply.status, field)
}

async fn fhir(client: &Client, kind: &str, body: impl Into<Bytes>) -> (u16, String) {
    names(&client.post("/fhir/Patient", kind, body).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_body_is_refused_by_field_and_the_tree_does_not_notice() {
    let hospital = Hospital::start_with(&["front_door.body_limit_bytes=65536"]).await;
    let client = hospital.as_principal("medica").await;
    let kind = "application/fhir+json";

    let (status, _) = fhir(&client, kind, "{\"resourceType\": \"Patient\", ").await;
    assert_eq!(status, 400, "malformed JSON");
    assert_eq!(
        fhir(&client, "text/html", "{}").await,
        (415, "Content-Type".into())
    );
    let spaceship = json!({ "resourceType": "Spaceship" }).to_string();
    assert_eq!(
        fhir(&client, kind, spaceship).await,
        (400, "resourceType".into())
    );
    let cpf = json!({
        "resourceType": "Patient",
        "identifier": [{ "system": "https://saude.gov.br/fhir/sid/cpf", "value": "52998224726" }],
    });
    let reply = client
        .post("/fhir/Patient", kind, cpf.to_string())
        .await
        .unwrap();
    assert_eq!(names(&reply), (422, "Patient.identifier[0].value".into()));
    assert!(
        !reply.text().contains("52998224726"),
        "the refusal repeats the value"
    );
    let date = json!({ "resourceType": "Patient", "birthDate": "1961-02-30" }).to_string();
    assert_eq!(
        fhir(&client, kind, date).await,
        (422, "Patient.birthDate".into())
    );
    assert_eq!(fhir(&client, kind, vec![b' '; 65_537]).await.0, 413);
    let other = json!({ "resourceType": "Patient", "id": "b" });
    let reply = client.put_json("/fhir/Patient/a", &other);
    assert_eq!(names(&reply.await.unwrap()), (422, "Patient.id".into()));
    let stranger = json!({ "resourceType": "Observation", "id": "o", "status": "final",
        "code": { "text": "x" }, "subject": { "reference": "Patient/nobody" } });
    let reply = client
        .put_json("/fhir/Observation/o", &stranger)
        .await
        .unwrap();
    assert_eq!(reply.status, 422, "{}", reply.text());

    let author = hospital.as_principal("autora").await;
    let reply = author
        .post("/v1/content", "text/markdown", vec![b'a', 0xff])
        .await
        .unwrap();
    assert_eq!(names(&reply), (400, "body".into()));
    assert_eq!(reply.header("content-type"), "application/problem+json");
    let reply = author
        .post("/v1/content", "text/markdown", "  \n")
        .await
        .unwrap();
    assert_eq!(names(&reply), (422, "body".into()));
    let reply = author
        .post("/v1/content", "application/pdf", "x")
        .await
        .unwrap();
    assert_eq!(names(&reply), (415, "Content-Type".into()));
    nothing_restarted(&hospital).await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_address_is_refused_by_field() {
    let hospital = Hospital::start().await;
    let client = hospital.as_principal("medica").await;
    for (address, status, field) in [
        ("/fhir/Spaceship/1", 404, "type"),
        ("/fhir/Patient/%2e%2e%2fetc%2fpasswd", 400, "id"),
        ("/fhir/Patient/..", 400, "id"),
        ("/fhir/Patient/a%00b", 400, "id"),
        ("/fhir/Patient/529.982.247-25", 400, "id"),
        ("/fhir/Patient?name=x", 400, "identifier"),
        ("/fhir/Patient/nobody-here", 404, "id"),
        ("/nowhere", 404, ""),
        ("/v1/audit/entries?limit=0", 400, "limit"),
    ] {
        let reply = client.get(address).await.unwrap();
        assert_eq!(
            names(&reply),
            (status, field.to_owned()),
            "{address}: {}",
            reply.text()
        );
    }
    let reply = client
        .send(Method::DELETE, "/fhir/Patient/x", &[], Bytes::new())
        .await
        .unwrap();
    assert_eq!(reply.status, 405);
    let purpose = [("plantao-purpose", "curiosity")];
    let reply = client
        .send(Method::GET, "/fhir/Patient/x", &purpose, Bytes::new())
        .await
        .unwrap();
    assert_eq!(names(&reply), (400, "plantao-purpose".into()));
    let purpose = [("plantao-purpose", "research")];
    let reply = client
        .send(Method::GET, "/fhir/Patient/x", &purpose, Bytes::new())
        .await
        .unwrap();
    assert_eq!(reply.status, 403, "{}", reply.text());
    let trail = hospital.must(&["audit", "tail"]).await;
    assert!(
        !trail.contains("529.982"),
        "the trail holds a document number: {trail}"
    );
    nothing_restarted(&hospital).await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_token_is_refused_and_says_why_without_repeating_it() {
    let hospital = Hospital::start().await;
    let good = hospital.token("physician", |_| {});
    let path = "/fhir/Patient/nobody-here";
    assert_eq!(
        hospital
            .with_token(&good)
            .await
            .get(path)
            .await
            .unwrap()
            .status,
        404
    );

    let expired = hospital.token("physician", |claims| {
        claims.issued_at = Timestamp::from_micros(claims.issued_at.micros() - 7_200_000_000);
        claims.expires_at = claims.issued_at.plus_seconds(60);
    });
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    let forged_signature = format!("{}.{}.{}", parts[0], parts[1], parts[2].to_uppercase());
    // {"alg":"none","typ":"JWT"}
    parts[0] = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0".to_owned();
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    let other = Hospital::start().await;
    let foreign = other.token("physician", |_| {});
    for token in [
        expired,
        forged_signature,
        unsigned,
        foreign,
        "not-a-token".to_owned(),
    ] {
        let reply = hospital.with_token(&token).await.get(path).await.unwrap();
        assert_eq!(reply.status, 401, "{}", reply.text());
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
        assert!(
            !reply.text().contains(&token),
            "the refusal repeats the token"
        );
        assert!(!hospital.log().contains(&token), "the log holds the token");
    }
    other.finish().await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_or_broken_client_costs_its_own_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let settings = [
        "front_door.handshake_timeout_ms=1500",
        "front_door.header_timeout_ms=1500",
    ];
    let hospital = Hospital::start_with(&settings).await;
    let mut silent = tokio::net::TcpStream::connect(hospital.door).await.unwrap();
    let mut rubbish = tokio::net::TcpStream::connect(hospital.door).await.unwrap();
    rubbish.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let client = hospital.as_principal("medica").await;
    assert_eq!(client.get("/healthz").await.unwrap().status, 200);
    let mut end = Vec::new();
    // Both end: the server closed them, with an alert or without a word.
    let _alert = silent.read_to_end(&mut end).await;
    let _alert = rubbish.read_to_end(&mut end).await;
    let http1 = Client::tls_http1(hospital.door, &hospital.paths().ca_certificate(), None).await;
    assert_eq!(http1.unwrap().get("/healthz").await.unwrap().text(), "ok\n");
    nothing_restarted(&hospital).await;
    hospital.finish().await;
}

/// The whole tree is as it was started.
pub(crate) async fn nothing_restarted(hospital: &Hospital) {
    fn walk(node: &serde_json::Value) {
        assert_eq!(node["restarts"], 0, "{} restarted", node["path"]);
        assert_eq!(node["state"], "running", "{}", node["path"]);
        node["children"]
            .as_array()
            .into_iter()
            .flatten()
            .for_each(walk);
    }
    walk(&hospital.tree().await);
}
