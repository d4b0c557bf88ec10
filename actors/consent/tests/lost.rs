//! Callers that go away and messages that are lost: decisions follow the database all the same.

use super::*;
use plantao_supervisors::{Delivery, FaultHook};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Loses every second message.
#[derive(Default)]
struct Lossy(AtomicU32);

impl FaultHook for Lossy {
    fn before_deliver(&self, _: &str) -> Delivery {
        match self.0.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => Delivery::Drop,
            _ => Delivery::Deliver,
        }
    }
}

#[tokio::test]
async fn a_withdrawal_whose_news_is_lost_closes_the_tenant_until_it_is_read() {
    let hospital = hospital().await;
    assert!(hospital.policy.ready(&demo()).await);
    assert_eq!(hospital.reason(), Reason::Trusted);
    let lossy = Arc::new(Lossy::default());
    assert!(hospital.consents.keeper.install_fault_hook(lossy.clone()));
    hospital.set(TREATMENT, REVOKED).await.unwrap();
    assert!(lossy.0.load(Ordering::Relaxed) > 0);
    let reason = hospital.reason();
    let closed = [Reason::PolicyUnavailable, Reason::ConsentRevoked];
    assert!(closed.contains(&reason), "still open: {reason:?}");
    hospital.until(Reason::ConsentRevoked).await;
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_decisions_and_database_in_agreement() {
    let hospital = hospital().await;
    assert!(hospital.policy.ready(&demo()).await);
    callers_go_away(hospital).await;
}

#[tokio::test]
async fn callers_that_go_away_and_lost_messages_leave_them_in_agreement_too() {
    let hospital = hospital().await;
    assert!(hospital.policy.ready(&demo()).await);
    let lossy = Arc::new(Lossy::default());
    assert!(hospital.consents.keeper.install_fault_hook(lossy));
    callers_go_away(hospital).await;
}

async fn callers_go_away(hospital: Hospital) {
    for patience in 0..24 {
        let wanted = if patience % 2 == 0 { REVOKED } else { GRANTED };
        let setting = hospital.set(TREATMENT, wanted);
        tokio::pin!(setting);
        for _ in 0..patience * 4 {
            let polled = futures_util::poll!(&mut setting);
            if polled.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut agreed = 0;
    while agreed < 20 {
        assert!(Instant::now() < deadline, "they never agreed");
        let durable = "SELECT count(*) FROM consent WHERE status = 'revoked'";
        let revoked = hospital.count(durable).await == 1;
        let expected = if revoked {
            Reason::ConsentRevoked
        } else {
            Reason::Trusted
        };
        agreed = if hospital.reason() == expected {
            agreed + 1
        } else {
            0
        };
    }
    hospital.tree.shutdown().await;
}
