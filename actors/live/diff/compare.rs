//! From two trees to their difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::series::Growth;
use super::{Change, Diff, Item, ListChange, Rendered, Slot, Within};

/// What has to change in `old` to make it `new`: a full replacement when the template at the root
/// is another.
pub fn diff(old: &Rendered, new: &Rendered) -> Diff {
    Diff(slots(old, new).map_or_else(|| Within::Replaced(Arc::new(new.clone())), Within::Slots))
}

/// Nothing when the two are not of one shape.
fn slots(old: &Rendered, new: &Rendered) -> Option<BTreeMap<usize, Change>> {
    if old.template != new.template || old.slots.len() != new.slots.len() {
        return None;
    }
    let pairs = old.slots.iter().zip(&new.slots).enumerate();
    let changes = pairs.filter_map(|(place, (old, new))| Some((place, slot(old, new)?)));
    Some(changes.collect())
}

/// Nothing when the two are the same.
fn slot(old: &Slot, new: &Slot) -> Option<Change> {
    match (old, new) {
        (Slot::Text(old), Slot::Text(new)) if old == new => None,
        (Slot::Series(old), Slot::Series(new)) if old == new => None,
        (Slot::Series(old), Slot::Series(new)) => match Growth::between(old, new) {
            Some(growth) => Some(Change::Series(growth)),
            None => Some(Change::Replaced(Slot::Series(new.clone()))),
        },
        (Slot::Part(old), Slot::Part(new)) => match tree(old, new)? {
            Within::Slots(slots) => Some(Change::Part(slots)),
            Within::Replaced(part) => Some(Change::Replaced(Slot::Part(part))),
        },
        (Slot::List(before), Slot::List(after)) => match list(before, after) {
            Some(change) if change == ListChange::default() => None,
            Some(change) => Some(Change::List(change)),
            None if before == after => None,
            None => Some(Change::Replaced(new.clone())),
        },
        _ => Some(Change::Replaced(new.clone())),
    }
}

/// Nothing when the two are the same.
fn tree(old: &Arc<Rendered>, new: &Arc<Rendered>) -> Option<Within> {
    if Arc::ptr_eq(old, new) {
        return None;
    }
    match slots(old, new) {
        Some(slots) if slots.is_empty() => None,
        Some(slots) => Some(Within::Slots(slots)),
        None => Some(Within::Replaced(Arc::clone(new))),
    }
}

/// Nothing when a key of either list names two items.
fn list(old: &[Item], new: &[Item]) -> Option<ListChange> {
    let before = by_key(old)?;
    by_key(new)?;
    let mut change = ListChange::default();
    for item in new {
        let key = Arc::clone(&item.key);
        match before.get(&*item.key) {
            None => {
                change.inserted.insert(key, Arc::clone(&item.body));
            }
            Some(body) => {
                if let Some(within) = tree(body, &item.body) {
                    change.items.insert(key, within);
                }
            }
        }
    }
    if !old
        .iter()
        .map(|item| &item.key)
        .eq(new.iter().map(|item| &item.key))
    {
        let keys = |items: &[Item]| items.iter().map(|item| Arc::clone(&item.key)).collect();
        change.order = Some((keys(old), keys(new)));
    }
    Some(change)
}

fn by_key(items: &[Item]) -> Option<BTreeMap<&str, &Arc<Rendered>>> {
    let found: BTreeMap<&str, &Arc<Rendered>> =
        items.iter().map(|item| (&*item.key, &item.body)).collect();
    (found.len() == items.len()).then_some(found)
}

/// True when no two keys are the same.
pub(super) fn unique(items: &[Item]) -> bool {
    let keys: BTreeSet<&str> = items.iter().map(|item| &*item.key).collect();
    keys.len() == items.len()
}
