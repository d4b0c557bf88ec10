//! What a viewer does by the clock, and what happens to those who keep it waiting.

use super::*;
use crate::live::feed::Feed;
use crate::live::socket::SEND_STALL;
use crate::live::topics::{IDLE_STOP, UNSEEN_STOP};
use crate::live::viewing::{HEARTBEAT, PING_EVERY, SILENCE_MAX};

#[tokio::test(start_paused = true)]
async fn a_viewer_that_is_sent_nothing_hears_a_heartbeat_every_second() {
    let stage = stage().await;
    let mut client = stage.viewer().await;
    client.whole().await;
    let started = Instant::now();
    for second in 1..=5 {
        assert_eq!(client.hear().await, Heard::Heartbeat);
        let late = started.elapsed().abs_diff(HEARTBEAT * second);
        assert!(late < Duration::from_millis(100), "{second}: {late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn news_take_the_place_of_heartbeats() {
    let stage = stage().await;
    let mut client = stage.viewer().await;
    client.whole().await;
    for news in 0..20 {
        tokio::time::sleep(HEARTBEAT * 3 / 4).await;
        stage.show(&format!("news {news}"));
        let heard = client.hear().await;
        assert!(matches!(heard, Heard::Diff { .. }), "{heard:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_answers_pings_stays_and_one_that_does_not_is_idle() {
    let stage = stage().await;
    let mut there = stage.viewer().await;
    let (mut gone, end) = stage.raw().await;
    let started = Instant::now();
    // Reads, so that nothing stalls, and answers nothing.
    let reading = tokio::spawn(async move {
        let mut heard = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut gone, &mut heard)
            .await
            .map(|_| heard)
    });
    let staying = tokio::spawn(async move {
        while started.elapsed() < SILENCE_MAX * 4 {
            assert_eq!(there.news_or_heartbeat().await, Heard::Heartbeat);
        }
    });
    assert_eq!(end.await, CloseReason::Idle);
    let silent = started.elapsed();
    assert!(
        silent >= SILENCE_MAX && silent < SILENCE_MAX + 5 * HEARTBEAT,
        "{silent:?}"
    );
    let heard = reading.await.unwrap().unwrap();
    let pings = heard.windows(2).filter(|bytes| *bytes == [0x89, 0]).count() as u128;
    assert_eq!(pings, SILENCE_MAX.as_millis() / PING_EVERY.as_millis());
    assert!(heard.ends_with(b"\x88\x06\x03\xe9idle"), "1001");
    staying.await.unwrap();
}

impl Client {
    async fn news_or_heartbeat(&mut self) -> Heard {
        match self.hear().await {
            Heard::Whole { .. } => self.hear().await,
            heard => heard,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_never_reads_is_dropped_and_nobody_else_notices() {
    let stage = stage().await;
    let mut there = stage.viewer().await;
    there.whole().await;
    // A connection that takes one byte and no more.
    let (_stuck, theirs) = tokio::io::duplex(1);
    let permit = stage.permit(stage.access());
    let started = Instant::now();
    let end = stage
        .attach(&permit, here(None), raw(theirs))
        .await
        .unwrap();
    let others = async {
        for news in 0..20 {
            stage.show(&format!("news {news}"));
            let sent = Instant::now();
            there.diff().await;
            assert!(sent.elapsed() < Duration::from_millis(100));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (end, ()) = tokio::join!(end, others);
    assert_eq!(end, CloseReason::Stalled);
    assert!(started.elapsed() < SEND_STALL + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_takes_a_little_now_and_then_is_slow_and_not_stuck() {
    let stage = stage().await;
    stage.show(&"x".repeat(64));
    let (mut ours, theirs) = tokio::io::duplex(8);
    let permit = stage.permit(stage.access());
    let end = stage
        .attach(&permit, here(None), raw(theirs))
        .await
        .unwrap();
    let mut heard = Vec::new();
    while heard.len() < 64 {
        tokio::time::sleep(SEND_STALL / 2).await;
        let mut some = [0; 8];
        let read = tokio::io::AsyncReadExt::read(&mut ours, &mut some)
            .await
            .unwrap();
        heard.extend_from_slice(&some[..read]);
    }
    drop(ours);
    assert_eq!(end.await, CloseReason::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_viewers_left_stops_after_a_minute_and_starts_anew_when_needed() {
    let stage = stage().await;
    let key = stage.key(&stage.permit(stage.access()));
    let first = stage.live.page(&key).await.unwrap();
    // For as long as somebody looks, it stays.
    let mut client = stage.viewer_at(here(Some((&first.epoch, first.seq)))).await;
    let started = Instant::now();
    while started.elapsed() < IDLE_STOP * 3 {
        assert_eq!(client.hear().await, Heard::Heartbeat);
    }
    stage.show("still there");
    assert_eq!(client.diff().await.0, first.seq + 1);
    drop(client.socket);
    assert_eq!(client.end.await, CloseReason::Disconnected);
    tokio::time::sleep(IDLE_STOP / 2).await;
    assert_eq!(stage.live.page(&key).await.unwrap().epoch, first.epoch);
    tokio::time::sleep(IDLE_STOP * 2).await;
    assert_eq!(stage.live.counts().topics(), 0);
    let second = stage.live.page(&key).await.unwrap();
    assert_ne!(second.epoch, first.epoch);
}

#[tokio::test(start_paused = true)]
async fn topics_that_only_documents_asked_for_make_room_within_seconds() {
    let stage = stage().await;
    let key = stage.key(&stage.permit(stage.access()));
    let first = stage.live.page(&key).await.unwrap();
    tokio::time::sleep(UNSEEN_STOP / 2).await;
    assert_eq!(stage.live.page(&key).await.unwrap().epoch, first.epoch);
    tokio::time::sleep(UNSEEN_STOP * 2).await;
    assert_eq!(stage.live.counts().topics(), 0);
    // Whoever was slow to come gets the next life's tree.
    let mut late = stage.viewer_at(here(Some((&first.epoch, first.seq)))).await;
    assert_ne!(&*late.whole().await.0, &*first.epoch);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_does_not_look_at_its_page_is_not_taken_for_alive() {
    let view = |text: &str| View {
        rendered: Rendered::new(TemplateId(1), vec![Slot::text(text)]),
        patients: Patients::default(),
    };
    let feed = Feed::new(uuid::Uuid::new_v4(), view("a"), NOW);
    assert!(feed.is_beating());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!feed.is_beating());
    assert!(!feed.publish(view("a"), NOW));
    assert!(feed.is_beating(), "nothing new is news enough");
}
