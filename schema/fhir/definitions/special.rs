//! `Extension` and the datatypes of R4 (4.0.1) that only ever occur inside one.

use super::Kind::{Bound, Of, Reference, Simple};
use super::codes;
use super::general::{
    ADDRESS, ANNOTATION, ATTACHMENT, CODEABLE_CONCEPT, CODING, CONTACT_POINT, DOSAGE, HUMAN_NAME,
    IDENTIFIER, META, MONEY, PERIOD, QUANTITY, RANGE, RATIO, SAMPLED_DATA, SIGNATURE, TIMING,
};
use super::{Type, choice, many, one, opt};
use crate::fhir::primitive::Primitive::{
    Base64, Boolean, Code, Date, DateTime, Decimal, Id, Instant, Integer, Oid, PositiveInt, Text,
    Time, UnsignedInt, Uri, Uuid,
};

/// `Extension`.
pub(in crate::fhir) static EXTENSION: Type = Type {
    name: "Extension",
    elements: &[
        one("url", Simple(Uri)),
        choice("value", "valueBase64Binary", false, Simple(Base64)),
        choice("value", "valueBoolean", false, Simple(Boolean)),
        choice("value", "valueCanonical", false, Simple(Uri)),
        choice("value", "valueCode", false, Simple(Code)),
        choice("value", "valueDate", false, Simple(Date)),
        choice("value", "valueDateTime", false, Simple(DateTime)),
        choice("value", "valueDecimal", false, Simple(Decimal)),
        choice("value", "valueId", false, Simple(Id)),
        choice("value", "valueInstant", false, Simple(Instant)),
        choice("value", "valueInteger", false, Simple(Integer)),
        choice("value", "valueMarkdown", false, Simple(Text)),
        choice("value", "valueOid", false, Simple(Oid)),
        choice("value", "valuePositiveInt", false, Simple(PositiveInt)),
        choice("value", "valueString", false, Simple(Text)),
        choice("value", "valueTime", false, Simple(Time)),
        choice("value", "valueUnsignedInt", false, Simple(UnsignedInt)),
        choice("value", "valueUri", false, Simple(Uri)),
        choice("value", "valueUrl", false, Simple(Uri)),
        choice("value", "valueUuid", false, Simple(Uuid)),
        choice("value", "valueAddress", false, Of(&ADDRESS)),
        choice("value", "valueAge", false, Of(&QUANTITY)),
        choice("value", "valueAnnotation", false, Of(&ANNOTATION)),
        choice("value", "valueAttachment", false, Of(&ATTACHMENT)),
        choice(
            "value",
            "valueCodeableConcept",
            false,
            Of(&CODEABLE_CONCEPT),
        ),
        choice("value", "valueCoding", false, Of(&CODING)),
        choice("value", "valueContactPoint", false, Of(&CONTACT_POINT)),
        choice("value", "valueCount", false, Of(&QUANTITY)),
        choice("value", "valueDistance", false, Of(&QUANTITY)),
        choice("value", "valueDuration", false, Of(&QUANTITY)),
        choice("value", "valueHumanName", false, Of(&HUMAN_NAME)),
        choice("value", "valueIdentifier", false, Of(&IDENTIFIER)),
        choice("value", "valueMoney", false, Of(&MONEY)),
        choice("value", "valuePeriod", false, Of(&PERIOD)),
        choice("value", "valueQuantity", false, Of(&QUANTITY)),
        choice("value", "valueRange", false, Of(&RANGE)),
        choice("value", "valueRatio", false, Of(&RATIO)),
        choice("value", "valueReference", false, Reference(&[])),
        choice("value", "valueSampledData", false, Of(&SAMPLED_DATA)),
        choice("value", "valueSignature", false, Of(&SIGNATURE)),
        choice("value", "valueTiming", false, Of(&TIMING)),
        choice("value", "valueContactDetail", false, Of(&CONTACT_DETAIL)),
        choice("value", "valueContributor", false, Of(&CONTRIBUTOR)),
        choice(
            "value",
            "valueDataRequirement",
            false,
            Of(&DATA_REQUIREMENT),
        ),
        choice("value", "valueExpression", false, Of(&EXPRESSION)),
        choice(
            "value",
            "valueParameterDefinition",
            false,
            Of(&PARAMETER_DEFINITION),
        ),
        choice(
            "value",
            "valueRelatedArtifact",
            false,
            Of(&RELATED_ARTIFACT),
        ),
        choice(
            "value",
            "valueTriggerDefinition",
            false,
            Of(&TRIGGER_DEFINITION),
        ),
        choice("value", "valueUsageContext", false, Of(&USAGE_CONTEXT)),
        choice("value", "valueDosage", false, Of(&DOSAGE)),
        choice("value", "valueMeta", false, Of(&META)),
    ],
};

/// `ContactDetail`.
pub(super) static CONTACT_DETAIL: Type = Type {
    name: "ContactDetail",
    elements: &[
        opt("name", Simple(Text)),
        many("telecom", Of(&CONTACT_POINT)),
    ],
};

/// `Contributor`.
pub(super) static CONTRIBUTOR: Type = Type {
    name: "Contributor",
    elements: &[
        one("type", Bound(codes::CONTRIBUTOR_TYPE)),
        one("name", Simple(Text)),
        many("contact", Of(&CONTACT_DETAIL)),
    ],
};

/// `DataRequirement`.
pub(super) static DATA_REQUIREMENT: Type = Type {
    name: "DataRequirement",
    elements: &[
        one("type", Simple(Code)),
        many("profile", Simple(Uri)),
        choice(
            "subject",
            "subjectCodeableConcept",
            false,
            Of(&CODEABLE_CONCEPT),
        ),
        choice("subject", "subjectReference", false, Reference(&["Group"])),
        many("mustSupport", Simple(Text)),
        many("codeFilter", Of(&DATA_REQUIREMENT_CODE_FILTER)),
        many("dateFilter", Of(&DATA_REQUIREMENT_DATE_FILTER)),
        opt("limit", Simple(PositiveInt)),
        many("sort", Of(&DATA_REQUIREMENT_SORT)),
    ],
};

/// `DataRequirement.codeFilter`.
pub(super) static DATA_REQUIREMENT_CODE_FILTER: Type = Type {
    name: "DataRequirement.codeFilter",
    elements: &[
        opt("path", Simple(Text)),
        opt("searchParam", Simple(Text)),
        opt("valueSet", Simple(Uri)),
        many("code", Of(&CODING)),
    ],
};

/// `DataRequirement.dateFilter`.
pub(super) static DATA_REQUIREMENT_DATE_FILTER: Type = Type {
    name: "DataRequirement.dateFilter",
    elements: &[
        opt("path", Simple(Text)),
        opt("searchParam", Simple(Text)),
        choice("value", "valueDateTime", false, Simple(DateTime)),
        choice("value", "valuePeriod", false, Of(&PERIOD)),
        choice("value", "valueDuration", false, Of(&QUANTITY)),
    ],
};

/// `DataRequirement.sort`.
pub(super) static DATA_REQUIREMENT_SORT: Type = Type {
    name: "DataRequirement.sort",
    elements: &[
        one("path", Simple(Text)),
        one("direction", Bound(codes::SORT_DIRECTION)),
    ],
};

/// `Expression`.
pub(super) static EXPRESSION: Type = Type {
    name: "Expression",
    elements: &[
        opt("description", Simple(Text)),
        opt("name", Simple(Id)),
        one("language", Simple(Code)),
        opt("expression", Simple(Text)),
        opt("reference", Simple(Uri)),
    ],
};

/// `ParameterDefinition`.
pub(super) static PARAMETER_DEFINITION: Type = Type {
    name: "ParameterDefinition",
    elements: &[
        opt("name", Simple(Code)),
        one("use", Bound(codes::OPERATION_PARAMETER_USE)),
        opt("min", Simple(Integer)),
        opt("max", Simple(Text)),
        opt("documentation", Simple(Text)),
        one("type", Simple(Code)),
        opt("profile", Simple(Uri)),
    ],
};

/// `RelatedArtifact`.
pub(super) static RELATED_ARTIFACT: Type = Type {
    name: "RelatedArtifact",
    elements: &[
        one("type", Bound(codes::RELATED_ARTIFACT_TYPE)),
        opt("label", Simple(Text)),
        opt("display", Simple(Text)),
        opt("citation", Simple(Text)),
        opt("url", Simple(Uri)),
        opt("document", Of(&ATTACHMENT)),
        opt("resource", Simple(Uri)),
    ],
};

/// `TriggerDefinition`.
pub(super) static TRIGGER_DEFINITION: Type = Type {
    name: "TriggerDefinition",
    elements: &[
        one("type", Bound(codes::TRIGGER_TYPE)),
        opt("name", Simple(Text)),
        choice("timing", "timingTiming", false, Of(&TIMING)),
        choice("timing", "timingReference", false, Reference(&["Schedule"])),
        choice("timing", "timingDate", false, Simple(Date)),
        choice("timing", "timingDateTime", false, Simple(DateTime)),
        many("data", Of(&DATA_REQUIREMENT)),
        opt("condition", Of(&EXPRESSION)),
    ],
};

/// `UsageContext`.
pub(super) static USAGE_CONTEXT: Type = Type {
    name: "UsageContext",
    elements: &[
        one("code", Of(&CODING)),
        choice("value", "valueCodeableConcept", true, Of(&CODEABLE_CONCEPT)),
        choice("value", "valueQuantity", true, Of(&QUANTITY)),
        choice("value", "valueRange", true, Of(&RANGE)),
        choice(
            "value",
            "valueReference",
            true,
            Reference(&[
                "PlanDefinition",
                "ResearchStudy",
                "InsurancePlan",
                "HealthcareService",
                "Group",
                "Location",
                "Organization",
            ]),
        ),
    ],
};
