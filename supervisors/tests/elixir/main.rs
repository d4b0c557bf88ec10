//! Elixir's own suites, case by case, on this crate: same deeds, same outcomes.
//!
//! `CONFORMANCE.md` says which case is which test, and which have nothing here to apply to.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod partition;
mod pool;
mod restarting;
mod start_child;
mod start_link;
#[path = "../semantics/support.rs"]
mod support;
mod table;
mod task;
mod task_stream;
mod terminate;
