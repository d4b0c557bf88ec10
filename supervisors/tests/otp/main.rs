//! OTP's own suite for its supervisor, case by case and under its names: see `CONFORMANCE.md`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod counting;
mod groups;
mod hanging;
mod keeping;
mod requests;
mod scaling;
mod significant;
mod simple;
mod specs;
mod stage;
mod start;
mod stop;
mod support;
mod table;
mod termination;
mod trees;
mod upgrades;
