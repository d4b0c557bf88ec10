//! What many children cost: memory of each, the time to stop them all, the time of a snapshot.

use plantao_supervisors::{Restart, Tree};
use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::beam::Beam;
use crate::heap;
use crate::idle;
use crate::report::{Report, Target, grouped, median, progress};

const CROWD: usize = 100_000;
const TREE: usize = 10_000;
const SNAPSHOTS: usize = 21;
const ROUNDS: usize = 3;
/// Long enough for tasks that are on their way out.
const SETTLE: Duration = Duration::from_millis(200);

pub(crate) async fn memory(report: &mut Report, beam: &Beam) {
    report.title(&format!(
        "heap of a supervised child that does nothing, of {}",
        grouped(CROWD)
    ));
    progress("memory");
    heap::count(true);
    let before = heap::retained();
    let handles = idle::handles(CROWD);
    let parent = idle::bare(CROWD).await;
    let bare = each(before).await;
    idle::end(parent).await;
    drop(handles);
    report.line(
        "bare ractor, spawn_linked",
        &format!("{bare:>8.0} B, its handle included"),
    );
    for (name, restart) in [
        ("plantao, dynamic, temporary", Restart::Temporary),
        ("plantao, dynamic, permanent", Restart::Permanent),
    ] {
        progress(name);
        tokio::time::sleep(SETTLE).await;
        let before = heap::retained();
        let handles = idle::handles(CROWD);
        let tree = idle::dynamic(&handles, restart).await;
        let whole = each(before).await;
        tree.shutdown().await;
        drop(handles);
        report.line(name, &format!("{whole:>8.0} B"));
        let text = format!("{name}: more than bare");
        report.target(&text, whole - bare, " B", Target::AtMost(300.0));
    }
    heap::count(false);
    let otp = beam.figure("memory", &[CROWD], "bytes");
    report.line("OTP, gen_server, all of it", &format!("{otp:>8.0} B"));
}

async fn each(before: isize) -> f64 {
    tokio::time::sleep(SETTLE).await;
    (heap::retained() - before) as f64 / CROWD as f64
}

pub(crate) async fn stop(report: &mut Report, beam: &Beam) {
    let (mut ours, mut bare, mut otp) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        progress(&format!("stop, round {round} of {ROUNDS}"));
        let handles = idle::handles(CROWD);
        let tree = idle::dynamic(&handles, Restart::Permanent).await;
        let started = Instant::now();
        tree.shutdown().await;
        ours.push(started.elapsed().as_secs_f64());
        assert!(handles.iter().all(|handle| !handle.is_up()), "one is up");

        let parent = idle::bare(CROWD).await;
        let started = Instant::now();
        idle::end(parent).await;
        bare.push(started.elapsed().as_secs_f64());
        otp.push(beam.figure("stop", &[CROWD], "wall_ns") / 1e9);
    }
    let (ours, bare, otp) = (median(ours), median(bare), median(otp));
    report.title(&format!(
        "{} dynamic children stopped, 5 s given to each",
        grouped(CROWD)
    ));
    report.line("plantao, dynamic", &format!("{ours:>8.2} s"));
    report.line(
        "bare ractor, stop_children_and_wait",
        &format!("{bare:>5.2} s"),
    );
    report.line(
        "OTP, simple_one_for_one",
        &format!("{otp:>8.2} s   {:.2}x ours", otp / ours),
    );
    report.target("plantao, dynamic", ours, " s", Target::AtMost(2.0));
}

pub(crate) async fn snapshot(report: &mut Report, beam: &Beam) {
    progress("snapshot");
    report.title(&format!("snapshot of a tree of {} children", grouped(TREE)));
    let handles = idle::handles(TREE);
    let fixed = idle::fixed(&handles).await;
    let of_fixed = taken(&fixed);
    fixed.shutdown().await;
    let dynamic = idle::dynamic(&handles, Restart::Permanent).await;
    let of_dynamic = taken(&dynamic);
    dynamic.shutdown().await;
    let otp = beam.figure("snapshot", &[TREE, SNAPSHOTS], "wall_ns") / 1e6;
    for (name, figure) in [
        ("plantao, one_for_one", of_fixed),
        ("plantao, dynamic", of_dynamic),
        ("OTP, which_children", otp),
    ] {
        report.line(name, &format!("{figure:>8.2} ms"));
    }
    let limit = Target::AtMost(10.0);
    report.target("plantao, one_for_one", of_fixed, " ms", limit);
    report.target("plantao, dynamic", of_dynamic, " ms", limit);
}

/// Milliseconds of one snapshot.
fn taken(tree: &Tree) -> f64 {
    let times = (0..SNAPSHOTS).map(|_| {
        let started = Instant::now();
        let snapshot = black_box(tree.snapshot());
        let time = started.elapsed().as_secs_f64() * 1e3;
        drop(snapshot);
        time
    });
    median(times.collect())
}
