//! What a session remembers: opened bodies, bounded, and never trusted to be the newest.
//!
//! A hit saves the transfer and the decryption, not the look at the version: another node, or a
//! write that outlived its session, may have changed the record since.

use super::store::Stored;
use plantao_schema::fhir::FhirType;
use plantao_schema::id::ResourceId;
use std::collections::BTreeMap;

/// Most records one session remembers.
const MAX_RECORDS: usize = 64;

/// Most bytes of bodies one session remembers.
const MAX_BYTES: usize = 1024 * 1024;

/// Opened records, least recently used out first.
#[derive(Default)]
pub(super) struct Cache {
    records: BTreeMap<(FhirType, ResourceId), Remembered>,
    bytes: usize,
    clock: u64,
}

struct Remembered {
    stored: Stored,
    used: u64,
}

impl Cache {
    /// What is remembered of a record.
    pub(super) fn recall(&mut self, kind: FhirType, id: &ResourceId) -> Option<&Stored> {
        self.clock += 1;
        let remembered = self.records.get_mut(&(kind, id.clone()))?;
        remembered.used = self.clock;
        Some(&remembered.stored)
    }

    /// Remembers a record in place of whatever was known of it.
    pub(super) fn remember(&mut self, kind: FhirType, stored: Stored) {
        self.forget(kind, &stored.id);
        if stored.body.len() > MAX_BYTES {
            return;
        }
        while self.records.len() >= MAX_RECORDS || self.bytes + stored.body.len() > MAX_BYTES {
            let oldest = self.records.iter().min_by_key(|(_, one)| one.used);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            self.forget(key.0, &key.1);
        }
        self.clock += 1;
        self.bytes += stored.body.len();
        let key = (kind, stored.id.clone());
        self.records.insert(
            key,
            Remembered {
                stored,
                used: self.clock,
            },
        );
    }

    /// Forgets one record.
    pub(super) fn forget(&mut self, kind: FhirType, id: &ResourceId) {
        if let Some(gone) = self.records.remove(&(kind, id.clone())) {
            self.bytes -= gone.stored.body.len();
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_schema::time::Timestamp;
    use zeroize::Zeroizing;

    fn stored(id: &str, bytes: usize) -> Stored {
        Stored {
            id: ResourceId::parse(id).unwrap(),
            version: 1,
            updated_at: Timestamp::from_micros(0),
            patient: None,
            body: Zeroizing::new(vec![b' '; bytes]),
        }
    }

    #[test]
    fn the_least_recently_used_record_goes_first() {
        let mut cache = Cache::default();
        for number in 0..MAX_RECORDS {
            cache.remember(FhirType::Patient, stored(&format!("p-{number}"), 1));
        }
        let first = ResourceId::parse("p-0").unwrap();
        assert!(cache.recall(FhirType::Patient, &first).is_some());
        cache.remember(FhirType::Patient, stored("new", 1));
        assert!(cache.recall(FhirType::Patient, &first).is_some());
        let second = ResourceId::parse("p-1").unwrap();
        assert!(cache.recall(FhirType::Patient, &second).is_none());
        assert_eq!(cache.records.len(), MAX_RECORDS);
    }

    #[test]
    fn bytes_are_bounded_and_what_is_too_large_is_not_remembered() {
        let mut cache = Cache::default();
        cache.remember(FhirType::Patient, stored("large", MAX_BYTES + 1));
        assert_eq!((cache.records.len(), cache.bytes), (0, 0));
        for number in 0..4 {
            cache.remember(
                FhirType::Patient,
                stored(&format!("p-{number}"), MAX_BYTES / 2),
            );
        }
        assert_eq!((cache.records.len(), cache.bytes), (2, MAX_BYTES / 2 * 2));
        cache.remember(FhirType::Patient, stored("p-3", 10));
        assert_eq!(cache.bytes, MAX_BYTES / 2 + 10);
    }
}
