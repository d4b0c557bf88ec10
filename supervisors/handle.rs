//! `Handle`: what callers hold instead of an actor.
//!
//! It outlives incarnations, bounds what is in flight (ractor's mailboxes are unbounded), gives
//! every call a deadline, and turns an actor's death into a typed refusal. It refuses to queue
//! for an actor that is not up: waiting through a restart is the caller's decision.

use ractor::{ActorId, ActorRef, ActorStatus};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::fault::{Delivery, FaultHook};
use crate::message::{Envelope, Ledger, Reply};
use crate::sync::lock;

/// How much one handle lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Messages accepted and not yet done with, the one being handled included.
    pub in_flight: usize,
}

impl Limits {
    /// Bounds the messages in flight.
    pub const fn in_flight(in_flight: usize) -> Self {
        Self { in_flight }
    }
}

/// Why a message was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The actor has as much in flight as it may; try again later.
    #[error("overloaded: `{limit}` messages in flight")]
    Overloaded {
        /// The handle's limit.
        limit: usize,
    },
    /// No incarnation is up, or it died before answering.
    #[error("unavailable")]
    Unavailable,
    /// The deadline passed; the actor may still act on the message.
    #[error("no answer after `{after:?}`")]
    Timeout {
        /// The deadline given by the caller.
        after: Duration,
    },
}

/// The way to an actor: finds the live incarnation, bounded, with a deadline on every call.
pub struct Handle<M> {
    seat: Arc<Place<M>>,
}

impl<M> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self {
            seat: Arc::clone(&self.seat),
        }
    }
}

impl<M> fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("path", &lock(&self.seat.holder).path())
            .finish_non_exhaustive()
    }
}

impl<M: Send + 'static> Handle<M> {
    /// A handle with no actor yet: calls are `Unavailable` until a supervisor starts one for it.
    pub fn new(limits: Limits) -> Self {
        let seat = Place {
            holder: Mutex::new(Holder {
                above: Arc::from(""),
                id: Arc::from(""),
                actor: None,
            }),
            ledger: Arc::new(Ledger::new(limits.in_flight)),
            hook: OnceLock::new(),
        };
        Self {
            seat: Arc::new(seat),
        }
    }

    /// Sends a request and waits for its answer, never longer than `deadline`.
    ///
    /// # Errors
    /// [`CallError`]; `Unavailable` comes at once when the actor dies with the request.
    pub async fn call<T: Send + 'static>(
        &self,
        deadline: Duration,
        make: impl FnOnce(Reply<T>) -> M,
    ) -> Result<T, CallError> {
        let (reply, answer) = Reply::channel();
        self.cast(make(reply))?;
        match tokio::time::timeout(deadline, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(CallError::Unavailable),
            Err(_) => Err(CallError::Timeout { after: deadline }),
        }
    }

    /// Sends a message that has no answer.
    ///
    /// # Errors
    /// `Overloaded` or `Unavailable`. Success means accepted, not handled.
    pub fn cast(&self, message: M) -> Result<(), CallError> {
        let actor = self.seat.live().ok_or(CallError::Unavailable)?;
        let limit = self.seat.ledger.limit();
        let permit = self
            .seat
            .ledger
            .admit()
            .ok_or(CallError::Overloaded { limit })?;
        let envelope = Envelope::new(message, permit);
        match self.seat.hook.get().map_or(Delivery::Deliver, |hook| {
            hook.before_deliver(&self.seat.path())
        }) {
            Delivery::Deliver => actor
                .send_message(envelope)
                .map_err(|_| CallError::Unavailable),
            // Accepted and lost, as a message is that dies in a mailbox.
            Delivery::Drop => Ok(()),
            Delivery::Delay(time) => {
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    // The actor died meanwhile: the message dies too, as it would in a mailbox.
                    let _ = actor.send_message(envelope);
                });
                Ok(())
            }
        }
    }

    /// Messages accepted and not yet done with.
    pub fn depth(&self) -> usize {
        self.seat.ledger.depth()
    }

    /// Age of the oldest message not yet done with.
    pub fn oldest_age(&self) -> Option<Duration> {
        self.seat.ledger.oldest_age()
    }

    /// True while an incarnation takes messages.
    pub fn is_up(&self) -> bool {
        self.seat.live().is_some()
    }

    /// Installs the harness's hook, once; false when there was one already.
    pub fn install_fault_hook(&self, hook: Arc<dyn FaultHook>) -> bool {
        self.seat.hook.set(hook).is_ok()
    }

    pub(crate) fn seat(&self) -> Arc<Place<M>> {
        Arc::clone(&self.seat)
    }
}

/// The place of one supervised actor, kept across incarnations.
pub(crate) struct Place<M> {
    holder: Mutex<Holder<M>>,
    ledger: Arc<Ledger>,
    hook: OnceLock<Arc<dyn FaultHook>>,
}

struct Holder<M> {
    above: Arc<str>,
    id: Arc<str>,
    actor: Option<ActorRef<Envelope<M>>>,
}

impl<M> Holder<M> {
    fn path(&self) -> String {
        format!("{}/{}", self.above, self.id)
    }
}

impl<M: Send + 'static> Place<M> {
    fn live(&self) -> Option<ActorRef<Envelope<M>>> {
        let holder = lock(&self.holder);
        let actor = holder.actor.as_ref()?;
        (actor.get_status() < ActorStatus::Draining).then(|| actor.clone())
    }

    fn path(&self) -> String {
        lock(&self.holder).path()
    }

    /// An incarnation is here: `above` is its supervisor's path, `id` its own.
    pub(crate) fn take(
        &self,
        (above, id): (Arc<str>, Arc<str>),
        actor: ActorRef<Envelope<M>>,
        hook: Option<Arc<dyn FaultHook>>,
    ) {
        if let Some(hook) = hook {
            // The handle's own stands, and this tree's from before.
            let _ = self.hook.set(hook);
        }
        *lock(&self.holder) = Holder {
            above,
            id,
            actor: Some(actor),
        };
    }

    /// That incarnation is gone. If it was late to go, another may be here: that one stays.
    pub(crate) fn vacate(&self, actor: Option<ActorId>) {
        let mut holder = lock(&self.holder);
        if holder.actor.as_ref().map(|here| here.get_id()) == actor {
            holder.actor = None;
        }
    }

    pub(crate) fn depth(&self) -> usize {
        self.ledger.depth()
    }

    pub(crate) fn oldest_age(&self) -> Option<Duration> {
        self.ledger.oldest_age()
    }
}
