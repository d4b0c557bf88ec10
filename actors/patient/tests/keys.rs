//! Records while their keys are replaced, and after they are destroyed.

use super::*;
use crate::database::Scope;
use crate::vault::{Erasure, ErasureError, ErasureReason, IncidentKind, Rotations, Target};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const NOTES: usize = 200;

fn demo() -> Tenant {
    Tenant::parse("demo").unwrap()
}

fn maria() -> PatientId {
    PatientId::parse(MARIA).unwrap()
}

async fn rotator(hospital: &Hospital) -> (Rotations, Tree) {
    let rotations = Rotations::new(hospital.vault.clone(), hospital.database.database());
    let often = Intensity::new(50, Duration::from_secs(5));
    let spec = SupervisorSpec::new(Strategy::OneForOne, often).child(rotations.child());
    let tree = Tree::start("keys", spec).await.unwrap();
    (rotations, tree)
}

async fn erase(hospital: &Hospital, id: &str) -> Result<Erasure, ErasureError> {
    let (patient, open) = (PatientId::parse(id).unwrap(), hospital.opened().await);
    let reason = ErasureReason::parse("lgpd_art18").unwrap();
    let (database, scope) = (hospital.database.database(), Scope::system(demo()));
    let now = hospital.clock.now();
    let erased = hospital
        .vault
        .erase(&database, &scope, &patient, &reason, now, &open)
        .await;
    hospital.records.erased(&scope.tenant, &patient);
    erased
}

/// Stores so many records of Maria, some of them changed since.
async fn fill(hospital: &Hospital) {
    hospital.store(demonstration()).await.unwrap();
    for number in 0..NOTES {
        let id = format!("n-{}", number % (NOTES - 20));
        hospital
            .store(put(temperature(&id, MARIA, 36.0)))
            .await
            .unwrap();
    }
}

async fn versions(hospital: &Hospital, table: &str) -> Vec<(i32, i64)> {
    let sql = format!(
        "SELECT key_version, count(*) FROM {table} WHERE patient = '{MARIA}' GROUP BY 1 ORDER BY 1"
    );
    let rows = hospital.rows(&sql).await;
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn every_row_of_a_patient_is_sealed_anew_and_nothing_else_about_it_changes() {
    let hospital = hospital().await;
    let (rotations, tree) = rotator(&hospital).await;
    fill(&hospital).await;
    let clear = "SELECT concat_ws(' ', kind, id, version, patient, slow_signs, updated_at) \
         FROM fhir_resource ORDER BY 1";
    let shown = async || -> Vec<String> {
        let rows = hospital.rows(clear).await;
        rows.iter().map(|row| row.get(0)).collect()
    };
    let before = shown().await;
    let history = hospital.count("fhir_resource_history").await;
    let of_patient = Target::Patient(maria());
    let begun = rotations.start(&demo(), &of_patient).await.unwrap();
    assert!(begun.total > NOTES as u64, "{begun:?}");
    let told = hospital.vault.incident().await;
    assert_eq!(told.kind, IncidentKind::RotationFinished, "{}", told.what);
    assert_eq!(shown().await, before);
    assert_eq!(hospital.count("fhir_resource_history").await, history);
    for table in ["fhir_resource", "fhir_resource_history"] {
        let found = versions(&hospital, table).await;
        assert!(matches!(found.as_slice(), [(2, _)]), "{table}: {found:?}");
    }
    let keys = hospital
        .rows(
            "SELECT version FROM plantao_keys.data_key \
         WHERE subject = 'patient:maria-exemplo'",
        )
        .await;
    let keys: Vec<i32> = keys.iter().map(|row| row.get(0)).collect();
    assert_eq!(keys, [2], "the old one is destroyed");
    let rotation = rotations.overview(&demo()).await.unwrap().rotation.unwrap();
    assert_eq!(rotation.done, begun.total);
    let found = hospital.read(FhirType::Observation, "n-7").await.unwrap();
    assert_eq!(found.body["valueQuantity"]["value"], 36.0);
    hospital
        .store(put(temperature("n-7", MARIA, 38.0)))
        .await
        .unwrap();
    let found = hospital.read(FhirType::Observation, "n-7").await.unwrap();
    assert_eq!(found.body["valueQuantity"]["value"], 38.0);
    tree.shutdown().await;
    hospital.tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_and_writing_go_on_while_every_key_is_replaced_and_its_rotator_is_killed() {
    let hospital = Arc::new(hospital().await);
    let (rotations, tree) = rotator(&hospital).await;
    fill(&hospital).await;
    let over = Arc::new(AtomicBool::new(false));
    let (writing, flag) = (Arc::clone(&hospital), Arc::clone(&over));
    let writer = tokio::spawn(async move {
        let mut written = 0_u32;
        while !flag.load(Ordering::Acquire) {
            let id = format!("w-{written}");
            writing
                .store(put(temperature(&id, MARIA, 37.0)))
                .await
                .unwrap();
            let changed = put(temperature("n-1", MARIA, f64::from(written)));
            writing.store(changed).await.unwrap();
            written += 1;
        }
        written
    });
    let (reading, flag) = (Arc::clone(&hospital), Arc::clone(&over));
    let reader = tokio::spawn(async move {
        let mut number = 0;
        while !flag.load(Ordering::Acquire) {
            let id = format!("n-{}", number % 100);
            reading.read(FhirType::Observation, &id).await.unwrap();
            number += 1;
        }
    });
    for round in 0..2 {
        rotations.start(&demo(), &Target::AllData).await.unwrap();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let _down = tree.kill("keys/rotator");
        }
        let told = hospital.vault.incident().await;
        assert_eq!(
            told.kind,
            IncidentKind::RotationFinished,
            "{round}: {}",
            told.what
        );
    }
    over.store(true, Ordering::Release);
    let written = writer.await.unwrap();
    reader.await.unwrap();
    assert!(written > 0);
    for number in 0..written {
        let id = format!("w-{number}");
        let found = hospital.read(FhirType::Observation, &id).await.unwrap();
        assert_eq!(found.body["valueQuantity"]["value"], 37.0);
    }
    let last = hospital.read(FhirType::Observation, "n-1").await.unwrap();
    let value = last.body["valueQuantity"]["value"].as_f64();
    assert_eq!(value, Some(f64::from(written - 1)));
    let keys = hospital
        .rows(
            "SELECT version FROM plantao_keys.data_key \
         WHERE subject IN ('directory', 'patient:maria-exemplo')",
        )
        .await;
    let keys: Vec<i32> = keys.iter().map(|row| row.get(0)).collect();
    assert_eq!(keys, [3, 3]);
    tree.shutdown().await;
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_row_that_does_not_open_keeps_its_key_and_holds_no_other_up() {
    let hospital = hospital().await;
    let (rotations, tree) = rotator(&hospital).await;
    hospital.store(demonstration()).await.unwrap();
    let session = hospital.session().await;
    let tamper = "UPDATE fhir_resource SET \
         sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE id = 'pressao-exemplo'";
    assert_eq!(session.execute(tamper, &[]).await.unwrap(), 1);
    rotations.start(&demo(), &Target::AllData).await.unwrap();
    let told = hospital.vault.incident().await;
    assert_eq!(told.what, "fhir_resource.sealed version 1");
    assert_eq!(
        hospital.vault.incident().await.kind,
        IncidentKind::DecryptionFailed
    );
    assert_eq!(
        hospital.vault.incident().await.kind,
        IncidentKind::RotationFinished
    );
    let found = versions(&hospital, "fhir_resource").await;
    assert!(matches!(found.as_slice(), [(1, 1), (2, _)]), "{found:?}");
    let read = hospital
        .read(FhirType::Observation, "pressao-exemplo")
        .await;
    assert_eq!(read, Err(RecordError::Corrupt));
    hospital
        .read(FhirType::Observation, "glicemia-exemplo")
        .await
        .unwrap();
    tree.shutdown().await;
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn an_erased_patient_reads_and_writes_as_erased_at_once_and_is_found_by_nothing() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    hospital
        .store(put(patient("joao-exemplo", "52998224725")))
        .await
        .unwrap();
    // Remembered by the session, its key in hand.
    hospital.read(FhirType::Patient, MARIA).await.unwrap();
    let erased = erase(&hospital, MARIA).await.unwrap();
    assert_eq!(erased.keys, 1);
    assert!(erased.identifiers > 0);
    for (kind, id) in [
        (FhirType::Patient, MARIA),
        (FhirType::Observation, "glicemia-exemplo"),
    ] {
        for _ in 0..2 {
            assert_eq!(
                hospital.read(kind, id).await,
                Err(RecordError::Erased),
                "{id}"
            );
        }
    }
    let written = hospital.store(put(temperature("t", MARIA, 36.0))).await;
    assert_eq!(written, Err(RecordError::Erased));
    let again = hospital.store(put(patient(MARIA, "12345678909"))).await;
    assert_eq!(again, Err(RecordError::Erased), "nor under the same id");
    let permit = hospital
        .permit(Action::Search, ResourceKind::Patient, None, None)
        .await;
    let (kind, system) = (FhirType::Patient, fhir::CPF_SYSTEM);
    let found = hospital
        .records
        .find_by_identifier(permit, kind, system, "12345678909");
    assert_eq!(found.await.unwrap().len(), 0);
    hospital
        .read(FhirType::Patient, "joao-exemplo")
        .await
        .unwrap();
    hospital
        .read(FhirType::Practitioner, "dra-exemplo")
        .await
        .unwrap();
    let success = "audit_completion WHERE outcome = 'success'";
    assert_eq!(
        hospital.count(success).await,
        3,
        "two bundles and the erasure"
    );
    assert_eq!(erase(&hospital, MARIA).await, Err(ErasureError::Already));
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn what_somebody_watches_of_a_patient_ends_with_the_erasure() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let watch = || async { hospital.records.watch(&watching::grant(), &maria()).await };
    let mut bedside = watch().await.unwrap();
    erase(&hospital, MARIA).await.unwrap();
    let ended = async { while bedside.changed().await.is_ok() {} };
    let ended = tokio::time::timeout(Duration::from_secs(5), ended).await;
    ended.unwrap();
    assert_eq!(watch().await.map(drop), Err(RecordError::Erased));
    hospital.tree.shutdown().await;
}
