//! What is looked up: a statement for many keys, and the keys.
//!
//! Refuses a key of another shape than its statement's before it travels with anybody else's. A key
//! may point at a patient: it is neither logged nor printed.

use super::super::DatabaseError;
use plantao_schema::id::Tenant;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// A look-up by key, for as many keys at once as are asked for.
///
/// Its text takes the tenant as `$1` and then one array for each part of the key, which it unfolds
/// `WITH ORDINALITY`; the ordinal of the key that a row belongs to is the last column of the row.
/// Rows of one key keep the order they come in.
///
/// ```sql
/// SELECT r.patient, k.n FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS k(kind, id, n)
/// CROSS JOIN LATERAL (SELECT * FROM fhir_resource f
///     WHERE f.tenant = $1 AND f.kind = k.kind AND f.id = k.id LIMIT 1) r
/// ```
///
/// The limit is no matter of taste: without it the planner may turn the join round, and while it
/// believes the table to be small, read all that the tenant has in it and compare.
#[derive(Debug)]
pub struct PointQuery {
    /// The statement.
    pub sql: &'static str,
    /// What a key consists of, in the order of the arrays.
    pub key: &'static [KeyPart],
}

/// The type of a part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// `text`.
    Text,
    /// `bigint`.
    Long,
    /// `integer`.
    Integer,
    /// `bytea`.
    Bytes,
    /// `uuid`.
    Uuid,
}

/// A part of a key; none is NULL.
#[derive(Clone)]
pub enum Value {
    /// `text`.
    Text(Option<Box<str>>),
    /// `bigint`.
    Long(Option<i64>),
    /// `integer`.
    Integer(Option<i32>),
    /// `bytea`.
    Bytes(Option<Box<[u8]>>),
    /// `uuid`.
    Uuid(Option<Uuid>),
}

impl Value {
    const fn part(&self) -> KeyPart {
        match self {
            Self::Text(_) => KeyPart::Text,
            Self::Long(_) => KeyPart::Long,
            Self::Integer(_) => KeyPart::Integer,
            Self::Bytes(_) => KeyPart::Bytes,
            Self::Uuid(_) => KeyPart::Uuid,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.into()))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Long(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Long(Some(number))
    }
}

impl From<Option<i32>> for Value {
    fn from(number: Option<i32>) -> Self {
        Self::Integer(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.into()))
    }
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Uuid(Some(id))
    }
}

impl PointQuery {
    /// Whether a key is one of this look-up.
    ///
    /// # Errors
    /// [`DatabaseError::Mismatch`] when it is not.
    pub(in super::super) fn check(&self, key: &[Value]) -> Result<(), DatabaseError> {
        let fits = key.iter().map(Value::part).eq(self.key.iter().copied());
        fits.then_some(()).ok_or(DatabaseError::Mismatch)
    }
}

/// One parameter of the statement.
pub(in super::super) enum Column<'k> {
    Tenant(&'k str),
    Text(Vec<Option<&'k str>>),
    Long(Vec<Option<i64>>),
    Integer(Vec<Option<i32>>),
    Bytes(Vec<Option<&'k [u8]>>),
    Uuid(Vec<Option<Uuid>>),
}

impl<'k> Column<'k> {
    fn of(part: KeyPart, count: usize) -> Self {
        match part {
            KeyPart::Text => Self::Text(Vec::with_capacity(count)),
            KeyPart::Long => Self::Long(Vec::with_capacity(count)),
            KeyPart::Integer => Self::Integer(Vec::with_capacity(count)),
            KeyPart::Bytes => Self::Bytes(Vec::with_capacity(count)),
            KeyPart::Uuid => Self::Uuid(Vec::with_capacity(count)),
        }
    }

    fn push(&mut self, value: &'k Value) {
        match (self, value) {
            (Self::Text(column), Value::Text(text)) => column.push(text.as_deref()),
            (Self::Long(column), Value::Long(number)) => column.push(*number),
            (Self::Integer(column), Value::Integer(number)) => column.push(*number),
            (Self::Bytes(column), Value::Bytes(bytes)) => column.push(bytes.as_deref()),
            (Self::Uuid(column), Value::Uuid(id)) => column.push(*id),
            // No key of another shape gets here; if one did, its arrays would differ in length,
            // and the statement would find nothing for it.
            _ => {}
        }
    }

    /// As the driver takes it.
    pub(in super::super) fn param(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Tenant(name) => name,
            Self::Text(column) => column,
            Self::Long(column) => column,
            Self::Integer(column) => column,
            Self::Bytes(column) => column,
            Self::Uuid(column) => column,
        }
    }
}

/// The parameters of a look-up of some keys.
pub(in super::super) fn columns_of<'k>(
    tenant: &'k Tenant,
    query: &PointQuery,
    keys: impl ExactSizeIterator<Item = &'k [Value]>,
) -> Vec<Column<'k>> {
    let count = keys.len();
    let mut columns = Vec::with_capacity(query.key.len().saturating_add(1));
    columns.push(Column::Tenant(tenant.as_str()));
    columns.extend(query.key.iter().map(|part| Column::of(*part, count)));
    for key in keys {
        for (column, value) in columns.iter_mut().skip(1).zip(key) {
            column.push(value);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: PointQuery = PointQuery {
        sql: "",
        key: &[KeyPart::Text, KeyPart::Long],
    };

    #[test]
    fn a_key_of_another_shape_is_refused() {
        let fits = |key: &[Value]| QUERY.check(key);
        assert_eq!(fits(&["a".into(), 1_i64.into()]), Ok(()));
        assert_eq!(fits(&[Value::Text(None), Value::Long(None)]), Ok(()));
        for other in [
            vec![],
            vec!["a".into()],
            vec![1_i64.into(), "a".into()],
            vec!["a".into(), 1_i32.into()],
            vec!["a".into(), 1_i64.into(), 1_i64.into()],
        ] {
            assert_eq!(fits(&other), Err(DatabaseError::Mismatch));
        }
    }

    #[test]
    fn keys_become_one_array_for_each_part() {
        let tenant = Tenant::parse("north").unwrap();
        let keys: [[Value; 2]; 2] = [["a".into(), 1_i64.into()], ["b".into(), Value::Long(None)]];
        let columns = columns_of(&tenant, &QUERY, keys.iter().map(|key| &key[..]));
        let [
            Column::Tenant("north"),
            Column::Text(texts),
            Column::Long(numbers),
        ] = &columns[..]
        else {
            panic!("{} columns of other types", columns.len());
        };
        assert_eq!(texts, &[Some("a"), Some("b")]);
        assert_eq!(numbers, &[Some(1), None]);
    }
}
