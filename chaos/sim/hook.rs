//! The hook that the tree's workers are disturbed through.

use crate::Selector;
use plantao_supervisors::{Delivery, FaultHook, Handling, Starting};
use std::sync::{Arc, Mutex, PoisonError};
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
    Delay(Duration),
    FailStart,
    HangStart(Duration),
    Panic,
    Hang(Duration),
}

/// See the module. Clones share the charges.
#[derive(Clone, Default)]
pub(super) struct Hook(Arc<Mutex<Vec<Charge>>>);

impl Hook {
    pub(super) fn lay(&self, charge: Charge) {
        let mut charges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        charges.push(charge);
    }

    /// Nothing more happens.
    pub(super) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The first charge that `fits` and names `path`, once less from now on.
    fn take(&self, path: &str, fits: impl Fn(Act) -> bool) -> Option<Act> {
        let mut charges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let charge = charges
            .iter_mut()
            .find(|one| one.left > 0 && fits(one.act) && one.target.matches(path))?;
        charge.left -= 1;
        Some(charge.act)
    }
}

impl FaultHook for Hook {
    fn before_deliver(&self, path: &str) -> Delivery {
        match self.take(path, |act| matches!(act, Act::Drop | Act::Delay(_))) {
            Some(Act::Drop) => Delivery::Drop,
            Some(Act::Delay(time)) => Delivery::Delay(time),
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
}
