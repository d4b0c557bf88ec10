//! How a child ends: by itself, asked, killed, or not at all.

use std::time::Duration;

use super::child::{After, Child, Key, Life, Phase, Why};
use super::rules::{OWN, Payload, Rules};
use super::{Action, GRACE, Shutdown};
use crate::error::SupervisorError;
use crate::exit::ExitReason;
use crate::lifecycle::LifecycleEvent;
use crate::planted::Planted;

impl<P: Payload> Rules<P> {
    /// Makes a child end as its specification says.
    pub(super) fn stop(&mut self, key: Key, after: After) {
        let now = self.now;
        let Some(child) = self.roster.get_mut(key) else {
            return;
        };
        let deadline = match child.policy.shutdown {
            Shutdown::Timeout(patience) if child.spawned => Some(now.saturating_add(patience)),
            Shutdown::Infinity if child.spawned => None,
            // A start that is not through has nothing to wait for.
            _ => return self.kill(key, after),
        };
        child.phase = Phase::Asked(after);
        self.arm(key, deadline);
        self.actions.push(Action::Ask(key));
    }

    pub(super) fn kill(&mut self, key: Key, after: After) {
        let now = self.now;
        let Some(child) = self.roster.get_mut(key) else {
            return;
        };
        child.phase = Phase::Killed(after);
        // A supervisor takes the time that its own children are given.
        let grace = (!child.policy.supervisor).then(|| now.saturating_add(GRACE));
        self.arm(key, grace);
        self.actions.push(Action::Kill(key));
    }

    pub(super) fn kill_by_order(&mut self, key: Key, life: Life) {
        let unawaited = self.soil.has(Planted::KillUnawaited);
        let Some(child) = self.living(key, life) else {
            return;
        };
        match child.phase {
            Phase::Up if unawaited => {
                self.actions.push(Action::Kill(key));
                self.ended(key, life, ExitReason::Killed);
            }
            Phase::Up => self.kill(key, After::Fall(None)),
            Phase::Asked(ref after) => {
                let after = after.clone();
                self.kill(key, after);
            }
            Phase::Starting(_) | Phase::Killed(_) | Phase::Stuck(_) => {
                self.actions.push(Action::Kill(key));
            }
            _ => {}
        }
    }

    /// Nothing of this life is left.
    pub(super) fn ended(&mut self, key: Key, life: Life, reason: ExitReason) {
        let Some(child) = self.living(key, life) else {
            return;
        };
        let phase = std::mem::replace(&mut child.phase, Phase::Down { failed: false });
        child.spawned = false;
        match phase {
            Phase::Starting(why) => self.start_failed(key, why, Box::new(as_start(reason))),
            Phase::Up => self.exited(key, reason),
            Phase::Asked(after) | Phase::Killed(after) => self.made_to_end(key, after, reason),
            Phase::Stuck(after) => {
                self.stuck = self.stuck.saturating_sub(1);
                self.ended_late(key, after, reason);
            }
            other => child.phase = other,
        }
    }

    fn exited(&mut self, key: Key, reason: ExitReason) {
        self.arm(key, None);
        self.mention(key, || LifecycleEvent::Exited {
            reason: reason.clone(),
        });
        self.fall(key, Box::new(reason));
    }

    fn made_to_end(&mut self, key: Key, after: After, reason: ExitReason) {
        match after {
            After::Group | After::Down => {
                if let Some(child) = self.roster.get_mut(key) {
                    child.last_exit = Some(Box::new(reason.clone()));
                }
                self.note(key, LifecycleEvent::Stopped { reason });
                self.settle(key, false);
            }
            After::Fall(given) => self.exited(key, given.map_or(reason, |given| *given)),
            After::FailStart(why, given) => self.start_failed(key, why, given),
        }
    }

    /// A quarantined child's task is over at last.
    fn ended_late(&mut self, key: Key, after: After, reason: ExitReason) {
        match after {
            After::Group => {
                let again = self.closing.is_none() && !self.reaches(key);
                self.made_to_end(key, After::Group, reason);
                if again && self.roster.get(key).is_some() {
                    self.begin(key, Why::Restart);
                }
            }
            After::FailStart(Why::Group | Why::Restart, given) if self.closing.is_none() => {
                self.fall(key, given);
            }
            other => self.made_to_end(key, other, reason),
        }
    }

    /// The child's task is over, but not everything below it.
    pub(super) fn lingers(&mut self, key: Key, life: Life, reason: ExitReason, orderly: bool) {
        let now = self.now;
        let Some(child) = self.living(key, life) else {
            return;
        };
        let phase = std::mem::replace(&mut child.phase, Phase::Down { failed: false });
        child.phase = Phase::Killed(match phase {
            Phase::Starting(why) => After::FailStart(why, Box::new(as_start(reason))),
            Phase::Up => After::Fall(Some(Box::new(reason))),
            Phase::Asked(after) | Phase::Killed(after) => after,
            other => {
                child.phase = other;
                return;
            }
        });
        if orderly {
            self.overdue(key);
        } else {
            self.arm(key, Some(now.saturating_add(GRACE)));
        }
    }

    /// Killed, and still there.
    fn overdue(&mut self, key: Key) {
        let booted = self.booted;
        let Some(child) = self.roster.get_mut(key) else {
            return;
        };
        let Phase::Killed(after) = &child.phase else {
            return;
        };
        let blocks_boot = !booted && matches!(after, After::FailStart(Why::Group, _));
        child.phase = Phase::Stuck(after.clone());
        let id = child.id.to_string();
        self.stuck += 1;
        self.arm(key, None);
        self.note(key, LifecycleEvent::Quarantined);
        let waiting = self.starts.remove(&key).into_iter();
        for ticket in waiting.chain(self.ends.remove(&key).unwrap_or_default()) {
            self.answer(ticket, Err(SupervisorError::Quarantined { id: id.clone() }));
        }
        if blocks_boot {
            let reason = "its task does not end".to_owned();
            self.close(ExitReason::StartFailed(reason));
        }
    }

    /// The answer to a probe of liveness.
    pub(super) fn probed(&mut self, key: Key, life: Life, since: Option<Duration>) {
        let now = self.now;
        let Some(child) = self.living(key, life) else {
            return;
        };
        let (Phase::Up, Some(limit), false) = (&child.phase, child.policy.liveness, child.leaving)
        else {
            return;
        };
        let due = since.unwrap_or(now).saturating_add(limit);
        if due > now {
            return self.arm(key, Some(due));
        }
        self.note(key, LifecycleEvent::Stalled);
        self.kill(key, After::Fall(Some(Box::new(ExitReason::Stalled))));
    }

    /// Acts on every deadline that is due.
    pub(super) fn tick(&mut self) {
        while let Some((key, life)) = self.late_to_leave() {
            if let Some(Child {
                phase: Phase::Up | Phase::Asked(_),
                ..
            }) = self.living(key, life)
            {
                self.actions.push(Action::Late(key, life));
            }
        }
        while let Some(key) = self.due() {
            if key == OWN {
                self.resume_group();
                continue;
            }
            let Some(child) = self.roster.get(key) else {
                continue;
            };
            match child.phase.clone() {
                Phase::Starting(why) => self.start_expired(key, why),
                Phase::Asked(after) => self.kill(key, after),
                Phase::Killed(_) => self.overdue(key),
                Phase::Resting => self.begin(key, Why::Restart),
                // What follows from its failure is looked after already.
                Phase::Up if child.leaving => {}
                Phase::Up => self.actions.push(Action::Probe(key, child.life)),
                Phase::Down { .. } | Phase::Stuck(_) | Phase::Fallen | Phase::Retrying => {}
            }
        }
    }
}

/// The reason of a child that ended before it was up.
fn as_start(reason: ExitReason) -> ExitReason {
    match reason {
        failed @ ExitReason::StartFailed(_) => failed,
        other => ExitReason::StartFailed(other.to_string()),
    }
}
