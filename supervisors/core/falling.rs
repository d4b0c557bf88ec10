//! What follows when a child ended by itself: it stays down, comes back alone or with its group,
//! at once or later, or takes its supervisor along.

use std::time::Duration;

use super::Action;
use super::AutoShutdown;
use super::child::{Child, Key, Phase, Why};
use super::group::{Group, Wait};
use super::rules::{Payload, Rules};
use crate::exit::ExitReason;
use crate::lifecycle::LifecycleEvent;
use crate::planted::Planted;

impl<P: Payload> Rules<P> {
    /// The child ended by itself, or counts as if: a decision is due.
    pub(super) fn fall(&mut self, key: Key, reason: Box<ExitReason>) {
        let Some(child) = self.roster.get_mut(key) else {
            return;
        };
        // The same again is kept: what was noted long ago is far away.
        if child.last_exit.as_ref() != Some(&reason) {
            child.last_exit = Some(reason);
        }
        child.phase = Phase::Fallen;
        self.fallen.push_back((key, child.life));
    }

    /// Decides about the first child that ended by itself; false when there is none.
    pub(super) fn answer_fall(&mut self) -> bool {
        let Some((key, life)) = self.fallen.pop_front() else {
            return false;
        };
        let Some(Child {
            phase: Phase::Fallen,
            policy,
            last_exit: Some(reason),
            ..
        }) = self.living(key, life)
        else {
            return true;
        };
        let (failed, significant) = (!reason.is_clean(), policy.significant);
        let is_revived = policy.restart.revives(reason);
        if is_revived && !self.soil.has(Planted::StaysDown) {
            self.revive(key);
        } else {
            self.settle(key, failed);
            if significant {
                self.shut_down_automatically();
            }
        }
        true
    }

    /// Restarts the child, and with it whom the strategy says, unless that is once too often.
    fn revive(&mut self, key: Key) {
        let now = self.now;
        #[cfg(test)]
        self.calls.push(now);
        if !(self.window.allow(now) && self.is_within_budgets()) {
            let reason = self
                .roster
                .get(key)
                .and_then(|child| child.last_exit.as_deref());
            let reason = reason.cloned().unwrap_or(ExitReason::Cancelled);
            self.actions
                .push(Action::Note(None, LifecycleEvent::GaveUp { reason }));
            self.settle(key, true);
            self.close(ExitReason::Shutdown);
            return;
        }
        let wait = self.backoff(key);
        if !wait.is_zero() {
            self.note(
                key,
                LifecycleEvent::Resting {
                    wait_ms: millis(wait),
                },
            );
        }
        let place = || self.order.iter().position(|other| *other == key);
        let from = match self.flags.dynamic {
            Some(_) => None,
            None => self.flags.strategy.group_from(place),
        };
        if let Some(from) = from {
            if let Some(child) = self.roster.get_mut(key) {
                child.phase = Phase::Down { failed: true };
            }
            let own = (!wait.is_zero()).then(|| Wait {
                fallen: key,
                place: from,
                until: now.saturating_add(wait),
            });
            // A group that rests is taken up: its own wait goes on, for those that it was for.
            let rested = self.group.and_then(|group| group.wait());
            let wait = match (own, rested) {
                (Some(own), Some(rested)) => Some(Wait {
                    fallen: rested.fallen,
                    place: own.place.min(rested.place),
                    until: own.until.max(rested.until),
                }),
                (own, rested) => own.or(rested),
            };
            let from = rested.map_or(from, |rested| from.min(rested.place));
            self.group = Some(Group::restart_from(from, self.order.len(), wait));
        } else if wait.is_zero() {
            self.begin(key, Why::Restart);
        } else if let Some(child) = self.roster.get_mut(key) {
            child.phase = Phase::Resting;
            self.arm(key, Some(now.saturating_add(wait)));
        }
    }

    /// Counts a restart against the limits shared with others; what is refused is not counted.
    fn is_within_budgets(&self) -> bool {
        let now = self.now;
        let refused = self.budgets.iter().position(|budget| !budget.allow(now));
        for budget in self.budgets.iter().take(refused.unwrap_or_default()) {
            budget.take_back(now);
        }
        refused.is_none()
    }

    /// How long the child waits this time.
    fn backoff(&mut self, key: Key) -> Duration {
        let (now, salt) = (self.now, self.salt);
        let Some(child) = self.roster.get_mut(key) else {
            return Duration::ZERO;
        };
        let Some(backoff) = child.policy.backoff else {
            return Duration::ZERO;
        };
        let up = child
            .up_since()
            .map_or(Duration::ZERO, |at| now.saturating_sub(at));
        child.set_up_since(None);
        if up >= backoff.reset_after {
            child.attempts = 0;
        }
        let attempt = child.attempts;
        child.attempts = attempt.saturating_add(1);
        let own = u64::from(child.serial).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        backoff.wait(u32::from(attempt), salt ^ own)
    }

    /// A significant child ended and stays down.
    fn shut_down_automatically(&mut self) {
        let others = |rules: &Self| {
            let mut living = rules.roster.iter().map(|(_, child)| child);
            match rules.flags.dynamic {
                Some(_) => living.next().is_some(),
                None => living.any(|child| {
                    child.policy.significant && !matches!(child.phase, Phase::Down { .. })
                }),
            }
        };
        let leave = match self.flags.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => !others(self),
        };
        if leave {
            self.close(ExitReason::Shutdown);
        }
    }
}

/// Whole milliseconds, as events tell them.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
