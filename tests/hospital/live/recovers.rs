//! Whatever falls under a page: whoever looks sees every value in the end.

use crate::hospital::{node, pause, signal};
use crate::stage::{HEART_RATE, Stage, patient, ward};
use crate::viewer::{Asking, Seen, Viewer};
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Values measured one after the other, a second apart: 60, 61, 62, … All after the ward's first
/// measurements: of one second, a line shows one.
const VALUES: u32 = 40;
const FIRST: u32 = 60;
/// Longer than a failed actor or database takes to come back, on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(40);

/// A viewer that comes back, as a browser's script does.
struct Follower {
    asking: Asking,
    viewer: Viewer,
    cuts: usize,
}

impl Follower {
    async fn of(asking: Asking) -> Self {
        let viewer = asking.watch().await;
        Self {
            asking,
            viewer,
            cuts: 0,
        }
    }

    /// Waits for what it is to see, coming back as often as it takes.
    async fn until(&mut self, what: &str, rule: impl Fn(&Seen) -> bool) -> Seen {
        let end = Instant::now() + DEADLINE;
        loop {
            let seen = self.viewer.now();
            if rule(&seen) {
                return seen;
            }
            assert!(Instant::now() < end, "never saw {what}: {seen:?}");
            if seen.closed.is_some() {
                self.cuts += 1;
                self.come_back(seen, end).await;
            }
            pause().await;
        }
    }

    async fn come_back(&mut self, seen: Seen, end: Instant) {
        while self.asking.clone().resuming(&seen).status().await != 101 {
            assert!(Instant::now() < end, "the viewer is not let in again");
            pause().await;
        }
        self.viewer = self.asking.watch_on(seen).await;
    }
}

/// Measures all the values in the background, one every 80 ms.
fn measure_all(stage: &Arc<Stage>) -> tokio::task::JoinHandle<()> {
    let stage = Arc::clone(stage);
    tokio::spawn(async move {
        let start = OffsetDateTime::now_utc() - Duration::from_secs(45);
        for number in 0..VALUES {
            let at = start + Duration::from_secs(number.into());
            let value = f64::from(FIRST + number);
            stage.measure_at(&patient(0), HEART_RATE, value, at).await;
            tokio::time::sleep(Duration::from_millis(80)).await;
        }
    })
}

/// Whether the newest heart rate shown is this one or a later one.
fn reached(seen: &Seen, number: u32) -> bool {
    (number..VALUES).any(|number| seen.shows(&(FIRST + number).to_string()))
}

/// Whether some line of the page has every value.
fn complete(seen: &Seen) -> bool {
    let has_all = |line: &&[(i64, Option<f64>)]| {
        let mut values = (0..VALUES).map(|number| f64::from(FIRST + number));
        values.all(|value| line.iter().any(|(_, point)| *point == Some(value)))
    };
    seen.tree().lines().iter().any(has_all)
}

async fn kill_all_under(stage: &Stage, path: &str) {
    let tree = stage.hospital.tree().await;
    let node = node(&tree, path).unwrap_or_else(|| panic!("no `{path}` in {tree:#}"));
    let children = node["children"].as_array().unwrap();
    assert!(!children.is_empty(), "nothing lives under `{path}`");
    for child in children {
        stage
            .hospital
            .must(&["kill", child["path"].as_str().unwrap()])
            .await;
    }
}

async fn finish(stage: Arc<Stage>, followers: Vec<Follower>) {
    drop(followers);
    let stage = Arc::try_unwrap(stage).unwrap_or_else(|_| panic!("somebody still measures"));
    stage.hospital.must(&["audit", "verify"]).await;
    stage.hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_topics_viewers_or_sessions_in_the_middle_loses_no_value() {
    let stage = Arc::new(Stage::start(2).await);
    let mut board = Follower::of(stage.asking("medica", &ward())).await;
    let topic = format!("patient/{}", patient(0));
    let mut page = Follower::of(stage.asking("medica", &topic)).await;
    board.viewer.first().await;
    page.viewer.first().await;
    let measuring = measure_all(&stage);
    let victims = [
        "plantao/live/topics",
        "plantao/live/viewers",
        "plantao/records/sessions",
    ];
    for (number, path) in (1..).zip(victims) {
        board
            .until("a value before the kill", |seen| reached(seen, number * 8))
            .await;
        kill_all_under(&stage, path).await;
    }
    measuring.await.unwrap();
    let last = (FIRST + VALUES - 1).to_string();
    let (of_board, of_page) = tokio::join!(
        board.until("the last value on the board", |seen| seen.shows(&last)),
        page.until("every value on the page", |seen| seen.shows(&last)
            && complete(seen)),
    );
    assert!(board.cuts > 0 && page.cuts > 0, "no viewer was killed");
    // What was pieced together is what a newcomer is shown.
    for (seen, topic) in [(of_board, ward()), (of_page, topic)] {
        let fresh = stage.asking("medica", &topic).watch().await.first().await;
        assert_eq!(seen.tree, fresh.tree, "`{topic}`");
    }
    finish(stage, vec![board, page]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_postgres_in_the_middle_loses_no_value_and_cuts_no_viewer() {
    let stage = Arc::new(Stage::start(1).await);
    let topic = format!("patient/{}", patient(0));
    let mut page = Follower::of(stage.asking("medica", &topic)).await;
    page.viewer.first().await;
    let measuring = measure_all(&stage);
    page.until("a value before the kill", |seen| reached(seen, 12))
        .await;
    signal(stage.hospital.postmaster(), "KILL");
    measuring.await.unwrap();
    let last = (FIRST + VALUES - 1).to_string();
    page.until("every value", |seen| seen.shows(&last) && complete(seen))
        .await;
    assert_eq!(page.cuts, 0, "the database takes viewers with it");
    finish(stage, vec![page]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_says_goodbye_to_every_viewer() {
    let mut stage = Stage::start(1).await;
    let asking = stage.asking("medica", &ward());
    let mut viewers = Vec::new();
    for _ in 0..20 {
        let mut viewer = asking.watch().await;
        viewer.first().await;
        viewers.push(viewer);
    }
    let started = Instant::now();
    let status = stage.hospital.stop().await;
    assert!(status.success(), "{status}: {}", stage.hospital.log());
    let took = started.elapsed();
    assert!(
        took < Duration::from_secs(10),
        "viewers hold the stop up for {took:?}"
    );
    for viewer in &mut viewers {
        assert_eq!(viewer.end().await.0, 1001);
    }
    assert_eq!(stage.hospital.processes(), Vec::<u32>::new(), "left behind");
}
