//! Reads that may be a second old come from a standby, and never older than what their reader did.

use crate::client::Client;
use crate::crashes::patient;
use crate::hospital::{Hospital, pause};
use crate::server::Server;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// Reads that the replica answered, by the node's own count.
async fn replica_reads(hospital: &Hospital) -> u64 {
    let name = "plantao_database_replica_reads_total{replica=\"1\"} ";
    let metrics = hospital.admin_get("/metrics").await.unwrap().text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{metrics}")).parse().unwrap()
}

async fn until_ready_says(hospital: &Hospital, wanted: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let ready = hospital.admin_get("/readyz?verbose").await.unwrap();
        if ready.text().contains(wanted) {
            assert_eq!(ready.status, 200, "{}", ready.text());
            return;
        }
        assert!(Instant::now() < end, "no `{wanted}`: {}", ready.text());
        pause().await;
    }
}

/// An auditor, and the entry of the last thing that they did.
struct Auditor {
    client: Client,
    last: Option<String>,
}

impl Auditor {
    /// Reads the newest entries, which must show what was done before, by the same auditor.
    async fn look(&mut self) {
        let reply = self
            .client
            .get("/v1/audit/entries?order=desc&limit=50")
            .await
            .unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let page = reply.json();
        if let Some(last) = &self.last {
            let entries = page["entries"].as_array().unwrap();
            let shown = entries.iter().any(|item| item["entry"]["id"] == **last);
            assert!(shown, "what the auditor did themselves is not shown");
        }
        self.last = Some(reply.header("plantao-audit-entry").to_owned());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_reads_a_replica_that_keeps_up_and_the_primary_otherwise() {
    let primary = Server::start();
    let standby = primary.standby();
    let [url, owner_url] = Server::settings(&[&primary]);
    let other = Server::start();
    let stranger = other.standby();
    let (one, two) = (Server::url(&[&standby]), Server::url(&[&stranger]));
    let replicas = format!("database.replicas=[\"{one}\", \"{two}\"]");
    let hospital = Hospital::start_with(&[&url, &owner_url, &replicas]).await;
    until_ready_says(&hospital, "[+] replica 1: lags").await;
    let mut auditor = Auditor {
        client: hospital.as_principal("auditora").await,
        last: None,
    };
    let end = Instant::now() + PATIENCE;
    while replica_reads(&hospital).await < 5 {
        auditor.look().await;
        assert!(Instant::now() < end, "no replica is read");
    }

    // From here on it does not move: what the auditor does next is on the primary alone, and it is
    // still admitted for up to a second.
    standby.statement("SELECT pg_wal_replay_pause()");
    standby
        .until("SELECT pg_get_wal_replay_pause_state()", "paused")
        .await;
    let medica = hospital.as_principal("medica").await;
    let stored = medica
        .put_json("/fhir/Patient/p-0", &patient(0))
        .await
        .unwrap();
    assert_eq!(stored.status, 201, "{}", stored.text());
    for _ in 0..20 {
        auditor.look().await;
    }
    until_ready_says(&hospital, "[-] replica 1: ").await;
    let before = replica_reads(&hospital).await;
    for _ in 0..20 {
        auditor.look().await;
    }
    assert_eq!(
        replica_reads(&hospital).await,
        before,
        "one that lags is not read"
    );

    standby.statement("SELECT pg_wal_replay_resume()");
    until_ready_says(&hospital, "[+] replica 1: lags").await;
    let end = Instant::now() + PATIENCE;
    while replica_reads(&hospital).await == before {
        auditor.look().await;
        assert!(Instant::now() < end, "it is not read again");
    }
    // What is checked against checkpoints is at least as new as they are.
    for _ in 0..5 {
        auditor.look().await;
        hospital.must(&["audit", "verify"]).await;
    }

    let ready = hospital.admin_get("/readyz?verbose").await.unwrap().text();
    let stranger = "[-] replica 2: cannot be measured, or is no standby of this server";
    assert!(ready.contains(stranger), "{ready}");

    standby.kill_nine();
    for _ in 0..20 {
        auditor.look().await;
    }
    until_ready_says(&hospital, "[-] replica 1: ").await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_of_a_private_cluster_are_refused() {
    let hospital = Hospital::prepared(&["database.replicas=[\"postgresql://one@db/records\"]"]);
    let output = hospital.run(&["run"]).await;
    assert_eq!(output.status.code(), Some(78));
    let said = crate::hospital::text(&output.stderr);
    assert!(said.contains("database.replicas"), "{said}");
}
