//! What the tasks around an incarnation tell the supervisor they work for.
//!
//! A notice names its incarnation: one that comes late, about a life that is over, means nothing.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

use crate::birth::{Launch, StartFailure};

/// What a task reports about one incarnation of one child.
pub(crate) struct Notice<K> {
    pub(crate) key: K,
    pub(crate) incarnation: u64,
    pub(crate) news: News,
}

pub(crate) enum News {
    Launched(Launch),
    /// A supervisor's own children are up.
    Booted,
    /// They are not, and the time is over.
    BootExpired(Duration),
    /// It should have ended and has not; the failure, if it was coming up.
    Overdue(Option<StartFailure>),
    /// Somebody outside killed it; see that it ends.
    Killed,
    Ended,
}

pub(crate) type Post<K> = Arc<dyn Fn(Notice<K>) + Send + Sync>;

/// Where the tasks around one incarnation report to.
pub(crate) struct Report<K> {
    post: Post<K>,
    key: K,
    incarnation: u64,
}

impl<K: Clone> Report<K> {
    pub(crate) fn new(post: &Post<K>, key: &K, incarnation: u64) -> Self {
        Self {
            post: Arc::clone(post),
            key: key.clone(),
            incarnation,
        }
    }

    pub(crate) fn send(&self, news: News) {
        let Self {
            post,
            key,
            incarnation,
        } = self;
        post(Notice {
            key: key.clone(),
            incarnation: *incarnation,
            news,
        });
    }
}

/// Reports whether a supervisor's own children come up, within the limit.
pub(crate) async fn await_boot<K: Clone>(
    mut boot: oneshot::Receiver<()>,
    limit: Option<Duration>,
    report: Report<K>,
) {
    let outcome = match limit {
        Some(limit) => match tokio::time::timeout(limit, &mut boot).await {
            Ok(outcome) => outcome,
            Err(_) => return report.send(News::BootExpired(limit)),
        },
        None => boot.await,
    };
    // An error means that it left before it was up: its end is reported by itself.
    if outcome.is_ok() {
        report.send(News::Booted);
    }
}
