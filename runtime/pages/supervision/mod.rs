//! The supervision tree as an indented table: what runs, what was restarted, what may still be.
//!
//! No PHI: paths of the tree name nobody, and how an actor ended is shown as its kind alone.

mod templates;
mod view;

pub(super) use templates::templates;
pub(super) use view::SupervisionView;

use plantao_supervisors::{Lifecycle, Snapshot, Tree};
use std::sync::{Arc, OnceLock};
use tokio::sync::broadcast;

/// Where the page looks at the tree.
pub trait SupervisionSource: Send + Sync + 'static {
    /// The tree as it is now; nothing while it is starting.
    fn snapshot(&self) -> Option<Snapshot>;

    /// What happens in it from now on; nothing while it is starting.
    fn subscribe(&self) -> Option<broadcast::Receiver<Lifecycle>>;
}

/// The running tree is put into its cell once it runs: this page is part of it.
impl SupervisionSource for Arc<OnceLock<Tree>> {
    fn snapshot(&self) -> Option<Snapshot> {
        self.get().map(Tree::snapshot)
    }

    fn subscribe(&self) -> Option<broadcast::Receiver<Lifecycle>> {
        self.get().map(Tree::subscribe)
    }
}
