//! A restart that concerns nobody but the child: nothing else follows from its end.

use std::time::Duration;

use super::child::{Key, Life, Phase};
use super::rules::{Payload, Rules};
use super::{Action, Strategy};
use crate::exit::ExitReason;

/// What follows from such an end.
#[derive(Debug)]
pub(crate) struct Revival {
    /// Of the life that is to be started.
    pub(crate) life: Life,
    /// What is to be told.
    pub(crate) notes: Vec<Action>,
}

impl<P: Payload> Rules<P> {
    /// Takes in the end of a life if all that follows is that the same child is started again, at
    /// once; if more follows, nothing is done and the end is still to be told.
    pub(crate) fn revive_alone(
        &mut self,
        now: Duration,
        (key, life): (Key, Life),
        reason: &ExitReason,
    ) -> Option<Revival> {
        let now = now.max(self.now);
        if !self.is_at_rest() || !self.falls_alone(key, life, reason) || self.window.left(now) == 0
        {
            return None;
        }
        self.now = now;
        self.ended(key, life, reason.clone());
        self.advance();
        let mut revival = None;
        let mut notes = Vec::new();
        for action in self.actions.drain(..) {
            match action {
                Action::Start(_, life) => revival = Some(life),
                other => notes.push(other),
            }
        }
        revival.map(|life| Revival { life, notes })
    }

    /// Nothing is being decided or waits to be.
    fn is_at_rest(&self) -> bool {
        self.booted
            && self.closing.is_none()
            && self.group.is_none()
            && self.fallen.is_empty()
            && self.deferred.is_empty()
            && self.actions.is_empty()
    }

    /// The child comes back at once, and no other with it.
    fn falls_alone(&self, key: Key, life: Life, reason: &ExitReason) -> bool {
        let alone = self.flags.dynamic.is_some() || self.flags.strategy == Strategy::OneForOne;
        let unlimited = || self.budgets.iter().all(|budget| budget.is_unlimited());
        self.child(key).is_some_and(|child| {
            alone
                && child.life == life
                && child.phase == Phase::Up
                && !child.policy.supervisor
                && child.policy.backoff.is_none()
                && child.policy.restart.revives(reason)
                && unlimited()
        })
    }
}
