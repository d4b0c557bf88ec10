//! `Supervisor`: the actor that runs the rules of a fixed list of children.
//!
//! It owns its children's tasks and nothing else. When it restarts, its children are new and its
//! window of restarts is empty. It leaves only after its children, in reverse start order,
//! whatever the reason; if it dies abruptly its children are aborted. Permanent, unless its parent
//! says otherwise.

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::sync::{Arc, OnceLock};
use tokio::sync::oneshot;

use crate::birth::StartFailure;
use crate::brood::Brood;
use crate::core::{Action, Event, Fixed};
use crate::exit::{ExitReason, KILLED, SHUTDOWN};
use crate::incarnation::Life;
use crate::lifecycle::LifecycleEvent;
use crate::node::Node;
use crate::notice::Notice;
use crate::spec::SupervisorSpec;

pub(crate) struct Supervisor;

pub(crate) struct SupervisorArguments {
    pub(crate) spec: Arc<SupervisorSpec>,
    pub(crate) node: Arc<Node>,
    pub(crate) life: Arc<Life>,
    /// Told once all children are up; dropped if that does not come to pass.
    pub(crate) ready: oneshot::Sender<()>,
    /// Says which start failed then.
    pub(crate) failure: Arc<OnceLock<StartFailure>>,
}

pub(crate) enum SupervisorMessage {
    /// Sent when whoever supervises this supervisor is ready to see it end.
    Boot,
    Notice(Notice<usize>),
    Retry(usize),
    Stop(ExitReason),
}

pub(crate) struct State {
    node: Arc<Node>,
    rules: Fixed,
    brood: Brood<usize>,
    ready: Option<oneshot::Sender<()>>,
    failure: Arc<OnceLock<StartFailure>>,
}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = State;
    type Arguments = SupervisorArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMessage>,
        arguments: SupervisorArguments,
    ) -> Result<State, ActorProcessingErr> {
        let SupervisorArguments {
            spec,
            node,
            life,
            ready,
            failure,
        } = arguments;
        node.clear();
        let mailbox = myself.clone();
        let mut brood = Brood::new(myself.get_cell(), life, move |notice| {
            // Too late: the brood it is for is gone too.
            let _ = mailbox.send_message(SupervisorMessage::Notice(notice));
        });
        for (index, child) in spec.children.iter().enumerate() {
            let (_, place) = node.add(&child.plan);
            brood.insert(index, child.plan.clone(), place);
        }
        let restarts = spec.children.iter().map(|child| child.plan.restart);
        let rules = Fixed::new(spec.strategy, restarts);
        Ok(State {
            node,
            rules,
            brood,
            ready: Some(ready),
            failure,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let State {
            node, rules, brood, ..
        } = state;
        let event = match message {
            SupervisorMessage::Boot => {
                let actions = node.with_window(|now, window| rules.boot(now, window));
                state.carry_out(actions, &myself);
                return Ok(());
            }
            SupervisorMessage::Notice(notice) => brood.notice(notice),
            SupervisorMessage::Retry(child) => Some(Event::Retry(child)),
            SupervisorMessage::Stop(reason) => Some(Event::Stop(reason)),
        };
        if let Some(event) = event {
            let actions = node.with_window(|now, window| rules.handle(now, window, event));
            state.carry_out(actions, &myself);
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        if let Some((actor, reason)) = exit_of(event) {
            state.brood.exited(actor, reason);
        }
        Ok(())
    }
}

/// The typed exit that ractor's event tells of.
pub(crate) fn exit_of(event: SupervisionEvent) -> Option<(ractor::ActorId, ExitReason)> {
    match event {
        SupervisionEvent::ActorTerminated(actor, _, reason) => {
            Some((actor.get_id(), ExitReason::of_stop(reason.as_deref())))
        }
        SupervisionEvent::ActorFailed(actor, error) => {
            Some((actor.get_id(), ExitReason::of_failure(error.as_ref())))
        }
        SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => None,
    }
}

/// Leaves with a reason that [`ExitReason::of_stop`] reads back.
pub(crate) fn leave<M: Send + 'static>(myself: &ActorRef<M>, reason: &ExitReason) {
    myself.stop(Some(match reason {
        ExitReason::Killed => KILLED.to_owned(),
        ExitReason::Normal | ExitReason::Shutdown => SHUTDOWN.to_owned(),
        other => other.to_string(),
    }));
}

impl State {
    fn carry_out(&mut self, actions: Vec<Action<usize>>, myself: &ActorRef<SupervisorMessage>) {
        for action in actions {
            match action {
                Action::Start(child) => self.brood.start(&child),
                Action::Stop(child) => self.brood.stop(&child),
                Action::Retry(child) => {
                    // It fails only when this supervisor is leaving.
                    let _ = myself.send_message(SupervisorMessage::Retry(child));
                }
                Action::Ready => {
                    if let Some(ready) = self.ready.take() {
                        // Whoever started this supervisor stopped waiting, and will say so.
                        let _ = ready.send(());
                    }
                }
                Action::Forget(child) => self.brood.remove(&child),
                Action::GiveUp(_, reason) => self.node.publish(LifecycleEvent::GaveUp { reason }),
                Action::Exit(reason) => self.exit(&reason, myself),
            }
        }
    }

    fn exit(&mut self, reason: &ExitReason, myself: &ActorRef<SupervisorMessage>) {
        if self.ready.is_some()
            && let Some(failure) = self.brood.failure()
        {
            // A failure noted before, such as the start's own time limit, came first.
            let _ = self.failure.set(failure);
        }
        self.node.leaving(reason);
        leave(myself, reason);
    }
}
