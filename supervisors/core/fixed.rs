//! The rules of a supervisor with a fixed, ordered list of children.
//!
//! Children start in order and stop in reverse. While a group is being started or restarted,
//! exits of its members wait until that is done, as they wait in the mailbox of an OTP
//! supervisor. A supervisor never leaves before its children ended, except for one whose task
//! does not end at all.

use std::time::Duration;

use super::{Action, Event, Restart, Strategy, Window};
use crate::exit::ExitReason;

/// State of one supervisor.
#[derive(Debug)]
pub(crate) struct Fixed {
    strategy: Strategy,
    children: Vec<Child>,
    group: Option<Group>,
    booting: bool,
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
    /// Down; a group start takes it up.
    Idle,
    /// A temporary child that ended: never again.
    Gone,
    Starting,
    Up,
    /// Ended by itself; what follows is not yet decided.
    Fallen(ExitReason),
    /// Did not come up again; the message to self is under way.
    Retrying(ExitReason),
    Stopping,
    /// Its task does not end. `ordered`: by our order, so that its end starts it alone.
    Stuck {
        ordered: bool,
    },
}

/// The children from `from` on are being stopped, then started from `next` on.
#[derive(Debug, Clone, Copy)]
struct Group {
    from: usize,
    next: Option<usize>,
}

impl Child {
    /// Down for now, or for good.
    fn settle(&mut self) {
        self.phase = match self.restart {
            Restart::Temporary => Phase::Gone,
            Restart::Permanent | Restart::Transient => Phase::Idle,
        };
    }
}

impl Fixed {
    pub(crate) fn new(strategy: Strategy, restarts: impl IntoIterator<Item = Restart>) -> Self {
        let children = restarts
            .into_iter()
            .map(|restart| Child {
                restart,
                phase: Phase::Idle,
            })
            .collect();
        let group = Some(Group {
            from: 0,
            next: Some(0),
        });
        Self {
            strategy,
            children,
            group,
            booting: true,
            closing: None,
            left: false,
        }
    }

    /// The first actions, before any event.
    pub(crate) fn boot(&mut self, now: Duration, window: &mut Window) -> Vec<Action<usize>> {
        let mut actions = Vec::new();
        self.advance(now, window, &mut actions);
        actions
    }

    /// Takes an event in. `now` and `window` share one time base.
    pub(crate) fn handle(
        &mut self,
        now: Duration,
        window: &mut Window,
        event: Event<usize>,
    ) -> Vec<Action<usize>> {
        let mut actions = Vec::new();
        match event {
            Event::Started(child) => self.started(child),
            Event::StartFailed(child, reason) => self.start_failed(child, reason, &mut actions),
            Event::Ended(child, reason) => self.ended(child, reason, &mut actions),
            Event::Overdue(child) => self.overdue(child),
            Event::Retry(child) => self.retry(child),
            Event::Stop(reason) => self.close(reason),
        }
        self.advance(now, window, &mut actions);
        actions
    }

    fn started(&mut self, child: usize) {
        if let Some(child) = self.children.get_mut(child)
            && child.phase == Phase::Starting
        {
            child.phase = Phase::Up;
        }
    }

    fn start_failed(&mut self, index: usize, reason: ExitReason, actions: &mut Vec<Action<usize>>) {
        let Some(child) = self.children.get_mut(index) else {
            return;
        };
        if child.phase != Phase::Starting {
            child.settle();
        } else if self.booting {
            child.settle();
            self.close(reason);
        } else {
            child.phase = Phase::Retrying(reason);
            self.group = None;
            actions.push(Action::Retry(index));
        }
    }

    fn ended(&mut self, index: usize, reason: ExitReason, actions: &mut Vec<Action<usize>>) {
        let Some(child) = self.children.get_mut(index) else {
            return;
        };
        match child.phase {
            Phase::Up | Phase::Stuck { ordered: false } => child.phase = Phase::Fallen(reason),
            Phase::Starting => self.start_failed(index, reason, actions),
            Phase::Stuck { ordered: true } => {
                child.settle();
                self.start_alone(index, actions);
            }
            Phase::Stopping => child.settle(),
            Phase::Idle | Phase::Gone | Phase::Fallen(_) | Phase::Retrying(_) => {}
        }
    }

    /// A child that outlasted the stop of its group comes back alone, unless the group start
    /// will still reach it.
    fn start_alone(&mut self, index: usize, actions: &mut Vec<Action<usize>>) {
        let reached = self.group.is_some_and(|group| {
            index >= group.from && group.next.is_none_or(|next| next <= index)
        });
        let Some(child) = self.children.get_mut(index) else {
            return;
        };
        if child.phase == Phase::Idle && self.closing.is_none() && !reached {
            child.phase = Phase::Starting;
            actions.push(Action::Start(index));
        }
    }

    fn overdue(&mut self, index: usize) {
        let Some(child) = self.children.get_mut(index) else {
            return;
        };
        match child.phase {
            Phase::Stopping => child.phase = Phase::Stuck { ordered: true },
            Phase::Up => child.phase = Phase::Stuck { ordered: false },
            Phase::Starting => {
                child.phase = Phase::Stuck { ordered: false };
                if self.booting {
                    self.close(ExitReason::StartFailed("its task does not end".to_owned()));
                }
            }
            _ => {}
        }
    }

    fn retry(&mut self, index: usize) {
        if let Some(child) = self.children.get_mut(index)
            && let Phase::Retrying(reason) = &child.phase
        {
            child.phase = Phase::Fallen(reason.clone());
        }
    }

    fn close(&mut self, reason: ExitReason) {
        if self.closing.is_none() {
            self.closing = Some(reason);
            self.group = None;
        }
    }

    /// Goes as far as possible without another event.
    fn advance(&mut self, now: Duration, window: &mut Window, actions: &mut Vec<Action<usize>>) {
        loop {
            let moved = if let Some(reason) = self.closing.clone() {
                self.leave(reason, actions)
            } else if let Some(group) = self.group {
                self.run_group(group, actions)
            } else {
                self.answer_fall(now, window, actions)
            };
            if !moved {
                break;
            }
        }
    }

    fn leave(&mut self, reason: ExitReason, actions: &mut Vec<Action<usize>>) -> bool {
        if !self.left && self.stop_last(0, actions) {
            self.left = true;
            actions.push(Action::Exit(reason));
        }
        false
    }

    /// Stops the last running child at or after `from`; true when none is left.
    fn stop_last(&mut self, from: usize, actions: &mut Vec<Action<usize>>) -> bool {
        for (index, child) in self.children.iter_mut().enumerate().skip(from).rev() {
            match child.phase {
                Phase::Up | Phase::Starting => {
                    child.phase = Phase::Stopping;
                    actions.push(Action::Stop(index));
                    return false;
                }
                Phase::Stopping => return false,
                Phase::Fallen(_) | Phase::Retrying(_) => child.settle(),
                Phase::Idle | Phase::Gone | Phase::Stuck { .. } => {}
            }
        }
        true
    }

    fn run_group(&mut self, group: Group, actions: &mut Vec<Action<usize>>) -> bool {
        let Some(next) = group.next else {
            let stopped = self.stop_last(group.from, actions);
            if stopped {
                self.group = Some(Group {
                    next: Some(group.from),
                    ..group
                });
            }
            return stopped;
        };
        match self.children.get_mut(next) {
            None => {
                self.group = None;
                if std::mem::take(&mut self.booting) {
                    actions.push(Action::Ready);
                }
                true
            }
            Some(child) if child.phase == Phase::Idle => {
                child.phase = Phase::Starting;
                actions.push(Action::Start(next));
                false
            }
            Some(child) if child.phase == Phase::Starting => false,
            Some(_) => {
                self.group = Some(Group {
                    next: Some(next + 1),
                    ..group
                });
                true
            }
        }
    }

    /// Decides about the first child, in start order, that ended by itself.
    fn answer_fall(
        &mut self,
        now: Duration,
        window: &mut Window,
        actions: &mut Vec<Action<usize>>,
    ) -> bool {
        let fallen = self
            .children
            .iter_mut()
            .enumerate()
            .find_map(|(index, child)| {
                let Phase::Fallen(reason) = &child.phase else {
                    return None;
                };
                let reason = reason.clone();
                child.settle();
                Some((index, child, reason))
            });
        let Some((index, child, reason)) = fallen else {
            return false;
        };
        if !child.restart.revives(&reason) {
            return true;
        }
        if !window.allow(now) {
            actions.push(Action::GiveUp(index, reason));
            self.close(ExitReason::Shutdown);
        } else if let Some(from) = self.strategy.group_from(index) {
            self.group = Some(Group { from, next: None });
        } else {
            child.phase = Phase::Starting;
            actions.push(Action::Start(index));
        }
        true
    }
}

#[cfg(test)]
#[path = "fixed_tests.rs"]
mod tests;
