//! The element tables of what the emergency card is made of, from the R4 (4.0.1) definitions:
//! allergies, orders for medication, and conditions.

use super::Kind::{Bound, Concept, Contained, Of, Reference, Simple};
use super::codes;
use super::general::{
    ANNOTATION, CODEABLE_CONCEPT, DOSAGE, IDENTIFIER, META, NARRATIVE, PERIOD, QUANTITY, RANGE,
};
use super::special::EXTENSION;
use super::{Type, choice, many, one, opt, some};
use crate::fhir::primitive::Primitive::{Boolean, Code, DateTime, Id, Text, UnsignedInt, Uri};

/// `AllergyIntolerance`.
pub(super) static ALLERGY_INTOLERANCE: Type = Type {
    name: "AllergyIntolerance",
    elements: &[
        opt("id", Simple(Id)),
        opt("meta", Of(&META)),
        opt("implicitRules", Simple(Uri)),
        opt("language", Simple(Code)),
        opt("text", Of(&NARRATIVE)),
        many("contained", Contained),
        many("modifierExtension", Of(&EXTENSION)),
        many("identifier", Of(&IDENTIFIER)),
        opt("clinicalStatus", Concept(&codes::ALLERGY_CLINICAL)),
        opt("verificationStatus", Concept(&codes::ALLERGY_VERIFICATION)),
        opt("type", Bound(codes::ALLERGY_TYPE)),
        many("category", Bound(codes::ALLERGY_CATEGORY)),
        opt("criticality", Bound(codes::ALLERGY_CRITICALITY)),
        opt("code", Of(&CODEABLE_CONCEPT)),
        one("patient", Reference(&["Patient"])),
        opt("encounter", Reference(&["Encounter"])),
        choice("onset", "onsetDateTime", false, Simple(DateTime)),
        choice("onset", "onsetAge", false, Of(&QUANTITY)),
        choice("onset", "onsetPeriod", false, Of(&PERIOD)),
        choice("onset", "onsetRange", false, Of(&RANGE)),
        choice("onset", "onsetString", false, Simple(Text)),
        opt("recordedDate", Simple(DateTime)),
        opt("recorder", Reference(PEOPLE)),
        opt("asserter", Reference(PEOPLE)),
        opt("lastOccurrence", Simple(DateTime)),
        many("note", Of(&ANNOTATION)),
        many("reaction", Of(&ALLERGY_REACTION)),
    ],
};

/// `AllergyIntolerance.reaction`.
static ALLERGY_REACTION: Type = Type {
    name: "AllergyIntolerance.reaction",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        opt("substance", Of(&CODEABLE_CONCEPT)),
        some("manifestation", Of(&CODEABLE_CONCEPT)),
        opt("description", Simple(Text)),
        opt("onset", Simple(DateTime)),
        opt("severity", Bound(codes::REACTION_SEVERITY)),
        opt("exposureRoute", Of(&CODEABLE_CONCEPT)),
        many("note", Of(&ANNOTATION)),
    ],
};

/// `Condition`.
pub(super) static CONDITION: Type = Type {
    name: "Condition",
    elements: &[
        opt("id", Simple(Id)),
        opt("meta", Of(&META)),
        opt("implicitRules", Simple(Uri)),
        opt("language", Simple(Code)),
        opt("text", Of(&NARRATIVE)),
        many("contained", Contained),
        many("modifierExtension", Of(&EXTENSION)),
        many("identifier", Of(&IDENTIFIER)),
        opt("clinicalStatus", Concept(&codes::CONDITION_CLINICAL)),
        opt(
            "verificationStatus",
            Concept(&codes::CONDITION_VERIFICATION),
        ),
        many("category", Of(&CODEABLE_CONCEPT)),
        opt("severity", Of(&CODEABLE_CONCEPT)),
        opt("code", Of(&CODEABLE_CONCEPT)),
        many("bodySite", Of(&CODEABLE_CONCEPT)),
        one("subject", Reference(&["Patient", "Group"])),
        opt("encounter", Reference(&["Encounter"])),
        choice("onset", "onsetDateTime", false, Simple(DateTime)),
        choice("onset", "onsetAge", false, Of(&QUANTITY)),
        choice("onset", "onsetPeriod", false, Of(&PERIOD)),
        choice("onset", "onsetRange", false, Of(&RANGE)),
        choice("onset", "onsetString", false, Simple(Text)),
        choice("abatement", "abatementDateTime", false, Simple(DateTime)),
        choice("abatement", "abatementAge", false, Of(&QUANTITY)),
        choice("abatement", "abatementPeriod", false, Of(&PERIOD)),
        choice("abatement", "abatementRange", false, Of(&RANGE)),
        choice("abatement", "abatementString", false, Simple(Text)),
        opt("recordedDate", Simple(DateTime)),
        opt("recorder", Reference(PEOPLE)),
        opt("asserter", Reference(PEOPLE)),
        many("stage", Of(&CONDITION_STAGE)),
        many("evidence", Of(&CONDITION_EVIDENCE)),
        many("note", Of(&ANNOTATION)),
    ],
};

/// `Condition.stage`.
static CONDITION_STAGE: Type = Type {
    name: "Condition.stage",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        opt("summary", Of(&CODEABLE_CONCEPT)),
        many(
            "assessment",
            Reference(&["ClinicalImpression", "DiagnosticReport", "Observation"]),
        ),
        opt("type", Of(&CODEABLE_CONCEPT)),
    ],
};

/// `Condition.evidence`.
static CONDITION_EVIDENCE: Type = Type {
    name: "Condition.evidence",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        many("code", Of(&CODEABLE_CONCEPT)),
        many("detail", Reference(&[])),
    ],
};

/// `MedicationRequest`.
pub(super) static MEDICATION_REQUEST: Type = Type {
    name: "MedicationRequest",
    elements: &[
        opt("id", Simple(Id)),
        opt("meta", Of(&META)),
        opt("implicitRules", Simple(Uri)),
        opt("language", Simple(Code)),
        opt("text", Of(&NARRATIVE)),
        many("contained", Contained),
        many("modifierExtension", Of(&EXTENSION)),
        many("identifier", Of(&IDENTIFIER)),
        one("status", Bound(codes::MEDICATION_REQUEST_STATUS)),
        opt("statusReason", Of(&CODEABLE_CONCEPT)),
        one("intent", Bound(codes::MEDICATION_REQUEST_INTENT)),
        many("category", Of(&CODEABLE_CONCEPT)),
        opt("priority", Bound(codes::REQUEST_PRIORITY)),
        opt("doNotPerform", Simple(Boolean)),
        choice("reported", "reportedBoolean", false, Simple(Boolean)),
        choice(
            "reported",
            "reportedReference",
            false,
            Reference(&[
                "Patient",
                "Practitioner",
                "PractitionerRole",
                "RelatedPerson",
                "Organization",
            ]),
        ),
        choice(
            "medication",
            "medicationCodeableConcept",
            true,
            Of(&CODEABLE_CONCEPT),
        ),
        choice(
            "medication",
            "medicationReference",
            true,
            Reference(&["Medication"]),
        ),
        one("subject", Reference(&["Patient", "Group"])),
        opt("encounter", Reference(&["Encounter"])),
        many("supportingInformation", Reference(&[])),
        opt("authoredOn", Simple(DateTime)),
        opt(
            "requester",
            Reference(&[
                "Practitioner",
                "PractitionerRole",
                "Organization",
                "Patient",
                "RelatedPerson",
                "Device",
            ]),
        ),
        opt(
            "performer",
            Reference(&[
                "Practitioner",
                "PractitionerRole",
                "Organization",
                "Patient",
                "Device",
                "RelatedPerson",
                "CareTeam",
            ]),
        ),
        opt("performerType", Of(&CODEABLE_CONCEPT)),
        opt("recorder", Reference(&["Practitioner", "PractitionerRole"])),
        many("reasonCode", Of(&CODEABLE_CONCEPT)),
        many("reasonReference", Reference(&["Condition", "Observation"])),
        many("instantiatesCanonical", Simple(Uri)),
        many("instantiatesUri", Simple(Uri)),
        many(
            "basedOn",
            Reference(&[
                "CarePlan",
                "MedicationRequest",
                "ServiceRequest",
                "ImmunizationRecommendation",
            ]),
        ),
        opt("groupIdentifier", Of(&IDENTIFIER)),
        opt("courseOfTherapyType", Of(&CODEABLE_CONCEPT)),
        many("insurance", Reference(&["Coverage", "ClaimResponse"])),
        many("note", Of(&ANNOTATION)),
        many("dosageInstruction", Of(&DOSAGE)),
        opt("dispenseRequest", Of(&DISPENSE_REQUEST)),
        opt("substitution", Of(&SUBSTITUTION)),
        opt("priorPrescription", Reference(&["MedicationRequest"])),
        many("detectedIssue", Reference(&["DetectedIssue"])),
        many("eventHistory", Reference(&["Provenance"])),
    ],
};

/// `MedicationRequest.dispenseRequest`.
static DISPENSE_REQUEST: Type = Type {
    name: "MedicationRequest.dispenseRequest",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        opt("initialFill", Of(&INITIAL_FILL)),
        opt("dispenseInterval", Of(&QUANTITY)),
        opt("validityPeriod", Of(&PERIOD)),
        opt("numberOfRepeatsAllowed", Simple(UnsignedInt)),
        opt("quantity", Of(&QUANTITY)),
        opt("expectedSupplyDuration", Of(&QUANTITY)),
        opt("performer", Reference(&["Organization"])),
    ],
};

/// `MedicationRequest.dispenseRequest.initialFill`.
static INITIAL_FILL: Type = Type {
    name: "MedicationRequest.dispenseRequest.initialFill",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        opt("quantity", Of(&QUANTITY)),
        opt("duration", Of(&QUANTITY)),
    ],
};

/// `MedicationRequest.substitution`.
static SUBSTITUTION: Type = Type {
    name: "MedicationRequest.substitution",
    elements: &[
        many("modifierExtension", Of(&EXTENSION)),
        choice("allowed", "allowedBoolean", true, Simple(Boolean)),
        choice(
            "allowed",
            "allowedCodeableConcept",
            true,
            Of(&CODEABLE_CONCEPT),
        ),
        opt("reason", Of(&CODEABLE_CONCEPT)),
    ],
};

/// Who records or asserts an allergy or a condition.
static PEOPLE: &[&str] = &[
    "Practitioner",
    "PractitionerRole",
    "Patient",
    "RelatedPerson",
];
