//! What entries committed to, against what is kept.

use super::super::contents::{Checked, Contents};
use super::{MARIA, announced, hospital};
use crate::audit::Opening;
use crate::database::{Login, Scope};
use plantao_schema::access::{Action, ResourceKind};
use plantao_schema::audit::{Entry, Outcome, Phase, SALT_BYTES};
use plantao_schema::fhir::{self, Transaction};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use zeroize::Zeroizing;

fn put(text: &str) -> Transaction {
    let patient = json!({ "resourceType": "Patient", "id": MARIA, "name": [{ "text": text }] });
    let request = json!({ "method": "PUT", "url": format!("Patient/{MARIA}") });
    let entry = json!([{ "resource": patient, "request": request }]);
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entry });
    let mut ids = || -> Result<_, Vec<fhir::Issue>> { unreachable!("every id is given") };
    fhir::parse_bundle(bundle, &mut ids).unwrap()
}

/// Stores it under an entry that committed to `said`; answers the entry.
async fn stored(hospital: &super::Hospital, kept: Transaction, said: &Transaction) -> Entry {
    let (id, salt) = (Uuid::now_v7(), Zeroizing::new([7; SALT_BYTES]));
    let mut opening = Opening::new(id, salt);
    said.resources().for_each(|record| opening.add(record));
    let entry = Entry {
        id,
        phase: Phase::Opened,
        outcome: Outcome::Pending,
        commitment: Some(opening.commitment()),
        ..announced(&hospital.clock)
    };
    let open = hospital.audit.open(entry.clone()).await.unwrap();
    let open = open.with_openings(vec![opening]);
    let permit = hospital
        .permit(Action::Write, ResourceKind::Bundle, None, None)
        .await;
    match hospital.records.transact(permit, open, kept).await {
        Ok((_, open)) => hospital
            .audit
            .complete(open, Outcome::Success)
            .await
            .unwrap(),
        Err((error, _)) => panic!("{error}"),
    };
    entry
}

fn edition(version: u64) -> Vec<String> {
    vec![format!("Patient/{MARIA}/{version}")]
}

#[tokio::test]
async fn what_is_kept_is_what_was_committed_to_in_every_version_and_a_change_unseen_is_told() {
    let hospital = hospital().await;
    let contents = Contents::new(hospital.database.database(), hospital.vault.clone());
    let permit = hospital
        .permit(Action::Read, ResourceKind::Audit, None, None)
        .await;
    let scope = Scope::of(&permit);
    let first = stored(&hospital, put("Maria"), &put("Maria")).await;
    let second = stored(&hospital, put("Maria Exemplo"), &put("Maria Exemplo")).await;
    let other = stored(&hospital, put("Marta"), &put("Maria")).await;
    for (entry, version) in [(&first, 1), (&second, 2)] {
        let checked = contents.check(&scope, entry).await.unwrap();
        let records = edition(version);
        assert_eq!(checked, Checked::Holds { records });
    }
    let records = edition(3);
    let checked = contents.check(&scope, &other).await.unwrap();
    assert_eq!(checked, Checked::Differs { records });

    let plain = Entry {
        commitment: None,
        ..first.clone()
    };
    assert_eq!(
        contents.check(&scope, &plain).await.unwrap(),
        Checked::Nothing
    );
    let unknown = Entry {
        id: Uuid::now_v7(),
        ..first.clone()
    };
    assert_eq!(
        contents.check(&scope, &unknown).await.unwrap(),
        Checked::NotKept
    );

    let owner = hospital.database.session(Login::Owner).await;
    let gone = "ALTER TABLE fhir_resource_history NO FORCE ROW LEVEL SECURITY; \
         DELETE FROM fhir_resource_history WHERE version = 1";
    owner.batch_execute(gone).await.unwrap();
    let records = edition(1);
    let checked = contents.check(&scope, &first).await.unwrap();
    assert_eq!(checked, Checked::Differs { records });
    // Its salt put in the place of another's does not open.
    let moved = "ALTER TABLE audit_opening NO FORCE ROW LEVEL SECURITY; \
         UPDATE audit_opening a SET sealed = b.sealed FROM audit_opening b \
         WHERE a.entry_id <> b.entry_id";
    owner.batch_execute(moved).await.unwrap();
    assert_eq!(
        contents.check(&scope, &second).await.unwrap(),
        Checked::Sealed
    );
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn neither_salt_nor_content_is_in_clear_beside_the_trail() {
    let hospital = hospital().await;
    let entry = stored(&hospital, put("Maria Exemplo"), &put("Maria Exemplo")).await;
    let rows = hospital.rows("SELECT sealed FROM audit_opening").await;
    let sealed: &[u8] = rows[0].get(0);
    for secret in [&[7_u8; 8][..], b"Maria", b"Patient"] {
        assert!(!sealed.windows(secret.len()).any(|part| part == secret));
    }
    let sealed: Value = serde_json::to_value(&entry).unwrap();
    assert_eq!(sealed["commitment"].as_str().map(str::len), Some(64));
    hospital.tree.shutdown().await;
}

/// Of three patients, whoever announced the change being gone before anybody was told of it.
#[tokio::test]
async fn a_change_to_several_patients_is_completed_for_each_in_the_transaction_that_makes_it() {
    let hospital = hospital().await;
    let patients = ["paciente-1", "paciente-2", "paciente-3"].map(|id| {
        let patient = json!({ "resourceType": "Patient", "id": id });
        let request = json!({ "method": "PUT", "url": format!("Patient/{id}") });
        json!({ "resource": patient, "request": request })
    });
    let bundle =
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": patients.to_vec() });
    let bundle = super::parsed(bundle);
    let (mut opened, mut openings) = (Vec::new(), Vec::new());
    for record in bundle.resources() {
        let (id, salt) = (Uuid::now_v7(), Zeroizing::new([7; SALT_BYTES]));
        let mut opening = Opening::new(id, salt);
        opening.add(record);
        let entry = Entry {
            id,
            patient: record.patient.as_ref().map(ToString::to_string),
            commitment: Some(opening.commitment()),
            ..announced(&hospital.clock)
        };
        opened.push(hospital.audit.open(entry).await.unwrap());
        openings.push(opening);
    }
    let first = opened.remove(0).with_openings(openings);
    let permit = hospital
        .permit(Action::Write, ResourceKind::Bundle, None, None)
        .await;
    let made = hospital.records.transact(permit, first, bundle).await;
    let Ok((_, first)) = made else {
        panic!("refused");
    };
    assert_eq!(hospital.count("audit_completion").await, 3);
    drop((first, opened));
    let give_up = Instant::now() + Duration::from_secs(20);
    let completed = "SELECT patient, outcome FROM audit_entry \
         WHERE phase = 'completed' ORDER BY patient";
    let told = loop {
        let rows = hospital.rows(completed).await;
        if rows.len() == 3 {
            break rows;
        }
        assert!(Instant::now() < give_up, "{} are completed", rows.len());
        sleep(Duration::from_millis(5)).await;
    };
    for (row, patient) in told.iter().zip(["paciente-1", "paciente-2", "paciente-3"]) {
        let (of, outcome): (&str, &str) = (row.get(0), row.get(1));
        assert_eq!((of, outcome), (patient, "success"));
    }
    hospital.tree.shutdown().await;
}
