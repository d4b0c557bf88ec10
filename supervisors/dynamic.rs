//! `DynamicSupervisor`: the actor whose children come and go, and the handle to it.
//!
//! It owns its children's tasks. When it restarts it has no children: whoever asked for them asks
//! again. Its children stop all at once, each under its own timer. Permanent, unless its parent
//! says otherwise.

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

use crate::brood::Brood;
use crate::core::{Action, Dynamic, Event, Refusal, Removal};
use crate::exit::ExitReason;
use crate::handle::Seat;
use crate::incarnation::Life;
use crate::lifecycle::LifecycleEvent;
use crate::node::Node;
use crate::notice::Notice;
use crate::spec::{ChildSpec, DynamicSpec, id_defect};
use crate::supervisor::{exit_of, leave};
use crate::sync::lock;

/// Starts and stops children of one dynamic supervisor, whichever incarnation of it lives.
#[derive(Clone, Default)]
pub struct DynamicHandle {
    place: Arc<DynamicPlace>,
}

/// Why a child was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartChildError {
    /// There is a child of this id: up, restarting, stopping or quarantined.
    #[error("child `{id}` is already started")]
    AlreadyStarted {
        /// The id asked for.
        id: String,
    },
    /// The supervisor has as many children as it may.
    #[error("limit of `{limit}` children reached")]
    MaxChildren {
        /// The limit.
        limit: usize,
    },
    /// The child did not come up; nothing of it is left.
    #[error("child `{id}` did not start: {reason}")]
    Failed {
        /// The id asked for.
        id: String,
        /// Why it did not come up.
        reason: ExitReason,
    },
    /// The supervisor is not up, is leaving, or died before it answered.
    #[error("unavailable")]
    Unavailable,
}

/// Why a child was not stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TerminateError {
    /// There is no such child.
    #[error("no child `{id}`")]
    NotFound {
        /// The id asked for.
        id: String,
    },
    /// It was told to end, and its task does not: it is quarantined.
    #[error("child `{id}` does not end")]
    Overdue {
        /// The id asked for.
        id: String,
    },
    /// The supervisor is not up, or died before it answered.
    #[error("unavailable")]
    Unavailable,
}

impl DynamicHandle {
    /// A handle with no supervisor yet: everything is `Unavailable`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a child and waits until it is up, at most its own start timeout.
    ///
    /// # Errors
    /// [`StartChildError`]; nothing is left running then.
    pub async fn start_child(&self, spec: ChildSpec) -> Result<(), StartChildError> {
        let id = spec.plan.id.clone();
        let defect = id_defect(&id).map(ToOwned::to_owned).or_else(|| {
            spec.plan
                .defect("")
                .map(|(path, why)| format!("`{path}`: {why}"))
        });
        if let Some(detail) = defect {
            return Err(StartChildError::Failed {
                id,
                reason: ExitReason::StartFailed(detail),
            });
        }
        let (reply, answer) = oneshot::channel();
        self.send(DynamicMessage::Start { spec, reply })
            .ok_or(StartChildError::Unavailable)?;
        answer.await.unwrap_or(Err(StartChildError::Unavailable))
    }

    /// Stops a child as its shutdown says, and waits until nothing of it is left.
    ///
    /// # Errors
    /// [`TerminateError`].
    pub async fn terminate_child(&self, id: &str) -> Result<(), TerminateError> {
        let (reply, answer) = oneshot::channel();
        self.send(DynamicMessage::Terminate {
            id: Arc::from(id),
            reply,
        })
        .ok_or(TerminateError::Unavailable)?;
        answer.await.unwrap_or(Err(TerminateError::Unavailable))
    }

    /// Children that count against the limit.
    pub fn len(&self) -> usize {
        self.place.count.load(Ordering::Relaxed)
    }

    /// True when there is no child.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn seat(&self) -> Arc<dyn Seat> {
        self.place()
    }

    pub(crate) fn place(&self) -> Arc<DynamicPlace> {
        Arc::clone(&self.place)
    }

    fn send(&self, message: DynamicMessage) -> Option<()> {
        let actor = lock(&self.place.actor).clone()?;
        actor.send_message(message).ok()
    }
}

impl fmt::Debug for DynamicHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicHandle")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The place of a dynamic supervisor, kept across incarnations.
#[derive(Default)]
pub(crate) struct DynamicPlace {
    actor: Mutex<Option<ActorRef<DynamicMessage>>>,
    count: AtomicUsize,
}

impl DynamicPlace {
    pub(crate) fn take(&self, actor: ActorRef<DynamicMessage>) {
        *lock(&self.actor) = Some(actor);
    }
}

impl Seat for DynamicPlace {
    fn vacate(&self) {
        *lock(&self.actor) = None;
        self.count.store(0, Ordering::Relaxed);
    }
}

type StartReply = oneshot::Sender<Result<(), StartChildError>>;
type TerminateReply = oneshot::Sender<Result<(), TerminateError>>;

pub(crate) enum DynamicMessage {
    Start { spec: ChildSpec, reply: StartReply },
    Terminate { id: Arc<str>, reply: TerminateReply },
    Notice(Notice<Arc<str>>),
    Retry(Arc<str>),
    Stop(ExitReason),
}

pub(crate) struct DynamicSupervisor;

pub(crate) struct State {
    place: Arc<DynamicPlace>,
    node: Arc<Node>,
    rules: Dynamic,
    max_children: usize,
    brood: Brood<Arc<str>>,
    clients: BTreeMap<Arc<str>, Clients>,
}

/// Who waits for a child's start and end, and its number among the supervisor's nodes.
struct Clients {
    number: u64,
    start: Option<StartReply>,
    terminate: Vec<TerminateReply>,
}

impl Actor for DynamicSupervisor {
    type Msg = DynamicMessage;
    type State = State;
    type Arguments = (Arc<DynamicPlace>, DynamicSpec, Arc<Node>, Arc<Life>);

    async fn pre_start(
        &self,
        myself: ActorRef<DynamicMessage>,
        (place, spec, node, life): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        node.clear();
        let mailbox = myself.clone();
        let brood = Brood::new(myself.get_cell(), life, move |notice| {
            // Too late: the brood it is for is gone too.
            let _ = mailbox.send_message(DynamicMessage::Notice(notice));
        });
        let rules = Dynamic::new(spec.max_children);
        let (max_children, clients) = (spec.max_children, BTreeMap::new());
        Ok(State {
            place,
            node,
            rules,
            max_children,
            brood,
            clients,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<DynamicMessage>,
        message: DynamicMessage,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let event = match message {
            DynamicMessage::Start { spec, reply } => {
                state.start(spec, reply);
                None
            }
            DynamicMessage::Terminate { id, reply } => {
                state.terminate(&id, reply, &myself);
                None
            }
            DynamicMessage::Notice(notice) => state.brood.notice(notice),
            DynamicMessage::Retry(id) => Some(Event::Retry(id)),
            DynamicMessage::Stop(reason) => Some(Event::Stop(reason)),
        };
        if let Some(event) = event {
            state.answer_clients(&event);
            let State { node, rules, .. } = state;
            let actions = node.with_window(|now, window| rules.handle(now, window, event));
            state.carry_out(actions, &myself);
        }
        state
            .place
            .count
            .store(state.rules.len(), Ordering::Relaxed);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<DynamicMessage>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        if let Some((actor, reason)) = exit_of(event) {
            state.brood.exited(actor, reason);
        }
        Ok(())
    }
}

impl State {
    fn start(&mut self, ChildSpec { plan }: ChildSpec, reply: StartReply) {
        let id: Arc<str> = Arc::from(plan.id.as_str());
        if let Err(refusal) = self.rules.add(Arc::clone(&id), plan.restart) {
            // The caller stopped waiting; there is nobody left to tell.
            let _ = reply.send(Err(match refusal {
                Refusal::AlreadyStarted => StartChildError::AlreadyStarted { id: plan.id },
                Refusal::Full => StartChildError::MaxChildren {
                    limit: self.max_children,
                },
                Refusal::Closing => StartChildError::Unavailable,
            }));
            return;
        }
        let (number, node) = self.node.add(&plan);
        let clients = Clients {
            number,
            start: Some(reply),
            terminate: Vec::new(),
        };
        self.clients.insert(Arc::clone(&id), clients);
        self.brood.insert(Arc::clone(&id), plan, node);
        self.brood.start(&id);
    }

    fn terminate(
        &mut self,
        id: &Arc<str>,
        reply: TerminateReply,
        myself: &ActorRef<DynamicMessage>,
    ) {
        let (removal, actions) = self.rules.remove(id);
        let refusal = match (removal, self.clients.get_mut(id)) {
            (Removal::Ordered, Some(clients)) => {
                clients.terminate.push(reply);
                return self.carry_out(actions, myself);
            }
            (Removal::Stuck, _) => TerminateError::Overdue { id: id.to_string() },
            (Removal::Unknown | Removal::Ordered, _) => {
                TerminateError::NotFound { id: id.to_string() }
            }
        };
        // The caller stopped waiting; there is nobody left to tell.
        let _ = reply.send(Err(refusal));
    }

    /// Tells those who wait for this event, before the rules act on it.
    fn answer_clients(&mut self, event: &Event<Arc<str>>) {
        let (id, outcome) = match event {
            Event::Started(id) => (id, Ok(())),
            Event::StartFailed(id, reason) | Event::Ended(id, reason) => (id, Err(reason.clone())),
            Event::Overdue(id) => (
                id,
                Err(ExitReason::StartFailed("its task does not end".to_owned())),
            ),
            Event::Retry(_) | Event::Stop(_) => return,
        };
        let Some(clients) = self.clients.get_mut(id) else {
            return;
        };
        if let Some(reply) = clients.start.take() {
            // The caller stopped waiting; the child stays, as after any answer that is lost.
            let _ = reply.send(outcome.map_err(|reason| StartChildError::Failed {
                id: id.to_string(),
                reason,
            }));
        }
        if matches!(event, Event::Overdue(_)) {
            for reply in clients.terminate.drain(..) {
                // The caller stopped waiting; there is nobody left to tell.
                let _ = reply.send(Err(TerminateError::Overdue { id: id.to_string() }));
            }
        }
    }

    fn carry_out(&mut self, actions: Vec<Action<Arc<str>>>, myself: &ActorRef<DynamicMessage>) {
        for action in actions {
            match action {
                Action::Start(id) => self.brood.start(&id),
                Action::Stop(id) => self.brood.stop(&id),
                Action::Retry(id) => {
                    // It fails only when this supervisor is leaving.
                    let _ = myself.send_message(DynamicMessage::Retry(id));
                }
                Action::Forget(id) => self.forget(&id),
                Action::GiveUp(_, reason) => self.node.publish(LifecycleEvent::GaveUp { reason }),
                Action::Exit(reason) => leave(myself, &reason),
                Action::Ready => {}
            }
        }
    }

    fn forget(&mut self, id: &Arc<str>) {
        self.brood.remove(id);
        let Some(clients) = self.clients.remove(id) else {
            return;
        };
        self.node.remove(clients.number);
        for reply in clients.terminate {
            // The caller stopped waiting; there is nobody left to tell.
            let _ = reply.send(Ok(()));
        }
    }
}
