//! Live pages from outside: what a viewer sees move, and that it is what every other one sees.

mod crowd;
mod permits;
mod recovers;
mod refuses;

use crate::stage::{HEART_RATE, Stage, TEMPERATURE, patient, ward};
use crate::viewer::{Seen, Viewer, attribute};
use crate::wire::Tree;
use futures_util::StreamExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

/// What a cell's update may take on the wire, WebSocket header included.
const FRAMED_BYTES_MAX: usize = 64;
/// Of a payload under 126 bytes.
const HEADER_BYTES: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observation_reaches_every_viewer_of_a_ward_as_the_same_few_bytes() {
    let stage = Stage::start(4).await;
    let one = stage.asking("medica", &ward());
    let colleague = stage.hospital.token("physician", |_| {});
    let two = stage.asking_with(&colleague, &ward());
    let (mut one, mut two) = (one.watch().await, two.watch().await);
    one.first().await;
    let before = two.first().await;
    stage.measure(&patient(1), HEART_RATE, 83.0, 1).await;
    let seen_by_one = one.until("83", |seen| seen.shows("83")).await;
    let seen_by_two = two.until("83", |seen| seen.shows("83")).await;
    assert_eq!(seen_by_one.tree, seen_by_two.tree);
    assert_eq!(seen_by_one.epoch, seen_by_two.epoch);
    let newer = &seen_by_two.frames[before.frames.len()..];
    assert!(
        seen_by_one.frames.ends_with(newer),
        "other bytes for another viewer"
    );
    stage.measure(&patient(1), HEART_RATE, 84.0, 0).await;
    let seen = one.until("84", |seen| seen.shows("84")).await;
    assert!(!seen.shows("83"));
    let last = seen.frames.last().unwrap();
    let framed = last.len() + HEADER_BYTES;
    assert!(framed <= FRAMED_BYTES_MAX, "{framed} bytes: {last:?}");
    stage.hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_was_cut_off_gets_exactly_what_it_missed() {
    let stage = Stage::start(3).await;
    let asking = stage.asking("medica", &ward());
    let mut stays = asking.watch().await;
    let mut goes = asking.watch().await;
    stays.first().await;
    let left = goes.first().await;
    drop(goes);
    for (value, shown) in [(71.0, "71"), (72.0, "72"), (73.0, "73")] {
        stage.measure(&patient(0), HEART_RATE, value, 0).await;
        stays.until(shown, |seen| seen.shows(shown)).await;
    }
    let mut back = asking.watch_on(left.clone()).await;
    let seen = back.until("73", |seen| seen.shows("73")).await;
    let kept = stays.now();
    assert_eq!((&seen.tree, seen.seq), (&kept.tree, kept.seq));
    let missed = &seen.frames[left.frames.len()..];
    assert!(kept.frames.ends_with(missed), "not what the others saw");
    assert!(missed.len() >= 3, "only {missed:?}");

    // Far away, or before another incarnation: one whole tree.
    for (epoch, seq) in [(left.epoch.as_str(), 1_000_000), ("elsewhere", left.seq)] {
        let mut lost = left.clone();
        (lost.epoch, lost.seq, lost.tree) = (epoch.to_owned(), seq, None);
        let mut lost = asking.watch_on(lost).await;
        let seen = lost.first().await;
        assert_eq!(
            (seen.epoch, seen.tree),
            (kept.epoch.clone(), kept.tree.clone())
        );
    }
    stage.hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_the_first_frame() {
    let stage = Stage::start(2).await;
    let page = stage.ward_page().await;
    let mut asking = stage.asking("medica", &ward());
    let (epoch, seq) = (attribute(&page, "data-epoch"), attribute(&page, "data-seq"));
    asking.path = format!("{}&e={epoch}&s={seq}", asking.path);
    let mut socket = asking.open().await.unwrap();
    stage.measure(&patient(1), HEART_RATE, 88.0, 0).await;
    loop {
        let Message::Text(frame) = socket.next().await.unwrap().unwrap() else {
            continue;
        };
        assert!(
            !frame.starts_with('{'),
            "the whole tree was sent again: {frame}"
        );
        if frame.starts_with('[') && frame.contains(",88,") {
            break;
        }
    }
    stage.hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_of_different_roles_are_sent_different_fields_and_nothing_else() {
    let stage = Stage::start(1).await;
    let subject = json!({ "reference": format!("Patient/{}", patient(0)) });
    let active = |system: &str| {
        json!({ "coding": [{ "code": "active",
            "system": format!("http://terminology.hl7.org/CodeSystem/{system}") }] })
    };
    let condition = json!({ "resourceType": "Condition", "id": "c-1", "subject": subject,
        "clinicalStatus": active("condition-clinical"), "code": { "text": "Doença de Zebra" } });
    let allergy = json!({ "resourceType": "AllergyIntolerance", "id": "a-1", "patient": subject,
        "clinicalStatus": active("allergyintolerance-clinical"),
        "code": { "text": "Penicilina Quimera" } });
    for (path, body) in [
        ("Condition/c-1", condition),
        ("AllergyIntolerance/a-1", allergy),
    ] {
        let stored = stage
            .physician
            .put_json(&format!("/fhir/{path}"), &body)
            .await
            .unwrap();
        assert_eq!(stored.status, 201, "{}", stored.text());
    }
    stage.measure(&patient(0), TEMPERATURE, 41.7, 2).await;
    let topic = format!("patient/{}", patient(0));
    let mut physician = stage.asking("medica", &topic).watch().await;
    let mut nurse = stage.asking("enfermeiro", &topic).watch().await;
    let mut clerk = stage.asking("recepcao", &topic).watch().await;
    let mut clerk_of_ward = stage.asking("recepcao", &ward()).watch().await;
    let named = |seen: &Seen| {
        let tree = seen.tree.as_ref();
        tree.is_some_and(|tree| tree.texts().iter().any(|text| text.contains("Modelo 0")))
    };
    let page = clerk.until("the name", named).await;
    let board = clerk_of_ward.until("the name", named).await;
    nurse.first().await;
    stage.measure(&patient(0), HEART_RATE, 187.0, 0).await;
    let told = |what: &'static str| {
        move |seen: &Seen| {
            let texts = seen.tree.as_ref().map(Tree::texts).unwrap_or_default();
            seen.shows("187") && texts.iter().any(|text| text.contains(what))
        }
    };
    physician.until("the condition", told("Zebra")).await;
    physician.until("the allergy", told("Quimera")).await;
    nurse.until("the allergy", told("Quimera")).await;

    let said = |viewer: &Viewer| {
        let frames: Vec<String> = viewer
            .now()
            .frames
            .iter()
            .map(|b| String::from_utf8_lossy(b).into_owned())
            .collect();
        frames.join("\n")
    };
    assert!(
        !said(&nurse).contains("Zebra"),
        "the nurse is sent a condition"
    );
    assert!(said(&nurse).contains("Quimera") && said(&nurse).contains("41,7"));
    // Not even that something changed, or where in the order a patient stands.
    let beats = clerk.now().heartbeats + 2;
    clerk
        .until("heartbeats", |seen| seen.heartbeats >= beats)
        .await;
    for (viewer, before) in [(&clerk, page), (&clerk_of_ward, board)] {
        assert_eq!(
            viewer.now().frames,
            before.frames,
            "a clerk is told of vital signs"
        );
        assert!(
            viewer.now().tree().lines().is_empty(),
            "a clerk is sent lines"
        );
        for hidden in ["Zebra", "Quimera", "41,7", "187"] {
            assert!(!said(viewer).contains(hidden), "`{hidden}` reaches a clerk");
        }
    }
    stage.hospital.finish().await;
}
