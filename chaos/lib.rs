//! The chaos harness: what may be broken on purpose in the supervision tree, and how it is named.
//!
//! This rung stands above the runtime and is used by nothing below it. It holds the selectors that
//! name actors of a live tree; faults are injected by the runtime's own admin socket (`plantao
//! kill PATH`). It does not yet schedule faults or check invariants by itself.

mod invariant;
mod selector;

pub use invariant::{Invariant, UnknownInvariant};
pub use selector::{Selector, SelectorError};
