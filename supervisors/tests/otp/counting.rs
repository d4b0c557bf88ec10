//! How many children there are: `count_children`, `count_children_supervisor` and
//! `count_restarting_children`.
//!
//! OTP counts one specification for all children of a dynamic supervisor; here each brings its
//! own, and is counted with it.

use plantao_supervisors::{ChildSpec, Restart, Shutdown, Strategy};

use crate::stage::*;
use crate::support::*;

const FEW: usize = 1000;
const MORE: usize = 2000;

/// Starts children numbered `from` up to `to`, counts, and counts again.
async fn count(
    stage: &Dynamic,
    from: usize,
    to: usize,
    child: impl Fn(&str) -> ChildSpec,
) -> [usize; 4] {
    for number in from..to {
        let spec = child(&format!("child{number}"));
        stage
            .sup
            .start_child(spec.restart(Restart::Temporary))
            .await
            .unwrap();
    }
    let (which, counted) = (stage.which(), stage.counts());
    assert_eq!(which.len(), to);
    assert_eq!((stage.which(), stage.counts()), (which, counted));
    counted
}

/// Kills them all; they are temporary.
async fn kill_all(stage: &Dynamic) {
    for (id, _) in stage.which() {
        stage.tree.kill(&format!("top/sup/{id}")).unwrap();
    }
    settle().await;
    stage.shows([]);
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn count_children() {
    let stage = Dynamic::empty(USUAL).await;
    let worker = |id: &str| stage.crew.worker(id);
    assert_eq!(count(&stage, 0, FEW, worker).await, [FEW, FEW, 0, FEW]);
    assert_eq!(
        count(&stage, FEW, MORE, worker).await,
        [MORE, MORE, 0, MORE]
    );
    kill_all(&stage).await;
    assert_eq!(stage.crew.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn count_children_supervisor() {
    let stage = Dynamic::empty(USUAL).await;
    let below = |id: &str| ChildSpec::supervisor(id, sup(Strategy::OneForOne, USUAL));
    assert_eq!(count(&stage, 0, FEW, below).await, [FEW, FEW, FEW, 0]);
    assert_eq!(count(&stage, FEW, MORE, below).await, [MORE, MORE, MORE, 0]);
    kill_all(&stage).await;
}

#[tokio::test(start_paused = true)]
async fn count_restarting_children() {
    let ids = ["child1", "child2", "child3"];
    let mut stage = Dynamic::empty(limits(20, 10)).await;
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
    for (place, id) in ids.iter().enumerate() {
        let child = stage.crew.worker(id).shutdown(Shutdown::BrutalKill);
        stage.sup.start_child(child).await.unwrap();
        let number = place + 1;
        assert_eq!(stage.counts(), [number, number, 0, number]);
    }
    for id in ids {
        stage.end(id, DIE).await;
    }
    assert_eq!(stage.counts(), [3, 3, 0, 3]);

    for id in ids {
        stage.crew.births(id, Birth::RefuseLate);
    }
    for id in ["child1", "child2"] {
        stage.end(id, DIE).await;
    }
    tokio::time::sleep(4 * SECOND).await;
    assert_eq!(stage.counts(), [3, 1, 0, 3]);
    stage.shows([
        ("child1", Pid::Restarting),
        ("child2", Pid::Restarting),
        ("child3", stage.crew.pid("child3")),
    ]);

    for id in ids {
        stage.crew.births(id, Birth::Well);
    }
    tokio::time::sleep(4 * SECOND).await;
    assert_eq!(stage.counts(), [3, 3, 0, 3]);
    for (id, left) in ["child3", "child2", "child1"].iter().zip([2, 1, 0]) {
        stage.sup.terminate_child(id).await.unwrap();
        assert_eq!(stage.counts(), [left, left, 0, left]);
    }
}
