//! Whole trees: `child_unlink`, `tree`, `simple_global_supervisor` and `order_of_children`.

use plantao_supervisors::{
    ChildSpec, ExitReason, Restart, Shutdown, Started, Strategy, SupervisorHandle,
};

use crate::stage::*;
use crate::support::*;

#[tokio::test(start_paused = true)]
async fn child_unlink() {
    let mut stage = Fixed::empty(Strategy::OneForOne, USUAL).await;
    let pid = stage.add("naughty_child", Restart::Permanent).await;
    stage.crew.tell("naughty_child", Order::Unlink);
    settle().await;
    stage.shows([("naughty_child", pid)]);
    let terminated = stage.sup.terminate_child("naughty_child");
    let terminated = tokio::time::timeout(5 * SECOND, terminated).await;
    assert_eq!(terminated, Ok(Ok(())));
    stage.shows([("naughty_child", Pid::Undefined)]);
    assert_eq!(stage.crew.alive(), 0);
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn tree() {
    let permissive = limits(4, 3600);
    let mut stage = Fixed::empty(Strategy::OneForAll, permissive).await;
    let crew = stage.crew.clone();
    let sups = [(); 3].map(|()| SupervisorHandle::new());
    let below = || sup(Strategy::OneForOne, permissive);
    let two = below()
        .child(crew.worker("child1"))
        .child(crew.worker("child2"));
    let classes = [Restart::Permanent, Restart::Permanent, Restart::Transient];
    for ((place, spec), class) in [two, below(), below()].into_iter().enumerate().zip(classes) {
        let id = format!("supchild{}", place + 1);
        let child = ChildSpec::supervisor_at(id, &sups[place], spec).restart(class);
        assert_eq!(stage.sup.start_child(child).await, Ok(Started::Up));
    }
    stage.sup.terminate_child("supchild3").await.unwrap();
    assert_eq!(stage.counts(), [3, 2, 3, 0]);
    let (child1, child2) = (crew.pid("child1"), crew.pid("child2"));
    assert_eq!(counts(&sups[0]), [2, 2, 0, 2]);
    assert_eq!(counts(&sups[1]), [0, 0, 0, 0]);

    crew.next_births("child3", [Birth::Well]);
    crew.births("child3", Birth::Refuse);
    for id in ["child3", "child4"] {
        let started = sups[1].start_child(crew.worker(id)).await;
        assert_eq!(started, Ok(Started::Up));
    }
    let (child3, child4) = (crew.pid("child3"), crew.pid("child4"));
    assert_eq!(counts(&sups[0]), [2, 2, 0, 2]);
    assert_eq!(counts(&sups[1]), [2, 2, 0, 2]);

    // Only what dies is restarted.
    stage.end("child4", DIE).await;
    stage.renewed("child4", child4);
    let others = ["child1", "child2", "child3"].map(|id| crew.pid(id));
    assert_eq!(others, [child1, child2, child3]);
    assert_eq!(counts(&sups[0]), [2, 2, 0, 2]);
    assert_eq!(counts(&sups[1]), [2, 2, 0, 2]);

    // The second supervisor gives up; all are new, and none has children that were added.
    stage.end("child3", DIE).await;
    assert_eq!(stage.exit("supchild2").await, ExitReason::Shutdown);
    stage.stays(&["sup"]).await;
    assert_eq!(stage.counts(), [3, 3, 3, 0]);
    stage.renewed("child1", child1);
    stage.renewed("child2", child2);
    assert_eq!(counts(&sups[0]), [2, 2, 0, 2]);
    for sup in &sups[1..] {
        assert_eq!(sup.which_children(), Ok(Vec::new()));
        assert_eq!(counts(sup), [0, 0, 0, 0]);
    }
    assert_eq!(crew.alive(), 2);
}

/// A supervisor above a supervisor above a server. What names are to OTP, handles are here: they
/// lead to whichever life there is.
async fn middle(crew: &Crew) -> (Fixed, SupervisorHandle) {
    let (handle, limits) = (SupervisorHandle::new(), limits(3, 60));
    let patient = Shutdown::Timeout(2 * SECOND);
    let below = sup(Strategy::OneForAll, limits).child(crew.worker("server").shutdown(patient));
    let middle = ChildSpec::supervisor_at("middle", &handle, below).shutdown(patient);
    let spec = sup(Strategy::OneForAll, limits).child(middle);
    (Fixed::start(crew, spec).await, handle)
}

#[tokio::test(start_paused = true)]
async fn simple_global_supervisor() {
    let ways = [
        "kill supervisor",
        "kill worker",
        "exit worker",
        "restart worker",
    ];
    for way in ways {
        let crew = Crew::default();
        let (mut stage, handle) = middle(&crew).await;
        let before = crew.pid("server");
        match way {
            "kill supervisor" => stage.kill("middle").await,
            "kill worker" => {
                stage.tree.kill("sup/middle/server").unwrap();
                settle().await;
            }
            "exit worker" => {
                stage.end("server", DIE).await;
            }
            _ => {
                handle.terminate_child("server").await.unwrap();
                let restarted = handle.restart_child("server").await;
                assert_eq!(restarted, Ok(Started::Up));
            }
        }
        stage.renewed("server", before);
        assert_eq!(counts(&handle), [1, 1, 0, 1], "{way}");
        assert_eq!(stage.counts(), [1, 1, 1, 0], "{way}");
        stage.tree.kill("sup").unwrap();
        assert_eq!(stage.tree.exited().await, ExitReason::Killed);
        assert_eq!(
            (stage.exit("sup").await, crew.alive()),
            (ExitReason::Killed, 0)
        );
        assert!(handle.which_children().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn order_of_children() {
    let ids = ["ch7", "ch3", "ch10", "ch2", "ch5"];
    let crew = Crew::default();
    let spec = ids
        .iter()
        .fold(sup(Strategy::RestForOne, USUAL), |spec, id| {
            spec.child(crew.worker(id))
        });
    let mut stage = Fixed::start(&crew, spec).await;
    let pids = ids.map(|id| crew.pid(id));
    assert!(pids.is_sorted(), "{pids:?}");
    assert_eq!(stage.which(), ids.map(|id| (id.to_owned(), crew.pid(id))));
    crew.journal();

    stage.end("ch10", DIE).await;
    let expected = [
        "end ch10",
        "end ch5",
        "end ch2",
        "start ch10",
        "start ch2",
        "start ch5",
    ];
    assert_eq!(crew.journal(), expected);
    assert_eq!([crew.pid("ch7"), crew.pid("ch3")], pids[..2]);
    let pids = ids.map(|id| crew.pid(id));
    assert!(pids.is_sorted(), "{pids:?}");
    assert_eq!(stage.which(), ids.map(|id| (id.to_owned(), crew.pid(id))));

    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    let expected = ["ch5", "ch2", "ch10", "ch3", "ch7"].map(|id| format!("end {id}"));
    assert_eq!(crew.journal(), expected);
}
