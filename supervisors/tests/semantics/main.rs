//! The semantics of supervision, as sentences, against real actors on a paused clock.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod dynamic;
mod handles;
mod intensity;
mod killing;
mod overlap;
mod snapshots;
mod starting;
mod stopping;
mod strategies;
mod support;
