//! From one order of keys to another in the fewest steps: what stands in the longest run that is
//! in order already stays where it is, so that a list sorted anew moves few of its items.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One step, taken after those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// The item goes.
    Remove(&'a str),
    /// The item, new or from its old place, goes directly behind `behind`, or to the front.
    Place {
        key: &'a str,
        behind: Option<&'a str>,
    },
}

/// The steps from `old` to `new`. The keys of each are unique.
pub(super) fn steps<'a>(old: &'a [Arc<str>], new: &'a [Arc<str>]) -> Vec<Step<'a>> {
    let places: BTreeMap<&str, usize> = old
        .iter()
        .enumerate()
        .map(|(at, key)| (&**key, at))
        .collect();
    let after: BTreeSet<&str> = new.iter().map(|key| &**key).collect();
    let mut steps: Vec<Step<'a>> = old
        .iter()
        .filter(|key| !after.contains(&***key))
        .map(|key| Step::Remove(key))
        .collect();
    let common: Vec<usize> = new
        .iter()
        .filter_map(|key| places.get(&**key).copied())
        .collect();
    let staying = longest_rising(&common);
    let mut behind = None;
    for key in new {
        let stays = places.get(&**key).is_some_and(|at| staying.contains(at));
        if !stays {
            steps.push(Step::Place { key, behind });
        }
        behind = Some(&**key);
    }
    steps
}

/// The members of a longest rising subsequence of distinct numbers, by patience: `piles` holds,
/// for each length, the place of the smallest number that ends a run of it.
fn longest_rising(numbers: &[usize]) -> BTreeSet<usize> {
    let number = |place: usize| numbers.get(place).copied().unwrap_or_default();
    let mut piles: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (place, this) in numbers.iter().enumerate() {
        let pile = piles.partition_point(|top| number(*top) < *this);
        before.push(
            pile.checked_sub(1)
                .and_then(|left| piles.get(left).copied()),
        );
        match piles.get_mut(pile) {
            Some(top) => *top = place,
            None => piles.push(place),
        }
    }
    let mut run = BTreeSet::new();
    let mut next = piles.last().copied();
    while let Some(place) = next {
        run.insert(number(place));
        next = before.get(place).copied().flatten();
    }
    run
}
