//! What a viewer must make of a difference. The browser's script does the same to its elements.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::compare::unique;
use super::order::{Step, steps};
use super::{Change, Diff, Item, ListChange, Rendered, Slot, Within};

/// A difference that was made from another tree than the one at hand. The viewer needs the whole
/// tree; nothing it shows can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// A slot that the tree does not have, or that holds something of another kind.
    #[error("slot {slot} is not the one the difference was made from")]
    OtherSlot {
        /// The slot's place in its template.
        slot: usize,
    },
    /// The list has other keys, or another order.
    #[error("a list is not the one the difference was made from")]
    OtherList,
    /// The series has another length or newest point.
    #[error("a series is not the one the difference was made from")]
    OtherSeries,
}

/// Makes `tree` the tree that `change` leads to.
///
/// # Errors
/// The difference was made from another tree; this one may be changed in part.
pub fn apply(tree: &mut Rendered, change: &Diff) -> Result<(), ApplyError> {
    match &change.0 {
        Within::Replaced(new) => tree.clone_from(new),
        Within::Slots(changes) => slots(tree, changes)?,
    }
    Ok(())
}

/// `body` after the change.
pub(super) fn changed(body: &Arc<Rendered>, change: &Within) -> Result<Arc<Rendered>, ApplyError> {
    match change {
        Within::Replaced(new) => Ok(Arc::clone(new)),
        Within::Slots(changes) => with_slots(body, changes),
    }
}

pub(super) fn with_slots(
    body: &Arc<Rendered>,
    changes: &BTreeMap<usize, Change>,
) -> Result<Arc<Rendered>, ApplyError> {
    let mut body = Rendered::clone(body);
    slots(&mut body, changes)?;
    Ok(Arc::new(body))
}

fn slots(tree: &mut Rendered, changes: &BTreeMap<usize, Change>) -> Result<(), ApplyError> {
    for (place, change) in changes {
        let other = ApplyError::OtherSlot { slot: *place };
        let slot = tree.slots.get_mut(*place).ok_or(other)?;
        *slot = changed_slot(slot, change, other)?;
    }
    Ok(())
}

/// `slot` after the change; `other` when it is of another kind than the change is for.
pub(super) fn changed_slot(
    slot: &Slot,
    change: &Change,
    other: ApplyError,
) -> Result<Slot, ApplyError> {
    match (slot, change) {
        (_, Change::Replaced(new)) => Ok(new.clone()),
        (Slot::Part(part), Change::Part(changes)) => with_slots(part, changes).map(Slot::Part),
        (Slot::Series(series), Change::Series(growth)) => growth.apply(series).map(Slot::Series),
        (Slot::List(items), Change::List(change)) => list(items, change).map(Slot::List),
        _ => Err(other),
    }
}

fn list(items: &[Item], change: &ListChange) -> Result<Vec<Item>, ApplyError> {
    let mut items = ordered(items, change)?;
    for (key, within) in &change.items {
        let found = items.iter_mut().find(|item| item.key == *key);
        let item = found.ok_or(ApplyError::OtherList)?;
        item.body = changed(&item.body, within)?;
    }
    Ok(items)
}

/// The items after all steps, taken one by one as the browser takes them.
fn ordered(items: &[Item], change: &ListChange) -> Result<Vec<Item>, ApplyError> {
    let mut items = items.to_vec();
    if !unique(&items) {
        return Err(ApplyError::OtherList);
    }
    let Some((before, after)) = &change.order else {
        return Ok(items);
    };
    if !items.iter().map(|item| &item.key).eq(before.iter()) {
        return Err(ApplyError::OtherList);
    }
    let place = |items: &[Item], key: &str| items.iter().position(|item| &*item.key == key);
    for step in steps(before, after) {
        match step {
            Step::Remove(key) => items.retain(|item| &*item.key != key),
            Step::Place { key, behind } => {
                let item = match place(&items, key) {
                    Some(from) => items.remove(from),
                    None => {
                        let body = change.inserted.get(key).ok_or(ApplyError::OtherList)?;
                        Item::new(key, Arc::clone(body))
                    }
                };
                let to = match behind {
                    Some(behind) => 1 + place(&items, behind).ok_or(ApplyError::OtherList)?,
                    None => 0,
                };
                items.insert(to, item);
            }
        }
    }
    Ok(items)
}
