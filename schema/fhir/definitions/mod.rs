//! What R4 says about each element, as tables: the validator is one walk over them.
//!
//! Tables rather than generated structs, because a body is stored and given back as it came:
//! nothing here reads a resource into another shape.

mod clinical;
mod codes;
mod general;
mod resources;
mod special;
mod types;
mod valuesets;

pub(super) use self::codes::{ALLERGY_VERIFICATION, CONDITION_CLINICAL, CONDITION_VERIFICATION};
pub(super) use self::general::{CODEABLE_CONCEPT, REFERENCE};
pub(super) use self::special::EXTENSION;
pub(super) use self::types::RESOURCE_TYPES;
pub use self::valuesets::valueset_display;

use super::FhirType;
use super::primitive::Primitive;

/// A complex type: its name and its elements.
pub(super) struct Type {
    /// Its name in the specification.
    pub(super) name: &'static str,
    /// Its elements but `id` and `extension`, which everything has.
    pub(super) elements: &'static [Element],
}

/// One element of a complex type.
pub(super) struct Element {
    /// Its name in JSON; a choice appears once per type.
    pub(super) name: &'static str,
    /// Whether at least one must be there.
    pub(super) required: bool,
    /// Whether it is an array.
    pub(super) many: bool,
    /// The choice it belongs to: at most one of a choice may be there.
    pub(super) choice: Option<&'static str>,
    /// What it holds.
    pub(super) kind: Kind,
}

/// What an element holds.
pub(super) enum Kind {
    /// A primitive.
    Simple(Primitive),
    /// A code out of a list.
    Bound(&'static [&'static str]),
    /// A `CodeableConcept` with at least one coding out of a list.
    Concept(&'static CodeList),
    /// A complex type.
    Of(&'static Type),
    /// A `Reference` to one of these types; no types means any.
    Reference(&'static [&'static str]),
    /// A resource inside the resource.
    Contained,
}

/// The codes a concept is bound to, and the system they belong to.
pub(super) struct CodeList {
    /// The code system's canonical address.
    pub(super) system: &'static str,
    /// Its codes.
    pub(super) codes: &'static [&'static str],
}

/// The table of a resource type.
pub(super) fn of(kind: FhirType) -> &'static Type {
    match kind {
        FhirType::Patient => &resources::PATIENT,
        FhirType::Practitioner => &resources::PRACTITIONER,
        FhirType::Organization => &resources::ORGANIZATION,
        FhirType::Observation => &resources::OBSERVATION,
        FhirType::AllergyIntolerance => &clinical::ALLERGY_INTOLERANCE,
        FhirType::MedicationRequest => &clinical::MEDICATION_REQUEST,
        FhirType::Condition => &clinical::CONDITION,
    }
}

/// Zero or one.
const fn opt(name: &'static str, kind: Kind) -> Element {
    Element {
        name,
        required: false,
        many: false,
        choice: None,
        kind,
    }
}

/// Exactly one.
const fn one(name: &'static str, kind: Kind) -> Element {
    Element {
        name,
        required: true,
        many: false,
        choice: None,
        kind,
    }
}

/// Any number.
const fn many(name: &'static str, kind: Kind) -> Element {
    Element {
        name,
        required: false,
        many: true,
        choice: None,
        kind,
    }
}

/// One or more.
const fn some(name: &'static str, kind: Kind) -> Element {
    Element {
        name,
        required: true,
        many: true,
        choice: None,
        kind,
    }
}

/// One type of a choice such as `value[x]`.
const fn choice(group: &'static str, name: &'static str, required: bool, kind: Kind) -> Element {
    Element {
        name,
        required,
        many: false,
        choice: Some(group),
        kind,
    }
}
