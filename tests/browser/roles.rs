//! Two viewers of different roles see different fields, and what one may not see does not reach
//! their browser in any form.

use crate::browser::Browser;
use crate::hospital::Hospital;
use crate::page::{DEADLINE, Page};
use crate::ward::{self, ALLERGY, CONDITION, MEDICATION, NAME, heart, patient};
use plantao_schema::vitals::VitalSign;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clerk_beside_a_physician_sees_who_lies_where_and_nothing_clinical() {
    let hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 2).await;
    let browser = Browser::start().await;
    let physician = browser.logged_in(&hospital, "medica", "pt-BR").await;
    let clerk = browser.logged_in(&hospital, "recepcao", "pt-BR").await;
    for page in [&physician, &clerk] {
        page.open_live(&hospital, "/wards/uti").await;
    }
    for value in [131, 132, 133] {
        feed.send(1, VitalSign::HeartRate, f64::from(value)).await;
        let shown = |text: &str| text == value.to_string();
        physician.wait_text(&heart(1), shown, DEADLINE).await;
    }
    // An admission reaches both, so whatever was to reach the clerk before it has.
    let recepcao = hospital.as_principal("recepcao").await;
    ward::place(&recepcao, "leito-09", &patient(2)).await;
    for page in [&physician, &clerk] {
        page.wait_text("tr[data-k=leito-09]", |text| text.contains(NAME), DEADLINE)
            .await;
    }
    assert!(clerk.markup().await.contains(NAME));
    let bytes = everything(&clerk).await;
    for sign in VitalSign::ALL {
        assert!(
            !bytes.contains(sign.as_str()),
            "a column for {}",
            sign.as_str()
        );
    }
    for value in ["131", "132", "133", ALLERGY, MEDICATION, CONDITION] {
        assert!(
            !clerk.received().await.contains(value),
            "`{value}` was sent"
        );
    }
    assert!(!bytes.contains("NEWS2"));
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_see_less_gets_a_page_of_less_and_no_old_value_stays() {
    let hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 1).await;
    feed.send(1, VitalSign::HeartRate, 83.0).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "enfermeiro", "pt-BR").await;
    page.open_live(&hospital, "/wards/uti").await;
    page.wait_text(&heart(1), |text| text == "83", DEADLINE)
        .await;
    page.run("window.__old = true").await;
    let grant =
        |on: &str| format!("{{ on = \"{on}\", actions = [\"read\"], purposes = [\"treatment\"] }}");
    let grants = ["ward", "patient"].map(grant).join(", ");
    let rules = format!("[policy.rules.roles.nurse]\ngrants = [{grants}]\n");
    std::fs::write(hospital.state.join("plantao.toml"), rules).unwrap();
    hospital.must(&["reload", "policy"]).await;
    page.until(
        "a page that was loaded anew and is live",
        "return !window.__old && document.documentElement.dataset.conn === 'live'",
    )
    .await;
    let bytes = everything(&page).await;
    assert!(bytes.contains(NAME), "what may still be seen is seen");
    assert!(!bytes.contains(VitalSign::HeartRate.as_str()));
    assert!(!page.markup().await.contains(">83<"));
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nurse_sees_allergies_and_medication_and_a_physician_conditions_too() {
    let hospital = Hospital::start().await;
    let _feed = ward::fill(&hospital, 1).await;
    let browser = Browser::start().await;
    let path = format!("/patients/{}", patient(1));
    let seen = [
        ("medica", [true, true, true, true]),
        ("enfermeiro", [true, true, true, false]),
        ("recepcao", [true, false, false, false]),
    ];
    for (name, expected) in seen {
        let page = browser.logged_in(&hospital, name, "pt-BR").await;
        page.open_live(&hospital, &path).await;
        let bytes = everything(&page).await;
        let words = [NAME, ALLERGY, MEDICATION, CONDITION];
        let found = words.map(|word| bytes.contains(word));
        assert_eq!(found, expected, "{name}: {words:?}");
        let drawn = page.shows("[data-sign=heart_rate] b").await;
        assert_eq!(drawn, name != "recepcao", "{name}");
    }
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_watches_the_tree_and_is_refused_every_patient() {
    let hospital = Hospital::start().await;
    let _feed = ward::fill(&hospital, 1).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "operadora", "pt-BR").await;
    page.open_live(&hospital, "/supervision").await;
    let bytes = everything(&page).await;
    assert!(bytes.contains("policy"), "the tree is shown");
    assert!(
        !bytes.contains(&patient(1)),
        "a patient's identifier is in the tree"
    );
    for path in ["/wards/uti".to_owned(), format!("/patients/{}", patient(1))] {
        page.open(&hospital, &path).await;
        let bytes = everything(&page).await;
        assert!(!bytes.contains(NAME) && !bytes.contains(ALLERGY), "{path}");
        assert!(!page.shows("table").await, "{path} shows a table");
    }
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_is_seen_in_the_tree_as_it_happens() {
    let hospital = Hospital::start().await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "operadora", "pt-BR").await;
    page.open_live(&hospital, "/supervision").await;
    page.run(
        "window.__flashed = [];
        new MutationObserver(list => list.forEach(m => {
            const lit = m.target.classList.contains('flash') && m.target.closest('tr');
            if (lit) __flashed.push(lit.textContent);
        })).observe(document.querySelector('#live'),
            { subtree: true, attributes: true, attributeFilter: ['class'] })",
    )
    .await;
    hospital
        .must(&["kill", "plantao/records/directory-1"])
        .await;
    page.until(
        "a flash of the actor that was restarted",
        "return window.__flashed.some(text => text.includes('directory-1'))",
    )
    .await;
    hospital.finish().await;
}

/// All that the browser was given: the document and every message.
async fn everything(page: &Page) -> String {
    format!("{}\n{}", page.markup().await, page.received().await)
}
