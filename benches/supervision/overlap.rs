//! Incarnations of one child that were alive at once: why a restart waits for the old task.
//!
//! The state of a worker sometimes takes 50 us to drop. Whoever restarts on the news of a failure
//! alone starts the next incarnation beside it, and it finds the port taken or the file locked.

use crate::peer::Peer;
use crate::report::{Report, Target, grouped, progress};
use crate::ward::{Plan, Watch};

const PLAN: Plan = Plan {
    children: 10,
    tokens: 5,
    watch: Watch::Overlap,
};
const RESTARTS: usize = 100_000;

pub(crate) async fn measure(report: &mut Report) {
    report.title(&format!(
        "starts beside a living incarnation, of {} restarts",
        grouped(RESTARTS)
    ));
    for peer in Peer::ALL {
        progress(&format!("overlaps, {}", peer.name()));
        let raised = peer.raise(PLAN).await;
        raised.ward.restarts(RESTARTS).await;
        let overlaps = raised.ward.overlaps();
        raised.stop.await;
        match peer {
            Peer::Ours(_) => {
                report.target(peer.name(), overlaps as f64, "", Target::AtMost(0.0));
            }
            _ => report.line(peer.name(), &format!("{:>8}", grouped(overlaps))),
        }
    }
}
