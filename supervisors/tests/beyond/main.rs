//! What this crate adds to OTP, as sentences, and what it refuses.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod backoff;
mod budget;
mod disturbed;
mod feed;
mod gates;
mod heard;
mod injection;
mod live_change;
mod live_refusals;
mod live_undo;
mod liveness;
mod picture;
mod readiness;
mod revival;
mod revival_races;
mod specs;
mod starts;
#[path = "../semantics/support.rs"]
mod support;
mod waiting_groups;
mod watch;
