//! A simulated world around the rules: it carries out actions in any order a runtime may, and
//! checks after every step what must never happen.

use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use std::time::Duration;

use super::*;
use crate::core::{Intensity, Restart, Strategy};

const NOW: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Being {
    Absent,
    Starting,
    Up,
    Stopping,
    /// Overdue, and still there.
    Stuck,
}

struct World {
    rules: Fixed,
    window: Window,
    restarts: Vec<Restart>,
    strategy: Strategy,
    beings: Vec<Being>,
    retries: Vec<usize>,
    started_once: Vec<bool>,
    exit: Option<ExitReason>,
}

impl World {
    fn new(strategy: Strategy, restarts: &[Restart], allowed: u32) -> Self {
        let intensity = Intensity::new(allowed, NOW);
        let mut world = Self {
            rules: Fixed::new(strategy, restarts.iter().copied()),
            window: Window::new(intensity),
            restarts: restarts.to_vec(),
            strategy,
            beings: vec![Being::Absent; restarts.len()],
            retries: Vec::new(),
            started_once: vec![false; restarts.len()],
            exit: None,
        };
        let actions = world.rules.boot(NOW, &mut world.window);
        world.carry_out(actions);
        world
    }

    fn tell(&mut self, event: Event<usize>) {
        let actions = self.rules.handle(NOW, &mut self.window, event);
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action<usize>>) {
        for action in actions {
            assert!(self.exit.is_none(), "{action:?} after the exit");
            match action {
                Action::Start(child) => self.start(child),
                Action::Stop(child) => {
                    assert!(matches!(self.beings[child], Being::Starting | Being::Up));
                    assert!(
                        self.beings[child + 1..]
                            .iter()
                            .all(|being| matches!(being, Being::Absent | Being::Stuck)),
                        "a child is stopped before one that was started after it"
                    );
                    self.beings[child] = Being::Stopping;
                }
                Action::Retry(child) => self.retries.push(child),
                Action::Exit(reason) => {
                    let left = |being: &Being| matches!(being, Being::Absent | Being::Stuck);
                    assert!(self.beings.iter().all(left), "children are left behind");
                    self.exit = Some(reason);
                }
                Action::Ready | Action::GiveUp(..) => {}
                Action::Forget(_) => panic!("fixed children are never forgotten"),
            }
        }
    }

    fn start(&mut self, child: usize) {
        assert_eq!(
            self.beings[child],
            Being::Absent,
            "two incarnations at once"
        );
        assert!(
            self.restarts[child] != Restart::Temporary || !self.started_once[child],
            "a temporary child came back"
        );
        self.beings[child] = Being::Starting;
        self.started_once[child] = true;
    }

    /// Something that may happen next, picked by two numbers; false when nothing can.
    fn step(&mut self, which: usize, how: usize) -> bool {
        let busy = |being: &Being| *being != Being::Absent;
        let candidates: Vec<usize> = (0..self.beings.len())
            .filter(|&child| busy(&self.beings[child]))
            .collect();
        let total = candidates.len() + self.retries.len();
        if total == 0 || self.exit.is_some() {
            return false;
        }
        let Some(&child) = candidates.get(which % total) else {
            let child = self.retries.remove(which % total - candidates.len());
            self.tell(Event::Retry(child));
            return true;
        };
        let reason = if how.is_multiple_of(2) {
            ExitReason::Killed
        } else {
            ExitReason::Normal
        };
        match (self.beings[child], how % 8) {
            (Being::Up | Being::Stopping | Being::Starting, 7) => {
                self.beings[child] = Being::Stuck;
                self.tell(Event::Overdue(child));
            }
            (Being::Starting, 0..=4) => {
                self.beings[child] = Being::Up;
                self.tell(Event::Started(child));
            }
            (Being::Starting, _) => {
                self.beings[child] = Being::Absent;
                self.tell(Event::StartFailed(
                    child,
                    ExitReason::StartFailed("no".into()),
                ));
            }
            (Being::Up | Being::Stopping | Being::Stuck, _) => {
                self.beings[child] = Being::Absent;
                self.tell(Event::Ended(child, reason));
            }
            (Being::Absent, _) => {}
        }
        true
    }

    /// Everything goes well from here on.
    fn calm_down(&mut self) {
        for _ in 0..10_000 {
            if let Some(child) = self.retries.pop() {
                self.tell(Event::Retry(child));
                continue;
            }
            let next = self.beings.iter().position(|being| {
                matches!(being, Being::Starting | Being::Stopping | Being::Stuck)
            });
            let Some(child) = next else { return };
            if self.beings[child] == Being::Starting {
                self.beings[child] = Being::Up;
                self.tell(Event::Started(child));
            } else {
                self.beings[child] = Being::Absent;
                self.tell(Event::Ended(child, ExitReason::Killed));
            }
        }
        panic!("it never comes to rest");
    }
}

fn strategies() -> impl proptest::strategy::Strategy<Value = Strategy> {
    prop_oneof![
        Just(Strategy::OneForOne),
        Just(Strategy::OneForAll),
        Just(Strategy::RestForOne)
    ]
}

fn classes() -> impl proptest::strategy::Strategy<Value = Vec<Restart>> {
    let class = prop_oneof![
        4 => Just(Restart::Permanent),
        2 => Just(Restart::Transient),
        1 => Just(Restart::Temporary)
    ];
    prop::collection::vec(class, 1..6)
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_the_rules(
        strategy in strategies(),
        restarts in classes(),
        allowed in prop_oneof![0u32..4, Just(1_000_000)],
        steps in prop::collection::vec((0usize..1000, 0usize..1000), 0..120),
        stop_at in prop::option::of(0usize..120),
    ) {
        let mut world = World::new(strategy, &restarts, allowed);
        for (number, (which, how)) in steps.into_iter().enumerate() {
            if stop_at == Some(number) {
                world.tell(Event::Stop(ExitReason::Shutdown));
            }
            if !world.step(which, how) {
                break;
            }
        }
        let stopped = stop_at.is_some() && world.exit.is_none();
        if stopped {
            world.tell(Event::Stop(ExitReason::Shutdown));
        }
        world.calm_down();
        if stopped {
            prop_assert!(world.exit.is_some());
        }
        if world.exit.is_none() {
            for (being, restart) in world.beings.iter().zip(&world.restarts) {
                let down = *being == Being::Absent;
                prop_assert!(!down || *restart != Restart::Permanent, "a permanent child is down");
            }
        }
    }

    #[test]
    fn a_lone_failure_restarts_the_set_of_the_naive_model(
        strategy in strategies(),
        (children, failed) in (1usize..8).prop_flat_map(|n| (Just(n), 0..n)),
    ) {
        let mut world = World::new(strategy, &vec![Restart::Permanent; children], 9);
        world.calm_down();
        let before = world.beings.clone();
        prop_assert!(before.iter().all(|being| *being == Being::Up));
        world.beings[failed] = Being::Absent;
        world.tell(Event::Ended(failed, ExitReason::Killed));
        let mut restarted = vec![failed];
        for _ in 0..100 {
            let stopping = world.beings.iter().position(|being| *being == Being::Stopping);
            let Some(child) = stopping else { break };
            restarted.push(child);
            world.beings[child] = Being::Absent;
            world.tell(Event::Ended(child, ExitReason::Shutdown));
        }
        restarted.sort_unstable();
        let expected: Vec<usize> = (0..children)
            .filter(|&child| match world.strategy {
                Strategy::OneForOne => child == failed,
                Strategy::OneForAll => true,
                Strategy::RestForOne => child >= failed,
            })
            .collect();
        prop_assert_eq!(restarted, expected);
    }
}

fn up(strategy: Strategy, children: usize, allowed: u32) -> World {
    let mut world = World::new(strategy, &vec![Restart::Permanent; children], allowed);
    world.calm_down();
    world
}

#[test]
fn a_child_that_outlasts_the_stop_of_its_group_comes_back_alone() {
    let mut world = up(Strategy::OneForAll, 3, 1);
    world.beings[0] = Being::Absent;
    world.tell(Event::Ended(0, ExitReason::Killed));
    world.beings[2] = Being::Stuck;
    world.tell(Event::Overdue(2));
    world.beings[1] = Being::Absent;
    world.tell(Event::Ended(1, ExitReason::Shutdown));
    for child in [0, 1] {
        world.beings[child] = Being::Up;
        world.tell(Event::Started(child));
    }
    assert_eq!(world.beings, [Being::Up, Being::Up, Being::Stuck]);
    world.beings[2] = Being::Absent;
    world.tell(Event::Ended(2, ExitReason::Killed));
    assert_eq!(world.beings, [Being::Up, Being::Up, Being::Starting]);
    assert!(world.exit.is_none(), "its return is no further restart");
}

#[test]
fn an_exit_during_a_group_restart_waits_until_that_is_done() {
    let mut world = up(Strategy::RestForOne, 3, 9);
    world.beings[1] = Being::Absent;
    world.tell(Event::Ended(1, ExitReason::Killed));
    world.beings[0] = Being::Absent;
    world.tell(Event::Ended(0, ExitReason::Killed));
    assert_eq!(
        world.beings,
        [Being::Absent, Being::Absent, Being::Stopping]
    );
    world.beings[2] = Being::Absent;
    world.tell(Event::Ended(2, ExitReason::Shutdown));
    assert_eq!(
        world.beings,
        [Being::Absent, Being::Starting, Being::Absent]
    );
    world.calm_down();
    assert_eq!(world.beings, [Being::Up; 3]);
}

#[test]
fn an_order_to_stop_interleaves_with_failing_restarts() {
    let mut world = up(Strategy::OneForOne, 2, 1_000_000);
    world.beings[0] = Being::Absent;
    world.tell(Event::Ended(0, ExitReason::Killed));
    for _ in 0..100 {
        world.beings[0] = Being::Absent;
        world.tell(Event::StartFailed(0, ExitReason::StartFailed("no".into())));
        let child = world.retries.pop().unwrap();
        world.tell(Event::Retry(child));
    }
    world.tell(Event::Stop(ExitReason::Shutdown));
    world.calm_down();
    assert_eq!(world.exit, Some(ExitReason::Shutdown));
}
