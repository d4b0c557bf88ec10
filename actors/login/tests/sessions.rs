//! Sessions ended before their time.

use super::*;
use crate::database::pool_child;
use plantao_supervisors::{Delivery, FaultHook};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test]
async fn an_ended_session_is_refused_when_its_ending_returns_and_after_a_restart() {
    let hospital = hospital().await;
    assert!(hospital.policy.ready(&demo()).await);
    assert_eq!(hospital.reason("session-1"), Reason::Trusted);
    let mut changes = hospital.policy.changes();
    let until = hospital.clock.now().plus_seconds(600);
    hospital.end("session-1", until).await.unwrap();
    assert!(changes.has_changed().unwrap());
    assert_eq!(hospital.reason("session-1"), Reason::SessionRevoked);
    assert_eq!(hospital.reason("session-2"), Reason::Trusted);
    let outcomes = "SELECT count(*) FROM audit_completion WHERE outcome = 'success'";
    assert_eq!(hospital.count(outcomes).await, 1);

    for _ in 0..5 {
        changes.mark_unchanged();
        hospital.tree.kill("t/log_ins").unwrap();
        let limit = Duration::from_secs(10);
        tokio::time::timeout(limit, changes.changed())
            .await
            .unwrap()
            .unwrap();
        let reason = hospital.reason("session-1");
        let closed = [Reason::PolicyUnavailable, Reason::SessionRevoked];
        assert!(closed.contains(&reason), "open for a moment: {reason:?}");
        hospital.until("session-1", Reason::SessionRevoked).await;
    }
    assert_eq!(hospital.reason("session-2"), Reason::Trusted);
    hospital.tree.shutdown().await;
    assert_eq!(hospital.reason("session-2"), Reason::PolicyUnavailable);
}

#[tokio::test]
async fn ending_a_session_again_keeps_the_later_end_and_what_is_long_over_is_forgotten() {
    let hospital = hospital().await;
    assert!(hospital.policy.ready(&demo()).await);
    let now = hospital.clock.now();
    hospital
        .end("session-1", now.plus_seconds(600))
        .await
        .unwrap();
    hospital
        .end("session-1", now.plus_seconds(60))
        .await
        .unwrap();
    let kept = "SELECT extract(epoch FROM until)::bigint FROM revoked_session";
    assert_eq!(hospital.count(kept).await, now.seconds() + 600);
    hospital.pass(600 + 3_600);
    hospital
        .end("session-2", hospital.clock.now())
        .await
        .unwrap();
    assert_eq!(
        hospital.count("SELECT count(*) FROM revoked_session").await,
        2
    );
    hospital.pass(60);
    hospital
        .end("session-3", hospital.clock.now())
        .await
        .unwrap();
    assert_eq!(
        hospital.count("SELECT count(*) FROM revoked_session").await,
        2
    );
    assert_eq!(
        hospital.reason("session-1"),
        Reason::Trusted,
        "its credential is over"
    );
    assert_eq!(hospital.reason("session-2"), Reason::SessionRevoked);
    hospital.tree.shutdown().await;
}

/// Loses the first message.
#[derive(Default)]
struct Lossy(AtomicBool);

impl FaultHook for Lossy {
    fn before_deliver(&self, _: &str) -> Delivery {
        if self.0.swap(true, Ordering::Relaxed) {
            Delivery::Deliver
        } else {
            Delivery::Drop
        }
    }
}

#[tokio::test]
async fn a_session_whose_ending_is_lost_on_its_way_is_refused_all_the_same() {
    let hospital = hospital().await;
    assert!(hospital.policy.ready(&demo()).await);
    assert_eq!(hospital.reason("session-1"), Reason::Trusted);
    let lossy = Arc::new(Lossy::default());
    assert!(hospital.log_ins.desk.install_fault_hook(lossy.clone()));
    let until = hospital.clock.now().plus_seconds(600);
    hospital.end("session-1", until).await.unwrap();
    assert!(lossy.0.load(Ordering::Relaxed));
    let reason = hospital.reason("session-1");
    let closed = [Reason::PolicyUnavailable, Reason::SessionRevoked];
    assert!(closed.contains(&reason), "still open: {reason:?}");
    hospital.until("session-1", Reason::SessionRevoked).await;
    assert_eq!(hospital.reason("session-2"), Reason::Trusted);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn without_a_database_no_session_is_ended_and_the_desk_waits_for_one() {
    let database = TestDatabase::create().await;
    let config = database.config();
    let handle = Database::new();
    let hospital = on(database, handle.clone()).await;
    assert!(!hospital.policy.ready(&demo()).await);
    assert_eq!(hospital.reason("session-1"), Reason::PolicyUnavailable);
    let until = hospital.clock.now().plus_seconds(600);
    let unavailable = hospital.end("session-1", until).await;
    assert_eq!(unavailable, Err(LogInError::Unavailable));
    let often = Intensity::new(5, Duration::from_secs(5));
    let spec = SupervisorSpec::new(Strategy::OneForOne, often).child(pool_child(config, handle));
    let pool = Tree::start("pool", spec).await.unwrap();
    hospital.until("session-1", Reason::Trusted).await;
    let restarts: u64 = hospital
        .tree
        .snapshot()
        .children
        .iter()
        .map(|c| c.restarts)
        .sum();
    assert_eq!(restarts, 0, "waiting is not dying");
    hospital.tree.shutdown().await;
    pool.shutdown().await;
}
