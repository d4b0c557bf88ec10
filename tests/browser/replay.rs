//! A monitor's recording, replayed by the command line and seen on the page.

use crate::browser::Browser;
use crate::hospital::{Hospital, pause, signal, text};
use crate::page::DEADLINE;
use crate::ward::{self, heart, patient};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

/// A replay beside the test; it ends by itself or is interrupted.
fn start(hospital: &Hospital, file: &std::path::Path, more: &[&str]) -> Child {
    let mut command = hospital.command();
    command.args(["vitals", "replay"]).arg(file);
    command.args(["--patient", &patient(1)]).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).spawn().unwrap()
}

async fn ended(child: Child) -> Output {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    tokio::time::timeout(Duration::from_secs(90), output)
        .await
        .expect("the replay ends")
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_seen_row_by_row_and_loses_none_to_a_killed_postgres() {
    let hospital = Hospital::start().await;
    let _feed = ward::admit(&hospital, 1).await;
    let (_directory, file) = ward::recording(40);
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    page.open_live(&hospital, "/wards/uti").await;
    let child = start(&hospital, &file, &["--speed", "240"]);
    let rate = |text: &str| text.parse::<u32>().ok();
    page.wait_text(&heart(1), |text| rate(text).is_some(), DEADLINE)
        .await;
    let killed = hospital.postmaster();
    signal(killed, "KILL");
    let output = ended(child).await;
    let (said, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{error}");
    assert!(said.starts_with("stored 40 rows, 40 readings"), "{said}");
    // Rows that were in the way waited or were sent again: how many is chance, that the database
    // died under them is not.
    assert_ne!(hospital.postmaster(), killed, "{said}");
    // The last row of the recording: 60 and 9.
    page.wait_text(&heart(1), |text| rate(text) == Some(69), DEADLINE)
        .await;
    let trail = hospital.must(&["audit", "verify"]).await;
    assert!(trail.starts_with("verified"), "{trail}");
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_replay_says_how_far_it_came() {
    let hospital = Hospital::start().await;
    let _feed = ward::admit(&hospital, 1).await;
    let (_directory, file) = ward::recording(40);
    let child = start(&hospital, &file, &["--speed", "600", "--loop"]);
    let end = Instant::now() + DEADLINE;
    // The ward is told of nothing but beds; that rows arrive is seen in the trail.
    loop {
        let auditora = hospital.as_principal("auditora").await;
        let trail = auditora.get("/v1/audit/entries?order=desc&limit=50").await;
        if trail.unwrap().text().matches("\"observation\"").count() > 4 {
            break;
        }
        assert!(Instant::now() < end, "no row arrives");
        pause().await;
    }
    signal(child.id(), "INT");
    let output = ended(child).await;
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(
        said.starts_with("stored ") && said.contains(" readings"),
        "{said}"
    );
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_a_bad_cell_is_refused_before_anything_is_sent() {
    let hospital = Hospital::start().await;
    let (directory, _) = ward::recording(1);
    let file = directory.path().join("bad.csv");
    std::fs::write(&file, "minute,HR\n0,61\n1,sixty\n").unwrap();
    let output = ended(start(&hospital, &file, &[])).await;
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(66), "{error}");
    assert!(error.contains("line 3, column `HR`"), "{error}");
    assert!(!error.contains("sixty"), "{error}");
    hospital.finish().await;
}
