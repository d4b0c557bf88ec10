//! The record store on PostgreSQL: reading, and the way from a sealed row to an opened record.
//!
//! Bodies are sealed whole under the key of their patient, or of the directory; what is clear is
//! type, pseudonymous ids, version, time and which slow signs it holds ([`super::slow`]). The place
//! a body is sealed to names its version, so that an older body put back in the place of a newer
//! one does not open.

use super::keyring::{Keyring, refused};
use super::loan::Borrowed;
use super::store::{Asked, Edition, Loaded, Recent, Stored};
use super::{RecordError, RecordStore};
use crate::audit::OpenEntry;
use crate::database::{Database, KeyPart, PointQuery, Row, Scope, from_database};
use crate::vault::{DataKey, KeySubject, RecordBody, Vault};
use plantao_schema::fhir::{self, EntryOutcome, FhirType};
use plantao_schema::id::{PatientId, ResourceId};
use plantao_schema::time::Timestamp;
use std::sync::Arc;

// A scalar subquery and no EXISTS, which could be planned as reading every tombstone at once.
pub(super) const LOAD: PointQuery = PointQuery {
    sql: "SELECT r.id, r.version, r.patient, r.key_subject, r.key_version, r.updated_at, \
        CASE WHEN r.version = k.known THEN NULL ELSE r.sealed END, \
        coalesce((SELECT true FROM plantao_keys.tombstone t \
            WHERE t.tenant = $1 AND t.subject = r.key_subject), false), k.n \
        FROM unnest($2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY AS k(kind, id, known, n) \
        CROSS JOIN LATERAL (SELECT * FROM fhir_resource f \
            WHERE f.tenant = $1 AND f.kind = k.kind AND f.id = k.id LIMIT 1) r",
    key: &[KeyPart::Text, KeyPart::Text, KeyPart::Long],
};

pub(super) const OWNER: PointQuery = PointQuery {
    sql: "SELECT r.patient, k.n \
        FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS k(kind, id, n) \
        CROSS JOIN LATERAL (SELECT * FROM fhir_resource f \
            WHERE f.tenant = $1 AND f.kind = k.kind AND f.id = k.id LIMIT 1) r",
    key: &[KeyPart::Text, KeyPart::Text],
};

// At most fifty records of one identifier. The range of one value and the order by it say which
// index: with `=` the one that begins like it would do as well, while the table is believed empty.
pub(super) const FIND: PointQuery = PointQuery {
    sql: "SELECT r.id, r.version, r.patient, r.key_subject, r.key_version, r.updated_at, r.sealed, \
        k.n FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS k(kind, blind, n) \
        CROSS JOIN LATERAL (SELECT o.* FROM fhir_identifier i \
            CROSS JOIN LATERAL (SELECT * FROM fhir_resource f \
                WHERE f.tenant = $1 AND f.kind = i.kind AND f.id = i.id LIMIT 1) o \
            WHERE i.tenant = $1 AND i.kind = k.kind AND i.blind BETWEEN k.blind AND k.blind \
            ORDER BY i.blind, i.id LIMIT 50) r \
        ORDER BY k.n, r.id",
    key: &[KeyPart::Text, KeyPart::Bytes],
};

/// Records in PostgreSQL.
pub struct PostgresRecords {
    pub(super) database: Database,
    pub(super) keys: Arc<Keyring>,
}

impl PostgresRecords {
    /// A store over these handles.
    #[must_use]
    pub fn new(database: Database, vault: Vault) -> Self {
        Self {
            keys: Keyring::new(database.clone(), vault),
            database,
        }
    }

    /// A row's record, opened.
    pub(super) async fn open(
        &self,
        scope: &Scope,
        kind: FhirType,
        row: &Row,
    ) -> Result<Stored, RecordError> {
        let subject = subject(patient(row, 2)?.as_ref());
        let key_version = row.try_get::<_, i32>(4).map_err(unreadable)?;
        let key = self.keys.to_open(scope, &subject, key_version).await?;
        opened(scope, kind, row, &key)
    }
}

/// A row's record, opened with its key: pure computation.
pub(super) fn opened(
    scope: &Scope,
    kind: FhirType,
    row: &Row,
    key: &DataKey,
) -> Result<Stored, RecordError> {
    let patient = patient(row, 2)?;
    let label: &str = row.try_get(3).map_err(unreadable)?;
    if label != subject(patient.as_ref()).label() || label != key.subject().label() {
        return Err(refused(crate::vault::VaultError::Sealed));
    }
    let id = ResourceId::parse(row.try_get(0).map_err(unreadable)?)
        .map_err(|_| RecordError::Internal)?;
    let version = version(row, 1)?;
    let place = place_of(kind, &id, version);
    let sealed: &[u8] = row.try_get(6).map_err(unreadable)?;
    let body = key.open::<RecordBody>(&scope.tenant, &place, sealed);
    let body = body.map_err(refused)?;
    let updated_at = from_database(row.try_get(5).map_err(unreadable)?);
    Ok(Stored {
        id,
        version,
        updated_at,
        patient,
        body,
    })
}

impl RecordStore for PostgresRecords {
    fn load<'a>(
        &'a self,
        scope: &'a Scope,
        kind: FhirType,
        id: &'a ResourceId,
        known: Option<u64>,
    ) -> Asked<'a, Option<Loaded>> {
        Box::pin(async move {
            let known = known.and_then(|known| i64::try_from(known).ok());
            let key = vec![kind.as_str().into(), id.as_str().into(), known.into()];
            let rows = self.database.point_read(scope, &LOAD, key).await?;
            let Some(row) = rows.first() else {
                return Ok(None);
            };
            // What a session remembers of it is not given out either.
            if row.try_get(7).map_err(unreadable)? {
                return Err(RecordError::Erased);
            }
            let newest: i64 = row.try_get(1).map_err(unreadable)?;
            if Some(newest) == known {
                return Ok(Some(Loaded::Unchanged));
            }
            self.open(scope, kind, row)
                .await
                .map(Loaded::Newest)
                .map(Some)
        })
    }

    fn owner<'a>(
        &'a self,
        scope: &'a Scope,
        kind: FhirType,
        id: &'a ResourceId,
    ) -> Asked<'a, Option<Option<PatientId>>> {
        Box::pin(async move {
            let key = vec![kind.as_str().into(), id.as_str().into()];
            let rows = self.database.point_read(scope, &OWNER, key).await?;
            rows.first().map(|row| patient(row, 0)).transpose()
        })
    }

    fn find<'a>(
        &'a self,
        scope: &'a Scope,
        kind: FhirType,
        system: &'a str,
        value: &'a str,
    ) -> Asked<'a, Vec<Stored>> {
        Box::pin(async move {
            let index = self.keys.index(scope).await?;
            let blind = index.index(system, &fhir::canonical_value(system, value));
            let key = vec![kind.as_str().into(), blind[..].into()];
            let rows = self.database.point_read(scope, &FIND, key).await?;
            let mut found = Vec::with_capacity(rows.len());
            for row in &rows {
                match self.open(scope, kind, row).await {
                    Ok(stored) => found.push(stored),
                    // Its identifiers came back with a restored copy.
                    Err(RecordError::Erased) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(found)
        })
    }

    fn recent<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        kinds: &'a [FhirType],
        limit: usize,
    ) -> Asked<'a, Recent> {
        Box::pin(async move { super::recent::recent(self, scope, patient, kinds, limit).await })
    }

    fn stored_since<'a>(
        &'a self,
        scope: &'a Scope,
        patient: &'a PatientId,
        kinds: &'a [FhirType],
        since: Timestamp,
    ) -> Asked<'a, Vec<Edition>> {
        Box::pin(
            async move { super::recent::stored_since(self, scope, patient, kinds, since).await },
        )
    }

    fn store<'a>(
        &'a self,
        scope: &'a Scope,
        bundle: &'a fhir::Transaction,
        at: Timestamp,
        open: &'a Borrowed<OpenEntry>,
    ) -> Asked<'a, Vec<EntryOutcome>> {
        Box::pin(async move { super::transaction::store(self, scope, bundle, at, open).await })
    }
}

/// Whose key seals a record.
pub(super) fn subject(patient: Option<&PatientId>) -> KeySubject {
    patient
        .cloned()
        .map_or(KeySubject::Directory, KeySubject::Patient)
}

/// The row a body is sealed to; a history row keeps the place it was sealed to.
pub(super) fn place_of(kind: FhirType, id: &ResourceId, version: u64) -> String {
    format!("{kind}/{id}/{version}")
}

/// A version column.
pub(super) fn version(row: &Row, column: usize) -> Result<u64, RecordError> {
    let version: i64 = row.try_get(column).map_err(unreadable)?;
    u64::try_from(version).map_err(|_| RecordError::Internal)
}

/// A patient column.
pub(super) fn patient(row: &Row, column: usize) -> Result<Option<PatientId>, RecordError> {
    let id: Option<&str> = row.try_get(column).map_err(unreadable)?;
    id.map(PatientId::parse)
        .transpose()
        .map_err(|_| RecordError::Internal)
}

/// A column that is not what the schema says.
pub(super) fn unreadable(_: tokio_postgres::Error) -> RecordError {
    RecordError::Internal
}
