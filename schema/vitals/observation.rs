//! Readings out of FHIR Observations, and Observations out of readings.

use super::Reading;
use crate::id::PatientId;
use serde_json::{Map, Value};

/// The readings of an Observation.
#[must_use]
pub fn readings(_observation: &Map<String, Value>) -> Vec<Reading> {
    Vec::new()
}

/// The Observation that says these readings.
#[must_use]
pub fn observation(_patient: &PatientId, _id: &str, _readings: &[Reading]) -> Value {
    Value::Null
}
