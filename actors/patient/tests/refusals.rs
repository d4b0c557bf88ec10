//! What is refused, and that a refusal changes nothing.

use super::*;
use crate::policy::PermitError;

#[tokio::test]
async fn a_permit_for_something_else_opens_nothing() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let id = || ResourceId::parse(MARIA).unwrap();
    let (read, on) = (Action::Read, ResourceKind::Patient);
    for (action, kind, resource, patient) in [
        (Action::Search, on, Some(MARIA), None),
        (Action::Write, on, Some(MARIA), None),
        (read, ResourceKind::Observation, Some(MARIA), None),
        (read, on, Some("joao-exemplo"), None),
        (read, on, None, None),
        (read, on, Some(MARIA), Some("joao-exemplo")),
    ] {
        let permit = hospital.permit(action, kind, resource, patient).await;
        let refused = hospital.records.read(permit, FhirType::Patient, id()).await;
        assert_eq!(
            refused,
            Err(RecordError::PermitMismatch),
            "{action} {kind} {resource:?}"
        );
    }
    let permit = hospital.permit(read, on, Some(MARIA), None).await;
    hospital.clock.set(permit.expires_at());
    let late = hospital.records.read(permit, FhirType::Patient, id()).await;
    assert_eq!(late, Err(RecordError::Permit(PermitError::Expired)));
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_permit_for_one_patient_writes_into_no_other_file() {
    let hospital = hospital().await;
    let bundle = || parsed(demonstration());
    let (write, on) = (Action::Write, ResourceKind::Bundle);
    let permit = hospital.permit(write, on, None, Some("joao-exemplo")).await;
    let refused = hospital.store_with(permit, bundle()).await;
    assert_eq!(refused, Err(RecordError::PermitMismatch));
    let permit = hospital.permit(Action::Read, on, None, None).await;
    let refused = hospital.store_with(permit, bundle()).await;
    assert_eq!(refused, Err(RecordError::PermitMismatch));
    assert_eq!(hospital.count("fhir_resource").await, 0);
    let permit = hospital.permit(write, on, None, Some(MARIA)).await;
    hospital.store_with(permit, bundle()).await.unwrap();
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn an_observation_of_another_patient_is_not_in_the_file() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    hospital
        .store(put(patient("joao-exemplo", "52998224725")))
        .await
        .unwrap();
    let id = ResourceId::parse("glicemia-exemplo").unwrap();
    let kind = ResourceKind::Observation;
    for (whose, found) in [("joao-exemplo", false), (MARIA, true)] {
        // Once before the patient's session is live and once with it.
        for _ in 0..2 {
            let permit = hospital
                .permit(Action::Read, kind, Some(id.as_str()), Some(whose))
                .await;
            let read = hospital
                .records
                .read(permit, FhirType::Observation, id.clone())
                .await;
            assert_eq!(read.is_ok(), found, "{whose}: {read:?}");
            hospital.read(FhirType::Patient, whose).await.unwrap();
        }
    }
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_bundle_that_fails_in_the_middle_leaves_nothing() {
    let hospital = hospital().await;
    let mut bundle = demonstration();
    let orphan = put(temperature("t", "nobody", 36.0));
    bundle["entry"]
        .as_array_mut()
        .unwrap()
        .push(orphan["entry"][0].clone());
    assert_eq!(
        hospital.store(bundle).await,
        Err(RecordError::UnknownPatient)
    );
    for table in ["fhir_resource", "fhir_identifier", "fhir_resource_history"] {
        assert_eq!(hospital.count(table).await, 0, "{table}");
    }
    assert_eq!(
        hospital.read(FhirType::Patient, MARIA).await,
        Err(RecordError::NotFound)
    );
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn an_observation_does_not_move_into_another_file() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    hospital
        .store(put(patient("joao-exemplo", "52998224725")))
        .await
        .unwrap();
    hospital
        .store(put(temperature("t", MARIA, 36.0)))
        .await
        .unwrap();
    let moved = hospital
        .store(put(temperature("t", "joao-exemplo", 36.0)))
        .await;
    assert_eq!(moved, Err(RecordError::OtherPatient));
    assert_eq!(
        hospital
            .read(FhirType::Observation, "t")
            .await
            .unwrap()
            .version,
        1
    );
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_body_that_was_changed_moved_or_rolled_back_does_not_open() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    for value in [36.0, 38.0] {
        hospital
            .store(put(temperature("t", MARIA, value)))
            .await
            .unwrap();
    }
    let session = hospital.session().await;
    let tamper = [
        "UPDATE fhir_resource SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) \
         WHERE id = 'pressao-exemplo'",
        "UPDATE fhir_resource r SET sealed = o.sealed FROM fhir_resource o \
         WHERE r.id = 'glicemia-exemplo' AND o.id = 'temperatura-exemplo'",
        "UPDATE fhir_resource r SET sealed = h.sealed FROM fhir_resource_history h \
         WHERE r.id = 't' AND h.id = 't' AND h.version = 1",
    ];
    for statement in tamper {
        assert_eq!(session.execute(statement, &[]).await.unwrap(), 1);
    }
    for id in ["pressao-exemplo", "glicemia-exemplo", "t"] {
        let read = hospital.read(FhirType::Observation, id).await;
        assert_eq!(read, Err(RecordError::Corrupt), "{id}");
    }
    assert!(hospital.read(FhirType::Patient, MARIA).await.is_ok());
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn another_tenant_has_another_world() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let mut access = testing::access(Action::Read, ResourceKind::Patient, hospital.clock.now());
    access.principal.tenant = Tenant::parse("other").unwrap();
    access.resource = Some(ResourceId::parse(MARIA).unwrap());
    let permit = testing::permit(access).await;
    let id = ResourceId::parse(MARIA).unwrap();
    let read = hospital.records.read(permit, FhirType::Patient, id).await;
    assert_eq!(read, Err(RecordError::NotFound));
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn without_a_database_the_answer_is_unavailable_and_the_entry_comes_back() {
    let mut hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let open = hospital.opened().await;
    let permit = hospital
        .permit(Action::Write, ResourceKind::Bundle, None, None)
        .await;
    hospital.database.lose_pool();
    let id = open.id();
    let refused = hospital
        .records
        .transact(permit, open, parsed(demonstration()))
        .await;
    let (error, open) = refused.err().unwrap();
    assert_eq!((error, open.id()), (RecordError::Unavailable, id));
    hospital.audit.abandon(open, Outcome::Failed).await.unwrap();
    let read = hospital.read(FhirType::Patient, MARIA).await;
    assert_eq!(read, Err(RecordError::Unavailable));
    hospital.tree.shutdown().await;
}
