//! The engine alive, killed and reloaded; its tables taken away.

use super::super::testing::{self, HERE};
use super::*;
use plantao_schema::access::{Action, DevicePosture, ResourceKind};
use plantao_schema::id::SessionId;
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

async fn running() -> (Policy, Tree, testing::LoadedTables) {
    let policy = Policy::new(testing::settings()).unwrap();
    let tables = testing::loaded(&policy);
    let spec = SupervisorSpec::new(
        Strategy::OneForOne,
        Intensity::new(5, Duration::from_secs(5)),
    )
    .child(child(&policy));
    let tree = Tree::start("t", spec).await.unwrap();
    (policy, tree, tables)
}

fn ask(policy: &Policy) -> Verdict {
    policy.decide(
        testing::access(Action::Read, ResourceKind::Patient, NOW),
        HERE,
    )
}

fn reason(verdict: &Verdict) -> Reason {
    match verdict {
        Verdict::Permit(permit) => permit.decision().reason,
        Verdict::StepUp(refusal) | Verdict::Denial(refusal) => refusal.decision.reason,
    }
}

fn score(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Permit(permit) => permit.decision().trust.score,
        Verdict::StepUp(refusal) | Verdict::Denial(refusal) => refusal.decision.trust.score,
    }
}

#[tokio::test]
async fn without_an_engine_every_request_is_denied() {
    let policy = Policy::new(testing::settings()).unwrap();
    assert!(!policy.is_up());
    assert_eq!(reason(&ask(&policy)), Reason::PolicyUnavailable);
}

#[tokio::test]
async fn a_killed_engine_takes_its_snapshot_along_and_its_successor_decides_again() {
    let (policy, tree, _tables) = running().await;
    assert_eq!(reason(&ask(&policy)), Reason::Trusted);
    let held = policy.snapshot.load().clone();
    tree.kill("t/policy").unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while held.strong_count() > 0 || !policy.is_up() {
        assert!(Instant::now() < deadline, "the engine did not come back");
        tokio::task::yield_now().await;
    }
    assert_eq!(reason(&ask(&policy)), Reason::Trusted);
    tree.shutdown().await;
    assert_eq!(reason(&ask(&policy)), Reason::PolicyUnavailable);
}

#[tokio::test]
async fn a_permit_is_bound_to_its_request_and_outlives_no_credential() {
    let (policy, tree, _tables) = running().await;
    let mut access = testing::access(Action::Read, ResourceKind::Patient, NOW);
    access.principal.expires_at = NOW.plus_seconds(3);
    let Verdict::Permit(permit) = policy.decide(access.clone(), HERE) else {
        panic!("refused");
    };
    assert_eq!(permit.access(), &access);
    assert_eq!(permit.expires_at(), NOW.plus_seconds(3));
    tree.shutdown().await;
}

#[tokio::test]
async fn reloaded_rules_hold_at_once_and_survive_a_restart_while_bad_ones_change_nothing() {
    let (policy, tree, _tables) = running().await;
    let mut holed = testing::settings().rules;
    holed.thresholds.clear();
    assert!(matches!(
        policy.reload(holed).await,
        Err(PolicyError::Rules(_))
    ));
    assert_eq!(reason(&ask(&policy)), Reason::Trusted);

    let mut strict = testing::settings().rules;
    strict.roles.remove(&Role::parse("tester").unwrap());
    policy.reload(strict).await.unwrap();
    assert_eq!(reason(&ask(&policy)), Reason::RoleLacksGrant);
    assert!(!policy.knows(&Role::parse("tester").unwrap()));
    assert!(policy.knows(&Role::parse("nobody").unwrap()));
    tree.kill("t/policy").unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while reason(&ask(&policy)) != Reason::RoleLacksGrant || tree_restarts(&tree) == 0 {
        assert!(Instant::now() < deadline, "the new rules were lost");
        tokio::task::yield_now().await;
    }
    tree.shutdown().await;
}

fn tree_restarts(tree: &Tree) -> u64 {
    tree.snapshot()
        .children
        .iter()
        .map(|child| child.restarts)
        .sum()
}

#[tokio::test]
async fn many_refusals_lower_the_score() {
    let (policy, tree, _tables) = running().await;
    let before = score(&ask(&policy));
    for _ in 0..12 {
        let mut access = testing::access(Action::Read, ResourceKind::Patient, NOW);
        access.principal.role = Role::parse("nobody").unwrap();
        let _refused = policy.decide(access, HERE);
    }
    assert!(score(&ask(&policy)) < before);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_review_decides_alike_and_is_held_against_nobody() {
    let (policy, tree, _tables) = running().await;
    let before = score(&ask(&policy));
    let mut access = testing::access(Action::Read, ResourceKind::Patient, NOW);
    for _ in 0..500 {
        let reviewed = policy.review(access.clone(), HERE);
        assert_eq!(reason(&reviewed), Reason::Trusted);
    }
    access.principal.role = Role::parse("nobody").unwrap();
    for _ in 0..12 {
        let reviewed = policy.review(access.clone(), HERE);
        assert_eq!(reason(&reviewed), Reason::RoleLacksGrant);
    }
    assert_eq!(score(&ask(&policy)), before);
    tree.shutdown().await;
}

/// A nurse's own device, logged in by password and code, whose session is over.
#[tokio::test]
async fn views_refused_because_their_session_ended_leave_the_score_as_it_was() {
    let (policy, tree, tables) = running().await;
    let mut access = of_maria();
    access.principal.device = DevicePosture::Unknown;
    let mut next = access.clone();
    next.principal.session = Some(SessionId::parse("session-2").unwrap());
    let before = score(&policy.decide(next.clone(), HERE));
    let over = SessionId::parse("session-1").unwrap();
    tables.end(&over, NOW.plus_seconds(60));
    for _ in 0..3 {
        let view = policy.review(access.clone(), HERE);
        assert_eq!(reason(&view), Reason::SessionRevoked);
        let reconnect = policy.decide(access.clone(), HERE);
        assert_eq!(reason(&reconnect), Reason::SessionRevoked);
    }
    let mut expired = next.clone();
    expired.principal.expires_at = NOW;
    for _ in 0..12 {
        let refused = policy.decide(expired.clone(), HERE);
        assert_eq!(reason(&refused), Reason::CredentialExpired);
    }
    assert_eq!(score(&policy.decide(next, HERE)), before);
    tree.shutdown().await;
}

fn maria() -> PatientId {
    PatientId::parse("maria-exemplo").unwrap()
}

/// Reading the patient, in a session.
fn of_maria() -> AccessRequest {
    let mut access = testing::access(Action::Read, ResourceKind::Patient, NOW);
    access.patient = Some(maria());
    access.principal.session = Some(SessionId::parse("session-1").unwrap());
    access
}

#[tokio::test]
async fn withdrawn_consent_closes_the_purpose_at_once_and_given_again_opens_it() {
    let (policy, tree, tables) = running().await;
    let demo = of_maria().principal.tenant;
    let decided = || reason(&policy.decide(of_maria(), HERE));
    let consented = || policy.consented(&demo, &maria(), Purpose::Treatment);
    assert_eq!((decided(), consented()), (Reason::Trusted, true));
    tables.say(&maria(), Purpose::Research, ConsentStatus::Revoked);
    assert_eq!((decided(), consented()), (Reason::Trusted, true));
    tables.say(&maria(), Purpose::Treatment, ConsentStatus::Revoked);
    assert_eq!((decided(), consented()), (Reason::ConsentRevoked, false));
    tables.say(&maria(), Purpose::Treatment, ConsentStatus::Granted);
    assert_eq!((decided(), consented()), (Reason::Trusted, true));
    tree.shutdown().await;
}

#[tokio::test]
async fn an_ended_session_is_refused_and_another_of_the_same_principal_is_not() {
    let (policy, tree, tables) = running().await;
    tables.end(
        &SessionId::parse("session-1").unwrap(),
        NOW.plus_seconds(60),
    );
    let ended = of_maria();
    let mut other = of_maria();
    other.principal.session = Some(SessionId::parse("session-2").unwrap());
    assert_eq!(reason(&policy.decide(ended, HERE)), Reason::SessionRevoked);
    assert_eq!(reason(&policy.decide(other, HERE)), Reason::Trusted);
    tree.shutdown().await;
}

#[tokio::test]
async fn without_its_tables_a_patient_can_be_reached_in_an_emergency_only() {
    let (policy, tree, tables) = running().await;
    drop(tables);
    let decided = |access| reason(&policy.decide(access, HERE));
    assert_eq!(decided(of_maria()), Reason::PolicyUnavailable);
    let demo = of_maria().principal.tenant;
    assert!(!policy.consented(&demo, &maria(), Purpose::Treatment));

    let mut emergency = of_maria();
    emergency.break_glass = Some("cardiac arrest in ward 3".to_owned());
    assert_eq!(decided(emergency), Reason::Emergency);
    let mut nobody = of_maria();
    nobody.patient = None;
    assert_eq!(decided(nobody.clone()), Reason::PolicyUnavailable);
    nobody.principal.session = None;
    assert_eq!(decided(nobody), Reason::Trusted);
    let mut itself = of_maria();
    itself.kind = ResourceKind::Consent;
    itself.principal.session = None;
    assert_eq!(decided(itself), Reason::Trusted);

    let _tables = testing::loaded(&policy);
    assert_eq!(decided(of_maria()), Reason::Trusted);
    tree.shutdown().await;
}

#[tokio::test]
async fn refusals_for_want_of_a_table_are_not_held_against_the_principal() {
    let (policy, tree, tables) = running().await;
    let before = policy.decide(of_maria(), HERE);
    drop(tables);
    for _ in 0..12 {
        let refused = policy.decide(of_maria(), HERE);
        assert_eq!(reason(&refused), Reason::PolicyUnavailable);
    }
    let _tables = testing::loaded(&policy);
    let after = policy.decide(of_maria(), HERE);
    assert_eq!(score(&after), score(&before));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn ready_waits_for_engine_and_tables_and_gives_up_after_a_second() {
    let policy = Policy::new(testing::settings()).unwrap();
    let demo = of_maria().principal.tenant;
    assert!(!policy.ready(&demo).await);
    let tables = testing::loaded(&policy);
    assert!(!policy.ready(&demo).await, "the engine is not there");
    drop(tables);
    let waiting = tokio::spawn({
        let (policy, demo) = (policy.clone(), demo.clone());
        async move { policy.ready(&demo).await }
    });
    let spec = SupervisorSpec::new(
        Strategy::OneForOne,
        Intensity::new(5, Duration::from_secs(5)),
    )
    .child(child(&policy));
    let tree = Tree::start("t", spec).await.unwrap();
    let _tables = testing::loaded(&policy);
    assert!(waiting.await.unwrap());
    tree.shutdown().await;
}

#[tokio::test]
async fn changes_tell_of_the_engines_death_its_return_and_a_reload() {
    let (policy, tree, _tables) = running().await;
    let mut changes = policy.changes();
    let limit = Duration::from_secs(10);
    policy.reload(testing::settings().rules).await.unwrap();
    assert!(changes.has_changed().unwrap());
    let before = *changes.borrow_and_update();
    tree.kill("t/policy").unwrap();
    let twice = changes.wait_for(|count| *count >= before + 2);
    tokio::time::timeout(limit, twice).await.unwrap().unwrap();
    assert!(policy.is_up());
    let before = *changes.borrow_and_update();
    tree.shutdown().await;
    assert!(*changes.borrow() > before, "nobody was told of the end");
}

#[tokio::test]
async fn a_view_grant_holds_what_viewers_share_and_nothing_without_an_engine() {
    let (policy, tree, _tables) = running().await;
    let Verdict::Permit(permit) = policy.decide(of_maria(), HERE) else {
        panic!("refused");
    };
    let grant = policy.view(&permit);
    assert_eq!(grant.patient(), Some(&maria()));
    assert_eq!(grant.tenant().as_str(), "demo");
    assert_eq!(grant.purpose(), Purpose::Treatment);
    assert!(grant.fields().contains(Fields::NAME.union(Fields::VITALS)));
    assert!(!grant.is_break_glass());
    let mut other = of_maria();
    other.principal.session = None;
    other.principal.id = plantao_schema::id::PrincipalId::parse("another").unwrap();
    let Verdict::Permit(other) = policy.decide(other, HERE) else {
        panic!("refused");
    };
    assert_eq!(policy.view(&other), grant, "the same bytes serve both");
    let mut emergency = of_maria();
    emergency.break_glass = Some("cardiac arrest in ward 3".to_owned());
    let Verdict::Permit(emergency) = policy.decide(emergency, HERE) else {
        panic!("refused");
    };
    assert!(policy.view(&emergency).is_break_glass());
    assert_ne!(policy.view(&emergency), grant);
    tree.shutdown().await;
    assert!(policy.view(&permit).fields().is_empty());
}
