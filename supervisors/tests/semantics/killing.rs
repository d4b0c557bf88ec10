//! Killing one actor in a live tree, from outside and in ways nobody should.

use plantao_supervisors::{
    ChildSpec, DynamicHandle, DynamicSpec, ExitReason, Intensity, KillError, NodeState, Restart,
    Strategy, Tree,
};

use crate::support::*;

struct Hospital {
    tree: Tree,
    lines: [Line; 3],
    board: Board,
}

/// `root/first`, `root/ward/{a,b}`.
async fn hospital() -> Hospital {
    let (board, lines) = (Board::default(), [line(), line(), line()]);
    let ward = patient(Strategy::OneForOne)
        .child(worker("a", &lines[1], &board))
        .child(worker("b", &lines[2], &board));
    let spec = patient(Strategy::OneForOne)
        .child(worker("first", &lines[0], &board))
        .child(ChildSpec::supervisor("ward", ward));
    let tree = start(spec).await;
    board.take();
    Hospital { tree, lines, board }
}

#[tokio::test(start_paused = true)]
async fn a_killed_worker_is_restarted_and_its_handle_finds_it() {
    let Hospital { tree, lines, board } = hospital().await;
    tree.kill("root/ward/a").unwrap();
    until(|| board.starts("a") == 2).await;
    assert_eq!(ping(&lines[1]).await, Some(2));
    assert_eq!(board.take(), ["start a"]);
    let snapshot = tree.snapshot();
    let node = snapshot.find("root/ward/a").unwrap();
    assert_eq!(
        (node.restarts, node.last_exit.clone()),
        (1, Some(ExitReason::Killed))
    );
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_supervisor_stops_its_children_and_comes_back_with_fresh_ones() {
    let Hospital { tree, lines, board } = hospital().await;
    tree.kill("root/ward").unwrap();
    until(|| board.starts("b") == 2).await;
    assert_eq!(
        board.take(),
        [
            "stop b",
            "stopped b",
            "stop a",
            "stopped a",
            "start a",
            "start b"
        ]
    );
    assert_eq!(ping(&lines[2]).await, Some(2));
    assert_eq!((board.alive(), board.overlaps()), (3, 0));
    let ward = &tree.snapshot().children[1];
    assert_eq!(
        (ward.restarts, ward.last_exit.clone()),
        (1, Some(ExitReason::Killed))
    );
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_dies_abruptly_leaves_no_orphans() {
    let Hospital { tree, lines, board } = hospital().await;
    for incarnation in 2..50 {
        lines[1].cast(Order::KillSupervisor).unwrap();
        until(|| board.starts("b") == incarnation && lines[2].is_up()).await;
        assert_eq!((board.alive(), board.overlaps()), (3, 0));
    }
    tree.shutdown().await;
    assert_eq!(board.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_root_that_dies_abruptly_takes_everything_along() {
    let Hospital { tree, lines, board } = hospital().await;
    lines[0].cast(Order::KillSupervisor).unwrap();
    assert_eq!(tree.exited().await, ExitReason::Killed);
    assert_eq!(board.alive(), 0);
    assert!(lines.iter().all(|line| !line.is_up()));
}

#[tokio::test(start_paused = true)]
async fn killing_the_root_stops_the_tree_in_order() {
    let Hospital { tree, board, .. } = hospital().await;
    tree.kill("root").unwrap();
    assert_eq!(tree.exited().await, ExitReason::Killed);
    let expected = [
        "stop b",
        "stopped b",
        "stop a",
        "stopped a",
        "stop first",
        "stopped first",
    ];
    assert_eq!(board.take(), expected);
    assert_eq!(tree.snapshot().state, NodeState::Failed);
}

#[tokio::test(start_paused = true)]
async fn there_is_nothing_to_kill_at_an_unknown_path() {
    let Hospital { tree, .. } = hospital().await;
    for path in [
        "",
        "other",
        "root/",
        "root/ward/c",
        "root/war",
        "root/ward/a/x",
        "rootward",
    ] {
        assert_eq!(
            tree.kill(path),
            Err(KillError::NotFound {
                path: path.to_owned()
            })
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_running_cannot_be_killed() {
    let (board, line) = (Board::default(), line());
    let child = worker("a", &line, &board).restart(Restart::Transient);
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    line.cast(Order::Finish(None)).unwrap();
    until(|| tree.snapshot().children[0].state == NodeState::Stopped).await;
    assert_eq!(
        tree.kill("root/a"),
        Err(KillError::NotRunning {
            path: "root/a".into()
        })
    );
}

#[tokio::test(start_paused = true)]
async fn dynamic_supervisors_and_their_children_are_killed_like_others() {
    let (board, lines, sessions) = (Board::default(), [line(), line()], DynamicHandle::new());
    let limits = DynamicSpec::new(Intensity::new(9, SECOND), 9);
    let child = ChildSpec::dynamic("sessions", &sessions, limits);
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    for (id, line) in ["x", "y"].iter().zip(&lines) {
        sessions
            .start_child(worker(id, line, &board))
            .await
            .unwrap();
    }
    tree.kill("root/sessions/x").unwrap();
    until(|| board.starts("x") == 2).await;
    assert_eq!(ping(&lines[0]).await, Some(2));
    tree.kill("root/sessions").unwrap();
    until(|| board.alive() == 0 && tree.snapshot().children[0].restarts == 1).await;
    settle().await;
    assert_eq!(tree.snapshot().children[0].state, NodeState::Running);
    assert!(sessions.is_empty() && tree.snapshot().children[0].children.is_empty());
    sessions
        .start_child(worker("x", &lines[0], &board))
        .await
        .unwrap();
    assert_eq!(ping(&lines[0]).await, Some(3));
    tree.shutdown().await;
    assert_eq!(board.overlaps(), 0);
}
