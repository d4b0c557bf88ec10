//! Supervision beside its peers in the same run: Erlang/OTP, kameo, bare ractor, a tokio task.
//!
//! What a restart takes and costs, what a child weighs, what stopping and looking at many takes,
//! and whether two incarnations ever live at once. `-- SECTION…` runs only some; a target that is
//! missed is said so and fails nothing, for machines differ.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "supervision/bare.rs"]
mod bare;
#[path = "supervision/beam.rs"]
mod beam;
#[path = "supervision/cpu.rs"]
mod cpu;
#[path = "supervision/crowd.rs"]
mod crowd;
#[path = "supervision/heap.rs"]
mod heap;
#[path = "supervision/idle.rs"]
mod idle;
#[path = "supervision/kameo_peer.rs"]
mod kameo_peer;
#[path = "supervision/latency.rs"]
mod latency;
#[path = "supervision/ours.rs"]
mod ours;
#[path = "supervision/overlap.rs"]
mod overlap;
#[path = "supervision/peer.rs"]
mod peer;
#[path = "supervision/rates.rs"]
mod rates;
#[path = "supervision/report.rs"]
mod report;
#[path = "supervision/restarts.rs"]
mod restarts;
#[path = "supervision/task.rs"]
mod task;
#[path = "supervision/ward.rs"]
mod ward;

use beam::Beam;
use report::Report;

const SECTIONS: [&str; 6] = [
    "latency", "restarts", "memory", "stop", "snapshot", "overlap",
];

fn main() {
    // Cargo adds `--bench`.
    let arguments = std::env::args().skip(1);
    let asked: Vec<String> = arguments.filter(|name| !name.starts_with("--")).collect();
    if let Some(name) = asked.iter().find(|name| !SECTIONS.contains(&name.as_str())) {
        eprintln!("no section `{name}`; there are {}", SECTIONS.join(", "));
        std::process::exit(64);
    }
    let beam = Beam::compile();
    println!("supervision beside {}", beam.about());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // In a task, for whoever waits in `block_on` is woken by another thread each time.
    let all = runtime.spawn(async move {
        let mut report = Report::default();
        for section in SECTIONS {
            if asked.is_empty() || asked.iter().any(|name| name == section) {
                run(section, &mut report, &beam).await;
            }
        }
        report.close();
    });
    runtime.block_on(all).unwrap();
}

async fn run(section: &str, report: &mut Report, beam: &Beam) {
    match section {
        "latency" => latency::measure(report, beam).await,
        "restarts" => restarts::measure(report, beam).await,
        "memory" => crowd::memory(report, beam).await,
        "stop" => crowd::stop(report, beam).await,
        "snapshot" => crowd::snapshot(report, beam).await,
        _ => overlap::measure(report).await,
    }
}
