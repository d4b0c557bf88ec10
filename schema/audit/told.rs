//! An access told once: an entry in its place, and for the end of a change when it began.

use super::Chained;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What a reader is shown where an opening and its completion are one access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The entry: a single one, a completion, or an opening that nothing has completed yet.
    #[serde(flatten)]
    pub item: Chained,
    /// For a completion: when the change, or the view, was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
}

impl Told {
    /// When the access began: what a person calls its time.
    #[must_use]
    pub fn from(&self) -> Timestamp {
        self.began.unwrap_or(self.item.entry.at)
    }
}

impl From<Chained> for Told {
    fn from(item: Chained) -> Self {
        Self { item, began: None }
    }
}
