//! A group of fixed children that comes up in order, having been stopped in reverse.

use std::time::Duration;

use super::child::{After, Key, Phase, Why};
use super::rules::{Payload, Rules};
use super::{Action, Restart};

/// The children from `from` on, in start order, and what is being done with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    from: usize,
    stage: Stage,
    wait: Option<Wait>,
}

/// A backoff: the children from `place` on are not started before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// Whose backoff it is.
    pub(super) fallen: Key,
    pub(super) place: usize,
    pub(super) until: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Those before this place are still to be stopped.
    Stop(usize),
    /// Those from this place on wait for the end of the backoff.
    Rest(usize),
    /// Those from this place on are still to be started.
    Start(usize),
}

impl Group {
    pub(super) fn start_from(from: usize) -> Self {
        Self {
            from,
            stage: Stage::Start(from),
            wait: None,
        }
    }

    pub(super) fn restart_from(from: usize, len: usize, wait: Option<Wait>) -> Self {
        Self {
            from,
            stage: Stage::Stop(len),
            wait,
        }
    }

    /// Nothing is under way: other things can be done meanwhile.
    pub(super) fn is_resting(&self) -> bool {
        matches!(self.stage, Stage::Rest(_))
    }

    /// The backoff that is not over.
    pub(super) fn wait(&self) -> Option<Wait> {
        self.wait
    }

    /// The child at this place is gone: those after it moved up.
    pub(super) fn forget(&mut self, place: usize) {
        let moved = |at: &mut usize| *at -= usize::from(place < *at);
        moved(&mut self.from);
        if let Some(wait) = &mut self.wait {
            moved(&mut wait.place);
        }
        match &mut self.stage {
            Stage::Stop(at) | Stage::Start(at) | Stage::Rest(at) => moved(at),
        }
    }
}

impl<P: Payload> Rules<P> {
    /// One step; false when an event has to come first.
    pub(super) fn run_group(&mut self, group: Group) -> bool {
        match group.stage {
            Stage::Stop(until) if until > group.from => self.stop_last(until),
            Stage::Stop(_) => {
                self.enter(Stage::Start(group.from));
                true
            }
            Stage::Rest(_) => false,
            Stage::Start(next) => match group.wait {
                Some(wait) if next == wait.place => {
                    self.rest(next, wait);
                    true
                }
                _ => self.start_next(next),
            },
        }
    }

    /// Waits out a backoff, unless it is over.
    fn rest(&mut self, next: usize, wait: Wait) {
        let over = wait.until <= self.now;
        if let Some(child) = self.roster.get_mut(wait.fallen) {
            match child.phase {
                Phase::Down { .. } if !over => child.phase = Phase::Resting,
                Phase::Resting if over => child.phase = Phase::Down { failed: true },
                _ => {}
            }
        }
        if !over {
            self.arm_own(wait.until);
            self.enter(Stage::Rest(next));
        } else if let Some(group) = &mut self.group {
            group.wait = None;
        }
    }

    /// The backoff of the group is over.
    pub(super) fn resume_group(&mut self) {
        if let Some(Group {
            stage: Stage::Rest(next),
            wait: Some(wait),
            ..
        }) = self.group
            && wait.until <= self.now
        {
            self.enter(Stage::Start(next));
            self.rest(next, wait);
        }
    }

    /// The children are in another order: the group that waits goes on from the child that it
    /// waits for.
    pub(super) fn relocate_group(&mut self) {
        let Some(Group {
            stage: Stage::Rest(_),
            wait: Some(wait),
            ..
        }) = self.group
        else {
            return;
        };
        let place = || self.order.iter().position(|other| *other == wait.fallen);
        let from = self.flags.strategy.group_from(place).or_else(place);
        self.group = from.map(|place| Group {
            from: place,
            stage: Stage::Rest(place),
            wait: Some(Wait { place, ..wait }),
        });
    }

    /// Whether the group will start this child, which is down.
    pub(super) fn reaches(&self, key: Key) -> bool {
        let place = self.order.iter().position(|other| *other == key);
        let (Some(group), Some(place)) = (self.group, place) else {
            return false;
        };
        place >= group.from
            && match group.stage {
                Stage::Stop(_) => true,
                Stage::Rest(next) | Stage::Start(next) => place >= next,
            }
    }

    fn enter(&mut self, stage: Stage) {
        if let Some(group) = &mut self.group {
            group.stage = stage;
        }
    }

    fn stop_last(&mut self, until: usize) -> bool {
        let last = until - 1;
        let Some(&key) = self.order.get(last) else {
            self.enter(Stage::Stop(last));
            return true;
        };
        if self.is_stopped_for_group(key) {
            // If it was removed, its place is one that moved already.
            if self.order.get(last) == Some(&key) {
                self.enter(Stage::Stop(last));
            }
            return true;
        }
        false
    }

    /// Stops a member; true when nothing of it is left to wait for.
    fn is_stopped_for_group(&mut self, key: Key) -> bool {
        let Some(child) = self.roster.get_mut(key) else {
            return true;
        };
        match child.phase {
            Phase::Up | Phase::Starting(_) => {
                self.stop(key, After::Group);
                false
            }
            Phase::Asked(_) | Phase::Killed(_) => false,
            Phase::Fallen | Phase::Retrying | Phase::Resting => {
                self.settle(key, true);
                true
            }
            // A temporary one is forgotten with its group, down or not.
            Phase::Down { failed } if child.policy.restart == Restart::Temporary => {
                self.settle(key, failed);
                true
            }
            Phase::Down { .. } | Phase::Stuck(_) => true,
        }
    }

    fn start_next(&mut self, next: usize) -> bool {
        let Some(&key) = self.order.get(next) else {
            self.group = None;
            if !std::mem::replace(&mut self.booted, true) {
                self.actions.push(Action::Ready);
            }
            return true;
        };
        let phase = self.roster.get(key).map(|child| (&child.phase, child.held));
        match phase {
            Some((Phase::Down { .. } | Phase::Resting, false)) => {
                self.begin(key, Why::Group);
                false
            }
            Some((Phase::Starting(_) | Phase::Asked(_) | Phase::Killed(_), _)) => false,
            _ => {
                if let Some(child) = self.roster.get_mut(key) {
                    child.held = false;
                }
                self.enter(Stage::Start(next + 1));
                true
            }
        }
    }
}
