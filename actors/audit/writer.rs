//! `AuditWriter`: the actor through which every entry of this node goes to disk.
//!
//! Its mailbox only hands entries on, so that it keeps draining while a batch is being committed;
//! one task that it owns takes whatever waits, up to [`BATCH_MAX`], and commits that as one (group
//! commit without a timer: the busier, the larger the batch). How many wait is bounded by the
//! handle, whose permit an entry keeps until it is answered. A second task completes opened entries
//! that are in nobody's hands; it is one more caller.
//!
//! Starts without a database and connects by itself, so that losing PostgreSQL never uses up
//! restarts. Assumes a permanent restart, one incarnation at a time. Lost on restart: entries that
//! were not acknowledged; their callers are told so.

use super::ledger::Ledger;
use super::log::{AuditLog, AuditReceipt};
use super::trail::TrailStore;
use super::{AuditError, settler::settle};
use plantao_schema::audit::Entry;
use plantao_supervisors::{ChildSpec, Envelope, Handle, InFlight, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Entries that may wait to become durable: about a quarter of a second's worth of what two cores
/// sustain. Beyond it, refusing at once is kinder than making everyone wait.
pub const QUEUE_LIMIT: usize = 16_384;

/// Entries in one commit. More gains little and makes the first of them wait for the last.
pub(super) const BATCH_MAX: usize = 512;

/// How long a stop waits for the entries that were accepted: less than a shutdown gives.
const DRAIN_DEADLINE: Duration = Duration::from_secs(4);

/// How long nobody may write before the writer sees to its connection.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The writer as a child, to `trail`. `node` names this machine's chains and must be its own and
/// lasting.
#[must_use]
pub fn audit_child(
    log: &AuditLog,
    trail: impl Into<Arc<dyn TrailStore>>,
    node: impl Into<String>,
) -> ChildSpec {
    let trail = trail.into();
    let node = node.into();
    let handle: &Handle<Message> = &log.writer;
    let duties = Duties {
        trail,
        node,
        log: log.clone(),
    };
    ChildSpec::worker("writer", handle, move || (AuditWriter, duties.clone()))
}

/// What the writer is asked.
pub(super) enum Message {
    Append {
        entry: Box<Entry>,
        reply: Reply<Result<AuditReceipt, AuditError>>,
    },
}

/// What an incarnation is made from.
#[derive(Clone)]
pub(super) struct Duties {
    pub(super) trail: Arc<dyn TrailStore>,
    pub(super) node: String,
    pub(super) log: AuditLog,
}

/// An entry, the caller who waits for it, and the permit that bounds how many do.
pub(super) struct Waiting {
    pub(super) entry: Box<Entry>,
    pub(super) reply: Reply<Result<AuditReceipt, AuditError>>,
    pub(super) in_flight: InFlight,
}

struct AuditWriter;

struct Writing {
    queue: Option<mpsc::UnboundedSender<Waiting>>,
    task: JoinHandle<()>,
    settler: JoinHandle<()>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        // What was not acknowledged is dropped unanswered, which its callers see at once.
        self.task.abort();
        self.settler.abort();
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
        let (holder, writer) = watch::channel(None);
        let (end, other_end) = (EndsWith(myself.clone()), EndsWith(myself));
        // The incarnation before may have left entries open.
        duties.log.held.owe();
        let settling = settle(duties.clone(), writer);
        let settler = tokio::spawn(async move {
            let _end = other_end;
            settling.await;
        });
        let task = tokio::spawn(async move {
            let _end = end;
            write(items, Ledger::new(duties, holder)).await;
        });
        Ok(Writing {
            queue: Some(queue),
            task,
            settler,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (Message::Append { entry, reply }, in_flight) = message.open();
        let waiting = Waiting {
            entry,
            reply,
            in_flight,
        };
        let sent = state
            .queue
            .as_ref()
            .is_some_and(|queue| queue.send(waiting).is_ok());
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

/// Ends the actor when a task of it ends, by a panic above all: half a writer would answer nobody.
struct EndsWith(ActorRef<Envelope<Message>>);

impl Drop for EndsWith {
    fn drop(&mut self) {
        self.0.stop(Some("the writing task has ended".to_owned()));
    }
}

async fn write(mut items: mpsc::UnboundedReceiver<Waiting>, mut ledger: Ledger) {
    ledger.reach().await;
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        let draining = items.recv_many(&mut batch, BATCH_MAX);
        match tokio::time::timeout(LOOK_AGAIN, draining).await {
            Ok(0) => return,
            Ok(_) => ledger.commit(std::mem::take(&mut batch)).await,
            Err(_) => ledger.reach().await,
        }
    }
}
