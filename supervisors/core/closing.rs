//! How a supervisor leaves: never before its children, except for those that do not end at all.
//!
//! Fixed children stop one after the other, in reverse start order. Dynamic children stop all at
//! once, each under its own timer.

use super::Action;
use super::child::{After, Key, Phase};
use super::rules::{Payload, Rules};
use crate::error::SupervisorError;
use crate::exit::ExitReason;
use crate::planted::Planted;

/// The way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Closing {
    reason: ExitReason,
    /// Fixed children before this place are still to be stopped.
    until: usize,
    left: bool,
}

impl Closing {
    /// The child at this place is gone: those after it moved up.
    pub(super) fn forget(&mut self, place: usize) {
        self.until -= usize::from(place < self.until);
    }
}

impl<P: Payload> Rules<P> {
    /// Told to stop, or killed while it stops.
    pub(super) fn stop_by_order(&mut self, reason: ExitReason) {
        match &mut self.closing {
            Some(closing) if reason == ExitReason::Killed => closing.reason = reason,
            _ => self.close(reason),
        }
    }

    pub(super) fn close(&mut self, reason: ExitReason) {
        if self.closing.is_some() {
            return;
        }
        self.group = None;
        self.closing = Some(Closing {
            reason,
            until: self.order.len(),
            left: false,
        });
        self.call_off_downed();
        while let Some(request) = self.deferred.pop_front() {
            self.answer(request.ticket(), Err(SupervisorError::Unavailable));
        }
        if self.flags.dynamic.is_some() {
            let keys: Vec<Key> = self.roster.iter().map(|(key, _)| key).collect();
            for key in keys {
                self.is_stopped_for_good(key);
            }
        }
    }

    /// One step; false when an event has to come first, or nothing is left to do.
    pub(super) fn leave(&mut self) -> bool {
        let Some(closing) = &self.closing else {
            return false;
        };
        if closing.left {
            return false;
        }
        let waiting = if self.soil.has(Planted::ChildrenLeft) {
            false
        } else if self.flags.dynamic.is_some() {
            self.roster.len() > self.stuck
        } else {
            let until = closing.until;
            if until > 0 {
                return self.stop_before(until);
            }
            false
        };
        if waiting {
            return false;
        }
        if let Some(closing) = &mut self.closing {
            closing.left = true;
            self.actions.push(Action::Exit(closing.reason.clone()));
        }
        false
    }

    fn stop_before(&mut self, until: usize) -> bool {
        let last = until - 1;
        let key = self.order.get(last).copied();
        let forward = self.soil.has(Planted::StopsForward);
        let key = match self.order.len().checked_sub(until) {
            Some(first) if forward => self.order.get(first).copied(),
            _ => key,
        };
        if let Some(key) = key
            && !self.is_stopped_for_good(key)
        {
            return false;
        }
        if let Some(closing) = &mut self.closing
            && (forward || key.is_none() || self.order.get(last) == key.as_ref())
        {
            closing.until = last;
        }
        true
    }

    /// Stops a child for good; true when nothing of it is left to wait for.
    fn is_stopped_for_good(&mut self, key: Key) -> bool {
        let Some(child) = self.roster.get_mut(key) else {
            return true;
        };
        match &mut child.phase {
            Phase::Up | Phase::Starting(_) => {
                self.stop(key, After::Down);
                false
            }
            Phase::Asked(after) | Phase::Killed(after) => {
                *after = After::Down;
                false
            }
            Phase::Stuck(after) => {
                *after = After::Down;
                true
            }
            Phase::Fallen | Phase::Retrying | Phase::Resting => {
                self.settle(key, true);
                true
            }
            Phase::Down { failed } => {
                let failed = *failed;
                if self.flags.dynamic.is_some() {
                    self.settle(key, failed);
                }
                true
            }
        }
    }
}
