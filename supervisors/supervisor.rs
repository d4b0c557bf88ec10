//! `Supervisor`: the actor that runs the rules of one supervisor.
//!
//! It turns what its children's tokens tell into the rules' events, and carries out their
//! actions; nothing in it waits, so it always answers. When it restarts, its children are new and
//! its window of restarts is empty. It leaves only after its children; if it dies abruptly they
//! are killed, and its own restart waits for them. Permanent, unless its parent says otherwise.

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

use crate::core::{
    Action, Child, Event, Flags, GRACE, Key, Life, Newcomer, Request, Restart, Rules, Ticket,
};
use crate::exit::ExitReason;
use crate::guarded::Failed;
use crate::life::{News, Outcome, StartFailure, Token};
use crate::place::{Command, Reply};
use crate::post::Post;
use crate::slot::{Running, Slot};
use crate::spec::{ChildSpec, Policies};
use crate::station::{Station, drop_quietly, flags_of};

pub(crate) struct Supervisor;

pub(crate) struct Arguments {
    pub(crate) station: Arc<Station>,
    pub(crate) token: Arc<Token>,
}

#[derive(Debug)]
pub(crate) enum Message {
    /// Sent when whoever supervises this supervisor is ready to see it end.
    Boot,
    News(Key, Life, News),
    /// Something has a deadline now that is sooner than the timer.
    LookAtDeadlines,
    Event(Event),
    StartChild(Box<ChildSpec>, Reply),
    TerminateChild(Arc<str>, Reply),
    RestartChild(Arc<str>, Reply),
    DeleteChild(Arc<str>, Reply),
    Change(Box<Command>, Reply),
}

#[cfg(feature = "cluster")]
impl ractor::Message for Message {}

impl Message {
    /// Whether what happens later is to be decided about after this.
    pub(crate) fn waits(&self) -> bool {
        !matches!(self, Self::LookAtDeadlines | Self::Event(Event::Tick))
    }
}

/// What ractor told of an actor that is over.
pub(crate) struct ActorEnd {
    /// Of an orderly stop, or of an aborted task.
    pub(crate) reason: Option<ExitReason>,
    pub(crate) at: Duration,
}

pub(crate) struct State {
    pub(crate) station: Arc<Station>,
    pub(crate) token: Arc<Token>,
    pub(crate) post: Arc<Post>,
    /// Nothing was decided yet about the message in hand.
    undecided: bool,
    policies: Policies,
    /// Actors that are over, whose tokens are not yet.
    pub(crate) ends: HashMap<ActorId, ActorEnd>,
    pub(crate) replies: BTreeMap<Ticket, Reply>,
    /// What is asked for by those of them that change this supervisor.
    pub(crate) changes: BTreeMap<Ticket, Command>,
    next_ticket: Ticket,
    timer: Option<(Duration, AbortHandle)>,
    /// The last start that failed, and who failed below it.
    pub(crate) failure: Option<StartFailure>,
    pub(crate) below: Option<StartFailure>,
    actions: Vec<Action>,
    pub(crate) left: bool,
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Supervisor {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        Arguments { station, token }: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let post = Post::new(myself, Arc::clone(&station));
        station.begin(Arc::clone(&post));
        let mut state = State {
            post,
            undecided: false,
            station,
            token,
            policies: Policies::default(),
            ends: HashMap::new(),
            replies: BTreeMap::new(),
            changes: BTreeMap::new(),
            next_ticket: 0,
            timer: None,
            failure: None,
            below: None,
            actions: Vec::new(),
            left: false,
        };
        if let Command::Fixed(spec) = state.station.command() {
            let children: Vec<_> = spec
                .children
                .iter()
                .map(|child| state.newcomer(child))
                .collect();
            state.station.write(|rules| {
                for child in children {
                    rules.add(child);
                }
            });
        }
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.undecided = message.waits();
        match message {
            Message::Boot => state.step(|rules, now| rules.boot(now)),
            Message::Event(event) => {
                if event == Event::Tick {
                    // A timer counts until its tick is taken, and no longer.
                    state.set_timer(None);
                    state.look_for_lingering();
                }
                state.step(|rules, now| rules.handle(now, event));
                // The timer that fired was for all of them.
                state.arm_for_ends();
            }
            Message::News(key, life, news) => state.hear(key, life, news),
            Message::StartChild(spec, reply) => {
                let newcomer = state.newcomer(&spec);
                state.request(reply, |ticket| Request::StartChild(newcomer, ticket));
            }
            Message::TerminateChild(id, reply) => {
                state.request(reply, |ticket| Request::TerminateChild(id, ticket));
            }
            Message::RestartChild(id, reply) => {
                state.request(reply, |ticket| Request::RestartChild(id, ticket));
            }
            Message::DeleteChild(id, reply) => {
                state.request(reply, |ticket| Request::DeleteChild(id, ticket));
            }
            Message::Change(command, reply) => state.change(*command, reply),
            Message::LookAtDeadlines => state.step(|_, _| ()),
        }
        state.decided();
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Message>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        // The token of the life that ended follows, and at once unless its state is slow to go;
        // what the token cannot know is noted here.
        let (actor, text) = match event {
            SupervisionEvent::ActorTerminated(actor, _, text) => (actor, text),
            SupervisionEvent::ActorFailed(actor, error) => {
                if error.downcast_ref().is_some_and(|life| state.is_over(life)) {
                    return Ok(());
                }
                (actor, None)
            }
            _ => return Ok(()),
        };
        let at = state.station.now();
        let reason = text.map(|text| ExitReason::of_stop(Some(&text)));
        state.ends.insert(actor.get_id(), ActorEnd { reason, at });
        state.arm(Some(at.saturating_add(GRACE)));
        Ok(())
    }
}

impl State {
    fn newcomer(&mut self, spec: &ChildSpec) -> Newcomer<Slot> {
        Newcomer {
            id: Arc::clone(&spec.id),
            policy: self.policies.share(&spec.policy),
            payload: Slot::new(Arc::clone(&spec.body)),
        }
    }

    /// Lets the rules decide, and does what they say.
    fn step(&mut self, decide: impl FnOnce(&mut Rules<Slot>, Duration)) {
        let station = Arc::clone(&self.station);
        let now = station.now();
        let mut actions = std::mem::take(&mut self.actions);
        let press = station.press();
        let watched = press.is_some();
        let (deadline, unwatched, gone) = station.write(|rules| {
            rules.set_watched(watched);
            decide(rules, now);
            rules.swap_actions(&mut actions);
            let unwatched = rules.set_watched(watched);
            (rules.next_deadline(), unwatched, rules.take_gone())
        });
        self.decided();
        for action in actions.drain(..) {
            self.carry_out(action);
        }
        drop(press);
        if unwatched > 0 {
            station.bulletin().skip(unwatched);
        }
        self.actions = actions;
        self.arm(deadline);
        bury(gone);
    }

    /// The message in hand holds nobody up any more.
    fn decided(&mut self) {
        if std::mem::take(&mut self.undecided) {
            self.post.taken_in();
        }
    }

    fn request(&mut self, reply: Reply, make: impl FnOnce(Ticket) -> Request<Slot>) {
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        self.replies.insert(ticket, reply);
        self.step(|rules, now| rules.request(now, make(ticket)));
    }

    fn change(&mut self, command: Command, reply: Reply) {
        let flags: Flags = flags_of(&command);
        let children = match &command {
            Command::Fixed(spec) => spec
                .children
                .iter()
                .map(|child| self.newcomer(child))
                .collect(),
            Command::Dynamic(_) => Vec::new(),
        };
        // The ticket that the request draws.
        self.changes.insert(self.next_ticket + 1, command);
        self.request(reply, |ticket| Request::Change(flags, children, ticket));
    }

    /// Nothing of this life is left, and that was acted upon.
    fn is_over(&self, failed: &Failed) -> bool {
        self.station.read(|rules| {
            let child = rules.child(failed.key);
            child.is_none_or(|child| child.life != failed.life)
        })
    }

    pub(crate) fn set_timer(&mut self, timer: Option<(Duration, AbortHandle)>) {
        self.post.set_timer(timer.as_ref().map(|(at, _)| *at));
        self.timer = timer;
    }

    /// When the timer fires, unless it is stopped by this.
    pub(crate) fn timer(&self) -> Option<&(Duration, AbortHandle)> {
        self.timer.as_ref()
    }

    /// Takes in what a life's token tells.
    pub(crate) fn hear(&mut self, key: Key, life: Life, news: News) {
        let event = match news {
            News::Spawned { cell, up } => {
                return self.step(|rules, now| seat(rules, now, (key, life), cell, up));
            }
            News::Up => Event::Started(key, life),
            News::Lingers { reason, orderly } => {
                self.vacate(key, life);
                Event::Lingers {
                    key,
                    life,
                    reason,
                    orderly,
                }
            }
            News::Ended(outcome) => match self.ended(key, life, outcome) {
                Some(event) => event,
                None => return,
            },
        };
        self.step(|rules, now| rules.handle(now, event));
    }

    /// Nobody reaches this life any more; what reached its task is given back.
    fn vacate(&self, key: Key, life: Life) -> Option<Running> {
        self.station.write(|rules| {
            let child = rules.child_mut(key).filter(|child| child.life == life)?;
            child.payload.vacate();
            Some(std::mem::take(&mut child.payload.running))
        })
    }

    fn ended(&mut self, key: Key, life: Life, outcome: Option<Box<Outcome>>) -> Option<Event> {
        let running = self.vacate(key, life)?;
        let told = match &running {
            Running::Live(cell) => self.ends.remove(&cell.get_id()).and_then(|end| end.reason),
            // A task that was told to stop: aborting is how.
            Running::Launching(_) if self.is_stopping(key) => Some(ExitReason::Shutdown),
            Running::Launching(_) | Running::Nothing | Running::Doomed => None,
        };
        let reason = match outcome.map(|outcome| *outcome) {
            Some(Outcome::Ignored) => return Some(Event::Ignored(key, life)),
            Some(Outcome::Reason(reason)) => reason,
            Some(Outcome::Failed(failure)) => {
                let path = self.child_path(key);
                let reason = failure.reason(&path);
                self.below = Some(failure);
                reason
            }
            Some(Outcome::Graceful) => told.unwrap_or(ExitReason::Normal),
            None => told.unwrap_or(ExitReason::Killed),
        };
        Some(Event::Ended(key, life, reason))
    }

    fn is_stopping(&self, key: Key) -> bool {
        self.station.read(|rules| {
            let child = rules.child(key);
            child.is_some_and(|child| child.is_asked())
        })
    }

    fn child_path(&self, key: Key) -> String {
        let id = self
            .station
            .read(|rules| Some(Arc::clone(&rules.child(key)?.id)));
        format!("{}/{}", self.station.path(), id.unwrap_or_default())
    }
}

/// A life has a task, and may be up with that.
fn seat(
    rules: &mut Rules<Slot>,
    now: Duration,
    (key, life): (Key, Life),
    cell: ActorCell,
    up: bool,
) {
    let child = rules.child_mut(key).filter(|child| child.life == life);
    if let Some(child) = child {
        child.payload.settle(cell);
        let spent = forget_start(child);
        if let Some(spent) = spent {
            rules.bury(spent);
        }
    }
    let event = if up { Event::Started } else { Event::Spawned };
    rules.handle(now, event(key, life));
}

/// A temporary worker that somebody asked for has been started for the only time: what it was
/// started from is let go. What a specification says of a child stays.
fn forget_start(child: &mut Child<Slot>) -> Option<Slot> {
    let temporary = child.policy.restart == Restart::Temporary && !child.policy.supervisor;
    let spent = (temporary && child.is_fresh()).then(|| child.payload.body.spent())?;
    Some(Slot::new(std::mem::replace(&mut child.payload.body, spent)))
}

/// Drops what children came with that are gone.
fn bury(gone: Vec<Slot>) {
    gone.into_iter().for_each(drop_quietly);
}
