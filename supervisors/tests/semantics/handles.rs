//! What callers see of an actor that lives, dies, hangs or drowns.

use plantao_supervisors::{CallError, Delivery, FaultHook, Strategy, Tree};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

use crate::support::*;

async fn one() -> (Tree, Line, Board) {
    let (board, line) = (Board::default(), line());
    let tree = start(patient(Strategy::OneForOne).child(worker("a", &line, &board))).await;
    (tree, line, board)
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_was_never_started_is_unavailable() {
    let line = line();
    assert_eq!(
        line.call(SECOND, Order::Ping).await,
        Err(CallError::Unavailable)
    );
    assert_eq!(line.cast(Order::Panic), Err(CallError::Unavailable));
    assert_eq!(
        (line.is_up(), line.depth(), line.oldest_age()),
        (false, 0, None)
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_dies_with_its_actor_is_unavailable_at_once() {
    let (tree, line, board) = one().await;
    let before = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    line.cast(Order::Hang).unwrap();
    for _ in 0..10 {
        let line = line.clone();
        calls.spawn(async move { line.call(60 * SECOND, Order::Ping).await });
    }
    settle().await;
    assert_eq!(line.depth(), 11);
    tree.kill("root/a").unwrap();
    while let Some(outcome) = calls.join_next().await {
        assert_eq!(outcome.unwrap(), Err(CallError::Unavailable));
    }
    assert!(before.elapsed() < Duration::from_millis(10));
    assert_eq!(
        line.depth(),
        0,
        "messages that died unread give their places back"
    );
    until(|| board.starts("a") == 2).await;
    assert_eq!(ping(&line).await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_call_in_the_handler_that_panics_is_unavailable() {
    let (_tree, line, _) = one().await;
    line.cast(Order::Panic).unwrap();
    assert_eq!(
        line.call(SECOND, Order::Ping).await,
        Err(CallError::Unavailable)
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_never_outlasts_its_deadline() {
    let (_tree, line, _) = one().await;
    line.cast(Order::Hang).unwrap();
    let before = Instant::now();
    let outcome = line.call(3 * SECOND, Order::Ping).await;
    assert_eq!(outcome, Err(CallError::Timeout { after: 3 * SECOND }));
    assert!(before.elapsed() < 4 * SECOND);
    assert_eq!(
        line.depth(),
        2,
        "what the actor still has to do is still in flight"
    );
    assert!(line.oldest_age().unwrap() >= 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn more_than_the_limit_in_flight_is_refused() {
    let (tree, line, _) = one().await;
    for _ in 0..16 {
        line.cast(Order::Hang).unwrap();
    }
    assert_eq!(
        line.cast(Order::Hang),
        Err(CallError::Overloaded { limit: 16 })
    );
    let call = line.call(SECOND, Order::Ping).await;
    assert_eq!(call, Err(CallError::Overloaded { limit: 16 }));
    tree.kill("root/a").unwrap();
    until(|| line.depth() == 0 && line.is_up()).await;
    assert!(ping(&line).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_message_is_in_flight_as_long_as_its_guard_is_held() {
    let (_tree, line, _) = one().await;
    let held = line.call(SECOND, Order::Hold);
    assert_eq!(held.await, Err(CallError::Timeout { after: SECOND }));
    assert_eq!((ping(&line).await, line.depth()), (Some(1), 1));
    line.cast(Order::Panic).unwrap();
    until(|| line.depth() == 0).await;
}

struct Faults {
    delivery: Delivery,
    asked: AtomicU32,
}

impl FaultHook for Faults {
    fn before_deliver(&self, path: &str) -> Delivery {
        assert_eq!(path, "root/a");
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.delivery
    }
}

async fn with_fault(delivery: Delivery) -> (Result<u32, CallError>, Duration) {
    let (_tree, line, _) = one().await;
    let faults = Arc::new(Faults {
        delivery,
        asked: AtomicU32::new(0),
    });
    assert!(line.install_fault_hook(faults.clone()));
    assert!(
        !line.install_fault_hook(faults.clone()),
        "there is room for one"
    );
    let before = Instant::now();
    let outcome = line.call(10 * SECOND, Order::Ping).await;
    assert_eq!((faults.asked.load(Ordering::Relaxed), line.depth()), (1, 0));
    (outcome, before.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_fault_hook_lets_through_loses_or_delays_a_message() {
    assert_eq!(with_fault(Delivery::Deliver).await.0, Ok(1));
    assert_eq!(
        with_fault(Delivery::Drop).await.0,
        Err(CallError::Unavailable)
    );
    let (outcome, took) = with_fault(Delivery::Delay(2 * SECOND)).await;
    assert_eq!(outcome, Ok(1));
    assert!(took >= 2 * SECOND, "{took:?}");
}
