//! A tree that a harness disturbs: its starts, and the messages its workers handle.

use plantao_supervisors::{CallError, Delivery, FaultHook, Handling, Starting, Strategy, Tree};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);

/// What happens at the next start and the next message.
#[derive(Default)]
struct Next {
    starts: Mutex<Vec<Starting>>,
    messages: Mutex<Vec<Handling>>,
}

impl FaultHook for Next {
    fn before_deliver(&self, _: &str) -> Delivery {
        Delivery::Deliver
    }

    fn before_start(&self, path: &str) -> Starting {
        assert_eq!(path, "root/a");
        self.starts.lock().unwrap().pop().unwrap_or(Starting::Start)
    }

    fn before_handle(&self, path: &str) -> Handling {
        assert_eq!(path, "root/a");
        self.messages
            .lock()
            .unwrap()
            .pop()
            .unwrap_or(Handling::Handle)
    }
}

async fn disturbed(next: &Arc<Next>) -> (Tree, Line, Board) {
    let (board, line) = (Board::default(), line());
    let spec = patient(Strategy::OneForOne).child(worker("a", &line, &board));
    let tree = Tree::start_disturbed("root", spec, 0, next.clone()).await;
    (tree.unwrap(), line, board)
}

#[tokio::test(start_paused = true)]
async fn a_handler_made_to_panic_costs_its_actor_that_message_and_no_more() {
    let next = Arc::new(Next::default());
    let (_tree, line, board) = disturbed(&next).await;
    next.messages.lock().unwrap().push(Handling::Panic);
    let lost = line.call(SECOND, Order::Ping).await;
    assert_eq!(lost, Err(CallError::Unavailable));
    until(|| line.is_up()).await;
    assert!(ping(&line).await.is_some());
    assert_eq!((board.starts("a"), board.overlaps()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_handler_made_to_hang_answers_that_much_later() {
    let next = Arc::new(Next::default());
    let (_tree, line, _) = disturbed(&next).await;
    next.messages
        .lock()
        .unwrap()
        .push(Handling::Hang(2 * SECOND));
    let before = Instant::now();
    assert!(line.call(5 * SECOND, Order::Ping).await.is_ok());
    assert!(before.elapsed() >= 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_start_made_to_fail_is_tried_again_and_one_made_to_hang_comes_later() {
    let next = Arc::new(Next::default());
    let (tree, line, board) = disturbed(&next).await;
    let (fail, hang) = (Starting::Fail, Starting::Hang(2 * SECOND));
    next.starts.lock().unwrap().extend([hang, fail]);
    let before = Instant::now();
    tree.kill("root/a").unwrap();
    until(|| board.starts("a") == 2 && line.is_up()).await;
    assert!(before.elapsed() >= 2 * SECOND);
    assert!(ping(&line).await.is_some());
}

#[tokio::test]
async fn a_first_start_made_to_fail_fails_the_tree() {
    let next = Arc::new(Next::default());
    next.starts.lock().unwrap().push(Starting::Fail);
    let line = line();
    let spec = patient(Strategy::OneForOne).child(worker("a", &line, &Board::default()));
    let tree = Tree::start_disturbed("root", spec, 0, next.clone()).await;
    let error = tree.unwrap_err().to_string();
    assert!(error.contains("made to fail"), "{error}");
}
