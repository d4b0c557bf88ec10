//! What may be asked of a supervisor while it runs, with OTP's answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::child::{After, Child, Key, Phase, Ticket, Why};
use super::rules::{Payload, Rules};
use super::{Action, Flags, Policy};
use crate::error::SupervisorError;
use crate::exit::ExitReason;
use crate::lifecycle::LifecycleEvent;

/// A child that is to be taken in.
#[derive(Debug)]
pub(crate) struct Newcomer<P> {
    pub(crate) id: Arc<str>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) payload: P,
}

/// A request and who waits for its answer.
#[derive(Debug)]
pub(crate) enum Request<P> {
    StartChild(Newcomer<P>, Ticket),
    TerminateChild(Arc<str>, Ticket),
    RestartChild(Arc<str>, Ticket),
    DeleteChild(Arc<str>, Ticket),
    /// OTP's code change: other flags and specifications, the same tasks.
    Change(Flags, Vec<Newcomer<P>>, Ticket),
}

/// What a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Up,
    Ignored,
    Done,
}

impl<P> Request<P> {
    pub(super) fn ticket(&self) -> Ticket {
        match self {
            Self::StartChild(_, ticket)
            | Self::TerminateChild(_, ticket)
            | Self::RestartChild(_, ticket)
            | Self::DeleteChild(_, ticket)
            | Self::Change(_, _, ticket) => *ticket,
        }
    }
}

impl<P: Payload> Rules<P> {
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Result<Answer, SupervisorError>) {
        self.actions.push(Action::Answer(ticket, answer));
    }

    /// Tells those who waited for the child's end.
    pub(super) fn answer_ends(&mut self, key: Key) {
        for ticket in self.ends.remove(&key).unwrap_or_default() {
            self.answer(ticket, Ok(Answer::Done));
        }
    }

    pub(super) fn answer_request(&mut self, request: Request<P>) {
        let ticket = request.ticket();
        if self.closing.is_some() {
            return self.answer(ticket, Err(SupervisorError::Unavailable));
        }
        let answer = match request {
            Request::StartChild(newcomer, _) => self.start_child(newcomer, ticket),
            Request::TerminateChild(id, _) => self.terminate_child(&id, ticket),
            Request::RestartChild(id, _) => self.restart_child(&id, ticket),
            Request::DeleteChild(id, _) => self.delete_child(&id),
            change @ Request::Change(..) if self.group.is_some_and(|group| !group.is_resting()) => {
                self.deferred.push_back(change);
                None
            }
            Request::Change(flags, children, _) => Some(self.change(flags, children)),
        };
        if let Some(answer) = answer {
            self.answer(ticket, answer);
        }
    }

    fn start_child(
        &mut self,
        newcomer: Newcomer<P>,
        ticket: Ticket,
    ) -> Option<Result<Answer, SupervisorError>> {
        if let Some((_, there)) = self.find(&newcomer.id) {
            let id = newcomer.id.to_string();
            let comes_back = matches!(there.phase, Phase::Starting(Why::Group | Why::Restart));
            let running = there.has_task() && !comes_back;
            let error = if running || self.flags.dynamic.is_some() {
                SupervisorError::AlreadyStarted { id }
            } else {
                SupervisorError::AlreadyPresent { id }
            };
            return Some(Err(error));
        }
        if let Some(limit) = self.flags.dynamic
            && self.roster.len() >= limit
        {
            return Some(Err(SupervisorError::MaxChildren { limit }));
        }
        let key = self.add(newcomer);
        self.starts.insert(key, ticket);
        self.begin(key, Why::Asked { fresh: true });
        None
    }

    fn terminate_child(
        &mut self,
        id: &str,
        ticket: Ticket,
    ) -> Option<Result<Answer, SupervisorError>> {
        let Some(key) = self.roster.find(id) else {
            return Some(Err(not_found(id)));
        };
        // A restart of its group that is under way leaves it down. If the group is at its start,
        // those after it stay down too, as in OTP.
        let starting = self.roster.get(key).map(|child| &child.phase);
        if self.booted && starting == Some(&Phase::Starting(Why::Group)) {
            self.group = None;
            self.call_off_downed();
        }
        let held = self.group.is_some();
        let child = self.roster.get_mut(key)?;
        child.held = held;
        match &mut child.phase {
            Phase::Down { failed } => {
                let failed = *failed;
                self.call_off(key);
                self.settle(key, failed);
                Some(Ok(Answer::Done))
            }
            Phase::Up | Phase::Starting(_) => {
                self.ends.entry(key).or_default().push(ticket);
                self.stop(key, After::Down);
                None
            }
            Phase::Asked(after) | Phase::Killed(after) => {
                *after = After::Down;
                self.ends.entry(key).or_default().push(ticket);
                None
            }
            Phase::Fallen | Phase::Retrying | Phase::Resting => {
                self.settle(key, true);
                Some(Ok(Answer::Done))
            }
            Phase::Stuck(after) => {
                *after = After::Down;
                Some(Err(SupervisorError::Quarantined { id: id.to_owned() }))
            }
        }
    }

    fn restart_child(
        &mut self,
        id: &str,
        ticket: Ticket,
    ) -> Option<Result<Answer, SupervisorError>> {
        if self.flags.dynamic.is_some() {
            let operation = "restart_child";
            return Some(Err(SupervisorError::Dynamic { operation }));
        }
        match self.downed(id) {
            // It comes up with its group already.
            Ok(key) if self.reaches(key) && !self.is_held(key) => {
                Some(Err(SupervisorError::Restarting { id: id.to_owned() }))
            }
            Ok(key) => {
                self.starts.insert(key, ticket);
                self.begin(key, Why::Asked { fresh: false });
                None
            }
            Err(error) => Some(Err(error)),
        }
    }

    fn delete_child(&mut self, id: &str) -> Option<Result<Answer, SupervisorError>> {
        if self.flags.dynamic.is_some() {
            let operation = "delete_child";
            return Some(Err(SupervisorError::Dynamic { operation }));
        }
        Some(match self.downed(id) {
            Ok(key) if self.reaches(key) && !self.is_held(key) => {
                Err(SupervisorError::Restarting { id: id.to_owned() })
            }
            Ok(key) => {
                self.remove(key);
                Ok(Answer::Done)
            }
            Err(error) => Err(error),
        })
    }

    /// The child of this id, which has no task and does not come back by itself.
    fn downed(&self, id: &str) -> Result<Key, SupervisorError> {
        let (key, child) = self.find(id).ok_or_else(|| not_found(id))?;
        let id = || id.to_owned();
        match &child.phase {
            Phase::Down { .. } => Ok(key),
            Phase::Fallen
            | Phase::Retrying
            | Phase::Resting
            | Phase::Starting(Why::Restart | Why::Group) => {
                Err(SupervisorError::Restarting { id: id() })
            }
            Phase::Stuck(_) => Err(SupervisorError::Quarantined { id: id() }),
            Phase::Up | Phase::Starting(Why::Asked { .. }) | Phase::Asked(_) | Phase::Killed(_) => {
                Err(SupervisorError::Running { id: id() })
            }
        }
    }

    fn is_held(&self, key: Key) -> bool {
        self.roster.get(key).is_some_and(|child| child.held)
    }

    /// The new list first, in its order, then those that it does not name, in theirs. Tasks are
    /// kept; a child that is new stays down until it is asked for.
    fn change(
        &mut self,
        flags: Flags,
        children: Vec<Newcomer<P>>,
    ) -> Result<Answer, SupervisorError> {
        self.flags = flags;
        self.window.limit(flags.intensity);
        if flags.dynamic.is_some() {
            return Ok(Answer::Done);
        }
        let before = std::mem::take(&mut self.order);
        let mut named = BTreeSet::new();
        for newcomer in children {
            let key = match self.roster.find(&newcomer.id) {
                Some(key) => {
                    if let Some(child) = self.roster.get_mut(key) {
                        child.policy = newcomer.policy;
                        let before = child.payload.renew(newcomer.payload);
                        self.gone.push(before);
                    }
                    self.order.push(key);
                    key
                }
                None => {
                    let key = self.add(newcomer);
                    self.mention(key, || LifecycleEvent::Added);
                    key
                }
            };
            named.insert(key);
        }
        let kept = before.into_iter().filter(|key| !named.contains(key));
        self.order.extend(kept);
        self.relocate_group();
        self.call_off_downed();
        Ok(Answer::Done)
    }

    /// Starts that waited for their group, which will not reach them now.
    pub(super) fn call_off_downed(&mut self) {
        let waiting: Vec<Key> = self.starts.keys().copied().collect();
        for key in waiting {
            let child = self.roster.get(key);
            let down = child.is_none_or(|child| matches!(child.phase, Phase::Down { .. }));
            if down && !self.reaches(key) {
                self.call_off(key);
            }
        }
    }

    /// The start that somebody waits for was called off.
    pub(super) fn call_off(&mut self, key: Key) {
        let Some(ticket) = self.starts.remove(&key) else {
            return;
        };
        let error = match self.roster.get(key) {
            Some(Child { id, .. }) if self.closing.is_none() => SupervisorError::StartFailed {
                id: id.to_string(),
                reason: ExitReason::Cancelled,
            },
            _ => SupervisorError::Unavailable,
        };
        self.answer(ticket, Err(error));
    }
}

fn not_found(id: &str) -> SupervisorError {
    SupervisorError::NotFound { id: id.to_owned() }
}
