//! The emergency card: what somebody who has never met the patient must know at once.
//!
//! Active allergies, medication and conditions out of a patient's FHIR resources, the gravest
//! first, in the words of the record. What is refuted, resolved or entered in error is left out;
//! what has no status is kept: on this card the error to avoid is the one that leaves out.
//!
//! Purpose: treatment and protection of life (LGPD Art. 11 II e, f). A card is PHI and lives in
//! memory only, as long as whoever holds it; the records it is made of are kept, sealed, guarded
//! and audited by the store. Nothing here is logged.

mod read;

use crate::fhir::FhirType;
use serde_json::{Map, Value};
use std::cmp::Reverse;
use std::collections::HashSet;

/// Most items kept under one heading of the card: more are no card.
pub const CARD_ITEMS: usize = 50;

/// Longest text of an item, in characters; the rest is cut off with an ellipsis.
pub const CARD_TEXT_CHARS: usize = 160;

/// A patient's active allergies, medication and conditions, the gravest first, then the newest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmergencyCard {
    /// What must not be given.
    pub allergies: Vec<CardItem>,
    /// What is being given, or would be but for a pause (`on-hold`).
    pub medication: Vec<CardItem>,
    /// What the patient suffers from.
    pub conditions: Vec<CardItem>,
}

/// One line of the card.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CardItem {
    /// What it is, in the words of the record; `?` when the record has none.
    pub text: String,
    /// The reactions of an allergy, the dosage of a medication, the severity of a condition.
    pub detail: Option<String>,
    /// Whether it threatens life: shown first, and marked.
    pub critical: bool,
    /// Since when, as the record says it: a date of FHIR, possibly only a year.
    pub since: Option<String>,
}

impl EmergencyCard {
    /// The card of one patient from that patient's resources, in any order; others are passed over.
    pub fn of<'a>(resources: impl Iterator<Item = (FhirType, &'a Map<String, Value>)>) -> Self {
        let mut card = Self::default();
        for (kind, body) in resources {
            match kind {
                FhirType::AllergyIntolerance => card.allergies.extend(read::allergy(body)),
                FhirType::MedicationRequest => card.medication.extend(read::medication(body)),
                FhirType::Condition => card.conditions.extend(read::condition(body)),
                FhirType::Patient
                | FhirType::Practitioner
                | FhirType::Organization
                | FhirType::Observation => {}
            }
        }
        for items in [
            &mut card.allergies,
            &mut card.medication,
            &mut card.conditions,
        ] {
            arrange(items);
        }
        card
    }

    /// Whether nothing is on it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.allergies.is_empty() && self.medication.is_empty() && self.conditions.is_empty()
    }
}

/// Orders items, drops what says the same again (the newest stays) and keeps the first.
fn arrange(items: &mut Vec<CardItem>) {
    items.sort_by(|one, other| {
        let grave = Reverse(one.critical).cmp(&Reverse(other.critical));
        grave
            .then_with(|| Reverse(&one.since).cmp(&Reverse(&other.since)))
            .then_with(|| one.text.cmp(&other.text))
            .then_with(|| one.detail.cmp(&other.detail))
    });
    let mut seen = HashSet::new();
    items.retain(|item| seen.insert((item.text.clone(), item.detail.clone())));
    items.truncate(CARD_ITEMS);
}

#[cfg(test)]
mod tests;
