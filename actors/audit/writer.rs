//! `AuditWriter`: the actor through which every entry of this node goes to disk.
//!
//! Its mailbox only hands entries on, so that it keeps draining while a batch is being committed;
//! one task that it owns takes whatever waits, up to [`BATCH_MAX`], and commits that as one (group
//! commit without a timer: the busier, the larger the batch). How many wait is bounded by the
//! handle, whose permit an entry keeps until it is answered.
//!
//! Starts without a database and connects by itself, so that losing PostgreSQL never uses up
//! restarts. Assumes a permanent restart, one incarnation at a time. Lost on restart: entries that
//! were not acknowledged; their callers are told so.

use super::ledger::Ledger;
use super::log::{AuditLog, AuditReceipt};
use super::{AuditError, unfinished::Held};
use crate::clock::WallClock;
use crate::database::DatabaseConfig;
use plantao_schema::audit::Entry;
use plantao_supervisors::{ChildSpec, Envelope, Handle, InFlight, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Entries that may wait to become durable: about a quarter of a second's worth of what two cores
/// sustain. Beyond it, refusing at once is kinder than making everyone wait.
pub const QUEUE_LIMIT: usize = 16_384;

/// Entries in one commit. More gains little and makes the first of them wait for the last.
pub(super) const BATCH_MAX: usize = 512;

/// How long a stop waits for the entries that were accepted: less than a shutdown gives.
const DRAIN_DEADLINE: Duration = Duration::from_secs(4);

/// How long the writer rests when it owes something to the trail and nobody writes.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The writer as a child. `node` names this machine's chains and must be its own and lasting.
#[must_use]
pub fn audit_child(log: &AuditLog, config: DatabaseConfig, node: impl Into<String>) -> ChildSpec {
    let node = node.into();
    let (held, clock) = (log.held.clone(), log.clock.clone());
    let handle: &Handle<Message> = &log.writer;
    ChildSpec::worker("writer", handle, move || {
        let duties = Duties {
            config: config.clone(),
            node: node.clone(),
            held: held.clone(),
            clock: clock.clone(),
        };
        (AuditWriter, duties)
    })
}

/// What the writer is asked.
pub(super) enum Message {
    Append {
        entry: Box<Entry>,
        reply: Reply<Result<AuditReceipt, AuditError>>,
    },
    Settle,
}

/// What an incarnation is made from.
pub(super) struct Duties {
    pub(super) config: DatabaseConfig,
    pub(super) node: String,
    pub(super) held: Held,
    pub(super) clock: WallClock,
}

/// An entry, the caller who waits for it, and the permit that bounds how many do.
pub(super) struct Waiting {
    pub(super) entry: Box<Entry>,
    pub(super) reply: Reply<Result<AuditReceipt, AuditError>>,
    pub(super) in_flight: Option<InFlight>,
}

pub(super) enum Item {
    Entry(Waiting),
    Settle,
}

struct AuditWriter;

struct Writing {
    queue: Option<mpsc::UnboundedSender<Item>>,
    task: JoinHandle<()>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        // What was not acknowledged is dropped unanswered, which its callers see at once.
        self.task.abort();
    }
}

impl Actor for AuditWriter {
    type Msg = Envelope<Message>;
    type State = Writing;
    type Arguments = Duties;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        duties: Duties,
    ) -> Result<Self::State, ActorProcessingErr> {
        // Unbounded here, bounded by the handle: an item holds its caller's permit.
        let (queue, items) = mpsc::unbounded_channel();
        let end = EndsWith(myself);
        let task = tokio::spawn(async move {
            let _end = end;
            write(items, Ledger::new(duties)).await;
        });
        Ok(Writing {
            queue: Some(queue),
            task,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (message, in_flight) = message.open();
        let item = match message {
            Message::Append { entry, reply } => Item::Entry(Waiting {
                entry,
                reply,
                in_flight: Some(in_flight),
            }),
            Message::Settle => Item::Settle,
        };
        let sent = state
            .queue
            .as_ref()
            .is_some_and(|queue| queue.send(item).is_ok());
        if sent {
            Ok(())
        } else {
            Err("the writing task has ended".into())
        }
    }

    /// What was accepted is committed before a stop, within the time that a shutdown gives.
    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        state.queue = None;
        drop(tokio::time::timeout(DRAIN_DEADLINE, &mut state.task).await);
        Ok(())
    }
}

/// Ends the actor when its task ends, by a panic above all: half a writer would answer nobody.
struct EndsWith(ActorRef<Envelope<Message>>);

impl Drop for EndsWith {
    fn drop(&mut self) {
        self.0.stop(Some("the writing task has ended".to_owned()));
    }
}

async fn write(mut items: mpsc::UnboundedReceiver<Item>, mut ledger: Ledger) {
    let mut drained = Vec::with_capacity(BATCH_MAX);
    loop {
        let taken = if ledger.owes() {
            let draining = items.recv_many(&mut drained, BATCH_MAX);
            // Elapsed: nobody writes, and there is time for what is owed.
            tokio::time::timeout(LOOK_AGAIN, draining).await.ok()
        } else {
            Some(items.recv_many(&mut drained, BATCH_MAX).await)
        };
        if taken == Some(0) {
            return;
        }
        let mut batch = Vec::with_capacity(drained.len());
        for item in drained.drain(..) {
            match item {
                Item::Entry(waiting) => batch.push(waiting),
                Item::Settle => ledger.owe(),
            }
        }
        ledger.commit(batch).await;
        if ledger.owes() {
            ledger.settle().await;
        }
    }
}
