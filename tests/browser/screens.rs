//! Pictures of each page for the README, made on request and proving nothing:
//! `cargo test --test browser screens -- --ignored`.

use crate::browser::Browser;
use crate::failures::Frozen;
use crate::hospital::{Hospital, root, signal};
use crate::page::Page;
use std::process::Stdio;
use std::time::Duration;

const WARD: &str = "uti";
const PATIENTS: usize = 6;
/// Minutes of the recording that the pictures show, at an hour a minute and faster.
const PLAYED: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes the README's pictures"]
async fn screens_of_every_page() {
    let hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/enfermaria.json"])
        .await;
    // Who is moved leaves a free bed behind.
    hospital
        .must(&["ward", "place", WARD, "leito-7", "paciente-101"])
        .await;
    let mut replay = hospital.command();
    replay.args(["vitals", "replay", "config/demo/sinais.csv", "--ward", WARD]);
    for number in 1..=PATIENTS {
        replay.args(["--patient", &format!("paciente-{}", 100 + number)]);
        replay.args(["--bed", &format!("leito-{number}")]);
    }
    replay
        .args(["--speed", "60", "--loop"])
        .stdin(Stdio::null());
    let mut replay = replay
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let browser = Browser::start().await;
    let page = browser.session("pt-BR").await;
    page.open(&hospital, "/login").await;
    keep(&page, "login").await;
    page.log_in_by_link(&hospital, "medica").await;
    keep(&page, "wards").await;
    tokio::time::sleep(PLAYED).await;
    page.open_live(&hospital, "/wards/uti").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    keep(&page, "ward").await;
    page.open_live(&hospital, "/patients/paciente-104").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    keep(&page, "patient").await;
    page.open_live(&hospital, "/wards/uti").await;
    let frozen = Frozen::of(&hospital);
    let lost = "return document.documentElement.dataset.conn === 'lost'";
    page.until("a lost connection", lost).await;
    keep(&page, "lost").await;
    drop(frozen);
    page.until_live().await;
    let english = browser.logged_in(&hospital, "operadora", "en").await;
    english.open_live(&hospital, "/supervision").await;
    hospital
        .must(&["kill", "plantao/records/directory-1"])
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    keep(&english, "supervision").await;
    signal(replay.id(), "INT");
    replay.wait().unwrap();
    hospital.finish().await;
}

async fn keep(page: &Page, name: &str) {
    let file = root().join(format!("runtime/pages/screens/{name}.png"));
    page.screenshot(&file).await;
    println!("{}", file.display());
}
