//! Every request is answered in the end, and it is known which are not yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// No request takes longer, whatever the tree is busy with: hours of work fit into one group
/// restart only if somebody planned for it, and no plan here does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Default)]
pub(crate) struct Answers {
    last: u64,
    open: BTreeMap<u64, Open>,
    /// Starts for whose answer nobody waits any more.
    left: BTreeSet<String>,
}

struct Open {
    at: Duration,
    above: String,
    id: String,
    what: String,
}

impl Answers {
    pub(crate) fn open(&mut self, at: Duration, above: &str, id: &str, what: &str) -> u64 {
        self.last += 1;
        let open = Open {
            at,
            above: above.to_owned(),
            id: id.to_owned(),
            what: what.to_owned(),
        };
        self.open.insert(self.last, open);
        self.last
    }

    pub(crate) fn close(&mut self, ticket: u64) {
        self.open.remove(&ticket);
    }

    /// Nobody waits for the answer any more; what was asked for goes on.
    pub(crate) fn leave(&mut self, ticket: u64) {
        if let Some(Open { above, id, .. }) = self.open.remove(&ticket) {
            self.left.insert(format!("{above}/{id}"));
        }
    }

    /// Something was heard of a child: its start is known from now on.
    pub(crate) fn hear(&mut self, path: &str) {
        self.left.remove(path);
    }

    /// A request about this child is under way that stops or starts it.
    pub(crate) fn concern(&self, above: &str, id: &str) -> bool {
        self.open.values().any(|open| {
            open.above == above && open.id == id && matches!(&*open.what, "terminate" | "restart")
        })
    }

    /// A start of this child is under way.
    pub(crate) fn start(&self, above: &str, id: &str) -> bool {
        let mut open = self.open.values();
        self.left.contains(&format!("{above}/{id}"))
            || open.any(|open| open.above == above && open.id == id && open.what == "start")
    }

    /// A request is under way that changes this supervisor's list.
    pub(crate) fn change(&self, above: &str) -> bool {
        let mut open = self.open.values();
        open.any(|open| open.above == above && matches!(&*open.what, "delete" | "change"))
    }

    /// The first request that waits for too long.
    pub(crate) fn overdue(&self, now: Duration, patience: Duration) -> Option<String> {
        let (ticket, open) = self
            .open
            .iter()
            .find(|(_, open)| now - open.at > patience)?;
        let Open {
            above, id, what, ..
        } = open;
        Some(format!("{ticket} is not answered: {above} {what} {id}"))
    }
}
