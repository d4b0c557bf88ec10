//! Incarnations: none outlives its supervisor, and no two of one child live at once.

use super::reign::is_within;
use super::{Findings, Tree};
use crate::history::{Change, Event, History, What};
use std::collections::{BTreeMap, BTreeSet};

/// Lives that began and have not ended, by where they are.
#[derive(Default)]
struct Living<'a>(BTreeMap<&'a str, BTreeSet<u64>>);

impl<'a> Living<'a> {
    /// Takes in what an event tells of lives.
    fn follow(&mut self, event: &'a Event) {
        match &event.what {
            What::LifeBegan { path, life } => {
                self.0.entry(path).or_default().insert(*life);
            }
            What::LifeEnded { path, life } => {
                if let Some(lives) = self.0.get_mut(path.as_str()) {
                    lives.remove(life);
                }
            }
            // What a power cut leaves is nothing.
            What::NodeCrashed => self.0.clear(),
            // Its supervisor said that it does not wait for it any longer.
            What::Lifecycle(told) if told.change == Change::Quarantined => {
                self.0.remove(told.path.as_str());
            }
            _ => {}
        }
    }
}

/// Nothing is left below a supervisor that has ended.
pub(super) fn no_orphan(history: &History, _tree: &Tree, findings: &mut Findings) {
    let mut living = Living::default();
    for event in history.events() {
        living.follow(event);
        let What::SupervisorEnded { path: ended } = &event.what else {
            continue;
        };
        for (path, lives) in &living.0 {
            if path != ended && is_within(path, ended) && !lives.is_empty() {
                let what = format!("`{path}` still lives and its supervisor `{ended}` has ended");
                findings.at(event, what);
            }
        }
    }
}

/// No child begins to live, or is told to be up, while it still lives.
pub(super) fn no_overlap(history: &History, _tree: &Tree, findings: &mut Findings) {
    let mut living = Living::default();
    let mut up: BTreeSet<&str> = BTreeSet::new();
    for event in history.events() {
        if let What::LifeBegan { path, .. } = &event.what
            && living
                .0
                .get(path.as_str())
                .is_some_and(|lives| !lives.is_empty())
        {
            findings.at(
                event,
                format!("`{path}` began to live while it still lived"),
            );
        }
        living.follow(event);
        told(event, &mut up, findings);
    }
}

/// The same, as supervisors tell it.
fn told<'a>(event: &'a Event, up: &mut BTreeSet<&'a str>, findings: &mut Findings) {
    let told = match &event.what {
        What::Lifecycle(told) => told,
        What::NodeCrashed | What::NodeStarted => return up.clear(),
        _ => return,
    };
    match told.change {
        Change::Restarting if up.remove(told.path.as_str()) => {
            findings.at(
                event,
                format!("`{}` was restarted while it was up", told.path),
            );
        }
        Change::Started if !up.insert(&told.path) => {
            findings.at(
                event,
                format!("`{}` was started while it was up", told.path),
            );
        }
        // What was below it is not told of one by one when it died abruptly.
        change if change.is_end() => up.retain(|path| !is_within(path, &told.path)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{change, holds, violates};
    use super::*;
    use crate::Invariant::{NoOrphan, NoOverlap};

    fn began(path: &str, life: u64) -> What {
        What::LifeBegan {
            path: path.to_owned(),
            life,
        }
    }

    fn ended(path: &str, life: u64) -> What {
        What::LifeEnded {
            path: path.to_owned(),
            life,
        }
    }

    fn supervisor_ended() -> (u64, What) {
        (
            9,
            What::SupervisorEnded {
                path: "root/s".to_owned(),
            },
        )
    }

    #[test]
    fn lives_that_follow_each_other_and_end_before_their_supervisor_hold() {
        let events = [
            (1, began("root/s/a", 1)),
            (2, ended("root/s/a", 1)),
            (2, began("root/s/a", 2)),
            (2, began("root/sleeper", 3)),
            (3, ended("root/s/a", 2)),
            supervisor_ended(),
        ];
        holds(NoOrphan, &Tree::new(), events.clone());
        holds(NoOverlap, &Tree::new(), events);
    }

    #[test]
    fn a_life_that_is_left_when_its_supervisor_ended_is_found_however_deep() {
        let events = [(1, began("root/s/t/a", 1)), supervisor_ended()];
        violates(NoOrphan, &Tree::new(), events, "`root/s/t/a` still lives");
    }

    #[test]
    fn a_crash_of_the_node_and_a_quarantine_leave_no_orphan() {
        let crash = [
            (1, began("root/s/a", 1)),
            (2, What::NodeCrashed),
            supervisor_ended(),
        ];
        holds(NoOrphan, &Tree::new(), crash);
        let quarantine = (2, change("root/s/a", Change::Quarantined));
        let stuck = [(1, began("root/s/a", 1)), quarantine, supervisor_ended()];
        holds(NoOrphan, &Tree::new(), stuck);
    }

    #[test]
    fn two_lives_of_one_child_at_once_are_found() {
        let events = [
            (1, began("root/a", 1)),
            (2, began("root/a", 2)),
            (3, ended("root/a", 1)),
        ];
        violates(
            NoOverlap,
            &Tree::new(),
            events,
            "began to live while it still lived",
        );
    }

    #[test]
    fn a_child_that_is_told_to_be_up_twice_is_found() {
        let up = change("root/a", Change::Started);
        violates(
            NoOverlap,
            &Tree::new(),
            [(1, up.clone()), (2, up.clone())],
            "while it was up",
        );
        let again = [(1, up), (2, change("root/a", Change::Restarting))];
        violates(
            NoOverlap,
            &Tree::new(),
            again,
            "was restarted while it was up",
        );
    }

    #[test]
    fn what_was_below_a_supervisor_that_ended_is_not_up() {
        let up = change("root/s/a", Change::Started);
        let events = [
            (1, up.clone()),
            (2, change("root/s", Change::Exited)),
            (3, up),
        ];
        holds(NoOverlap, &Tree::new(), events);
    }
}
