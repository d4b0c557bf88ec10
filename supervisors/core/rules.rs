//! The rules of one supervisor: its state, what it takes in, and the order in which it decides.
//!
//! Fixed children start in order and stop in reverse; while a group is being started or
//! restarted, exits of its members wait until that is done, as they wait in the mailbox of an
//! OTP supervisor. Dynamic children each stand alone and are forgotten when they stay down.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::child::{Child, Key, Life, Phase, Ticket};
use super::closing::Closing;
use super::group::Group;
use super::intensity::Window;
use super::requests::{Newcomer, Request};
use super::roster::Roster;
use super::{Action, AutoShutdown, Budget, Event, Intensity, Strategy};
use crate::lifecycle::LifecycleEvent;
use crate::planted::{Planted, Soil};

/// Stands for the supervisor itself among the deadlines.
pub(super) const OWN: Key = Key::MAX;

/// How a supervisor answers exits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) auto_shutdown: AutoShutdown,
    /// Children come and go; at most this many at one time.
    pub(crate) dynamic: Option<usize>,
}

/// What the adapter keeps with each child.
pub(crate) trait Payload: Sized {
    /// Takes over what a new specification of the same child says, and gives back what it was
    /// before.
    fn renew(&mut self, other: Self) -> Self;
}

/// State of one supervisor.
#[derive(Debug)]
pub(crate) struct Rules<P> {
    pub(super) flags: Flags,
    pub(super) roster: Roster<P>,
    /// Fixed children in start order.
    pub(super) order: Vec<Key>,
    pub(super) window: Window,
    pub(super) budgets: Vec<Arc<Budget>>,
    pub(super) salt: u64,
    deadlines: BTreeSet<(Duration, Key)>,
    pub(super) fallen: VecDeque<(Key, Life)>,
    /// Lives that failed and whose tasks are about to be over, and when to look whether they are.
    pub(super) leaving: VecDeque<(Duration, Key, Life)>,
    pub(super) group: Option<Group>,
    pub(super) booted: bool,
    pub(super) closing: Option<Closing>,
    pub(super) stuck: usize,
    pub(super) next_life: Life,
    next_serial: u32,
    pub(super) starts: BTreeMap<Key, Ticket>,
    pub(super) ends: BTreeMap<Key, Vec<Ticket>>,
    pub(super) deferred: VecDeque<Request<P>>,
    pub(super) actions: Vec<Action>,
    pub(super) now: Duration,
    /// What children came with that are gone: dropped by the adapter, holding nothing, since it
    /// is their author's and may do anything when it goes.
    pub(super) gone: Vec<P>,
    /// Somebody watches: what happened to children is told, and not only counted.
    pub(super) watched: bool,
    unwatched: u64,
    /// What a harness planted.
    pub(crate) soil: Soil,
    /// When a restart was called for, for tests to count by themselves.
    #[cfg(test)]
    pub(super) calls: Vec<Duration>,
}

impl<P: Payload> Rules<P> {
    /// `budgets`: the limits shared with others; `salt`: what jitter is computed from.
    pub(crate) fn new(flags: Flags, budgets: Vec<Arc<Budget>>, salt: u64) -> Self {
        Self {
            flags,
            roster: Roster::new(),
            order: Vec::new(),
            window: Window::new(flags.intensity),
            budgets,
            salt,
            deadlines: BTreeSet::new(),
            fallen: VecDeque::new(),
            leaving: VecDeque::new(),
            group: None,
            booted: false,
            closing: None,
            stuck: 0,
            next_life: 0,
            next_serial: 0,
            starts: BTreeMap::new(),
            ends: BTreeMap::new(),
            deferred: VecDeque::new(),
            actions: Vec::new(),
            now: Duration::ZERO,
            gone: Vec::new(),
            watched: true,
            unwatched: 0,
            soil: Soil::default(),
            #[cfg(test)]
            calls: Vec::new(),
        }
    }

    /// From here on these rules have the planted defect.
    pub(crate) fn plant(&mut self, soil: Soil) {
        self.soil = soil;
        if soil.has(Planted::IntensityOffByOne) {
            let Intensity { restarts, period } = self.flags.intensity;
            let wrong = Intensity::new(restarts.saturating_add(1), period);
            self.window = Window::new(wrong);
        }
        if soil.has(Planted::StrategyTooWide) {
            self.flags.strategy = Strategy::OneForAll;
        }
        if soil.has(Planted::StrategyTooNarrow) {
            self.flags.strategy = Strategy::OneForOne;
        }
    }

    /// Lives of another incarnation of this supervisor are not those of this one.
    pub(crate) fn follow(&mut self, before: &Self) {
        self.next_life = before.next_life;
    }

    /// Takes a child in that is not there yet; it is down.
    pub(crate) fn add(&mut self, newcomer: Newcomer<P>) -> Key {
        let Newcomer {
            id,
            policy,
            payload,
        } = newcomer;
        self.next_serial = self.next_serial.wrapping_add(1);
        let child = Child::new(id, policy, self.next_serial, payload);
        let key = self.roster.insert(child);
        if self.flags.dynamic.is_none() {
            self.order.push(key);
        }
        key
    }

    /// Starts the children that were taken in.
    pub(crate) fn boot(&mut self, now: Duration) {
        self.now = now;
        self.group = Some(Group::start_from(0));
        self.advance();
    }

    /// Takes an event in. Time never goes back: who looked at the clock first may be heard last.
    pub(crate) fn handle(&mut self, now: Duration, event: Event) {
        self.now = self.now.max(now);
        match event {
            Event::Spawned(key, life) => self.spawned(key, life),
            Event::Started(key, life) => self.started(key, life),
            Event::Ignored(key, life) => self.ignored(key, life),
            Event::Ended(key, life, reason) => self.ended(key, life, reason),
            Event::Lingers {
                key,
                life,
                reason,
                orderly,
            } => self.lingers(key, life, reason, orderly),
            Event::Retry(key, life) => self.retry(key, life),
            Event::Kill(key, life) => self.kill_by_order(key, life),
            Event::Probed(key, life, since) => self.probed(key, life, since),
            Event::Tick => self.tick(),
            Event::Stop(reason) => self.stop_by_order(reason),
        }
        self.advance();
    }

    /// Takes a request in; the answer comes as an action.
    pub(crate) fn request(&mut self, now: Duration, request: Request<P>) {
        self.now = self.now.max(now);
        self.answer_request(request);
        self.advance();
    }

    /// When to send the next [`Event::Tick`].
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let deadlines = self.deadlines.first().map(|(at, _)| *at);
        let leaving = self.leaving.front().map(|(at, ..)| *at);
        deadlines.into_iter().chain(leaving).min()
    }

    /// Hands over what is to be done, in order, and takes an empty list for it.
    pub(crate) fn swap_actions(&mut self, actions: &mut Vec<Action>) {
        std::mem::swap(&mut self.actions, actions);
    }

    /// Whoever ran these rules is gone, and all children with it.
    pub(crate) fn abandon(&mut self) {
        for key in self.keys() {
            if let Some(child) = self.roster.get_mut(key)
                && !matches!(child.phase, Phase::Down { .. } | Phase::Stuck(_))
            {
                child.phase = Phase::Down { failed: true };
            }
        }
    }

    /// Keeps something for [`Rules::take_gone`].
    pub(crate) fn bury(&mut self, payload: P) {
        self.gone.push(payload);
    }

    /// What is to be dropped, once the rules are let go.
    pub(crate) fn take_gone(&mut self) -> Vec<P> {
        std::mem::take(&mut self.gone)
    }

    pub(crate) fn child(&self, key: Key) -> Option<&Child<P>> {
        self.roster.get(key)
    }

    pub(crate) fn child_mut(&mut self, key: Key) -> Option<&mut Child<P>> {
        self.roster.get_mut(key)
    }

    pub(crate) fn find(&self, id: &str) -> Option<(Key, &Child<P>)> {
        let key = self.roster.find(id)?;
        Some((key, self.roster.get(key)?))
    }

    /// All children in the order in which they were taken in or are started.
    pub(crate) fn children(&self) -> Vec<(Key, &Child<P>)> {
        if self.flags.dynamic.is_none() {
            let keyed = self.order.iter().map(|key| (*key, self.roster.get(*key)));
            return keyed
                .filter_map(|(key, child)| Some((key, child?)))
                .collect();
        }
        let mut children: Vec<_> = self.roster.iter().collect();
        children.sort_unstable_by_key(|(_, child)| child.serial);
        children
    }

    /// Of all children, in no order that means anything.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.roster.iter().map(|(key, _)| key).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.roster.len()
    }

    /// Children whose task does not end.
    pub(crate) fn len_stuck(&self) -> usize {
        self.stuck
    }

    pub(crate) fn flags(&self) -> Flags {
        self.flags
    }

    /// Restarts that count at `now`.
    pub(crate) fn restarts_in_window(&mut self, now: Duration) -> u32 {
        self.window.count(now)
    }

    /// Goes as far as possible without another event.
    pub(super) fn advance(&mut self) {
        loop {
            let moved = if self.closing.is_some() {
                self.leave()
            } else if let Some(group) = self.group.filter(|group| !group.is_resting()) {
                self.run_group(group)
            } else if let Some(request) = self.deferred.pop_front() {
                self.answer_request(request);
                true
            } else {
                self.answer_fall()
            };
            if !moved {
                break;
            }
        }
    }

    /// The child of this life, if that is not over.
    pub(super) fn living(&mut self, key: Key, life: Life) -> Option<&mut Child<P>> {
        self.roster.get_mut(key).filter(|child| child.life == life)
    }

    /// Sets the timer of a child's phase, or takes it away.
    pub(super) fn arm(&mut self, key: Key, deadline: Option<Duration>) {
        let Some(child) = self.roster.get_mut(key) else {
            return;
        };
        if let Some(old) = child.deadline() {
            self.deadlines.remove(&(old, key));
        }
        child.set_deadline(deadline);
        if let Some(new) = child.deadline() {
            self.deadlines.insert((new, key));
        }
    }

    /// Sets the supervisor's own timer.
    pub(super) fn arm_own(&mut self, deadline: Duration) {
        self.deadlines.insert((deadline, OWN));
    }

    /// The next deadline that is due, taken away.
    pub(super) fn due(&mut self) -> Option<Key> {
        let (at, key) = self.deadlines.first().copied()?;
        if at > self.now {
            return None;
        }
        self.deadlines.pop_first();
        if let Some(child) = self.roster.get_mut(key) {
            child.set_deadline(None);
        }
        Some(key)
    }

    /// Tells of something that happened to a child in the ordinary course of things; where
    /// nobody watches it is counted.
    pub(super) fn mention(&mut self, key: Key, event: impl FnOnce() -> LifecycleEvent) {
        if self.watched {
            self.note(key, event());
        } else {
            self.unwatched += 1;
        }
    }

    /// Whether somebody watches from now on; what happened unwatched meanwhile.
    pub(crate) fn set_watched(&mut self, watched: bool) -> u64 {
        self.watched = watched;
        std::mem::take(&mut self.unwatched)
    }

    /// Tells of something that happened to a child.
    pub(super) fn note(&mut self, key: Key, event: LifecycleEvent) {
        if let Some(child) = self.roster.get(key) {
            let whom = (Arc::clone(&child.id), child.policy.supervisor);
            self.actions.push(Action::Note(Some(whom), event));
        }
    }

    /// Down for now, or for good.
    pub(super) fn settle(&mut self, key: Key, failed: bool) {
        let Some(child) = self.roster.get_mut(key) else {
            return;
        };
        if self.flags.dynamic.is_some() || child.policy.restart == super::Restart::Temporary {
            self.remove(key);
        } else {
            self.lower(key, failed);
        }
    }

    /// Down, and not forgotten.
    pub(super) fn lower(&mut self, key: Key, failed: bool) {
        let Some(child) = self.roster.get_mut(key) else {
            return;
        };
        child.phase = Phase::Down { failed };
        child.set_up_since(None);
        let held = child.held;
        self.arm(key, None);
        self.answer_ends(key);
        if held || !self.reaches(key) {
            self.call_off(key);
        }
    }

    /// The child is no longer one of the supervisor's.
    pub(super) fn remove(&mut self, key: Key) {
        self.arm(key, None);
        self.call_off(key);
        self.mention(key, || LifecycleEvent::Removed);
        let Some(child) = self.roster.remove(key) else {
            return;
        };
        self.gone.push(child.payload);
        if self.flags.dynamic.is_none()
            && let Some(place) = self.order.iter().rposition(|other| *other == key)
        {
            self.order.remove(place);
            if let Some(group) = &mut self.group {
                group.forget(place);
            }
            if let Some(closing) = &mut self.closing {
                closing.forget(place);
            }
        }
        self.answer_ends(key);
    }
}
