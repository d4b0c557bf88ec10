//! A live view is an access that may end: by policy, by consent, by the session, by time.

use crate::stage::{HEART_RATE, Stage, patient, ward};
use bytes::Bytes;
use http::Method;
use plantao_schema::id::PrincipalId;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_no_longer_grants_the_view_closes_it_for_its_role_alone() {
    let stage = Stage::start(2).await;
    let mut physician = stage.asking("medica", &ward()).watch().await;
    let mut nurse = stage.asking("enfermeiro", &ward()).watch().await;
    stage.measure(&patient(0), HEART_RATE, 86.0, 0).await;
    physician.until("86", |seen| seen.shows("86")).await;
    nurse.until("86", |seen| seen.shows("86")).await;
    let file = stage.hospital.state.join("plantao.toml");
    let reload = async |grants: &[&str]| {
        let grants = grants.iter().map(|on| {
            format!("{{ on = \"{on}\", actions = [\"read\"], purposes = [\"treatment\"] }}")
        });
        let grants = grants.collect::<Vec<_>>().join(", ");
        std::fs::write(
            &file,
            format!("[policy.rules.roles.nurse]\ngrants = [{grants}]\n"),
        )
        .unwrap();
        stage.hospital.must(&["reload", "policy"]).await;
    };
    // Fewer fields: the page as it is must not go on, a smaller one may.
    reload(&["ward", "patient"]).await;
    assert_eq!(nurse.end().await, (4009, "resync".to_owned()));
    let mut nurse = stage.asking("enfermeiro", &ward()).watch().await;
    let seen = nurse.first().await;
    assert!(
        !seen.shows("86") && seen.tree().lines().is_empty(),
        "{:?}",
        seen.tree
    );
    // Nothing at all.
    reload(&[]).await;
    assert_eq!(nurse.end().await.0, 4003);
    assert_eq!(stage.asking("enfermeiro", &ward()).status().await, 403);
    stage.measure(&patient(0), HEART_RATE, 85.0, 0).await;
    physician.until("85", |seen| seen.shows("85")).await;
    stage.hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_taken_back_closes_the_patients_view_and_empties_the_bed() {
    let stage = Stage::start(2).await;
    let topic = format!("patient/{}", patient(0));
    let mut view = stage.asking("medica", &topic).watch().await;
    let mut other = stage
        .asking("medica", &format!("patient/{}", patient(1)))
        .watch()
        .await;
    let mut board = stage.asking("enfermeiro", &ward()).watch().await;
    for (bed, value) in [(0, 87.0), (1, 78.0)] {
        stage.measure(&patient(bed), HEART_RATE, value, 0).await;
    }
    view.until("87", |seen| seen.shows("87")).await;
    board
        .until("both", |seen| seen.shows("87") && seen.shows("78"))
        .await;
    let consent = format!("/v1/patients/{}/consents/treatment", patient(0));
    assert_eq!(
        stage.put(&consent, &json!({ "status": "revoked" })).await,
        200
    );
    assert_eq!(view.end().await, (4003, "consent_revoked".to_owned()));
    let seen = board
        .until("an emptied bed", |seen| !seen.shows("87"))
        .await;
    assert!(seen.shows("78") && seen.closed.is_none());
    let named = |text: &&str| text.contains("Modelo 0") || **text == patient(0);
    assert_eq!(seen.tree().texts().into_iter().find(named), None);
    assert_eq!(stage.asking("medica", &topic).status().await, 403);
    // And as a whole tree, for whoever comes now.
    let seen = stage
        .asking("enfermeiro", &ward())
        .watch()
        .await
        .first()
        .await;
    assert!(seen.shows("78") && !seen.shows("87"));
    assert_eq!(seen.tree().texts().into_iter().find(named), None);
    assert_eq!(other.first().await.closed, None);

    assert_eq!(
        stage.put(&consent, &json!({ "status": "granted" })).await,
        200
    );
    board
        .until("the values again", |seen| seen.shows("87"))
        .await;
    assert_eq!(stage.asking("medica", &topic).status().await, 101);
    stage.hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logging_out_closes_every_view_of_the_session_and_of_no_other() {
    let stage = Stage::start(1).await;
    let own = format!("https://{}", stage.hospital.door);
    let token = stage.hospital.token("nurse", |_| {});
    let asking = stage
        .anybody(&ward())
        .cookie(&token)
        .with("origin", own.as_str());
    let (mut one, mut two) = (asking.watch().await, asking.watch().await);
    let mut stays = stage.asking("enfermeiro", &ward()).watch().await;
    one.first().await;
    two.first().await;
    let cookie = format!("__Host-plantao={token}");
    let browser = stage.hospital.anonymous().await;
    let leave = async |headers: &[(&str, &str)]| {
        browser
            .send(Method::POST, "/logout", headers, Bytes::new())
            .await
            .unwrap()
            .status
    };
    let foreign = [
        ("cookie", cookie.as_str()),
        ("origin", "https://evil.example"),
    ];
    assert_eq!(leave(&foreign).await, 403, "another site logs somebody out");
    assert_eq!(leave(&[("cookie", &cookie), ("origin", &own)]).await, 303);
    assert_eq!(one.end().await, (4001, "session_revoked".to_owned()));
    assert_eq!(two.end().await.0, 4001);
    let status = asking.status().await;
    assert!([401, 403].contains(&status), "{status}");
    stage.measure(&patient(0), HEART_RATE, 89.0, 0).await;
    stays.until("89", |seen| seen.shows("89")).await;
    stage.hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_does_not_outlive_its_credential() {
    let stage = Stage::start(1).await;
    let token = stage.hospital.token("nurse", |claims| {
        claims.expires_at = claims.issued_at.plus_seconds(6);
    });
    let mut viewer = stage.asking_with(&token, &ward()).watch().await;
    viewer.first().await;
    let (code, reason) = viewer.end().await;
    assert_eq!((code, reason.as_str()), (4001, "credential_expired"));
    stage.hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_has_one_opening_one_end_and_one_disclosure_for_each_patient() {
    let stage = Stage::start(3).await;
    let name = "somebody-who-looks";
    let token = stage.hospital.token("physician", |claims| {
        claims.subject = PrincipalId::parse(name).unwrap();
    });
    let mut viewer = stage.asking_with(&token, &ward()).watch().await;
    viewer.first().await;
    for (value, shown) in [(71.0, "71"), (72.0, "72"), (73.0, "73")] {
        stage.measure(&patient(1), HEART_RATE, value, 0).await;
        viewer.until(shown, |seen| seen.shows(shown)).await;
    }
    // What is on a screen is in the trail already.
    let disclosed = |trail: &[Value], bed: usize| {
        let patient = patient(bed);
        let single = |entry: &&Value| entry["patient"] == *patient && entry["phase"] == "single";
        trail.iter().filter(single).count()
    };
    let trail = stage.trail_of(name).await;
    for bed in 0..3 {
        assert_eq!(disclosed(&trail, bed), 1, "{trail:#?}");
    }
    drop(viewer);
    let end = Instant::now() + Duration::from_secs(30);
    let trail = loop {
        let trail = stage.trail_of(name).await;
        if trail.iter().any(|entry| entry["phase"] == "completed") {
            break trail;
        }
        assert!(Instant::now() < end, "no end: {trail:#?}");
        crate::hospital::pause().await;
    };
    assert_eq!(trail.len(), 5, "{trail:#?}");
    let of = |phase: &str| trail.iter().find(|entry| entry["phase"] == phase).unwrap();
    assert_eq!(of("completed")["opens"], of("opened")["id"]);
    assert_eq!(of("opened")["resource_kind"], "ward");
    stage.hospital.must(&["audit", "verify"]).await;
    stage.hospital.finish().await;
}
