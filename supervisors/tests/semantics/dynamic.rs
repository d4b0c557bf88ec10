//! Children that come and go.

use plantao_supervisors::{
    ChildSpec, DynamicHandle, DynamicSpec, ExitReason, Intensity, Restart, SpecError, Strategy,
    SupervisorError, Tree,
};
use tokio::time::Instant;

use crate::support::*;

const LIMIT: usize = 3;

async fn sessions() -> (Tree, DynamicHandle, Board) {
    let (handle, board) = (DynamicHandle::new(), Board::default());
    let spec = DynamicSpec::new(Intensity::new(3, 5 * SECOND), LIMIT);
    let child = ChildSpec::dynamic("sessions", &handle, spec);
    (
        start(patient(Strategy::OneForOne).child(child)).await,
        handle,
        board,
    )
}

#[tokio::test(start_paused = true)]
async fn a_child_is_up_when_its_start_is_answered_and_gone_when_its_stop_is() {
    let (tree, sessions, board) = sessions().await;
    let line = line();
    sessions
        .start_child(worker("x", &line, &board))
        .await
        .unwrap();
    assert_eq!(ping(&line).await, Some(1));
    assert_eq!(sessions.len(), 1);
    assert_eq!(
        tree.snapshot().children[0].children[0].path,
        "root/sessions/x"
    );
    sessions.terminate_child("x").await.unwrap();
    assert_eq!((board.alive(), ping(&line).await), (0, None));
    settle().await;
    assert!(sessions.is_empty());
    assert!(tree.snapshot().children[0].children.is_empty());
    let unknown = SupervisorError::NotFound { id: "x".into() };
    assert_eq!(sessions.terminate_child("x").await, Err(unknown));
}

#[tokio::test(start_paused = true)]
async fn a_second_child_of_the_same_id_is_refused() {
    let (_tree, sessions, board) = sessions().await;
    let (first, second) = (line(), line());
    sessions
        .start_child(worker("x", &first, &board))
        .await
        .unwrap();
    let refused = sessions.start_child(worker("x", &second, &board)).await;
    assert_eq!(
        refused,
        Err(SupervisorError::AlreadyStarted { id: "x".into() })
    );
    assert!(first.is_up() && !second.is_up());
}

#[tokio::test(start_paused = true)]
async fn children_that_are_restarting_count_against_the_limit() {
    let (_tree, sessions, board) = sessions().await;
    let lines = [line(), line(), line()];
    for (id, line) in ["x", "y", "z"].iter().zip(&lines) {
        sessions
            .start_child(worker(id, line, &board))
            .await
            .unwrap();
    }
    board.spoil("x", [BadStart::Hang]);
    lines[0].cast(Order::Panic).unwrap();
    until(|| !lines[0].is_up()).await;
    let spare = line();
    let full = Err(SupervisorError::MaxChildren { limit: LIMIT });
    assert_eq!(
        sessions.start_child(worker("w", &spare, &board)).await,
        full
    );
    sessions.terminate_child("x").await.unwrap();
    sessions
        .start_child(worker("w", &spare, &board))
        .await
        .unwrap();
    assert_eq!(board.alive(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_fails_to_start_is_forgotten() {
    let (tree, sessions, board) = sessions().await;
    let line = line();
    for (bad, detail) in [
        (BadStart::Refuse, "error: refused"),
        (BadStart::Panic, "panic: broken"),
        (BadStart::Hang, "not up after `1s`"),
    ] {
        board.spoil("x", [bad]);
        let child = worker("x", &line, &board).start_timeout(SECOND);
        let reason = ExitReason::StartFailed(detail.into());
        let failed = SupervisorError::StartFailed {
            id: "x".into(),
            reason,
        };
        assert_eq!(sessions.start_child(child).await, Err(failed));
        assert_eq!(board.alive(), 0);
    }
    sessions
        .start_child(worker("x", &line, &board))
        .await
        .unwrap();
    assert_eq!(tree.snapshot().children[0].children.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn restart_classes_hold_and_what_is_not_restarted_is_forgotten() {
    let cases = [
        (Restart::Permanent, Order::Finish(None), true),
        (Restart::Transient, Order::Finish(None), false),
        (Restart::Transient, Order::Fail, true),
        (Restart::Temporary, Order::Fail, false),
    ];
    for (restart, order, back) in cases {
        let (tree, sessions, board) = sessions().await;
        let line = line();
        sessions
            .start_child(worker("x", &line, &board).restart(restart))
            .await
            .unwrap();
        line.cast(order).unwrap();
        settle().await;
        assert_eq!(
            (ping(&line).await.is_some(), sessions.len()),
            (back, usize::from(back))
        );
        assert_eq!(
            tree.snapshot().children[0].children.len(),
            usize::from(back)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn all_children_stop_at_once_each_under_its_own_timer() {
    let (tree, sessions, board) = sessions().await;
    let lines = [line(), line(), line()];
    for (id, line) in ["x", "y", "z"].iter().zip(&lines) {
        let manners = Manners {
            stop_takes: Some(2 * SECOND),
            ..Manners::default()
        };
        sessions
            .start_child(mannered(id, line, &board, manners))
            .await
            .unwrap();
    }
    board.take();
    let before = Instant::now();
    tree.shutdown().await;
    let took = before.elapsed().as_secs_f64();
    assert!((2.0..2.1).contains(&took), "{took}");
    let traces = board.take();
    assert_eq!(traces[..3], ["stop x", "stop y", "stop z"]);
    assert_eq!((traces.len(), board.alive()), (6, 0));
}

#[tokio::test(start_paused = true)]
async fn too_many_restarts_stop_all_children_and_the_parent_starts_it_empty() {
    let (tree, sessions, board) = sessions().await;
    let (bad, good) = (line(), line());
    sessions
        .start_child(worker("bad", &bad, &board))
        .await
        .unwrap();
    sessions
        .start_child(worker("good", &good, &board))
        .await
        .unwrap();
    for _ in 0..4 {
        bad.cast(Order::Panic).unwrap();
        settle().await;
    }
    let node = &tree.snapshot().children[0];
    assert_eq!(
        (node.restarts, node.last_exit.clone()),
        (1, Some(ExitReason::Shutdown))
    );
    assert_eq!((board.alive(), sessions.len()), (0, 0));
    sessions
        .start_child(worker("good", &good, &board))
        .await
        .unwrap();
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_fails_is_tried_again() {
    let (_tree, sessions, board) = sessions().await;
    let line = line();
    sessions
        .start_child(worker("x", &line, &board))
        .await
        .unwrap();
    board.spoil("x", [BadStart::Refuse, BadStart::Refuse]);
    line.cast(Order::Panic).unwrap();
    settle().await;
    assert_eq!(ping(&line).await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_can_be_a_dynamic_child() {
    let (tree, sessions, board) = sessions().await;
    let lines = [line(), line()];
    let pair = patient(Strategy::OneForAll)
        .child(worker("a", &lines[0], &board))
        .child(worker("b", &lines[1], &board));
    sessions
        .start_child(ChildSpec::supervisor("pair", pair))
        .await
        .unwrap();
    assert!(lines.iter().all(Line::is_up));
    lines[0].cast(Order::Panic).unwrap();
    until(|| board.starts("b") == 2).await;
    assert!(tree.snapshot().find("root/sessions/pair/b").is_some());
    sessions.terminate_child("pair").await.unwrap();
    assert_eq!(board.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_live_supervisor_everything_is_unavailable() {
    let (tree, sessions, board) = sessions().await;
    tree.shutdown().await;
    for handle in [&sessions, &DynamicHandle::new()] {
        let start = handle.start_child(worker("x", &line(), &board)).await;
        assert_eq!(start, Err(SupervisorError::Unavailable));
        let stop = handle.terminate_child("x").await;
        assert_eq!(stop, Err(SupervisorError::Unavailable));
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_cannot_be_part_of_a_path_is_refused() {
    let (_tree, sessions, board) = sessions().await;
    let refused = sessions.start_child(worker("a/b", &line(), &board)).await;
    let expected = SpecError::Id {
        path: "root/sessions/a/b".into(),
        detail: "it contains `/`",
    };
    assert_eq!(refused, Err(SupervisorError::Spec(expected)));
    assert!(board.take().is_empty());
}
