//! Allergies, orders for medication and conditions: sound ones pass, single faults are found.

use super::tests::{faults, only_issue, with};
use super::*;
use serde_json::json;

fn concept(list: &str, code: &str) -> Value {
    let system = format!("http://terminology.hl7.org/CodeSystem/{list}");
    json!({ "coding": [{ "system": system, "code": code }] })
}

fn allergy() -> Value {
    json!({
        "resourceType": "AllergyIntolerance",
        "id": "alergia-exemplo",
        "clinicalStatus": concept("allergyintolerance-clinical", "active"),
        "verificationStatus": concept("allergyintolerance-verification", "confirmed"),
        "type": "allergy",
        "category": ["medication"],
        "criticality": "high",
        "code": { "text": "Penicilina" },
        "patient": { "reference": "Patient/maria-exemplo" },
        "onsetDateTime": "2011-03",
        "recorder": { "reference": "Practitioner/dra-exemplo" },
        "reaction": [{
            "manifestation": [{ "text": "Anafilaxia" }],
            "severity": "severe",
        }],
    })
}

fn order() -> Value {
    json!({
        "resourceType": "MedicationRequest",
        "id": "pedido-exemplo",
        "status": "active",
        "intent": "order",
        "priority": "routine",
        "medicationCodeableConcept": { "text": "Enalapril 10 mg" },
        "subject": { "reference": "Patient/maria-exemplo" },
        "authoredOn": "2025-11-20",
        "requester": { "reference": "Practitioner/dra-exemplo" },
        "dosageInstruction": [{ "text": "1 comprimido de 12 em 12 horas" }],
        "dispenseRequest": { "numberOfRepeatsAllowed": 2, "quantity": { "value": 60 } },
        "substitution": { "allowedBoolean": true },
    })
}

fn condition() -> Value {
    json!({
        "resourceType": "Condition",
        "id": "condicao-exemplo",
        "clinicalStatus": concept("condition-clinical", "active"),
        "verificationStatus": concept("condition-ver-status", "confirmed"),
        "category": [{ "text": "problem-list-item" }],
        "code": { "text": "Hipertensão" },
        "subject": { "reference": "Patient/maria-exemplo" },
        "onsetDateTime": "2019-05-02",
        "stage": [{ "summary": { "text": "Estágio 2" } }],
        "evidence": [{ "detail": [{ "reference": "Observation/pressao-exemplo" }] }],
    })
}

#[test]
fn sound_ones_pass_and_belong_to_their_patient() {
    for body in [allergy(), order(), condition()] {
        let parsed = parse_resource(body.clone()).unwrap();
        assert_eq!(parsed.patient.unwrap().as_str(), "maria-exemplo");
        assert_eq!(Value::Object(parsed.body), body);
    }
    let group = with(condition(), "/subject/reference", json!("Group/a"));
    assert_eq!(parse_resource(group).unwrap().patient, None);
}

#[test]
fn single_faults_of_an_allergy_are_found_where_they_are() {
    let mild = json!("mild-ish");
    let cases = vec![
        (
            "/patient",
            Value::Null,
            IssueCode::Required,
            "AllergyIntolerance.patient",
        ),
        (
            "/patient/reference",
            json!("Group/a"),
            IssueCode::Value,
            "AllergyIntolerance.patient.reference",
        ),
        (
            "/type",
            json!("Allergy"),
            IssueCode::CodeInvalid,
            "AllergyIntolerance.type",
        ),
        (
            "/category/0",
            json!("drug"),
            IssueCode::CodeInvalid,
            "AllergyIntolerance.category[0]",
        ),
        (
            "/category",
            json!("food"),
            IssueCode::Structure,
            "AllergyIntolerance.category",
        ),
        (
            "/criticality",
            json!("very-high"),
            IssueCode::CodeInvalid,
            "AllergyIntolerance.criticality",
        ),
        (
            "/clinicalStatus",
            concept("condition-clinical", "active"),
            IssueCode::CodeInvalid,
            "AllergyIntolerance.clinicalStatus",
        ),
        (
            "/clinicalStatus",
            json!({ "text": "active" }),
            IssueCode::CodeInvalid,
            "AllergyIntolerance.clinicalStatus",
        ),
        (
            "/clinicalStatus",
            Value::Null,
            IssueCode::Invariant,
            "AllergyIntolerance.clinicalStatus",
        ),
        (
            "/verificationStatus",
            concept("allergyintolerance-verification", "entered-in-error"),
            IssueCode::Invariant,
            "AllergyIntolerance.clinicalStatus",
        ),
        (
            "/reaction/0/manifestation",
            Value::Null,
            IssueCode::Required,
            "AllergyIntolerance.reaction[0].manifestation",
        ),
        (
            "/reaction/0/severity",
            mild,
            IssueCode::CodeInvalid,
            "AllergyIntolerance.reaction[0].severity",
        ),
        (
            "/onsetString",
            json!("menina"),
            IssueCode::Structure,
            "AllergyIntolerance.onset",
        ),
        (
            "/recorder/reference",
            json!("Device/x"),
            IssueCode::Value,
            "AllergyIntolerance.recorder.reference",
        ),
        (
            "/substance",
            json!({}),
            IssueCode::Structure,
            "AllergyIntolerance",
        ),
    ];
    faults(&allergy(), cases);
}

#[test]
fn an_allergy_entered_in_error_has_no_clinical_status() {
    let list = "allergyintolerance-verification";
    let error = with(
        allergy(),
        "/verificationStatus",
        concept(list, "entered-in-error"),
    );
    assert!(only_issue(error.clone()).diagnostics.starts_with("ait-2"));
    assert!(parse_resource(with(error, "/clinicalStatus", Value::Null)).is_ok());
    let statusless = with(allergy(), "/clinicalStatus", Value::Null);
    assert!(only_issue(statusless).diagnostics.starts_with("ait-1"));
}

#[test]
fn single_faults_of_an_order_are_found_where_they_are() {
    let cases = vec![
        (
            "/status",
            Value::Null,
            IssueCode::Required,
            "MedicationRequest.status",
        ),
        (
            "/status",
            json!("Active"),
            IssueCode::CodeInvalid,
            "MedicationRequest.status",
        ),
        (
            "/intent",
            Value::Null,
            IssueCode::Required,
            "MedicationRequest.intent",
        ),
        (
            "/intent",
            json!("wish"),
            IssueCode::CodeInvalid,
            "MedicationRequest.intent",
        ),
        (
            "/priority",
            json!("now"),
            IssueCode::CodeInvalid,
            "MedicationRequest.priority",
        ),
        (
            "/medicationCodeableConcept",
            Value::Null,
            IssueCode::Required,
            "MedicationRequest.medication",
        ),
        (
            "/medicationReference",
            json!({ "reference": "Medication/m" }),
            IssueCode::Structure,
            "MedicationRequest.medication",
        ),
        (
            "/subject",
            Value::Null,
            IssueCode::Required,
            "MedicationRequest.subject",
        ),
        (
            "/requester/reference",
            json!("CareTeam/x"),
            IssueCode::Value,
            "MedicationRequest.requester.reference",
        ),
        (
            "/dispenseRequest/numberOfRepeatsAllowed",
            json!(-1),
            IssueCode::Value,
            "MedicationRequest.dispenseRequest.numberOfRepeatsAllowed",
        ),
        (
            "/substitution/allowedBoolean",
            json!("yes"),
            IssueCode::Structure,
            "MedicationRequest.substitution.allowedBoolean",
        ),
        (
            "/substitution",
            json!({ "reason": { "text": "falta" } }),
            IssueCode::Required,
            "MedicationRequest.substitution.allowed",
        ),
    ];
    faults(&order(), cases);
}

#[test]
fn single_faults_of_a_condition_are_found_where_they_are() {
    let cases = vec![
        (
            "/subject",
            Value::Null,
            IssueCode::Required,
            "Condition.subject",
        ),
        (
            "/clinicalStatus",
            concept("condition-clinical", "gone"),
            IssueCode::CodeInvalid,
            "Condition.clinicalStatus",
        ),
        (
            "/verificationStatus",
            concept("condition-ver-status", "sure"),
            IssueCode::CodeInvalid,
            "Condition.verificationStatus",
        ),
        (
            "/stage/0",
            json!({ "type": { "text": "t" } }),
            IssueCode::Invariant,
            "Condition.stage[0]",
        ),
        (
            "/evidence/0",
            json!({ "id": "e" }),
            IssueCode::Invariant,
            "Condition.evidence[0]",
        ),
        (
            "/stage/0/assessment",
            json!([{ "reference": "Patient/maria-exemplo" }]),
            IssueCode::Value,
            "Condition.stage[0].assessment[0].reference",
        ),
        (
            "/abatementDateTime",
            json!("2020"),
            IssueCode::Invariant,
            "Condition.clinicalStatus",
        ),
        (
            "/onsetDateTime",
            json!("02/05/2019"),
            IssueCode::Value,
            "Condition.onsetDateTime",
        ),
    ];
    faults(&condition(), cases);
}

#[test]
fn a_condition_that_abated_has_a_status_that_says_so() {
    let abated = with(condition(), "/abatementString", json!("com o tratamento"));
    assert!(only_issue(abated.clone()).diagnostics.starts_with("con-4"));
    let statusless = with(abated.clone(), "/clinicalStatus", Value::Null);
    assert!(only_issue(statusless).diagnostics.starts_with("con-4"));
    for code in ["inactive", "remission", "resolved"] {
        let status = concept("condition-clinical", code);
        assert!(parse_resource(with(abated.clone(), "/clinicalStatus", status)).is_ok());
    }
}

#[test]
fn a_condition_entered_in_error_has_no_clinical_status_and_another_needs_none() {
    let error = concept("condition-ver-status", "entered-in-error");
    let error = with(condition(), "/verificationStatus", error);
    assert!(only_issue(error.clone()).diagnostics.starts_with("con-5"));
    assert!(parse_resource(with(error, "/clinicalStatus", Value::Null)).is_ok());
    // `con-3` is a warning of R4 and no error.
    assert!(parse_resource(with(condition(), "/clinicalStatus", Value::Null)).is_ok());
}

#[test]
fn a_concept_out_of_a_list_may_have_other_codings_beside() {
    let mut status = concept("condition-clinical", "relapse");
    status["coding"].as_array_mut().unwrap().insert(
        0,
        json!({ "system": "https://rede.example/situacao", "code": "recaida" }),
    );
    assert!(parse_resource(with(condition(), "/clinicalStatus", status)).is_ok());
}
