//! Rare states that the runs together have to reach: a simulation that never gets there proves
//! nothing about them.

use plantao_supervisors::{ExitReason, Lifecycle, LifecycleEvent};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::census::{Census, Last, Seen, above};
use crate::intensity::Restarts;

/// What every campaign has to have seen.
pub(crate) const EXPECTED: [&str; 21] = [
    "auto shutdown",
    "a budget spent",
    "backoff waited",
    "boot failed",
    "call refused: overloaded",
    "call refused: unavailable",
    "call timed out",
    "child ignored",
    "dynamic supervisor full",
    "escalated over two levels",
    "gave up",
    "group restart failed midway",
    "request cut off: unavailable",
    "request refused: already present",
    "request refused: already started",
    "request refused: restarting",
    "request refused: running",
    "root ended by itself",
    "stalled child killed",
    "start timed out",
    "supervisor killed",
];

#[derive(Default)]
pub(crate) struct Sightings {
    pub(crate) seen: BTreeMap<&'static str, u64>,
    gave_up: BTreeSet<String>,
    /// Supervisors that gave up because one below them did, and when.
    escalated: BTreeMap<String, (u32, Duration)>,
}

impl Sightings {
    pub(crate) fn see(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (what, times) in &other.seen {
            *self.seen.entry(what).or_default() += times;
        }
    }

    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let seen = |what: &&str| self.seen.contains_key(what);
        EXPECTED.into_iter().filter(|what| !seen(what)).collect()
    }

    pub(crate) fn hear(
        &mut self,
        census: &Census,
        restarts: &Restarts,
        now: Duration,
        event: &Lifecycle,
    ) {
        let path = &event.path;
        let last = census.member(path).map(|member| member.last);
        match &event.event {
            LifecycleEvent::GaveUp { reason } => {
                self.see("gave up");
                if restarts.budget_spent {
                    self.see("a budget spent");
                }
                self.escalate(path, now, reason);
            }
            LifecycleEvent::Restarting { .. } if last == Some(Last::Resting) => {
                self.see("backoff waited");
            }
            LifecycleEvent::Exited {
                reason: ExitReason::Stalled,
            } => {
                self.see("stalled child killed");
            }
            LifecycleEvent::Ignored => self.see("child ignored"),
            LifecycleEvent::StartFailed {
                reason: ExitReason::StartFailed(text),
            } => {
                if text.starts_with("not up after") {
                    self.see("start timed out");
                }
                if is_midway(census, path) {
                    self.see("group restart failed midway");
                }
            }
            LifecycleEvent::Exited { reason } if census.families.contains_key(path) => {
                let gave_up = self.gave_up.remove(path);
                match reason {
                    ExitReason::Killed => self.see("supervisor killed"),
                    ExitReason::Shutdown if !gave_up => self.see("auto shutdown"),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn escalate(&mut self, path: &str, now: Duration, reason: &ExitReason) {
        self.gave_up.insert(path.to_owned());
        let below = format!("{path}/");
        let caused = self.escalated.iter().filter(|(other, (_, at))| {
            let child = other
                .strip_prefix(&below)
                .is_some_and(|id| !id.contains('/'));
            // It stopped its children before it left, which may have taken a while.
            child && now.saturating_sub(*at) < Duration::from_secs(10)
        });
        let levels = caused.map(|(_, (levels, _))| levels + 1).max();
        let levels = levels
            .filter(|_| *reason == ExitReason::Shutdown)
            .unwrap_or(0);
        if levels >= 2 {
            self.see("escalated over two levels");
        }
        self.escalated.insert(path.to_owned(), (levels, now));
    }

    /// Takes in the answer of a request or a call.
    pub(crate) fn answer(&mut self, answer: &str) {
        let kinds = [
            ("AlreadyStarted", "request refused: already started"),
            ("AlreadyPresent", "request refused: already present"),
            ("MaxChildren", "dynamic supervisor full"),
            ("Restarting", "request refused: restarting"),
            ("Running", "request refused: running"),
            ("call Err(Overloaded", "call refused: overloaded"),
            ("call Err(Timeout", "call timed out"),
            ("call Err(Unavailable", "call refused: unavailable"),
        ];
        if let Some((_, kind)) = kinds.iter().find(|(text, _)| answer.contains(text)) {
            self.see(kind);
        } else if answer == "Err(Unavailable)" {
            self.see("request cut off: unavailable");
        }
    }
}

/// An earlier one of its siblings has come up again with it, a later one is still down.
fn is_midway(census: &Census, path: &str) -> bool {
    let Some((above, id)) = above(path) else {
        return false;
    };
    let Some(family) = census.families.get(above) else {
        return false;
    };
    let Some(place) = family.order.iter().position(|other| other == id) else {
        return false;
    };
    let restarting = family
        .members
        .get(id)
        .is_some_and(|member| member.last == Last::Restarting);
    let later = family.order.iter().skip(place + 1).any(|id| {
        let member = family.members.get(id);
        member.is_some_and(|member| member.state == Seen::Down && member.last == Last::Stopped)
    });
    family.up && restarting && later
}
