//! What a live page shows as a tree of values, and the smallest message from one tree to the next.
//!
//! A page is made of templates. Their markup is sent once, with the document; a [`Rendered`] tree
//! holds only the values that stand in a template's slots. [`diff`] compares two trees, [`apply`]
//! says what a viewer must make of the answer, [`Diff::then`] folds many answers into one for a
//! viewer that fell behind, and [`wire`] writes them as the bytes a browser reads. All of it is
//! pure: no clock, no socket, no actor.
//!
//! # Wire format, version 1 ([`wire::VERSION`])
//!
//! Every frame is one WebSocket text message, compact JSON in UTF-8:
//!
//! ```text
//! frame    = 0                                      the heartbeat: nothing changed, all is well
//!          | [SEQ, within]                          a diff: to the tree of SEQ from one before it
//!          | [SEQ, {"r": tree}]                     the same, when the root's template is another
//!          | {"e": EPOCH, "s": SEQ, "r": tree}      a full tree, whatever the viewer had before
//! tree     = [TEMPLATE, slot, slot, …]              slots in their order
//! slot     = "text" | NUMBER                        a number stands for its shortest decimal text
//!          | tree                                   a part
//!          | {"v": points}                          a series; times count from zero
//!          | {"l": [KEY, tree, KEY, tree, …]}       a list, in its order
//! within   = [SLOT, change, SLOT, change, …]        only what changed, by slot number
//! change   = "text" | NUMBER                        the slot is now this text
//!          | {"r": slot}                            the slot is now this, whatever it was
//!          | within                                 if the slot holds a part: changes in it
//!          | points | [DROP, …points]               if it holds a series: points to append, after
//!                                                   forgetting the DROP oldest (an odd length)
//!          | [KEY, item, KEY, item, …]              if it holds a list: the items that changed
//!          | [order, KEY, item, KEY, item, …]       the same, after putting the list in order
//! item     = within | {"r": tree}
//! points   = [SECONDS, value, SECONDS, value, …]    seconds since the point before (the newest
//!                                                   the viewer has, or 0), value NUMBER or null
//! order    = [step, step, …]                        taken one after the other
//! step     = KEY                                    take the item away
//!          | [KEY, after]                           move it behind `after`
//!          | [KEY, after, tree]                     a new item, behind `after`
//! after    = KEY | 0                                0: to the front
//! ```
//!
//! Keys are JSON strings always, so a list's `order` is told from its first key by being an array.
//! A text goes as a number only when JavaScript prints that number as the same text. A list of
//! which two items share a key has no items to name: it is replaced as a whole.
//!
//! One cell of a ward that takes a reading (value, time, point of the sparkline):
//! `[104729,[3,["b17",[6,[0,98,2,21600,4,[1,5,98]]]]]]`.
//!
//! # PHI
//! Trees hold names and measurements of patients.
//! - Purpose: care (LGPD Art. 11 II f). Legal basis: protection of health by professionals.
//! - Retention: none here; trees live in memory while somebody looks at the page.
//! - Access: a tree belongs to one view grant and is shown to its holders alone.
//! - Encryption: in transit by the front door's TLS.
//! - Audit: by whoever shows the tree. Errors of this module name template and slot, no value.

mod apply;
mod compare;
mod compose;
mod order;
mod series;
pub mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use apply::{ApplyError, apply};
pub use compare::diff;
pub use series::{POINTS_MAX, Series};

/// Which template of the page a tree fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateId(pub u16);

/// One element of the page: a template and the values in its slots, in the slots' order.
///
/// Comparing costs nothing where two trees share an `Arc`: keep the parts that did not change.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The template filled.
    pub template: TemplateId,
    /// One value for each slot of it.
    pub slots: Vec<Slot>,
}

/// The value in one slot.
#[derive(Clone, Debug, PartialEq)]
pub enum Slot {
    /// The text of an element or the value of an attribute; never markup.
    Text(Box<str>),
    /// The points of a line.
    Series(Series),
    /// An element of another template.
    Part(Arc<Rendered>),
    /// Elements that come, go and change places.
    List(Vec<Item>),
}

/// An element of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What the element is called among its siblings: unique in the list, stable while it means
    /// the same thing, and short (it is sent with each change of the item).
    pub key: Arc<str>,
    /// The element.
    pub body: Arc<Rendered>,
}

/// What has to change in one tree to make another. Made by [`diff`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff(Within);

impl Diff {
    /// True when both trees were the same.
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Within::Slots(slots) if slots.is_empty())
    }

    /// Both changes as one: what `later` says about the tree that `self` leads to.
    ///
    /// # Errors
    /// `later` was made from another tree than the one `self` leads to, and this could be seen
    /// here (not all of it can: `self` does not know what it leaves alone).
    pub fn then(self, later: Self) -> Result<Self, ApplyError> {
        compose::within(self.0, later.0).map(Self)
    }
}

impl Rendered {
    /// A template with its values.
    pub fn new(template: TemplateId, slots: Vec<Slot>) -> Self {
        Self { template, slots }
    }
}

impl Slot {
    /// A text slot.
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A part of the page.
    pub fn part(part: impl Into<Arc<Rendered>>) -> Self {
        Self::Part(part.into())
    }
}

impl Item {
    /// An item called `key`.
    pub fn new(key: impl Into<Arc<str>>, body: impl Into<Arc<Rendered>>) -> Self {
        let (key, body) = (key.into(), body.into());
        Self { key, body }
    }
}

/// The change of one tree.
#[derive(Clone, Debug, PartialEq)]
enum Within {
    /// Another template stands here now, or a tree made anew.
    Replaced(Arc<Rendered>),
    /// The same template with other values in these slots.
    Slots(BTreeMap<usize, Change>),
}

/// The change of one slot.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    Replaced(Slot),
    Part(BTreeMap<usize, Change>),
    Series(series::Growth),
    List(ListChange),
}

/// The change of a list whose keys are unique, before and after.
#[derive(Clone, Debug, Default, PartialEq)]
struct ListChange {
    /// The keys in their order before and after, when these differ.
    order: Option<(Keys, Keys)>,
    /// Bodies of the keys that are there after and not before.
    inserted: BTreeMap<Arc<str>, Arc<Rendered>>,
    /// Changes of the keys that are there before and after.
    items: BTreeMap<Arc<str>, Within>,
}

type Keys = Arc<[Arc<str>]>;

impl Default for Within {
    fn default() -> Self {
        Self::Slots(BTreeMap::new())
    }
}
