//! Zero trust: every request is decided anew, and only a decision makes a permit.
//!
//! [`PolicyEngine`] owns the rules and the behaviour of principals and publishes both as one
//! snapshot that readers hold weakly: it dies with the engine, even when the engine panics, and
//! without it every decision is a denial. Readers decide on their own thread, so no request waits
//! in the engine's mailbox.
//!
//! A permit is looked at once more when it is handed in ([`Permit::hand_in`]): what was taken back
//! since the decision makes it void.
//!
//! Two more tables go into a decision and die with their own actors: which patients withdrew
//! consent, which sessions were ended. A tenant whose tables are not there is denied, emergencies
//! excepted. [`Policy::changes`] tells live pages when to ask again.
//!
//! Personal data: the behaviour table holds counts per principal (staff, not patients) for minutes,
//! in memory; the consent table pseudonyms of patients with a purpose, for as long as its owner
//! lives. Purpose: security of processing (LGPD Art. 46), consent (Art. 8); legal basis: legitimate
//! interest (Art. 7 IX), legal obligation (Art. 7 II); retention: ten minutes after the last
//! request, the row in the database; access: this process; encryption: none, never stored here;
//! audit: each decision, with its score and explanation.

mod behaviour;
mod changes;
mod emergency;
mod engine;
mod harness;
mod leave;
mod permit;
mod settings;
mod shelf;
mod tables;
mod takebacks;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod view;

pub use emergency::CardEmergency;
pub use engine::{Policy, PolicyError, child};
pub use harness::{Defect, PermitWitness};
pub use leave::PermitError;
pub use permit::{PERMIT_LIFETIME_SECONDS, Permit, Refusal, Verdict};
pub use settings::{DutyHours, PolicySettings};
pub(crate) use shelf::{News, Owned, Shelf};
pub use tables::Tables;
pub(crate) use tables::{Ended, Withdrawn};
pub(crate) use takebacks::Takebacks;
pub use view::ViewGrant;
