//! Zero trust: every request is decided anew, and only a decision makes a permit.
//!
//! [`PolicyEngine`] owns the rules and the behaviour of principals and publishes both as one
//! snapshot that readers hold weakly: it dies with the engine, even when the engine panics, and
//! without it every decision is a denial. Readers decide on their own thread, so no request waits
//! in the engine's mailbox.
//!
//! Personal data: the behaviour table holds counts per principal (staff, not patients) for minutes,
//! in memory. Purpose: security of processing (LGPD Art. 46); legal basis: legitimate interest
//! (Art. 7 IX); retention: ten minutes after the last request; access: this process; encryption:
//! none, never stored; audit: each decision, with its score and explanation.

mod behaviour;
mod engine;
mod permit;
mod settings;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use engine::{Policy, PolicyError, child};
pub use permit::{PERMIT_LIFETIME_SECONDS, Permit, Refusal, Verdict};
pub use settings::{DutyHours, PolicySettings};
