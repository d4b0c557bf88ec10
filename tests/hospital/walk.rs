//! The main job, as the README walks it.

use crate::hospital::{Hospital, node, pause, root, text};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Identifiers of the demonstration's article: none may appear in an answer.
const SECRETS: &[&str] = &[
    "529.982.247-25",
    "12.345.678-9",
    "98765-4321",
    "maria.exemplo@example.org",
    "Maria Aparecida",
    "14/03/1961",
];

fn article() -> String {
    std::fs::read_to_string(root().join("config/demo/artigo.md")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_article_is_analysed_by_the_plugin_with_offsets_and_without_the_matched_text() {
    let hospital = Hospital::start().await;
    let article = article();
    let client = hospital.as_principal("autora").await;
    let reply = client
        .post(
            "/v1/content",
            "text/markdown; charset=utf-8",
            article.clone(),
        )
        .await;
    let reply = reply.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    assert_eq!(answer["plugin"]["name"], "lgpd-analyzer");
    let findings = answer["analysis"]["findings"].as_array().unwrap().clone();
    let found: Vec<(String, String)> = findings
        .iter()
        .map(|finding| {
            let place = |name: &str| usize::try_from(finding[name].as_u64().unwrap()).unwrap();
            let matched = article
                .get(place("start")..place("end"))
                .expect("on a boundary");
            (
                finding["category"].as_str().unwrap().to_owned(),
                matched.to_owned(),
            )
        })
        .collect();
    for (category, matched) in [
        ("cpf", "529.982.247-25"),
        ("rg", "12.345.678-9"),
        ("cns", "700 0000 0000 0005"),
        ("email", "maria.exemplo@example.org"),
        ("phone", "(11) 98765-4321"),
        ("birth_date", "14/03/1961"),
        ("medical_record", "0045678"),
        ("name", "Maria Aparecida Exemplo"),
    ] {
        let pair = (category.to_owned(), matched.to_owned());
        assert!(found.contains(&pair), "{pair:?} is not among {found:?}");
    }
    let score = answer["analysis"]["risk"]["score"].as_u64().unwrap();
    assert!((50..=100).contains(&score), "{score}");
    assert!(
        !answer["analysis"]["risk"]["explanation"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    for secret in SECRETS {
        assert!(
            !reply.text().contains(secret),
            "the answer holds `{secret}`"
        );
        assert!(!hospital.log().contains(secret), "the log holds `{secret}`");
    }

    // The entry names what influenced the answer: the very bytes of the module.
    let recorded = entries(&hospital).await;
    let submit = recorded.iter().find(|entry| entry["action"] == "submit");
    let sha256 = answer["plugin"]["sha256"].as_str().unwrap();
    assert_eq!(sha256.len(), 64, "{sha256}");
    assert_eq!(submit.expect("is recorded")["plugin"], sha256);

    let printed = hospital
        .must(&["content", "submit", "config/demo/artigo.md"])
        .await;
    assert!(printed.contains(&score.to_string()), "{printed}");
    assert!(
        SECRETS.iter().all(|secret| !printed.contains(secret)),
        "{printed}"
    );
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loaded_patient_is_read_by_whom_it_should_be_and_each_access_is_in_the_trail() {
    let hospital = Hospital::start().await;
    let printed = hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    assert!(
        printed.contains("Encounter"),
        "skipped types are reported: {printed}"
    );
    let patient: Value = serde_json::from_str(
        &hospital
            .must(&["fhir", "get", "Patient", "maria-exemplo"])
            .await,
    )
    .unwrap();
    assert_eq!(patient["resourceType"], "Patient");
    assert_eq!(patient["id"], "maria-exemplo");

    let path = "/fhir/Patient/maria-exemplo";
    let medica = hospital
        .as_principal("medica")
        .await
        .get(path)
        .await
        .unwrap();
    assert_eq!(medica.status, 200);
    assert!(!medica.header("plantao-audit-entry").is_empty());
    for (name, status, code) in [
        ("visitante", 403, "role_lacks_grant"),
        ("autora", 403, "role_lacks_grant"),
        ("plantonista", 401, "score_needs_step_up"),
    ] {
        let reply = hospital.as_principal(name).await.get(path).await.unwrap();
        assert_eq!(reply.status, status, "{name}: {}", reply.text());
        assert_eq!(reply.json()["resourceType"], "OperationOutcome");
        let entry = entries(&hospital)
            .await
            .into_iter()
            .find(|entry| entry["principal"] == name);
        let entry = entry.unwrap_or_else(|| panic!("no entry of {name}"));
        assert!(
            entry["explanation"].as_str().unwrap().starts_with(code),
            "{entry}"
        );
        assert_eq!(entry["outcome"], "refused");
    }
    let anonymous = hospital.anonymous().await.get(path).await.unwrap();
    assert_eq!(anonymous.status, 401);
    assert!(anonymous.header("www-authenticate").starts_with("Bearer"));

    let entries = entries(&hospital).await;
    let read = entries
        .iter()
        .find(|entry| entry["principal"] == "medica" && entry["action"] == "read")
        .expect("the read is in the trail");
    assert_eq!(read["patient"], "maria-exemplo");
    assert_eq!(read["purpose"], "treatment");
    let opened = entries
        .iter()
        .find(|entry| entry["phase"] == "opened")
        .expect("the load opened");
    let completed = entries
        .iter()
        .find(|entry| entry["opens"] == opened["id"])
        .expect("and closed");
    assert_eq!(completed["outcome"], "success");
    hospital.finish().await;
}

async fn entries(hospital: &Hospital) -> Vec<Value> {
    let client = hospital.as_principal("auditora").await;
    let reply = client.get("/v1/audit/entries?limit=1000").await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let items = reply.json()["entries"].as_array().unwrap().clone();
    items
        .into_iter()
        .map(|item| item["entry"].clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_opens_one_record_with_a_critical_entry_that_holds_no_name() {
    let hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let reason = "parada cardíaca, CPF 529.982.247-25, leito 7";
    let arguments = [
        "fhir",
        "get",
        "Patient",
        "maria-exemplo",
        "--as",
        "plantonista",
    ];
    let refused = hospital.run(&arguments).await;
    assert!(!refused.status.success());
    let mut emergency = arguments.to_vec();
    emergency.extend(["--break-glass", reason]);
    let record = hospital.must(&emergency).await;
    assert!(record.contains("maria-exemplo"));
    let entries = entries(&hospital).await;
    let entry = entries
        .iter()
        .find(|entry| entry["verdict"] == "break_glass")
        .unwrap();
    assert_eq!(entry["severity"], "critical");
    let explanation = entry["explanation"].as_str().unwrap();
    assert!(explanation.contains("parada card"), "{explanation}");
    assert!(!explanation.contains("529.982"), "{explanation}");
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_actor_is_back_while_requests_go_on() {
    let hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let client = hospital.as_principal("medica").await;
    assert_eq!(
        client
            .get("/fhir/Patient/maria-exemplo")
            .await
            .unwrap()
            .status,
        200
    );
    let drawn = hospital.must(&["tree"]).await;
    for part in [
        "plantao",
        "storage",
        "policy",
        "writer",
        "lgpd-analyzer",
        "front_door",
    ] {
        assert!(drawn.contains(part), "`{part}` is not in\n{drawn}");
    }
    assert!(drawn.contains("rest_for_one"), "{drawn}");

    for path in [
        "plantao/records/directory-1",
        "plantao/trust/writer",
        "plantao/trust/policy",
    ] {
        let before = restarts(&hospital, path).await;
        let other = client.clone();
        let others = tokio::spawn(async move {
            let mut answered = 0;
            for _ in 0..20 {
                let reply = other.get("/healthz").await.unwrap();
                answered += u32::from(reply.status == 200);
            }
            answered
        });
        hospital.must(&["kill", path]).await;
        let end = Instant::now() + Duration::from_secs(10);
        while restarts(&hospital, path).await == before {
            assert!(Instant::now() < end, "`{path}` is not back");
            pause().await;
        }
        assert_eq!(others.await.unwrap(), 20);
        let end = Instant::now() + Duration::from_secs(10);
        while client
            .get("/fhir/Patient/maria-exemplo")
            .await
            .unwrap()
            .status
            != 200
        {
            assert!(
                Instant::now() < end,
                "no service after the restart of `{path}`"
            );
            pause().await;
        }
    }
    let killed = entries(&hospital).await;
    let kill = killed.iter().find(|entry| {
        entry["explanation"]
            .as_str()
            .unwrap()
            .starts_with("kill plantao/records")
    });
    assert_eq!(kill.expect("the kill is in the trail")["role"], "operator");
    let unknown = hospital.run(&["kill", "plantao/nobody"]).await;
    assert!(!unknown.status.success());
    assert!(
        text(&unknown.stderr).contains("plantao/nobody"),
        "{}",
        text(&unknown.stderr)
    );
    hospital.finish().await;
}

async fn restarts(hospital: &Hospital, path: &str) -> u64 {
    let tree = hospital.tree().await;
    node(&tree, path).map_or(0, |node| {
        let running = node["state"] == "running";
        if running {
            node["restarts"].as_u64().unwrap()
        } else {
            0
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_is_shown_and_proved_and_an_edit_in_the_database_is_named() {
    let hospital = Hospital::start().await;
    hospital
        .must(&["content", "submit", "config/demo/artigo.md"])
        .await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    hospital
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    let tail = hospital.must(&["audit", "tail"]).await;
    for part in ["autora", "medica", "submit", "read", "maria-exemplo"] {
        assert!(tail.contains(part), "`{part}` is not in\n{tail}");
    }
    hospital.must(&["audit", "verify"]).await;

    let edited = hospital
        .as_superuser(
            "ALTER TABLE plantao.audit_entry DISABLE TRIGGER ALL; \
             UPDATE plantao.audit_entry SET principal = 'nobody' WHERE seq = 2;",
        )
        .await;
    assert_eq!(edited, 1);
    let broken = hospital.run(&["audit", "verify"]).await;
    assert_eq!(broken.status.code(), Some(1));
    let said = text(&broken.stdout) + &text(&broken.stderr);
    assert!(said.contains("entry 2"), "{said}");
    hospital.finish().await;
}
