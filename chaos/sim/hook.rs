//! The hook that the tree's workers are disturbed through, and heard.

use super::recorder::Recorder;
use crate::Selector;
use plantao_supervisors::{Called, Delivery, FaultHook, Handling, Lifecycle, Planted, Starting};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What happens at the next occasions, to whom a selector names.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub(super) target: Selector,
    pub(super) act: Act,
    /// So many times.
    pub(super) left: u32,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Drop,
    Duplicate,
    Delay(Duration),
    FailStart,
    HangStart(Duration),
    Panic,
    Hang(Duration),
}

/// See the module. Clones share the charges.
#[derive(Clone, Default)]
pub(super) struct Hook {
    charges: Arc<Mutex<Vec<Charge>>>,
    /// Mailboxes that are crowded, and with how many messages.
    floods: Arc<Mutex<Vec<(Selector, usize)>>>,
    recorder: Recorder,
    planted: Option<Planted>,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hook {
    pub(super) fn new(recorder: Recorder, planted: Option<Planted>) -> Self {
        Self {
            recorder,
            planted,
            ..Self::default()
        }
    }

    pub(super) fn lay(&self, charge: Charge) {
        lock(&self.charges).push(charge);
    }

    /// Crowds mailboxes until [`Hook::drain`].
    pub(super) fn flood(&self, target: &Selector, messages: usize) {
        lock(&self.floods).push((target.clone(), messages));
    }

    /// They are as they were.
    pub(super) fn drain(&self, target: &Selector) {
        lock(&self.floods).retain(|(flooded, _)| flooded != target);
    }

    /// Nothing more happens.
    pub(super) fn clear(&self) {
        lock(&self.charges).clear();
        lock(&self.floods).clear();
    }

    /// The first charge that `fits` and names `path`, once less from now on.
    fn take(&self, path: &str, fits: impl Fn(Act) -> bool) -> Option<Act> {
        let mut charges = lock(&self.charges);
        let charge = charges
            .iter_mut()
            .find(|one| one.left > 0 && fits(one.act) && one.target.matches(path))?;
        charge.left -= 1;
        Some(charge.act)
    }
}

impl FaultHook for Hook {
    fn before_deliver(&self, path: &str) -> Delivery {
        let is_of_delivery = |act| matches!(act, Act::Drop | Act::Delay(_) | Act::Duplicate);
        match self.take(path, is_of_delivery) {
            Some(Act::Drop) => Delivery::Drop,
            Some(Act::Delay(time)) => Delivery::Delay(time),
            Some(Act::Duplicate) => Delivery::Duplicate,
            _ => Delivery::Deliver,
        }
    }

    fn before_start(&self, path: &str) -> Starting {
        match self.take(path, |act| {
            matches!(act, Act::FailStart | Act::HangStart(_))
        }) {
            Some(Act::FailStart) => Starting::Fail,
            Some(Act::HangStart(time)) => Starting::Hang(time),
            _ => Starting::Start,
        }
    }

    fn before_handle(&self, path: &str) -> Handling {
        match self.take(path, |act| matches!(act, Act::Panic | Act::Hang(_))) {
            Some(Act::Panic) => Handling::Panic,
            Some(Act::Hang(time)) => Handling::Hang(time),
            _ => Handling::Handle,
        }
    }

    fn crowd(&self, path: &str) -> usize {
        let floods = lock(&self.floods);
        let here = floods.iter().filter(|(target, _)| target.matches(path));
        here.map(|(_, messages)| *messages).sum()
    }

    fn let_in(&self, path: &str, depth: usize, limit: usize) {
        self.recorder.let_in(path, depth, limit);
    }

    fn call_began(&self, path: &str, deadline: Duration) -> u64 {
        self.recorder.call_began(path, deadline)
    }

    fn call_ended(&self, call: u64, how: Called) {
        self.recorder.call_ended(call, how);
    }

    fn life_began(&self, path: &str) -> u64 {
        self.recorder.life_began(path)
    }

    fn life_ended(&self, path: &str, life: u64) {
        self.recorder.life_ended(path, life);
    }

    fn told(&self, change: &Lifecycle) {
        self.recorder.told(change);
    }

    fn planted(&self) -> Option<Planted> {
        self.planted
    }
}
