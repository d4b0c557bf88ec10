//! The emergency card while its records are there, while they refuse and while they stand still.

use super::sessions::{OnePatient, REFUSES, STANDS_STILL, node, sessions};
use super::watching::{grant, maria};
use super::*;
use crate::entropy::Entropy;
use crate::patient::{CARD_DEADLINE, CardRead, EMERGENCY_PATIENCE, IDLE_STOP};
use plantao_supervisors::NodeState;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::Instant;

const AT: Timestamp = Timestamp::from_micros(1_763_800_000_000_000);

struct Node {
    records: Records,
    tree: Tree,
    clock: WallClock,
    away: Arc<AtomicUsize>,
}

async fn one_patient() -> Node {
    let (store, clock) = (OnePatient::default(), WallClock::manual(AT));
    let away = Arc::clone(&store.away);
    let records = Records::with_store(Arc::new(store), clock.clone(), Entropy::system());
    let tree = node(&records).await;
    Node {
        records,
        tree,
        clock,
        away,
    }
}

impl Node {
    async fn card(&self, reason: Option<&str>) -> Result<CardRead, RecordError> {
        let kind = ResourceKind::EmergencyCard;
        let mut access = testing::access(Action::Read, kind, self.clock.now());
        access.patient = Some(maria());
        access.break_glass = reason.map(str::to_owned);
        self.records.card(testing::permit(access).await).await
    }

    async fn ordinary(&self) -> Result<CardRead, RecordError> {
        self.card(None).await
    }

    async fn emergency(&self) -> Result<CardRead, RecordError> {
        self.card(Some("cardiac arrest in bed 7")).await
    }

    fn is_away(&self, how: usize) {
        self.away.store(how, Ordering::SeqCst);
    }

    fn is_live(&self) -> bool {
        let live = sessions(&self.tree);
        live.iter().any(|one| one.state == NodeState::Running)
    }
}

#[tokio::test(start_paused = true)]
async fn a_card_comes_from_the_records_while_they_are_there() {
    let node = one_patient().await;
    let read = node.ordinary().await.unwrap();
    assert!(read.emergency.is_none());
    assert!(!read.card.is_from_memory());
    let read = node.emergency().await.unwrap();
    assert!(read.emergency.is_some());
    assert!(!read.card.is_from_memory() && !read.card.is_behind);
    assert_eq!(read.card.as_of, AT);
    node.tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn without_records_an_emergency_alone_gets_the_card_that_a_live_session_holds() {
    for how in [REFUSES, STANDS_STILL] {
        let node = one_patient().await;
        node.is_away(how);
        let refused = node.emergency().await.unwrap_err();
        assert!(refused.is_transient(), "no session: {refused}");
        node.is_away(0);
        node.ordinary().await.unwrap();
        node.is_away(how);
        let begun = Instant::now();
        let read = node.emergency().await.unwrap();
        assert!(begun.elapsed() < EMERGENCY_PATIENCE * 2);
        assert!(read.emergency.is_some() && read.card.is_from_memory());
        assert_eq!(read.card.as_of, AT);
        let refused = node.ordinary().await.unwrap_err();
        assert!(refused.is_transient(), "{refused}");
        assert!(begun.elapsed() < EMERGENCY_PATIENCE * 2 + CARD_DEADLINE);
        // Back again, it is read anew.
        node.is_away(0);
        tokio::time::sleep(CARD_DEADLINE * 2).await;
        assert!(!node.emergency().await.unwrap().card.is_from_memory());
        node.tree.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_card_dies_with_its_session() {
    let node = one_patient().await;
    node.ordinary().await.unwrap();
    node.is_away(REFUSES);
    node.tree.kill(&sessions(&node.tree)[0].path).unwrap();
    let refused = node.emergency().await.unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    node.tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_watched_card_is_held_after_everybody_has_gone_and_outlasts_an_outage() {
    let node = one_patient().await;
    let watching = node.records.watch(&grant(), &maria()).await.unwrap();
    node.is_away(REFUSES);
    drop(watching);
    tokio::time::sleep(3 * IDLE_STOP).await;
    assert!(node.is_live(), "it holds what the records cannot give");
    let read = node.emergency().await.unwrap();
    assert!(read.card.is_from_memory());
    node.is_away(0);
    tokio::time::sleep(2 * IDLE_STOP).await;
    assert!(!node.is_live(), "idle as any other");
    node.tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_not_on_the_card_is_said_to_be_missing() {
    let node = one_patient().await;
    node.ordinary().await.unwrap();
    let tenant = Tenant::parse("demo").unwrap();
    let changed = [maria()].into_iter().collect();
    node.records.shared.sessions.changed(&tenant, &changed);
    node.is_away(REFUSES);
    let give_up = Instant::now() + Duration::from_secs(5);
    while !node.emergency().await.unwrap().card.is_behind {
        assert!(Instant::now() < give_up, "the word has come");
        tokio::task::yield_now().await;
    }
    node.is_away(0);
    tokio::time::sleep(CARD_DEADLINE * 2).await;
    assert!(!node.emergency().await.unwrap().card.is_behind);
    node.tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_permit_for_something_else_gets_no_card() {
    let node = one_patient().await;
    let mut access = testing::access(Action::Read, ResourceKind::Patient, AT);
    access.patient = Some(maria());
    access.break_glass = Some("cardiac arrest in bed 7".to_owned());
    let permit = testing::permit(access).await;
    let refused = node.records.card(permit).await.unwrap_err();
    assert_eq!(refused, RecordError::PermitMismatch);
    node.tree.shutdown().await;
}
