//! Viewers that say what no viewer says, and WebSockets asked for from elsewhere.

use crate::stage::{HEART_RATE, Stage, patient, ward};
use crate::viewer::Refused;
use tokio_tungstenite::tungstenite::Message;

/// A ping of 126 bytes, whole.
const LONG_PING: [u8; 8 + 126] = {
    let mut frame = [0; 8 + 126];
    (frame[0], frame[1], frame[3]) = (0x89, 0xFE, 126);
    frame
};

/// What a client may send and a viewer must not: bytes, and the code they are answered with.
/// Masked with zeros, so that the payload stands as it is.
const BAD_BYTES: &[(&str, &[u8], &[u16])] = &[
    ("unmasked", &[0x81, 0x01, b'x'], &[1002]),
    ("a reserved bit", &[0xC1, 0x81, 0, 0, 0, 0, b'x'], &[1002]),
    ("a reserved opcode", &[0x83, 0x80, 0, 0, 0, 0], &[1002]),
    (
        "a continuation of nothing",
        &[0x80, 0x81, 0, 0, 0, 0, b'x'],
        &[1002],
    ),
    ("a ping in two parts", &[0x09, 0x80, 0, 0, 0, 0], &[1002]),
    ("a ping of 126 bytes", &LONG_PING, &[1002]),
    ("no UTF-8", &[0x81, 0x82, 0, 0, 0, 0, 0xC3, 0x28], &[1007]),
    (
        "a length of 2^63",
        &[0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[1002, 1009],
    ),
    (
        "64 MB announced",
        &[0x81, 0xFF, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0],
        &[1009],
    ),
    ("a close of one byte", &[0x88, 0x81, 0, 0, 0, 0, 3], &[1002]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_malformed_frame_closes_with_its_code_and_no_other_viewer_notices() {
    let stage = Stage::start(2).await;
    let asking = stage.asking("medica", &ward());
    let mut bystander = asking.clone().from([127, 0, 0, 2]).watch().await;
    bystander.first().await;
    for (name, bytes, codes) in BAD_BYTES {
        let mut viewer = asking.watch().await;
        viewer.first().await;
        viewer.send_raw(bytes);
        eprintln!("{name}");
        let (code, reason) = viewer.end().await;
        assert!(codes.contains(&code), "{name}: {code} {reason}");
        assert!(!reason.contains(&patient(0)), "{reason}");
    }
    let too_long = "x".repeat(2_048);
    for (message, code) in [
        (Message::text("hello"), 1003),
        (Message::binary(vec![1_u8, 2, 3]), 1003),
        (Message::text(too_long), 1009),
    ] {
        let mut viewer = asking.watch().await;
        viewer.first().await;
        viewer.send(message);
        assert_eq!(viewer.end().await.0, code);
    }
    let mut polite = asking.watch().await;
    polite.first().await;
    polite.send(Message::Ping("here?".into()));
    polite
        .until("a pong", |seen| {
            seen.pongs.iter().any(|pong| pong == "here?")
        })
        .await;
    polite.send(Message::Close(None));
    assert!([1000, 1005].contains(&polite.end().await.0));

    stage.measure(&patient(0), HEART_RATE, 77.0, 0).await;
    let seen = bystander.until("77", |seen| seen.shows("77")).await;
    assert!(
        seen.longest_gap.as_secs_f32() < 3.0,
        "{:?} of silence",
        seen.longest_gap
    );
    stage.hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_is_opened_only_by_whom_it_is_for_and_from_this_very_site() {
    let stage = Stage::start(1).await;
    let own = format!("https://{}", stage.hospital.door);
    let token = stage.hospital.demo_token("medica");
    let anybody = || stage.anybody(&ward());
    let elsewhere = "https://evil.example";
    // Cross-site WebSocket hijacking: the cookie comes along by itself, the origin tells.
    assert_eq!(
        anybody()
            .cookie(&token)
            .with("origin", elsewhere)
            .status()
            .await,
        403
    );
    assert_eq!(
        anybody()
            .cookie(&token)
            .with("origin", "null")
            .status()
            .await,
        403
    );
    assert_eq!(anybody().cookie(&token).status().await, 403);
    assert_eq!(
        anybody()
            .bearer(&token)
            .with("origin", elsewhere)
            .status()
            .await,
        403
    );
    assert_eq!(
        anybody()
            .cookie(&token)
            .with("origin", own.as_str())
            .status()
            .await,
        101
    );
    assert_eq!(anybody().bearer(&token).status().await, 101);
    assert_eq!(anybody().status().await, 401);
    assert_eq!(anybody().bearer("e30.e30.e30").status().await, 401);
    assert_eq!(
        anybody()
            .cookie("e30.e30.e30")
            .with("origin", own.as_str())
            .status()
            .await,
        401
    );
    // Whoever may see nothing of it, and what is not there.
    assert_eq!(stage.asking("visitante", &ward()).status().await, 403);
    assert_eq!(stage.asking("operadora", &ward()).status().await, 403);
    assert_eq!(stage.asking("medica", "supervision").status().await, 403);
    assert_eq!(stage.asking("operadora", "supervision").status().await, 101);
    assert_eq!(stage.asking("medica", "ward/nowhere").status().await, 404);
    assert_eq!(stage.asking("medica", "patient/nobody").status().await, 404);
    for topic in ["", "ward", "ward/", "ward/../uti", "patient/%00", "audit/1"] {
        assert_eq!(
            stage.asking("medica", topic).status().await,
            400,
            "`{topic}`"
        );
    }
    // No WebSocket at all.
    let reply = stage
        .physician
        .get(&format!("/live?topic={}&v=x", ward()))
        .await
        .unwrap();
    assert!((400..500).contains(&reply.status), "{}", reply.status);
    stage.hospital.must(&["audit", "verify"]).await;
    stage.hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_version_is_told_to_load_anew() {
    let mut stage = Stage::start(1).await;
    stage.version = "of-yesterday".to_owned();
    let mut viewer = stage.asking("medica", &ward()).watch().await;
    let (code, reason) = viewer.end().await;
    assert_eq!((code, reason.as_str()), (4010, "version"));
    assert!(
        viewer.now().frames.is_empty(),
        "it is sent what it cannot read"
    );
    stage.hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_principal_cannot_take_every_viewers_place() {
    let stage = Stage::start_with(1, &["live.max_viewers_per_principal=2"]).await;
    let asking = stage.asking("medica", &ward());
    let (mut one, mut two) = (asking.watch().await, asking.watch().await);
    one.first().await;
    two.first().await;
    let Err(Refused::Answered {
        status,
        headers,
        body,
    }) = asking.open().await
    else {
        panic!("a third is let in")
    };
    assert!([429, 503].contains(&status), "{status}: {body}");
    assert!(headers.contains_key("retry-after"), "{headers:?}");
    let mut other = stage.asking("enfermeiro", &ward()).watch().await;
    other.first().await;
    drop(one);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while asking.status().await != 101 {
        assert!(std::time::Instant::now() < end, "a place is not given back");
        crate::hospital::pause().await;
    }
    stage.hospital.finish().await;
}
