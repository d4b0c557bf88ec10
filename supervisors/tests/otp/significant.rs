//! Children whose end ends their supervisor: the group `significant`, without its upgrades.

use plantao_supervisors::{
    AutoShutdown, ChildSpec, ExitReason, Restart, Started, Strategy, SupervisorHandle,
};

use crate::stage::*;
use crate::support::*;

const ANY: AutoShutdown = AutoShutdown::AnySignificant;
const ALL: AutoShutdown = AutoShutdown::AllSignificant;
const ONCE: plantao_supervisors::Intensity = limits(1, 5);
const FIVE: plantao_supervisors::Intensity = limits(5, 5);

impl<H: Watched> Stage<H> {
    /// Two significant children and one that is not.
    async fn add_three(&self, class: Restart) {
        for id in ["child1", "child2"] {
            let child = self.crew.significant(id, class);
            self.add_spec(id, child).await;
        }
        self.add("child3", class).await;
    }
}

impl Fixed {
    async fn terminate(&mut self, id: &str) {
        self.sup.terminate_child(id).await.unwrap();
        assert_eq!(self.exit(id).await, ExitReason::Shutdown);
    }

    /// The supervisor is leaving by itself: so have all of these.
    async fn left(&mut self, others: &[&str]) {
        self.exits(others).await;
        assert_eq!(self.exit("sup").await, ExitReason::Shutdown);
        assert_eq!(self.tree.exited().await, ExitReason::Shutdown);
        assert_eq!(self.crew.alive(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn nonsignificant_temporary() {
    for auto in [AutoShutdown::Never, ANY, ALL] {
        let mut stage = Fixed::shutting(ONCE, auto).await;
        stage.add("child1", Restart::Temporary).await;
        stage.terminate("child1").await;
        stage.stays(&["sup"]).await;
        for how in [How::Kill, How::Abnormal, How::Normal] {
            stage.add("child1", Restart::Temporary).await;
            stage.end_in_this_way("child1", how).await;
            stage.stays(&["sup"]).await;
            stage.shows([]);
        }
        assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    }
}

#[tokio::test(start_paused = true)]
async fn nonsignificant_transient() {
    for auto in [AutoShutdown::Never, ANY, ALL] {
        let mut stage = Fixed::shutting(FIVE, auto).await;
        stage.add("child1", Restart::Transient).await;
        stage.terminate("child1").await;
        stage.stays(&["sup"]).await;
        assert_eq!(stage.sup.restart_child("child1").await, Ok(Started::Up));
        for how in [How::Kill, How::Abnormal] {
            let pid = stage.crew.pid("child1");
            stage.end_in_this_way("child1", how).await;
            stage.stays(&["sup"]).await;
            stage.renewed("child1", pid);
        }
        stage.end_in_this_way("child1", How::Normal).await;
        stage.stays(&["sup"]).await;
        stage.shows([("child1", Pid::Undefined)]);
        assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    }
}

/// With the last of two, and not with the first.
async fn all_significant(class: Restart) {
    let mut stage = Fixed::shutting(FIVE, ALL).await;
    stage.add_three(class).await;
    stage.end_in_this_way("child1", How::Normal).await;
    stage.stays(&["child2", "child3", "sup"]).await;
    stage.end_in_this_way("child2", How::Normal).await;
    stage.left(&["child3"]).await;
}

#[tokio::test(start_paused = true)]
async fn significant_temporary() {
    for how in [How::Kill, How::Abnormal, How::Normal] {
        let mut stage = Fixed::shutting(FIVE, ANY).await;
        stage.add_three(Restart::Temporary).await;
        // By its supervisor is not by itself.
        stage.terminate("child1").await;
        stage.stays(&["child2", "child3", "sup"]).await;
        let child1 = stage.crew.significant("child1", Restart::Temporary);
        stage.add_spec("child1", child1).await;
        stage.end_in_this_way("child1", how).await;
        stage.left(&["child2", "child3"]).await;
    }
    all_significant(Restart::Temporary).await;
}

#[tokio::test(start_paused = true)]
async fn significant_transient() {
    let mut stage = Fixed::shutting(FIVE, ANY).await;
    stage.add_three(Restart::Transient).await;
    stage.terminate("child1").await;
    stage.stays(&["child2", "child3", "sup"]).await;
    assert_eq!(stage.sup.restart_child("child1").await, Ok(Started::Up));
    for how in [How::Kill, How::Abnormal] {
        let pid = stage.crew.pid("child1");
        stage.end_in_this_way("child1", how).await;
        stage.stays(&["child2", "child3", "sup"]).await;
        stage.renewed("child1", pid);
    }
    stage.end_in_this_way("child1", How::Normal).await;
    stage.left(&["child2", "child3"]).await;
    all_significant(Restart::Transient).await;
}

#[tokio::test(start_paused = true)]
async fn significant_simple() {
    for auto in [ANY, ALL] {
        let mut stage = Dynamic::shutting(ONCE, auto).await;
        for id in ["child1", "child2"] {
            let child = stage.crew.significant(id, Restart::Temporary);
            stage.add_spec(id, child).await;
        }
        stage.end_in_this_way("child1", How::Normal).await;
        if auto == ALL {
            stage.stays(&["child2", "sup"]).await;
            stage.end_in_this_way("child2", How::Normal).await;
        } else {
            assert_eq!(stage.exit("child2").await, ExitReason::Shutdown);
        }
        assert_eq!(stage.exit("sup").await, ExitReason::Shutdown);
        assert_eq!(stage.crew.alive(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn significant_bystander() {
    for (strategy, auto) in [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ]
    .iter()
    .flat_map(|strategy| [(*strategy, ANY), (*strategy, ALL)])
    {
        let spec = sup(strategy, FIVE).auto_shutdown(auto);
        let mut stage = Fixed::start(&Crew::default(), spec).await;
        let transient = Restart::Transient;
        for (id, significant) in [("child1", true), ("child2", false), ("child3", true)] {
            let child = stage.crew.of_class(id, transient).significant(significant);
            stage.add_spec(id, child).await;
        }
        let before = ["child1", "child2", "child3"].map(|id| stage.crew.pid(id));
        stage.kill("child2").await;
        let (down, kept): (&[_], &[_]) = match strategy {
            Strategy::OneForOne => (&[], &["child1", "child3", "sup"]),
            Strategy::OneForAll => (&["child1", "child3"], &["sup"]),
            Strategy::RestForOne => (&["child3"], &["child1", "sup"]),
        };
        stage.exits(down).await;
        stage.stays(kept).await;
        for (id, pid) in ["child1", "child2", "child3"].iter().zip(before) {
            if down.contains(id) || *id == "child2" {
                stage.renewed(id, pid);
            } else {
                assert_eq!(stage.crew.pid(id), pid);
            }
        }
        assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    }
}

#[tokio::test(start_paused = true)]
async fn significant_escalation() {
    for significant in [true, false] {
        let mut stage = Fixed::shutting(ONCE, ANY).await;
        let handle = SupervisorHandle::new();
        let below = sup(Strategy::OneForOne, ONCE).auto_shutdown(ANY);
        let below = ChildSpec::supervisor_at("sup1", &handle, below)
            .restart(Restart::Transient)
            .significant(significant);
        stage.sup.start_child(below).await.unwrap();
        let child1 = stage.crew.significant("child1", Restart::Transient);
        handle.start_child(child1).await.unwrap();
        assert_eq!(stage.end("child1", STOP).await, ExitReason::Normal);
        assert_eq!(stage.exit("sup1").await, ExitReason::Shutdown);
        if significant {
            stage.left(&[]).await;
        } else {
            stage.stays(&["sup"]).await;
            stage.shows([("sup1", Pid::Undefined)]);
            assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
        }
    }
}
