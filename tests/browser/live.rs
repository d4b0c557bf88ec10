//! A person sees values move: without a reload, in order of need, and never old ones as new.

use crate::browser::Browser;
use crate::hospital::Hospital;
use crate::page::DEADLINE;
use crate::ward::{self, heart};
use plantao_actors::clock::WallClock;
use plantao_schema::vitals::{Reading, VitalSign};
use serde_json::json;
use std::time::Duration;

/// A monitored sign is current for three minutes; the reading is fifteen seconds younger.
const STALE_WITHIN: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_change_without_a_reload() {
    let hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 2).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    page.open_live(&hospital, "/wards/uti").await;
    page.run("window.__same = true").await;
    for value in [88, 89, 90, 91, 92] {
        feed.send(1, VitalSign::HeartRate, f64::from(value)).await;
        let shown = |text: &str| text == value.to_string();
        page.wait_text(&heart(1), shown, DEADLINE).await;
    }
    assert_eq!(page.text(&heart(2)).await.as_deref(), Some("70"));
    let same = page.run("return window.__same === true").await;
    assert_eq!(same, json!(true), "the document is the one that was opened");
    let sockets = page.run("return window.__sockets.length").await;
    assert_eq!(sockets, json!(1), "over one connection");
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_needs_somebody_rises_and_the_focus_stays_where_it_is() {
    let hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 3).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    page.open_live(&hospital, "/wards/uti").await;
    page.run("window.__link = document.querySelector('tr[data-k=leito-03] a'); __link.focus()")
        .await;
    let first = "tbody tr:first-child th";
    page.wait_text(first, |text| text.contains("leito-01"), DEADLINE)
        .await;
    feed.send(3, VitalSign::HeartRate, 140.0).await;
    feed.send(3, VitalSign::RespiratoryRate, 28.0).await;
    page.wait_text(first, |text| text.contains("leito-03"), DEADLINE)
        .await;
    let kept = page
        .run("return document.activeElement === window.__link")
        .await;
    assert_eq!(kept, json!(true), "the row moved, and was not made anew");
    let shift = page.measured().await.cls;
    assert!(shift < 0.01, "rows glide and do not jump: {shift}");
    let row = page.text("tr[data-k=leito-03]").await.unwrap();
    assert!(row.contains("140"), "{row}");
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_greys_out_when_its_time_is_over_though_nothing_new_came() {
    let hospital = Hospital::start().await;
    let feed = ward::admit(&hospital, 1).await;
    let at = WallClock::system().now().plus_seconds(-165);
    let (sign, value) = (VitalSign::HeartRate, 71.0);
    feed.send_at(1, &[Reading { sign, value, at }]).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    page.open_live(&hospital, "/wards/uti").await;
    let cell = "tr[data-k=leito-01] [data-sign=heart_rate]";
    page.wait_text(cell, |text| text.contains("71"), DEADLINE)
        .await;
    let stale = "return document.querySelector(arguments[0]).classList.contains('stale')";
    assert_eq!(page.run_with(stale, vec![json!(cell)]).await, json!(false));
    page.until_with("a stale value", stale, vec![json!(cell)], STALE_WITHIN)
        .await;
    let text = page.text(cell).await.unwrap();
    assert!(
        text.contains("desatualizado"),
        "not by colour alone: {text}"
    );
    // The reading that takes its place is live at once.
    feed.send(1, sign, 72.0).await;
    page.wait_text(&heart(1), |text| text == "72", DEADLINE)
        .await;
    assert_eq!(page.run_with(stale, vec![json!(cell)]).await, json!(false));
    hospital.finish().await;
}
