//! What the tree is meant to do, said apart from the tree that runs: a change there without one
//! here is a finding.

use crate::checkers::{Arrangement, Tree};
use plantao_supervisors::Restart::{Permanent, Temporary, Transient};
use plantao_supervisors::Strategy::{OneForOne, RestForOne};
use plantao_supervisors::{Intensity, Restart};
use std::time::Duration;

const fn within(restarts: u32, seconds: u64) -> Intensity {
    Intensity::new(restarts, Duration::from_secs(seconds))
}

/// The plan of the simulated tree.
pub(super) fn plan() -> Tree {
    let fixed = Arrangement::Fixed;
    let all = |ids: &[&'static str]| -> Vec<(&'static str, Restart)> {
        ids.iter().map(|id| (*id, Permanent)).collect()
    };
    let alone = |restart| [("*", restart)];
    let root = all(&["storage", "trust", "plugins", "records", "live", "doors"]);
    let trust = all(&[
        "vault",
        "policy",
        "consents",
        "log_ins",
        "writer",
        "spool",
        "sequencer",
        "rotator",
    ]);
    let directory = ["directory-1", "directory-2", "directory-3", "directory-4"];
    let records = all(&[&directory[..], &["ward_board", "sessions"]].concat());
    let live = all(&["pulse", "topics", "viewers"]);
    let doors = all(&["admin", "admin_socket", "front_door"]);
    let (one, dynamic) = (fixed(OneForOne), Arrangement::Dynamic);
    Tree::new()
        .with("plantao", one, within(5, 60), &root)
        .with(
            "plantao/storage",
            fixed(RestForOne),
            within(10, 60),
            &all(&["pool"]),
        )
        .with("plantao/trust", one, within(60, 10), &trust)
        .with(
            "plantao/plugins",
            one,
            within(20, 10),
            &all(&["lgpd-analyzer"]),
        )
        .with(
            "plantao/plugins/lgpd-analyzer",
            fixed(RestForOne),
            within(5, 10),
            &all(&["instances", "loader"]),
        )
        .with(
            "plantao/plugins/lgpd-analyzer/instances",
            dynamic,
            within(136, 1),
            &alone(Permanent),
        )
        .with("plantao/records", one, within(60, 10), &records)
        .with(
            "plantao/records/sessions",
            dynamic,
            within(100, 10),
            &alone(Transient),
        )
        .with("plantao/live", one, within(60, 10), &live)
        .with(
            "plantao/live/topics",
            dynamic,
            within(100, 10),
            &alone(Temporary),
        )
        .with(
            "plantao/live/viewers",
            dynamic,
            within(100, 10),
            &alone(Temporary),
        )
        .with("plantao/doors", one, within(10, 10), &doors)
}
