//! A restart that concerns nobody but the child: nothing else follows from its end.

use std::time::Duration;

use super::child::{Key, Life, Phase};
use super::rules::{Payload, Rules};
use super::{Action, GRACE, Strategy};
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
    /// Whether all that follows from the end of this life is that the same child is started
    /// again, at once.
    pub(crate) fn revives_alone(
        &mut self,
        now: Duration,
        (key, life): (Key, Life),
        reason: &ExitReason,
    ) -> bool {
        let now = now.max(self.now);
        self.is_at_rest() && self.falls_alone(key, life, reason) && self.window.left(now) > 0
    }

    /// Takes in an end of which that is true. Should a limit shared with others have been taken
    /// away this moment, there is no start, and what is to be done instead stays for the
    /// supervisor.
    pub(crate) fn revive_alone(
        &mut self,
        now: Duration,
        (key, life): (Key, Life),
        reason: ExitReason,
    ) -> Option<Revival> {
        self.now = now.max(self.now);
        self.ended(key, life, reason);
        self.advance();
        let start = |action: &Action| match action {
            Action::Start(_, life) => Some(*life),
            _ => None,
        };
        let life = self.actions.iter().find_map(start)?;
        let actions = self.actions.drain(..);
        let notes = actions.filter(|action| start(action).is_none()).collect();
        Some(Revival { life, notes })
    }

    /// Takes note that a life failed and its task is about to be over; false when the supervisor
    /// has to be told. Should something of it stay, a tick finds that.
    pub(crate) fn leave_alone(&mut self, now: Duration, key: Key, life: Life) -> bool {
        let Some(child) = self.living(key, life) else {
            return false;
        };
        if child.phase != Phase::Up || child.policy.supervisor {
            return false;
        }
        child.leaving = true;
        // Those of whom nothing is left need no look.
        while let Some(&(_, key, life)) = self.leaving.front()
            && self.living(key, life).is_none()
        {
            self.leaving.pop_front();
        }
        self.leaving
            .push_back((now.saturating_add(GRACE), key, life));
        true
    }

    /// The next that failed a while ago, and whose task should be over.
    pub(super) fn late_to_leave(&mut self) -> Option<(Key, Life)> {
        let now = self.now;
        let late = self.leaving.pop_front_if(|(at, ..)| *at <= now)?;
        Some((late.1, late.2))
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
