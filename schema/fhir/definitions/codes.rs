//! The code lists that R4 (4.0.1) binds as required, for elements of type `code`.
//!
//! Lists of more than sixty codes (languages, currencies, media types) are not here: those
//! elements are checked for the shape of a code and not for membership.

/// `address-type`.
pub(super) static ADDRESS_TYPE: &[&str] = &["postal", "physical", "both"];

/// `address-use`.
pub(super) static ADDRESS_USE: &[&str] = &["home", "work", "temp", "old", "billing"];

/// `administrative-gender`.
pub(super) static ADMINISTRATIVE_GENDER: &[&str] = &["male", "female", "other", "unknown"];

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

/// Every resource type of R4, so that one which is not taken here can be told from a misspelling.
pub(in crate::fhir) static RESOURCE_TYPES: &[&str] = &[
    "Account",
    "ActivityDefinition",
    "AdverseEvent",
    "AllergyIntolerance",
    "Appointment",
    "AppointmentResponse",
    "AuditEvent",
    "Basic",
    "Binary",
    "BiologicallyDerivedProduct",
    "BodyStructure",
    "Bundle",
    "CapabilityStatement",
    "CarePlan",
    "CareTeam",
    "CatalogEntry",
    "ChargeItem",
    "ChargeItemDefinition",
    "Claim",
    "ClaimResponse",
    "ClinicalImpression",
    "CodeSystem",
    "Communication",
    "CommunicationRequest",
    "CompartmentDefinition",
    "Composition",
    "ConceptMap",
    "Condition",
    "Consent",
    "Contract",
    "Coverage",
    "CoverageEligibilityRequest",
    "CoverageEligibilityResponse",
    "DetectedIssue",
    "Device",
    "DeviceDefinition",
    "DeviceMetric",
    "DeviceRequest",
    "DeviceUseStatement",
    "DiagnosticReport",
    "DocumentManifest",
    "DocumentReference",
    "EffectEvidenceSynthesis",
    "Encounter",
    "Endpoint",
    "EnrollmentRequest",
    "EnrollmentResponse",
    "EpisodeOfCare",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "GraphDefinition",
    "Group",
    "GuidanceResponse",
    "HealthcareService",
    "ImagingStudy",
    "Immunization",
    "ImmunizationEvaluation",
    "ImmunizationRecommendation",
    "ImplementationGuide",
    "InsurancePlan",
    "Invoice",
    "Library",
    "Linkage",
    "List",
    "Location",
    "Measure",
    "MeasureReport",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationKnowledge",
    "MedicationRequest",
    "MedicationStatement",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "MessageDefinition",
    "MessageHeader",
    "MolecularSequence",
    "NamingSystem",
    "NutritionOrder",
    "Observation",
    "ObservationDefinition",
    "OperationDefinition",
    "OperationOutcome",
    "Organization",
    "OrganizationAffiliation",
    "Parameters",
    "Patient",
    "PaymentNotice",
    "PaymentReconciliation",
    "Person",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RelatedPerson",
    "RequestGroup",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "ResearchStudy",
    "ResearchSubject",
    "RiskAssessment",
    "RiskEvidenceSynthesis",
    "Schedule",
    "SearchParameter",
    "ServiceRequest",
    "Slot",
    "Specimen",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Subscription",
    "Substance",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "SupplyDelivery",
    "SupplyRequest",
    "Task",
    "TerminologyCapabilities",
    "TestReport",
    "TestScript",
    "ValueSet",
    "VerificationResult",
    "VisionPrescription",
];
