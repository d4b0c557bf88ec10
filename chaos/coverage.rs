//! What was struck so far: which kind of fault met which child in which state of its life.
//!
//! Children of dynamic supervisors count as one, called `*`: no run is about one patient. Kinds
//! that strike no actor have a cell of their own each.

use crate::fault::{FaultKind, LifeState};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Supervisors whose children come and go.
const DYNAMIC: [&str; 4] = ["sessions", "topics", "viewers", "instances"];
/// Between two columns of the table.
const GAP: usize = 2;
/// A field of the table of which no cell was struck.
const NOT_YET: &str = ".";
/// A field of the table that has no cell.
const NEVER: &str = "-";

/// How often each cell was struck.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    children: BTreeSet<String>,
    counts: BTreeMap<Cell, u64>,
    /// What cannot be struck here, whatever its kind allows.
    never: BTreeSet<Cell>,
}

/// One thing that can be struck.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// By what.
    pub kind: FaultKind,
    /// Where; nowhere in the tree, for a kind that strikes no actor.
    pub place: Option<Place>,
}

/// A child in a state of its life.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Its path, collapsed.
    pub child: String,
    /// The state.
    pub state: LifeState,
}

/// The path with the names of dynamic children left open: `plantao/records/sessions/*`.
#[must_use]
pub fn collapsed(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut is_dynamic = false;
    for name in path.split('/') {
        names.push(if is_dynamic { "*" } else { name });
        is_dynamic = !is_dynamic && DYNAMIC.contains(&name);
    }
    names.join("/")
}

impl Coverage {
    /// Nothing struck yet, of a tree with these paths.
    #[must_use]
    pub fn new(paths: &[&str]) -> Self {
        Self {
            children: paths.iter().map(|path| collapsed(path)).collect(),
            counts: BTreeMap::new(),
            never: BTreeSet::new(),
        }
    }

    /// The same without these cells: they are neither covered nor missed.
    #[must_use]
    pub fn without(mut self, cells: impl IntoIterator<Item = Cell>) -> Self {
        self.never.extend(cells);
        self
    }

    /// Counts a strike on the actor at `path`, which may be new. A kind that strikes no actor
    /// counts as by [`Coverage::mark_apart`].
    pub fn mark(&mut self, kind: FaultKind, path: &str, state: LifeState) {
        if !kind.is_aimed() {
            return self.mark_apart(kind);
        }
        let child = collapsed(path);
        self.children.insert(child.clone());
        let place = Some(Place { child, state });
        self.add(Cell { kind, place }, 1);
    }

    /// Counts a strike on the store, the node, the clock or the entropy.
    pub fn mark_apart(&mut self, kind: FaultKind) {
        self.add(Cell { kind, place: None }, 1);
    }

    /// Takes in what another run covered.
    pub fn merge(&mut self, other: &Self) {
        self.children.extend(other.children.iter().cloned());
        self.never.extend(other.never.iter().cloned());
        for (cell, count) in &other.counts {
            self.add(cell.clone(), *count);
        }
    }

    /// How often that was struck.
    #[must_use]
    pub fn count(&self, cell: &Cell) -> u64 {
        self.counts.get(cell).copied().unwrap_or(0)
    }

    /// Everything that can be struck and was not, in a fixed order.
    #[must_use]
    pub fn uncovered(&self) -> Vec<Cell> {
        self.cells()
            .filter(|cell| !self.counts.contains_key(cell))
            .collect()
    }

    /// Everything that can be struck and was struck less often than `times`, in a fixed order.
    #[must_use]
    pub fn thinner_than(&self, times: u64) -> Vec<Cell> {
        self.cells()
            .filter(|cell| self.count(cell) < times)
            .collect()
    }

    /// How many cells there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.cells().count()
    }

    fn add(&mut self, cell: Cell, strikes: u64) {
        let count = self.counts.entry(cell).or_default();
        *count = count.saturating_add(strikes);
    }

    /// Everything that can be struck.
    fn cells(&self) -> impl Iterator<Item = Cell> {
        let all = FaultKind::ALL.into_iter().flat_map(|kind| {
            let apart = (!kind.is_aimed()).then_some(Cell { kind, place: None });
            let places = self.children.iter().flat_map(move |child| {
                let states = LifeState::ALL.into_iter();
                states
                    .filter(move |state| kind.strikes_in(*state))
                    .map(move |state| Cell {
                        kind,
                        place: Some(Place {
                            child: child.clone(),
                            state,
                        }),
                    })
            });
            apart.into_iter().chain(places)
        });
        all.filter(|cell| !self.never.contains(cell))
    }

    /// A field of the table: strikes of one kind on one child in whatever state.
    fn shown(&self, kind: FaultKind, child: Option<&String>) -> String {
        let states = LifeState::ALL.into_iter();
        let cells: Vec<Cell> = match child {
            None => vec![Cell { kind, place: None }],
            Some(child) => states
                .filter(|state| kind.strikes_in(*state))
                .map(|state| {
                    let child = child.clone();
                    let place = Some(Place { child, state });
                    Cell { kind, place }
                })
                .collect(),
        };
        if cells.iter().all(|cell| self.never.contains(cell)) {
            return NEVER.to_owned();
        }
        let counts = cells.iter().map(|cell| self.count(cell));
        match counts.fold(0, u64::saturating_add) {
            0 => NOT_YET.to_owned(),
            count => count.to_string(),
        }
    }
}

/// Lines of one table, the first column to the left and the others to the right.
fn write_table(f: &mut fmt::Formatter<'_>, lines: &[Vec<String>]) -> fmt::Result {
    let mut widths: Vec<usize> = Vec::new();
    for line in lines {
        widths.resize(widths.len().max(line.len()), 0);
        for (width, text) in widths.iter_mut().zip(line) {
            *width = text.chars().count().max(*width);
        }
    }
    for line in lines {
        for (column, (text, width)) in line.iter().zip(&widths).enumerate() {
            if column == 0 {
                write!(f, "{text:<width$}")?;
            } else {
                write!(f, "{text:>width$}", width = width + GAP)?;
            }
        }
        writeln!(f)?;
    }
    Ok(())
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (aimed, apart): (Vec<_>, Vec<_>) =
            FaultKind::ALL.into_iter().partition(|kind| kind.is_aimed());
        let heads = aimed.iter().map(FaultKind::to_string);
        let mut lines = vec![std::iter::once("child".to_owned()).chain(heads).collect()];
        for child in &self.children {
            let counts = aimed.iter().map(|kind| self.shown(*kind, Some(child)));
            lines.push(std::iter::once(child.clone()).chain(counts).collect());
        }
        write_table(f, &lines)?;
        writeln!(f)?;
        let mut lines = vec![vec!["no child".to_owned(), "strikes".to_owned()]];
        for kind in apart {
            lines.push(vec![kind.to_string(), self.shown(kind, None)]);
        }
        write_table(f, &lines)?;
        let (left, all) = (self.uncovered(), self.cells().count());
        if !self.never.is_empty() {
            writeln!(f, "\n{NOT_YET} not struck   {NEVER} cannot be struck here")?;
        }
        write!(f, "\n{} of {all} cells are not covered:", left.len())?;
        for state in LifeState::ALL {
            let places = left.iter().filter_map(|cell| cell.place.as_ref());
            let count = places.filter(|place| place.state == state).count();
            write!(f, " {state} {count},")?;
        }
        let count = left.iter().filter(|cell| cell.place.is_none()).count();
        writeln!(f, " no child {count}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATHS: [&str; 3] = [
        "plantao/trust/writer",
        "plantao/records/sessions/p-1",
        "plantao/records/sessions/p-2",
    ];
    /// Seven kinds strike an actor in any state or all but two, and two kinds in the other two.
    const CELLS_OF_A_CHILD: usize = 5 * 4 + 4 * 2;

    #[test]
    fn dynamic_children_count_as_one_and_their_supervisor_as_itself() {
        assert_eq!(
            collapsed("plantao/live/viewers/viewer-1f"),
            "plantao/live/viewers/*"
        );
        assert_eq!(collapsed("plantao/live/viewers"), "plantao/live/viewers");
        assert_eq!(
            collapsed("plantao/plugins/echo/instances/3"),
            "plantao/plugins/echo/instances/*"
        );
        assert_eq!(
            collapsed("plantao/records/sessions/sessions"),
            "plantao/records/sessions/*"
        );
    }

    #[test]
    fn what_can_be_struck_is_uncovered_until_it_was() {
        let mut coverage = Coverage::new(&PATHS);
        let all = 2 * CELLS_OF_A_CHILD + 6;
        assert_eq!(coverage.uncovered().len(), all);
        coverage.mark(FaultKind::Kill, PATHS[1], LifeState::Running);
        coverage.mark(FaultKind::Kill, PATHS[2], LifeState::Running);
        coverage.mark_apart(FaultKind::NodeCrash);
        assert_eq!(coverage.uncovered().len(), all - 2);
        let cell = Cell {
            kind: FaultKind::Kill,
            place: Some(Place {
                child: "plantao/records/sessions/*".to_owned(),
                state: LifeState::Running,
            }),
        };
        assert_eq!(coverage.count(&cell), 2);
        assert!(!coverage.uncovered().contains(&cell));
    }

    #[test]
    fn a_strike_on_an_actor_that_the_tree_did_not_have_is_counted_with_it() {
        let mut coverage = Coverage::default();
        coverage.mark(FaultKind::Drop, "plantao/live/pulse", LifeState::Running);
        assert_eq!(coverage.uncovered().len(), CELLS_OF_A_CHILD - 1 + 6);
    }

    #[test]
    fn the_table_is_aligned_and_tells_what_is_left() {
        let mut coverage = Coverage::new(&PATHS);
        for _ in 0..12 {
            coverage.mark(FaultKind::Kill, PATHS[0], LifeState::Running);
        }
        coverage.mark(FaultKind::ClockJump, "", LifeState::Running);
        let table = coverage.to_string();
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("child                       kill  panic"));
        assert!(lines[1].starts_with("plantao/records/sessions/*     .      ."));
        assert!(lines[2].starts_with("plantao/trust/writer          12      ."));
        assert_eq!(lines[0].len(), lines[1].len());
        assert!(table.contains("\nclock_jump                       1\n"));
        assert!(table.ends_with(
            "60 of 62 cells are not covered: \
             starting 14, running 13, restarting 14, stopping 14, no child 5\n"
        ));
    }

    #[test]
    fn what_cannot_be_struck_is_no_hole_and_has_a_sign_of_its_own() {
        let all = Coverage::new(&PATHS).uncovered();
        let never = all.into_iter().filter(|cell| cell.kind == FaultKind::Flood);
        let coverage = Coverage::new(&PATHS).without(never);
        let left = coverage.uncovered();
        assert_eq!(left.len(), 2 * (CELLS_OF_A_CHILD - 4) + 6);
        assert!(left.iter().all(|cell| cell.kind != FaultKind::Flood));
        let table = coverage.to_string();
        assert!(table.lines().nth(1).unwrap().ends_with("  -"), "{table}");
        assert!(table.contains("\n. not struck   - cannot be struck here\n"));
    }

    proptest! {
        #[test]
        fn merging_counts_as_if_one_run_had_struck_all(
            strikes in prop::collection::vec(
                (0..15usize, 0..3usize, 0..4usize, any::<bool>()), 0..30)
        ) {
            let (mut one, mut first, mut second) =
                (Coverage::new(&PATHS), Coverage::new(&PATHS), Coverage::new(&PATHS));
            for (kind, path, state, is_first) in strikes {
                let (kind, state) = (FaultKind::ALL[kind], LifeState::ALL[state]);
                one.mark(kind, PATHS[path], state);
                let half = if is_first { &mut first } else { &mut second };
                half.mark(kind, PATHS[path], state);
            }
            first.merge(&second);
            prop_assert_eq!(first, one);
        }
    }
}
