//! What meets in the midst of a restart, and all of it at once.

use plantao_supervisors::{
    ChildSpec, Envelope, ExitReason, Handle, LifecycleEvent, Limits, NodeState, Shutdown, Strategy,
    Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::gates::*;
use crate::support::*;
use crate::watch::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_kill_in_the_midst_of_a_restart_is_not_lost() {
    for hangs in [false, true] {
        let (tree, line, board, key) = restarting(hangs).await;
        tree.kill("root/slow").unwrap();
        drop(key);
        let lives = if hangs { 2 } else { 3 };
        until(|| board.starts("slow") == lives && line.is_up()).await;
        tree.shutdown().await;
        assert_eq!((board.overlaps(), board.alive()), (0, 0), "hangs: {hangs}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_supervisor_that_dies_in_the_midst_of_a_restart_takes_the_start_along() {
    for hangs in [false, true] {
        let (board, lines) = (Board::default(), lines::<2>());
        let (gate, key) = Gate::new();
        let ward = patient(Strategy::OneForOne)
            .child(gated("slow", &lines[0], &board, &gate))
            .child(worker("b", &lines[1], &board));
        let spec = patient(Strategy::OneForOne).child(ChildSpec::supervisor("ward", ward));
        let tree = start(spec).await;
        if hangs {
            board.spoil("slow", [BadStart::Hang]);
        }
        lines[0].cast(Order::Fail).unwrap();
        gate.is_reached().await;
        lines[1].cast(Order::KillSupervisor).unwrap();
        until(|| !lines[1].is_up()).await;
        drop(key);
        until(|| board.starts("b") == 2 && lines.iter().all(Line::is_up)).await;
        tree.shutdown().await;
        assert_eq!((board.overlaps(), board.alive()), (0, 0), "hangs: {hangs}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_child_that_failed_does_not_go_and_is_then_asked_to_stop_is_quarantined() {
    let (gate, key) = Gate::new();
    let handle = Handle::new(Limits::in_flight(1));
    let made = gate.clone();
    let child = ChildSpec::worker("a", &handle, move || (Clinging(made.clone()), ()));
    let child = child.shutdown(Shutdown::Infinity);
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    handle.cast(()).unwrap();
    gate.is_reached().await;
    let root = tree.root();
    let asked = tokio::spawn(async move { root.terminate_child("a").await });
    until(|| state(&tree, "root/a") == Some(NodeState::Quarantined)).await;
    assert!(asked.await.unwrap().is_err());
    drop(key);
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_quarantined_start_that_succeeds_after_all_is_ended() {
    let (board, line) = (Board::default(), line());
    let (gate, key) = Gate::new();
    let tree = start(patient(Strategy::OneForOne)).await;
    let child = gated("slow", &line, &board, &gate);
    tree.root().start_child(child).await.unwrap();
    line.cast(Order::Fail).unwrap();
    gate.is_reached().await;
    let root = tree.root();
    let asked = tokio::spawn(async move { root.terminate_child("slow").await });
    until(|| state(&tree, "root/slow") == Some(NodeState::Quarantined)).await;
    assert!(asked.await.unwrap().is_err());
    drop(key);
    until(|| state(&tree, "root/slow") == Some(NodeState::Stopped)).await;
    assert_eq!(board.alive(), 0);
    tree.shutdown().await;
}

/// Its state is slow to go, and the thread with it.
struct Heavy;

struct Weight;

impl Drop for Weight {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Heavy {
    type Msg = Envelope<()>;
    type State = Weight;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Weight, ActorProcessingErr> {
        Ok(Weight)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        _: Self::Msg,
        _: &mut Weight,
    ) -> Result<(), ActorProcessingErr> {
        Err("told to fail".into())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_look_whether_a_child_stalls_does_not_change_why_it_failed() {
    let handles: Vec<Handle<()>> = (0..500)
        .map(|_| Handle::new(Limits::in_flight(4)))
        .collect();
    let children = handles.iter().enumerate();
    let spec = children.fold(patient(Strategy::OneForOne), |spec, (number, handle)| {
        let child = ChildSpec::worker(number.to_string(), handle, || (Heavy, ()));
        spec.child(child.liveness(Duration::from_millis(50)))
    });
    let tree = start(spec).await;
    let mut feed = Feed::of(&tree);
    let mut ends = 0;
    for round in 0..4_000 {
        let _ = handles[round * 7 % handles.len()].cast(());
        tokio::time::sleep(Duration::from_micros(300)).await;
        for (_, event) in feed.take() {
            if let LifecycleEvent::Exited { reason } = event {
                ends += 1;
                assert_eq!(reason, ExitReason::Error("told to fail".to_owned()));
            }
        }
    }
    assert!(ends > 100, "{ends}");
    tree.shutdown().await;
}

/// Tells a child to end in every way, over and over.
async fn torment(tree: Tree, line: Line, path: &'static str, over: Arc<AtomicBool>) {
    let mut turn = 0_u32;
    while !over.load(Ordering::SeqCst) {
        turn += 1;
        let _ = line.cast(match turn % 3 {
            0 => Order::Panic,
            1 => Order::Fail,
            _ => Order::Finish(None),
        });
        if turn.is_multiple_of(97) {
            let _ = tree.kill(path);
        }
        if turn.is_multiple_of(501) {
            let _ = line.cast(Order::KillSupervisor);
        }
        if turn.is_multiple_of(1_003) {
            let _ = tree.kill("root/ward");
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_everything_ends_at_once() {
    for round in 0..15 {
        let (board, lines) = (Board::default(), lines::<3>());
        let paths = ["root/ward/a", "root/ward/b", "root/ward/c"];
        let ward = patient(Strategy::OneForOne)
            .child(worker("a", &lines[0], &board))
            .child(worker("b", &lines[1], &board).start_timeout(SECOND))
            .child(worker("c", &lines[2], &board).liveness(5 * SECOND));
        let spec = patient(Strategy::OneForOne).child(ChildSpec::supervisor("ward", ward));
        let tree = start(spec).await;
        let over = Arc::new(AtomicBool::new(false));
        let all =
            lines.iter().cloned().zip(paths).map(|(line, path)| {
                tokio::spawn(torment(tree.clone(), line, path, Arc::clone(&over)))
            });
        let all: Vec<_> = all.collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        over.store(true, Ordering::SeqCst);
        for task in all {
            task.await.unwrap();
        }
        until(|| lines.iter().all(Line::is_up)).await;
        assert_eq!(board.overlaps(), 0, "round {round}");
        tree.shutdown().await;
        assert_eq!(board.alive(), 0, "round {round}");
    }
}

#[test]
fn a_runtime_that_goes_while_children_restart_leaves_nothing() {
    for round in 0..20 {
        let runtime = match round % 3 {
            0 => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build(),
            _ => tokio::runtime::Runtime::new(),
        };
        let runtime = runtime.unwrap();
        let (board, lines, made) = (Board::default(), lines::<3>(), Arc::new(AtomicU32::new(0)));
        let children = lines.iter().enumerate();
        let spec = children.fold(patient(Strategy::OneForOne), |spec, (number, line)| {
            let (made, make) = (
                Arc::clone(&made),
                maker(&number.to_string(), &board, Manners::default()),
            );
            spec.child(ChildSpec::worker(number.to_string(), line, move || {
                made.fetch_add(1, Ordering::SeqCst);
                make()
            }))
        });
        let tree = runtime.block_on(start(spec));
        let over = Arc::new(AtomicBool::new(false));
        let caller = std::thread::spawn({
            let (over, lines) = (Arc::clone(&over), lines.clone());
            move || {
                while !over.load(Ordering::SeqCst) {
                    for line in &lines {
                        let _ = line.cast(Order::Fail);
                    }
                }
            }
        });
        runtime.block_on(until(|| made.load(Ordering::SeqCst) > 30));
        drop(runtime);
        over.store(true, Ordering::SeqCst);
        caller.join().unwrap();
        assert!(!lines.iter().any(Line::is_up));
        assert_eq!((board.overlaps(), board.alive()), (0, 0), "round {round}");
        drop((tree, lines));
        assert_eq!(Arc::strong_count(&made), 1, "kept in round {round}");
    }
}
