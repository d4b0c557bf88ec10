//! Which faults bring one cell about.
//!
//! A child is seldom found in a rare state by chance. To be struck while it restarts it is brought
//! down, and its start held up; to be struck while it starts for the first time its supervisor is
//! toppled, and comes back with all of its children new; to be struck while it stops it is kept
//! busy while that happens.

use crate::sim::PATHS;
use crate::{Cell, Fault, FaultKind, FaultParts, LifeState, Place};
use fastrand::Rng;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

/// When a strike is prepared: after the patients are admitted, with time to recover after it.
const AT_MS: RangeInclusive<u64> = 1_000..=18_000;
/// More than the most patient supervisor of the tree puts up with.
const TOPPLE: u32 = 80;
/// A start that is held up that long is seen by somebody who looks every 2 ms, and 80 of them are
/// over within the 2 s that a kill waits for its occasion.
const HELD_UP_MS: u64 = 5;
/// A restart that is to be struck.
const RESTART_MS: u64 = 200;
/// A child that is kept busy.
const BUSY_MS: u64 = 6_000;
/// How long messages are in coming before a supervisor is toppled.
const UNTIL_BUSY_MS: u64 = 1_000;

/// The faults, in no order.
pub(super) fn faults(cell: &Cell, rng: &mut Rng) -> Vec<Fault> {
    let at_ms = rng.u64(AT_MS);
    let Some(Place { child, state }) = &cell.place else {
        return made(cell.kind, None, at_ms, rng).into_iter().collect();
    };
    let mut recipe = Recipe {
        child,
        at_ms,
        faults: Vec::new(),
    };
    let wanted = made(cell.kind, Some(child), at_ms, rng);
    let Some(wanted) = wanted.and_then(|wanted| recipe.wanted(wanted, *state)) else {
        return Vec::new();
    };
    match state {
        LifeState::Starting => recipe.first_start(cell.kind),
        LifeState::Running => {}
        LifeState::Restarting => recipe.restart(cell.kind),
        LifeState::Stopping => recipe.stop(),
    }
    recipe.faults.push(wanted);
    recipe.faults
}

/// The end of some supervisor below the root, whose supervisor has to answer it.
pub(super) fn of_a_supervisor(rng: &mut Rng) -> Option<Fault> {
    let above = PATHS
        .iter()
        .filter_map(|path| Some(path.rsplit_once('/')?.0));
    let above: BTreeSet<&str> = above.collect();
    let at = Duration::from_millis(rng.u64(AT_MS));
    let mut parts = FaultParts::new(at, FaultKind::Kill);
    parts.target = rng.choice(above)?.parse().ok();
    Fault::new(parts).ok()
}

/// A fault of that kind, with whatever else it needs drawn.
fn made(kind: FaultKind, child: Option<&str>, at_ms: u64, rng: &mut Rng) -> Option<Fault> {
    let mut parts = FaultParts::new(Duration::from_millis(at_ms), kind);
    parts.target = match child {
        Some(child) => Some(child.parse().ok()?),
        None => None,
    };
    if kind.lasts() {
        parts.span = Duration::from_millis(rng.u64(50..=3_000));
    }
    if kind == FaultKind::Flood {
        parts.count = rng.u32(256..=2_048);
    } else if super::OF_MESSAGES.contains(&kind) {
        // Whatever is sent first may be of another sort.
        parts.count = rng.u32(1..=6);
    }
    Fault::new(parts).ok()
}

struct Recipe<'a> {
    child: &'a str,
    at_ms: u64,
    faults: Vec<Fault>,
}

impl Recipe<'_> {
    /// Aimed at the state, and often enough to meet it.
    fn wanted(&self, fault: Fault, state: LifeState) -> Option<Fault> {
        let mut parts = fault.into_parts();
        parts.state = Some(state);
        if state == LifeState::Stopping {
            parts.at += Duration::from_millis(UNTIL_BUSY_MS);
        }
        let is_of_starts = !is_to_be_seen(parts.kind);
        if is_of_starts && state == LifeState::Starting && self.is_fixed() {
            // What is always there starts with the node.
            parts.at = Duration::ZERO;
        } else if is_of_starts && state == LifeState::Starting {
            parts.count = TOPPLE;
            if parts.kind == FaultKind::StartHang {
                parts.span = Duration::from_millis(HELD_UP_MS);
            }
        }
        Fault::new(parts).ok()
    }

    fn push(&mut self, kind: FaultKind, child: &str, with: impl FnOnce(&mut FaultParts)) {
        let mut parts = FaultParts::new(Duration::from_millis(self.at_ms), kind);
        parts.target = child.parse().ok();
        with(&mut parts);
        self.faults.extend(Fault::new(parts));
    }

    fn hold_up(&mut self, count: u32, span_ms: u64) {
        self.push(FaultKind::StartHang, self.child, |parts| {
            parts.count = count;
            parts.span = Duration::from_millis(span_ms);
        });
    }

    fn restart(&mut self, kind: FaultKind) {
        if is_to_be_seen(kind) {
            self.hold_up(1, RESTART_MS);
        }
        self.push(FaultKind::Kill, self.child, |_| {});
    }

    fn is_fixed(&self) -> bool {
        !self.child.contains('*')
    }

    fn first_start(&mut self, kind: FaultKind) {
        if self.is_fixed() && !is_to_be_seen(kind) {
            return;
        }
        if self.child.ends_with("/*") {
            // Those that come and go come anew to a node that was down.
            if is_to_be_seen(kind) {
                self.hold_up(2, RESTART_MS);
            }
            let crash = Duration::from_millis(self.at_ms.saturating_sub(1));
            self.faults
                .extend(Fault::new(FaultParts::new(crash, FaultKind::NodeCrash)));
            return;
        }
        if is_to_be_seen(kind) {
            self.hold_up(TOPPLE, HELD_UP_MS);
        }
        self.push(FaultKind::Kill, self.child, |parts| parts.count = TOPPLE);
    }

    fn stop(&mut self) {
        self.push(FaultKind::Hang, self.child, |parts| {
            parts.count = 2;
            parts.span = Duration::from_millis(BUSY_MS);
        });
        let Some(sibling) = sibling(self.child) else {
            return;
        };
        let at = Duration::from_millis(self.at_ms + UNTIL_BUSY_MS);
        self.push(FaultKind::Kill, sibling, |parts| {
            parts.at = at;
            parts.count = TOPPLE;
        });
    }
}

/// Whether it has to find the child while that comes up; what meets starts meets them anyway.
const fn is_to_be_seen(kind: FaultKind) -> bool {
    !matches!(kind, FaultKind::StartFailure | FaultKind::StartHang)
}

/// A fixed child that falls to the same supervisor, or to the one above.
fn sibling(child: &str) -> Option<&'static str> {
    let above = child.trim_end_matches("/*").rsplit_once('/')?.0;
    let mut fixed = PATHS.into_iter().filter(|path| !path.ends_with("/*"));
    fixed.find(|path| {
        *path != child
            && path
                .rsplit_once('/')
                .is_some_and(|(parent, _)| parent == above)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Coverage;

    #[test]
    fn every_cell_has_a_recipe_in_which_its_own_fault_is() {
        let mut rng = Rng::with_seed(1);
        for cell in Coverage::new(&PATHS).uncovered() {
            let faults = faults(&cell, &mut rng);
            assert!((1..=3).contains(&faults.len()), "{cell:?}: {faults:?}");
            let child = cell.place.as_ref().map(|place| place.child.clone());
            let is_it = |fault: &Fault| {
                fault.kind == cell.kind && fault.target.as_ref().map(ToString::to_string) == child
            };
            assert!(faults.iter().any(is_it), "{cell:?}: {faults:?}");
        }
    }

    #[test]
    fn whoever_is_toppled_has_the_same_supervisor() {
        assert_eq!(sibling("plantao/trust/writer"), Some("plantao/trust/vault"));
        assert_eq!(
            sibling("plantao/records/sessions/*"),
            Some("plantao/records/directory-1")
        );
        assert_eq!(sibling("plantao/storage/pool"), None);
        assert_eq!(sibling("plantao"), None);
    }
}
