//! The shared cell of one supervisor: its rules, where readers find its children as they are.
//!
//! Snapshots, `which_children` and their like look here and never wait for an actor, so they work
//! while a child hangs in its start. The lock is held for the length of one decision. The cell
//! belongs to a place in the tree; a new incarnation of the supervisor puts fresh rules into it.

use fnv::FnvHasher;
use ractor::ActorCell;
use std::hash::Hasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::core::{Budget, Flags, Key, Life, Phase, Rules, Strategy};
use crate::exit::Panicked;
use crate::fault::{Disturbance, FaultHook};
use crate::life::Report;
use crate::lifecycle::{Bulletin, LifecycleEvent};
use crate::place::Command;
use crate::planted::Soil;
use crate::post::Post;
use crate::sight::Sight;
use crate::slot::{Running, Slot};
use crate::snapshot::{NodeKind, Snapshot};
use crate::supervisor::Message;
use crate::sync::lock;

/// A decision takes shorter than so many looks at whether it is made.
const LOOKS_AT_LOCK: usize = 200;

/// What a tree's supervisors have in common.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) bulletin: Bulletin,
    /// The start of the tree's time.
    pub(crate) clock: Instant,
    /// What jitter is computed from.
    pub(crate) seed: u64,
    /// What disturbs its workers.
    pub(crate) hook: Option<Arc<dyn FaultHook>>,
}

/// See the module.
pub(crate) struct Station {
    path: Arc<str>,
    /// That of the supervisor above; none at the root.
    above: Weak<Station>,
    ground: Ground,
    /// What the next incarnation supervises.
    command: Mutex<Command>,
    /// Those of the supervisors above.
    budgets: Vec<Arc<Budget>>,
    own_budget: Arc<Budget>,
    rules: Mutex<Rules<Slot>>,
    /// That of the incarnation that lives.
    post: Mutex<Option<Arc<Post>>>,
    /// Held from a decision to its publication, so that events come in the order of what they
    /// tell.
    press: Mutex<()>,
}

impl Station {
    pub(crate) fn root(
        name: &str,
        command: Command,
        (seed, hook): (u64, Option<Arc<dyn FaultHook>>),
    ) -> Arc<Self> {
        let ground = Ground {
            bulletin: Bulletin::new(hook.clone()),
            clock: Instant::now(),
            seed,
            hook,
        };
        Self::new(Arc::from(name), Weak::new(), ground, command, Vec::new())
    }

    pub(crate) fn below(above: &Arc<Self>, id: &str, command: Command) -> Arc<Self> {
        let path = Arc::from(format!("{}/{id}", above.path));
        let (budgets, ground) = (above.all_budgets(), above.ground.clone());
        Self::new(path, Arc::downgrade(above), ground, command, budgets)
    }

    fn new(
        path: Arc<str>,
        above: Weak<Self>,
        ground: Ground,
        command: Command,
        budgets: Vec<Arc<Budget>>,
    ) -> Arc<Self> {
        let own_budget = Budget::new(command.budget());
        let rules = Mutex::new(Rules::new(flags_of(&command), Vec::new(), 0));
        Arc::new(Self {
            path,
            above,
            ground,
            command: Mutex::new(command),
            budgets,
            own_budget,
            rules,
            post: Mutex::new(None),
            press: Mutex::new(()),
        })
    }

    pub(crate) fn path(&self) -> &Arc<str> {
        &self.path
    }

    pub(crate) fn bulletin(&self) -> &Bulletin {
        &self.ground.bulletin
    }

    pub(crate) fn clock(&self) -> Instant {
        self.ground.clock
    }

    /// What disturbs the worker `id`, if anything does.
    pub(crate) fn disturbance(&self, id: &str) -> Option<Arc<Disturbance>> {
        let hook = Arc::clone(self.ground.hook.as_ref()?);
        let path = format!("{}/{id}", self.path);
        Some(Arc::new(Disturbance::new(hook, path)))
    }

    /// What a harness planted.
    pub(crate) fn soil(&self) -> Soil {
        let hook = self.ground.hook.as_ref();
        Soil::new(hook.and_then(|hook| hook.planted()))
    }

    /// The time on the tree's clock.
    pub(crate) fn now(&self) -> Duration {
        self.ground.clock.elapsed()
    }

    pub(crate) fn command(&self) -> Command {
        lock(&self.command).clone()
    }

    pub(crate) fn set_command(&self, command: Command) {
        self.own_budget.limit(command.budget());
        let before = std::mem::replace(&mut *lock(&self.command), command);
        drop_quietly(before);
    }

    /// Takes in what a change while it ran made of it, which holds whoever above is restarted.
    pub(crate) fn remember(&self, command: Command) {
        let mut above = self.above.upgrade();
        while let Some(station) = above {
            let below = self.path.strip_prefix(&*station.path).unwrap_or_default();
            let ids: Vec<&str> = below.split('/').skip(1).collect();
            station.remember_below(&ids, &command);
            above = station.above.upgrade();
        }
        self.set_command(command);
    }

    fn remember_below(&self, ids: &[&str], new: &Command) {
        let before = {
            let mut command = lock(&self.command);
            let changed = command.with(ids, new);
            changed.map(|changed| std::mem::replace(&mut *command, changed))
        };
        drop_quietly(before);
    }

    fn all_budgets(&self) -> Vec<Arc<Budget>> {
        let own = Some(&self.own_budget);
        self.budgets.iter().chain(own).cloned().collect()
    }

    /// A new incarnation: no children, no past.
    pub(crate) fn begin(&self, post: Arc<Post>) {
        let flags = flags_of(&lock(&self.command));
        // Apart for every path, the same in every run.
        let mut salt = FnvHasher::with_key(self.ground.seed);
        salt.write(self.path.as_bytes());
        let salt = salt.finish();
        self.own_budget.reset();
        let mut fresh = Rules::new(flags, self.all_budgets(), salt);
        fresh.plant(self.soil());
        let before = {
            let mut rules = lock(&self.rules);
            fresh.follow(&rules);
            std::mem::replace(&mut *rules, fresh)
        };
        drop_quietly(before);
        *lock(&self.post) = Some(post);
    }

    /// The incarnation is gone.
    pub(crate) fn leave(&self) {
        let before = lock(&self.post).take();
        drop(before);
    }

    pub(crate) fn is_attended(&self) -> bool {
        lock(&self.post).is_some()
    }

    /// Sends to the incarnation that lives; false when none does.
    pub(crate) fn send(&self, message: Message) -> bool {
        let post = lock(&self.post).clone();
        post.is_some_and(|post| post.send(message))
    }

    pub(crate) fn read<T>(&self, view: impl FnOnce(&Rules<Slot>) -> T) -> T {
        view(&lock(&self.rules))
    }

    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Rules<Slot>) -> T) -> T {
        change(&mut lock(&self.rules))
    }

    /// The same, unless somebody holds the cell at the moment, which may be this thread.
    pub(crate) fn try_write<T>(&self, change: impl FnOnce(&mut Rules<Slot>) -> T) -> Option<T> {
        let mut rules = look_at(&self.rules)?;
        Some(change(&mut rules))
    }

    /// Taken by the supervisor when it decides something and then tells of it, if anybody listens.
    pub(crate) fn press(&self) -> Option<MutexGuard<'_, ()>> {
        self.bulletin().is_watched().then(|| lock(&self.press))
    }

    /// The same for others, who leave it to the supervisor when that is in the midst of it; what
    /// they hold says whether anybody listens.
    pub(crate) fn try_press(&self) -> Option<Option<MutexGuard<'_, ()>>> {
        if !self.bulletin().is_watched() {
            return Some(None);
        }
        look_at(&self.press).map(Some)
    }

    /// Tells of something that happened to a child.
    pub(crate) fn publish(&self, id: &str, kind: NodeKind, event: LifecycleEvent) {
        let path = || format!("{}/{id}", self.path);
        self.bulletin().publish(path, kind, event);
    }

    /// A start goes on in a task, unless it is over or given up by now.
    pub(crate) fn seat_launch(&self, (key, life): (Key, Life), launch: AbortHandle) {
        self.write(|rules| {
            let child = rules.child_mut(key).filter(|child| child.life == life);
            let Some(child) = child else {
                return launch.abort();
            };
            match (&child.phase, &child.payload.running) {
                (Phase::Up, _) => {}
                (Phase::Starting(_), Running::Nothing) => {
                    child.payload.running = Running::Launching(launch);
                }
                (Phase::Starting(_), Running::Live(_) | Running::Launching(_)) => {}
                // Nothing was there yet that could be told to end.
                _ => launch.abort(),
            }
        });
    }

    /// Takes note of a child that came up again when nothing else follows from that, so that the
    /// supervisor is not woken for it; gives the cell back when it has to be told.
    pub(crate) fn seat_quietly(
        &self,
        report: &Report,
        cell: ActorCell,
        up: bool,
    ) -> Option<ActorCell> {
        let Report::Supervisor { key, life, .. } = report else {
            return Some(cell);
        };
        let now = self.now();
        let Some(press) = self.try_press() else {
            return Some(cell);
        };
        let id = {
            let mut rules = lock(&self.rules);
            if !up || !rules.starts_quietly(*key, *life) {
                return Some(cell);
            }
            let child = rules.child_mut(*key)?;
            child.payload.settle(cell);
            let id = Arc::clone(&child.id);
            rules.start_quietly(*key, now);
            id
        };
        if press.is_some() {
            self.publish(&id, NodeKind::Worker, LifecycleEvent::Started);
        } else {
            self.bulletin().skip(1);
        }
        None
    }

    /// The supervisor that has the node at `path` among its children, and the child's key and
    /// life if it has a task.
    pub(crate) fn find(self: &Arc<Self>, path: &str) -> Option<(Arc<Self>, Found)> {
        let rest = path.strip_prefix(&*self.path)?.strip_prefix('/')?;
        let (id, deeper) = match rest.split_once('/') {
            Some((id, _)) => (id, true),
            None => (rest, false),
        };
        let (found, station) = self.read(|rules| {
            let (key, child) = rules.find(id)?;
            let alive = child.has_task();
            let life = child.life;
            let found = Found { key, life, alive };
            Some((found, child.payload.station().cloned()))
        })?;
        if deeper {
            return station?.find(path);
        }
        Some((Arc::clone(self), found))
    }

    /// The picture of this supervisor and all below it; `node` says what is known above.
    pub(crate) fn snapshot(&self, node: Snapshot) -> Snapshot {
        let now = self.now();
        let (flags, in_window, sights) = self.write(|rules| {
            let sights = rules
                .children()
                .iter()
                .map(|(_, child)| Sight::of(child))
                .collect();
            let sights: Vec<Sight> = sights;
            (rules.flags(), rules.restarts_in_window(now), sights)
        });
        let children = sights.into_iter().map(|sight| {
            let station = sight.station.clone();
            let node = sight.picture(&self.path, now);
            match station {
                Some(station) => station.snapshot(node),
                None => node,
            }
        });
        Snapshot {
            strategy: flags.dynamic.is_none().then_some(flags.strategy),
            restarts_in_window: Some(in_window),
            restarts_allowed: Some(flags.intensity.restarts),
            budget_left: self.own_budget.shown(now),
            children: children.collect(),
            ..node
        }
    }
}

/// Takes a lock that is held for a decision at most, unless this thread has it.
fn look_at<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    (0..LOOKS_AT_LOCK).find_map(|_| {
        std::hint::spin_loop();
        mutex.try_lock().ok()
    })
}

/// Drops what may hold something of a child's author, which may panic when it goes.
pub(crate) fn drop_quietly<T>(gone: T) {
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(gone)));
    if let Err(payload) = dropped {
        let panic = Panicked::of(payload).0;
        tracing::error!(
            panic,
            "what a child was started from panicked when it was dropped"
        );
    }
}

/// A node that was looked for.
pub(crate) struct Found {
    pub(crate) key: Key,
    pub(crate) life: Life,
    pub(crate) alive: bool,
}

pub(crate) fn flags_of(command: &Command) -> Flags {
    match command {
        Command::Fixed(spec) => Flags {
            strategy: spec.strategy,
            intensity: spec.intensity,
            auto_shutdown: spec.auto_shutdown,
            dynamic: None,
        },
        Command::Dynamic(spec) => Flags {
            strategy: Strategy::OneForOne,
            intensity: spec.intensity,
            auto_shutdown: spec.auto_shutdown,
            dynamic: Some(spec.max_children),
        },
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
