//! The code lists that R4 (4.0.1) binds as required, for elements of type `code`.
//!
//! Lists of more than sixty codes (languages, currencies, media types) are not here: those
//! elements are checked for the shape of a code and not for membership.

use super::CodeList;

/// `address-type`.
pub(super) static ADDRESS_TYPE: &[&str] = &["postal", "physical", "both"];

/// `address-use`.
pub(super) static ADDRESS_USE: &[&str] = &["home", "work", "temp", "old", "billing"];

/// `administrative-gender`.
pub(super) static ADMINISTRATIVE_GENDER: &[&str] = &["male", "female", "other", "unknown"];

/// `allergyintolerance-clinical`.
pub(super) static ALLERGY_CLINICAL: CodeList = CodeList {
    system: "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
    codes: &["active", "inactive", "resolved"],
};

/// `allergyintolerance-verification`.
pub(in crate::fhir) static ALLERGY_VERIFICATION: CodeList = CodeList {
    system: "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
    codes: &["unconfirmed", "confirmed", "refuted", "entered-in-error"],
};

/// `allergy-intolerance-type`.
pub(super) static ALLERGY_TYPE: &[&str] = &["allergy", "intolerance"];

/// `allergy-intolerance-category`.
pub(super) static ALLERGY_CATEGORY: &[&str] = &["food", "medication", "environment", "biologic"];

/// `allergy-intolerance-criticality`.
pub(super) static ALLERGY_CRITICALITY: &[&str] = &["low", "high", "unable-to-assess"];

/// `condition-clinical`.
pub(in crate::fhir) static CONDITION_CLINICAL: CodeList = CodeList {
    system: "http://terminology.hl7.org/CodeSystem/condition-clinical",
    codes: &[
        "active",
        "recurrence",
        "relapse",
        "inactive",
        "remission",
        "resolved",
    ],
};

/// `condition-ver-status`.
pub(in crate::fhir) static CONDITION_VERIFICATION: CodeList = CodeList {
    system: "http://terminology.hl7.org/CodeSystem/condition-ver-status",
    codes: &[
        "unconfirmed",
        "provisional",
        "differential",
        "confirmed",
        "refuted",
        "entered-in-error",
    ],
};

/// `contact-point-system`.
pub(super) static CONTACT_POINT_SYSTEM: &[&str] =
    &["phone", "fax", "email", "pager", "url", "sms", "other"];

/// `contact-point-use`.
pub(super) static CONTACT_POINT_USE: &[&str] = &["home", "work", "temp", "old", "mobile"];

/// `contributor-type`.
pub(super) static CONTRIBUTOR_TYPE: &[&str] = &["author", "editor", "reviewer", "endorser"];

/// `days-of-week`.
pub(super) static DAYS_OF_WEEK: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// `event-timing`.
pub(super) static EVENT_TIMING: &[&str] = &[
    "MORN",
    "MORN.early",
    "MORN.late",
    "NOON",
    "AFT",
    "AFT.early",
    "AFT.late",
    "EVE",
    "EVE.early",
    "EVE.late",
    "NIGHT",
    "PHS",
    "HS",
    "WAKE",
    "C",
    "CM",
    "CD",
    "CV",
    "AC",
    "ACM",
    "ACD",
    "ACV",
    "PC",
    "PCM",
    "PCD",
    "PCV",
];

/// `identifier-use`.
pub(super) static IDENTIFIER_USE: &[&str] = &["usual", "official", "temp", "secondary", "old"];

/// `link-type`.
pub(super) static LINK_TYPE: &[&str] = &["replaced-by", "replaces", "refer", "seealso"];

/// `medicationrequest-intent`.
pub(super) static MEDICATION_REQUEST_INTENT: &[&str] = &[
    "proposal",
    "plan",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
];

/// `medicationrequest-status`.
pub(super) static MEDICATION_REQUEST_STATUS: &[&str] = &[
    "active",
    "on-hold",
    "cancelled",
    "completed",
    "entered-in-error",
    "stopped",
    "draft",
    "unknown",
];

/// `name-use`.
pub(super) static NAME_USE: &[&str] = &[
    "usual",
    "official",
    "temp",
    "nickname",
    "anonymous",
    "old",
    "maiden",
];

/// `narrative-status`.
pub(super) static NARRATIVE_STATUS: &[&str] = &["generated", "extensions", "additional", "empty"];

/// `observation-status`.
pub(super) static OBSERVATION_STATUS: &[&str] = &[
    "registered",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "cancelled",
    "entered-in-error",
    "unknown",
];

/// `operation-parameter-use`.
pub(super) static OPERATION_PARAMETER_USE: &[&str] = &["in", "out"];

/// `quantity-comparator`.
pub(super) static QUANTITY_COMPARATOR: &[&str] = &["<", "<=", ">=", ">"];

/// `reaction-event-severity`.
pub(super) static REACTION_SEVERITY: &[&str] = &["mild", "moderate", "severe"];

/// `related-artifact-type`.
pub(super) static RELATED_ARTIFACT_TYPE: &[&str] = &[
    "documentation",
    "justification",
    "citation",
    "predecessor",
    "successor",
    "derived-from",
    "depends-on",
    "composed-of",
];

/// `request-priority`.
pub(super) static REQUEST_PRIORITY: &[&str] = &["routine", "urgent", "asap", "stat"];

/// `sort-direction`.
pub(super) static SORT_DIRECTION: &[&str] = &["ascending", "descending"];

/// `trigger-type`.
pub(super) static TRIGGER_TYPE: &[&str] = &[
    "named-event",
    "periodic",
    "data-changed",
    "data-added",
    "data-modified",
    "data-removed",
    "data-accessed",
    "data-access-ended",
];

/// `units-of-time`.
pub(super) static UNITS_OF_TIME: &[&str] = &["s", "min", "h", "d", "wk", "mo", "a"];
