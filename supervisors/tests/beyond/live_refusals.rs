//! New specifications that are refused: each names the child, and nothing is touched.

use plantao_supervisors::{
    AutoShutdown, Backoff, ChildSpec, DynamicHandle, DynamicSpec, Intensity, NodeState, Restart,
    SpecError, Strategy, SupervisorError, SupervisorHandle, SupervisorSpec,
};
use std::time::Duration;

use crate::support::*;
use crate::watch::*;

fn flat() -> SupervisorSpec {
    patient(Strategy::OneForOne)
}

fn some(id: &str, board: &Board) -> ChildSpec {
    worker(id, &line(), board)
}

/// New specifications of a supervisor at `above` with the workers `a` and `b`.
fn refused(board: &Board, above: &str) -> Vec<(SupervisorSpec, SpecError)> {
    let both = || flat().child(some("a", board)).child(some("b", board));
    let path = |id: &str| format!("{above}/{id}");
    let significant = |restart| some("x", board).significant(true).restart(restart);
    let kind = flat()
        .child(ChildSpec::supervisor("a", flat()))
        .child(some("b", board));
    let mut never = both();
    never.intensity = Intensity::new(3, Duration::ZERO);
    let limits = |path: String, field| {
        let detail = "its period is zero; expected more than no time";
        SpecError::Limits {
            path,
            field,
            detail,
        }
    };
    let pool = |period| {
        let limits = DynamicSpec::new(Intensity::new(3, period), 8);
        ChildSpec::dynamic("pool", &DynamicHandle::new(), limits)
    };
    let zero = Intensity::new(3, Duration::ZERO);
    vec![
        (
            flat().child(some("a", board)),
            SpecError::Unlisted { path: path("b") },
        ),
        (
            both().remove("ghost"),
            SpecError::RemovedUnknown {
                path: path("ghost"),
            },
        ),
        (
            both().remove("b"),
            SpecError::RemovedAndListed { path: path("b") },
        ),
        (kind, SpecError::Kind { path: path("a") }),
        (
            both().child(some("a", board)),
            SpecError::DuplicateId { path: path("a") },
        ),
        (
            both()
                .auto_shutdown(AutoShutdown::AnySignificant)
                .child(significant(Restart::Permanent)),
            SpecError::SignificantPermanent { path: path("x") },
        ),
        (
            both().child(significant(Restart::Transient)),
            SpecError::SignificantNever { path: path("x") },
        ),
        (never, limits(above.to_owned(), "intensity")),
        (both().budget(zero), limits(above.to_owned(), "budget")),
        (
            both().child(pool(Duration::ZERO)),
            limits(path("pool"), "intensity"),
        ),
        (
            both().child(some("", board)),
            SpecError::Id {
                path: path(""),
                detail: "it is empty",
            },
        ),
        (
            both().child(some("c/d", board)),
            SpecError::Id {
                path: path("c/d"),
                detail: "it contains `/`",
            },
        ),
    ]
}

fn workers(board: &Board) -> SupervisorSpec {
    flat().child(some("a", board)).child(some("b", board))
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_names_the_child_and_touches_nothing() {
    let board = Board::default();
    let tree = start(workers(&board)).await;
    let (before, mut feed) = (tree.snapshot(), Feed::of(&tree));
    for (spec, error) in refused(&board, "root") {
        let expected = SupervisorError::Spec(error);
        assert_eq!(tree.root().diff(&spec), Err(expected.clone()));
        assert_eq!(tree.root().apply(spec).await, Err(expected));
        settle().await;
        assert_eq!((tree.snapshot(), feed.take()), (before.clone(), vec![]));
    }
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_below_touches_nothing_above_either() {
    let board = Board::default();
    let whole = |inner| {
        let inner = ChildSpec::supervisor("inner", inner);
        flat().child(some("k", &board)).child(inner)
    };
    let tree = start(whole(workers(&board))).await;
    let (before, mut feed) = (tree.snapshot(), Feed::of(&tree));
    for (inner, error) in refused(&board, "root/inner") {
        let spec = whole(inner).child(some("new", &board));
        let expected = Err(SupervisorError::Spec(error));
        assert_eq!(tree.root().apply(spec).await, expected);
        settle().await;
        assert_eq!((tree.snapshot(), feed.take()), (before.clone(), vec![]));
    }
    assert_eq!(board.starts("new"), 0);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_text_of_a_refusal_says_what_to_do() {
    let board = Board::default();
    let tree = start(workers(&board)).await;
    let error = tree.root().apply(flat().child(some("a", &board))).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "`root/b` is running and not in the new specification; name it as removed"
    );
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_was_started_by_hand_has_to_be_listed_too() {
    let board = Board::default();
    let tree = start(workers(&board)).await;
    tree.root().start_child(some("hand", &board)).await.unwrap();
    let path = "root/hand".to_owned();
    let expected = Err(SupervisorError::Spec(SpecError::Unlisted { path }));
    assert_eq!(tree.root().apply(workers(&board)).await, expected);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_waits_out_its_backoff_is_a_running_one() {
    let (board, line) = (Board::default(), line());
    let backoff = Backoff::exponential(60 * SECOND, 60 * SECOND);
    let child = worker("a", &line, &board).backoff(backoff);
    let tree = start(flat().child(child)).await;
    crash(&line).await;
    let path = "root/a".to_owned();
    let expected = Err(SupervisorError::Spec(SpecError::Unlisted { path }));
    assert_eq!(tree.root().apply(flat()).await, expected);
    tree.root().apply(flat().remove("a")).await.unwrap();
    pass(120 * SECOND).await;
    assert_eq!((board.starts("a"), tree.snapshot().children.len()), (1, 0));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_down_and_not_listed_is_kept() {
    let board = Board::default();
    let tree = start(workers(&board)).await;
    tree.root().terminate_child("b").await.unwrap();
    let after = flat().child(some("a", &board));
    let diff = tree.root().apply(after).await.unwrap();
    assert!(diff.is_empty());
    assert_eq!(state(&tree, "root/b"), Some(NodeState::Stopped));
    tree.root().restart_child("b").await.unwrap();
    assert_eq!(board.starts("b"), 2);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_applied_to_a_supervisor_that_is_not_up() {
    let board = Board::default();
    let nowhere = SupervisorHandle::new();
    let spec = || workers(&board);
    let unavailable = SupervisorError::Unavailable;
    assert_eq!(nowhere.apply(spec()).await, Err(unavailable.clone()));
    assert_eq!(nowhere.diff(&spec()), Err(unavailable.clone()));
    let tree = start(spec()).await;
    let root = tree.root();
    tree.shutdown().await;
    assert_eq!(root.apply(spec()).await, Err(unavailable));
    assert_eq!(board.alive(), 0);
}
