//! How a tree comes up, and what is left when it does not.

use plantao_supervisors::{
    ChildSpec, ExitReason, NodeState, SpecError, StartError, Strategy, Tree,
};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn children_start_in_order_each_after_the_one_before_is_up() {
    let (board, lines) = (Board::default(), [line(), line(), line()]);
    let inner = patient(Strategy::OneForOne)
        .child(worker("b", &lines[1], &board))
        .child(worker("c", &lines[2], &board));
    let spec = patient(Strategy::OneForOne)
        .child(ChildSpec::supervisor("inner", inner))
        .child(worker("a", &lines[0], &board));
    let tree = start(spec).await;
    assert_eq!(board.take(), ["start b", "start c", "start a"]);
    assert!(lines.iter().all(Line::is_up));
    tree.shutdown().await;
}

async fn failure(bad: BadStart) -> (StartError, Board) {
    let (board, lines) = (Board::default(), [line(), line(), line()]);
    board.spoil("b", [bad]);
    let inner = patient(Strategy::OneForOne)
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board).start_timeout(2 * SECOND));
    let spec = patient(Strategy::OneForOne)
        .child(worker("first", &lines[2], &board))
        .child(ChildSpec::supervisor("inner", inner));
    (Tree::start("root", spec).await.unwrap_err(), board)
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_names_the_path_and_leaves_nothing_running() {
    let cases = [
        (BadStart::Refuse, "error: refused"),
        (BadStart::Panic, "panic: broken"),
        (BadStart::Hang, "not up after `2s`"),
    ];
    for (bad, detail) in cases {
        let (error, board) = failure(bad).await;
        let path = "root/inner/b".to_owned();
        let reason = ExitReason::StartFailed(detail.to_owned());
        assert_eq!(error, StartError::Child { path, reason });
        assert_eq!(board.alive(), 0);
        let traces = board.take();
        assert_eq!(
            traces,
            [
                "start first",
                "start a",
                "stop a",
                "stopped a",
                "stop first",
                "stopped first"
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_text_of_a_start_error_tells_where_and_why() {
    let (error, _) = failure(BadStart::Refuse).await;
    assert_eq!(
        error.to_string(),
        "`root/inner/b` did not start: start failed: error: refused"
    );
}

#[tokio::test(start_paused = true)]
async fn a_factory_that_panics_is_a_failed_start() {
    let line = line();
    let child = ChildSpec::worker("a", &line, || -> (Worker, ()) {
        panic!("no configuration")
    });
    let error = Tree::start("root", patient(Strategy::OneForOne).child(child))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`root/a` did not start: start failed: panic: no configuration"
    );
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_does_not_come_up_in_time_takes_its_children_down() {
    let (board, lines) = (Board::default(), [line(), line()]);
    board.spoil("b", [BadStart::Hang]);
    let inner = patient(Strategy::OneForOne)
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board));
    let child = ChildSpec::supervisor("inner", inner).start_timeout(SECOND);
    let error = Tree::start("root", patient(Strategy::OneForOne).child(child))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`root/inner` did not start: start failed: not up after `1s`"
    );
    assert_eq!(board.alive(), 0);
    assert_eq!(board.take(), ["start a", "stop a", "stopped a"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_abandoned_leaves_nothing_running() {
    let (board, lines) = (Board::default(), [line(), line()]);
    board.spoil("b", [BadStart::Hang]);
    let spec = patient(Strategy::OneForOne)
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board));
    let starting = Tree::start("root", spec);
    assert!(tokio::time::timeout(SECOND, starting).await.is_err());
    until(|| board.alive() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn ids_that_cannot_be_parts_of_a_path_are_refused_before_anything_starts() {
    let (board, line) = (Board::default(), line());
    for (ids, path) in [
        (vec!["a/b"], "root/a/b"),
        (vec![""], "root/"),
        (vec!["a", "a"], "root/a"),
    ] {
        let spec = ids.iter().fold(patient(Strategy::OneForOne), |spec, id| {
            spec.child(worker(id, &line, &board))
        });
        let error = Tree::start("root", spec).await.unwrap_err();
        let StartError::Spec(
            SpecError::Id { path: wrong, .. } | SpecError::DuplicateId { path: wrong },
        ) = error
        else {
            panic!("another error: {error}");
        };
        assert_eq!(wrong, path);
    }
    assert!(board.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_supervisor_answers_while_a_child_is_starting() {
    let (board, lines) = (Board::default(), [line(), line()]);
    let spec = patient(Strategy::OneForOne)
        .child(worker("slow", &lines[0], &board).start_timeout(60 * SECOND))
        .child(worker("other", &lines[1], &board));
    let tree = start(spec).await;
    board.spoil("slow", [BadStart::Hang]);
    lines[0].cast(Order::Panic).unwrap();
    until(|| tree.snapshot().children[0].state == NodeState::Restarting).await;
    lines[1].cast(Order::Panic).unwrap();
    until(|| board.starts("other") == 2).await;
    assert_eq!(tree.snapshot().children[0].state, NodeState::Restarting);
    tree.shutdown().await;
    assert_eq!(board.alive(), 0);
}
