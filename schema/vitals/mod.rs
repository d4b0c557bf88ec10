//! Vital signs: read out of FHIR Observations, kept as a bounded window, judged.
//!
//! What a reading is ([`Reading`], [`readings`]), whether it can be true ([`is_plausible`]), how
//! old it may be ([`Freshness`]), when it calls for somebody ([`AlarmLimits`], [`AlarmState`]) and
//! what all of them together say ([`news2`]). A [`Chart`] is one patient's window over all of it.
//!
//! This is a view of records for people who know the patient. It is no monitor: it may be seconds
//! behind, and the alarms at the bedside belong to the monitor.
//!
//! Purpose: treatment (LGPD Art. 11 II f; Art. 7 VIII). Values here are PHI and live in memory
//! only, as long as whoever holds the chart; the records they come from are kept, sealed, guarded
//! and audited by the store. Nothing here is logged, and no error carries a value.

mod alarm;
mod chart;
mod freshness;
pub mod news2;
mod observation;
mod sign;
mod units;

pub use alarm::{AlarmLimits, AlarmState};
pub use chart::{Chart, Taken, WINDOW_MS, WINDOW_READINGS};
pub use freshness::{CLOCK_SKEW_MS, Freshness};
pub use observation::{observation, readings};
pub use sign::{Acvpu, Reading, VitalSign, is_plausible};

#[cfg(test)]
mod chart_tests;
#[cfg(test)]
mod observation_tests;
