//! A change that fails half-way: what was done is undone, here and below.

use plantao_supervisors::{
    ChildSpec, ExitReason, Intensity, Restart, Strategy, SupervisorError, SupervisorHandle,
    SupervisorSpec, Tree,
};
use tokio::time::timeout;

use crate::support::*;
use crate::watch::*;

fn flat() -> SupervisorSpec {
    patient(Strategy::OneForOne)
}

fn some(id: &str, board: &Board) -> ChildSpec {
    worker(id, &line(), board)
}

fn workers<const N: usize>(ids: [&str; N], board: &Board) -> SupervisorSpec {
    ids.iter()
        .fold(flat(), |spec, id| spec.child(some(id, board)))
}

fn sup(id: &str, spec: SupervisorSpec) -> ChildSpec {
    ChildSpec::supervisor(id, spec)
}

/// Paths of all that runs, and in which order.
fn up(tree: &Tree) -> Vec<String> {
    fn walk(node: &plantao_supervisors::Snapshot, all: &mut Vec<String>) {
        all.push(format!("{} {:?}", node.path, node.state));
        for child in &node.children {
            walk(child, all);
        }
    }
    let mut all = Vec::new();
    walk(&tree.snapshot(), &mut all);
    all
}

fn failed(id: &str, detail: &str) -> SupervisorError {
    SupervisorError::StartFailed {
        id: id.to_owned(),
        reason: ExitReason::StartFailed(detail.to_owned()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_child_that_does_not_start_undoes_everything() {
    let cases = [
        (BadStart::Refuse, "error: refused"),
        (BadStart::Panic, "panic: broken"),
        (BadStart::Hang, "not up after `2s`"),
    ];
    for (bad, detail) in cases {
        let board = Board::default();
        let before = || workers(["gone", "kept", "other"], &board);
        let tree = start(before()).await;
        let was = up(&tree);
        board.spoil("bad", [bad]);
        let mut after = workers(["kept", "good"], &board)
            .child(some("other", &board).version(1))
            .child(some("bad", &board).start_timeout(2 * SECOND))
            .child(some("never", &board))
            .remove("gone");
        after.strategy = Strategy::OneForAll;
        after.intensity = Intensity::new(1, SECOND);
        assert_eq!(tree.root().apply(after).await, Err(failed("bad", detail)));
        settle().await;
        assert_eq!(up(&tree), was);
        assert_eq!(tree.snapshot().restarts_allowed, Some(1_000_000));
        assert_eq!(tree.snapshot().strategy, Some(Strategy::OneForOne));
        assert!(tree.root().diff(&before()).unwrap().is_empty());
        let starts = ["gone", "kept", "other", "good", "never"].map(|id| board.starts(id));
        assert_eq!(starts, [2, 1, 3, 1, 0]);
        assert_eq!((board.alive(), board.overlaps()), (3, 0));
        tree.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_child_that_does_not_start_is_again_what_it_was() {
    let (board, line) = (Board::default(), line());
    let old = worker("a", &line, &board);
    let tree = start(flat().child(old)).await;
    let new = ChildSpec::worker("a", &line, || -> (Worker, ()) {
        panic!("no configuration")
    });
    let error = tree.root().apply(flat().child(new.version(1))).await;
    assert_eq!(error, Err(failed("a", "panic: no configuration")));
    assert_eq!(ping(&line).await, Some(2));
    crash(&line).await;
    assert_eq!(ping(&line).await, Some(3), "it restarts from the old one");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_child_below_that_does_not_start_undoes_what_was_done_below() {
    let board = Board::default();
    let whole = |inner| flat().child(some("k", &board)).child(sup("inner", inner));
    let tree = start(whole(workers(["a", "b"], &board))).await;
    let was = up(&tree);
    board.spoil("bad", [BadStart::Refuse]);
    let inner = workers(["b", "bad"], &board).remove("a");
    let after = whole(inner).child(some("new", &board));
    let error = tree.root().apply(after).await;
    assert_eq!(error, Err(failed("bad", "error: refused")));
    assert_eq!(up(&tree), was);
    let starts = ["k", "a", "b", "new"].map(|id| board.starts(id));
    assert_eq!((starts, board.alive()), ([1, 2, 1, 0], 3));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_child_above_that_does_not_start_undoes_what_was_done_below() {
    let board = Board::default();
    let deep = |leaf| flat().child(sup("x", flat().child(sup("y", leaf))));
    let before = || deep(workers(["a", "b", "c"], &board));
    let tree = start(before()).await;
    let was = up(&tree);
    board.spoil("bad", [BadStart::Refuse]);
    let leaf = workers(["b", "new"], &board)
        .child(some("c", &board).version(1))
        .remove("a");
    let after = deep(leaf).child(some("bad", &board));
    let error = tree.root().apply(after).await;
    assert_eq!(error, Err(failed("bad", "error: refused")));
    settle().await;
    assert_eq!(up(&tree), was);
    assert!(tree.root().diff(&before()).unwrap().is_empty());
    let starts = ["a", "b", "c", "new"].map(|id| board.starts(id));
    assert_eq!((starts, board.alive()), ([2, 1, 3, 1], 3));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_below_one_supervisor_undoes_what_was_done_below_another() {
    let board = Board::default();
    let pair = |x, y| flat().child(sup("x", x)).child(sup("y", y));
    let tree = start(pair(workers(["a"], &board), workers(["b"], &board))).await;
    let was = up(&tree);
    board.spoil("bad", [BadStart::Refuse]);
    let after = pair(
        workers(["new"], &board).remove("a"),
        workers(["b", "bad"], &board),
    );
    let error = tree.root().apply(after).await;
    assert_eq!(error, Err(failed("bad", "error: refused")));
    assert_eq!((up(&tree), board.starts("b")), (was, 1));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_subtree_with_a_child_that_does_not_start_leaves_nothing() {
    let board = Board::default();
    let tree = start(workers(["k"], &board)).await;
    let was = up(&tree);
    board.spoil("bad", [BadStart::Refuse]);
    let subtree = sup("new", workers(["good", "bad"], &board));
    let after = workers(["k"], &board).child(subtree);
    let error = tree.root().apply(after).await.unwrap_err();
    let expected = failed("new", "`root/new/bad`: error: refused");
    assert_eq!((error, up(&tree)), (expected, was));
    assert_eq!(board.alive(), 1);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn after_an_undo_a_restarted_supervisor_is_what_it_was() {
    let (board, inner) = (Board::default(), SupervisorHandle::new());
    let child = ChildSpec::supervisor_at("inner", &inner, workers(["a"], &board));
    let tree = start(flat().child(child)).await;
    let was = up(&tree);
    board.spoil("bad", [BadStart::Refuse]);
    let after = workers(["bad"], &board).remove("a");
    assert!(inner.apply(after).await.is_err());
    tree.kill("root/inner").unwrap();
    until(|| board.starts("a") == 3).await;
    settle().await;
    assert_eq!((up(&tree), board.starts("bad")), (was, 0));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_temporary_child_that_was_changed_is_again_what_it_was() {
    let (board, line) = (Board::default(), line());
    let child = || worker("t", &line, &board).restart(Restart::Temporary);
    let tree = start(flat().child(child())).await;
    let was = up(&tree);
    board.spoil("bad", [BadStart::Refuse]);
    let after = flat().child(child().version(1)).child(some("bad", &board));
    let error = tree.root().apply(after).await;
    assert_eq!(error, Err(failed("bad", "error: refused")));
    assert_eq!(up(&tree), was);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_was_down_before_is_down_after_an_undo() {
    let board = Board::default();
    let tree = start(workers(["a", "b"], &board)).await;
    tree.root().terminate_child("a").await.unwrap();
    let was = up(&tree);
    board.spoil("bad", [BadStart::Refuse]);
    let after = workers(["b", "bad"], &board).remove("a");
    assert!(tree.root().apply(after).await.is_err());
    assert_eq!((up(&tree), board.starts("a")), (was, 1));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_child_that_has_nothing_to_start_is_no_failure() {
    let board = Board::default();
    let tree = start(workers(["a"], &board)).await;
    board.spoil("b", [BadStart::Ignore]);
    let diff = tree.root().apply(workers(["a", "b"], &board)).await;
    assert_eq!(diff.unwrap().added, ["b"]);
    assert_eq!(up(&tree)[2], "root/b Stopped");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_apply_that_is_abandoned_is_not_left_half_done() {
    let board = Board::default();
    let tree = start(workers(["gone", "kept"], &board)).await;
    let was = up(&tree);
    board.spoil("bad", [BadStart::Hang]);
    let after = workers(["kept"], &board)
        .child(some("bad", &board).start_timeout(5 * SECOND))
        .remove("gone");
    let root = tree.root();
    assert!(timeout(SECOND, root.apply(after)).await.is_err());
    // What it waited for fails in the end, so that it has to be undone.
    pass(60 * SECOND).await;
    assert_eq!(up(&tree), was);
    tree.shutdown().await;
}
