//! What the trail says became of a change, against what did.

use super::{Findings, Tree};
use crate::history::{Event, History, TrailRow, What};
use plantao_schema::audit::{Outcome, Phase};
use std::collections::{BTreeMap, BTreeSet};

/// Each opened entry has one completion, which tells what became of the change.
pub(super) fn completed(history: &History, _tree: &Tree, findings: &mut Findings) {
    let Some((event, rows)) = history.final_trail() else {
        return;
    };
    let told = Told::of(rows);
    let made = made(history);
    for opened in &told.opened {
        let outcomes = told.outcomes.get(opened).map(Vec::as_slice);
        if let Some(what) = defect(*opened, outcomes.unwrap_or_default(), made.contains(opened)) {
            findings.at(event, what);
        }
    }
    for (completed, outcomes) in &told.outcomes {
        if !told.opened.contains(completed) {
            let times = outcomes.len();
            let what = format!("{times} completions are of entry {completed}, which opens nothing");
            findings.at(event, what);
        }
    }
    for event in history.events() {
        acknowledged(event, &told, findings);
    }
}

/// What was acknowledged of changes is what the trail tells.
fn acknowledged(event: &Event, told: &Told, findings: &mut Findings) {
    match &event.what {
        What::EntryOpened { entry } if !told.opened.contains(entry) => {
            findings.at(
                event,
                format!("the opened entry {entry} is not in the trail"),
            );
        }
        What::EntryCompleted { entry, outcome } => {
            let outcomes = told.outcomes.get(entry);
            if outcomes.is_some_and(|outcomes| !outcomes.contains(outcome)) {
                let outcome = outcome.as_str();
                let what = format!("the change of entry {entry} ended `{outcome}`, told otherwise");
                findings.at(event, what);
            }
        }
        _ => {}
    }
}

/// Why the completions of an opened entry are not what they should be, if so.
fn defect(entry: u64, outcomes: &[Outcome], is_made: bool) -> Option<String> {
    let outcome = match outcomes {
        [] => return Some(format!("the change of entry {entry} was never completed")),
        [outcome] => *outcome,
        several => {
            let times = several.len();
            return Some(format!(
                "the change of entry {entry} was completed {times} times"
            ));
        }
    };
    match (outcome, is_made) {
        (Outcome::Pending, _) => Some(format!("the completion of entry {entry} tells nothing")),
        (Outcome::Success, false) => Some(format!(
            "the change of entry {entry} is told a success and was not made"
        )),
        (Outcome::Refused | Outcome::Failed, true) => Some(format!(
            "the change of entry {entry} is told `{}` and was made",
            outcome.as_str()
        )),
        // Who cannot tell is right either way.
        (Outcome::Unknown, _) | (Outcome::Success, true) => None,
        (Outcome::Refused | Outcome::Failed, false) => None,
    }
}

/// What the trail tells of changes.
struct Told {
    opened: BTreeSet<u64>,
    /// By the entry that opened the change.
    outcomes: BTreeMap<u64, Vec<Outcome>>,
}

impl Told {
    fn of(rows: &[TrailRow]) -> Self {
        let opened = rows.iter().filter(|row| row.phase == Phase::Opened);
        let mut told = Self {
            opened: opened.map(|row| row.entry).collect(),
            outcomes: BTreeMap::new(),
        };
        for row in rows.iter().filter(|row| row.phase == Phase::Completed) {
            // One that names no opening is told by its own number.
            let of = row.opens.unwrap_or(row.entry);
            told.outcomes.entry(of).or_default().push(row.outcome);
        }
        told
    }
}

/// The entries whose changes are there.
fn made(history: &History) -> BTreeSet<u64> {
    let changes = history
        .events()
        .iter()
        .filter_map(|event| match &event.what {
            What::FinalRecord { changes, .. } => Some(changes),
            _ => None,
        });
    changes.flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{holds, violates};
    use super::*;
    use crate::Invariant::MutationCompleted;

    fn row(entry: u64, phase: Phase, opens: Option<u64>, outcome: Outcome) -> TrailRow {
        TrailRow {
            entry,
            chain: "main".to_owned(),
            seq: entry,
            phase,
            opens,
            outcome,
            hash_holds: true,
        }
    }

    fn opened() -> TrailRow {
        row(1, Phase::Opened, None, Outcome::Pending)
    }

    fn completed(entry: u64, outcome: Outcome) -> TrailRow {
        row(entry, Phase::Completed, Some(1), outcome)
    }

    fn events(rows: &[TrailRow], changes: &[u64]) -> Vec<(u64, What)> {
        let record = What::FinalRecord {
            resource: "r".to_owned(),
            version: Some(1),
            changes: changes.to_vec(),
        };
        vec![
            (
                9,
                What::FinalTrail {
                    entries: rows.to_vec(),
                },
            ),
            (9, record),
        ]
    }

    #[test]
    fn a_change_that_is_told_as_it_went_holds() {
        for (outcome, changes) in [
            (Outcome::Success, &[1][..]),
            (Outcome::Failed, &[]),
            (Outcome::Refused, &[]),
            (Outcome::Unknown, &[]),
            (Outcome::Unknown, &[1]),
        ] {
            let rows = [opened(), completed(2, outcome)];
            holds(MutationCompleted, &Tree::new(), events(&rows, changes));
        }
    }

    #[test]
    fn a_change_that_is_told_otherwise_than_it_went_is_found() {
        for (outcome, changes, words) in [
            (Outcome::Success, &[][..], "told a success and was not made"),
            (Outcome::Failed, &[1], "told `failed` and was made"),
            (Outcome::Refused, &[1], "told `refused` and was made"),
            (Outcome::Pending, &[1], "tells nothing"),
        ] {
            let rows = [opened(), completed(2, outcome)];
            violates(
                MutationCompleted,
                &Tree::new(),
                events(&rows, changes),
                words,
            );
        }
    }

    #[test]
    fn a_change_that_is_never_completed_or_more_than_once_is_found() {
        let never = events(&[opened()], &[1]);
        violates(MutationCompleted, &Tree::new(), never, "never completed");
        let success = Outcome::Success;
        let rows = [opened(), completed(2, success), completed(3, success)];
        violates(
            MutationCompleted,
            &Tree::new(),
            events(&rows, &[1]),
            "2 times",
        );
    }

    #[test]
    fn a_completion_of_what_was_never_opened_is_found() {
        let rows = [completed(2, Outcome::Failed)];
        violates(
            MutationCompleted,
            &Tree::new(),
            events(&rows, &[]),
            "opens nothing",
        );
    }

    #[test]
    fn what_was_acknowledged_is_what_the_trail_tells() {
        let rows = [opened(), completed(2, Outcome::Failed)];
        let mut happened = events(&rows, &[]);
        let outcome = Outcome::Success;
        happened.insert(0, (1, What::EntryCompleted { entry: 1, outcome }));
        violates(MutationCompleted, &Tree::new(), happened, "told otherwise");
        let mut lost = events(&[], &[]);
        lost.insert(0, (1, What::EntryOpened { entry: 1 }));
        violates(MutationCompleted, &Tree::new(), lost, "not in the trail");
    }
}
