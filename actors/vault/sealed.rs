//! The sealed columns: which there are, and the one type that a statement can write to them.
//!
//! A column that holds anything about a person is in [`SEALED_COLUMNS`], or in the explicit list of
//! clear ones in this folder's tests, or the tests fail: it cannot be added by accident. Only
//! [`super::DataKey::seal`] makes a [`Sealed`], for the column that it names; a plain value has no
//! way into one.
//!
//! What is said of a column here is also how a rotation finds its rows and puts them back, so that
//! a new column is sealed anew with the others. Order of the parameters everywhere: tenant,
//! subject, key version, patient (none for the directory).

use bytes::BytesMut;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// A column that holds sealed values.
pub trait SealedColumn: Send + Sync + 'static {
    /// Its table.
    const TABLE: &'static str;
    /// Its name.
    const COLUMN: &'static str;
    /// The table that its values are bound to: another, where rows are moved as they are.
    const BOUND_TO: &'static str = Self::TABLE;
    /// The column beside it that says under which version of the key it is sealed.
    const KEY_VERSION: &'static str;
    /// The row that a value is bound to, as SQL over the alias `s`.
    const ROW: &'static str;
    /// Rows of one subject ($2, its patient $4) sealed under a version older than $3, as the rest
    /// of a statement that comes after FROM; the table has the alias `s`.
    const OLDER: &'static str;
    /// Puts values back: tenant $1, rows $2, sealed $3, key version $4.
    const PUT: &'static str;
}

/// A sealed column by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnName {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub column: &'static str,
}

/// Every sealed column there is.
pub const SEALED_COLUMNS: [ColumnName; 4] = [
    name::<RecordBody>(),
    name::<RecordHistory>(),
    name::<SecondFactor>(),
    name::<CommitmentOpening>(),
];

pub(super) const fn name<C: SealedColumn>() -> ColumnName {
    ColumnName {
        table: C::TABLE,
        column: C::COLUMN,
    }
}

/// A record's body: the newest version of a FHIR resource.
pub struct RecordBody;

impl SealedColumn for RecordBody {
    const TABLE: &'static str = "fhir_resource";
    const COLUMN: &'static str = "sealed";
    const KEY_VERSION: &'static str = "key_version";
    const ROW: &'static str = "s.kind || '/' || s.id || '/' || s.version";
    const OLDER: &'static str = "fhir_resource s WHERE s.tenant = $1 AND s.key_subject = $2 \
         AND s.key_version < $3 \
         AND (s.patient = $4 OR ($4::text IS NULL AND s.patient IS NULL))";
    const PUT: &'static str = "UPDATE fhir_resource s SET sealed = w.sealed, key_version = $4 \
         FROM unnest($2::text[], $3::bytea[]) AS w(place, sealed) WHERE s.tenant = $1 \
         AND s.kind = split_part(w.place, '/', 1) AND s.id = split_part(w.place, '/', 2) \
         AND s.version = split_part(w.place, '/', 3)::bigint";
}

/// What a record's body was before a change. A trigger moves it there as it is, bound to the place
/// it was sealed to.
pub struct RecordHistory;

impl SealedColumn for RecordHistory {
    const TABLE: &'static str = "fhir_resource_history";
    const COLUMN: &'static str = "sealed";
    const BOUND_TO: &'static str = RecordBody::TABLE;
    const KEY_VERSION: &'static str = "key_version";
    const ROW: &'static str = RecordBody::ROW;
    const OLDER: &'static str = "fhir_resource r JOIN fhir_resource_history s \
         ON s.tenant = r.tenant AND s.kind = r.kind AND s.id = r.id \
         WHERE r.tenant = $1 AND s.key_subject = $2 AND s.key_version < $3 \
         AND (r.patient = $4 OR ($4::text IS NULL AND r.patient IS NULL))";
    const PUT: &'static str = "UPDATE fhir_resource_history s \
         SET sealed = w.sealed, key_version = $4 \
         FROM unnest($2::text[], $3::bytea[]) AS w(place, sealed) WHERE s.tenant = $1 \
         AND s.kind = split_part(w.place, '/', 1) AND s.id = split_part(w.place, '/', 2) \
         AND s.version = split_part(w.place, '/', 3)::bigint";
}

/// The secret of an account's one-time codes.
pub struct SecondFactor;

impl SealedColumn for SecondFactor {
    const TABLE: &'static str = "account";
    const COLUMN: &'static str = "totp_sealed";
    const KEY_VERSION: &'static str = "totp_key_version";
    const ROW: &'static str = "s.principal";
    const OLDER: &'static str = "account s WHERE s.tenant = $1 AND $2::text = 'directory' \
         AND s.totp_key_version < $3 AND $4::text IS NULL";
    const PUT: &'static str = "UPDATE account s \
         SET totp_sealed = w.sealed, totp_key_version = $4 \
         FROM unnest($2::text[], $3::bytea[]) AS w(place, sealed) \
         WHERE s.tenant = $1 AND s.principal = w.place";
}

/// What opens the commitment of an entry of the audit trail.
pub struct CommitmentOpening;

impl SealedColumn for CommitmentOpening {
    const TABLE: &'static str = "audit_opening";
    const COLUMN: &'static str = "sealed";
    const KEY_VERSION: &'static str = "key_version";
    const ROW: &'static str = "s.entry_id::text";
    const OLDER: &'static str = "audit_opening s WHERE s.tenant = $1 AND s.key_subject = $2 \
         AND s.key_version < $3 \
         AND (s.key_subject = 'patient:' || $4 OR $4::text IS NULL)";
    const PUT: &'static str = "UPDATE audit_opening s SET sealed = w.sealed, key_version = $4 \
         FROM unnest($2::text[], $3::bytea[]) AS w(place, sealed) \
         WHERE s.tenant = $1 AND s.entry_id = w.place::uuid";
}

/// What leads from an identifier to a record of a patient ($2): an erasure takes it away, because
/// it is made with a key that is not the patient's.
pub(super) const FORGET_IDENTIFIERS: &str = "DELETE FROM fhir_identifier i USING fhir_resource r \
     WHERE r.tenant = $1 AND r.patient = $2 \
     AND i.tenant = r.tenant AND i.kind = r.kind AND i.id = r.id";

/// Whether there is anything of a patient ($2) at all.
pub(super) const KNOWN: &str = "SELECT EXISTS (SELECT FROM fhir_resource \
     WHERE tenant = $1 AND patient = $2)";

/// A sealed value on its way into its column, and into no other.
///
/// Plain bytes are no such value, whatever they are called:
/// ```compile_fail,E0277
/// use plantao_actors::vault::{RecordBody, Sealed};
/// let plain: Sealed<RecordBody> = b"Maria".to_vec().into();
/// ```
/// nor is what was sealed for another column:
/// ```compile_fail,E0308
/// use plantao_actors::vault::{RecordBody, Sealed, SecondFactor};
/// fn other(secret: Sealed<SecondFactor>) -> Sealed<RecordBody> {
///     secret
/// }
/// ```
pub struct Sealed<C> {
    bytes: Vec<u8>,
    column: PhantomData<C>,
}

impl<C: SealedColumn> Sealed<C> {
    pub(super) const fn made(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            column: PhantomData,
        }
    }

    /// The sealed bytes, which tell nothing but their length.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl<C> Clone for Sealed<C> {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            column: PhantomData,
        }
    }
}

impl<C: SealedColumn> fmt::Debug for Sealed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}.{})", C::TABLE, C::COLUMN)
    }
}

impl<C: SealedColumn> ToSql for Sealed<C> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.bytes.as_slice().to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::BYTEA
    }

    to_sql_checked!();
}
