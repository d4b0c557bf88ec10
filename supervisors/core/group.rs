//! A group of fixed children that comes up in order, having been stopped in reverse.

use std::time::Duration;

use super::Action;
use super::child::{After, Key, Phase, Why};
use super::rules::{Payload, Rules};

/// The children from `from` on, in start order, and what is being done with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    from: usize,
    stage: Stage,
    resume_at: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Those before this place are still to be stopped.
    Stop(usize),
    /// All are down; the backoff is not over.
    Rest,
    /// Those from this place on are still to be started.
    Start(usize),
}

impl Group {
    pub(super) fn start_from(from: usize) -> Self {
        Self {
            from,
            stage: Stage::Start(from),
            resume_at: None,
        }
    }

    pub(super) fn restart_from(from: usize, len: usize, resume_at: Option<Duration>) -> Self {
        Self {
            from,
            stage: Stage::Stop(len),
            resume_at,
        }
    }

    /// The child at this place is gone: those after it moved up.
    pub(super) fn forget(&mut self, place: usize) {
        let moved = |at: &mut usize| *at -= usize::from(place < *at);
        moved(&mut self.from);
        match &mut self.stage {
            Stage::Stop(at) | Stage::Start(at) => moved(at),
            Stage::Rest => {}
        }
    }
}

impl<P: Payload> Rules<P> {
    /// One step; false when an event has to come first.
    pub(super) fn run_group(&mut self, group: Group) -> bool {
        match group.stage {
            Stage::Stop(until) if until > group.from => self.stop_last(until),
            Stage::Stop(_) => {
                let stage = match group.resume_at {
                    Some(at) if at > self.now => {
                        self.arm_own(at);
                        Stage::Rest
                    }
                    _ => Stage::Start(group.from),
                };
                self.enter(stage);
                stage != Stage::Rest
            }
            Stage::Rest => false,
            Stage::Start(next) => self.start_next(next),
        }
    }

    /// The backoff of the group is over.
    pub(super) fn resume_group(&mut self) {
        if let Some(Group {
            from,
            stage: Stage::Rest,
            resume_at: Some(at),
        }) = self.group
            && at <= self.now
        {
            self.enter(Stage::Start(from));
        }
    }

    /// Whether the group will start this child, which is down.
    pub(super) fn reaches(&self, key: Key) -> bool {
        let place = self.order.iter().position(|other| *other == key);
        let (Some(group), Some(place)) = (self.group, place) else {
            return false;
        };
        place >= group.from
            && match group.stage {
                Stage::Stop(_) | Stage::Rest => true,
                Stage::Start(next) => place >= next,
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
            Some((Phase::Down { .. }, false)) => {
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
