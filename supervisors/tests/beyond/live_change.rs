//! Making a running supervisor be as a new specification says: what starts, stops and runs on.

use plantao_supervisors::{
    ChildSpec, DynamicHandle, DynamicSpec, Intensity, NodeKind, NodeState, Restart, SpecDiff,
    SpecError, Strategy, SupervisorError, SupervisorHandle, SupervisorSpec, Tree,
};
use std::time::Duration;
use tokio::time::Instant;

use crate::support::*;
use crate::watch::*;

fn flat() -> SupervisorSpec {
    patient(Strategy::OneForOne)
}

fn owned<const N: usize>(ids: [&str; N]) -> Vec<String> {
    ids.map(str::to_owned).into()
}

fn sup(id: &str, spec: SupervisorSpec) -> ChildSpec {
    ChildSpec::supervisor(id, spec)
}

fn order(tree: &Tree, path: &str) -> Vec<String> {
    let snapshot = tree.snapshot();
    let children = snapshot.find(path).unwrap().children.iter();
    children.map(|child| child.id.clone()).collect()
}

/// Workers whose handles nobody keeps.
#[derive(Default)]
struct Crew(Board);

impl Crew {
    fn worker(&self, id: &str) -> ChildSpec {
        worker(id, &line(), &self.0)
    }

    fn workers<const N: usize>(&self, ids: [&str; N]) -> SupervisorSpec {
        ids.iter()
            .fold(flat(), |spec, id| spec.child(self.worker(id)))
    }
}

/// From `a b c d` to `c x b`, `b` being another.
fn change(crew: &Crew) -> (SupervisorSpec, SupervisorSpec, SpecDiff) {
    let after = crew
        .workers(["c", "x"])
        .child(crew.worker("b").version(1))
        .remove("a")
        .remove("d");
    let diff = SpecDiff {
        added: owned(["x"]),
        removed: owned(["a", "d"]),
        changed: owned(["b"]),
        kept: owned(["c"]),
        below: Vec::new(),
    };
    (crew.workers(["a", "b", "c", "d"]), after, diff)
}

#[tokio::test(start_paused = true)]
async fn what_is_new_starts_what_goes_stops_what_changed_starts_anew_and_all_else_runs_on() {
    let crew = Crew::default();
    let (before, after, diff) = change(&crew);
    let tree = start(before).await;
    crew.0.take();
    assert_eq!(tree.root().apply(after).await, Ok(diff));
    let expected = [
        "stop d",
        "stopped d",
        "stop a",
        "stopped a",
        "stop b",
        "stopped b",
        "start x",
        "start b",
    ];
    assert_eq!(crew.0.take(), expected);
    assert_eq!(order(&tree, "root"), ["c", "x", "b"]);
    assert_eq!((crew.0.starts("c"), crew.0.alive()), (1, 3));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_diff_tells_what_an_apply_would_do_and_touches_nothing() {
    let crew = Crew::default();
    let (before, after, diff) = change(&crew);
    let tree = start(before).await;
    let (snapshot, mut feed) = (tree.snapshot(), Feed::of(&tree));
    assert_eq!(tree.root().diff(&after), Ok(diff));
    settle().await;
    assert_eq!((tree.snapshot(), feed.take()), (snapshot, vec![]));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_specification_that_says_the_same_changes_nothing() {
    let crew = Crew::default();
    let spec = || crew.workers(["a"]).child(sup("inner", crew.workers(["b"])));
    let tree = start(spec()).await;
    let mut feed = Feed::of(&tree);
    let diff = tree.root().apply(spec()).await.unwrap();
    assert!(diff.is_empty());
    assert_eq!(diff.kept, owned(["a", "inner"]));
    assert_eq!(feed.take(), []);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_kept_child_starts_next_from_the_new_specification() {
    let (board, line) = (Board::default(), line());
    let tree = start(flat().child(worker("old", &line, &board))).await;
    let make = maker("new", &board, Manners::default());
    let renewed = ChildSpec::worker("old", &line, make).restart(Restart::Transient);
    let diff = tree.root().apply(flat().child(renewed)).await.unwrap();
    assert_eq!((diff.kept, board.starts("new")), (owned(["old"]), 0));
    crash(&line).await;
    assert_eq!((board.starts("old"), board.starts("new")), (1, 1));
    line.cast(Order::Finish(None)).unwrap();
    settle().await;
    assert_eq!(state(&tree, "root/old"), Some(NodeState::Stopped));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn strategy_and_limits_are_the_new_ones_at_once() {
    let board = Board::default();
    let lines: [Line; 2] = lines();
    let children = |spec: SupervisorSpec| {
        spec.child(worker("a", &lines[0], &board))
            .child(worker("b", &lines[1], &board))
    };
    let tree = start(children(flat())).await;
    let limit = Intensity::new(7, 60 * SECOND);
    let after = children(SupervisorSpec::new(Strategy::OneForAll, limit));
    tree.root().apply(after).await.unwrap();
    assert_eq!(tree.snapshot().restarts_allowed, Some(7));
    crash(&lines[0]).await;
    assert_eq!(board.starts("b"), 2);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn children_of_children_are_made_to_be_as_specified_and_their_supervisors_run_on() {
    let crew = Crew::default();
    let deep = |leaf| sup("x", flat().child(crew.worker("k")).child(sup("y", leaf)));
    let before = flat().child(deep(crew.workers(["a", "b"])));
    let leaf = flat()
        .child(crew.worker("b").version(1))
        .child(crew.worker("c"))
        .remove("a");
    let tree = start(before).await;
    let mut feed = Feed::of(&tree);
    let diff = tree.root().apply(flat().child(deep(leaf))).await.unwrap();
    let expected = SpecDiff {
        added: owned(["c"]),
        removed: owned(["a"]),
        changed: owned(["b"]),
        ..SpecDiff::default()
    };
    assert!(!diff.is_empty());
    assert_eq!(diff.below[0].0, "x");
    assert_eq!(diff.below[0].1.below, [("y".to_owned(), expected)]);
    assert_eq!(order(&tree, "root/x/y"), ["b", "c"]);
    assert_eq!(crew.0.starts("k"), 1);
    let told = feed.take();
    assert!(told.iter().all(|(path, _)| path.starts_with("root/x/y/")));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn new_rules_of_a_supervisor_below_hold_though_its_children_are_the_same() {
    let (board, line) = (Board::default(), line());
    let inner = |restarts| {
        let limit = Intensity::new(restarts, 60 * SECOND);
        let spec = SupervisorSpec::new(Strategy::OneForOne, limit);
        flat().child(sup("inner", spec.child(worker("a", &line, &board))))
    };
    let tree = start(inner(1)).await;
    tree.root().apply(inner(7)).await.unwrap();
    let allowed = tree.snapshot().find("root/inner").unwrap().restarts_allowed;
    assert_eq!(allowed, Some(7));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn new_rules_of_a_child_below_hold_though_its_version_is_the_same() {
    let (board, line) = (Board::default(), line());
    let inner = |restart| {
        let child = worker("a", &line, &board).restart(restart);
        flat().child(sup("inner", flat().child(child)))
    };
    let tree = start(inner(Restart::Permanent)).await;
    let after = inner(Restart::Transient);
    tree.root().apply(after).await.unwrap();
    line.cast(Order::Finish(None)).unwrap();
    settle().await;
    assert_eq!(state(&tree, "root/inner/a"), Some(NodeState::Stopped));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn new_limits_of_a_dynamic_supervisor_below_hold() {
    let (crew, pool) = (Crew::default(), DynamicHandle::new());
    let spec = |restarts, children| {
        let limits = DynamicSpec::new(Intensity::new(restarts, SECOND), children);
        flat().child(ChildSpec::dynamic("pool", &pool, limits))
    };
    let tree = start(spec(3, 1)).await;
    pool.start_child(crew.worker("a")).await.unwrap();
    tree.root().apply(spec(7, 2)).await.unwrap();
    let second = pool.start_child(crew.worker("b")).await;
    assert!(second.is_ok(), "{second:?}");
    assert_eq!(crew.0.starts("a"), 1);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_of_another_version_starts_anew_with_all_below() {
    let crew = Crew::default();
    let spec = |version| {
        let inner = sup("inner", crew.workers(["a"]));
        crew.workers(["k"]).child(inner.version(version))
    };
    let tree = start(spec(0)).await;
    let diff = tree.root().apply(spec(1)).await.unwrap();
    assert_eq!(diff.changed, ["inner"]);
    assert_eq!((crew.0.starts("a"), crew.0.starts("k")), (2, 1));
    assert_eq!(crew.0.overlaps(), 0);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_subtree_starts_and_one_that_goes_stops_as_a_whole() {
    let crew = Crew::default();
    let tree = start(flat().child(sup("old", crew.workers(["a", "b"])))).await;
    crew.0.take();
    let after = flat().child(sup("new", crew.workers(["c", "d"])));
    tree.root().apply(after.remove("old")).await.unwrap();
    let expected = [
        "stop b",
        "stopped b",
        "stop a",
        "stopped a",
        "start c",
        "start d",
    ];
    assert_eq!(crew.0.take(), expected);
    assert!(tree.supervisor("root/old").is_none());
    assert_eq!(order(&tree, "root/new"), ["c", "d"]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_new_starts_in_the_order_of_the_specification_at_every_depth() {
    let crew = Crew::default();
    let tree = start(flat().child(sup("inner", crew.workers(["k"])))).await;
    crew.0.take();
    // A child of `inner` may well need `first`, which is listed before it.
    let after = crew
        .workers(["first"])
        .child(sup("inner", crew.workers(["k", "second"])))
        .child(crew.worker("third"));
    tree.root().apply(after).await.unwrap();
    assert_eq!(
        crew.0.take(),
        ["start first", "start second", "start third"]
    );
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_kept_child_that_is_down_stays_down() {
    let crew = Crew::default();
    let tree = start(crew.workers(["a", "b"])).await;
    tree.root().terminate_child("a").await.unwrap();
    let diff = tree.root().apply(crew.workers(["a", "b"])).await.unwrap();
    assert!(diff.is_empty());
    assert_eq!(state(&tree, "root/a"), Some(NodeState::Stopped));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_applied_outlives_restarts_of_the_supervisor_and_of_its_parent() {
    let crew = Crew::default();
    let inner = SupervisorHandle::new();
    let child = ChildSpec::supervisor_at("inner", &inner, crew.workers(["a"]));
    let outer = sup("outer", flat().child(child));
    let tree = start(flat().child(outer)).await;
    let after = crew.workers(["b"]).remove("a");
    inner.apply(after).await.unwrap();
    for path in ["root/outer/inner", "root/outer"] {
        let before = crew.0.starts("b");
        tree.kill(path).unwrap();
        until(|| crew.0.starts("b") > before).await;
        settle().await;
        assert_eq!(order(&tree, "root/outer/inner"), ["b"], "{path}");
    }
    assert_eq!(crew.0.starts("a"), 1);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_handles_of_the_old_and_of_the_new_specification_reach_a_kept_supervisor() {
    let (crew, old, new) = (
        Crew::default(),
        SupervisorHandle::new(),
        SupervisorHandle::new(),
    );
    let at = |handle| flat().child(ChildSpec::supervisor_at("inner", handle, flat()));
    let tree = start(at(&old)).await;
    tree.root().apply(at(&new)).await.unwrap();
    old.start_child(crew.worker("a")).await.unwrap();
    new.start_child(crew.worker("b")).await.unwrap();
    assert_eq!(order(&tree, "root/inner"), ["a", "b"]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_child_is_metered_though_the_old_one_was_not() {
    let (board, line) = (Board::default(), line());
    let child = || worker("a", &line, &board).liveness(SECOND);
    let tree = start(flat().child(child())).await;
    let after = flat().child(child().metered().version(1));
    tree.root().apply(after).await.unwrap();
    ping(&line).await;
    let snapshot = tree.snapshot();
    let times = snapshot.find("root/a").unwrap().handle_time;
    assert_eq!(times.map(|times| times.count), Some(1));
    tree.shutdown().await;
}

/// Whether a change of kind is refused, or done in full.
async fn changes_kind(old: ChildSpec, new: ChildSpec, kind: NodeKind) {
    let tree = start(flat().child(old)).await;
    let applied = tree.root().apply(flat().child(new.version(1))).await;
    let snapshot = tree.snapshot();
    let begun = Instant::now();
    tree.shutdown().await;
    let took = begun.elapsed();
    if let Err(error) = applied {
        let path = "root/it".to_owned();
        assert_eq!(error, SupervisorError::Spec(SpecError::Kind { path }));
        return;
    }
    let node = snapshot.find("root/it").unwrap();
    let below = node.children.len();
    assert_eq!(
        (node.kind, node.state, below, took),
        (kind, NodeState::Running, 0, Duration::ZERO),
        "nothing of the old one is left, and the new one stops when asked"
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_may_become_a_supervisor() {
    let crew = Crew::default();
    changes_kind(crew.worker("it"), sup("it", flat()), NodeKind::Supervisor).await;
    assert_eq!(crew.0.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_may_become_a_worker() {
    let crew = Crew::default();
    let old = sup("it", crew.workers(["a"]));
    changes_kind(old, crew.worker("it"), NodeKind::Worker).await;
    assert_eq!(crew.0.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_may_become_a_dynamic_one() {
    let (crew, pool) = (Crew::default(), DynamicHandle::new());
    let limits = DynamicSpec::new(Intensity::new(3, SECOND), 8);
    let new = ChildSpec::dynamic("it", &pool, limits);
    changes_kind(sup("it", crew.workers(["a"])), new, NodeKind::Dynamic).await;
    assert_eq!(crew.0.alive(), 0);
}
