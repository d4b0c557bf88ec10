//! One life of a child: a token held by everything that belongs to it.
//!
//! Never two incarnations of a child alive together: the supervisor hears of an end when the last
//! holder of the token lets go, which is when the actor, its state and its mailbox are dropped
//! and whatever ran below it has ended. No task waits for that; the token itself tells.

use ractor::ActorCell;
use std::sync::{Arc, OnceLock};

use crate::core::{Key, Life};
use crate::exit::ExitReason;
use crate::post::Post;
use crate::revival;
use crate::supervisor::Message;
use crate::tree::RootWatch;

/// Held by an incarnation and by those below it.
#[derive(Debug)]
pub(crate) struct Token {
    report: Report,
    outcome: OnceLock<Box<Outcome>>,
    above: Option<Arc<Token>>,
    /// Its end was acted upon already.
    is_told: bool,
}

/// How a life ended, as far as those who lived it know. Killed, they know nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// By ractor's orderly stop; its reason travels in ractor's event.
    Graceful,
    /// It had nothing to start.
    Ignored,
    Reason(ExitReason),
    /// It did not come up, or something below it.
    Failed(StartFailure),
}

/// Who did not come up, which may be a node further below, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StartFailure {
    pub(crate) path: String,
    pub(crate) detail: String,
}

impl StartFailure {
    /// As the reason of the node at `path`, which names the failing node when it is another.
    pub(crate) fn reason(&self, path: &str) -> ExitReason {
        ExitReason::StartFailed(if self.path == path {
            self.detail.clone()
        } else {
            format!("`{}`: {}", self.path, self.detail)
        })
    }
}

/// Who is told about a life.
#[derive(Debug, Clone)]
pub(crate) enum Report {
    Supervisor {
        post: Arc<Post>,
        key: Key,
        life: Life,
    },
    /// The root has nobody above it.
    Root(Arc<RootWatch>),
}

/// What is told.
#[derive(Debug)]
pub(crate) enum News {
    /// It has a task that can be asked to stop, and may be up with that.
    Spawned { cell: ActorCell, up: bool },
    /// It is up.
    Up,
    /// Nothing of it is left.
    Ended(Option<Box<Outcome>>),
    /// Its own task is over; something below it is not.
    Lingers { reason: ExitReason, orderly: bool },
}

impl Report {
    pub(crate) fn send(&self, news: News) {
        match self {
            // Too late: the supervisor it is for is gone, and aborted this life.
            Self::Supervisor { post, key, life } => {
                post.send(Message::News(*key, *life, news));
            }
            Self::Root(watch) => watch.hear(news),
        }
    }
}

impl Token {
    pub(crate) fn new(report: Report, above: Option<Arc<Token>>) -> Arc<Self> {
        Arc::new(Self {
            report,
            outcome: OnceLock::new(),
            above,
            is_told: false,
        })
    }

    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    /// Notes how it ends; what was noted first stands.
    pub(crate) fn conclude(&self, outcome: Outcome) {
        let _ = self.outcome.set(Box::new(outcome));
    }

    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.get().map(|outcome| &**outcome)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.is_told {
            return;
        }
        // The life above is let go first: whoever hears of this end may act on it at once.
        self.above = None;
        self.report.send(News::Ended(self.outcome.take()));
    }
}

/// A share in a life, held by the actor's own task until that is over: nobody minds what that
/// task does on its way out.
#[derive(Debug)]
pub(crate) struct Tenure(Option<Arc<Token>>);

impl Tenure {
    pub(crate) fn new(token: Arc<Token>) -> Self {
        Self(Some(token))
    }
}

impl Clone for Tenure {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Tenure {
    pub(crate) fn token(&self) -> Option<&Token> {
        self.0.as_deref()
    }
}

/// The last share of a life that failed sees to the next, where that is simple.
impl Drop for Tenure {
    fn drop(&mut self) {
        let Some(mut token) = self.0.take().and_then(Arc::into_inner) else {
            return;
        };
        // No author expects to be called while a thread unwinds.
        if std::thread::panicking() {
            return;
        }
        let (Report::Supervisor { post, key, life }, Some(above)) = (&token.report, &token.above)
        else {
            return;
        };
        match token.outcome.take().map(|outcome| *outcome) {
            Some(Outcome::Reason(reason)) => {
                match revival::revive(post, above, (*key, *life), reason) {
                    Ok(()) => token.is_told = true,
                    Err(reason) => token.conclude(Outcome::Reason(reason)),
                }
            }
            Some(other) => token.conclude(other),
            None => {}
        }
    }
}
