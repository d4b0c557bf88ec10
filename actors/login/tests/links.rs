//! One-time links: offered to oneself, taken once.

use super::*;
use crate::policy::{Permit, PermitError};

async fn permit(hospital: &Hospital, session: &str) -> Permit {
    assert!(hospital.policy.ready(&demo()).await);
    match hospital.policy.decide(hospital.access(session), HERE) {
        Verdict::Permit(permit) => permit,
        other => panic!("refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_link_lets_in_whoever_asked_for_it_and_once() {
    let hospital = hospital().await;
    let permit = permit(&hospital, "session-1").await;
    let asked = permit.principal().clone();
    let name = Some("Dra. Ana".to_owned());
    let code = hospital.log_ins.offer(permit, name.clone()).await.unwrap();
    hospital.pass(120);
    let identity = hospital.log_ins.redeem(code.as_str()).await.unwrap();
    assert_eq!(identity.subject, asked.id);
    assert_eq!((identity.tenant, identity.role), (asked.tenant, asked.role));
    assert_eq!(identity.multi_factor, asked.multi_factor);
    assert_eq!(identity.name, name);
    assert_eq!(identity.expires_by, Some(asked.expires_at));
    assert_eq!(
        identity.authenticated_at, asked.authenticated_at,
        "a link makes nobody fresh"
    );
    let again = hospital.log_ins.redeem(code.as_str()).await;
    assert_eq!(again, Err(LogInError::Refused));
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_code_that_was_never_offered_or_is_no_code_is_refused() {
    let hospital = hospital().await;
    let made_up = "A".repeat(43);
    for code in [made_up.as_str(), "", "short", "../../etc/passwd"] {
        let refused = hospital.log_ins.redeem(code).await;
        assert_eq!(refused, Err(LogInError::Refused), "{code}");
    }
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_permit_for_anything_but_a_session_offers_no_link() {
    let hospital = hospital().await;
    let now = hospital.clock.now();
    let patient = testing::access(Action::Write, ResourceKind::Patient, now);
    let refused = hospital
        .log_ins
        .offer(testing::permit(patient).await, None)
        .await;
    assert_eq!(refused.err(), Some(LogInError::PermitMismatch));
    let read = testing::access(Action::Read, ResourceKind::Session, now);
    let refused = hospital
        .log_ins
        .offer(testing::permit(read).await, None)
        .await;
    assert_eq!(refused.err(), Some(LogInError::PermitMismatch));
    let old = testing::access(Action::Write, ResourceKind::Session, now);
    let old = testing::permit(old).await;
    hospital.clock.set(old.expires_at());
    let refused = hospital.log_ins.offer(old, None).await;
    assert_eq!(
        refused.err(),
        Some(LogInError::Permit(PermitError::Expired))
    );
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_link_ends_with_the_session_that_offered_it() {
    let hospital = hospital().await;
    let ended = hospital
        .log_ins
        .offer(permit(&hospital, "session-1").await, None);
    let ended = ended.await.unwrap();
    let expired = hospital
        .log_ins
        .offer(permit(&hospital, "session-2").await, None);
    let expired = expired.await.unwrap();
    hospital
        .end("session-1", hospital.clock.now().plus_seconds(600))
        .await
        .unwrap();
    let refused = hospital.log_ins.redeem(ended.as_str()).await;
    assert_eq!(refused, Err(LogInError::Refused));
    hospital.pass(3_600);
    let refused = hospital.log_ins.redeem(expired.as_str()).await;
    assert_eq!(
        refused,
        Err(LogInError::Refused),
        "its session's time is over"
    );
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn links_die_with_the_desk_and_new_ones_are_offered_by_the_next() {
    let hospital = hospital().await;
    let code = hospital
        .log_ins
        .offer(permit(&hospital, "session-1").await, None);
    let code = code.await.unwrap();
    let mut changes = hospital.policy.changes();
    hospital.tree.kill("t/log_ins").unwrap();
    changes.changed().await.unwrap();
    hospital.until("session-1", Reason::Trusted).await;
    let refused = hospital.log_ins.redeem(code.as_str()).await;
    assert_eq!(refused, Err(LogInError::Refused));
    let code = hospital
        .log_ins
        .offer(permit(&hospital, "session-1").await, None);
    assert!(
        hospital
            .log_ins
            .redeem(code.await.unwrap().as_str())
            .await
            .is_ok()
    );
    hospital.tree.shutdown().await;
}
