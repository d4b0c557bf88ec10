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

/// How often each cell was struck.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    children: BTreeSet<String>,
    counts: BTreeMap<Cell, u64>,
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
        }
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

    fn add(&mut self, cell: Cell, strikes: u64) {
        let count = self.counts.entry(cell).or_default();
        *count = count.saturating_add(strikes);
    }

    /// Everything that can be struck.
    fn cells(&self) -> impl Iterator<Item = Cell> {
        FaultKind::ALL.into_iter().flat_map(|kind| {
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
        })
    }

    /// Strikes of one kind on one child, in whatever state.
    fn strikes(&self, kind: FaultKind, child: &str) -> u64 {
        let states = LifeState::ALL.into_iter().map(|state| {
            let child = child.to_owned();
            let place = Some(Place { child, state });
            self.count(&Cell { kind, place })
        });
        states.fold(0, u64::saturating_add)
    }
}

fn shown(count: u64) -> String {
    match count {
        0 => ".".to_owned(),
        count => count.to_string(),
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
            let counts = aimed.iter().map(|kind| shown(self.strikes(*kind, child)));
            lines.push(std::iter::once(child.clone()).chain(counts).collect());
        }
        write_table(f, &lines)?;
        writeln!(f)?;
        let mut lines = vec![vec!["no child".to_owned(), "strikes".to_owned()]];
        for kind in apart {
            let count = self.count(&Cell { kind, place: None });
            lines.push(vec![kind.to_string(), shown(count)]);
        }
        write_table(f, &lines)?;
        let (left, all) = (self.uncovered(), self.cells().count());
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
