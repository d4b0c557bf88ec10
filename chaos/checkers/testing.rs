//! Histories said in a few words, for the judges' tests.

use super::{Arrangement, Tree, check};
use crate::Invariant;
use crate::history::{Change, History, Lifecycle, Reason, What};
use plantao_supervisors::{Intensity, Restart, Strategy};
use std::time::Duration;

/// A history of what happened at which millisecond.
pub(super) fn history(events: impl IntoIterator<Item = (u64, What)>) -> History {
    let timed = events.into_iter();
    timed
        .map(|(ms, what)| (Duration::from_millis(ms), what))
        .collect()
}

/// A change without a reason; an end is a panic.
pub(super) fn change(path: &str, change: Change) -> What {
    let reason = match change {
        Change::Exited | Change::GaveUp => Some(Reason::Panic),
        Change::StartFailed => Some(Reason::StartFailed),
        Change::Stopped => Some(Reason::Shutdown),
        _ => None,
    };
    What::Lifecycle(Lifecycle {
        path: path.to_owned(),
        change,
        reason,
    })
}

/// A change with a reason of its own.
pub(super) fn ended(path: &str, change: Change, reason: Reason) -> What {
    let reason = Some(reason);
    What::Lifecycle(Lifecycle {
        path: path.to_owned(),
        change,
        reason,
    })
}

/// `root` with the children `a`, `b` and `c`, which allows two restarts within a second.
pub(super) fn tree(strategy: Strategy) -> Tree {
    let children = ["a", "b", "c"].map(|id| (id, Restart::Permanent));
    let limits = Intensity::new(2, Duration::from_secs(1));
    Tree::new().with("root", Arrangement::Fixed(strategy), limits, &children)
}

/// How an invariant did not hold, in words.
pub(super) fn found(
    invariant: Invariant,
    tree: &Tree,
    events: impl IntoIterator<Item = (u64, What)>,
) -> Vec<String> {
    let violations = check(invariant, &history(events), tree);
    violations
        .into_iter()
        .map(|violation| violation.what)
        .collect()
}

/// Fails unless the invariant holds of the events.
#[track_caller]
pub(super) fn holds(
    invariant: Invariant,
    tree: &Tree,
    events: impl IntoIterator<Item = (u64, What)>,
) {
    assert_eq!(found(invariant, tree, events), Vec::<String>::new());
}

/// Fails unless the invariant is violated once, in words that contain `words`.
#[track_caller]
pub(super) fn violates(
    invariant: Invariant,
    tree: &Tree,
    events: impl IntoIterator<Item = (u64, What)>,
    words: &str,
) {
    let found = found(invariant, tree, events);
    assert!(found.len() == 1 && found[0].contains(words), "{found:?}");
}
