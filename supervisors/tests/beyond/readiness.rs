//! Children that say themselves when they are up, and who waits for that.

use plantao_supervisors::{
    ChildSpec, ExitReason, Intensity, LifecycleEvent, NodeState, Presence, Readiness, StartError,
    Started, Strategy, SupervisorError, SupervisorSpec, Tree,
};
use std::sync::{Arc, Mutex};

use crate::support::*;
use crate::watch::*;

/// The readiness of every life of a child, oldest first.
#[derive(Default, Clone)]
struct Lives(Arc<Mutex<Vec<Readiness>>>);

impl Lives {
    fn ready(&self, life: usize) {
        self.0.lock().unwrap()[life].ready();
    }

    /// A worker that is up when the test says so.
    fn worker(&self, id: &str, line: &Line, board: &Board) -> ChildSpec {
        let (lives, make) = (self.clone(), maker(id, board, Manners::default()));
        ChildSpec::worker_with(id, line, move |context| {
            lives.0.lock().unwrap().push(context.readiness());
            make()
        })
        .start_timeout(5 * SECOND)
        .awaits_readiness()
    }
}

/// A tree of `a`, which says when it is ready, before `b`; not yet up.
struct Pair {
    lives: Lives,
    lines: [Line; 2],
    board: Board,
    starting: tokio::task::JoinHandle<Result<Tree, StartError>>,
}

async fn pair(strategy: Strategy) -> Pair {
    let (lives, board) = (Lives::default(), Board::default());
    let lines: [Line; 2] = lines();
    let spec = patient(strategy)
        .child(lives.worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board));
    let starting = tokio::spawn(Tree::start("root", spec));
    settle().await;
    Pair {
        lives,
        lines,
        board,
        starting,
    }
}

async fn running(strategy: Strategy) -> (Tree, Pair) {
    let mut pair = pair(strategy).await;
    pair.lives.ready(0);
    let tree = (&mut pair.starting).await.unwrap().unwrap();
    (tree, pair)
}

#[tokio::test(start_paused = true)]
async fn the_next_sibling_starts_only_when_the_child_says_it_is_ready() {
    let pair = pair(Strategy::OneForOne).await;
    pass(4 * SECOND).await;
    assert_eq!(pair.board.take(), ["start a"]);
    assert!(!pair.starting.is_finished());
    pair.lives.ready(0);
    let tree = pair.starting.await.unwrap().unwrap();
    assert_eq!(pair.board.take(), ["start b"]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_is_reached_while_it_makes_itself_ready() {
    let pair = pair(Strategy::OneForOne).await;
    assert_eq!(ping(&pair.lines[0]).await, Some(1));
    pair.lives.ready(0);
    let tree = pair.starting.await.unwrap().unwrap();
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_not_ready_in_time_did_not_start() {
    let pair = pair(Strategy::OneForOne).await;
    pass(5 * SECOND).await;
    let error = pair.starting.await.unwrap().unwrap_err();
    let path = "root/a".to_owned();
    let reason = ExitReason::StartFailed("not up after `5s`".to_owned());
    assert_eq!(error, StartError::Child { path, reason });
    assert_eq!((pair.board.alive(), pair.board.starts("b")), (0, 0));
    pair.lives.ready(0);
    settle().await;
    assert_eq!(pair.board.starts("b"), 0, "too late has no effect");
}

#[tokio::test(start_paused = true)]
async fn the_last_moment_is_in_time() {
    let pair = pair(Strategy::OneForOne).await;
    pass(5 * SECOND - MS).await;
    pair.lives.ready(0);
    let tree = pair.starting.await.unwrap().unwrap();
    pass(60 * SECOND).await;
    assert_eq!(state(&tree, "root/a"), Some(NodeState::Running));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_not_ready_shows_as_starting() {
    let (lives, board, line) = (Lives::default(), Board::default(), line());
    let tree = start(patient(Strategy::OneForOne)).await;
    let root = tree.root();
    let child = lives.worker("a", &line, &board);
    let asked = tokio::spawn(async move { root.start_child(child).await });
    settle().await;
    assert_eq!(state(&tree, "root/a"), Some(NodeState::Starting));
    let shown = tree.root().which_child("a").unwrap();
    assert_eq!(shown.presence, Presence::Undefined);
    assert_eq!(tree.snapshot().find("root/a").unwrap().uptime_ms, None);
    assert!(!asked.is_finished());
    lives.ready(0);
    assert_eq!(asked.await.unwrap(), Ok(Started::Up));
    assert_eq!(state(&tree, "root/a"), Some(NodeState::Running));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn ready_said_again_has_no_effect() {
    let (tree, pair) = running(Strategy::RestForOne).await;
    let mut feed = Feed::of(&tree);
    for _ in 0..3 {
        pair.lives.ready(0);
        settle().await;
    }
    assert_eq!(feed.take(), []);
    assert_eq!(pair.board.starts("b"), 1);
    tree.shutdown().await;
    pair.lives.ready(0);
}

#[tokio::test(start_paused = true)]
async fn ready_from_a_life_that_is_over_is_not_taken_for_the_next() {
    let (tree, pair) = running(Strategy::RestForOne).await;
    crash(&pair.lines[0]).await;
    assert_eq!((pair.board.starts("a"), pair.board.starts("b")), (2, 1));
    pair.lives.ready(0);
    settle().await;
    assert_eq!(state(&tree, "root/a"), Some(NodeState::Restarting));
    assert_eq!(pair.board.starts("b"), 1);
    pair.lives.ready(1);
    settle().await;
    assert_eq!(state(&tree, "root/a"), Some(NodeState::Running));
    assert_eq!(pair.board.starts("b"), 2);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_is_not_ready_in_time_counts_and_is_tried_again() {
    let (tree, pair) = running(Strategy::OneForOne).await;
    let mut feed = Feed::of(&tree);
    crash(&pair.lines[0]).await;
    pass(5 * SECOND).await;
    assert_eq!(pair.board.starts("a"), 3);
    let reason = ExitReason::StartFailed("not up after `5s`".to_owned());
    let failed = LifecycleEvent::StartFailed { reason };
    assert!(feed.at("root/a").contains(&failed));
    pair.lives.ready(2);
    settle().await;
    let snapshot = tree.snapshot();
    let a = snapshot.find("root/a").unwrap();
    assert_eq!((a.state, a.restarts), (NodeState::Running, 2));
    assert_eq!(pair.board.overlaps(), 0);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn restarts_that_are_never_ready_end_the_supervisor() {
    let (lives, board, line) = (Lives::default(), Board::default(), line());
    let limit = Intensity::new(2, 60 * SECOND);
    let spec = SupervisorSpec::new(Strategy::OneForOne, limit);
    let tree = {
        let spec = spec.child(lives.worker("a", &line, &board));
        let starting = tokio::spawn(Tree::start("root", spec));
        settle().await;
        lives.ready(0);
        starting.await.unwrap().unwrap()
    };
    crash(&line).await;
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
    assert_eq!((board.starts("a"), board.alive()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_is_up_only_when_its_children_are_ready() {
    let (lives, board) = (Lives::default(), Board::default());
    let lines: [Line; 2] = lines();
    let tree = start(patient(Strategy::OneForOne)).await;
    let mut feed = Feed::of(&tree);
    let inner = patient(Strategy::OneForOne)
        .child(lives.worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board));
    let root = tree.root();
    let asked = tokio::spawn(async move {
        let child = ChildSpec::supervisor("inner", inner);
        root.start_child(child).await
    });
    pass(SECOND).await;
    assert_eq!(state(&tree, "root/inner"), Some(NodeState::Starting));
    assert_eq!(feed.take(), []);
    lives.ready(0);
    assert_eq!(asked.await.unwrap(), Ok(Started::Up));
    let order = feed.take().into_iter().map(|(path, event)| {
        assert_eq!(event, LifecycleEvent::Started);
        path
    });
    let expected = ["root/inner/a", "root/inner/b", "root/inner"];
    assert_eq!(order.collect::<Vec<_>>(), expected);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_ends_before_it_is_ready_did_not_start() {
    let cases = [
        (Order::Panic, "panic: told to panic"),
        (Order::Fail, "error: told to fail"),
        (Order::Finish(None), "normal"),
    ];
    for (order, detail) in cases {
        let pair = pair(Strategy::OneForOne).await;
        pair.lines[0].cast(order).unwrap();
        let error = pair.starting.await.unwrap().unwrap_err();
        let path = "root/a".to_owned();
        let reason = ExitReason::StartFailed(detail.to_owned());
        assert_eq!(error, StartError::Child { path, reason });
        assert_eq!((pair.board.alive(), pair.board.starts("b")), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn ready_has_no_effect_where_nobody_waits_for_it() {
    let (lives, board, line) = (Lives::default(), Board::default(), line());
    let make = maker("a", &board, Manners::default());
    let kept = lives.clone();
    let child = ChildSpec::worker_with("a", &line, move |context| {
        kept.0.lock().unwrap().push(context.readiness());
        make()
    });
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    let mut feed = Feed::of(&tree);
    lives.ready(0);
    settle().await;
    assert_eq!(feed.take(), []);
    tree.shutdown().await;
}

/// Says it is ready before there is an actor.
fn hasty(id: &str, line: &Line, board: &Board) -> ChildSpec {
    let make = maker(id, board, Manners::default());
    ChildSpec::worker_with(id, line, move |context| {
        context.readiness().ready();
        make()
    })
    .awaits_readiness()
}

#[tokio::test(start_paused = true)]
async fn ready_said_before_pre_start_returned_counts_when_it_has() {
    let board = Board::default();
    let lines: [Line; 2] = lines();
    board.spoil("a", [BadStart::Hang]);
    let spec = patient(Strategy::OneForOne)
        .child(hasty("a", &lines[0], &board).start_timeout(5 * SECOND))
        .child(worker("b", &lines[1], &board));
    let started = Tree::start("root", spec).await;
    assert!(started.is_err(), "nobody can reach it");
    assert_eq!(board.starts("b"), 0);
}

#[tokio::test(start_paused = true)]
async fn ready_said_by_a_start_that_then_fails_does_not_make_it_a_success() {
    for bad in [BadStart::Refuse, BadStart::Panic] {
        let (board, line) = (Board::default(), line());
        board.spoil("a", [bad]);
        let spec = patient(Strategy::OneForOne).child(hasty("a", &line, &board));
        assert!(Tree::start("root", spec).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn ready_said_in_the_factory_is_enough() {
    let (board, line) = (Board::default(), line());
    let tree = start(patient(Strategy::OneForOne).child(hasty("a", &line, &board))).await;
    assert_eq!(ping(&line).await, Some(1));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_child_to_be_ready() {
    let (lives, board, line) = (Lives::default(), Board::default(), line());
    let tree = start(patient(Strategy::OneForOne)).await;
    let (root, child) = (tree.root(), lives.worker("a", &line, &board));
    let asked = tokio::spawn(async move { root.start_child(child).await });
    settle().await;
    tree.shutdown().await;
    assert_eq!(asked.await.unwrap(), Err(SupervisorError::Unavailable));
    assert_eq!(board.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_abandoned_before_it_is_ready_leaves_nothing() {
    let pair = pair(Strategy::OneForOne).await;
    pair.starting.abort();
    until(|| pair.board.alive() == 0).await;
    assert_eq!(pair.board.starts("b"), 0);
}
