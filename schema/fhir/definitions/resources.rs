//! The element tables of the resource types taken here, from the R4 (4.0.1) definitions.
//!
//! Cardinality, types, reference targets and required code bindings, and nothing else: `id` and
//! `extension` belong to every element and are known to the validator. A type is added to the
//! system by adding its table here and its name to `FhirType`.

use super::Kind::{Bound, Contained, Of, Reference, Simple};
use super::codes;
use super::general::{
    ADDRESS, ANNOTATION, ATTACHMENT, CODEABLE_CONCEPT, CONTACT_POINT, HUMAN_NAME, IDENTIFIER, META,
    NARRATIVE, PERIOD, QUANTITY, RANGE, RATIO, SAMPLED_DATA, TIMING,
};
use super::special::EXTENSION;
use super::{Type, choice, many, one, opt};
use crate::fhir::primitive::Primitive::{
    Boolean, Code, Date, DateTime, Id, Instant, Integer, Text, Time, Uri,
};

/// `Patient`.
pub(super) static PATIENT: Type = Type {
    name: "Patient",
    elements: &[
        opt("id", Simple(Id)),
        opt("meta", Of(&META)),
        opt("implicitRules", Simple(Uri)),
        opt("language", Simple(Code)),
        opt("text", Of(&NARRATIVE)),
        many("contained", Contained),
        many("modifierExtension", Of(&EXTENSION)),
        many("identifier", Of(&IDENTIFIER)),
        opt("active", Simple(Boolean)),
        many("name", Of(&HUMAN_NAME)),
        many("telecom", Of(&CONTACT_POINT)),
        opt("gender", Bound(codes::ADMINISTRATIVE_GENDER)),
        opt("birthDate", Simple(Date)),
        choice("deceased", "deceasedBoolean", false, Simple(Boolean)),
        choice("deceased", "deceasedDateTime", false, Simple(DateTime)),
        many("address", Of(&ADDRESS)),
        opt("maritalStatus", Of(&CODEABLE_CONCEPT)),
        choice(
            "multipleBirth",
            "multipleBirthBoolean",
            false,
            Simple(Boolean),
        ),
        choice(
            "multipleBirth",
            "multipleBirthInteger",
            false,
            Simple(Integer),
        ),
        many("photo", Of(&ATTACHMENT)),
        many("contact", Of(&PATIENT_CONTACT)),
        many("communication", Of(&PATIENT_COMMUNICATION)),
        many(
            "generalPractitioner",
            Reference(&["Organization", "Practitioner", "PractitionerRole"]),
        ),
        opt("managingOrganization", Reference(&["Organization"])),
        many("link", Of(&PATIENT_LINK)),
    ],
};

/// `Patient.contact`.
pub(super) static PATIENT_CONTACT: Type = Type {
    name: "Patient.contact",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        many("relationship", Of(&CODEABLE_CONCEPT)),
        opt("name", Of(&HUMAN_NAME)),
        many("telecom", Of(&CONTACT_POINT)),
        opt("address", Of(&ADDRESS)),
        opt("gender", Bound(codes::ADMINISTRATIVE_GENDER)),
        opt("organization", Reference(&["Organization"])),
        opt("period", Of(&PERIOD)),
    ],
};

/// `Patient.communication`.
pub(super) static PATIENT_COMMUNICATION: Type = Type {
    name: "Patient.communication",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        one("language", Of(&CODEABLE_CONCEPT)),
        opt("preferred", Simple(Boolean)),
    ],
};

/// `Patient.link`.
pub(super) static PATIENT_LINK: Type = Type {
    name: "Patient.link",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        one("other", Reference(&["Patient", "RelatedPerson"])),
        one("type", Bound(codes::LINK_TYPE)),
    ],
};

/// `Practitioner`.
pub(super) static PRACTITIONER: Type = Type {
    name: "Practitioner",
    elements: &[
        opt("id", Simple(Id)),
        opt("meta", Of(&META)),
        opt("implicitRules", Simple(Uri)),
        opt("language", Simple(Code)),
        opt("text", Of(&NARRATIVE)),
        many("contained", Contained),
        many("modifierExtension", Of(&EXTENSION)),
        many("identifier", Of(&IDENTIFIER)),
        opt("active", Simple(Boolean)),
        many("name", Of(&HUMAN_NAME)),
        many("telecom", Of(&CONTACT_POINT)),
        many("address", Of(&ADDRESS)),
        opt("gender", Bound(codes::ADMINISTRATIVE_GENDER)),
        opt("birthDate", Simple(Date)),
        many("photo", Of(&ATTACHMENT)),
        many("qualification", Of(&PRACTITIONER_QUALIFICATION)),
        many("communication", Of(&CODEABLE_CONCEPT)),
    ],
};

/// `Practitioner.qualification`.
pub(super) static PRACTITIONER_QUALIFICATION: Type = Type {
    name: "Practitioner.qualification",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        many("identifier", Of(&IDENTIFIER)),
        one("code", Of(&CODEABLE_CONCEPT)),
        opt("period", Of(&PERIOD)),
        opt("issuer", Reference(&["Organization"])),
    ],
};

/// `Organization`.
pub(super) static ORGANIZATION: Type = Type {
    name: "Organization",
    elements: &[
        opt("id", Simple(Id)),
        opt("meta", Of(&META)),
        opt("implicitRules", Simple(Uri)),
        opt("language", Simple(Code)),
        opt("text", Of(&NARRATIVE)),
        many("contained", Contained),
        many("modifierExtension", Of(&EXTENSION)),
        many("identifier", Of(&IDENTIFIER)),
        opt("active", Simple(Boolean)),
        many("type", Of(&CODEABLE_CONCEPT)),
        opt("name", Simple(Text)),
        many("alias", Simple(Text)),
        many("telecom", Of(&CONTACT_POINT)),
        many("address", Of(&ADDRESS)),
        opt("partOf", Reference(&["Organization"])),
        many("contact", Of(&ORGANIZATION_CONTACT)),
        many("endpoint", Reference(&["Endpoint"])),
    ],
};

/// `Organization.contact`.
pub(super) static ORGANIZATION_CONTACT: Type = Type {
    name: "Organization.contact",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        opt("purpose", Of(&CODEABLE_CONCEPT)),
        opt("name", Of(&HUMAN_NAME)),
        many("telecom", Of(&CONTACT_POINT)),
        opt("address", Of(&ADDRESS)),
    ],
};

/// `Observation`.
pub(super) static OBSERVATION: Type = Type {
    name: "Observation",
    elements: &[
        opt("id", Simple(Id)),
        opt("meta", Of(&META)),
        opt("implicitRules", Simple(Uri)),
        opt("language", Simple(Code)),
        opt("text", Of(&NARRATIVE)),
        many("contained", Contained),
        many("modifierExtension", Of(&EXTENSION)),
        many("identifier", Of(&IDENTIFIER)),
        many(
            "basedOn",
            Reference(&[
                "CarePlan",
                "DeviceRequest",
                "ImmunizationRecommendation",
                "MedicationRequest",
                "NutritionOrder",
                "ServiceRequest",
            ]),
        ),
        many(
            "partOf",
            Reference(&[
                "MedicationAdministration",
                "MedicationDispense",
                "MedicationStatement",
                "Procedure",
                "Immunization",
                "ImagingStudy",
            ]),
        ),
        one("status", Bound(codes::OBSERVATION_STATUS)),
        many("category", Of(&CODEABLE_CONCEPT)),
        one("code", Of(&CODEABLE_CONCEPT)),
        opt(
            "subject",
            Reference(&["Patient", "Group", "Device", "Location"]),
        ),
        many("focus", Reference(&[])),
        opt("encounter", Reference(&["Encounter"])),
        choice("effective", "effectiveDateTime", false, Simple(DateTime)),
        choice("effective", "effectivePeriod", false, Of(&PERIOD)),
        choice("effective", "effectiveTiming", false, Of(&TIMING)),
        choice("effective", "effectiveInstant", false, Simple(Instant)),
        opt("issued", Simple(Instant)),
        many(
            "performer",
            Reference(&[
                "Practitioner",
                "PractitionerRole",
                "Organization",
                "CareTeam",
                "Patient",
                "RelatedPerson",
            ]),
        ),
        choice("value", "valueQuantity", false, Of(&QUANTITY)),
        choice(
            "value",
            "valueCodeableConcept",
            false,
            Of(&CODEABLE_CONCEPT),
        ),
        choice("value", "valueString", false, Simple(Text)),
        choice("value", "valueBoolean", false, Simple(Boolean)),
        choice("value", "valueInteger", false, Simple(Integer)),
        choice("value", "valueRange", false, Of(&RANGE)),
        choice("value", "valueRatio", false, Of(&RATIO)),
        choice("value", "valueSampledData", false, Of(&SAMPLED_DATA)),
        choice("value", "valueTime", false, Simple(Time)),
        choice("value", "valueDateTime", false, Simple(DateTime)),
        choice("value", "valuePeriod", false, Of(&PERIOD)),
        opt("dataAbsentReason", Of(&CODEABLE_CONCEPT)),
        many("interpretation", Of(&CODEABLE_CONCEPT)),
        many("note", Of(&ANNOTATION)),
        opt("bodySite", Of(&CODEABLE_CONCEPT)),
        opt("method", Of(&CODEABLE_CONCEPT)),
        opt("specimen", Reference(&["Specimen"])),
        opt("device", Reference(&["Device", "DeviceMetric"])),
        many("referenceRange", Of(&OBSERVATION_REFERENCE_RANGE)),
        many(
            "hasMember",
            Reference(&["Observation", "QuestionnaireResponse", "MolecularSequence"]),
        ),
        many(
            "derivedFrom",
            Reference(&[
                "DocumentReference",
                "ImagingStudy",
                "Media",
                "QuestionnaireResponse",
                "Observation",
                "MolecularSequence",
            ]),
        ),
        many("component", Of(&OBSERVATION_COMPONENT)),
    ],
};

/// `Observation.referenceRange`.
pub(super) static OBSERVATION_REFERENCE_RANGE: Type = Type {
    name: "Observation.referenceRange",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        opt("low", Of(&QUANTITY)),
        opt("high", Of(&QUANTITY)),
        opt("type", Of(&CODEABLE_CONCEPT)),
        many("appliesTo", Of(&CODEABLE_CONCEPT)),
        opt("age", Of(&RANGE)),
        opt("text", Simple(Text)),
    ],
};

/// `Observation.component`.
pub(super) static OBSERVATION_COMPONENT: Type = Type {
    name: "Observation.component",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        one("code", Of(&CODEABLE_CONCEPT)),
        choice("value", "valueQuantity", false, Of(&QUANTITY)),
        choice(
            "value",
            "valueCodeableConcept",
            false,
            Of(&CODEABLE_CONCEPT),
        ),
        choice("value", "valueString", false, Simple(Text)),
        choice("value", "valueBoolean", false, Simple(Boolean)),
        choice("value", "valueInteger", false, Simple(Integer)),
        choice("value", "valueRange", false, Of(&RANGE)),
        choice("value", "valueRatio", false, Of(&RATIO)),
        choice("value", "valueSampledData", false, Of(&SAMPLED_DATA)),
        choice("value", "valueTime", false, Simple(Time)),
        choice("value", "valueDateTime", false, Simple(DateTime)),
        choice("value", "valuePeriod", false, Of(&PERIOD)),
        opt("dataAbsentReason", Of(&CODEABLE_CONCEPT)),
        many("interpretation", Of(&CODEABLE_CONCEPT)),
        many("referenceRange", Of(&OBSERVATION_REFERENCE_RANGE)),
    ],
};
