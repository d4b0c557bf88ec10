//! The emergency card: what somebody who has never met the patient must know at once.

use crate::fhir::FhirType;
use serde_json::{Map, Value};

/// Most items kept under one heading of the card.
pub const CARD_ITEMS: usize = 50;

/// A patient's active allergies, medication and conditions, the gravest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmergencyCard {
    /// What must not be given.
    pub allergies: Vec<CardItem>,
    /// What is being given.
    pub medication: Vec<CardItem>,
    /// What the patient suffers from.
    pub conditions: Vec<CardItem>,
}

/// One line of the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardItem {
    /// What it is, in the words of the record.
    pub text: String,
    /// The reaction, the dosage or the stage, when the record has it.
    pub detail: Option<String>,
    /// Whether it can kill: shown first, and marked.
    pub critical: bool,
    /// Since when, as the record says it: a date of FHIR, possibly only a year.
    pub since: Option<String>,
}

impl EmergencyCard {
    /// The card of one patient from that patient's resources, in any order.
    pub fn of<'a>(_resources: impl Iterator<Item = (FhirType, &'a Map<String, Value>)>) -> Self {
        Self::default()
    }
}
