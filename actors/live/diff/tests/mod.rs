//! The diff engine: random trees against each other and against naive models.

mod browser;
mod bytes;
mod moves;
mod trees;

use std::sync::Arc;

use proptest::prelude::*;

use super::{ApplyError, Diff, Item, Rendered, Series, Slot, TemplateId, apply, diff, wire};
use trees::{tree, trees};

fn applied(tree: &Rendered, change: &Diff) -> Rendered {
    let mut tree = tree.clone();
    apply(&mut tree, change).unwrap();
    tree
}

fn page(slots: Vec<Slot>) -> Rendered {
    Rendered::new(TemplateId(0), slots)
}

fn line(points: &[(i64, f32)]) -> Slot {
    let points = points.iter().map(|(at, value)| (*at, Some(*value)));
    Slot::Series(Series::new(points))
}

proptest! {
    #[test]
    fn a_difference_applied_to_the_old_tree_gives_the_new_one([old, new] in trees()) {
        prop_assert_eq!(applied(&old, &diff(&old, &new)), new);
    }

    #[test]
    fn trees_without_kinship_are_bridged_too(old in tree(), new in tree()) {
        prop_assert_eq!(applied(&old, &diff(&old, &new)), new);
    }

    #[test]
    fn a_tree_differs_from_itself_in_nothing(tree in tree()) {
        prop_assert!(diff(&tree, &tree.clone()).is_empty());
    }

    #[test]
    fn an_empty_difference_means_equal_trees([old, new] in trees()) {
        prop_assert_eq!(diff(&old, &new).is_empty(), old == new);
    }

    /// A window that slides over one record, as a line on a page does.
    #[test]
    fn a_line_that_slides_forgets_and_appends_only(
        windows in proptest::array::uniform3((0_i64..6, 1_i64..9)),
    ) {
        let (mut from, mut to) = (0, 0);
        let trees = windows.map(|(forgotten, appended)| {
            (from, to) = ((from + forgotten).min(to), to + appended);
            page(vec![Slot::Series(Series::new((from..to).map(|at| (at, Some(60.0)))))])
        });
        let [one, two, three] = &trees;
        let composed = diff(one, two).then(diff(two, three)).unwrap();
        prop_assert_eq!(&applied(one, &composed), three);
        let direct = diff(one, three);
        prop_assert_eq!(wire::diff_frame(1, &composed), wire::diff_frame(1, &direct));
    }

    /// The naive model of a composition is one step after the other.
    #[test]
    fn differences_composed_do_what_they_do_one_by_one([first, second, third] in trees()) {
        let (a, b) = (diff(&first, &second), diff(&second, &third));
        let composed = a.then(b).unwrap();
        prop_assert_eq!(applied(&first, &composed), third);
    }

    #[test]
    fn composition_does_not_care_where_it_begins([one, two, three, four] in trees()) {
        let steps = || (diff(&one, &two), diff(&two, &three), diff(&three, &four));
        let (a, b, c) = steps();
        let from_the_left = a.then(b).unwrap().then(c).unwrap();
        let (a, b, c) = steps();
        let from_the_right = a.then(b.then(c).unwrap()).unwrap();
        prop_assert_eq!(applied(&one, &from_the_left), four.clone());
        prop_assert_eq!(applied(&one, &from_the_right), four);
    }

    #[test]
    fn an_empty_difference_changes_no_other([old, new] in trees()) {
        let change = diff(&old, &new);
        let alone = change.clone();
        prop_assert_eq!(&Diff::default().then(change.clone()).unwrap(), &alone);
        prop_assert_eq!(&change.then(Diff::default()).unwrap(), &alone);
    }

    /// Whatever it is applied to, a difference gives a tree or a typed refusal.
    #[test]
    fn a_difference_for_another_tree_does_no_harm([old, new] in trees(), other in tree()) {
        let _ = apply(&mut other.clone(), &diff(&old, &new));
        let _ = diff(&old, &new).then(diff(&other, &old));
    }
}

#[test]
fn what_is_shared_is_not_compared() {
    let part = Slot::part(page(vec![Slot::text("36.8")]));
    let (old, new) = (page(vec![part.clone()]), page(vec![part]));
    assert!(diff(&old, &new).is_empty());
}

fn list(keys: &[&str]) -> Rendered {
    let body = Arc::new(page(vec![]));
    let items = keys.iter().map(|key| Item::new(*key, Arc::clone(&body)));
    page(vec![Slot::List(items.collect())])
}

#[test]
fn a_list_sorted_there_and_back_is_no_change() {
    let (one, other) = (list(&["a", "b", "c"]), list(&["c", "b"]));
    let there = diff(&one, &other);
    let back = diff(&list(&["c", "b"]), &list(&["b", "c"]));
    let again = diff(&list(&["b", "c"]), &other);
    assert_eq!(back.then(again), Ok(Diff::default()));
    assert!(!there.then(diff(&other, &one)).unwrap().is_empty());
}

#[test]
fn a_difference_from_another_list_is_refused() {
    let sorted = diff(&list(&["a", "b"]), &list(&["b", "a"]));
    let mut other = list(&["a", "c"]);
    assert_eq!(apply(&mut other, &sorted), Err(ApplyError::OtherList));
    let elsewhere = diff(&list(&["c", "d"]), &list(&["d"]));
    assert_eq!(sorted.then(elsewhere), Err(ApplyError::OtherList));
}

#[test]
fn a_difference_from_another_series_is_refused() {
    let short = page(vec![line(&[(1, 98.0)])]);
    let long = page(vec![line(&[(1, 98.0), (4, 97.0)])]);
    let longer = page(vec![line(&[(1, 98.0), (4, 97.0), (9, 96.0)])]);
    let end = diff(&long, &longer);
    assert_eq!(
        apply(&mut short.clone(), &end),
        Err(ApplyError::OtherSeries)
    );
    let first = diff(&short, &long);
    assert_eq!(first.clone().then(first), Err(ApplyError::OtherSeries));
}

#[test]
fn a_difference_for_another_kind_of_slot_is_refused() {
    let part = |text: &str| page(vec![Slot::part(page(vec![Slot::text(text)]))]);
    let change = diff(&part("1"), &part("2"));
    let refused = Err(ApplyError::OtherSlot { slot: 0 });
    assert_eq!(apply(&mut page(vec![Slot::text("1")]), &change), refused);
    assert_eq!(apply(&mut page(vec![]), &change), refused);
}

#[test]
fn a_series_leaves_out_what_is_not_later_and_draws_nonsense_as_gaps() {
    let series = Series::new([
        (5, Some(97.123)),
        (5, Some(50.0)),
        (4, Some(50.0)),
        (6, Some(f32::NAN)),
        (7, Some(-0.0)),
        (8, Some(2_000_000.0)),
    ]);
    let expected = [(5, Some(97.12)), (6, None), (7, Some(0.0)), (8, None)];
    assert_eq!(series.points(), expected);
}

#[test]
fn a_series_keeps_its_newest_points() {
    let series = Series::new((0..1_000).map(|at| (at, Some(60.0))));
    assert_eq!(series.points().len(), super::POINTS_MAX);
    assert_eq!(series.points().last().map(|(at, _)| *at), Some(999));
}
