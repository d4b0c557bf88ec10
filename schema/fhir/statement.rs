//! The `CapabilityStatement`: what a FHIR client may ask of this server, and no more than is there.

use super::FhirType;
use serde_json::{Value, json};

/// When what is stated here last changed.
const STATED_ON: &str = "2026-11-27";

/// The statement served at `/fhir/metadata`, for this version of the software.
#[must_use]
pub fn capability_statement(version: &str) -> Value {
    let resources = FhirType::ALL.iter().map(|kind| resource(*kind));
    let resources: Vec<Value> = resources.chain([audit_event()]).collect();
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": STATED_ON,
        "kind": "instance",
        "software": { "name": "Plantão", "version": version },
        "implementation": { "description": "Plantão, runtime for hospital software" },
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{
            "mode": "server",
            "security": {
                "description": "TLS 1.3; a bearer token; a policy decision for every request",
            },
            "resource": resources,
            "interaction": [{ "code": "transaction" }, { "code": "batch" }],
        }],
    })
}

fn resource(kind: FhirType) -> Value {
    json!({
        "type": kind.as_str(),
        "interaction": [
            { "code": "read" },
            { "code": "search-type" },
            { "code": "create" },
            { "code": "update" },
        ],
        "versioning": "versioned",
        "readHistory": false,
        "updateCreate": true,
        "conditionalCreate": false,
        "conditionalUpdate": false,
        "searchParam": [{
            "name": "identifier",
            "type": "token",
            "documentation": "system|value, matched exactly",
        }],
    })
}

/// The audit trail: it is searched, and nobody writes it.
fn audit_event() -> Value {
    json!({
        "type": "AuditEvent",
        "supportedProfile": [
            "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead",
            "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientQuery",
            "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientCreate",
            "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientUpdate",
        ],
        "interaction": [{ "code": "search-type" }],
        "versioning": "no-version",
        "searchParam": [
            param("patient", "reference", "whose data; a logical id, or `Patient/ID`"),
            param("agent", "reference", "who acted; the id of a principal"),
            param("date", "date", "eq, gt, ge, lt, le, sa or eb; may be given again"),
            param("action", "token", "C, R, U, D or E"),
        ],
    })
}

fn param(name: &str, kind: &str, about: &str) -> Value {
    json!({ "name": name, "type": kind, "documentation": about })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_names_the_fhir_version_and_every_type() {
        let statement = capability_statement("0.1.0");
        assert_eq!(statement["fhirVersion"], "4.0.1");
        assert_eq!(statement["software"]["version"], "0.1.0");
        let listed = statement["rest"][0]["resource"].as_array().unwrap();
        assert_eq!(listed.len(), FhirType::ALL.len() + 1);
        let trail = listed
            .iter()
            .find(|one| one["type"] == "AuditEvent")
            .unwrap();
        assert_eq!(trail["interaction"], json!([{ "code": "search-type" }]));
        for name in ["AllergyIntolerance", "MedicationRequest", "Condition"] {
            assert!(listed.iter().any(|one| one["type"] == name), "{name}");
        }
    }
}
