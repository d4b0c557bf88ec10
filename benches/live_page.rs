//! A ward's live page, beside a server that broadcasts the page whole: bytes of one update, memory
//! of one idle viewer, and the time from an observation to the frame that shows it.
//!
//! The peer is this program run again as a server: hyper, rustls and tokio-tungstenite as they come
//! and one `tokio::sync::broadcast` of the ward's HTML. It checks nothing, stores nothing, audits
//! nothing and does not even render: it copies the fragment that the ward's page has here. Both
//! have the same viewers in the same run, which share the machine with them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]
#![allow(clippy::indexing_slicing, dead_code)]

#[path = "../tests/hospital/client.rs"]
mod client;
#[path = "live_page/crowd.rs"]
mod crowd;
#[path = "../tests/hospital/hospital.rs"]
mod hospital;
#[path = "live_page/load.rs"]
mod load;
#[path = "live_page/peer.rs"]
mod peer;
#[path = "../tests/hospital/stage.rs"]
mod stage;
mod support;
#[path = "../tests/hospital/viewer.rs"]
mod viewer;
#[path = "../tests/hospital/wire.rs"]
mod wire;

use crowd::Crowd;
use load::{Latency, Load};
use peer::Peer;
use stage::{HEART_RATE, Stage, patient, ward};
use std::time::{Duration, Instant};
use viewer::Asking;

const BEDS: usize = 50;
/// What an idle viewer's memory is taken from.
const IDLE_VIEWERS: usize = 2_000;
/// Before the first measurement, so that what is made once is not counted as theirs.
const WARM_VIEWERS: usize = 50;
const IDLE: Duration = Duration::from_secs(15);
/// Viewers that take updates; the smaller crowd is one that the peer can serve.
const CROWDS: [usize; 2] = [1_000, 20];
/// What one measurement of bytes is taken from.
const CELLS: usize = 20;
/// All viewers are one physician's, from one address.
const SETTINGS: [&str; 4] = [
    "live.max_viewers_per_principal=10000",
    "live.opens_per_second=10000",
    "front_door.connects_per_second_per_address=100000",
    "front_door.max_connections_per_address=16384",
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, address, chain, key, fragment] = arguments.as_slice()
        && flag == "--serve"
    {
        return peer::serve(address.parse().unwrap(), chain, key, fragment);
    }
    tokio::runtime::Runtime::new().unwrap().block_on(compare());
}

async fn compare() {
    let stage = Stage::start_with(BEDS, &SETTINGS).await;
    let page = stage.ward_page().await;
    let from = page.find("<main").expect("a page has a main element");
    let to = page.find("</main>").expect("which ends") + "</main>".len();
    let fragment = &page[from..to];
    let ours = stage.asking("medica", &ward());

    bytes(&stage, &ours, fragment.len()).await;
    memory(&stage, &ours, fragment).await;
    for viewers in CROWDS {
        latency(&stage, &ours, fragment, viewers).await;
    }
    stage.hospital.finish().await;
}

/// A frame's bytes on the wire: RFC 6455, section 5.2, unmasked.
const fn framed(payload: usize) -> usize {
    payload
        + match payload {
            0..=125 => 2,
            126..=65_535 => 4,
            _ => 10,
        }
}

async fn bytes(stage: &Stage, ours: &Asking, fragment: usize) {
    let mut viewer = ours.watch().await;
    viewer.first().await;
    let mut sizes = Vec::new();
    for bed in 0..CELLS {
        for value in [62.0, 63.0] {
            let before = viewer.now().frames.len();
            stage.measure(&patient(bed), HEART_RATE, value, 0).await;
            let changed = viewer.until("an update", |seen| seen.frames.len() > before);
            let frame = changed.await.frames[before].len();
            sizes.push(framed(frame));
            // The next second: one reading a second is what a line and a clock tell apart.
            tokio::time::sleep(Duration::from_millis(1_100)).await;
        }
    }
    sizes.sort_unstable();
    let (median, largest) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
    let whole = framed(fragment);
    println!("One cell's update of a ward of {BEDS} beds, framed");
    println!(
        "  diff                   {median:>9} bytes (median of {}; largest {largest})",
        sizes.len()
    );
    println!(
        "  broadcast of the page  {whole:>9} bytes  the diff is {:.0}x smaller",
        whole as f64 / median as f64
    );
}

async fn memory(stage: &Stage, ours: &Asking, fragment: &str) {
    let peer = Peer::start(&stage.hospital, fragment);
    let theirs = peer.asking(&stage.hospital);
    println!("Memory of the server per idle viewer, {IDLE_VIEWERS} over TLS, all included");
    let our = idle("live page", stage.hospital.pid(), ours).await;
    let their = idle("broadcast", peer.pid(), &theirs).await;
    println!(
        "  the live page takes {:.2}x of the broadcast's",
        our / their
    );
}

/// Bytes of resident memory that each idle viewer adds, after a while.
async fn idle(name: &str, pid: u32, asking: &Asking) -> f64 {
    drop(Crowd::open(asking, WARM_VIEWERS).await);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = support::resident_bytes(pid);
    let started = Instant::now();
    let crowd = Crowd::open(asking, IDLE_VIEWERS).await;
    let took = started.elapsed().as_secs_f64();
    let each = || {
        let more = support::resident_bytes(pid).saturating_sub(before);
        more as f64 / IDLE_VIEWERS as f64
    };
    let at_once = each();
    tokio::time::sleep(IDLE).await;
    let after = each();
    assert_eq!(crowd.ended(), 0, "viewers were lost");
    println!(
        "  {name:<22} {:>7.1} KB at once, {:>7.1} KB after {IDLE:?}  (opened in {took:.1} s)",
        at_once / 1_000.0,
        after / 1_000.0,
    );
    after
}

async fn latency(stage: &Stage, ours: &Asking, fragment: &str, viewers: usize) {
    println!(
        "From an observation's POST to the frame that shows it: {viewers} viewers, 50 a second"
    );
    let load = Load::of_hospital(stage, ours, viewers).await;
    report("live page", &load);
    // A new one: what swamped the last is not to be felt.
    let peer = Peer::start(&stage.hospital, fragment);
    let theirs = peer.asking(&stage.hospital);
    let peer = Load::of_peer(&peer, &theirs, viewers).await;
    report("broadcast", &peer);
    println!(
        "  the live page's processor time for an update at a viewer is {:.3}x of the broadcast's",
        load.cpu_us_per_arrival / peer.cpu_us_per_arrival,
    );
    if peer.sent.p99_ms.is_finite() {
        let ratio = load.sent.p99_ms / peer.sent.p99_ms;
        println!("  its p99 is {ratio:.3}x of the broadcast's");
    }
}

fn report(name: &str, load: &Load) {
    let both =
        |latency: &Latency| format!("p50 {}, p99 {}", ms(latency.p50_ms), ms(latency.p99_ms));
    println!(
        "  {name:<22} {}  (from the answer {}; the answer {})",
        both(&load.sent),
        both(&load.answered),
        both(&load.answer)
    );
    println!(
        "  {:<22} {:.1} % arrived in {:?}; {} of {} updates answered; {} frames a viewer",
        "",
        load.arrived * 100.0,
        load::GRACE,
        load.taken,
        load.updates,
        load.frames_per_viewer,
    );
    println!(
        "  {:<22} server CPU: {:.2} s per 1,000 updates{}, {:.1} us per update at a viewer",
        "",
        load.cpu_s_per_1000,
        load.database_cpu_s_per_1000
            .map_or(String::new(), |s| format!(" (and PostgreSQL {s:.2} s)")),
        load.cpu_us_per_arrival,
    );
}

fn ms(time: f64) -> String {
    if time.is_finite() {
        format!("{time:.1} ms")
    } else {
        "never".to_owned()
    }
}
