//! What one run does: its seed, its faults in order of time, and the load meanwhile.
//!
//! A schedule is drawn from a seed alone, so that a number is enough to play it again. What a
//! campaign adds to it rests on what earlier runs have not struck yet, and is kept as a file.

use crate::coverage::collapsed;
use crate::fault::{FAILPOINTS, Fault, FaultKind, FaultParts, LifeState};
use fastrand::Rng;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Most faults of a drawn schedule: more at once hide each other.
const FAULTS_MAX: usize = 6;
/// Faults begin within the first 20 s; what follows is time to recover.
const HORIZON_MS: u64 = 20_000;
/// A child that is to be struck while it restarts is brought down that long afterwards.
const NUDGE_MS: u64 = 10;
const REQUESTS: RangeInclusive<u32> = 20..=200;
const VIEWERS: RangeInclusive<u32> = 0..=6;
/// More hits than the strictest supervisor of the tree puts up with.
const BURST: RangeInclusive<u32> = 20..=80;
/// One in so many faults that can be a burst is one.
const BURST_ONE_IN: u8 = 12;
/// One in so many kills is its target's supervisor's.
const SUPERVISOR_ONE_IN: u8 = 4;
/// Which child reaches which place.
const REACHED_BY: [(&str, &str); 5] = [
    ("audit.commit", "/writer"),
    ("consent.commit", "/consents"),
    ("records.commit", "/sessions/*"),
    ("wards.place", "/ward_board"),
    ("vault.unwrap", "/vault"),
];

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What the run draws everything else from.
    pub seed: u64,
    /// What is broken, sorted by time.
    pub faults: Vec<Fault>,
    /// How many requests are sent meanwhile.
    pub requests: u32,
    /// How many viewers look on.
    pub viewers: u32,
}

/// What a fault to be drawn is about.
#[derive(Clone, Debug)]
struct Aim {
    kind: FaultKind,
    child: Option<String>,
    state: Option<LifeState>,
}

impl Schedule {
    /// Draws a schedule for a tree with these paths. A path with `*` in place of a name stands for
    /// children that come and go; what is no path of a tree is left out.
    #[must_use]
    pub fn from_seed(seed: u64, paths: &[&str]) -> Self {
        let mut rng = Rng::with_seed(seed);
        let children = children(paths);
        let (requests, viewers) = (rng.u32(REQUESTS), rng.u32(VIEWERS));
        let count = rng.usize(..=FAULTS_MAX);
        let mut faults: Vec<Fault> = Vec::new();
        while faults.len() < count {
            let Some(fault) = Aim::anywhere(&mut rng, &children).fault(&mut rng) else {
                break;
            };
            let nudge = nudge(&fault).filter(|_| faults.len() + 1 < FAULTS_MAX);
            faults.push(fault);
            faults.extend(nudge);
        }
        faults.sort_by_key(|fault| fault.at);
        Self {
            seed,
            faults,
            requests,
            viewers,
        }
    }
}

impl Aim {
    fn anywhere(rng: &mut Rng, children: &[String]) -> Self {
        let is_possible = |kind: &FaultKind| !children.is_empty() || !kind.is_aimed();
        let kinds: Vec<FaultKind> = FaultKind::ALL.into_iter().filter(is_possible).collect();
        let kind = rng.choice(kinds).unwrap_or(FaultKind::NodeCrash);
        let child = rng.choice(children).filter(|_| kind.is_aimed()).cloned();
        let states = LifeState::ALL.into_iter();
        let states: Vec<LifeState> = states.filter(|one| kind.strikes_in(*one)).collect();
        let state = rng.choice(states).filter(|_| rng.u8(..3) == 0);
        // Supervisors can be killed like anybody, and are hit by nothing else.
        let is_above = kind == FaultKind::Kill && rng.u8(..SUPERVISOR_ONE_IN) == 0;
        match child.as_deref().and_then(above).filter(|_| is_above) {
            Some(above) => Self {
                kind,
                child: Some(above),
                state: None,
            },
            None => Self { kind, child, state },
        }
    }

    /// Draws the rest. Every aim makes a fault; a test holds this to it.
    fn fault(self, rng: &mut Rng) -> Option<Fault> {
        let Self { kind, child, state } = self;
        let failpoint = failpoint(rng, kind, child.as_deref());
        let at_ms = rng.u64(..=HORIZON_MS - NUDGE_MS);
        // What is there from the boot starts then, and never again for the first time.
        let is_fixed = child.as_ref().is_some_and(|child| !child.contains('*'));
        let is_at_boot = is_fixed && state == Some(LifeState::Starting);
        let parts = FaultParts {
            at: Duration::from_millis(if is_at_boot { 0 } else { at_ms }),
            kind,
            target: child.and_then(|child| child.parse().ok()),
            span: Duration::from_millis(rng.u64(spans_ms(kind))),
            count: count(rng, kind),
            state,
            failpoint,
        };
        Fault::new(parts).ok()
    }
}

/// The supervisor of a child, unless that is the root.
fn above(child: &str) -> Option<String> {
    let (above, _) = child.rsplit_once('/')?;
    above.contains('/').then(|| above.to_owned())
}

/// Brings a child down that is to be struck while it restarts: few restart by themselves.
fn nudge(fault: &Fault) -> Option<Fault> {
    if fault.state != Some(LifeState::Restarting) {
        return None;
    }
    let at = fault.at.saturating_add(Duration::from_millis(NUDGE_MS));
    let mut kill = FaultParts::new(at, FaultKind::Kill);
    kill.target.clone_from(&fault.target);
    kill.state = Some(LifeState::Running);
    Fault::new(kill).ok()
}

fn children(paths: &[&str]) -> Vec<String> {
    let children: BTreeSet<String> = paths.iter().map(|path| collapsed(path)).collect();
    let is_path = |child: &String| child.parse::<crate::selector::Selector>().is_ok();
    children.into_iter().filter(is_path).collect()
}

fn spans_ms(kind: FaultKind) -> RangeInclusive<u64> {
    match kind {
        FaultKind::Hang | FaultKind::StartHang => 10..=8_000,
        FaultKind::Delay => 1..=3_000,
        FaultKind::StoreOutage => 50..=10_000,
        FaultKind::ClockJump => 1..=3_600_000,
        _ => 0..=0,
    }
}

fn count(rng: &mut Rng, kind: FaultKind) -> u32 {
    let is_burst = rng.u8(..BURST_ONE_IN) == 0;
    match kind {
        FaultKind::Kill | FaultKind::Panic | FaultKind::StartFailure if is_burst => rng.u32(BURST),
        FaultKind::Flood => rng.u32(16..=8_192),
        FaultKind::Delay | FaultKind::Drop | FaultKind::Duplicate => rng.u32(1..=8),
        kind if kind.is_counted() => rng.u32(1..=3),
        _ => 1,
    }
}

/// A place that the struck one reaches, now and then.
fn failpoint(rng: &mut Rng, kind: FaultKind, child: Option<&str>) -> Option<String> {
    let is_reached = |name: &str| match (kind, child) {
        (_, Some(child)) => REACHED_BY
            .iter()
            .any(|(place, end)| *place == name && child.ends_with(end)),
        (FaultKind::NodeCrash, None) => true,
        (FaultKind::StoreErrorBeforeCommit | FaultKind::StoreErrorAfterCommit, None) => {
            name.ends_with(".commit")
        }
        _ => false,
    };
    let names = FAILPOINTS.into_iter().filter(|name| is_reached(name));
    let names: Vec<&str> = names.filter(|_| kind.waits_at_failpoints()).collect();
    let name = rng.choice(names).filter(|_| rng.bool());
    name.map(str::to_owned)
}

#[cfg(test)]
mod tests;
