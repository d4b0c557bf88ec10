//! The content that entries of the trail committed to: kept openable with each change, and checked
//! against what is stored.
//!
//! [`Contents::check`] gives out no content: it says whether what is kept is what was committed to.
//! Salts are sealed under the patient's data key: once that is destroyed, the commitment says
//! nothing to anybody, and the check answers that it cannot be opened any more.

use super::RecordError;
use super::keyring::refused;
use super::postgres::{self, PostgresRecords, unreadable};
use crate::audit::{Opening, opening_place};
use crate::database::{Database, KeyPart, PointQuery, Scope, ToSql, Transaction};
use crate::vault::{CommitmentOpening, DataKey, KeySubject, Vault, VaultError};
use plantao_schema::audit::{Commitment, Entry, SALT_BYTES};
use plantao_schema::fhir::{self, FhirType};
use plantao_schema::id::{PatientId, ResourceId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

const KEEP: &str = "INSERT INTO audit_opening (tenant, entry_id, sealed, key_subject, key_version) \
     VALUES ($1, $2, $3, $4, $5)";

// A range of one and the order by it, which say the index as in `postgres::FIND`.
pub(super) const FIND: PointQuery = PointQuery {
    sql: "SELECT o.sealed, o.key_subject, o.key_version, k.n \
        FROM unnest($2::uuid[]) WITH ORDINALITY AS k(entry, n) \
        CROSS JOIN LATERAL (SELECT * FROM audit_opening a \
            WHERE a.tenant = $1 AND a.entry_id BETWEEN k.entry AND k.entry \
            ORDER BY a.entry_id LIMIT 1) o",
    key: &[KeyPart::Uuid],
};

pub(super) const EDITION: PointQuery = PointQuery {
    sql: "SELECT e.id, e.version, e.patient, e.key_subject, e.key_version, e.updated_at, e.sealed, \
        k.n FROM unnest($2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY \
            AS k(kind, id, version, n) \
        CROSS JOIN LATERAL (\
            SELECT id, version, patient, key_subject, key_version, updated_at, sealed \
            FROM fhir_resource r \
            WHERE r.tenant = $1 AND r.kind = k.kind AND r.id = k.id AND r.version = k.version \
            UNION ALL \
            SELECT id, version, patient, key_subject, key_version, updated_at, sealed \
            FROM fhir_resource_history h \
            WHERE h.tenant = $1 AND h.kind = k.kind AND h.id = k.id AND h.version = k.version \
            LIMIT 1) e",
    key: &[KeyPart::Text, KeyPart::Text, KeyPart::Long],
};

/// What an opening is when it is sealed.
#[derive(Serialize, Deserialize, Zeroize)]
struct Openable {
    salt: Vec<u8>,
    /// Type, id and version of each record.
    records: Vec<(String, String, u64)>,
}

/// What became of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The content that is kept is that which the entry committed to, to the byte.
    Holds {
        /// The records, as `Type/id/version`.
        records: Vec<String>,
    },
    /// It is not: a record was changed or is gone, or the opening is another entry's.
    Differs {
        /// The records, as `Type/id/version`.
        records: Vec<String>,
    },
    /// The entry holds no commitment: it is about no content that is kept here.
    Nothing,
    /// The change was not made, so that nothing of it was kept.
    NotKept,
    /// It does not open: the patient's key was destroyed, and the commitment says nothing any more;
    /// or what is kept was changed, and the log holds an incident.
    Sealed,
}

/// Checks contents against what the trail says of them. Clones of the handles it is made of.
pub struct Contents(PostgresRecords);

impl Contents {
    /// Over these handles.
    #[must_use]
    pub fn new(database: Database, vault: Vault) -> Self {
        Self(PostgresRecords::new(database, vault))
    }

    /// Whether what is kept is what an entry committed to.
    ///
    /// # Errors
    /// [`RecordError`] when the database or the vault did not answer, or the opening does not open.
    pub async fn check(&self, scope: &Scope, entry: &Entry) -> Result<Checked, RecordError> {
        let Some(committed) = &entry.commitment else {
            return Ok(Checked::Nothing);
        };
        // A completion speaks of what its opening entry committed to.
        let id = entry.opens.unwrap_or(entry.id);
        let sealed = match self.opening(scope, id).await {
            Err(RecordError::Corrupt | RecordError::Erased) => return Ok(Checked::Sealed),
            opening => opening?,
        };
        let Some(Openable { salt, records }) = sealed.as_deref() else {
            return Ok(Checked::NotKept);
        };
        let salt: &[u8; SALT_BYTES] = salt
            .as_slice()
            .try_into()
            .map_err(|_| RecordError::Corrupt)?;
        let named = |(kind, id, version): &(String, String, u64)| format!("{kind}/{id}/{version}");
        let names: Vec<String> = records.iter().map(named).collect();
        let mut commitment = Commitment::new(salt);
        for (kind, id, version) in records {
            let kind = fhir::parse_type(kind).map_err(|_| RecordError::Corrupt)?;
            let id = ResourceId::parse(id).map_err(|_| RecordError::Corrupt)?;
            match self.body(scope, kind, &id, *version).await {
                Ok(Some(body)) => commitment.add(&opening_place(kind, &id), &body),
                Err(RecordError::Erased) => return Ok(Checked::Sealed),
                Ok(None) | Err(RecordError::Corrupt) => {
                    return Ok(Checked::Differs { records: names });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(if commitment.finish() == *committed {
            Checked::Holds { records: names }
        } else {
            Checked::Differs { records: names }
        })
    }

    async fn opening(
        &self,
        scope: &Scope,
        entry: Uuid,
    ) -> Result<Option<Zeroizing<Openable>>, RecordError> {
        let key = vec![entry.into()];
        let rows = self.0.database.point_read(scope, &FIND, key).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let label: &str = row.try_get(1).map_err(unreadable)?;
        let subject = subject(label)?;
        let version: i32 = row.try_get(2).map_err(unreadable)?;
        let key = self.0.keys.to_open(scope, &subject, version).await?;
        let place = entry.to_string();
        let sealed: &[u8] = row.try_get(0).map_err(unreadable)?;
        let opened = key.open::<CommitmentOpening>(&scope.tenant, &place, sealed);
        let opened = opened.map_err(refused)?;
        let opening: Openable =
            serde_json::from_slice(&opened).map_err(|_| RecordError::Corrupt)?;
        Ok(Some(Zeroizing::new(opening)))
    }

    async fn body(
        &self,
        scope: &Scope,
        kind: FhirType,
        id: &ResourceId,
        version: u64,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, RecordError> {
        let version = i64::try_from(version).map_err(|_| RecordError::Corrupt)?;
        let key = vec![kind.as_str().into(), id.as_str().into(), version.into()];
        let rows = self.0.database.point_read(scope, &EDITION, key).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(self.0.open(scope, kind, row).await?.body))
    }
}

/// Keeps the openings of a change, in the transaction that makes it.
pub(super) async fn keep(
    transaction: &Transaction,
    scope: &Scope,
    keys: &BTreeMap<KeySubject, DataKey>,
    versions: &BTreeMap<(FhirType, String), u64>,
    openings: &[Opening],
) -> Result<(), RecordError> {
    for opening in openings {
        let subject = postgres::subject(opening.patient.as_ref());
        let key = keys.get(&subject).ok_or(RecordError::Internal)?;
        let records = opening.records.iter().map(|(kind, id)| {
            let version = versions.get(&(*kind, id.to_string())).copied();
            (
                kind.as_str().to_owned(),
                id.to_string(),
                version.unwrap_or_default(),
            )
        });
        let plain = Zeroizing::new(Openable {
            salt: opening.salt.to_vec(),
            records: records.collect(),
        });
        let plain = serde_json::to_vec(&*plain).map_err(|_| RecordError::Internal)?;
        let (plain, place) = (Zeroizing::new(plain), opening.entry.to_string());
        let sealed = key.seal::<CommitmentOpening>(&scope.tenant, &place, &plain);
        let sealed = sealed.map_err(refused)?;
        let (tenant, label) = (scope.tenant.as_str(), subject.label());
        let params: [&(dyn ToSql + Sync); 5] =
            [&tenant, &opening.entry, &sealed, &label, &key.version()];
        transaction.execute(KEEP, &params).await?;
    }
    Ok(())
}

/// The subject of that label.
fn subject(label: &str) -> Result<KeySubject, RecordError> {
    match label.strip_prefix("patient:") {
        Some(id) => PatientId::parse(id).map(KeySubject::Patient),
        None if label == KeySubject::Directory.label() => return Ok(KeySubject::Directory),
        None => return Err(refused(VaultError::Sealed)),
    }
    .map_err(|_| RecordError::Corrupt)
}
