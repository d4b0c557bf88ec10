//! Which versions of a patient's records a live session has taken in lately.
//!
//! The notice of a change can be lost, as any message can, and a commit whose answer was lost is
//! seen by nobody: so a live session compares what was stored lately with this, and reads anew
//! when it has missed something.

use super::store::Edition;
use plantao_schema::fhir::FhirType;
use plantao_schema::id::ResourceId;
use plantao_schema::time::Timestamp;
use std::collections::BTreeMap;

/// Most records remembered: one full bundle, and as much again.
const MAX_SEEN: usize = 10_000;

/// The newest version of each record taken in lately.
#[derive(Default)]
pub(super) struct Seen {
    versions: BTreeMap<(FhirType, ResourceId), (u64, Timestamp)>,
}

impl Seen {
    /// Remembers a version, stored at `at`. Beyond [`MAX_SEEN`] everything is forgotten, which
    /// costs reading anew and hides nothing.
    pub(super) fn note(&mut self, kind: FhirType, id: &ResourceId, version: u64, at: Timestamp) {
        if self.versions.len() >= MAX_SEEN {
            self.versions.clear();
        }
        self.versions.insert((kind, id.clone()), (version, at));
    }

    /// Whether all of these were taken in.
    pub(super) fn covers(&self, editions: &[Edition]) -> bool {
        editions.iter().all(|edition| {
            let known = self.versions.get(&(edition.kind, edition.id.clone()));
            known.is_some_and(|(version, _)| *version >= edition.version)
        })
    }

    /// Forgets what was stored before `at`.
    pub(super) fn forget_before(&mut self, at: Timestamp) {
        self.versions.retain(|_, (_, stored)| *stored >= at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edition(id: &str, version: u64) -> Edition {
        let (kind, id) = (FhirType::Observation, ResourceId::parse(id).unwrap());
        Edition { kind, id, version }
    }

    fn note(seen: &mut Seen, id: &str, version: u64, at: i64) {
        let id = ResourceId::parse(id).unwrap();
        seen.note(
            FhirType::Observation,
            &id,
            version,
            Timestamp::from_micros(at),
        );
    }

    #[test]
    fn a_newer_version_and_an_unknown_record_were_not_seen() {
        let mut seen = Seen::default();
        note(&mut seen, "a", 2, 0);
        assert!(seen.covers(&[]));
        assert!(seen.covers(&[edition("a", 1), edition("a", 2)]));
        assert!(!seen.covers(&[edition("a", 3)]));
        assert!(!seen.covers(&[edition("a", 2), edition("b", 1)]));
    }

    #[test]
    fn what_is_forgotten_counts_as_not_seen() {
        let mut seen = Seen::default();
        note(&mut seen, "a", 1, 10);
        note(&mut seen, "b", 1, 20);
        seen.forget_before(Timestamp::from_micros(20));
        assert!(!seen.covers(&[edition("a", 1)]));
        assert!(seen.covers(&[edition("b", 1)]));
    }

    #[test]
    fn memory_is_bounded() {
        let mut seen = Seen::default();
        for number in 0..=MAX_SEEN {
            note(&mut seen, &format!("o-{number}"), 1, 0);
        }
        assert_eq!(seen.versions.len(), 1);
    }
}
