//! What kind of event an entry is: its type and subtypes, and the BALP profile it keeps to.

use super::codes::{self, Code};
use crate::audit::{Entry, Outcome, action_code};

/// The profiles' common address.
const BALP: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";

/// What FHIR's REST interface did with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interaction {
    Read,
    Query,
    Create,
    Update,
    Transaction,
}

/// The kind of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) kind: Code,
    pub(super) subtypes: Vec<Code>,
    pub(super) action: &'static str,
    /// Where it was an interaction with a FHIR resource.
    pub(super) interaction: Option<Interaction>,
}

impl Event {
    pub(super) fn of(entry: &Entry) -> Self {
        let action = action_code(entry);
        let interaction = interaction(entry, action);
        let (kind, subtype) = match interaction {
            Some(done) => (codes::REST, Some(done.code())),
            None => other(entry),
        };
        let emergency = is_emergency(entry).then_some(codes::EMERGENCY_OVERRIDE);
        Self {
            kind,
            subtypes: subtype.into_iter().chain(emergency).collect(),
            action,
            interaction,
        }
    }

    /// The profile of IHE BALP that the event keeps to. They are of what succeeded; a transaction
    /// over several resources has none.
    pub(super) fn profile(&self, entry: &Entry) -> Option<String> {
        let name = match self.interaction? {
            Interaction::Read => "Read",
            Interaction::Query => "Query",
            Interaction::Create => "Create",
            Interaction::Update => "Update",
            Interaction::Transaction => return None,
        };
        let patient = if entry.patient.is_some() {
            "Patient"
        } else {
            ""
        };
        (entry.outcome == Outcome::Success).then(|| format!("{BALP}{patient}{name}"))
    }
}

impl Interaction {
    const fn code(self) -> Code {
        match self {
            Self::Read => codes::READ,
            Self::Query => codes::SEARCH_TYPE,
            Self::Create => codes::CREATE,
            Self::Update => codes::UPDATE,
            Self::Transaction => codes::TRANSACTION,
        }
    }
}

/// Whether the glass was broken.
pub(super) fn is_emergency(entry: &Entry) -> bool {
    entry.verdict == "break_glass"
}

/// The FHIR type of a kind of resource, where it has one.
pub(super) fn fhir_type(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "patient" => "Patient",
        "observation" => "Observation",
        "allergy_intolerance" => "AllergyIntolerance",
        "medication_request" => "MedicationRequest",
        "condition" => "Condition",
        "practitioner" => "Practitioner",
        "organization" => "Organization",
        "bundle" => "Bundle",
        _ => return None,
    })
}

fn interaction(entry: &Entry, action: &str) -> Option<Interaction> {
    let kind = fhir_type(&entry.resource_kind)?;
    match (entry.action.as_str(), action) {
        ("write", _) if kind == "Bundle" => Some(Interaction::Transaction),
        ("search", _) => Some(Interaction::Query),
        ("read", _) => Some(Interaction::Read),
        ("write", "C") => Some(Interaction::Create),
        ("write", _) => Some(Interaction::Update),
        _ => None,
    }
}

/// What is no interaction of FHIR's: the security events of DICOM, and the life of a record.
fn other(entry: &Entry) -> (Code, Option<Code>) {
    let reads = entry.action == "read";
    match entry.resource_kind.as_str() {
        // Whoever was refused before anybody knew who they were.
        _ if entry.principal == "anonymous" => (codes::USER_AUTHENTICATION, None),
        _ if entry.action == "operate" => (codes::SECURITY_ALERT, Some(codes::RESTRICTED_FUNCTION)),
        "audit" => (codes::AUDIT_LOG_USED, None),
        "session" if !reads => (codes::USER_AUTHENTICATION, None),
        "plugin" | "system" => (codes::APPLICATION_ACTIVITY, None),
        "content" => (codes::VERIFY, None),
        _ if entry.patient.is_some() => (codes::PATIENT_RECORD, None),
        _ if reads => (codes::ACCESS, None),
        _ => (codes::AMEND, None),
    }
}
