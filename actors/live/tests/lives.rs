//! Kills, restarts, drains and limits: who notices, who does not, and what is told.

use super::*;
use plantao_supervisors::ExitReason;

#[tokio::test(start_paused = true)]
async fn a_killed_viewer_breaks_its_own_connection_and_no_other() {
    let stage = stage().await;
    let mut doomed = stage.viewer().await;
    let (epoch, seq, _) = doomed.whole().await;
    let path = stage.only("viewers");
    let mut other = stage.viewer().await;
    other.whole().await;
    stage.tree.kill(&path).unwrap();
    assert_eq!(doomed.news().await, Heard::Broken);
    assert_eq!(doomed.end.await, CloseReason::Killed);
    assert_eq!(stage.live.counts().closed(CloseReason::Killed), 1);
    stage
        .until("one is left", |stage| stage.live.counts().viewers() == 1)
        .await;
    stage.show("meanwhile");
    assert_eq!(other.diff().await.0, seq + 1);
    // It resumes where it was, and has missed nothing.
    let mut back = stage.viewer_at(here(Some((&epoch, seq)))).await;
    assert_eq!(
        back.diff().await,
        (seq + 1, serde_json::json!([0, "meanwhile"]))
    );
}

#[tokio::test(start_paused = true)]
async fn viewers_of_a_killed_topic_get_the_whole_tree_of_its_next_life() {
    let stage = stage().await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(stage.viewer().await);
    }
    let mut epochs = Vec::new();
    for client in &mut clients {
        epochs.push(client.whole().await.0);
    }
    let killed = Instant::now();
    stage.tree.kill(&stage.only("topics")).unwrap();
    stage.show("a new life");
    for (client, epoch) in clients.iter_mut().zip(&epochs) {
        let (new, _, text) = client.whole().await;
        assert_ne!(&new, epoch);
        assert_eq!(text, "a new life");
    }
    assert!(
        killed.elapsed() < Duration::from_secs(2),
        "{:?}",
        killed.elapsed()
    );
    assert_eq!(stage.live.counts().topics(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_cannot_be_drawn_costs_its_viewers_and_nobody_else() {
    let stage = stage().await;
    let mut client = stage.viewer().await;
    client.whole().await;
    stage.scenes.0.send_modify(|scene| scene.broken = true);
    client.closed(CloseReason::TopicLost).await;
    let snapshot = stage.tree.snapshot();
    let topics = snapshot.find("t/topics").unwrap();
    assert_eq!(
        (topics.restarts, topics.restarts_in_window),
        (0, Some(0)),
        "{topics:?}"
    );
    let key = stage.key(&stage.permit(stage.access()));
    assert_eq!(
        stage.live.page(&key).await.unwrap_err(),
        LiveError::Unavailable
    );
    stage.scenes.0.send_modify(|scene| scene.broken = false);
    stage.viewer().await.whole().await;
}

#[tokio::test(start_paused = true)]
async fn a_topic_whose_page_cannot_be_opened_for_a_moment_comes_back_to_its_viewers() {
    let stage = stage().await;
    let mut client = stage.viewer().await;
    client.whole().await;
    let refuse = |error| stage.scenes.0.send_modify(|scene| scene.refusal = error);
    refuse(Some(PageError::Unavailable));
    stage.tree.kill(&stage.only("topics")).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    refuse(None);
    client.whole().await;
    refuse(Some(PageError::Unavailable));
    stage.tree.kill(&stage.only("topics")).unwrap();
    client.closed(CloseReason::TopicLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_page_that_does_not_open_is_refused_by_its_reason() {
    let stage = stage().await;
    let key = stage.key(&stage.permit(stage.access()));
    let cases = [
        (PageError::NotFound, LiveError::NotFound),
        (PageError::Unavailable, LiveError::Unavailable),
        (PageError::Overloaded, LiveError::Overloaded),
    ];
    for (refusal, error) in cases {
        stage
            .scenes
            .0
            .send_modify(|scene| scene.refusal = Some(refusal));
        assert_eq!(stage.live.page(&key).await.unwrap_err(), error);
        assert_eq!(stage.live.seat(&key).await.err(), Some(error));
        assert_eq!(stage.live.counts().viewers(), 0);
    }
    stage.scenes.0.send_modify(|scene| scene.refusal = None);
    stage.live.page(&key).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_page_whose_topic_has_no_name_or_no_epoch_is_not_shown() {
    let stage = stage().await;
    let key = stage.key(&stage.permit(stage.access()));
    stage.entropy.fail_next(1);
    let nameless = stage.live.page(&key).await;
    assert_eq!(nameless.unwrap_err(), LiveError::Unavailable);
    stage.live.page(&key).await.unwrap();
    // The names have their salt now, and each topic still needs an epoch.
    let other = TopicKey {
        locale: Locale::PtBr,
        ..key
    };
    stage.entropy.fail_next(1);
    let timeless = stage.live.page(&other).await;
    assert_eq!(timeless.unwrap_err(), LiveError::Unavailable);
    stage.live.page(&other).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_closing_door_sends_everybody_away_within_seconds() {
    let stage = stage().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = stage.viewer().await;
        client.whole().await;
        clients.push(tokio::spawn(client.closed(CloseReason::Draining)));
    }
    let started = Instant::now();
    stage.drain.send_replace(true);
    for client in clients {
        client.await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(stage.live.counts().closed(CloseReason::Draining), 20);
    stage
        .until("all gone", |stage| stage.live.counts().viewers() == 0)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_stops_says_goodbye_to_its_viewers() {
    let stage = stage().await;
    let mut client = stage.viewer().await;
    client.whole().await;
    let closed = tokio::spawn(client.closed(CloseReason::Draining));
    stage.tree.shutdown().await;
    closed.await.unwrap();
    assert_eq!(stage.tree.exited().await, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn there_is_room_for_so_many_viewers_and_topics_and_no_more() {
    let limits = LiveLimits {
        viewers: 2,
        topics: 1,
    };
    let stage = stage_with(limits, AuditLog::new, |spec| spec).await;
    let permit = stage.permit(stage.access());
    let key = stage.key(&permit);
    let first = stage.live.seat(&key).await.unwrap();
    let second = stage.viewer().await;
    assert_eq!(
        stage.live.seat(&key).await.err(),
        Some(LiveError::Overloaded)
    );
    drop(first);
    let _again = stage.live.seat(&key).await.unwrap();
    let other = TopicKey {
        locale: Locale::PtBr,
        ..key.clone()
    };
    assert_eq!(
        stage.live.page(&other).await.unwrap_err(),
        LiveError::Overloaded
    );
    drop(second.socket);
    assert_eq!(second.end.await, CloseReason::Disconnected);
    stage
        .until("room again", |stage| stage.live.counts().viewers() == 1)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_promised_and_never_comes_gives_its_room_back() {
    let stage = stage().await;
    let permit = stage.permit(stage.access());
    let ends = [
        stage.promised(&permit, std::future::ready(Err(()))).await,
        stage.promised(&permit, std::future::pending()).await,
    ];
    for end in ends {
        assert_eq!(end.await, CloseReason::NeverOpened);
    }
    stage
        .until("room", |stage| stage.live.counts().viewers() == 0)
        .await;
}

impl Stage {
    async fn promised(
        &self,
        permit: &Permit,
        io: impl Future<Output = Result<RawSocket<DuplexStream>, ()>> + Send + 'static,
    ) -> ViewerEnd {
        let seat = self.live.seat(&self.key(permit)).await.unwrap();
        let drain = self.drain.subscribe();
        let guest = self
            .live
            .guest(seat, (permit, HERE), None, here(None), drain);
        self.live.viewers().start(guest, io).await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn no_actor_is_named_after_what_it_shows() {
    let stage = stage().await;
    let permit = stage.permit(stage.access());
    let key = TopicKey {
        subject: Subject::Patient(PatientId::parse("maria-exemplo").unwrap()),
        ..stage.key(&permit)
    };
    stage.live.page(&key).await.unwrap();
    let path = stage.only("topics");
    assert!(path.starts_with("t/topics/patient-"), "{path}");
    assert!(!path.contains("maria"), "{path}");
}
