//! The rows that the twins keep, and the rules that PostgreSQL's tables hold them to.
//!
//! Row-level security is two rules: a look-up sees the rows of its scope's tenant, and a row of any
//! other is refused.

use super::log::KeptLog;
use plantao_actors::audit::Completion;
use plantao_actors::database::{DatabaseError, Scope};
use plantao_actors::vault::{WrappedDataKey, WrappedTenantKey};
use plantao_schema::access::{ConsentStatus, Purpose, Role};
use plantao_schema::audit::Chained;
use plantao_schema::fhir::FhirType;
use plantao_schema::id::{BedId, PatientId, PrincipalId, SessionId, Tenant, WardId};
use plantao_schema::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The rows.
#[derive(Default)]
pub(crate) struct Tables {
    /// The trail, by chain and number.
    pub(crate) entries: BTreeMap<(String, i64), Chained>,
    /// Where each entry is in it.
    pub(crate) places: BTreeMap<Uuid, (String, i64)>,
    /// Which opened entries wait for their completion, by chain.
    pub(crate) pending: BTreeSet<(String, Uuid)>,
    /// Which opened entries have one.
    pub(crate) completed: BTreeSet<Uuid>,
    /// What changes recorded of themselves.
    pub(crate) completions: BTreeMap<Uuid, Completion>,
    /// The transparency log of each chain.
    pub(crate) logs: BTreeMap<String, KeptLog>,
    /// The newest version of each record.
    pub(crate) records: BTreeMap<(Tenant, FhirType, String), Record>,
    /// The last thing that each patient said about each purpose.
    pub(crate) consents: BTreeMap<(Tenant, PatientId, Purpose), (ConsentStatus, Timestamp)>,
    /// Who lies where.
    pub(crate) beds: BTreeMap<(Tenant, WardId, BedId), Option<PatientId>>,
    /// Wrapped keys by tenant, subject and version.
    pub(crate) keys: BTreeMap<(String, String, i32), WrappedDataKey>,
    /// Tenants' wrapped keys by tenant and version.
    pub(crate) tenant_keys: BTreeMap<(String, i32), WrappedTenantKey>,
    /// The name of the master key that wrapped the first of them.
    pub(crate) master: Option<Vec<u8>>,
    /// Who may log in by password and code.
    pub(crate) accounts: BTreeMap<(Tenant, PrincipalId), AccountRow>,
    /// Sessions ended before their time.
    pub(crate) ended: BTreeMap<(Tenant, SessionId), Timestamp>,
    /// The bytes of the node's own spool, and those that it set aside.
    pub(crate) spool: Vec<u8>,
    pub(crate) set_aside: Vec<Vec<u8>>,
    /// By node, the session that holds the right to write its chains.
    pub(crate) holders: BTreeMap<String, i32>,
    /// How many sessions there were.
    pub(crate) sessions: i32,
}

/// One stored record, open.
pub(crate) struct Record {
    pub(crate) version: u64,
    pub(crate) updated_at: Timestamp,
    pub(crate) patient: Option<PatientId>,
    pub(crate) body: Vec<u8>,
    pub(crate) identifiers: BTreeSet<(String, String)>,
    /// As [`slow::signs`] had it when the record was stored.
    ///
    /// [`slow::signs`]: plantao_actors::patient::slow::signs
    pub(crate) slow_signs: i16,
}

/// One account, with its tries.
pub(crate) struct AccountRow {
    pub(crate) role: Role,
    pub(crate) password_hash: String,
    pub(crate) sealed: Vec<u8>,
    pub(crate) key_version: i32,
    pub(crate) last_step: i64,
    pub(crate) failed: i32,
    pub(crate) locked_until: Option<Timestamp>,
}

impl Tables {
    /// The request that an entry is about.
    pub(crate) fn request_of(&self, entry: &Uuid) -> Option<String> {
        if let Some(place) = self.places.get(entry) {
            return Some(self.entries.get(place)?.entry.request_id.clone());
        }
        let spooled = plantao_actors::audit::spooled(&self.spool).into_iter();
        let mut one = spooled.filter(|one| one.id == *entry);
        one.next().map(|one| one.request_id)
    }

    /// The records of the scope's tenant, by type and id.
    pub(crate) fn of_tenant(
        &self,
        scope: &Scope,
    ) -> impl Iterator<Item = (FhirType, &str, &Record)> {
        let tenant = scope.tenant.clone();
        let records = self
            .records
            .iter()
            .filter(move |((one, ..), _)| *one == tenant);
        records.map(|((_, kind, id), record)| (*kind, id.as_str(), record))
    }

    /// Whether the scope's tenant has that patient.
    pub(crate) fn has_patient(&self, scope: &Scope, patient: &PatientId) -> bool {
        let place = (scope.tenant.clone(), FhirType::Patient, patient.to_string());
        self.records.contains_key(&place)
    }
}

/// A row of another tenant than the scope's, which row-level security refuses.
pub(super) const FOREIGN_ROW: &str = "42501";

/// A value that a column's own rule refuses.
pub(super) const CHECKED: &str = "23514";

/// The server's refusal, by its code.
pub(crate) fn rejected(sqlstate: &str) -> DatabaseError {
    let sqlstate = sqlstate.to_owned();
    DatabaseError::Rejected { sqlstate }
}

/// A key that is taken.
pub(crate) fn conflict(constraint: &str) -> DatabaseError {
    let constraint = constraint.to_owned();
    DatabaseError::Conflict { constraint }
}

/// A time as a table keeps it: none before 1970.
pub(crate) fn kept_time(at: Timestamp) -> Timestamp {
    at.max(Timestamp::from_micros(0))
}

/// Writes what a change says of itself; once, as the table's key has it.
pub(crate) fn complete(
    tables: &mut Tables,
    scope: &Scope,
    completions: Vec<Completion>,
) -> Result<(), DatabaseError> {
    for completion in completions {
        if completion.tenant != scope.tenant {
            return Err(rejected(FOREIGN_ROW));
        }
        if tables.completions.contains_key(&completion.entry) {
            return Err(conflict("audit_completion_pkey"));
        }
        tables.completions.insert(completion.entry, completion);
    }
    Ok(())
}
