//! What a session remembers: opened bodies, bounded, and never trusted to be the newest.
//!
//! A hit saves the transfer and the decryption, not the look at the version: another node, or a
//! write that outlived its session, may have changed the record since.

use super::store::Stored;
use plantao_schema::fhir::FhirType;
use plantao_schema::id::ResourceId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most records one session remembers.
const MAX_RECORDS: usize = 64;

/// Most bytes one session remembers.
const MAX_BYTES: usize = 1024 * 1024;

/// What a record takes beside its body, charged so that small ones are not free.
const RECORD_OVERHEAD_BYTES: usize = 256;

/// What all sessions together may remember. Whoever finds it spent does without.
pub(super) struct Budget {
    left: AtomicUsize,
}

impl Budget {
    pub(super) const fn new(bytes: usize) -> Self {
        Self {
            left: AtomicUsize::new(bytes),
        }
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.left
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less)
            .is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::AcqRel);
    }
}

/// Opened records, least recently used out first.
pub(super) struct Cache {
    records: BTreeMap<(FhirType, ResourceId), Remembered>,
    bytes: usize,
    clock: u64,
    budget: Arc<Budget>,
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.clear();
    }
}

struct Remembered {
    stored: Stored,
    used: u64,
}

impl Cache {
    pub(super) const fn new(budget: Arc<Budget>) -> Self {
        Self {
            records: BTreeMap::new(),
            bytes: 0,
            clock: 0,
            budget,
        }
    }

    /// What is remembered of a record.
    pub(super) fn recall(&mut self, kind: FhirType, id: &ResourceId) -> Option<&Stored> {
        self.clock += 1;
        let remembered = self.records.get_mut(&(kind, id.clone()))?;
        remembered.used = self.clock;
        Some(&remembered.stored)
    }

    /// Remembers a record in place of whatever was known of it, if there is room for it.
    pub(super) fn remember(&mut self, kind: FhirType, stored: Stored) {
        self.forget(kind, &stored.id);
        let price = price(&stored);
        if price > MAX_BYTES {
            return;
        }
        while self.records.len() >= MAX_RECORDS || self.bytes + price > MAX_BYTES {
            let oldest = self.records.iter().min_by_key(|(_, one)| one.used);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            self.forget(key.0, &key.1);
        }
        if !self.budget.take(price) {
            return;
        }
        self.clock += 1;
        self.bytes += price;
        let (key, used) = ((kind, stored.id.clone()), self.clock);
        self.records.insert(key, Remembered { stored, used });
    }

    /// Forgets one record.
    pub(super) fn forget(&mut self, kind: FhirType, id: &ResourceId) {
        if let Some(gone) = self.records.remove(&(kind, id.clone())) {
            let price = price(&gone.stored);
            self.bytes -= price;
            self.budget.give_back(price);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.budget.give_back(std::mem::take(&mut self.bytes));
    }
}

fn price(stored: &Stored) -> usize {
    stored.body.len() + RECORD_OVERHEAD_BYTES
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

    fn cache(budget: usize) -> (Cache, Arc<Budget>) {
        let budget = Arc::new(Budget::new(budget));
        (Cache::new(Arc::clone(&budget)), budget)
    }

    /// A record of this price.
    fn priced(id: &str, price: usize) -> Stored {
        stored(id, price - RECORD_OVERHEAD_BYTES)
    }

    #[test]
    fn the_least_recently_used_record_goes_first() {
        let (mut cache, _) = cache(2 * MAX_BYTES);
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
        let (mut cache, budget) = cache(2 * MAX_BYTES);
        cache.remember(FhirType::Patient, priced("large", MAX_BYTES + 1));
        assert_eq!((cache.records.len(), cache.bytes), (0, 0));
        for number in 0..4 {
            let half = priced(&format!("p-{number}"), MAX_BYTES / 2);
            cache.remember(FhirType::Patient, half);
        }
        assert_eq!((cache.records.len(), cache.bytes), (2, MAX_BYTES));
        cache.remember(FhirType::Patient, priced("p-3", 500));
        assert_eq!(cache.bytes, MAX_BYTES / 2 + 500);
        assert_eq!(
            budget.left.load(Ordering::Acquire),
            2 * MAX_BYTES - cache.bytes
        );
    }

    #[test]
    fn what_all_sessions_remember_is_bounded_and_is_given_back_when_one_ends() {
        let (mut first, budget) = cache(1_000);
        let mut second = Cache::new(Arc::clone(&budget));
        first.remember(FhirType::Patient, priced("p-1", 600));
        second.remember(FhirType::Patient, priced("p-2", 600));
        assert_eq!((first.records.len(), second.records.len()), (1, 0));
        drop(first);
        second.remember(FhirType::Patient, priced("p-2", 600));
        assert_eq!(second.records.len(), 1);
        second.clear();
        assert_eq!(budget.left.load(Ordering::Acquire), 1_000);
    }
}
