//! The engine alive, killed and reloaded.

use super::super::testing::{self, HERE};
use super::*;
use plantao_schema::access::{Action, Reason, ResourceKind, Role};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

async fn running() -> (Policy, Tree) {
    let policy = Policy::new(testing::settings()).unwrap();
    let spec = SupervisorSpec::new(
        Strategy::OneForOne,
        Intensity::new(5, Duration::from_secs(5)),
    )
    .child(child(&policy));
    let tree = Tree::start("t", spec).await.unwrap();
    (policy, tree)
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

#[tokio::test]
async fn without_an_engine_every_request_is_denied() {
    let policy = Policy::new(testing::settings()).unwrap();
    assert!(!policy.is_up());
    assert_eq!(reason(&ask(&policy)), Reason::PolicyUnavailable);
}

#[tokio::test]
async fn a_killed_engine_takes_its_snapshot_along_and_its_successor_decides_again() {
    let (policy, tree) = running().await;
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
    let (policy, tree) = running().await;
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
    let (policy, tree) = running().await;
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
    let (policy, tree) = running().await;
    let score = |verdict: Verdict| match verdict {
        Verdict::Permit(permit) => permit.decision().trust.score,
        Verdict::StepUp(refusal) | Verdict::Denial(refusal) => refusal.decision.trust.score,
    };
    let before = score(ask(&policy));
    for _ in 0..12 {
        let mut access = testing::access(Action::Read, ResourceKind::Patient, NOW);
        access.principal.role = Role::parse("nobody").unwrap();
        let _refused = policy.decide(access, HERE);
    }
    assert!(score(ask(&policy)) < before);
    tree.shutdown().await;
}
