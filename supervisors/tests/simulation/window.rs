//! Restarts counted anew: those that are certain to have counted, and those that may have.

use std::collections::VecDeque;
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Window(VecDeque<Call>);

struct Call {
    at: Duration,
    /// Who asked for it.
    by: String,
    certain: bool,
    /// It may have been counted later than it was seen.
    open: bool,
}

/// How many restarts count: at least, and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) least: u32,
    pub(crate) most: u32,
}

impl Bounds {
    pub(crate) fn hold(self, count: u32) -> bool {
        (self.least..=self.most).contains(&count)
    }

    pub(crate) fn is_exact(self) -> bool {
        self.least == self.most
    }
}

impl Window {
    pub(crate) fn push(&mut self, at: Duration, by: &str, certain: bool) {
        self.0.push_back(Call {
            at,
            by: by.to_owned(),
            certain,
            open: !certain,
        });
    }

    /// The last restart of this supervisor was refused.
    pub(crate) fn take_back(&mut self, by: &str) {
        if let Some(place) = self.0.iter().rposition(|call| call.by == by) {
            self.0.remove(place);
        }
    }

    /// Another exit may have been faster than the last restart of this supervisor.
    pub(crate) fn doubt_last(&mut self, by: &str) {
        if let Some(call) = self.0.iter_mut().rev().find(|call| call.by == by) {
            call.certain = false;
        }
    }

    /// This supervisor may have been leaving since then, and not have counted anything.
    pub(crate) fn doubt(&mut self, by: &str, since: Duration) {
        for call in self
            .0
            .iter_mut()
            .filter(|call| call.by == by && call.at >= since)
        {
            call.certain = false;
        }
    }

    /// Whatever this supervisor was about to count is counted by now.
    pub(crate) fn settle(&mut self, now: Duration, by: &str) {
        for call in self.0.iter_mut().filter(|call| call.open && call.by == by) {
            (call.at, call.open) = (now, false);
        }
    }

    /// Counts as the crate says it does: a restart exactly one period old still counts.
    pub(crate) fn bounds(&self, now: Duration, period: Duration) -> Bounds {
        let mut bounds = Bounds { least: 0, most: 0 };
        for call in &self.0 {
            let counts = now.saturating_sub(call.at) <= period;
            bounds.least += u32::from(call.certain && counts);
            bounds.most += u32::from(call.open || counts);
        }
        bounds
    }
}
