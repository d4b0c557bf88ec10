//! One life of a child: a token held by everything that belongs to it.
//!
//! Never two incarnations of a child alive together: the supervisor hears of an end when the last
//! holder of the token lets go, which is when the actor, its state and its mailbox are dropped
//! and whatever ran below it has ended. No task waits for that; the token itself tells.

use ractor::{ActorCell, ActorRef};
use std::sync::{Arc, OnceLock};

use crate::core::{Key, Life};
use crate::exit::ExitReason;
use crate::supervisor::Message;
use crate::tree::RootWatch;

/// Held by an incarnation and by those below it.
#[derive(Debug)]
pub(crate) struct Token {
    report: Report,
    outcome: OnceLock<Box<Outcome>>,
    above: Option<Arc<Token>>,
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
        mailbox: ActorRef<Message>,
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
            Self::Supervisor { mailbox, key, life } => {
                // Too late: the supervisor it is for is gone, and aborted this life.
                let _ = mailbox.send_message(Message::News(*key, *life, news));
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
        // The life above is let go first: whoever hears of this end may act on it at once.
        self.above = None;
        self.report.send(News::Ended(self.outcome.take()));
    }
}
