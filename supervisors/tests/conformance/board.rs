//! The workers of this side, and the board on which they leave what OTP's journal holds.
//!
//! The board also takes what the tree publishes about its supervisors, in its place among what
//! the workers note: it is emptied into the board before anything is added.

use plantao_supervisors::{
    DynamicHandle, Envelope, ExitReason, Handle, Ignore, Lifecycle, LifecycleEvent, Limits,
    NodeKind,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::model::{Leave, Manner, Outcome, ROOT, SLOW_MS};
use crate::term::Term;
use crate::trace::Event;

/// Messages in flight to one worker: a script sends one.
const IN_FLIGHT_MAX: usize = 4;

#[derive(Clone, Default)]
pub(crate) struct Board(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    events: Vec<Event>,
    /// All events ever, those taken too.
    total: usize,
    plans: BTreeMap<String, VecDeque<Outcome>>,
    starts: BTreeMap<String, u32>,
    handles: BTreeMap<String, Handle<Leave>>,
    dynamics: BTreeMap<String, DynamicHandle>,
    published: Option<Receiver<Lifecycle>>,
    /// Supervisors that are up, as far as was published: what never came up does not end.
    up: BTreeSet<String>,
    /// How often each came up.
    ups: BTreeMap<String, u32>,
}

impl Board {
    fn with<T>(&self, change: impl FnOnce(&mut Notes) -> T) -> T {
        let mut notes = self.0.lock().unwrap();
        notes.drain();
        change(&mut notes)
    }

    /// Follows what is published of supervisors, of which those in `up` are up already.
    pub(crate) fn listen(&self, published: Receiver<Lifecycle>, up: BTreeSet<String>) {
        self.with(|notes| {
            notes.published = Some(published);
            notes.ups = up.iter().map(|path| (path.clone(), 1)).collect();
            notes.up = up;
        });
    }

    /// What the next starts of the worker at `path` do.
    pub(crate) fn plan(&self, path: &str, outcomes: &[Outcome]) {
        let outcomes = outcomes.iter().copied().collect();
        self.with(|notes| notes.plans.insert(path.to_owned(), outcomes));
    }

    /// Whether all that was planned has begun.
    pub(crate) fn is_plan_done(&self, path: &str) -> bool {
        self.with(|notes| notes.plans.get(path).is_none_or(VecDeque::is_empty))
    }

    pub(crate) fn take(&self) -> Vec<Event> {
        self.with(|notes| std::mem::take(&mut notes.events))
    }

    pub(crate) fn total(&self) -> usize {
        self.with(|notes| notes.total)
    }

    /// The one handle for whatever worker is at `path`.
    pub(crate) fn handle(&self, path: &str) -> Handle<Leave> {
        let new = || Handle::new(Limits::in_flight(IN_FLIGHT_MAX));
        self.with(|notes| {
            notes
                .handles
                .entry(path.to_owned())
                .or_insert_with(new)
                .clone()
        })
    }

    /// The one handle for whatever dynamic supervisor is at `path`.
    pub(crate) fn dynamic(&self, path: &str) -> DynamicHandle {
        self.with(|notes| notes.dynamics.entry(path.to_owned()).or_default().clone())
    }

    /// The number of a start, which is noted, and what it is to do.
    fn begin(&self, path: &str) -> (u32, Outcome) {
        self.with(|notes| {
            let number = notes.starts.entry(path.to_owned()).or_default();
            *number += 1;
            let number = *number;
            let planned = notes.plans.get_mut(path).and_then(VecDeque::pop_front);
            let outcome = planned.unwrap_or(Outcome::Ok);
            notes.push(Event::Start {
                path: path.to_owned(),
                number,
                detail: Term(&outcome).to_string(),
            });
            (number, outcome)
        })
    }
}

impl Notes {
    fn push(&mut self, event: Event) {
        self.events.push(event);
        self.total += 1;
    }

    /// Workers tell of themselves, and the root's end is seen by its owner.
    fn of_supervisor(&mut self, published: Lifecycle) -> Option<Event> {
        let Lifecycle {
            path, kind, event, ..
        } = published;
        if kind == NodeKind::Worker || path == ROOT {
            return None;
        }
        let number = self.ups.entry(path.clone()).or_default();
        match event {
            LifecycleEvent::Started => {
                *number += 1;
                self.up.insert(path.clone());
                Some(Event::Up {
                    path,
                    number: *number,
                })
            }
            LifecycleEvent::StartFailed { .. } => Some(Event::Fail { path }),
            LifecycleEvent::Exited { reason } | LifecycleEvent::Stopped { reason } => {
                self.up.remove(&path).then(|| Event::Down {
                    path,
                    number: *number,
                    reason: name(&reason),
                })
            }
            _ => None,
        }
    }

    fn drain(&mut self) {
        while let Some(published) = &mut self.published {
            match published.try_recv() {
                Ok(lifecycle) => {
                    let event = self.of_supervisor(lifecycle);
                    event.into_iter().for_each(|event| self.push(event));
                }
                Err(TryRecvError::Lagged(lost)) => panic!("{lost} events were lost"),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Closed) => self.published = None,
            }
        }
    }
}

/// A reason in the words of the traces.
pub(crate) fn name(reason: &ExitReason) -> String {
    match reason {
        ExitReason::Normal => "normal".to_owned(),
        ExitReason::Shutdown => "shutdown".to_owned(),
        ExitReason::ShutdownWith(detail) => format!("shutdown:{detail}"),
        ExitReason::Killed => "killed".to_owned(),
        ExitReason::Error(_) | ExitReason::Panic(_) => "error".to_owned(),
        other => format!("{other:?}").replace(' ', "_"),
    }
}

/// A worker as its script describes it.
pub(crate) struct Subject {
    pub(crate) path: String,
    pub(crate) manner: Manner,
    pub(crate) board: Board,
}

/// Exists while the worker is up; tells of its end when it is dropped.
pub(crate) struct Presence {
    path: String,
    number: u32,
    /// Why it ends; a worker that is killed has no time to say.
    reason: Option<String>,
    board: Board,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let event = Event::Stop {
            path: std::mem::take(&mut self.path),
            number: self.number,
            reason: self.reason.take().unwrap_or_else(|| "killed".to_owned()),
        };
        self.board.with(|notes| notes.push(event));
    }
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Subject {
    type Msg = Envelope<Leave>;
    type State = Presence;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Presence, ActorProcessingErr> {
        let (number, outcome) = self.board.begin(&self.path);
        match outcome {
            Outcome::Ok => Ok(Presence {
                path: self.path.clone(),
                number,
                reason: None,
                board: self.board.clone(),
            }),
            Outcome::Ignore => Err(Ignore.into()),
            Outcome::Error => Err("refused".into()),
            // A panic as any other, but for the hook that would print it.
            Outcome::Crash => resume_unwind(Box::new("crashed")),
            Outcome::Hang => std::future::pending().await,
        }
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Presence,
    ) -> Result<(), ActorProcessingErr> {
        let (leave, _in_flight) = message.open();
        let reason = match leave {
            Leave::Normal => "normal",
            Leave::Shutdown => "shutdown",
            Leave::ShutdownWith => "shutdown:why",
            Leave::Error | Leave::Crash => "error",
            Leave::Kill => "killed",
        };
        state.reason = Some(reason.to_owned());
        match leave {
            Leave::Normal => myself.stop(None),
            Leave::Shutdown => myself.stop(Some("shutdown".to_owned())),
            Leave::ShutdownWith => myself.stop(Some("shutdown: why".to_owned())),
            Leave::Error => return Err("failed".into()),
            Leave::Crash => resume_unwind(Box::new("crashed")),
            Leave::Kill => {}
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<Self::Msg>,
        state: &mut Presence,
    ) -> Result<(), ActorProcessingErr> {
        // Manners are for the stop that a supervisor orders.
        if state.reason.is_some() {
            return Ok(());
        }
        match self.manner {
            Manner::Obey => {}
            Manner::Slow => tokio::time::sleep(Duration::from_millis(SLOW_MS)).await,
            Manner::Hang => std::future::pending().await,
            Manner::Fail => {
                state.reason = Some("error".to_owned());
                return Err("unwilling".into());
            }
        }
        state.reason = Some("shutdown".to_owned());
        Ok(())
    }
}
