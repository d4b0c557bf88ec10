//! What is stored, how it lies on disk, and how it comes back.

use super::*;

#[tokio::test]
async fn a_bundle_is_stored_whole_and_each_record_reads_back() {
    let hospital = hospital().await;
    let outcome = hospital.store(demonstration()).await.unwrap();
    let response = fhir::bundle_response(outcome.kind, &outcome.entries);
    assert_eq!(response["entry"][2]["response"]["status"], "201 Created");
    assert_eq!(outcome.entries.len(), 7);
    let found = hospital.read(FhirType::Patient, MARIA).await.unwrap();
    assert_eq!(found.body["name"][0]["given"][0], "Maria");
    assert_eq!(found.body["meta"]["versionId"], "1");
    assert_eq!((found.version, found.updated_at), (1, hospital.clock.now()));
    for (kind, id) in [
        (FhirType::Practitioner, "dra-exemplo"),
        (FhirType::Organization, "hospital-exemplo"),
        (FhirType::Observation, "glicemia-exemplo"),
    ] {
        let found = hospital.read(kind, id).await.unwrap();
        assert_eq!(found.body["id"], id);
        assert_eq!(found.patient.is_some(), kind == FhirType::Observation);
    }
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn nothing_that_identifies_a_patient_is_clear_on_disk() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let holds = |bytes: &[u8], text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    let secrets = [
        "Maria",
        "Silva",
        "12345678909",
        "1984-02-29",
        "Imagin",
        "resourceType",
    ];
    let sealed = hospital.rows("SELECT sealed FROM fhir_resource").await;
    assert_eq!(sealed.len(), 6);
    for row in &sealed {
        let bytes: &[u8] = row.get(0);
        assert!(secrets.iter().all(|secret| !holds(bytes, secret)));
    }
    let clear = hospital
        .rows(
            "SELECT concat_ws('|', kind, id, patient, key_subject) FROM fhir_resource UNION ALL \
             SELECT concat_ws('|', kind, id, encode(blind, 'escape')) FROM fhir_identifier",
        )
        .await;
    assert!(clear.len() > 6);
    for row in &clear {
        let text: String = row.get(0);
        assert!(
            secrets.iter().all(|secret| !text.contains(secret)),
            "{text}"
        );
    }
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn every_patient_has_a_key_of_its_own_and_the_directory_has_another() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    hospital
        .store(put(patient("joao-exemplo", "52998224725")))
        .await
        .unwrap();
    let keys = hospital
        .rows(
            "SELECT subject, wrapped FROM plantao_keys.data_key \
             WHERE subject <> 'index' ORDER BY 1",
        )
        .await;
    let subjects: Vec<&str> = keys.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        subjects,
        ["directory", "patient:joao-exemplo", "patient:maria-exemplo"]
    );
    let wrapped: std::collections::BTreeSet<&[u8]> = keys.iter().map(|row| row.get(1)).collect();
    assert_eq!(wrapped.len(), 3);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn without_the_key_for_look_ups_no_other_key_is_made() {
    let hospital = hospital().await;
    let session = hospital.session().await;
    let unusable = "INSERT INTO plantao_keys.data_key (tenant, subject, version, wrapped) \
         VALUES ('demo', 'index', 1, '\\x00')";
    session.execute(unusable, &[]).await.unwrap();
    let refused = hospital.store(demonstration()).await;
    assert_eq!(refused, Err(RecordError::Corrupt));
    assert_eq!(hospital.count("plantao_keys.data_key").await, 1);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_patient_is_found_by_any_spelling_of_a_number_and_not_by_an_old_one() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let find = async |value: &str| {
        let permit = hospital
            .permit(Action::Search, ResourceKind::Patient, None, None)
            .await;
        let records = &hospital.records;
        let kind = FhirType::Patient;
        records
            .find_by_identifier(permit, kind, fhir::CPF_SYSTEM, value)
            .await
            .unwrap()
    };
    assert_eq!(find("123.456.789-09").await[0].id.as_str(), MARIA);
    assert_eq!(find("12345678909").await.len(), 1);
    assert!(find("52998224725").await.is_empty());
    hospital
        .store(put(patient(MARIA, "529.982.247-25")))
        .await
        .unwrap();
    assert!(find("12345678909").await.is_empty());
    assert_eq!(find("52998224725").await[0].version, 2);
    let permit = hospital
        .permit(Action::Search, ResourceKind::Patient, None, Some("x"))
        .await;
    let none = hospital
        .records
        .find_by_identifier(permit, FhirType::Patient, fhir::CPF_SYSTEM, "52998224725")
        .await;
    assert_eq!(
        none.unwrap().len(),
        0,
        "a permit for another patient finds nobody"
    );
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_change_makes_a_new_version_and_keeps_the_old_one() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    for (version, value) in [(1, 36.5), (2, 38.0), (3, 37.0)] {
        let outcome = hospital
            .store(put(temperature("t", MARIA, value)))
            .await
            .unwrap();
        let response = fhir::bundle_response(outcome.kind, &outcome.entries);
        assert_eq!(
            response["entry"][0]["response"]["etag"],
            format!("W/\"{version}\"")
        );
        let found = hospital.read(FhirType::Observation, "t").await.unwrap();
        assert_eq!(found.version, version);
        assert_eq!(found.body["valueQuantity"]["value"], value);
    }
    assert_eq!(
        hospital.count("fhir_resource_history WHERE id = 't'").await,
        2
    );
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_change_completes_its_audit_entry_in_the_same_transaction() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    assert_eq!(
        hospital
            .count("audit_completion WHERE outcome = 'success'")
            .await,
        1
    );
    let orphan = put(temperature("t", "nobody", 36.0));
    assert_eq!(
        hospital.store(orphan).await,
        Err(RecordError::UnknownPatient)
    );
    assert_eq!(hospital.count("audit_completion").await, 1);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn bundles_over_the_same_records_wait_for_each_other_and_all_are_stored() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let writes = (0..12).map(|_| hospital.store(demonstration()));
    for outcome in futures_util::future::join_all(writes).await {
        outcome.unwrap();
    }
    assert_eq!(
        hospital
            .read(FhirType::Patient, MARIA)
            .await
            .unwrap()
            .version,
        13
    );
    hospital.tree.shutdown().await;
}
