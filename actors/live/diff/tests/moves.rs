//! Lists: no arrangement takes more steps than it must, found by trying every other way.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use crate::live::diff::order::{Step, steps};

const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn keys() -> impl Strategy<Value = Vec<Arc<str>>> {
    let keys = proptest::sample::subsequence(&KEYS[..], 0..=KEYS.len()).prop_shuffle();
    keys.prop_map(|keys| keys.into_iter().map(Arc::from).collect())
}

/// The most keys of both that can stay where they are, of all subsets.
fn staying_at_most(old: &[Arc<str>], new: &[Arc<str>]) -> usize {
    let both: Vec<&Arc<str>> = old.iter().filter(|key| new.contains(key)).collect();
    let place = |key: &&Arc<str>| new.iter().position(|other| other == *key);
    (0_u32..1 << both.len())
        .filter_map(|subset| {
            let chosen = both
                .iter()
                .enumerate()
                .filter(|(at, _)| subset >> at & 1 == 1);
            let places: Vec<_> = chosen.map(|(_, key)| place(key)).collect();
            places.is_sorted().then_some(places.len())
        })
        .max()
        .unwrap_or_default()
}

proptest! {
    #[test]
    fn a_list_is_put_in_order_in_the_fewest_moves(old in keys(), new in keys()) {
        let taken = steps(&old, &new);
        let before: BTreeSet<&str> = old.iter().map(|key| &**key).collect();
        let moves = taken.iter().filter(|step| {
            matches!(step, Step::Place { key, .. } if before.contains(key))
        });
        let both = old.iter().filter(|key| new.contains(key)).count();
        prop_assert_eq!(moves.count(), both - staying_at_most(&old, &new));
    }

    #[test]
    fn every_key_that_comes_or_goes_takes_one_step(old in keys(), new in keys()) {
        let taken = steps(&old, &new);
        for key in &old {
            let removals = taken.iter().filter(|step| **step == Step::Remove(key)).count();
            prop_assert_eq!(removals, usize::from(!new.contains(key)));
        }
        for key in new.iter().filter(|key| !old.contains(key)) {
            let places = taken.iter().filter(|step| {
                matches!(step, Step::Place { key: placed, .. } if **placed == **key)
            });
            prop_assert_eq!(places.count(), 1);
        }
    }
}

#[test]
fn a_patient_who_gets_worse_moves_alone() {
    let beds = |order: [&str; 5]| order.map(Arc::from);
    let before = beds(["1", "2", "3", "4", "5"]);
    let after = beds(["1", "5", "2", "3", "4"]);
    let expected = Step::Place {
        key: "5",
        behind: Some("1"),
    };
    assert_eq!(steps(&before, &after), [expected]);
}
