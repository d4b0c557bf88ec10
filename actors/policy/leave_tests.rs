//! Permits handed in: what was taken back since the decision makes them void.

use super::super::testing::{self, HERE, LoadedTables};
use super::super::{PERMIT_LIFETIME_SECONDS, Permit, PermitWitness, Policy, Verdict};
use super::PermitError;
use plantao_schema::access::{AccessRequest, Action, ConsentStatus, Purpose, ResourceKind};
use plantao_schema::id::PatientId;
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// Writes down what it hears.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl PermitWitness for Heard {
    fn given(&self, access: &AccessRequest, break_glass: bool) -> u64 {
        let mut heard = self.0.lock().unwrap();
        heard.push(format!("given to {} {break_glass}", access.principal.id));
        7
    }

    fn handed_in(&self, permit: u64) {
        self.0.lock().unwrap().push(format!("handed in {permit}"));
    }
}

async fn running(heard: &Arc<Heard>) -> (Policy, Tree, LoadedTables) {
    let policy = Policy::new(testing::settings()).unwrap();
    let policy = policy.witnessed(heard.clone());
    let tables = testing::loaded(&policy);
    let intensity = Intensity::new(5, Duration::from_secs(5));
    let spec = SupervisorSpec::new(Strategy::OneForOne, intensity);
    let tree = Tree::start("t", spec.child(super::super::child(&policy)));
    (policy, tree.await.unwrap(), tables)
}

fn patient() -> PatientId {
    PatientId::parse("p1").unwrap()
}

fn permit(policy: &Policy, emergency: Option<&str>) -> Permit {
    let mut wanted = testing::access(Action::Read, ResourceKind::Observation, NOW);
    wanted.patient = Some(patient());
    wanted.break_glass = emergency.map(str::to_owned);
    match policy.decide(wanted, HERE) {
        Verdict::Permit(permit) => permit,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_whose_consent_was_withdrawn_since_the_decision_is_void() {
    let heard = Arc::new(Heard::default());
    let (policy, _tree, tables) = running(&heard).await;
    let (good, stale) = (permit(&policy, None), permit(&policy, None));
    let emergency = permit(&policy, Some("cardiac arrest"));
    assert_eq!(good.hand_in(NOW).await, Ok(()));
    let tenant = testing::access(Action::Read, ResourceKind::Patient, NOW)
        .principal
        .tenant;
    let takebacks = policy.tables().takebacks;
    takebacks.note(&tenant, &patient(), Purpose::Treatment);
    tables.say(&patient(), Purpose::Treatment, ConsentStatus::Revoked);
    assert_eq!(stale.hand_in(NOW).await, Err(PermitError::Revoked));
    assert_eq!(emergency.hand_in(NOW).await, Ok(()));
    tables.say(&patient(), Purpose::Treatment, ConsentStatus::NotAsked);
    assert_eq!(stale.hand_in(NOW).await, Err(PermitError::Revoked));
    let late = NOW.plus_seconds(PERMIT_LIFETIME_SECONDS);
    assert_eq!(emergency.hand_in(late).await, Err(PermitError::Expired));
    let told = [
        "given to tester false",
        "given to tester false",
        "given to tester true",
        "handed in 7",
        "handed in 7",
    ];
    assert_eq!(*heard.0.lock().unwrap(), told);
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_not_taken_while_nobody_knows_what_was_taken_back_emergencies_excepted() {
    let (policy, _tree, tables) = running(&Arc::default()).await;
    let usual = permit(&policy, None);
    let emergency = permit(&policy, Some("cardiac arrest"));
    drop(tables);
    assert_eq!(usual.hand_in(NOW).await, Err(PermitError::Undecided));
    assert_eq!(emergency.hand_in(NOW).await, Ok(()));
    let _back = testing::loaded(&policy);
    assert_eq!(usual.hand_in(NOW).await, Ok(()));
}
