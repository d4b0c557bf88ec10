//! Specifications that are refused, wherever they come in: the error names the path, and nothing
//! was started.

use plantao_supervisors::{
    AutoShutdown, ChildSpec, DynamicHandle, DynamicSpec, Intensity, Limits, PartitionSupervisor,
    Restart, SpecError, StartError, Strategy, SupervisorError, SupervisorSpec, Tree,
};
use std::time::Duration;

use crate::support::*;
use crate::watch::*;

const ZERO: Intensity = Intensity::new(3, Duration::ZERO);
const DETAIL: &str = "its period is zero; expected more than no time";

fn flat() -> SupervisorSpec {
    patient(Strategy::OneForOne)
}

fn sup(spec: SupervisorSpec) -> ChildSpec {
    ChildSpec::supervisor("s", spec)
}

/// Something wrong, and what is said of it under a supervisor at a path.
type Defect = (ChildSpec, fn(&str) -> SpecError);

/// Children with every defect that a child can have.
fn defects(board: &Board) -> Vec<Defect> {
    let some = |id: &str| worker(id, &line(), board);
    let limits = DynamicSpec::new(ZERO, 8);
    let mut never = flat();
    never.intensity = ZERO;
    let none = PartitionSupervisor::new(0, Limits::in_flight(1), |number, handle| {
        worker(&number.to_string(), handle, &Board::default())
    });
    let permanent = some("w").significant(true);
    let transient = || some("w").significant(true).restart(Restart::Transient);
    vec![
        (some(""), |above| SpecError::Id {
            path: format!("{above}/"),
            detail: "it is empty",
        }),
        (some("/"), |above| SpecError::Id {
            path: format!("{above}//"),
            detail: "it contains `/`",
        }),
        (sup(flat().child(some("x/y"))), |above| SpecError::Id {
            path: format!("{above}/s/x/y"),
            detail: "it contains `/`",
        }),
        (sup(flat().child(some("w")).child(some("w"))), |above| {
            let path = format!("{above}/s/w");
            SpecError::DuplicateId { path }
        }),
        (sup(never), |above| limit(format!("{above}/s"), "intensity")),
        (sup(flat().budget(ZERO)), |above| {
            limit(format!("{above}/s"), "budget")
        }),
        (
            sup(flat().child(ChildSpec::dynamic("d", &DynamicHandle::new(), limits))),
            |above| limit(format!("{above}/s/d"), "intensity"),
        ),
        (
            sup(flat()
                .auto_shutdown(AutoShutdown::AnySignificant)
                .child(permanent)),
            |above| SpecError::SignificantPermanent {
                path: format!("{above}/s/w"),
            },
        ),
        (transient(), |above| SpecError::SignificantNever {
            path: format!("{above}/w"),
        }),
        (sup(flat().child(transient())), |above| {
            let path = format!("{above}/s/w");
            SpecError::SignificantNever { path }
        }),
        (none.child("p", Intensity::new(3, SECOND)), |above| {
            let path = format!("{above}/p");
            SpecError::Partitions { path }
        }),
    ]
}

fn limit(path: String, field: &'static str) -> SpecError {
    let detail = DETAIL;
    SpecError::Limits {
        path,
        field,
        detail,
    }
}

async fn defect(name: &str, spec: SupervisorSpec) -> Option<SpecError> {
    match Tree::start(name, spec).await {
        Ok(_) => None,
        Err(StartError::Spec(error)) => Some(error),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_tree_with_a_defect_does_not_start() {
    let board = Board::default();
    let first = worker("first", &line(), &board);
    for (child, error) in defects(&board) {
        let error = error("root");
        let spec = flat().child(first.clone()).child(child.clone());
        assert_eq!(defect("root", spec).await, Some(error));
        // However deep.
        let deep = flat().child(ChildSpec::supervisor(
            "x",
            flat().child(ChildSpec::supervisor("y", flat().child(child))),
        ));
        let text = defect("root", deep).await.unwrap().to_string();
        assert!(text.starts_with("`root/x/y"), "{text}");
    }
    assert_eq!(board.take(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_child_with_a_defect_is_not_started() {
    let (board, pool) = (Board::default(), DynamicHandle::new());
    let limits = DynamicSpec::new(Intensity::new(3, SECOND), 8);
    let spec = flat().child(ChildSpec::dynamic("pool", &pool, limits));
    let tree = start(spec).await;
    let (before, mut feed) = (tree.snapshot(), Feed::of(&tree));
    for (child, error) in defects(&board) {
        let expected = Err(SupervisorError::Spec(error("root")));
        assert_eq!(tree.root().start_child(child.clone()).await, expected);
        let expected = Err(SupervisorError::Spec(error("root/pool")));
        assert_eq!(pool.start_child(child).await, expected);
    }
    settle().await;
    assert_eq!((tree.snapshot(), feed.take()), (before, vec![]));
    assert_eq!(board.take(), [] as [&str; 0]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_with_a_defect_changes_nothing() {
    let (board, line) = (Board::default(), line());
    let a = || worker("a", &line, &board);
    let tree = start(flat().child(a())).await;
    let (before, mut feed) = (tree.snapshot(), Feed::of(&tree));
    for (child, error) in defects(&board) {
        let expected = Err(SupervisorError::Spec(error("root")));
        let mut spec = flat().child(a().restart(Restart::Temporary)).child(child);
        spec.strategy = Strategy::OneForAll;
        assert_eq!(tree.root().code_change(spec).await, expected);
    }
    let mut whole = [flat().child(a()).child(a()), flat(), flat().budget(ZERO)];
    whole[1].intensity = ZERO;
    let path = "root/a".to_owned();
    let errors = [
        SpecError::DuplicateId { path: path.clone() },
        limit("root".to_owned(), "intensity"),
        limit("root".to_owned(), "budget"),
    ];
    for (spec, error) in whole.into_iter().zip(errors) {
        let expected = Err(SupervisorError::Spec(error));
        assert_eq!(tree.root().code_change(spec).await, expected);
    }
    let kind = flat().child(ChildSpec::supervisor("a", flat()));
    let expected = Err(SupervisorError::Spec(SpecError::Kind { path }));
    assert_eq!(tree.root().code_change(kind).await, expected);
    settle().await;
    assert_eq!((tree.snapshot(), feed.take()), (before, vec![]));
    crash(&line).await;
    assert_eq!(board.starts("a"), 2, "it is permanent as before");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_root_has_to_be_in_order_itself() {
    let board = Board::default();
    let some = || worker("w", &line(), &board);
    let twice = flat().child(some()).child(some());
    let path = "root/w".to_owned();
    let expected = Some(SpecError::DuplicateId { path: path.clone() });
    assert_eq!(defect("root", twice).await, expected);
    let mut never = flat().child(some());
    never.intensity = ZERO;
    let expected = Some(limit("root".to_owned(), "intensity"));
    assert_eq!(defect("root", never).await, expected);
    let expected = Some(limit("root".to_owned(), "budget"));
    assert_eq!(defect("root", flat().budget(ZERO)).await, expected);
    let significant = flat()
        .auto_shutdown(AutoShutdown::AllSignificant)
        .child(some().significant(true));
    let expected = Some(SpecError::SignificantPermanent { path });
    assert_eq!(defect("root", significant).await, expected);
    for (name, detail) in [("", "it is empty"), ("a/b", "it contains `/`")] {
        let path = name.to_owned();
        let expected = Some(SpecError::Id { path, detail });
        assert_eq!(defect(name, flat().child(some())).await, expected);
    }
    assert_eq!(board.take(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_supervisor_refuses_limits_that_cannot_be_kept() {
    let pool = DynamicHandle::new();
    let limits = DynamicSpec::new(Intensity::new(3, SECOND), 8);
    let spec = flat().child(ChildSpec::dynamic("pool", &pool, limits));
    let tree = start(spec).await;
    let change = pool.code_change(DynamicSpec::new(ZERO, 8)).await;
    let error = limit("root/pool".to_owned(), "intensity");
    assert_eq!(change, Err(SupervisorError::Spec(error)));
    let allowed = tree.snapshot().find("root/pool").unwrap().restarts_allowed;
    assert_eq!(allowed, Some(3));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn any_other_text_is_an_id() {
    let board = Board::default();
    let long = "x".repeat(10_000);
    let ids = [
        " ",
        ".",
        "..",
        "ä",
        "a b",
        "root",
        "\\",
        "\n",
        long.as_str(),
    ];
    let spec = ids
        .iter()
        .fold(flat(), |spec, id| spec.child(worker(id, &line(), &board)));
    let tree = start(spec).await;
    for id in ids {
        let path = format!("root/{id}");
        assert_eq!(tree.snapshot().find(&path).unwrap().id, id);
        tree.kill(&path).unwrap();
        until(|| board.starts(id) == 2).await;
    }
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_texts_of_defects_say_where_and_what() {
    let board = Board::default();
    let texts: Vec<String> = defects(&board)
        .into_iter()
        .map(|(_, error)| error("root").to_string())
        .collect();
    assert_eq!(texts[0], "`root/` has no valid id: it is empty");
    assert_eq!(
        texts[4],
        "`root/s` has no valid `intensity`: its period is zero; expected more than no time"
    );
    for text in texts {
        assert!(text.starts_with("`root/"), "{text}");
        assert!(!text.ends_with('.'), "{text}");
    }
}
