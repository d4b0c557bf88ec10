//! FHIR R4 (4.0.1): the resource types taken here, checked at the edge into values.
//!
//! Purpose: a `Resource` is a body that has passed every check, so that whoever stores or serves
//! it need not look again. It refuses what R4 refuses (cardinality, types, required codes,
//! reference targets, calendar dates, empty objects), Brazilian document numbers whose check
//! digits are wrong, and anything beyond the limits below. A refusal names the element and the
//! rule, never the value: bodies are PHI and refusals are not. Bodies are kept as they came;
//! nothing is dropped.
//!
//! This module holds PHI only in passing (legal basis, retention, access and encryption are those
//! of the store that calls it) and writes none of it anywhere.

mod bundle;
mod definitions;
mod entry;
mod identifier;
mod invariants;
mod issue;
mod primitive;
mod reference;
mod response;
mod statement;
mod validate;

pub use self::bundle::{BundleKind, Entry, Method, Transaction, parse_bundle};
pub use self::definitions::valueset_display;
pub use self::identifier::{CNS_SYSTEM, CPF_SYSTEM, CPF_SYSTEM_OID, canonical_value, identifiers};
pub use self::issue::{Issue, IssueCode, Severity, operation_outcome, operation_outcome_of};
pub use self::reference::{Reference, ReferenceError};
pub use self::response::{
    EntryOutcome, SearchEntry, bundle_response, etag, searchset, with_version,
};
pub use self::statement::capability_statement;

use crate::id::{PatientId, ResourceId};
use serde_json::{Map, Value};
use std::fmt;

/// Longest body read by [`parse_json`], in bytes. A Synthea patient takes 0.3 MB; a bundle of
/// [`MAX_ENTRIES`] observations of theirs some 5 MB.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Most entries in one bundle: they become one database transaction.
pub const MAX_ENTRIES: usize = 5_000;

/// Deepest nesting of arrays and objects. Synthea's bundles have 11 levels; recursion over a body
/// is bounded by this.
pub const MAX_DEPTH: usize = 48;

/// Most issues reported about one body: a caller who sends rubbish is not sent more back.
pub const MAX_ISSUES: usize = 100;

/// The resource types stored here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FhirType {
    /// A person who receives care.
    Patient,
    /// A person who gives it.
    Practitioner,
    /// An institution.
    Organization,
    /// A measurement or a statement about a subject.
    Observation,
    /// What a patient reacts to and must not be given.
    AllergyIntolerance,
    /// An order for medication.
    MedicationRequest,
    /// A problem or diagnosis.
    Condition,
}

impl FhirType {
    /// Every type taken here.
    pub const ALL: &'static [Self] = &[
        Self::Patient,
        Self::Practitioner,
        Self::Organization,
        Self::Observation,
        Self::AllergyIntolerance,
        Self::MedicationRequest,
        Self::Condition,
    ];

    /// Its name in the specification, in addresses and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "Patient",
            Self::Practitioner => "Practitioner",
            Self::Organization => "Organization",
            Self::Observation => "Observation",
            Self::AllergyIntolerance => "AllergyIntolerance",
            Self::MedicationRequest => "MedicationRequest",
            Self::Condition => "Condition",
        }
    }
}

impl fmt::Display for FhirType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a name is not a resource type taken here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FhirTypeError {
    /// R4 has the type, and this server does not take it yet.
    #[error("resource type `{name}` is not supported here")]
    Unsupported {
        /// The type as R4 spells it.
        name: &'static str,
    },
    /// R4 has no such type. The name is repeated only when it is nothing but letters.
    #[error("`{name}` is not a resource type of FHIR R4")]
    Unknown {
        /// What was asked for, or `?` when it does not look like a type name.
        name: String,
    },
}

/// Reads a resource type, case-sensitive as in FHIR addresses.
///
/// # Errors
/// [`FhirTypeError`], which names the type.
pub fn parse_type(name: &str) -> Result<FhirType, FhirTypeError> {
    if let Some(kind) = FhirType::ALL.iter().find(|kind| kind.as_str() == name) {
        return Ok(*kind);
    }
    match definitions::RESOURCE_TYPES
        .iter()
        .find(|known| **known == name)
    {
        Some(known) => Err(FhirTypeError::Unsupported { name: known }),
        None => Err(FhirTypeError::Unknown {
            name: issue::name_or_mark(name),
        }),
    }
}

/// A checked resource. Its `Debug` form leaves the body out.
#[derive(Clone, PartialEq)]
pub struct Resource {
    /// Its type.
    pub kind: FhirType,
    /// Its logical id.
    pub id: ResourceId,
    /// Whose record it belongs to: the patient itself, or whom the record is about. `None`
    /// for the directory (practitioners, organisations) and subjects that are no patients of ours.
    pub patient: Option<PatientId>,
    /// The whole body, `resourceType` and `id` included.
    pub body: Map<String, Value>,
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource({}/{})", self.kind, self.id)
    }
}

/// Reads bytes as JSON within the limits of size and depth.
///
/// # Errors
/// One issue that says which limit or where the syntax broke.
pub fn parse_json(bytes: &[u8]) -> Result<Value, Vec<Issue>> {
    if bytes.len() > MAX_BODY_BYTES {
        let text = format!(
            "the body has {} bytes: at most {MAX_BODY_BYTES} are taken",
            bytes.len()
        );
        return Err(vec![Issue::fatal(IssueCode::TooLong, "", text)]);
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let text = format!(
            "not JSON: the syntax breaks at line {}, column {}",
            error.line(),
            error.column()
        );
        vec![Issue::fatal(IssueCode::Structure, "", text)]
    })?;
    within_depth(&value)?;
    Ok(value)
}

/// Checks one resource that has an `id`.
///
/// # Errors
/// Every issue found, at most [`MAX_ISSUES`].
pub fn parse_resource(value: Value) -> Result<Resource, Vec<Issue>> {
    within_depth(&value)?;
    let (kind, body) = typed_object(value)?;
    let Some(id) = body.get("id") else {
        let at = format!("{kind}.id");
        return Err(vec![Issue::error(
            IssueCode::Required,
            at,
            "an id is needed",
        )]);
    };
    let id = id
        .as_str()
        .and_then(|text| ResourceId::parse(text).ok())
        .ok_or_else(|| {
            let rule = "expected 1 to 64 characters of A-Z, a-z, 0-9, `-` and `.`";
            vec![Issue::error(IssueCode::Value, format!("{kind}.id"), rule)]
        })?;
    checked(kind, id, body, kind.as_str())
}

/// Checks one resource and gives it `id`, whatever id it came with.
///
/// # Errors
/// Every issue found, at most [`MAX_ISSUES`].
pub fn parse_new_resource(value: Value, id: ResourceId) -> Result<Resource, Vec<Issue>> {
    within_depth(&value)?;
    let (kind, mut body) = typed_object(value)?;
    body.insert("id".to_owned(), id.as_str().into());
    checked(kind, id, body, kind.as_str())
}

/// The last step of every way in: the body has its type and id, and is checked as a whole.
fn checked(
    kind: FhirType,
    id: ResourceId,
    body: Map<String, Value>,
    root: &str,
) -> Result<Resource, Vec<Issue>> {
    let issues = validate::resource(kind, &body, root);
    if !issues.is_empty() {
        return Err(issues);
    }
    let patient = reference::patient_of(kind, &id, &body);
    Ok(Resource {
        kind,
        id,
        patient,
        body,
    })
}

fn typed_object(value: Value) -> Result<(FhirType, Map<String, Value>), Vec<Issue>> {
    let Value::Object(body) = value else {
        return Err(vec![Issue::fatal(
            IssueCode::Structure,
            "",
            "expected a JSON object",
        )]);
    };
    let Some(name) = body.get("resourceType").and_then(Value::as_str) else {
        let text = "expected `resourceType` with the name of a type";
        return Err(vec![Issue::fatal(
            IssueCode::Required,
            "resourceType",
            text,
        )]);
    };
    let kind = parse_type(name).map_err(|error| vec![Issue::unsupported_type(&error)])?;
    Ok((kind, body))
}

fn within_depth(value: &Value) -> Result<(), Vec<Issue>> {
    fn fits(value: &Value, left: usize) -> bool {
        match value {
            Value::Array(items) => left > 0 && items.iter().all(|item| fits(item, left - 1)),
            Value::Object(map) => left > 0 && map.values().all(|item| fits(item, left - 1)),
            _ => true,
        }
    }
    if fits(value, MAX_DEPTH) {
        return Ok(());
    }
    let text = format!("nested deeper than {MAX_DEPTH} levels");
    Err(vec![Issue::fatal(IssueCode::TooCostly, "", text)])
}

#[cfg(test)]
mod bundle_tests;
#[cfg(test)]
mod clinical_tests;
#[cfg(test)]
mod primitive_tests;
#[cfg(test)]
mod tests;
