//! Bundles: the committed ones, the ones nobody here wrote, and each way of being refused.

use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

fn counter() -> impl FnMut() -> Result<ResourceId, Vec<Issue>> {
    let mut next = 0;
    move || {
        next += 1;
        Ok(ResourceId::parse(&format!("new-{next}")).unwrap())
    }
}

fn committed() -> Value {
    parse_json(include_bytes!("testdata/bundle.json")).unwrap()
}

fn demonstration() -> Value {
    parse_json(include_bytes!("../../config/demo/bundle.json")).unwrap()
}

fn refused(bundle: Value) -> Vec<Issue> {
    parse_bundle(bundle, &mut counter()).unwrap_err()
}

fn refused_at(bundle: Value, code: IssueCode, expression: &str) {
    let issues = refused(bundle);
    let found = issues
        .iter()
        .any(|one| one.code == code && one.expression == expression);
    assert!(found, "expected {code:?} at {expression}: {issues:?}");
}

#[test]
fn posted_resources_get_new_ids_and_references_follow_them() {
    let parsed = parse_bundle(committed(), &mut counter()).unwrap();
    let resources: Vec<&Resource> = parsed.resources().collect();
    assert_eq!(resources.len(), 6);
    assert_eq!(parsed.skipped(), BTreeMap::from([("Encounter", 1)]));
    let patient = resources
        .iter()
        .find(|one| one.kind == FhirType::Patient)
        .unwrap();
    assert_eq!(patient.id.as_str(), "new-3");
    assert_eq!(patient.body["id"], "new-3");
    assert_eq!(
        patient.body["generalPractitioner"][0]["reference"],
        "Practitioner/new-2"
    );
    let observations = resources
        .iter()
        .filter(|one| one.kind == FhirType::Observation);
    for observation in observations {
        assert_eq!(observation.body["subject"]["reference"], "Patient/new-3");
        assert_eq!(observation.patient.as_ref().unwrap().as_str(), "new-3");
    }
}

#[test]
fn nothing_is_taken_of_a_bundle_for_which_no_id_can_be_made() {
    let (mut ids, mut left) = (counter(), 2);
    let exhausted = || vec![Issue::fatal(IssueCode::Structure, "", "no more ids")];
    let mut two = || {
        left -= 1;
        if left < 0 { Err(exhausted()) } else { ids() }
    };
    assert_eq!(parse_bundle(committed(), &mut two), Err(exhausted()));
}

#[test]
fn a_reference_to_a_skipped_entry_stays_as_it_came() {
    let parsed = parse_bundle(committed(), &mut counter()).unwrap();
    let kept = parsed
        .resources()
        .find_map(|one| one.body.get("encounter"))
        .unwrap();
    assert!(kept["reference"].as_str().unwrap().starts_with("urn:uuid:"));
}

#[test]
fn the_demonstration_bundle_stores_under_the_ids_the_walk_reads() {
    let mut none = || -> Result<ResourceId, Vec<Issue>> { panic!("every entry has its id") };
    let parsed = parse_bundle(demonstration(), &mut none).unwrap();
    let updates = parsed.entries.iter().filter(|entry| {
        matches!(
            entry,
            Entry::Store {
                method: Method::Update,
                ..
            }
        )
    });
    assert_eq!(updates.count(), 6);
    let ids: Vec<&str> = parsed.resources().map(|one| one.id.as_str()).collect();
    assert!(ids.contains(&"maria-exemplo"), "{ids:?}");
}

#[test]
fn bundles_nobody_here_wrote_are_read_whole() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir");
    let expected = [
        ("synthea-conn.json", 41, 32),
        ("synthea-hoeger.json", 40, 26),
        ("synthea-kreiger.json", 52, 18),
        ("synthea-hospitals.json", 102, 0),
        ("synthea-practitioners.json", 102, 0),
    ];
    if !folder.is_dir() {
        eprintln!("only the committed bundles were read: no folder of shared bundles here");
        return;
    }
    for (name, stored, skipped) in expected {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let bundle = parse_json(&bytes).unwrap();
        let parsed = parse_bundle(bundle, &mut counter()).unwrap_or_else(|issues| {
            panic!("{name}: {issues:?}");
        });
        assert_eq!(parsed.resources().count(), stored, "{name}");
        assert_eq!(parsed.skipped().values().sum::<u64>(), skipped, "{name}");
        if name == "synthea-conn.json" {
            assert_eq!(parsed.skipped().get("Encounter"), Some(&7));
        }
    }
}

#[test]
fn other_bundle_types_are_refused_by_name() {
    for (kind, code) in [
        (json!("searchset"), IssueCode::NotSupported),
        (Value::Null, IssueCode::Required),
    ] {
        let mut bundle = committed();
        bundle["type"] = kind.clone();
        let issues = refused(bundle);
        assert_eq!(issues[0].code, code);
        assert_eq!(issues[0].expression, "Bundle.type");
        if let Some(name) = kind.as_str() {
            assert!(issues[0].diagnostics.contains(name));
        }
    }
}

#[test]
fn requests_other_than_post_and_put_of_the_resource_are_refused() {
    let cases = [
        ("method", json!("DELETE"), IssueCode::NotSupported),
        ("method", json!("POKE"), IssueCode::CodeInvalid),
        ("url", json!("Observation"), IssueCode::Value),
        ("url", json!("Patient/x"), IssueCode::Value),
        (
            "ifNoneExist",
            json!("identifier=1"),
            IssueCode::NotSupported,
        ),
    ];
    for (field, value, code) in cases {
        let mut bundle = committed();
        bundle["entry"][2]["request"][field] = value;
        refused_at(bundle, code, &format!("Bundle.entry[2].request.{field}"));
    }
}

#[test]
fn a_put_whose_body_has_another_id_is_refused() {
    let mut bundle = demonstration();
    bundle["entry"][2]["resource"]["id"] = json!("joana-exemplo");
    refused_at(
        bundle,
        IssueCode::Value,
        "Bundle.entry[2].resource.ofType(Patient).id",
    );
    let mut bundle = demonstration();
    bundle["entry"][2]["request"]["url"] = json!("Patient/../admin");
    refused_at(bundle, IssueCode::Value, "Bundle.entry[2].request.url");
}

#[test]
fn the_same_resource_or_name_twice_is_refused() {
    let mut bundle = demonstration();
    let again = bundle["entry"][2].clone();
    bundle["entry"].as_array_mut().unwrap().push(again);
    refused_at(bundle, IssueCode::Duplicate, "Bundle.entry[7]");
    let mut bundle = committed();
    bundle["entry"][1]["fullUrl"] = bundle["entry"][0]["fullUrl"].clone();
    refused_at(bundle, IssueCode::Duplicate, "Bundle.entry[1].fullUrl");
}

#[test]
fn a_urn_that_names_no_entry_is_refused() {
    let mut bundle = committed();
    bundle["entry"][4]["resource"]["subject"]["reference"] = json!("urn:uuid:missing");
    let place = "Bundle.entry[4].resource.ofType(Observation)";
    refused_at(bundle, IssueCode::NotFound, place);
}

#[test]
fn a_misspelt_type_is_an_error_and_not_skipped() {
    let mut bundle = committed();
    bundle["entry"][2]["resource"]["resourceType"] = json!("Pacient");
    refused_at(
        bundle,
        IssueCode::Structure,
        "Bundle.entry[2].resource.resourceType",
    );
}

#[test]
fn the_limits_on_entries_depth_and_size_hold() {
    let entry = json!({ "resource": { "resourceType": "Encounter" } });
    let bundle = |count| {
        let entries = vec![entry.clone(); count];
        json!({ "resourceType": "Bundle", "type": "batch", "entry": entries })
    };
    assert!(parse_bundle(bundle(MAX_ENTRIES), &mut counter()).is_ok());
    refused_at(
        bundle(MAX_ENTRIES + 1),
        IssueCode::TooCostly,
        "Bundle.entry",
    );
    let deep = "[".repeat(MAX_DEPTH + 1) + &"]".repeat(MAX_DEPTH + 1);
    assert_eq!(
        parse_json(deep.as_bytes()).unwrap_err()[0].code,
        IssueCode::TooCostly
    );
    let long = vec![b' '; MAX_BODY_BYTES + 1];
    assert_eq!(parse_json(&long).unwrap_err()[0].code, IssueCode::TooLong);
    assert_eq!(parse_json(b"{").unwrap_err()[0].code, IssueCode::Structure);
}

#[test]
fn every_broken_entry_is_reported_and_the_report_is_bounded() {
    let mut bundle = committed();
    bundle["entry"][2]["resource"]["birthDate"] = json!("1984-02-30");
    bundle["entry"][5]["resource"]["status"] = json!("done");
    refused_at(
        bundle.clone(),
        IssueCode::Value,
        "Bundle.entry[2].resource.ofType(Patient).birthDate",
    );
    refused_at(
        bundle,
        IssueCode::CodeInvalid,
        "Bundle.entry[5].resource.ofType(Observation).status",
    );
    let entries = vec![json!({}); MAX_ENTRIES];
    let many = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
    assert_eq!(refused(many).len(), MAX_ISSUES);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("identifier".to_owned()),
        Just("extension".to_owned()),
        Just("_given".to_owned()),
        Just("name".to_owned()),
        Just("reference".to_owned()),
        Just("subject".to_owned()),
        Just("contained".to_owned()),
        Just("valueQuantity".to_owned()),
        ".{0,6}",
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_makes_the_reader_panic(value in any_json(), place in 0_usize..7) {
        let _ = parse_resource(value.clone());
        let _ = parse_bundle(value.clone(), &mut counter());
        let mut bundle = committed();
        for (name, inner) in value.as_object().into_iter().flatten() {
            bundle["entry"][place]["resource"][name.as_str()] = inner.clone();
        }
        let _ = parse_bundle(bundle.clone(), &mut counter());
        bundle["entry"][place] = value;
        let _ = parse_bundle(bundle, &mut counter());
    }
}
