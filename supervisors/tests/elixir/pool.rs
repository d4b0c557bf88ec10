//! A dynamic supervisor under a root, and how its children ended.

use plantao_supervisors::{
    ChildSpec, DynamicHandle, DynamicSpec, ExitReason, Intensity, Lifecycle, LifecycleEvent,
    Presence, Restart, Strategy, SupervisorError, Tree,
};
use std::sync::Mutex;
use tokio::sync::broadcast;

use crate::support::*;

/// No limit, as `max_children: :infinity`.
pub(crate) const UNLIMITED: usize = usize::MAX;

/// `root/pool`, which stays down once it is down: nobody in these cases starts it again.
pub(crate) struct Pool {
    pub(crate) tree: Tree,
    pub(crate) handle: DynamicHandle,
    pub(crate) board: Board,
    events: Mutex<broadcast::Receiver<Lifecycle>>,
}

/// Elixir's limits, where a case says none: three restarts in five seconds.
pub(crate) fn limits(max_restarts: u32) -> Intensity {
    Intensity::new(max_restarts, 5 * SECOND)
}

/// With the limits that Elixir has by default.
pub(crate) async fn pool() -> Pool {
    pool_of(3, UNLIMITED).await
}

pub(crate) async fn pool_of(max_restarts: u32, max_children: usize) -> Pool {
    let (handle, board) = (DynamicHandle::new(), Board::default());
    let spec = DynamicSpec::new(limits(max_restarts), max_children);
    let child = ChildSpec::dynamic("pool", &handle, spec).restart(Restart::Temporary);
    let tree = start(patient(Strategy::OneForOne).child(child)).await;
    let events = Mutex::new(tree.subscribe());
    Pool {
        tree,
        handle,
        board,
        events,
    }
}

impl Pool {
    /// A child that sleeps until it is told something.
    pub(crate) fn sleepy(&self, id: &str, line: &Line) -> ChildSpec {
        worker(id, line, &self.board)
    }

    /// Starts a sleepy child of this restart class.
    pub(crate) async fn open(&self, id: &str, restart: Restart) -> Line {
        let line = line();
        let spec = self.sleepy(id, &line).restart(restart);
        self.handle.start_child(spec).await.unwrap();
        line
    }

    /// Children that work, and those of them that are up.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let counts = self.handle.count_children().unwrap();
        (counts.workers, counts.active)
    }

    pub(crate) fn presences(&self) -> Vec<Presence> {
        let children = self.handle.which_children().unwrap();
        children.iter().map(|child| child.presence).collect()
    }

    /// Tells the supervisor to stop, as its own supervisor does, and waits for its end.
    pub(crate) async fn leave(&self) {
        self.tree.root().terminate_child("pool").await.unwrap();
    }

    /// The id and the reason of every end since the last call, in no order that means anything.
    pub(crate) fn ends(&self) -> Vec<(String, ExitReason)> {
        let (mut events, mut ends) = (self.events.lock().unwrap(), Vec::new());
        while let Ok(Lifecycle { path, event, .. }) = events.try_recv() {
            if let LifecycleEvent::Exited { reason } | LifecycleEvent::Stopped { reason } = event {
                let id = path.rsplit('/').next().unwrap();
                ends.push((id.to_owned(), reason));
            }
        }
        ends.sort_by(|a, b| a.0.cmp(&b.0));
        ends
    }
}

/// A child ends with this reason; what its supervisor does at once is done.
pub(crate) async fn assert_end(line: &Line, reason: &'static str) {
    line.cast(Order::Finish(Some(reason))).unwrap();
    settle().await;
}

pub(crate) fn named(id: &str, reason: ExitReason) -> (String, ExitReason) {
    (id.to_owned(), reason)
}

/// What a start comes to that failed with this text.
pub(crate) fn start_failed<T>(id: &str, detail: &str) -> Result<T, SupervisorError> {
    let reason = ExitReason::StartFailed(detail.to_owned());
    let id = id.to_owned();
    Err(SupervisorError::StartFailed { id, reason })
}
