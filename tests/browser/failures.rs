//! What dies behind a page is seen on it: the banner within three seconds, then the page as it
//! would be had nothing happened.

use crate::browser::Browser;
use crate::hospital::{Hospital, pause, signal};
use crate::page::{DEADLINE, Page};
use crate::ward::{self, Feed, heart, patient};
use plantao_schema::vitals::VitalSign;
use serde_json::{Value, json};
use std::time::Duration;

/// From the blow to the banner.
const BANNER_WITHIN_MS: f64 = 3_000.0;
/// Everything is back by then, PostgreSQL's recovery included.
const RECOVERY: Duration = Duration::from_secs(60);
/// Sent while the blow falls and until it is over: heart rates, each another.
const SENT: std::ops::RangeInclusive<u16> = 61..=110;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_patient_session_is_seen_and_loses_nothing() {
    let hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 1).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    page.open_live(&hospital, &format!("/patients/{}", patient(1)))
        .await;
    let session = only_child(&hospital, "plantao/records/sessions").await;
    let blow = async || {
        hospital.must(&["kill", &session]).await;
    };
    survives(&page, &feed, "[data-sign=heart_rate] b", blow).await;
    same_as_a_fresh_page(&hospital, &browser, &page, "[data-sign=heart_rate]").await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_viewer_is_seen_and_loses_nothing() {
    let hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 1).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    page.open_live(&hospital, "/wards/uti").await;
    let viewer = only_child(&hospital, "plantao/live/viewers").await;
    let blow = async || {
        hospital.must(&["kill", &viewer]).await;
    };
    survives(&page, &feed, &heart(1), blow).await;
    let sockets = page.run("return window.__sockets.length").await;
    assert_eq!(sockets, json!(2), "one connection died, one took its place");
    same_as_a_fresh_page(&hospital, &browser, &page, "tr[data-k=leito-01]").await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_topic_is_replaced_and_loses_nothing() {
    let hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 1).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    page.open_live(&hospital, "/wards/uti").await;
    let topic = only_child(&hospital, "plantao/live/topics").await;
    hospital.must(&["kill", &topic]).await;
    feed.send(1, VitalSign::HeartRate, 93.0).await;
    page.wait_text(&heart(1), |text| text == "93", DEADLINE)
        .await;
    page.until_live().await;
    same_as_a_fresh_page(&hospital, &browser, &page, "tr[data-k=leito-01]").await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postgres_is_seen_and_loses_nothing() {
    let hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 1).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    page.open_live(&hospital, "/wards/uti").await;
    let before = hospital.postmaster();
    let blow = async || signal(before, "KILL");
    survives(&page, &feed, &heart(1), blow).await;
    assert_ne!(hospital.postmaster(), before, "another server answers");
    same_as_a_fresh_page(&hospital, &browser, &page, "tr[data-k=leito-01]").await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_hospital_is_found_again_by_an_open_page() {
    let mut hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 1).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    page.open_live(&hospital, "/wards/uti").await;
    let before = page.now_ms().await;
    drop(feed);
    hospital.kill_nine().await;
    let shown = banner_since(&page, before).await;
    println!("banner {shown:.0} ms after the runtime was killed");
    assert!(shown <= BANNER_WITHIN_MS, "banner after {shown:.0} ms");
    hospital.launch().await;
    page.until_with("a live page", LIVE_AGAIN, vec![json!(before)], RECOVERY)
        .await;
    assert_eq!(page.text(&heart(1)).await.as_deref(), Some("70"));
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_hangs_is_seen_as_one_that_died() {
    let hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 1).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    page.open_live(&hospital, "/wards/uti").await;
    page.wait_text(&heart(1), |text| text == "70", DEADLINE)
        .await;
    let before = page.now_ms().await;
    let frozen = Frozen::of(&hospital);
    let shown = banner_since(&page, before).await;
    println!("banner {shown:.0} ms after the database froze");
    assert!(shown <= BANNER_WITHIN_MS, "banner after {shown:.0} ms");
    drop(frozen);
    feed.send(1, VitalSign::HeartRate, 91.0).await;
    page.wait_text(&heart(1), |text| text == "91", RECOVERY)
        .await;
    page.until_with("a live page", LIVE_AGAIN, vec![json!(before)], RECOVERY)
        .await;
    hospital.finish().await;
}

/// A database whose every process stands still until this is dropped.
pub(crate) struct Frozen(Vec<u32>);

impl Frozen {
    pub(crate) fn of(hospital: &Hospital) -> Self {
        let server = hospital.postmaster();
        let children = format!("/proc/{server}/task/{server}/children");
        let children = std::fs::read_to_string(children).unwrap();
        let children = children.split_whitespace().map(|pid| pid.parse().unwrap());
        // The server first, so that it starts no new process meanwhile.
        let all: Vec<u32> = std::iter::once(server).chain(children).collect();
        all.iter().for_each(|pid| signal(*pid, "STOP"));
        Self(all)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.0.iter().for_each(|pid| signal(*pid, "CONT"));
    }
}

/// Whether the page is live without a banner, after a loss.
const LIVE_AGAIN: &str = "const s = window.__states, last = s.at(-1);
    return s.some(s => s.at > arguments[0] && s.state === 'lost')
        && last.state === 'live' && !last.banner";

/// Strikes while values are sent, and holds the page to what it owes a reader.
async fn survives(page: &Page, feed: &Feed, cell: &str, blow: impl AsyncFn()) {
    page.wait_text(cell, |text| text == "70", DEADLINE).await;
    let before = page.now_ms().await;
    let sending = async {
        for value in SENT {
            feed.send(1, VitalSign::HeartRate, f64::from(value)).await;
            pause().await;
        }
    };
    let seeing = async {
        blow().await;
        let shown = banner_since(page, before).await;
        println!("banner {shown:.0} ms after the blow");
        assert!(shown <= BANNER_WITHIN_MS, "banner after {shown:.0} ms");
    };
    tokio::join!(sending, seeing);
    let last = SENT.last().unwrap().to_string();
    page.wait_text(cell, |text| text == last, RECOVERY).await;
    page.until_with("a live page", LIVE_AGAIN, vec![json!(before)], RECOVERY)
        .await;
}

/// Waits for the banner and gives how long after `before` it was to be seen, ms.
async fn banner_since(page: &Page, before: f64) -> f64 {
    let script = "return window.__states.some(
        s => s.at > arguments[0] && s.state === 'lost' && s.banner)";
    page.until_with("the banner", script, vec![json!(before)], DEADLINE)
        .await;
    let at = "return window.__states.find(
        s => s.at > arguments[0] && s.state === 'lost' && s.banner).at";
    page.run_with(at, vec![json!(before)])
        .await
        .as_f64()
        .unwrap()
        - before
}

/// What the page shows of an element is what somebody sees who opens it now: values, tags, and
/// every point of every line.
async fn same_as_a_fresh_page(hospital: &Hospital, browser: &Browser, page: &Page, of: &str) {
    let fresh = browser.logged_in(hospital, "medica", "pt-BR").await;
    fresh.open_live(hospital, &page.path().await).await;
    let told = "const e = document.querySelector(arguments[0]);
        const copy = e.cloneNode(true);
        copy.querySelectorAll('time').forEach(t => t.remove());
        const heights = [...e.querySelectorAll('path[data-v]')].map(
            p => [...p.getAttribute('d').matchAll(/[ML]-?\\d+ (-?[\\d.]+)/g)].map(m => m[1]));
        return [copy.textContent.replace(/\\s+/g, ' '), heights]";
    let (mut kept, mut made) = (Value::Null, Value::Null);
    for _ in 0..100 {
        kept = page.run_with(told, vec![json!(of)]).await;
        made = fresh.run_with(told, vec![json!(of)]).await;
        if kept == made {
            return;
        }
        pause().await;
    }
    panic!("the page that lived through it shows\n{kept}\na fresh one\n{made}");
}

/// The path of the one actor under a dynamic supervisor.
async fn only_child(hospital: &Hospital, path: &str) -> String {
    let tree = hospital.tree().await;
    let supervisor = crate::hospital::node(&tree, path);
    let supervisor = supervisor.unwrap_or_else(|| panic!("no `{path}` in {tree:#}"));
    let children = supervisor["children"].as_array().unwrap();
    assert_eq!(children.len(), 1, "{supervisor:#}");
    children[0]["path"].as_str().unwrap().to_owned()
}
