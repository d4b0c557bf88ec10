//! Too many, too fast, or deaf: what is done to them is felt by nobody else.

use crate::hospital::pause;
use crate::stage::{HEART_RATE, Stage, patient, ward};
use crate::viewer::{Asking, Refused, Viewer};
use plantao_schema::id::PrincipalId;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// What a viewer is silent for when its page is shown as lost.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// Longer than a viewer may say nothing at all.
const DEAF_MAX: Duration = Duration::from_secs(90);

const FLOOD: Duration = Duration::from_secs(3);
/// Threads that only connect, their rhythm, and how many at a time: 10,000 a second.
const CONNECTORS: usize = 2;
const BEAT: Duration = Duration::from_millis(5);
const PER_BEAT: usize = 25;
/// WebSockets opened at a time meanwhile.
const OPENERS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_never_reads_is_dropped_and_no_other_notices() {
    let stage = Stage::start(4).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut viewer = stage.asking("medica", &ward()).watch().await;
        viewer.first().await;
        others.push(viewer);
    }
    let name = "somebody-deaf";
    let token = stage.hospital.token("physician", |claims| {
        claims.subject = PrincipalId::parse(name).unwrap();
    });
    let mut asking = stage.asking_with(&token, &ward()).from([127, 0, 0, 3]);
    asking.receive_buffer_bytes = Some(4_096);
    let deaf = asking.watch().await;
    deaf.stop_reading();
    let end = Instant::now() + DEAF_MAX;
    let mut value = 60;
    loop {
        for bed in 0..4 {
            stage
                .measure(&patient(bed), HEART_RATE, f64::from(value), 0)
                .await;
        }
        value = if value < 85 { value + 1 } else { 60 };
        let trail = stage.trail_of(name).await;
        if trail.iter().any(|entry| entry["phase"] == "completed") {
            break;
        }
        assert!(
            Instant::now() < end,
            "whoever does not read is kept for ever"
        );
        pause().await;
    }
    stage.measure(&patient(0), HEART_RATE, 88.0, 0).await;
    for viewer in &mut others {
        let seen = viewer.until("88", |seen| seen.shows("88")).await;
        assert!(
            seen.longest_gap < SILENCE_MAX,
            "{:?} of silence",
            seen.longest_gap
        );
        assert_eq!(seen.closed, None);
    }
    drop(deaf);
    stage.hospital.finish().await;
}

#[derive(Default)]
struct Flooded {
    tried: AtomicUsize,
    connected: AtomicUsize,
    opened: AtomicUsize,
    answered: AtomicUsize,
    closed: AtomicUsize,
}

impl Flooded {
    fn count(counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Connects at a fixed rate, in a thread and a runtime of its own.
fn connect(door: SocketAddr, flooded: Arc<Flooded>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let end = Instant::now() + FLOOD;
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut connecting = JoinSet::new();
        while Instant::now() < end {
            beat.tick().await;
            for _ in 0..PER_BEAT {
                let flooded = Arc::clone(&flooded);
                Flooded::count(&flooded.tried);
                connecting.spawn(async move {
                    let socket = TcpSocket::new_v4().unwrap();
                    // Leaves no port behind: this machine has 28,000 of them.
                    socket.set_zero_linger().unwrap();
                    let connected =
                        tokio::time::timeout(Duration::from_secs(1), socket.connect(door)).await;
                    if matches!(connected, Ok(Ok(_))) {
                        Flooded::count(&flooded.connected);
                    }
                });
            }
            while connecting.try_join_next().is_some() {}
        }
        while connecting.join_next().await.is_some() {}
    });
}

/// Opens WebSockets as fast as the machine can, in a thread and a runtime of its own.
fn open(asking: Asking, flooded: Arc<Flooded>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let end = Instant::now() + FLOOD;
        let mut openers = JoinSet::new();
        for _ in 0..OPENERS {
            let (asking, flooded) = (asking.clone(), Arc::clone(&flooded));
            openers.spawn(async move {
                while Instant::now() < end {
                    Flooded::count(&flooded.tried);
                    match asking.open().await {
                        Ok(_) => Flooded::count(&flooded.opened),
                        Err(Refused::Closed(_)) => Flooded::count(&flooded.closed),
                        Err(Refused::Answered {
                            status, headers, ..
                        }) => {
                            assert!([429, 503].contains(&status), "{status}");
                            assert!(headers.contains_key("retry-after"), "{headers:?}");
                            Flooded::count(&flooded.answered);
                        }
                    }
                }
            });
        }
        openers.join_all().await;
    });
}

async fn shed(stage: &Stage) -> u64 {
    let metrics = stage.hospital.admin_get("/metrics").await.unwrap().text();
    let lines = metrics
        .lines()
        .filter(|line| line.contains("connections_shed_total{"));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_connects_a_second_from_one_address_are_shed_and_no_viewer_notices() {
    let stage = Stage::start(2).await;
    let asking = stage.asking("medica", &ward());
    let mut viewer = asking.clone().from([127, 0, 0, 2]).watch().await;
    viewer.first().await;
    let before = shed(&stage).await;
    let flooded = Arc::new(Flooded::default());
    let mut threads = Vec::new();
    for _ in 0..CONNECTORS {
        let (door, flooded) = (stage.hospital.door, Arc::clone(&flooded));
        threads.push(std::thread::spawn(move || connect(door, flooded)));
    }
    let (opener, counts) = (asking.clone(), Arc::clone(&flooded));
    threads.push(std::thread::spawn(move || open(opener, counts)));
    // Meanwhile the ward goes on.
    let mut value = 60;
    while !threads.iter().all(std::thread::JoinHandle::is_finished) {
        stage
            .measure(&patient(0), HEART_RATE, f64::from(value), 0)
            .await;
        value = if value < 85 { value + 1 } else { 60 };
        pause().await;
    }
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    stage.measure(&patient(0), HEART_RATE, 88.0, 0).await;
    let seen = viewer.until("88", |seen| seen.shows("88")).await;
    let of = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let shed = shed(&stage).await - before;
    eprintln!(
        "{} connects in {FLOOD:?}: {} connected, {shed} shed; WebSockets: {} opened, {} answered, \
         {} closed; longest silence of the viewer {:?}",
        of(&flooded.tried),
        of(&flooded.connected),
        of(&flooded.opened),
        of(&flooded.answered),
        of(&flooded.closed),
        seen.longest_gap,
    );
    assert!(
        seen.longest_gap < SILENCE_MAX,
        "{:?} of silence",
        seen.longest_gap
    );
    assert_eq!(seen.closed, None);
    assert!(
        of(&flooded.tried) > 15_000,
        "no flood: {}",
        of(&flooded.tried)
    );
    assert!(shed > 1_000, "{shed} connections were shed");
    // And the address is welcome again.
    let end = Instant::now() + Duration::from_secs(20);
    while asking.status().await != 101 {
        assert!(Instant::now() < end, "the address stays shut out");
        pause().await;
    }
    stage.hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opens_beyond_the_rate_are_told_when_to_come_back() {
    let stage = Stage::start_with(1, &["live.opens_per_second=5"]).await;
    let asking = stage.asking("medica", &ward());
    let mut viewer: Viewer = asking.watch().await;
    viewer.first().await;
    let mut opening = JoinSet::new();
    for _ in 0..40 {
        let asking = asking.clone();
        opening.spawn(async move { asking.open().await });
    }
    let (mut opened, mut refused) = (0, 0);
    for outcome in opening.join_all().await {
        match outcome {
            Ok(_) => opened += 1,
            Err(Refused::Answered {
                status: 503,
                headers,
                ..
            }) => {
                assert!(headers.contains_key("retry-after"), "{headers:?}");
                refused += 1;
            }
            Err(other) => panic!("{}", other.why()),
        }
    }
    assert!(
        opened >= 5 && refused >= 10,
        "{opened} opened, {refused} refused"
    );
    let end = Instant::now() + Duration::from_secs(20);
    while asking.status().await != 101 {
        assert!(Instant::now() < end, "nobody is let in any more");
        pause().await;
    }
    assert_eq!(viewer.now().closed, None);
    stage.hospital.finish().await;
}
