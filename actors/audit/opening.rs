//! What opens a commitment: its salt, and which records it is about.
//!
//! Refuses to be printed: who has the salt can test guesses of the content. Kept with the change by
//! whoever makes it, sealed under the patient's own key, and nowhere else.

use plantao_schema::audit::{Commitment, SALT_BYTES};
use plantao_schema::fhir::{FhirType, Resource};
use plantao_schema::id::{PatientId, ResourceId};
use std::fmt;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The opening of one entry's commitment.
pub struct Opening {
    /// The entry that holds the commitment.
    pub entry: Uuid,
    /// Whose key seals this; none for what belongs to no patient.
    pub patient: Option<PatientId>,
    /// The salt.
    pub salt: Zeroizing<[u8; SALT_BYTES]>,
    /// The records, in the order in which they were committed to.
    pub records: Vec<(FhirType, ResourceId)>,
    commitment: Commitment,
}

impl Opening {
    /// Of a commitment to nothing yet.
    #[must_use]
    pub fn new(entry: Uuid, salt: Zeroizing<[u8; SALT_BYTES]>) -> Self {
        Self {
            entry,
            patient: None,
            commitment: Commitment::new(&salt),
            salt,
            records: Vec::new(),
        }
    }

    /// Commits to one more record. They are of one patient, or of nobody.
    pub fn add(&mut self, record: &Resource) {
        // Keys of a JSON object are text: it always has a form.
        let body = Zeroizing::new(serde_json::to_vec(&record.body).unwrap_or_default());
        self.commitment.add(&place(record.kind, &record.id), &body);
        self.patient = self.patient.take().or_else(|| record.patient.clone());
        self.records.push((record.kind, record.id.clone()));
    }

    /// What the entry holds.
    #[must_use]
    pub fn commitment(&self) -> String {
        self.commitment.finish()
    }
}

/// What a commitment calls a record.
#[must_use]
pub fn place(kind: FhirType, id: &ResourceId) -> String {
    format!("{kind}/{id}")
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}
