//! The operators' doors from outside.

use crate::client::Client;
use crate::hospital::{Hospital, pause, text};
use bytes::Bytes;
use http::Method;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listener_reads_and_changes_nothing_and_answers_to_loopback_names_only() {
    let hospital = Hospital::start().await;
    for path in ["/livez", "/readyz", "/startupz"] {
        let reply = hospital.admin_get(path).await.unwrap();
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, "ok\n"),
            "{path}"
        );
        let verbose = hospital
            .admin_get(&format!("{path}?verbose"))
            .await
            .unwrap();
        assert!(verbose.text().contains("[+]"), "{}", verbose.text());
    }
    let supervision = hospital.admin_get("/v1/supervision").await.unwrap().json();
    assert_eq!(supervision["version"], 1);
    let client = Client::plain(hospital.admin).await.unwrap();
    for path in ["/v1/kill", "/v1/reload", "/livez"] {
        let reply = client.post(path, "application/json", "{}").await.unwrap();
        assert_eq!(reply.status, 405, "{path}");
    }
    let forged = [("host", "attacker.example")];
    let reply = client
        .send(Method::GET, "/livez", &forged, Bytes::new())
        .await
        .unwrap();
    assert_eq!(reply.status, 403, "two names, one of them forged");
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_count_requests_and_hold_no_identifier() {
    let hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    hospital
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    hospital
        .must(&["kill", "plantao/records/directory-1"])
        .await;
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let metrics = hospital.admin_get("/metrics").await.unwrap().text();
        if metrics.contains("plantao_actor_restarts_total 1") {
            break;
        }
        assert!(
            Instant::now() < end,
            "the restart is not counted: {metrics}"
        );
        pause().await;
    }
    let metrics = hospital.admin_get("/metrics").await.unwrap().text();
    for name in [
        "plantao_http_requests_total",
        "plantao_http_request_duration_seconds_bucket",
        "plantao_decisions_total",
        "plantao_audit_entries_total",
    ] {
        assert!(metrics.contains(name), "`{name}` is not in\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
    assert!(
        !metrics.contains("maria"),
        "an identifier is in the metrics"
    );
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reloaded_policy_holds_at_once_and_a_wrong_one_changes_nothing() {
    let hospital = Hospital::prepared(&[]);
    std::fs::create_dir(&hospital.state).unwrap();
    let mut hospital = hospital;
    hospital.launch().await;
    let client = hospital.as_principal("autora").await;
    let submit = async || {
        client
            .post("/v1/content", "text/plain", "Um texto.")
            .await
            .unwrap()
            .status
    };
    assert_eq!(submit().await, 200);
    let file = hospital.state.join("plantao.toml");
    std::fs::write(&file, "[policy.rules.roles.author]\ngrants = []\n").unwrap();
    hospital.must(&["reload", "policy"]).await;
    assert_eq!(submit().await, 403);
    std::fs::write(
        &file,
        "[policy.rules.roles.author]\ngrants = [{ on = \"ship\" }]\n",
    )
    .unwrap();
    let refused = hospital.run(&["reload", "policy"]).await;
    assert!(!refused.status.success(), "{}", text(&refused.stdout));
    assert_eq!(submit().await, 403);
    std::fs::remove_file(&file).unwrap();
    hospital.must(&["reload", "policy"]).await;
    assert_eq!(submit().await, 200);
    hospital.must(&["reload", "plugin", "lgpd-analyzer"]).await;
    assert_eq!(submit().await, 200);
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_way_of_the_answer_is_told_as_done() {
    let hospital = Hospital::start().await;
    for path in ["plantao/doors/admin_socket", "plantao/doors"] {
        let said = hospital.must(&["kill", path]).await;
        assert!(said.contains(path), "{said}");
        let end = Instant::now() + Duration::from_secs(5);
        while hospital
            .admin_get("/readyz")
            .await
            .is_none_or(|reply| reply.status != 200)
            || !hospital.run(&["reload", "policy"]).await.status.success()
        {
            assert!(
                Instant::now() < end,
                "the doors do not open again after `{path}`"
            );
            pause().await;
        }
    }
    hospital.finish().await;
}
