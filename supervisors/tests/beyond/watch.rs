//! What a tree tells while it runs, and steps of time in which everything due happens.

use plantao_supervisors::{Lifecycle, LifecycleEvent, NodeState, Tree};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;

use crate::support::*;

pub(crate) const MS: Duration = Duration::from_millis(1);

/// The events of a tree from now on.
pub(crate) struct Feed(Receiver<Lifecycle>);

impl Feed {
    pub(crate) fn of(tree: &Tree) -> Self {
        Self(tree.subscribe())
    }

    /// Those not yet read.
    pub(crate) fn all(&mut self) -> Vec<Lifecycle> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }

    pub(crate) fn take(&mut self) -> Vec<(String, LifecycleEvent)> {
        let all = self.all().into_iter();
        all.map(|change| (change.path, change.event)).collect()
    }

    /// Those of one node.
    pub(crate) fn at(&mut self, path: &str) -> Vec<LifecycleEvent> {
        let all = self.take().into_iter();
        all.filter(|(at, _)| at == path).map(|(_, e)| e).collect()
    }

    /// The backoffs begun.
    pub(crate) fn waits_ms(&mut self) -> Vec<u64> {
        let all = self.take().into_iter();
        all.filter_map(|(_, event)| match event {
            LifecycleEvent::Resting { wait_ms } => Some(wait_ms),
            _ => None,
        })
        .collect()
    }

    /// Who gave up, in order.
    pub(crate) fn gave_up(&mut self) -> Vec<String> {
        let all = self.take().into_iter();
        all.filter(|(_, event)| matches!(event, LifecycleEvent::GaveUp { .. }))
            .map(|(path, _)| path)
            .collect()
    }
}

/// Lets time pass, timer by timer, and then whatever that brought about.
pub(crate) async fn pass(time: Duration) {
    settle().await;
    tokio::time::sleep(time).await;
    settle().await;
}

pub(crate) async fn crash(line: &Line) {
    line.cast(Order::Panic).unwrap();
    settle().await;
}

pub(crate) fn state(tree: &Tree, path: &str) -> Option<NodeState> {
    Some(tree.snapshot().find(path)?.state)
}

pub(crate) fn lines<const N: usize>() -> [Line; N] {
    std::array::from_fn(|_| line())
}
