//! Single resources: a sound one passes as it is, and each single fault is found where it is.

use super::*;
use serde_json::json;

fn entry(index: usize) -> Value {
    let bundle = parse_json(include_bytes!("../../config/demo/bundle.json")).unwrap();
    bundle["entry"][index]["resource"].clone()
}

fn organization() -> Value {
    entry(0)
}

fn patient() -> Value {
    entry(2)
}

fn observation() -> Value {
    entry(5)
}

/// Sets the element at a JSON pointer, or removes it when the value is null.
pub(super) fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(map), Value::Null) => drop(map.remove(name)),
        (parent, value) => match name.parse::<usize>() {
            Ok(index) => parent[index] = value,
            Err(_) => parent[name] = value,
        },
    }
    body
}

pub(super) fn only_issue(body: Value) -> Issue {
    let mut issues = parse_resource(body).unwrap_err();
    assert_eq!(issues.len(), 1, "{issues:?}");
    issues.remove(0)
}

pub(super) fn faults(body: &Value, cases: Vec<(&str, Value, IssueCode, &str)>) {
    for (pointer, value, code, expression) in cases {
        let issue = only_issue(with(body.clone(), pointer, value.clone()));
        assert_eq!(
            (issue.code, issue.expression.as_str()),
            (code, expression),
            "{pointer} {value}"
        );
    }
}

#[test]
fn a_sound_body_is_kept_as_it_came() {
    let parsed = parse_resource(patient()).unwrap();
    assert_eq!(Value::Object(parsed.body.clone()), patient());
    assert_eq!(parsed.patient.as_ref().unwrap().as_str(), "maria-exemplo");
    assert_eq!(format!("{parsed:?}"), "Resource(Patient/maria-exemplo)");
    assert_eq!(
        parse_resource(observation()).unwrap().patient,
        parsed.patient
    );
    assert_eq!(parse_resource(organization()).unwrap().patient, None);
}

#[test]
fn single_faults_of_a_patient_are_found_where_they_are() {
    use IssueCode::{CodeInvalid, Structure, Value as Val};
    let cases = vec![
        ("/birthDate", json!("1983-02-29"), Val, "Patient.birthDate"),
        ("/birthDate", json!(1984), Structure, "Patient.birthDate"),
        (
            "/birthDate",
            json!(["1984"]),
            Structure,
            "Patient.birthDate",
        ),
        ("/gender", json!("F"), CodeInvalid, "Patient.gender"),
        ("/active", json!("true"), Structure, "Patient.active"),
        ("/id", json!("maria/exemplo"), Val, "Patient.id"),
        ("/birthdate", json!("1984"), Structure, "Patient"),
        ("/name", json!({ "family": "x" }), Structure, "Patient.name"),
        ("/name", json!([]), Structure, "Patient.name"),
        ("/name/0", json!({}), Structure, "Patient.name[0]"),
        (
            "/name/0/given/0",
            json!(""),
            Val,
            "Patient.name[0].given[0]",
        ),
        (
            "/name/0/use",
            json!("legal"),
            CodeInvalid,
            "Patient.name[0].use",
        ),
        (
            "/telecom/0/system",
            json!("whatsapp"),
            CodeInvalid,
            "Patient.telecom[0].system",
        ),
        (
            "/identifier/0/system",
            json!("a b"),
            Val,
            "Patient.identifier[0].system",
        ),
        (
            "/text/status",
            json!(null),
            IssueCode::Required,
            "Patient.text.status",
        ),
        ("/text/div", json!("texto"), Val, "Patient.text.div"),
        (
            "/contact",
            json!([{ "gender": "male" }]),
            IssueCode::Invariant,
            "Patient.contact[0]",
        ),
        (
            "/link",
            json!([{ "type": "seealso" }]),
            IssueCode::Required,
            "Patient.link[0].other",
        ),
        (
            "/multipleBirthInteger",
            json!(1.5),
            Val,
            "Patient.multipleBirthInteger",
        ),
        ("/deceasedText", json!("x"), Structure, "Patient"),
        (
            "/extension",
            json!([{ "url": "http://x" }]),
            IssueCode::Invariant,
            "Patient.extension[0]",
        ),
        ("/_birthDate", json!("x"), Structure, "Patient.birthDate"),
        ("/_name", json!([{}]), Structure, "Patient"),
    ];
    faults(&patient(), cases);
}

#[test]
fn single_faults_of_references_are_found_where_they_are() {
    let target = "Patient.managingOrganization.reference";
    let cases = vec![
        (
            "/managingOrganization/reference",
            json!("Patient/x"),
            IssueCode::Value,
            target,
        ),
        (
            "/managingOrganization/reference",
            json!("Organization/../x"),
            IssueCode::Value,
            target,
        ),
        (
            "/managingOrganization/reference",
            json!("#x"),
            IssueCode::Invariant,
            "Patient.contained",
        ),
        (
            "/managingOrganization/type",
            json!("Group"),
            IssueCode::Value,
            "Patient.managingOrganization.type",
        ),
    ];
    faults(&patient(), cases);
}

#[test]
fn single_faults_of_an_observation_are_found_where_they_are() {
    use IssueCode::{CodeInvalid, Invariant, Required, Structure, Value as Val};
    let cases = vec![
        ("/status", json!(null), Required, "Observation.status"),
        ("/status", json!("done"), CodeInvalid, "Observation.status"),
        ("/code", json!(null), Required, "Observation.code"),
        ("/valueString", json!("92"), Structure, "Observation.value"),
        (
            "/valueQuantity/value",
            json!("92"),
            Structure,
            "Observation.valueQuantity.value",
        ),
        (
            "/valueQuantity/comparator",
            json!("=<"),
            CodeInvalid,
            "Observation.valueQuantity.comparator",
        ),
        (
            "/valueQuantity/system",
            json!(null),
            Invariant,
            "Observation.valueQuantity",
        ),
        ("/issued", json!("2025-01-15"), Val, "Observation.issued"),
        (
            "/effectiveDateTime",
            json!("15/01/2025"),
            Val,
            "Observation.effectiveDateTime",
        ),
        (
            "/dataAbsentReason",
            json!({ "text": "x" }),
            Invariant,
            "Observation.dataAbsentReason",
        ),
        (
            "/subject/reference",
            json!("Practitioner/x"),
            Val,
            "Observation.subject.reference",
        ),
        (
            "/component",
            json!([{ "valueString": "x" }]),
            Required,
            "Observation.component[0].code",
        ),
    ];
    faults(&observation(), cases);
    let bare = with(
        observation(),
        "/referenceRange",
        json!([{ "appliesTo": [{ "text": "x" }] }]),
    );
    let issue = only_issue(bare);
    assert_eq!(issue.expression, "Observation.referenceRange[0]");
}

#[test]
fn single_faults_of_the_directory_are_found_where_they_are() {
    let home = json!([{ "use": "home", "city": "x" }]);
    let issue = only_issue(with(organization(), "/address", home));
    assert_eq!(issue.expression, "Organization.address[0]");
    let nameless = with(
        with(organization(), "/name", json!(null)),
        "/identifier",
        json!(null),
    );
    assert_eq!(only_issue(nameless).code, IssueCode::Invariant);
    let practitioner = entry(1);
    let qualification = json!([{ "identifier": [{ "value": "x" }] }]);
    let issue = only_issue(with(practitioner, "/qualification", qualification));
    assert_eq!(issue.expression, "Practitioner.qualification[0].code");
}

#[test]
fn document_numbers_with_wrong_check_digits_are_refused_without_being_repeated() {
    for (system, number) in [
        (CPF_SYSTEM, "12345678900"),
        (CPF_SYSTEM_OID, "11111111111"),
        (CPF_SYSTEM, "maria"),
        (CNS_SYSTEM, "700000000000001"),
    ] {
        let body = with(patient(), "/identifier/0/system", json!(system));
        let issue = only_issue(with(body, "/identifier/0/value", json!(number)));
        assert_eq!(issue.expression, "Patient.identifier[0].value");
        assert_eq!(issue.code, IssueCode::Value);
        assert!(!issue.diagnostics.contains(number), "{}", issue.diagnostics);
    }
}

#[test]
fn a_number_is_looked_up_in_one_spelling() {
    let body = with(patient(), "/identifier/0/value", json!("123.456.789-09"));
    let found = identifiers(&parse_resource(body).unwrap());
    assert_eq!(found[0], (CPF_SYSTEM.to_owned(), "12345678909".to_owned()));
    assert_eq!(found.len(), 2);
    assert_eq!(canonical_value("urn:x", " A-1 "), "A-1");
}

#[test]
fn an_extension_may_stand_in_for_a_value() {
    let reason = json!([{
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "valueCode": "unknown",
    }]);
    let body = with(patient(), "/birthDate", json!(null));
    let body = with(body, "/_birthDate", json!({ "extension": reason }));
    let body = with(body, "/name/0/given", json!(["Maria", null]));
    let body = with(
        body,
        "/name/0/_given",
        json!([null, { "extension": reason }]),
    );
    assert!(
        parse_resource(body.clone()).is_ok(),
        "{:?}",
        parse_resource(body)
    );
    let hollow = with(patient(), "/name/0/given", json!(["Maria", null]));
    assert_eq!(only_issue(hollow).expression, "Patient.name[0].given[1]");
}

#[test]
fn contained_resources_are_checked_and_do_not_nest() {
    let inner = json!({ "resourceType": "Organization", "id": "org", "name": "Laboratório" });
    let body = with(patient(), "/contained", json!([inner]));
    let body = with(body, "/managingOrganization/reference", json!("#org"));
    assert!(parse_resource(body.clone()).is_ok());
    let nested = with(body.clone(), "/contained/0/contained", json!([inner]));
    assert_eq!(
        only_issue(nested).expression,
        "Patient.contained[0].contained"
    );
    let wrong = with(body, "/contained/0/active", json!("sim"));
    assert_eq!(only_issue(wrong).expression, "Patient.contained[0].active");
}

#[test]
fn a_period_that_ends_before_it_starts_is_refused() {
    for (start, end, sound) in [
        ("2020", "2020-05", true),
        ("2020-05-02", "2020-05-01", false),
        (
            "2020-05-01T10:00:00-03:00",
            "2020-05-01T09:00:00-03:00",
            false,
        ),
        (
            "2020-05-01T10:00:00.5-03:00",
            "2020-05-01T10:00:00-03:00",
            true,
        ),
        ("2020-05-01T10:00:00-03:00", "2020-05-01T12:30:00Z", true),
        ("2020-05-01", "2020-05-01T08:00:00Z", true),
        ("2021", "2020", false),
    ] {
        let body = with(
            patient(),
            "/name/0/period",
            json!({ "start": start, "end": end }),
        );
        assert_eq!(parse_resource(body).is_ok(), sound, "{start} {end}");
    }
}

#[test]
fn types_are_known_unsupported_or_unknown_and_errors_name_them() {
    assert_eq!(parse_type("Patient"), Ok(FhirType::Patient));
    let unsupported = parse_type("Encounter").unwrap_err();
    assert_eq!(
        unsupported.to_string(),
        "resource type `Encounter` is not supported here"
    );
    assert!(
        parse_type("patient")
            .unwrap_err()
            .to_string()
            .contains("`patient`")
    );
    assert!(
        !parse_type("529.982.247-25")
            .unwrap_err()
            .to_string()
            .contains("529")
    );
    assert_eq!(
        only_issue(json!({ "resourceType": "Encounter" })).code,
        IssueCode::NotSupported
    );
    assert_eq!(only_issue(json!([])).code, IssueCode::Structure);
    let missing = with(patient(), "/id", json!(null));
    assert_eq!(only_issue(missing).expression, "Patient.id");
    let new = ResourceId::parse("novo").unwrap();
    let given = parse_new_resource(with(patient(), "/id", json!(null)), new).unwrap();
    assert_eq!(given.body["id"], "novo");
}
