//! The hospital's vocabulary and rules, pure: no runtime, no I/O, builds for wasm32.
//!
//! What a plugin may share with the host is here, and so is every rule that must give the same
//! answer wherever it runs: trust scores, audit hashes, PHI detection, FHIR checks.

pub mod access;
pub mod audit;
pub mod claims;
pub mod emergency;
pub mod fhir;
pub mod id;
pub mod locale;
pub mod phi;
pub mod plugin;
pub mod problem;
pub mod time;
pub mod vitals;

#[cfg(test)]
mod labelled;
