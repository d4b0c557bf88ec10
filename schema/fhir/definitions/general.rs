//! The general-purpose datatypes of R4 (4.0.1), and `Timing` and `Dosage` which are made of them.
//!
//! `Age`, `Count`, `Distance` and `Duration` have the elements of `Quantity` and share its table.

use super::Kind::{Bound, Of, Reference, Simple};
use super::codes;
use super::special::EXTENSION;
use super::{Type, choice, many, one, opt, some};
use crate::fhir::primitive::Primitive::{
    Base64, Boolean, Code, DateTime, Decimal, Id, Instant, Integer, PositiveInt, Text, Time,
    UnsignedInt, Uri, Xhtml,
};

/// `Address`.
pub(super) static ADDRESS: Type = Type {
    name: "Address",
    elements: &[
        opt("use", Bound(codes::ADDRESS_USE)),
        opt("type", Bound(codes::ADDRESS_TYPE)),
        opt("text", Simple(Text)),
        many("line", Simple(Text)),
        opt("city", Simple(Text)),
        opt("district", Simple(Text)),
        opt("state", Simple(Text)),
        opt("postalCode", Simple(Text)),
        opt("country", Simple(Text)),
        opt("period", Of(&PERIOD)),
    ],
};

/// `Annotation`.
pub(super) static ANNOTATION: Type = Type {
    name: "Annotation",
    elements: &[
        choice(
            "author",
            "authorReference",
            false,
            Reference(&["Practitioner", "Patient", "RelatedPerson", "Organization"]),
        ),
        choice("author", "authorString", false, Simple(Text)),
        opt("time", Simple(DateTime)),
        one("text", Simple(Text)),
    ],
};

/// `Attachment`.
pub(super) static ATTACHMENT: Type = Type {
    name: "Attachment",
    elements: &[
        opt("contentType", Simple(Code)),
        opt("language", Simple(Code)),
        opt("data", Simple(Base64)),
        opt("url", Simple(Uri)),
        opt("size", Simple(UnsignedInt)),
        opt("hash", Simple(Base64)),
        opt("title", Simple(Text)),
        opt("creation", Simple(DateTime)),
    ],
};

/// `CodeableConcept`.
pub(in crate::fhir) static CODEABLE_CONCEPT: Type = Type {
    name: "CodeableConcept",
    elements: &[many("coding", Of(&CODING)), opt("text", Simple(Text))],
};

/// `Coding`.
pub(super) static CODING: Type = Type {
    name: "Coding",
    elements: &[
        opt("system", Simple(Uri)),
        opt("version", Simple(Text)),
        opt("code", Simple(Code)),
        opt("display", Simple(Text)),
        opt("userSelected", Simple(Boolean)),
    ],
};

/// `ContactPoint`.
pub(super) static CONTACT_POINT: Type = Type {
    name: "ContactPoint",
    elements: &[
        opt("system", Bound(codes::CONTACT_POINT_SYSTEM)),
        opt("value", Simple(Text)),
        opt("use", Bound(codes::CONTACT_POINT_USE)),
        opt("rank", Simple(PositiveInt)),
        opt("period", Of(&PERIOD)),
    ],
};

/// `HumanName`.
pub(super) static HUMAN_NAME: Type = Type {
    name: "HumanName",
    elements: &[
        opt("use", Bound(codes::NAME_USE)),
        opt("text", Simple(Text)),
        opt("family", Simple(Text)),
        many("given", Simple(Text)),
        many("prefix", Simple(Text)),
        many("suffix", Simple(Text)),
        opt("period", Of(&PERIOD)),
    ],
};

/// `Identifier`.
pub(super) static IDENTIFIER: Type = Type {
    name: "Identifier",
    elements: &[
        opt("use", Bound(codes::IDENTIFIER_USE)),
        opt("type", Of(&CODEABLE_CONCEPT)),
        opt("system", Simple(Uri)),
        opt("value", Simple(Text)),
        opt("period", Of(&PERIOD)),
        opt("assigner", Reference(&["Organization"])),
    ],
};

/// `Meta`.
pub(super) static META: Type = Type {
    name: "Meta",
    elements: &[
        opt("versionId", Simple(Id)),
        opt("lastUpdated", Simple(Instant)),
        opt("source", Simple(Uri)),
        many("profile", Simple(Uri)),
        many("security", Of(&CODING)),
        many("tag", Of(&CODING)),
    ],
};

/// `Money`.
pub(super) static MONEY: Type = Type {
    name: "Money",
    elements: &[opt("value", Simple(Decimal)), opt("currency", Simple(Code))],
};

/// `Narrative`.
pub(super) static NARRATIVE: Type = Type {
    name: "Narrative",
    elements: &[
        one("status", Bound(codes::NARRATIVE_STATUS)),
        one("div", Simple(Xhtml)),
    ],
};

/// `Period`.
pub(super) static PERIOD: Type = Type {
    name: "Period",
    elements: &[opt("start", Simple(DateTime)), opt("end", Simple(DateTime))],
};

/// `Quantity`.
pub(super) static QUANTITY: Type = Type {
    name: "Quantity",
    elements: &[
        opt("value", Simple(Decimal)),
        opt("comparator", Bound(codes::QUANTITY_COMPARATOR)),
        opt("unit", Simple(Text)),
        opt("system", Simple(Uri)),
        opt("code", Simple(Code)),
    ],
};

/// `Range`.
pub(super) static RANGE: Type = Type {
    name: "Range",
    elements: &[opt("low", Of(&QUANTITY)), opt("high", Of(&QUANTITY))],
};

/// `Ratio`.
pub(super) static RATIO: Type = Type {
    name: "Ratio",
    elements: &[
        opt("numerator", Of(&QUANTITY)),
        opt("denominator", Of(&QUANTITY)),
    ],
};

/// `SampledData`.
pub(super) static SAMPLED_DATA: Type = Type {
    name: "SampledData",
    elements: &[
        one("origin", Of(&QUANTITY)),
        one("period", Simple(Decimal)),
        opt("factor", Simple(Decimal)),
        opt("lowerLimit", Simple(Decimal)),
        opt("upperLimit", Simple(Decimal)),
        one("dimensions", Simple(PositiveInt)),
        opt("data", Simple(Text)),
    ],
};

/// `Signature`.
pub(super) static SIGNATURE: Type = Type {
    name: "Signature",
    elements: &[
        some("type", Of(&CODING)),
        one("when", Simple(Instant)),
        one(
            "who",
            Reference(&[
                "Practitioner",
                "PractitionerRole",
                "RelatedPerson",
                "Patient",
                "Device",
                "Organization",
            ]),
        ),
        opt(
            "onBehalfOf",
            Reference(&[
                "Practitioner",
                "PractitionerRole",
                "RelatedPerson",
                "Patient",
                "Device",
                "Organization",
            ]),
        ),
        opt("targetFormat", Simple(Code)),
        opt("sigFormat", Simple(Code)),
        opt("data", Simple(Base64)),
    ],
};

/// `Timing`.
pub(super) static TIMING: Type = Type {
    name: "Timing",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        many("event", Simple(DateTime)),
        opt("repeat", Of(&TIMING_REPEAT)),
        opt("code", Of(&CODEABLE_CONCEPT)),
    ],
};

/// `Timing.repeat`.
pub(super) static TIMING_REPEAT: Type = Type {
    name: "Timing.repeat",
    elements: &[
        choice("bounds", "boundsDuration", false, Of(&QUANTITY)),
        choice("bounds", "boundsRange", false, Of(&RANGE)),
        choice("bounds", "boundsPeriod", false, Of(&PERIOD)),
        opt("count", Simple(PositiveInt)),
        opt("countMax", Simple(PositiveInt)),
        opt("duration", Simple(Decimal)),
        opt("durationMax", Simple(Decimal)),
        opt("durationUnit", Bound(codes::UNITS_OF_TIME)),
        opt("frequency", Simple(PositiveInt)),
        opt("frequencyMax", Simple(PositiveInt)),
        opt("period", Simple(Decimal)),
        opt("periodMax", Simple(Decimal)),
        opt("periodUnit", Bound(codes::UNITS_OF_TIME)),
        many("dayOfWeek", Bound(codes::DAYS_OF_WEEK)),
        many("timeOfDay", Simple(Time)),
        many("when", Bound(codes::EVENT_TIMING)),
        opt("offset", Simple(UnsignedInt)),
    ],
};

/// `Dosage`.
pub(super) static DOSAGE: Type = Type {
    name: "Dosage",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        opt("sequence", Simple(Integer)),
        opt("text", Simple(Text)),
        many("additionalInstruction", Of(&CODEABLE_CONCEPT)),
        opt("patientInstruction", Simple(Text)),
        opt("timing", Of(&TIMING)),
        choice("asNeeded", "asNeededBoolean", false, Simple(Boolean)),
        choice(
            "asNeeded",
            "asNeededCodeableConcept",
            false,
            Of(&CODEABLE_CONCEPT),
        ),
        opt("site", Of(&CODEABLE_CONCEPT)),
        opt("route", Of(&CODEABLE_CONCEPT)),
        opt("method", Of(&CODEABLE_CONCEPT)),
        many("doseAndRate", Of(&DOSAGE_DOSE_AND_RATE)),
        opt("maxDosePerPeriod", Of(&RATIO)),
        opt("maxDosePerAdministration", Of(&QUANTITY)),
        opt("maxDosePerLifetime", Of(&QUANTITY)),
    ],
};

/// `Dosage.doseAndRate`.
pub(super) static DOSAGE_DOSE_AND_RATE: Type = Type {
    name: "Dosage.doseAndRate",
    elements: &[
        opt("type", Of(&CODEABLE_CONCEPT)),
        choice("dose", "doseRange", false, Of(&RANGE)),
        choice("dose", "doseQuantity", false, Of(&QUANTITY)),
        choice("rate", "rateRatio", false, Of(&RATIO)),
        choice("rate", "rateRange", false, Of(&RANGE)),
        choice("rate", "rateQuantity", false, Of(&QUANTITY)),
    ],
};

/// `Reference`; which types it may name stands with each element.
pub(in crate::fhir) static REFERENCE: Type = Type {
    name: "Reference",
    elements: &[
        opt("reference", Simple(Text)),
        opt("type", Simple(Uri)),
        opt("identifier", Of(&IDENTIFIER)),
        opt("display", Simple(Text)),
    ],
};
