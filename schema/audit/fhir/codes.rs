//! The code systems that an AuditEvent speaks in, each code with the display its system gives it.

use serde_json::{Value, json};

/// `http://dicom.nema.org/resources/ontology/DCM` (DICOM PS3.16, annex D).
pub(super) const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
/// What FHIR's REST interface does.
pub(super) const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
/// The lifecycle of a record (ISO 21089).
pub(super) const LIFECYCLE: &str = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle";
/// Why (HL7 v3).
pub(super) const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/// What is kept about a thing that is no FHIR resource.
pub(super) const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const PRACTITIONER_ROLE: &str = "http://terminology.hl7.org/CodeSystem/practitioner-role";
const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";
const BALP_ENTITY: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";

/// A code of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) system: &'static str,
    pub(super) code: &'static str,
    pub(super) display: &'static str,
}

impl Code {
    const fn new(system: &'static str, code: &'static str, display: &'static str) -> Self {
        Self {
            system,
            code,
            display,
        }
    }

    /// As a `Coding`.
    pub(super) fn coding(self) -> Value {
        json!({ "system": self.system, "code": self.code, "display": self.display })
    }

    /// As a `CodeableConcept`.
    pub(super) fn concept(self) -> Value {
        json!({ "coding": [self.coding()] })
    }
}

pub(super) const REST: Code = Code::new(EVENT_TYPE, "rest", "RESTful Operation");
pub(super) const APPLICATION_ACTIVITY: Code = Code::new(DCM, "110100", "Application Activity");
pub(super) const AUDIT_LOG_USED: Code = Code::new(DCM, "110101", "Audit Log Used");
pub(super) const PATIENT_RECORD: Code = Code::new(DCM, "110110", "Patient Record");
pub(super) const SECURITY_ALERT: Code = Code::new(DCM, "110113", "Security Alert");
pub(super) const USER_AUTHENTICATION: Code = Code::new(DCM, "110114", "User Authentication");
pub(super) const ACCESS: Code =
    Code::new(LIFECYCLE, "access", "Access/View Record Lifecycle Event");
pub(super) const AMEND: Code =
    Code::new(LIFECYCLE, "amend", "Amend (Update) Record Lifecycle Event");
pub(super) const VERIFY: Code = Code::new(LIFECYCLE, "verify", "Verify Record Lifecycle Event");

pub(super) const READ: Code = Code::new(INTERACTION, "read", "read");
pub(super) const SEARCH_TYPE: Code = Code::new(INTERACTION, "search-type", "search-type");
pub(super) const CREATE: Code = Code::new(INTERACTION, "create", "create");
pub(super) const UPDATE: Code = Code::new(INTERACTION, "update", "update");
pub(super) const TRANSACTION: Code = Code::new(INTERACTION, "transaction", "transaction");
pub(super) const EMERGENCY_OVERRIDE: Code = Code::new(DCM, "110127", "Emergency Override Started");
pub(super) const RESTRICTED_FUNCTION: Code = Code::new(DCM, "110132", "Use of Restricted Function");

pub(super) const SOURCE: Code = Code::new(DCM, "110153", "Source Role ID");
pub(super) const DESTINATION: Code = Code::new(DCM, "110152", "Destination Role ID");
pub(super) const RECIPIENT: Code = Code::new(PARTICIPATION, "IRCP", "information recipient");
pub(super) const AUTHOR: Code = Code::new(PARTICIPATION, "AUT", "author (originator)");
pub(super) const APPLICATION_SERVER: Code = Code::new(SOURCE_TYPE, "4", "Application Server");

pub(super) const PERSON: Code = Code::new(ENTITY_TYPE, "1", "Person");
pub(super) const SYSTEM_OBJECT: Code = Code::new(ENTITY_TYPE, "2", "System Object");
pub(super) const OTHER: Code = Code::new(ENTITY_TYPE, "4", "Other");
pub(super) const X_REQUEST_ID: Code = Code::new(
    BALP_ENTITY,
    "XrequestId",
    "transport specific unique identifier where http X-Request-Id is used",
);

pub(super) const PATIENT: Code = Code::new(OBJECT_ROLE, "1", "Patient");
pub(super) const LOCATION: Code = Code::new(OBJECT_ROLE, "2", "Location");
pub(super) const DOMAIN_RESOURCE: Code = Code::new(OBJECT_ROLE, "4", "Domain Resource");
pub(super) const SECURITY_RESOURCE: Code = Code::new(OBJECT_ROLE, "13", "Security Resource");
pub(super) const JOB: Code = Code::new(OBJECT_ROLE, "20", "Job");
pub(super) const QUERY: Code = Code::new(OBJECT_ROLE, "24", "Query");

/// The purpose of use as v3-ActReason says it; none for publication, which it has no word for.
pub(super) fn purpose(name: &str, is_emergency: bool) -> Option<Code> {
    let (code, display) = match name {
        "treatment" if is_emergency => ("ETREAT", "Emergency Treatment"),
        "treatment" => ("TREAT", "treatment"),
        "operations" => ("HOPERAT", "healthcare operations"),
        "audit" => ("HCOMPL", "health compliance"),
        "research" => ("HRESCH", "healthcare research"),
        _ => return None,
    };
    Some(Code::new(ACT_REASON, code, display))
}

/// A role of the delivered configuration that HL7 has a code for.
pub(super) fn role(name: &str) -> Option<Code> {
    let (code, display) = match name {
        "physician" => ("doctor", "Doctor"),
        "nurse" => ("nurse", "Nurse"),
        _ => return None,
    };
    Some(Code::new(PRACTITIONER_ROLE, code, display))
}

/// Why a value is not there, in its place.
pub(super) fn absent(reason: &str) -> Value {
    let url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
    json!({ "extension": [{ "url": url, "valueCode": reason }] })
}
