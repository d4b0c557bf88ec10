//! Stories that runs told once, made short: each stays told when draws change.

use plantao_supervisors::{
    Backoff, ExitReason, Intensity, Restart, Strategy, SupervisorError, Tree,
};
use std::time::Duration;

use crate::journal::Journal;
use crate::plan::{Body, Fixed, Node};
use crate::worker::{Cue, Manners, Spoil};

const SECOND: Duration = Duration::from_secs(1);

fn node(id: &str, backoff: Option<Backoff>) -> Node {
    Node {
        id: id.to_owned(),
        restart: Restart::Permanent,
        shutdown: None,
        start_timeout: None,
        significant: false,
        backoff,
        liveness: None,
        body: Body::Worker(Manners::default()),
    }
}

fn rest_for_one(children: Vec<Node>) -> Fixed {
    Fixed {
        strategy: Strategy::RestForOne,
        intensity: Intensity::new(10, SECOND),
        auto_shutdown: plantao_supervisors::AutoShutdown::Never,
        budget: None,
        children,
    }
}

/// A child that takes a while to come up, asked for, and then `interrupt`; what the asker hears.
async fn asks_for_a_slow_start(
    (first, second): (Node, Node),
    slow: &str,
    interrupt: impl AsyncFnOnce(&Tree, &Journal),
) -> Result<(), SupervisorError> {
    let journal = Journal::new(0);
    let spec = rest_for_one(vec![first, second]).spec("root", &journal);
    let tree = Tree::start("root", spec).await.unwrap();
    let root = tree.root();
    root.terminate_child(slow).await.unwrap();
    journal.spoil(&format!("root/{slow}"), Spoil::Slow(SECOND));
    let (asker, id) = (root.clone(), slow.to_owned());
    let asked = tokio::spawn(async move { asker.restart_child(&id).await });
    tokio::time::sleep(SECOND / 2).await;
    interrupt(&tree, &journal).await;
    let answer = tokio::time::timeout(100 * SECOND, asked).await;
    answer.expect("an answer").unwrap().map(|_| ())
}

fn called_off(id: &str) -> Result<(), SupervisorError> {
    let (id, reason) = (id.to_owned(), ExitReason::Cancelled);
    Err(SupervisorError::StartFailed { id, reason })
}

#[tokio::test(start_paused = true)]
async fn a_start_is_called_off_though_a_later_group_restarts_meanwhile() {
    let backoff = Backoff::exponential(SECOND, SECOND);
    let children = (node("first", None), node("second", Some(backoff)));
    let answer = asks_for_a_slow_start(children, "first", async |tree, journal| {
        // The supervisor hears the request first, then of the second's end, then of the first's.
        journal.line("root/second").cast(Cue::Fail).unwrap();
        tree.root().terminate_child("first").await.unwrap();
    });
    assert_eq!(answer.await, called_off("first"));
}

#[tokio::test(start_paused = true)]
async fn a_start_is_called_off_when_a_change_takes_it_out_of_its_group() {
    let backoff = Backoff::exponential(SECOND, SECOND);
    let (first, second) = (node("first", Some(backoff)), node("second", None));
    let turned = rest_for_one(vec![second.clone(), first.clone()]);
    let answer = asks_for_a_slow_start((first, second), "second", async |tree, journal| {
        journal.line("root/first").cast(Cue::Fail).unwrap();
        tokio::time::sleep(SECOND / 10).await;
        let spec = turned.spec("root", journal);
        tree.root().code_change(spec).await.unwrap();
    });
    assert_eq!(answer.await, called_off("second"));
}
