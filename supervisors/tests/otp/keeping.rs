//! What is kept of temporary children: nothing they were started from while they run, and nothing
//! at all when they are gone.

use plantao_supervisors::{ExitReason, Restart, Started, Strategy, SupervisorError};
use std::sync::Arc;

use crate::stage::*;

const CLASSES: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];
const STRATEGIES: [Strategy; 3] = [
    Strategy::OneForAll,
    Strategy::OneForOne,
    Strategy::RestForOne,
];
const CHILDREN: usize = 100;

/// How often what the children of `stage` were started from is still held.
async fn kept<H: Watched>(stage: Stage<H>, class: Restart) -> usize {
    let large = Arc::new(["potentially large"; 10]);
    for number in 0..CHILDREN {
        let id = format!("child{number}");
        let child = stage.crew.laden(&id, Arc::clone(&large));
        let started = stage.sup.add(child.restart(class)).await;
        assert_eq!(started, Started::Up);
    }
    settle().await;
    assert_eq!(stage.crew.alive(), CHILDREN);
    Arc::strong_count(&large) - 1
}

#[tokio::test(start_paused = true)]
async fn do_not_save_start_parameters_for_temporary_children() {
    for class in CLASSES {
        let mut found = vec![kept(Dynamic::empty(USUAL).await, class).await];
        for strategy in STRATEGIES {
            found.push(kept(Fixed::empty(strategy, USUAL).await, class).await);
        }
        let expected = match class {
            Restart::Permanent | Restart::Transient => CHILDREN,
            Restart::Temporary => 0,
        };
        assert_eq!(found, [expected; 4], "{class:?}");
    }
}

/// Nobody: its supervisor ends it.
const BY_SUPERVISOR: Option<How> = None;

#[tokio::test(start_paused = true)]
async fn do_not_save_child_specs_for_temporary_children() {
    let ways = [How::Kill, How::Normal, How::Abnormal].map(Some);
    let ways = ways.into_iter().chain([BY_SUPERVISOR]);
    for (how, strategy) in ways.flat_map(|how| STRATEGIES.map(|all| (how, all))) {
        let mut stage = Fixed::empty(strategy, USUAL).await;
        for class in CLASSES {
            let name = format!("{class:?}");
            stage.add(&name, class).await;
            match how {
                Some(how) => stage.end_in_this_way(&name, how).await,
                BY_SUPERVISOR => stage.sup.terminate_child(&name).await.unwrap(),
            }
            let again = stage.crew.of_class(&name, class);
            let again = stage.sup.start_child(again).await;
            let id = name.clone();
            match (class, how) {
                (Restart::Temporary, _) => assert_eq!(again, Ok(Started::Up)),
                (_, BY_SUPERVISOR) | (Restart::Transient, Some(How::Normal)) => {
                    assert_eq!(again, Err(SupervisorError::AlreadyPresent { id }));
                    let restarted = stage.sup.restart_child(&name).await;
                    assert_eq!(restarted, Ok(Started::Up));
                }
                _ => assert_eq!(again, Err(SupervisorError::AlreadyStarted { id })),
            }
        }
        assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    }
}
