//! Every page, in both languages: no rule of axe-core broken, and everything reached by keyboard.

use crate::browser::Browser;
use crate::failures::Frozen;
use crate::hospital::Hospital;
use crate::page::{CLOSED, Page, link};
use crate::ward::{self, patient};
use fantoccini::key::Key;
use plantao_schema::vitals::VitalSign;
use serde_json::{Value, json};

const LANGUAGES: [&str; 2] = ["pt-BR", "en"];

/// Fails with everything found, not with the first.
async fn check(page: &Page, name: &str, language: &str) {
    let lang = page.run("return document.documentElement.lang").await;
    assert_eq!(lang, json!(language), "{name}");
    let title = page.run("return document.title").await;
    assert_ne!(title, json!(""), "{name}");
    let mut all = Vec::new();
    for scheme in ["dark", "light"] {
        page.prefer(scheme).await;
        let found = page.violations().await;
        println!("{name}, {language}, {scheme}: {} violations", found.len());
        all.extend(found);
    }
    assert!(all.is_empty(), "{name} in {language}:\n{}", all.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_breaks_a_rule_of_accessibility_in_either_language() {
    let hospital = Hospital::start().await;
    let feed = ward::fill(&hospital, 4).await;
    // Something of everything: an alarm, an artefact, a free bed, one that may not be seen.
    feed.send(1, VitalSign::HeartRate, 140.0).await;
    feed.send(2, VitalSign::Spo2, 0.0).await;
    let recepcao = hospital.as_principal("recepcao").await;
    ward::place(&recepcao, "leito-09", &patient(3)).await;
    hospital.must(&["consent", "revoke", &patient(4)]).await;
    let browser = Browser::start().await;
    for language in LANGUAGES {
        let page = browser.session(language).await;
        page.open(&hospital, "/login").await;
        check(&page, "log-in", language).await;
        let offered = link(&hospital, "medica").await;
        page.open(&hospital, &offered).await;
        check(&page, "log-in by link", language).await;
        page.log_in_by_link(&hospital, "medica").await;
        page.open(&hospital, "/wards").await;
        check(&page, "wards", language).await;
        page.open_live(&hospital, "/wards/uti").await;
        check(&page, "ward", language).await;
        page.open_live(&hospital, &format!("/patients/{}", patient(1)))
            .await;
        check(&page, "patient", language).await;
        page.open(&hospital, "/patients/nobody").await;
        check(&page, "not found", language).await;
        page.open(&hospital, "/supervision").await;
        check(&page, "refusal", language).await;
        page.close().await;
        let page = browser.logged_in(&hospital, "operadora", language).await;
        page.open_live(&hospital, "/supervision").await;
        check(&page, "supervision", language).await;
        page.close().await;
    }
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_and_a_closed_view_break_no_rule_either() {
    let hospital = Hospital::start().await;
    let _feed = ward::fill(&hospital, 1).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    page.open_live(&hospital, &format!("/patients/{}", patient(1)))
        .await;
    let frozen = Frozen::of(&hospital);
    let lost = "return document.documentElement.dataset.conn === 'lost'";
    page.until("a lost connection", lost).await;
    check(&page, "lost", "pt-BR").await;
    drop(frozen);
    page.until_live().await;
    hospital.must(&["consent", "revoke", &patient(1)]).await;
    page.until("a closed view", CLOSED).await;
    check(&page, "closed", "pt-BR").await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_can_be_used_is_reached_by_keyboard_and_seen_to_be() {
    let hospital = Hospital::start().await;
    let _feed = ward::fill(&hospital, 3).await;
    let browser = Browser::start().await;
    let page = browser.logged_in(&hospital, "medica", "pt-BR").await;
    for path in ["/wards", "/wards/uti", &format!("/patients/{}", patient(1))] {
        page.open(&hospital, path).await;
        reach(&page, path).await;
    }
    page.open_live(&hospital, "/wards/uti").await;
    // The first stop leads past the navigation, to what the page is there for.
    page.press(Key::Tab.into()).await;
    page.press(Key::Enter.into()).await;
    let inside = "const e = document.activeElement; \
                  return location.hash !== '' && !!e.closest('main')";
    page.until("the focus in the content", inside).await;
    // And from there into a bed.
    for _ in 0..20 {
        page.press(Key::Tab.into()).await;
        let link = "return document.activeElement.matches('tr a')";
        if page.run(link).await == json!(true) {
            break;
        }
    }
    page.press(Key::Enter.into()).await;
    page.until_path(|path| path.starts_with("/patients/")).await;
    let page = browser.session("en").await;
    page.open(&hospital, "/login").await;
    reach(&page, "/login").await;
    hospital.finish().await;
}

/// Tabs through the page once; every stop has a visible focus, and nothing is left out.
async fn reach(page: &Page, path: &str) {
    let script = "window.__wanted = [...document.querySelectorAll(
            'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]')]
            .filter(e => e.tabIndex >= 0 && !e.disabled && e.checkVisibility());
        window.__met = new Set(); document.body.focus(); return __wanted.length";
    let wanted = page.run(script).await.as_u64().unwrap();
    assert!(wanted > 0, "{path}");
    let stop = "const e = document.activeElement;
        __met.add(e);
        const s = getComputedStyle(e);
        const seen = (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0)
            || s.boxShadow !== 'none';
        return [e.outerHTML.slice(0, 120), seen]";
    for _ in 0..wanted {
        page.press(Key::Tab.into()).await;
        let told: Value = page.run(stop).await;
        assert_eq!(
            told[1],
            json!(true),
            "{path}: no visible focus on {}",
            told[0]
        );
    }
    let left = "return __wanted.filter(e => !__met.has(e)).map(e => e.outerHTML.slice(0, 120))";
    let left = page.run(left).await;
    assert_eq!(left, json!([]), "{path}: not reached by keyboard");
}
