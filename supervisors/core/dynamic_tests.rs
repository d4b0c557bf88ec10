//! A simulated world around the rules of dynamic children.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::core::{Intensity, Restart};

const NOW: Duration = Duration::from_secs(1);
const LIMIT: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Being {
    Absent,
    Starting,
    Up,
    Stopping,
    Stuck,
}

struct World {
    rules: Dynamic,
    window: Window,
    beings: BTreeMap<Id, Being>,
    retries: Vec<Id>,
    exit: Option<ExitReason>,
}

impl World {
    fn new(allowed: u32) -> Self {
        Self {
            rules: Dynamic::new(LIMIT),
            window: Window::new(Intensity::new(allowed, NOW)),
            beings: BTreeMap::new(),
            retries: Vec::new(),
            exit: None,
        }
    }

    fn add(&mut self, id: &str) -> Result<(), Refusal> {
        let id: Id = Arc::from(id);
        let restart = match id.len() {
            1 => Restart::Permanent,
            2 => Restart::Transient,
            _ => Restart::Temporary,
        };
        self.rules.add(Arc::clone(&id), restart)?;
        assert!(self.beings.len() < LIMIT);
        assert_eq!(self.beings.insert(id, Being::Starting), None);
        Ok(())
    }

    fn tell(&mut self, event: Event<Id>) {
        let actions = self.rules.handle(NOW, &mut self.window, event);
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action<Id>>) {
        for action in actions {
            assert!(self.exit.is_none(), "{action:?} after the exit");
            match action {
                Action::Start(id) => {
                    let was = self.beings.insert(id, Being::Starting);
                    assert_eq!(was, Some(Being::Absent), "two incarnations at once");
                }
                Action::Stop(id) => {
                    let was = self.beings.insert(id, Being::Stopping);
                    assert!(matches!(was, Some(Being::Starting | Being::Up)));
                }
                Action::Forget(id) => {
                    let was = self.beings.remove(&id).unwrap();
                    assert!(
                        matches!(was, Being::Absent | Being::Stuck),
                        "{was:?} forgotten"
                    );
                }
                Action::Retry(id) => self.retries.push(id),
                Action::Exit(reason) => {
                    assert!(self.beings.is_empty(), "children are left behind");
                    self.exit = Some(reason);
                }
                Action::GiveUp(..) => {}
                Action::Ready => panic!("a dynamic supervisor is up at once"),
            }
        }
        assert_eq!(self.rules.len(), self.beings.len());
    }

    fn set(&mut self, id: &Id, being: Being) {
        self.beings.insert(Arc::clone(id), being);
    }

    fn step(&mut self, which: usize, how: usize) {
        if self.exit.is_some() {
            return;
        }
        if how.is_multiple_of(5) && !self.retries.is_empty() {
            let id = self.retries.remove(which % self.retries.len());
            return self.tell(Event::Retry(id));
        }
        let busy: Vec<Id> = self
            .beings
            .iter()
            .filter(|(_, being)| **being != Being::Absent)
            .map(|(id, _)| Arc::clone(id))
            .collect();
        if how % 5 == 1 || busy.is_empty() {
            // A refusal is as good as any outcome here.
            let _ = self.add(["a", "b", "aa", "bb", "aaa", "bbb"][which % 6]);
            return;
        }
        let id = &busy[which % busy.len()];
        match (self.beings[id], how % 7) {
            (_, 0) => {
                let (_, actions) = self.rules.remove(id);
                self.carry_out(actions);
            }
            (Being::Starting, 1..=3) => {
                self.set(id, Being::Up);
                self.tell(Event::Started(Arc::clone(id)));
            }
            (Being::Starting, 4..=5) => {
                self.set(id, Being::Absent);
                let reason = ExitReason::StartFailed("no".into());
                self.tell(Event::StartFailed(Arc::clone(id), reason));
            }
            (Being::Starting | Being::Up | Being::Stopping, 6) => {
                self.set(id, Being::Stuck);
                self.tell(Event::Overdue(Arc::clone(id)));
            }
            (Being::Absent, _) => {}
            _ => {
                self.set(id, Being::Absent);
                let reason = if how.is_multiple_of(2) {
                    ExitReason::Normal
                } else {
                    ExitReason::Killed
                };
                self.tell(Event::Ended(Arc::clone(id), reason));
            }
        }
    }
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_the_rules(
        allowed in prop_oneof![0u32..4, Just(1_000_000)],
        steps in prop::collection::vec((0usize..1000, 0usize..1000), 0..150),
    ) {
        let mut world = World::new(allowed);
        for (which, how) in steps {
            world.step(which, how);
        }
        if world.exit.is_none() {
            world.tell(Event::Stop(ExitReason::Shutdown));
        }
        for id in world.beings.keys().cloned().collect::<Vec<_>>() {
            world.set(&id, Being::Absent);
            world.tell(Event::Ended(id, ExitReason::Shutdown));
        }
        prop_assert_eq!(world.exit, Some(ExitReason::Shutdown));
    }
}

#[test]
fn all_children_are_told_to_stop_at_once() {
    let mut world = World::new(1);
    for id in ["a", "b", "c"] {
        world.add(id).unwrap();
        world.set(&Arc::from(id), Being::Up);
        world.tell(Event::Started(Arc::from(id)));
    }
    world.tell(Event::Stop(ExitReason::Shutdown));
    assert!(world.beings.values().all(|being| *being == Being::Stopping));
    assert_eq!(world.add("d"), Err(Refusal::Closing));
}

#[test]
fn a_child_that_does_not_end_keeps_its_id_until_it_does() {
    let mut world = World::new(1);
    let id: Id = Arc::from("a");
    world.add("a").unwrap();
    world.set(&id, Being::Up);
    world.tell(Event::Started(Arc::clone(&id)));
    let (removal, actions) = world.rules.remove(&id);
    assert_eq!(removal, Removal::Ordered);
    world.carry_out(actions);
    world.set(&id, Being::Stuck);
    world.tell(Event::Overdue(Arc::clone(&id)));
    assert_eq!(world.add("a"), Err(Refusal::AlreadyStarted));
    assert_eq!(world.rules.remove(&id).0, Removal::Stuck);
    world.set(&id, Being::Absent);
    world.tell(Event::Ended(id, ExitReason::Killed));
    assert_eq!(world.add("a"), Ok(()));
}
