//! A limit of restarts that a whole subtree shares, and who answers when it is used up.

use plantao_supervisors::{
    ChildSpec, DynamicHandle, DynamicSpec, ExitReason, Intensity, NodeState, Restart, Strategy,
    SupervisorSpec, Tree,
};

use crate::support::*;
use crate::watch::*;

const PERIOD: std::time::Duration = std::time::Duration::from_secs(10);

fn within(restarts: u32) -> Intensity {
    Intensity::new(restarts, PERIOD)
}

/// A supervisor of one worker, which puts up with two restarts.
fn small(id: &str, line: &Line, board: &Board) -> SupervisorSpec {
    SupervisorSpec::new(Strategy::OneForOne, within(2)).child(worker(id, line, board))
}

/// `owner` with that budget over supervisors `g0` to `g3`.
fn owner(budget: u32, lines: &[Line; 4], board: &Board) -> SupervisorSpec {
    let spec = patient(Strategy::OneForOne).budget(within(budget));
    let groups = lines.iter().enumerate();
    groups.fold(spec, |spec, (place, line)| {
        let below = small(&format!("w{place}"), line, board);
        spec.child(ChildSpec::supervisor(format!("g{place}"), below))
    })
}

async fn owned(budget: u32, restart: Restart) -> (Tree, [Line; 4], Board) {
    let (board, lines) = (Board::default(), lines());
    let child = ChildSpec::supervisor("owner", owner(budget, &lines, &board)).restart(restart);
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    (tree, lines, board)
}

fn left(tree: &Tree) -> Option<u32> {
    tree.snapshot().find("root/owner").unwrap().budget_left
}

/// Uses a budget of five up, no supervisor past its own intensity.
async fn use_up(lines: &[Line; 4]) {
    for place in [0, 0, 1, 1, 2] {
        crash(&lines[place]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn supervisors_within_their_own_intensity_use_a_budget_up_together() {
    let (tree, lines, board) = owned(5, Restart::Permanent).await;
    let mut feed = Feed::of(&tree);
    for (place, expected) in [(0, 4), (0, 3), (1, 2), (1, 1), (2, 0)] {
        crash(&lines[place]).await;
        assert_eq!(left(&tree), Some(expected));
    }
    assert_eq!(feed.gave_up(), [] as [&str; 0]);
    crash(&lines[3]).await;
    assert_eq!(feed.gave_up(), ["root/owner/g3", "root/owner"]);
    let snapshot = tree.snapshot();
    let owner = snapshot.find("root/owner").unwrap();
    assert_eq!(
        (owner.state, owner.restarts, owner.last_exit.clone()),
        (NodeState::Running, 1, Some(ExitReason::Shutdown))
    );
    assert!(lines.iter().all(Line::is_up), "its parent started it anew");
    let starts = ["w0", "w1", "w2", "w3"].map(|id| board.starts(id));
    assert_eq!((starts, board.overlaps()), ([4, 4, 3, 2], 0));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_parent_of_the_owner_decides() {
    let cases = [
        (Restart::Transient, Some(NodeState::Stopped)),
        (Restart::Temporary, None),
    ];
    for (restart, expected) in cases {
        let (tree, lines, board) = owned(5, restart).await;
        use_up(&lines).await;
        crash(&lines[3]).await;
        assert_eq!(state(&tree, "root/owner"), expected);
        assert_eq!(state(&tree, "root"), Some(NodeState::Running));
        assert_eq!(board.alive(), 0);
        tree.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_root_whose_budget_is_used_up_ends_its_tree() {
    let (board, lines) = (Board::default(), lines());
    let tree = start(owner(5, &lines, &board)).await;
    use_up(&lines).await;
    assert_eq!(tree.snapshot().budget_left, Some(0));
    crash(&lines[3]).await;
    assert_eq!(tree.exited().await, ExitReason::Shutdown);
    assert_eq!(board.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn every_supervisor_between_the_crash_and_the_owner_gives_up_in_turn() {
    let (board, line) = (Board::default(), line());
    let mid = patient(Strategy::OneForOne).child(ChildSpec::supervisor(
        "leaf",
        patient(Strategy::OneForOne).child(worker("w", &line, &board)),
    ));
    let owner = patient(Strategy::OneForOne)
        .budget(within(1))
        .child(ChildSpec::supervisor("mid", mid));
    let spec = patient(Strategy::OneForOne).child(ChildSpec::supervisor("owner", owner));
    let tree = start(spec).await;
    let mut feed = Feed::of(&tree);
    crash(&line).await;
    assert_eq!(feed.gave_up(), [] as [&str; 0]);
    crash(&line).await;
    assert_eq!(
        feed.gave_up(),
        ["root/owner/mid/leaf", "root/owner/mid", "root/owner"]
    );
    assert_eq!(ping(&line).await, Some(3));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_budget_of_nothing_allows_no_restart() {
    let (tree, lines, board) = owned(0, Restart::Transient).await;
    assert_eq!(left(&tree), Some(0));
    crash(&lines[0]).await;
    assert_eq!(state(&tree, "root/owner"), Some(NodeState::Stopped));
    assert_eq!((board.starts("w0"), board.alive()), (1, 0));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn restarts_older_than_the_period_are_given_back() {
    let (tree, lines, _) = owned(2, Restart::Permanent).await;
    let mut feed = Feed::of(&tree);
    crash(&lines[0]).await;
    pass(PERIOD / 2).await;
    crash(&lines[1]).await;
    assert_eq!(left(&tree), Some(0));
    pass(PERIOD / 2).await;
    assert_eq!(left(&tree), Some(0), "exactly one period old still counts");
    pass(MS).await;
    assert_eq!(left(&tree), Some(1));
    crash(&lines[2]).await;
    assert_eq!(left(&tree), Some(0));
    pass(2 * PERIOD).await;
    assert_eq!(left(&tree), Some(2));
    assert_eq!(feed.gave_up(), [] as [&str; 0]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_was_started_anew_has_its_whole_budget() {
    let (tree, lines, _) = owned(5, Restart::Permanent).await;
    let mut feed = Feed::of(&tree);
    use_up(&lines).await;
    crash(&lines[3]).await;
    assert_eq!(feed.gave_up(), ["root/owner/g3", "root/owner"]);
    assert_eq!(left(&tree), Some(5), "a new incarnation has no past");
    crash(&lines[0]).await;
    assert_eq!(feed.gave_up(), [] as [&str; 0]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_not_below_the_owner_does_not_draw_on_its_budget() {
    let (board, outside) = (Board::default(), line());
    let lines: [Line; 4] = lines();
    let spec = patient(Strategy::OneForOne)
        .child(ChildSpec::supervisor("owner", owner(1, &lines, &board)))
        .child(worker("outside", &outside, &board));
    let tree = start(spec).await;
    for _ in 0..5 {
        crash(&outside).await;
    }
    assert_eq!(left(&tree), Some(1));
    let snapshot = tree.snapshot();
    let without = ["root", "root/owner/g0", "root/outside"];
    assert!(
        without
            .iter()
            .all(|path| snapshot.find(path).unwrap().budget_left.is_none())
    );
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_refused_by_an_intensity_is_not_charged() {
    let (board, line) = (Board::default(), line());
    let strict =
        SupervisorSpec::new(Strategy::OneForOne, within(0)).child(worker("w", &line, &board));
    let owner = patient(Strategy::OneForOne)
        .budget(within(5))
        .child(ChildSpec::supervisor("strict", strict));
    let spec = patient(Strategy::OneForOne).child(ChildSpec::supervisor("owner", owner));
    let tree = start(spec).await;
    crash(&line).await;
    assert_eq!(board.starts("w"), 2);
    assert_eq!(left(&tree), Some(4), "only the supervisor was restarted");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_budget_within_a_budget_escalates_to_its_own_owner() {
    let (board, lines) = (Board::default(), lines());
    let outer = patient(Strategy::OneForOne)
        .budget(within(10))
        .child(ChildSpec::supervisor("inner", owner(1, &lines, &board)));
    let spec = patient(Strategy::OneForOne).child(ChildSpec::supervisor("owner", outer));
    let tree = start(spec).await;
    let mut feed = Feed::of(&tree);
    crash(&lines[0]).await;
    assert_eq!(left(&tree), Some(9), "both are charged");
    crash(&lines[1]).await;
    assert_eq!(feed.gave_up(), ["root/owner/inner/g1", "root/owner/inner"]);
    assert_eq!(
        left(&tree),
        Some(8),
        "what was refused below did not happen and is not charged"
    );
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_restart_is_charged_once_and_each_further_try_again() {
    let board = Board::default();
    let lines: [Line; 3] = lines();
    let group = patient(Strategy::OneForAll)
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board))
        .child(worker("c", &lines[2], &board));
    let owner = patient(Strategy::OneForOne)
        .budget(within(9))
        .child(ChildSpec::supervisor("group", group));
    let spec = patient(Strategy::OneForOne).child(ChildSpec::supervisor("owner", owner));
    let tree = start(spec).await;
    crash(&lines[1]).await;
    assert_eq!(left(&tree), Some(8));
    board.spoil("b", [BadStart::Refuse, BadStart::Refuse]);
    crash(&lines[1]).await;
    assert_eq!(left(&tree), Some(5));
    assert!(lines.iter().all(Line::is_up));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn children_that_come_and_go_draw_on_the_budget_too() {
    let (board, line, pool) = (Board::default(), line(), DynamicHandle::new());
    let many = DynamicSpec::new(Intensity::new(1_000, SECOND), 10);
    let owner = patient(Strategy::OneForOne)
        .budget(within(1))
        .child(ChildSpec::dynamic("pool", &pool, many));
    let child = ChildSpec::supervisor("owner", owner).restart(Restart::Transient);
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    pool.start_child(worker("w", &line, &board)).await.unwrap();
    crash(&line).await;
    assert_eq!(left(&tree), Some(0));
    crash(&line).await;
    assert_eq!(state(&tree, "root/owner"), Some(NodeState::Stopped));
    assert_eq!(board.alive(), 0);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_added_later_draws_on_the_budget_above_it() {
    let (tree, lines, board) = owned(3, Restart::Permanent).await;
    let owner = tree.supervisor("root/owner").unwrap();
    let later = line();
    owner
        .start_child(ChildSpec::supervisor("later", small("w", &later, &board)))
        .await
        .unwrap();
    crash(&later).await;
    crash(&lines[0]).await;
    assert_eq!(left(&tree), Some(1));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_a_live_change_brings_holds() {
    let (tree, lines, board) = owned(2, Restart::Permanent).await;
    let handle = tree.supervisor("root/owner").unwrap();
    handle.code_change(owner(7, &lines, &board)).await.unwrap();
    assert_eq!(left(&tree), Some(7));
    handle.apply(owner(5, &lines, &board)).await.unwrap();
    assert_eq!(left(&tree), Some(5));
    tree.shutdown().await;
}
