//! The rules of a supervisor whose children come and go.
//!
//! Each child stands alone: one that is not to be restarted is forgotten. Children that are
//! restarting, or do not end, count against the limit. All stop at once, each under its own
//! timer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Action, Event, Restart, Window};
use crate::exit::ExitReason;

type Id = Arc<str>;

/// State of one dynamic supervisor.
#[derive(Debug)]
pub(crate) struct Dynamic {
    max_children: usize,
    children: BTreeMap<Id, Child>,
    closing: Option<ExitReason>,
    left: bool,
}

#[derive(Debug)]
struct Child {
    restart: Restart,
    phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Starting { first: bool },
    Up,
    Retrying(ExitReason),
    Stopping,
    Stuck { ordered: bool },
}

/// Why a child is not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    AlreadyStarted,
    Full,
    Closing,
}

/// What becomes of a child that is to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    Unknown,
    /// It is on its way; `Forget` follows.
    Ordered,
    /// It does not end, though it was told to.
    Stuck,
}

impl Dynamic {
    pub(crate) fn new(max_children: usize) -> Self {
        Self {
            max_children,
            children: BTreeMap::new(),
            closing: None,
            left: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.children.len()
    }

    /// Takes a child in; the caller starts it.
    pub(crate) fn add(&mut self, id: Id, restart: Restart) -> Result<(), Refusal> {
        if self.closing.is_some() {
            return Err(Refusal::Closing);
        }
        if self.children.contains_key(&id) {
            return Err(Refusal::AlreadyStarted);
        }
        if self.children.len() >= self.max_children {
            return Err(Refusal::Full);
        }
        self.children.insert(
            id,
            Child {
                restart,
                phase: Phase::Starting { first: true },
            },
        );
        Ok(())
    }

    /// Makes a child end and be forgotten.
    pub(crate) fn remove(&mut self, id: &Id) -> (Removal, Vec<Action<Id>>) {
        let Some(child) = self.children.get_mut(id) else {
            return (Removal::Unknown, vec![]);
        };
        match child.phase {
            Phase::Up | Phase::Starting { .. } => {
                child.phase = Phase::Stopping;
                (Removal::Ordered, vec![Action::Stop(Arc::clone(id))])
            }
            Phase::Stopping => (Removal::Ordered, vec![]),
            Phase::Retrying(_) => {
                self.children.remove(id);
                (Removal::Ordered, vec![Action::Forget(Arc::clone(id))])
            }
            Phase::Stuck { .. } => {
                child.phase = Phase::Stuck { ordered: true };
                (Removal::Stuck, vec![])
            }
        }
    }

    /// Takes an event in. `now` and `window` share one time base.
    pub(crate) fn handle(
        &mut self,
        now: Duration,
        window: &mut Window,
        event: Event<Id>,
    ) -> Vec<Action<Id>> {
        let mut actions = Vec::new();
        match event {
            Event::Started(id) => self.set(&id, Phase::Up),
            Event::StartFailed(id, reason) => self.start_failed(id, reason, &mut actions),
            Event::Ended(id, reason) => self.ended(id, reason, now, window, &mut actions),
            Event::Overdue(id) => self.overdue(id, &mut actions),
            Event::Retry(id) => self.retry(id, now, window, &mut actions),
            Event::Stop(reason) => self.close(reason, &mut actions),
        }
        self.leave(&mut actions);
        actions
    }

    fn set(&mut self, id: &Id, phase: Phase) {
        if let Some(child) = self.children.get_mut(id) {
            child.phase = phase;
        }
    }

    fn start_failed(&mut self, id: Id, reason: ExitReason, actions: &mut Vec<Action<Id>>) {
        let Some(child) = self.children.get_mut(&id) else {
            return;
        };
        if child.phase == (Phase::Starting { first: false }) {
            child.phase = Phase::Retrying(reason);
            actions.push(Action::Retry(id));
        } else {
            self.forget(id, actions);
        }
    }

    fn ended(
        &mut self,
        id: Id,
        reason: ExitReason,
        now: Duration,
        window: &mut Window,
        actions: &mut Vec<Action<Id>>,
    ) {
        let Some(child) = self.children.get(&id) else {
            return;
        };
        match child.phase {
            Phase::Up | Phase::Stuck { ordered: false } => {
                self.answer_fall(id, reason, now, window, actions);
            }
            Phase::Starting { .. } => self.start_failed(id, reason, actions),
            Phase::Stopping | Phase::Stuck { ordered: true } => self.forget(id, actions),
            Phase::Retrying(_) => {}
        }
    }

    fn answer_fall(
        &mut self,
        id: Id,
        reason: ExitReason,
        now: Duration,
        window: &mut Window,
        actions: &mut Vec<Action<Id>>,
    ) {
        let Some(child) = self.children.get_mut(&id) else {
            return;
        };
        if self.closing.is_some() || !child.restart.revives(&reason) {
            self.forget(id, actions);
        } else if window.allow(now) {
            child.phase = Phase::Starting { first: false };
            actions.push(Action::Start(id));
        } else {
            actions.push(Action::GiveUp(Arc::clone(&id), reason));
            self.forget(id, actions);
            self.close(ExitReason::Shutdown, actions);
        }
    }

    fn overdue(&mut self, id: Id, actions: &mut Vec<Action<Id>>) {
        let Some(child) = self.children.get_mut(&id) else {
            return;
        };
        if self.closing.is_some() {
            // Nothing more can be done about it; whoever waits for this supervisor's end sees it.
            self.forget(id, actions);
            return;
        }
        child.phase = match child.phase {
            Phase::Up | Phase::Starting { first: false } => Phase::Stuck { ordered: false },
            _ => Phase::Stuck { ordered: true },
        };
    }

    fn retry(&mut self, id: Id, now: Duration, window: &mut Window, actions: &mut Vec<Action<Id>>) {
        if let Some(Child {
            phase: Phase::Retrying(reason),
            ..
        }) = self.children.get(&id)
        {
            let reason = reason.clone();
            self.answer_fall(id, reason, now, window, actions);
        }
    }

    fn close(&mut self, reason: ExitReason, actions: &mut Vec<Action<Id>>) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(reason);
        // Those with no task to wait for are over; the others are told to stop, all at once.
        self.children.retain(|id, child| match child.phase {
            Phase::Up | Phase::Starting { .. } => {
                child.phase = Phase::Stopping;
                actions.push(Action::Stop(Arc::clone(id)));
                true
            }
            Phase::Stopping => true,
            Phase::Retrying(_) | Phase::Stuck { .. } => {
                actions.push(Action::Forget(Arc::clone(id)));
                false
            }
        });
    }

    fn forget(&mut self, id: Id, actions: &mut Vec<Action<Id>>) {
        self.children.remove(&id);
        actions.push(Action::Forget(id));
    }

    fn leave(&mut self, actions: &mut Vec<Action<Id>>) {
        if let Some(reason) = &self.closing
            && self.children.is_empty()
            && !self.left
        {
            self.left = true;
            actions.push(Action::Exit(reason.clone()));
        }
    }
}

#[cfg(test)]
#[path = "dynamic_tests.rs"]
mod tests;
