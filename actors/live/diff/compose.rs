//! Two differences, one after the other, as one: for a viewer that missed the tree between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::apply::{ApplyError, changed, changed_slot};
use super::{Change, ListChange, Within};

/// `first`, then `later`.
pub(super) fn within(first: Within, later: Within) -> Result<Within, ApplyError> {
    match (first, later) {
        (_, later @ Within::Replaced(_)) => Ok(later),
        (Within::Replaced(tree), later @ Within::Slots(_)) => {
            changed(&tree, &later).map(Within::Replaced)
        }
        (Within::Slots(first), Within::Slots(later)) => slots(first, later).map(Within::Slots),
    }
}

fn slots(
    mut first: BTreeMap<usize, Change>,
    later: BTreeMap<usize, Change>,
) -> Result<BTreeMap<usize, Change>, ApplyError> {
    for (place, change) in later {
        let composed = match first.remove(&place) {
            None => change,
            Some(earlier) => one(earlier, change, ApplyError::OtherSlot { slot: place })?,
        };
        if !is_nothing(&composed) {
            first.insert(place, composed);
        }
    }
    Ok(first)
}

/// True when the second change took back all of the first.
fn is_nothing(change: &Change) -> bool {
    match change {
        Change::Part(slots) => slots.is_empty(),
        Change::List(list) => *list == ListChange::default(),
        Change::Series(_) | Change::Replaced(_) => false,
    }
}

/// `other` when the two are of different kinds.
fn one(first: Change, later: Change, other: ApplyError) -> Result<Change, ApplyError> {
    match (first, later) {
        (_, later @ Change::Replaced(_)) => Ok(later),
        (Change::Replaced(slot), later) => changed_slot(&slot, &later, other).map(Change::Replaced),
        (Change::Part(first), Change::Part(later)) => slots(first, later).map(Change::Part),
        (Change::Series(first), Change::Series(later)) => Ok(match first.then(later)? {
            Ok(growth) => Change::Series(growth),
            Err(whole) => Change::Replaced(super::Slot::Series(whole)),
        }),
        (Change::List(first), Change::List(later)) => list(first, later).map(Change::List),
        _ => Err(other),
    }
}

fn list(mut first: ListChange, mut later: ListChange) -> Result<ListChange, ApplyError> {
    let order = match (first.order.take(), later.order.take()) {
        (order, None) | (None, order) => order,
        (Some((before, between)), Some((between_too, after))) => {
            if between != between_too {
                return Err(ApplyError::OtherList);
            }
            Some((before, after))
        }
    };
    for (key, change) in later.items {
        match first.inserted.get_mut(&key) {
            Some(body) => *body = changed(body, &change)?,
            None => {
                let composed = match first.items.remove(&key) {
                    None => change,
                    Some(earlier) => within(earlier, change)?,
                };
                if composed != Within::default() {
                    first.items.insert(key, composed);
                }
            }
        }
    }
    first.inserted.extend(later.inserted);
    settle(&mut first, order);
    Ok(first)
}

/// Forgets what is gone again, and tells what came back from what is new.
fn settle(change: &mut ListChange, order: Option<(super::Keys, super::Keys)>) {
    let Some((before, after)) = order else {
        return;
    };
    change.items.retain(|key, _| after.contains(key));
    change.inserted.retain(|key, _| after.contains(key));
    let back: Vec<Arc<str>> = change
        .inserted
        .keys()
        .filter(|key| before.contains(key))
        .cloned()
        .collect();
    for key in back {
        if let Some(body) = change.inserted.remove(&key) {
            change.items.insert(key, Within::Replaced(body));
        }
    }
    change.order = (before != after).then_some((before, after));
}
