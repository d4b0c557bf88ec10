//! Handles given to those who need them, typed, and the start order that this asks for.

use plantao_supervisors::{
    ChildSpec, DynamicHandle, DynamicSpec, Envelope, Handle, Intensity, Limits, Needs, Reply,
    SpecError, StartError, Strategy, SupervisorError, SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::support::*;
use crate::watch::*;

/// Asks those it was given, in order.
struct Clerk {
    given: Vec<Line>,
}

enum Question {
    /// How often each of them was started.
    Starts(Reply<Vec<Option<u32>>>),
    Crash,
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Clerk {
    type Msg = Envelope<Question>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let (question, _in_flight) = message.open();
        match question {
            Question::Starts(reply) => {
                let mut starts = Vec::new();
                for line in &self.given {
                    starts.push(ping(line).await);
                }
                reply.send(starts);
                Ok(())
            }
            Question::Crash => Err("told to crash".into()),
        }
    }
}

type Desk = Handle<Question>;

fn desk() -> Desk {
    Handle::new(Limits::in_flight(16))
}

/// A clerk that needs one handle.
fn clerk(id: &str, desk: &Desk, need: &Line) -> ChildSpec {
    ChildSpec::worker_needing(id, desk, need, |need| (Clerk { given: vec![need] }, ()))
}

async fn starts(desk: &Desk) -> Vec<Option<u32>> {
    desk.call(10 * SECOND, Question::Starts).await.unwrap()
}

fn flat() -> SupervisorSpec {
    patient(Strategy::OneForOne)
}

fn below(id: &str, child: ChildSpec) -> ChildSpec {
    ChildSpec::supervisor(id, flat().child(child))
}

async fn defect(spec: SupervisorSpec) -> Option<SpecError> {
    match Tree::start("root", spec).await {
        Ok(_) => None,
        Err(StartError::Spec(error)) => Some(error),
        Err(error) => panic!("{error}"),
    }
}

fn needs(path: &str, need: usize) -> Option<SpecError> {
    let path = path.to_owned();
    Some(SpecError::Needs { path, need })
}

#[tokio::test(start_paused = true)]
async fn a_child_is_given_the_handles_it_needs_in_order() {
    let (board, desk) = (Board::default(), desk());
    let l: [Line; 4] = lines();
    let four = (&l[0], &l[1], &l[2], &l[3]);
    let child = ChildSpec::worker_needing("clerk", &desk, four, |(a, b, c, d)| {
        let given = vec![a, b, c, d];
        (Clerk { given }, ())
    });
    let spec = l.iter().zip(["a", "b", "c", "d"]);
    let spec = spec.fold(flat(), |spec, (line, id)| {
        spec.child(worker(id, line, &board))
    });
    let tree = start(spec.child(child)).await;
    crash(&l[2]).await;
    assert_eq!(starts(&desk).await, [1, 1, 2, 1].map(Some));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn one_tuples_and_tuples_of_tuples_are_needs_too() {
    let (board, desks) = (Board::default(), [desk(), desk()]);
    let l: [Line; 3] = lines();
    let one = ChildSpec::worker_needing("one", &desks[0], (&l[0],), |(a,)| {
        (Clerk { given: vec![a] }, ())
    });
    let nested = ((&l[0], &l[1]), &l[2]);
    assert_eq!(nested.seats().len(), 3);
    let many = ChildSpec::worker_needing("many", &desks[1], nested, |((a, b), c)| {
        let given = vec![a, b, c];
        (Clerk { given }, ())
    });
    let spec = flat()
        .child(worker("a", &l[0], &board))
        .child(worker("b", &l[1], &board))
        .child(worker("c", &l[2], &board));
    let tree = start(spec.clone().child(one).child(many.clone())).await;
    assert_eq!(starts(&desks[0]).await.len(), 1);
    assert_eq!(starts(&desks[1]).await.len(), 3);
    tree.shutdown().await;
    let mut without = spec;
    without.children.pop();
    assert_eq!(defect(without.child(many)).await, needs("root/many", 3));
}

#[tokio::test(start_paused = true)]
async fn handles_survive_restarts_of_both_sides() {
    let (board, line, desk) = (Board::default(), line(), desk());
    let spec = flat()
        .child(worker("a", &line, &board))
        .child(clerk("clerk", &desk, &line));
    let tree = start(spec).await;
    for restart in 1..4 {
        assert_eq!(starts(&desk).await, [Some(restart)]);
        crash(&line).await;
        desk.cast(Question::Crash).unwrap();
        settle().await;
    }
    assert_eq!(tree.snapshot().find("root/clerk").unwrap().restarts, 3);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_starts_earlier_at_any_depth_is_there() {
    let (board, line, desk) = (Board::default(), line(), desk());
    let (first, child) = (worker("a", &line, &board), clerk("clerk", &desk, &line));
    let deep = |child| below("x", below("y", child));
    let right = [
        flat().child(first.clone()).child(child.clone()),
        flat().child(first.clone()).child(deep(child.clone())),
        flat().child(deep(first.clone())).child(child.clone()),
        flat().child(below("x", first)).child(below("z", child)),
    ];
    for spec in right {
        assert_eq!(defect(spec).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_starts_later_or_not_at_all_is_refused_before_anything_starts() {
    let (board, line, desk) = (Board::default(), line(), desk());
    let (late, child) = (worker("a", &line, &board), clerk("clerk", &desk, &line));
    let other = worker("other", &crate::support::line(), &board);
    let inner = |spec| ChildSpec::supervisor("inner", spec);
    let cases = [
        (flat().child(child.clone()), "root/clerk"),
        (
            flat().child(child.clone()).child(late.clone()),
            "root/clerk",
        ),
        (
            flat()
                .child(child.clone())
                .child(inner(flat().child(late.clone()))),
            "root/clerk",
        ),
        (
            flat()
                .child(inner(flat().child(child.clone())))
                .child(late.clone()),
            "root/inner/clerk",
        ),
        (
            flat()
                .child(other)
                .child(inner(flat().child(child.clone()).child(late.clone()))),
            "root/inner/clerk",
        ),
        (
            flat().child(below("x", child)).child(below("y", late)),
            "root/x/clerk",
        ),
    ];
    for (spec, path) in cases {
        assert_eq!(defect(spec).await, needs(path, 1));
    }
    assert_eq!(board.take(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_refusal_counts_which_of_the_handles_is_missing() {
    let (board, desk) = (Board::default(), desk());
    let l: [Line; 3] = lines();
    let child = ChildSpec::worker_needing("clerk", &desk, (&l[0], &l[1], &l[2]), |(a, b, c)| {
        let given = vec![a, b, c];
        (Clerk { given }, ())
    });
    let spec = flat()
        .child(worker("a", &l[0], &board))
        .child(worker("b", &l[1], &board))
        .child(child);
    let error = defect(spec).await;
    assert_eq!(error, needs("root/clerk", 3));
    assert!(error.unwrap().to_string().contains("`root/clerk` needs"));
}

#[tokio::test(start_paused = true)]
async fn nobody_can_need_itself() {
    let desk = desk();
    let child = ChildSpec::worker_needing("clerk", &desk, &desk, |_itself| {
        (Clerk { given: Vec::new() }, ())
    });
    assert_eq!(defect(flat().child(child)).await, needs("root/clerk", 1));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_started_later_may_need_what_runs() {
    let (board, line, desks) = (Board::default(), line(), [desk(), desk()]);
    let pool = DynamicHandle::new();
    let limits = DynamicSpec::new(Intensity::new(3, SECOND), 8);
    let spec = flat()
        .child(worker("a", &line, &board))
        .child(ChildSpec::dynamic("pool", &pool, limits));
    let tree = start(spec).await;
    let fixed = clerk("clerk", &desks[0], &line);
    tree.root().start_child(fixed).await.unwrap();
    pool.start_child(clerk("clerk", &desks[1], &line))
        .await
        .unwrap();
    for desk in &desks {
        assert_eq!(starts(desk).await, [Some(1)]);
    }
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_subtree_that_is_started_later_may_need_what_runs() {
    let (board, line, desk) = (Board::default(), line(), desk());
    let tree = start(flat().child(worker("a", &line, &board))).await;
    let child = below("inner", clerk("clerk", &desk, &line));
    let started = tree.root().start_child(child).await;
    assert!(started.is_ok(), "{started:?}");
    assert_eq!(starts(&desk).await, [Some(1)]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_subtree_that_is_started_later_is_checked_within() {
    let (board, line, desk) = (Board::default(), line(), desk());
    let tree = start(flat()).await;
    let inner = flat()
        .child(clerk("clerk", &desk, &line))
        .child(worker("a", &line, &board));
    let started = tree
        .root()
        .start_child(ChildSpec::supervisor("inner", inner))
        .await;
    let path = "root/inner/clerk".to_owned();
    let expected = SupervisorError::Spec(SpecError::Needs { path, need: 1 });
    assert_eq!(started, Err(expected));
    assert_eq!(board.take(), [] as [&str; 0]);
    tree.shutdown().await;
}
