//! The primary dies and a standby takes its place, under load and without a restart of ours.

use crate::crashes::trail;
use crate::hospital::{Hospital, pause};
use crate::server::Server;
use crate::writers::{Writers, nothing_is_lost};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_serves_and_nothing_acknowledged_is_lost() {
    let primary = Server::start();
    let standby = primary.standby();
    primary.synchronous().await;
    let settings = Server::settings(&[&primary, &standby]);
    let hospital = Hospital::start_with(&[&settings[0], &settings[1]]).await;
    let writers = Writers::start(&hospital).await;
    writers.until_more(200).await;
    let pid = hospital.pid();
    primary.kill_nine();
    writers.until_refused(3).await;
    let live = hospital.admin_get("/livez").await.unwrap();
    assert_eq!(live.status, 200);
    let promoted = Instant::now();
    standby.promote();
    writers.until_more(1).await;
    eprintln!(
        "served again {} ms after the promotion began",
        promoted.elapsed().as_millis()
    );
    writers.until_more(200).await;
    let acknowledged = writers.end().await;
    assert_eq!(hospital.pid(), pid);
    assert_eq!(standby.value("SELECT pg_is_in_recovery()"), "f");
    nothing_is_lost(&hospital, &acknowledged).await;
    let ready = hospital.admin_get("/readyz?verbose").await.unwrap();
    assert_eq!(ready.status, 200, "{}", ready.text());
    assert!(!ready.text().contains("audit trail"), "{}", ready.text());
    assert!(!hospital.log().contains("SECURITY"), "{}", hospital.log());
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_that_lacks_acknowledged_entries_is_an_incident() {
    let primary = Server::start();
    let standby = primary.standby();
    let settings = Server::settings(&[&primary, &standby]);
    let hospital = Hospital::start_with(&[&settings[0], &settings[1]]).await;
    let writers = Writers::start(&hospital).await;
    writers.until_more(50).await;
    // Nobody waits for this standby: what is acknowledged from here on is on the primary alone.
    standby.cut_off().await;
    writers.until_more(50).await;
    let auditor = hospital.as_principal("auditora").await;
    let signed = auditor.get("/v1/audit/checkpoints").await.unwrap();
    assert_eq!(signed.status, 200, "{}", signed.text());
    primary.kill_nine();
    standby.promote();
    writers.until_more(50).await;
    writers.end().await;
    let end = Instant::now() + PATIENCE;
    loop {
        let ready = hospital.admin_get("/readyz?verbose").await.unwrap();
        if ready
            .text()
            .contains("[-] audit trail: acknowledged entries are missing")
        {
            assert_eq!(ready.status, 200, "the hospital goes on: {}", ready.text());
            break;
        }
        assert!(Instant::now() < end, "{}", ready.text());
        pause().await;
    }
    let log = hospital.log();
    assert!(
        log.contains("SECURITY: acknowledged audit entries are missing"),
        "{log}"
    );
    let reports: Vec<_> = trail(&hospital)
        .await
        .into_iter()
        .filter(|item| {
            item["entry"]["explanation"]
                .as_str()
                .unwrap()
                .starts_with("entries_lost")
        })
        .collect();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!(reports[0]["entry"]["severity"], "critical");
    assert_eq!(reports[0]["entry"]["principal"], "audit-writer");
    let end = Instant::now() + PATIENCE;
    while !hospital
        .log()
        .contains("SECURITY: the audit trail does not hold")
    {
        assert!(
            Instant::now() < end,
            "it is signed on as if nothing had happened"
        );
        pause().await;
    }
    hospital.finish().await;
}
