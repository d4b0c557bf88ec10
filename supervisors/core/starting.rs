//! How a child comes up: begun, reachable, up, ignored, or failed and tried again.

use super::Action;
use super::child::{After, Key, Life, Phase, Why};
use super::requests::Answer;
use super::rules::{Payload, Rules};
use crate::error::SupervisorError;
use crate::exit::ExitReason;
use crate::lifecycle::LifecycleEvent;
use std::time::Duration;

impl<P: Payload> Rules<P> {
    /// Starts a new life of a child that has no task.
    pub(super) fn begin(&mut self, key: Key, why: Why) {
        let now = self.now;
        let Some(child) = self.roster.get_mut(key) else {
            return;
        };
        self.next_life = self.next_life.wrapping_add(1);
        let life = self.next_life;
        child.life = life;
        child.spawned = false;
        child.ready = false;
        child.held = false;
        child.leaving = false;
        child.phase = Phase::Starting(why);
        child.starts = child.starts.saturating_add(1);
        let attempt = child.restarts();
        let limit = child.policy.start_timeout;
        self.arm(key, limit.map(|limit| now.saturating_add(limit)));
        if attempt > 0 {
            let attempt = u64::from(attempt);
            self.mention(key, || LifecycleEvent::Restarting { attempt });
        }
        self.actions.push(Action::Start(key, life));
    }

    pub(super) fn spawned(&mut self, key: Key, life: Life) {
        let Some(child) = self.living(key, life) else {
            return;
        };
        let late = !std::mem::replace(&mut child.spawned, true);
        if late && matches!(child.phase, Phase::Killed(_) | Phase::Stuck(_)) {
            // It came up while it was being given up, or after.
            self.actions.push(Action::Kill(key));
        } else if child.ready {
            self.started(key, life);
        }
    }

    pub(super) fn started(&mut self, key: Key, life: Life) {
        let now = self.now;
        let Some(child) = self.living(key, life) else {
            return;
        };
        if child.policy.awaits_readiness && !child.spawned {
            // It counts once its start is through.
            child.ready = true;
            return;
        }
        child.ready = false;
        self.spawned(key, life);
        let Some(child) = self.living(key, life) else {
            return;
        };
        if !matches!(child.phase, Phase::Starting(_)) {
            return;
        }
        child.phase = Phase::Up;
        child.set_up_since(Some(now));
        let liveness = child.policy.liveness;
        self.arm(key, liveness.map(|limit| now.saturating_add(limit)));
        self.mention(key, || LifecycleEvent::Started);
        if let Some(ticket) = self.starts.remove(&key) {
            self.answer(ticket, Ok(Answer::Up));
        }
    }

    /// Whether nothing follows from this life's coming up: nobody waits for it, no group goes on
    /// with it, and no timer runs while it is up.
    pub(crate) fn starts_quietly(&self, key: Key, life: Life) -> bool {
        let child = self.roster.get(key).filter(|child| child.life == life);
        child.is_some_and(|child| {
            child.phase == Phase::Starting(Why::Restart) && child.policy.liveness.is_none()
        }) && self.group.is_none()
            && self.closing.is_none()
            && !self.starts.contains_key(&key)
    }

    /// It came up, and nothing follows.
    pub(crate) fn start_quietly(&mut self, key: Key, now: Duration) {
        self.arm(key, None);
        if let Some(child) = self.roster.get_mut(key) {
            child.spawned = true;
            child.phase = Phase::Up;
            child.set_up_since(Some(now));
        }
    }

    /// The child's `pre_start` found nothing to start.
    pub(super) fn ignored(&mut self, key: Key, life: Life) {
        let Some(child) = self.living(key, life) else {
            return;
        };
        let Phase::Starting(why) = child.phase else {
            return self.ended(key, life, ExitReason::Normal);
        };
        self.note(key, LifecycleEvent::Ignored);
        if let Some(ticket) = self.starts.remove(&key) {
            self.answer(ticket, Ok(Answer::Ignored));
        }
        match why {
            // What was there before it was asked to start stays.
            Why::Asked { fresh: false } => self.lower(key, false),
            Why::Asked { fresh: true } | Why::Group | Why::Restart => self.settle(key, false),
        }
        if why == Why::Group
            && let Some(child) = self.roster.get_mut(key)
        {
            // Its group goes on past it.
            child.held = true;
        }
    }

    /// Nothing of the start is left; what follows depends on what it was for.
    pub(super) fn start_failed(&mut self, key: Key, why: Why, reason: Box<ExitReason>) {
        let Some(child) = self.roster.get_mut(key) else {
            return;
        };
        let life = child.life;
        child.last_exit = Some(reason.clone());
        let id = child.id.to_string();
        self.arm(key, None);
        let event = LifecycleEvent::StartFailed {
            reason: (*reason).clone(),
        };
        self.note(key, event);
        if let Some(ticket) = self.starts.remove(&key) {
            let reason = (*reason).clone();
            self.answer(ticket, Err(SupervisorError::StartFailed { id, reason }));
        }
        if self.closing.is_some() {
            return self.settle(key, true);
        }
        match why {
            Why::Asked { fresh: true } => self.remove(key),
            Why::Asked { fresh: false } => self.lower(key, true),
            Why::Group if !self.booted => {
                self.settle(key, true);
                self.close(*reason);
            }
            Why::Group | Why::Restart => {
                if why == Why::Group {
                    self.group = None;
                    self.call_off_downed();
                }
                if let Some(child) = self.roster.get_mut(key) {
                    child.phase = Phase::Retrying;
                }
                self.actions.push(Action::Retry(key, life));
            }
        }
    }

    pub(super) fn retry(&mut self, key: Key, life: Life) {
        if let Some(child) = self.living(key, life)
            && child.phase == Phase::Retrying
            && let Some(reason) = child.last_exit.take()
        {
            self.fall(key, reason);
        }
    }

    /// A start took too long: nothing of it may stay.
    pub(super) fn start_expired(&mut self, key: Key, why: Why) {
        let limit = self
            .roster
            .get(key)
            .and_then(|child| child.policy.start_timeout);
        let limit = limit.unwrap_or_default();
        let reason = ExitReason::StartFailed(format!("not up after `{limit:?}`"));
        self.kill(key, After::FailStart(why, Box::new(reason)));
    }
}
