//! From a worker's crash to the end of its next incarnation's start, one crash at a time.
//!
//! Ours includes the wait until the old task is gone; bare ractor does not wait. OTP's list of
//! restarts is kept empty in one row: that is as fast as it gets. Ours is never emptied.

use crate::beam::{Beam, number};
use crate::peer::Peer;
use crate::report::{Report, Target, median, progress, quantiles};
use crate::ward::{Plan, Watch};

const PLAN: Plan = Plan {
    children: 10,
    tokens: 1,
    watch: Watch::Latency,
};
const SAMPLES: usize = 10_000;
const WARM: usize = 1_000;
const ROUNDS: usize = 5;
/// Restarts that OTP's supervisor has in its window while it is measured.
const OTP: [(&str, usize); 2] = [
    ("OTP, empty window", 0),
    ("OTP, 1,000 in the window", 1_000),
];

/// Somebody's p50 and p99, of each round.
#[derive(Default)]
struct Times {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Times {
    fn add(&mut self, (p50, p99): (f64, f64)) {
        self.p50.push(p50);
        self.p99.push(p99);
    }

    fn medians(&self) -> (f64, f64) {
        (median(self.p50.clone()), median(self.p99.clone()))
    }

    fn show(&self, report: &Report, name: &str) {
        let (p50, p99) = self.medians();
        report.line(name, &format!("p50 {p50:>8.1} us   p99 {p99:>8.1} us"));
    }
}

pub(crate) async fn measure(report: &mut Report, beam: &Beam) {
    let mut times: [Times; Peer::ALL.len()] = Default::default();
    let mut otp: [Times; OTP.len()] = Default::default();
    for round in 1..=ROUNDS {
        progress(&format!("latency, round {round} of {ROUNDS}"));
        for (times, peer) in times.iter_mut().zip(Peer::ALL) {
            let raised = peer.raise(PLAN).await;
            raised.ward.latencies(WARM).await;
            times.add(quantiles(raised.ward.latencies(SAMPLES).await));
            raised.stop.await;
        }
        for (times, (_, window)) in otp.iter_mut().zip(OTP) {
            times.add(in_otp(beam, window));
        }
    }

    report.title("crash to restarted, one at a time");
    for (times, peer) in times.iter().zip(Peer::ALL) {
        times.show(report, peer.name());
    }
    for (times, (name, _)) in otp.iter().zip(OTP) {
        times.show(report, name);
    }
    for (times, peer) in times.iter().zip(Peer::OURS) {
        let ((p50, p99), name) = (times.medians(), peer.name());
        report.target(&format!("{name}, p50"), p50, " us", Target::AtMost(15.0));
        report.target(&format!("{name}, p99"), p99, " us", Target::AtMost(60.0));
        for (otp, (window, _)) in otp.iter().zip(OTP) {
            let ratio = otp.medians().0 / p50;
            let name = format!("{name}, p50 against {window}");
            report.target(&name, ratio, "x", Target::AtLeast(3.0));
        }
    }
}

fn in_otp(beam: &Beam, window: usize) -> (f64, f64) {
    let lines = beam.run("latency", &[PLAN.children, SAMPLES, window]);
    let micros = |name| number(&lines[0], name) / 1e3;
    (micros("p50_ns"), micros("p99_ns"))
}
