//! The running side of a supervisor's children: starts, stops and ends of incarnations.
//!
//! It carries out the actions of the rules and turns what the tasks report into their events.
//! Nothing here waits: every start, stop and end is a task that posts a notice to the
//! supervisor's mailbox, so that the supervisor always answers. Dropped, as when a supervisor
//! dies abruptly, it aborts what is running.

use ractor::{ActorCell, ActorId};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::oneshot;

use crate::birth::{Birth, Launch, StartFailure, launch};
use crate::core::Event;
use crate::exit::ExitReason;
use crate::incarnation::{Incarnation, Life, Owned};
use crate::node::Node;
use crate::notice::{News, Notice, Post, Report, await_boot};
use crate::spec::Plan;

/// All children of one supervisor incarnation.
pub(crate) struct Brood<K> {
    slots: BTreeMap<K, Slot>,
    actors: BTreeMap<ActorId, K>,
    /// Exits that overtook the notice of their own start.
    strays: BTreeMap<ActorId, ExitReason>,
    myself: ActorCell,
    life: Arc<Life>,
    post: Post<K>,
    failure: Option<StartFailure>,
}

struct Slot {
    plan: Plan,
    node: Arc<Node>,
    incarnation: u64,
    activity: Activity,
    actor: Option<ActorId>,
    reason: Option<ExitReason>,
    failure: Arc<OnceLock<StartFailure>>,
    up: bool,
    ordered: bool,
    overdue: bool,
}

enum Activity {
    None,
    Launching {
        cancel: Option<oneshot::Sender<()>>,
        _task: Owned<()>,
    },
    Live(Incarnation),
    /// A task sees it to its end.
    Ending,
}

impl<K: Ord + Clone + Send + Sync + 'static> Brood<K> {
    pub(crate) fn new(
        myself: ActorCell,
        life: Arc<Life>,
        post: impl Fn(Notice<K>) + Send + Sync + 'static,
    ) -> Self {
        Self {
            slots: BTreeMap::new(),
            actors: BTreeMap::new(),
            strays: BTreeMap::new(),
            myself,
            life,
            post: Arc::new(post),
            failure: None,
        }
    }

    pub(crate) fn insert(&mut self, key: K, plan: Plan, node: Arc<Node>) {
        let slot = Slot {
            plan,
            node,
            incarnation: 0,
            activity: Activity::None,
            actor: None,
            reason: None,
            failure: Arc::default(),
            up: false,
            ordered: false,
            overdue: false,
        };
        self.slots.insert(key, slot);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(actor) = self.slots.remove(key).and_then(|slot| slot.actor) {
            self.actors.remove(&actor);
        }
    }

    /// The last start that failed.
    pub(crate) fn failure(&mut self) -> Option<StartFailure> {
        self.failure.take()
    }

    pub(crate) fn start(&mut self, key: &K) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        slot.begin();
        let (life, end) = Life::new(Some(Arc::clone(&self.life)));
        let birth = Birth {
            node: Arc::clone(&slot.node),
            life,
            parent: Some(self.myself.clone()),
            failure: Arc::clone(&slot.failure),
        };
        let (cancel, cancelled) = oneshot::channel();
        let report = Report::new(&self.post, key, slot.incarnation);
        let plan = slot.plan.clone();
        let task = tokio::spawn(async move {
            let overdue = |failure| report.send(News::Overdue(Some(failure)));
            let outcome = launch(plan, birth, end, cancelled, overdue).await;
            report.send(News::Launched(outcome));
        });
        slot.activity = Activity::Launching {
            cancel: Some(cancel),
            _task: Owned(task),
        };
    }

    /// Makes the child end; `Ended` follows.
    pub(crate) fn stop(&mut self, key: &K) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        match std::mem::replace(&mut slot.activity, Activity::Ending) {
            Activity::Live(incarnation) => {
                slot.ordered = true;
                slot.node.stopping();
                let report = Report::new(&self.post, key, slot.incarnation);
                let shutdown = slot.plan.shutdown;
                tokio::spawn(async move {
                    incarnation
                        .stop(shutdown, || report.send(News::Overdue(None)))
                        .await;
                    report.send(News::Ended);
                });
            }
            Activity::Launching { mut cancel, _task } => {
                slot.ordered = true;
                slot.node.stopping();
                if let Some(cancel) = cancel.take() {
                    // The start is over already: its notice is under way.
                    let _ = cancel.send(());
                }
                slot.activity = Activity::Launching { cancel, _task };
            }
            // It is ending by itself already.
            Activity::Ending => {}
            Activity::None => slot.activity = Activity::None,
        }
    }

    /// An actor's last callback is over; its task may not be.
    pub(crate) fn exited(&mut self, actor: ActorId, reason: ExitReason) {
        let Some(key) = self.actors.remove(&actor) else {
            self.strays.insert(actor, reason);
            return;
        };
        let Some(slot) = self.slots.get_mut(&key) else {
            return;
        };
        let reason = slot.reason.get_or_insert(reason).clone();
        if slot.up && !slot.ordered {
            slot.node.exited(reason);
        }
        self.reap(&key);
    }

    /// Sees a live child, which has ended or was made to, to its end.
    fn reap(&mut self, key: &K) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        match std::mem::replace(&mut slot.activity, Activity::Ending) {
            Activity::Live(incarnation) => {
                let report = Report::new(&self.post, key, slot.incarnation);
                tokio::spawn(async move {
                    incarnation.reap(|| report.send(News::Overdue(None))).await;
                    report.send(News::Ended);
                });
            }
            other => slot.activity = other,
        }
    }

    /// What a notice means to the rules, if anything.
    pub(crate) fn notice(&mut self, notice: Notice<K>) -> Option<Event<K>> {
        let Notice {
            key,
            incarnation,
            news,
        } = notice;
        let slot = self
            .slots
            .get_mut(&key)
            .filter(|slot| slot.incarnation == incarnation)?;
        match news {
            News::Launched(Launch::Born(incarnation, seat, boot)) => {
                self.born(key, incarnation, seat, boot)
            }
            News::Launched(Launch::Failed(failure)) => {
                slot.activity = Activity::None;
                Some(self.not_up(key, failure))
            }
            News::Booted => slot.booted().then_some(Event::Started(key)),
            News::BootExpired(limit) => {
                slot.boot_expired(limit);
                None
            }
            News::Overdue(failure) => {
                slot.overdue = true;
                slot.node.quarantined();
                self.failure = failure.or(self.failure.take());
                Some(Event::Overdue(key))
            }
            News::Killed => {
                self.reap(&key);
                None
            }
            News::Ended => Some(self.ended(key)),
        }
    }

    fn born(
        &mut self,
        key: K,
        incarnation: Incarnation,
        seat: Box<dyn FnOnce() + Send>,
        boot: Option<oneshot::Receiver<()>>,
    ) -> Option<Event<K>> {
        let slot = self.slots.get_mut(&key)?;
        let actor = incarnation.actor().get_id();
        self.actors.insert(actor, key.clone());
        slot.actor = Some(actor);
        let killed = Report::new(&self.post, &key, slot.incarnation);
        slot.node.leash(
            incarnation
                .leash()
                .watched(move || killed.send(News::Killed)),
        );
        slot.activity = Activity::Live(incarnation);
        let stray = self.strays.remove(&actor);
        let mut event = None;
        if slot.ordered || slot.overdue {
            // Nobody waits for it any more.
            slot.reason = slot
                .overdue
                .then(|| ExitReason::StartFailed("too late".to_owned()));
            self.stop(&key);
        } else if let Some(boot) = boot {
            seat();
            let limit = slot.plan.start_timeout;
            let report = Report::new(&self.post, &key, slot.incarnation);
            tokio::spawn(await_boot(boot, limit, report));
        } else {
            seat();
            slot.up = true;
            slot.node.up();
            event = Some(Event::Started(key));
        }
        if let Some(reason) = stray {
            self.exited(actor, reason);
        }
        event
    }

    fn ended(&mut self, key: K) -> Event<K> {
        let Some(slot) = self.slots.get_mut(&key) else {
            return Event::Ended(key, ExitReason::Cancelled);
        };
        slot.activity = Activity::None;
        if let Some(actor) = slot.actor.take() {
            self.actors.remove(&actor);
        }
        let known = slot.reason.take();
        let unseen = known.is_none();
        let reason = known.unwrap_or(ExitReason::Cancelled);
        if slot.ordered {
            slot.node.stopped(reason.clone());
        } else if !slot.up {
            let failure = slot.failure.get().cloned();
            let failure =
                failure.unwrap_or_else(|| StartFailure::new(&slot.node, reason.to_string()));
            return self.not_up(key, failure);
        } else if unseen || slot.overdue {
            slot.node.exited(reason.clone());
        }
        Event::Ended(key, reason)
    }

    /// A start is over with nothing running: it failed, or was called off.
    fn not_up(&mut self, key: K, failure: StartFailure) -> Event<K> {
        let Some(slot) = self.slots.get_mut(&key) else {
            return Event::Ended(key, ExitReason::Cancelled);
        };
        let reason = failure.reason(&slot.node.path());
        if slot.ordered {
            slot.node.stopped(reason.clone());
            return Event::Ended(key, reason);
        }
        slot.node.start_failed(reason.clone());
        self.failure = Some(failure);
        if slot.overdue {
            Event::Ended(key, reason)
        } else {
            Event::StartFailed(key, reason)
        }
    }
}

impl Slot {
    fn begin(&mut self) {
        self.incarnation += 1;
        self.actor = None;
        self.reason = None;
        self.failure = Arc::default();
        (self.up, self.ordered, self.overdue) = (false, false, false);
        self.node.starting(self.incarnation > 1);
    }

    /// False when it is on its way out already.
    fn booted(&mut self) -> bool {
        self.up = !self.ordered && self.reason.is_none();
        if self.up {
            self.node.up();
        }
        self.up
    }

    /// A supervisor that does not come up in time takes down what it started, and leaves.
    fn boot_expired(&mut self, limit: Duration) {
        if let Activity::Live(incarnation) = &self.activity
            && !self.up
        {
            let failure = StartFailure::new(&self.node, format!("not up after `{limit:?}`"));
            // It failed by itself meanwhile: that reason stands.
            let _ = self.failure.set(failure);
            incarnation.leash().kill();
        }
    }
}
