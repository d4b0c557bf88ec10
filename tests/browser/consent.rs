//! A withdrawn consent ends what is seen of the patient, where it is seen, at once.

use crate::browser::Browser;
use crate::hospital::Hospital;
use crate::page::{CLOSED, DEADLINE};
use crate::ward::{self, ALLERGY, NAME, bed, heart, patient};
use plantao_schema::vitals::VitalSign;
use serde_json::json;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_consent_closes_the_open_view_and_leaves_no_value_on_it() {
    let hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 1).await;
    feed.send(1, VitalSign::HeartRate, 83.0).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    let path = format!("/patients/{}", patient(1));
    page.open_live(&hospital, &path).await;
    assert!(page.markup().await.contains(NAME));
    let from = Instant::now();
    hospital.must(&["consent", "revoke", &patient(1)]).await;
    page.until("a closed view", CLOSED).await;
    println!(
        "closed {} ms after the command began",
        from.elapsed().as_millis()
    );
    assert!(page.shows("#closed").await);
    let markup = page.markup().await;
    for value in [NAME, ALLERGY, ">83<"] {
        assert!(
            !markup.contains(value),
            "`{value}` is still in the document"
        );
    }
    let code = page.run("return window.__sockets.at(-1).code").await;
    assert_eq!(code, json!(4003));
    // Neither does opening it again show anything.
    page.open(&hospital, &path).await;
    let markup = page.markup().await;
    assert!(
        !markup.contains(NAME) && !markup.contains(ALLERGY),
        "{markup}"
    );
    hospital.must(&["consent", "grant", &patient(1)]).await;
    page.open_live(&hospital, &path).await;
    assert!(page.markup().await.contains(NAME));
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_ward_only_the_bed_of_who_withdrew_goes_dark() {
    let hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 2).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    page.open_live(&hospital, "/wards/uti").await;
    page.run("window.__same = true").await;
    hospital.must(&["consent", "revoke", &patient(1)]).await;
    let row = format!("tr[data-k={}]", bed(1));
    page.wait_text(&row, |text| text.contains("acesso restrito"), DEADLINE)
        .await;
    let markup = page.markup().await;
    assert!(
        !markup.contains(&format!("{NAME} 01")),
        "the name stayed in the document"
    );
    assert!(
        markup.contains(&format!("{NAME} 02")),
        "another patient's name went"
    );
    feed.send(2, VitalSign::HeartRate, 87.0).await;
    page.wait_text(&heart(2), |text| text == "87", DEADLINE)
        .await;
    hospital.must(&["consent", "grant", &patient(1)]).await;
    page.wait_text(&heart(1), |text| text == "70", DEADLINE)
        .await;
    let same = page.run("return window.__same === true").await;
    assert_eq!(same, json!(true), "without a reload");
    hospital.finish().await;
}
