//! Withdrawn consent, for records whose patient is known only once they are found.

use super::watching::{grant, maria};
use super::*;
use crate::policy::Policy;
use crate::policy::testing::{LoadedTables, loaded, settings};
use plantao_schema::access::{ConsentStatus, Purpose};

/// Records that ask a policy, its tables, and what keeps the policy alive.
async fn asking(hospital: &Hospital) -> (Records, Policy, LoadedTables, Tree) {
    let policy = Policy::new(settings()).unwrap();
    let intensity = Intensity::new(1, Duration::from_secs(5));
    let spec =
        SupervisorSpec::new(Strategy::OneForOne, intensity).child(crate::policy::child(&policy));
    let tree = Tree::start("policy", spec).await.unwrap();
    let tables = loaded(&policy);
    let records = hospital.records.clone().with_consent(policy.clone());
    (records, policy, tables, tree)
}

async fn read(
    hospital: &Hospital,
    records: &Records,
    purpose: Purpose,
    break_glass: bool,
) -> Result<(), RecordError> {
    let kind = ResourceKind::Observation;
    let mut access = testing::access(Action::Read, kind, hospital.clock.now());
    access.resource = Some(ResourceId::parse("glicemia-exemplo").unwrap());
    access.purpose = purpose;
    if break_glass {
        access.break_glass = Some("parada cardíaca na sala 2".into());
        access.patient = Some(maria());
    }
    let permit = testing::permit(access).await;
    let id = ResourceId::parse("glicemia-exemplo").unwrap();
    let found = records.read(permit, FhirType::Observation, id).await;
    found.map(drop)
}

#[tokio::test]
async fn withdrawn_consent_closes_what_is_found_to_be_the_patients() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let (records, _policy, tables, policy_tree) = asking(&hospital).await;
    let care = Purpose::Treatment;
    assert_eq!(read(&hospital, &records, care, false).await, Ok(()));
    tables.say(&maria(), care, ConsentStatus::Revoked);
    let refused = Err(RecordError::ConsentRevoked);
    assert_eq!(read(&hospital, &records, care, false).await, refused);
    assert_eq!(read(&hospital, &records, care, true).await, Ok(()));
    let other = Purpose::Operations;
    assert_eq!(read(&hospital, &records, other, false).await, Ok(()));
    let search = async || {
        let (action, kind) = (Action::Search, ResourceKind::Patient);
        let permit = hospital.permit(action, kind, None, None).await;
        let (system, cpf) = (fhir::CPF_SYSTEM, "12345678909");
        let found = records.find_by_identifier(permit, FhirType::Patient, system, cpf);
        found.await.map(|found| found.len())
    };
    assert_eq!(search().await, Err(RecordError::ConsentRevoked));
    let watched = records.watch(&grant(), &maria()).await;
    assert_eq!(watched.err(), Some(RecordError::ConsentRevoked));
    tables.say(&maria(), care, ConsentStatus::Granted);
    assert_eq!(read(&hospital, &records, care, false).await, Ok(()));
    assert_eq!(search().await, Ok(1));
    assert!(records.watch(&grant(), &maria()).await.is_ok());
    policy_tree.shutdown().await;
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn consent_that_nobody_can_tell_is_unavailable_and_not_withdrawn() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let (records, _policy, tables, policy_tree) = asking(&hospital).await;
    drop(tables);
    let unknown = read(&hospital, &records, Purpose::Treatment, false).await;
    assert_eq!(unknown, Err(RecordError::Unavailable));
    let watched = records.watch(&grant(), &maria()).await;
    assert_eq!(watched.err(), Some(RecordError::Unavailable));
    policy_tree.shutdown().await;
    hospital.tree.shutdown().await;
}
