//! What a campaign did not cover, as a person reads it: a line for each child, not for each cell.

use crate::{Cell, LifeState};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a line is about when its faults strike no child.
const NO_CHILD: &str = "no child";
/// Said behind a fault that was aimed at again and again.
const IN_VAIN: &str = "*";

/// The lines; the last says what the sign means, where it stands.
pub(super) fn text(cells: &[Cell], is_in_vain: impl Fn(&Cell) -> bool) -> String {
    let mut lines: BTreeMap<&str, BTreeMap<String, Vec<LifeState>>> = BTreeMap::new();
    let mut some_in_vain = false;
    for cell in cells {
        let sign = if is_in_vain(cell) { IN_VAIN } else { "" };
        some_in_vain |= !sign.is_empty();
        let place = cell.place.as_ref();
        let child = place.map_or(NO_CHILD, |place| place.child.as_str());
        let kinds = lines.entry(child).or_default();
        let states = kinds.entry(format!("{}{sign}", cell.kind)).or_default();
        states.extend(place.map(|place| place.state));
    }
    let width = lines.keys().map(|child| child.len()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for (child, kinds) in lines {
        let kinds: Vec<String> = kinds.iter().map(named).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{child:width$}  {}", kinds.join(", "));
    }
    if some_in_vain {
        let _ = writeln!(
            text,
            "{IN_VAIN} aimed at {} times or more, and never struck",
            super::AIMS_OF_A_CELL
        );
    }
    text
}

/// The kind, and its states where they are not simply that the child was up.
fn named((kind, states): (&String, &Vec<LifeState>)) -> String {
    match states.as_slice() {
        [] | [LifeState::Running] => kind.clone(),
        states => {
            let names: Vec<&str> = states.iter().map(|state| state.name()).collect();
            format!("{kind} ({})", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultKind, Place};

    fn cell(kind: FaultKind, child: &str, state: LifeState) -> Cell {
        let child = child.to_owned();
        let place = Some(Place { child, state });
        Cell { kind, place }
    }

    #[test]
    fn what_is_missing_is_a_line_for_each_child() {
        let cells = [
            cell(FaultKind::Kill, "a/b", LifeState::Starting),
            cell(FaultKind::Kill, "a/b", LifeState::Stopping),
            cell(FaultKind::Drop, "a/b", LifeState::Running),
            Cell {
                kind: FaultKind::ClockJump,
                place: None,
            },
        ];
        let text = text(&cells, |_| false);
        assert_eq!(
            text,
            "a/b       drop, kill (starting, stopping)\nno child  clock_jump\n"
        );
    }

    #[test]
    fn what_was_aimed_at_in_vain_says_so_and_what_is_complete_says_nothing() {
        let cells = [cell(FaultKind::Hang, "a/b", LifeState::Running)];
        let told = text(&cells, |_| true);
        assert!(told.starts_with("a/b  hang*\n* aimed at"), "{told}");
        assert_eq!(text(&[], |_| true), "");
    }
}
