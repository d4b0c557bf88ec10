//! The pages as a person sees them: a real Chromium in front of the real binary.
//!
//! Every test runs a hospital and a browser of its own. One binary, because linking is what takes
//! long.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop loudly"
)]
#![allow(
    clippy::print_stdout,
    reason = "what was measured is told beside whether it was enough"
)]
#![allow(dead_code, reason = "the hospital's harness serves other subjects too")]

mod accessible;
mod browser;
#[path = "../hospital/client.rs"]
mod client;
mod consent;
mod failures;
#[path = "../hospital/hospital.rs"]
mod hospital;
mod live;
mod log_in;
mod page;
mod replay;
mod roles;
mod screens;
mod vitals;
mod ward;
