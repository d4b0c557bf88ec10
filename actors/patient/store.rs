//! The seam between the record actors and what keeps the records.
//!
//! One trait, so that the simulator can stand in a twin for PostgreSQL; behaviour is tested on
//! PostgreSQL. A store checks no permit: it is handed a [`Scope`] by those who did.

use super::RecordError;
use super::loan::Borrowed;
use crate::audit::OpenEntry;
use crate::database::Scope;
use futures_util::future::BoxFuture;
use plantao_schema::fhir::{self, EntryOutcome, FhirType};
use plantao_schema::id::{PatientId, ResourceId};
use plantao_schema::time::Timestamp;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// One stored record, opened.
pub struct Stored {
    /// Its id.
    pub id: ResourceId,
    /// Its version, from 1.
    pub version: u64,
    /// When that version was stored.
    pub updated_at: Timestamp,
    /// Whose file it is in.
    pub patient: Option<PatientId>,
    /// The body as JSON, wiped from memory when dropped.
    pub body: Zeroizing<Vec<u8>>,
}

/// What a look at one record found.
pub enum Loaded {
    /// The version the caller knows is the newest.
    Unchanged,
    /// The newest version.
    Newest(Stored),
}

/// The newest records of a patient, opened.
#[derive(Default)]
pub struct Recent {
    /// By type and time of storing, newest first.
    pub records: Vec<(FhirType, Stored)>,
    /// How many more there were that did not open: one damaged record must not hide the others,
    /// and whoever shows the others must be able to say that something is missing.
    pub unreadable: usize,
    /// Of some type there were as many as were asked for at most: older ones may be missing.
    pub cut: bool,
}

/// The name of one version of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edition {
    /// The record's type.
    pub kind: FhirType,
    /// Its id.
    pub id: ResourceId,
    /// The version, from 1.
    pub version: u64,
}

/// A record as it is given out.
#[derive(Clone, PartialEq)]
pub struct Found {
    /// Its type.
    pub kind: FhirType,
    /// Its id.
    pub id: ResourceId,
    /// Its version, from 1.
    pub version: u64,
    /// When that version was stored.
    pub updated_at: Timestamp,
    /// Whose file it is in.
    pub patient: Option<PatientId>,
    /// The body, with the version in its `meta`. PHI.
    pub body: Value,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Found({}/{} version {})",
            self.kind, self.id, self.version
        )
    }
}

impl Stored {
    /// The record as it is given out.
    pub(super) fn found(&self, kind: FhirType) -> Result<Found, RecordError> {
        let body: Map<String, Value> =
            serde_json::from_slice(&self.body).map_err(|_| RecordError::Corrupt)?;
        Ok(Found {
            kind,
            id: self.id.clone(),
            version: self.version,
            updated_at: self.updated_at,
            patient: self.patient.clone(),
            body: fhir::with_version(body, self.version, self.updated_at),
        })
    }
}

/// The answer of a store, which ends within the store's own deadlines.
pub type Asked<'a, T> = BoxFuture<'a, Result<T, RecordError>>;

/// What keeps the records. Every call ends within the store's own deadlines.
pub trait RecordStore: Send + Sync + 'static {
    /// The newest version of a record, unless it is the one `known`.
    fn load<'a>(
        &'a self,
        scope: &'a Scope,
        kind: FhirType,
        id: &'a ResourceId,
        known: Option<u64>,
    ) -> Asked<'a, Option<Loaded>>;

    /// Whose file a record is in; the outer `None` when there is no such record.
    fn owner<'a>(
        &'a self,
        scope: &'a Scope,
        kind: FhirType,
        id: &'a ResourceId,
    ) -> Asked<'a, Option<Option<PatientId>>>;

    /// The records of a type that carry an identifier.
    fn find<'a>(
        &'a self,
        scope: &'a Scope,
        kind: FhirType,
        system: &'a str,
        value: &'a str,
    ) -> Asked<'a, Vec<Stored>>;

    /// The newest records of a patient, of each of `kinds` at most `limit`, newest first by the
    /// time of storing; beyond the limit, those Observations whose slow signs may still count.
    /// Opened off the reactor: there may be thousands.
    fn recent<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        kinds: &'a [FhirType],
        limit: usize,
    ) -> Asked<'a, Recent>;

    /// Which records of a patient, of `kinds`, were stored after `since`: names and versions only.
    fn stored_since<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        kinds: &'a [FhirType],
        since: Timestamp,
    ) -> Asked<'a, Vec<Edition>>;

    /// Stores everything or nothing, and completes the audit entry with it. Says
    /// [`Borrowed::committing`] before anything may be durable.
    fn store<'a>(
        &'a self,
        scope: &'a Scope,
        bundle: &'a fhir::Transaction,
        at: Timestamp,
        open: &'a Borrowed<OpenEntry>,
    ) -> Asked<'a, Vec<EntryOutcome>>;
}
