//! What of a patient, or of the system, a viewer may see: a small set.
//!
//! A page shows parts of several records at once. Each part has the record it comes from, and
//! seeing it is reading that record; viewers with the same set can be shown the same bytes.

use super::ResourceKind;
use std::fmt;

/// A set of parts of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fields(u8);

impl Fields {
    /// Who the patient is (`Patient`).
    pub const NAME: Self = Self(1);
    /// Vital signs, their trends, scores and alarms (`Observation`).
    pub const VITALS: Self = Self(1 << 1);
    /// What must not be given (`AllergyIntolerance`).
    pub const ALLERGIES: Self = Self(1 << 2);
    /// What is to be given (`MedicationRequest`).
    pub const MEDICATION: Self = Self(1 << 3);
    /// What the patient suffers from (`Condition`).
    pub const CONDITIONS: Self = Self(1 << 4);
    /// The supervision tree (the running system).
    pub const SUPERVISION: Self = Self(1 << 5);

    /// Each part, and the kind of record whose reading it is.
    pub(super) const SOURCES: &'static [(Self, ResourceKind)] = &[
        (Self::NAME, ResourceKind::Patient),
        (Self::VITALS, ResourceKind::Observation),
        (Self::ALLERGIES, ResourceKind::AllergyIntolerance),
        (Self::MEDICATION, ResourceKind::MedicationRequest),
        (Self::CONDITIONS, ResourceKind::Condition),
        (Self::SUPERVISION, ResourceKind::System),
    ];

    /// Whether all of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set as a number, one bit a part.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Fields {
    /// Its names of records, for the audit trail: `patient+observation`, or `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let mut between = "";
        for (field, kind) in Self::SOURCES {
            if self.contains(*field) {
                write!(f, "{between}{kind}")?;
                between = "+";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_contains_its_parts_and_prints_the_records_they_come_from() {
        let set = Fields::NAME.union(Fields::VITALS);
        assert!(set.contains(Fields::NAME) && set.contains(Fields::VITALS) && set.contains(set));
        assert!(!set.contains(Fields::ALLERGIES) && !set.contains(set.union(Fields::ALLERGIES)));
        assert!(set.contains(Fields::default()) && Fields::default().is_empty());
        assert_eq!(set.to_string(), "patient+observation");
        assert_eq!(Fields::default().to_string(), "none");
        assert_eq!(set.bits(), 3);
    }

    #[test]
    fn every_part_has_a_bit_of_its_own() {
        let all: Vec<u8> = Fields::SOURCES
            .iter()
            .map(|(field, _)| field.bits())
            .collect();
        let together = all.iter().fold(0, |sum, bits| sum | bits);
        assert_eq!(all.iter().map(|bits| bits.count_ones()).sum::<u32>(), 6);
        assert_eq!(together, 0b11_1111);
    }
}
