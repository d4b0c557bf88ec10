//! `Handle`: what callers hold instead of an actor.
//!
//! It outlives incarnations, bounds what is in flight (ractor's mailboxes are unbounded), gives
//! every call a deadline, and turns an actor's death into a typed refusal. It refuses to queue
//! for an actor that is not up: waiting through a restart is the caller's decision.

use ractor::{ActorId, ActorRef, ActorStatus};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::fault::{Called, Delivery, FaultHook};
use crate::message::{Envelope, InFlight, Ledger, Reply};
use crate::planted::{Planted, Soil};
use crate::sync::lock;

/// What a planted defect makes of a deadline.
const FOR_EVER: Duration = Duration::from_secs(3_600);

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
        let heard = self
            .seat
            .hook
            .get()
            .map(|hook| Heard::new(hook, &self.seat, deadline));
        let answered = self.answer(deadline, make).await;
        if let Some(mut heard) = heard {
            heard.how = answered
                .as_ref()
                .map_or_else(CallError::called, |_| Called::Answered);
        }
        answered
    }

    async fn answer<T: Send + 'static>(
        &self,
        deadline: Duration,
        make: impl FnOnce(Reply<T>) -> M,
    ) -> Result<T, CallError> {
        let (reply, answer) = Reply::channel();
        self.cast(make(reply))?;
        let patience = if self.seat.soil().has(Planted::DeadlineForgotten) {
            FOR_EVER
        } else {
            deadline
        };
        match tokio::time::timeout(patience, answer).await {
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
        let envelope = Envelope::new(message, self.seat.admit()?);
        deliver(actor, envelope, self.seat.delivery())
    }

    /// The same for a message that does no more when it comes twice than when it comes once.
    ///
    /// # Errors
    /// As [`Handle::cast`].
    pub fn cast_repeatable(&self, make: impl Fn() -> M) -> Result<(), CallError> {
        let actor = self.seat.live().ok_or(CallError::Unavailable)?;
        let envelope = Envelope::new(make(), self.seat.admit()?);
        let delivery = self.seat.delivery();
        if self.seat.repeats()
            && let Ok(permit) = self.seat.admit()
        {
            deliver(actor.clone(), Envelope::new(make(), permit), delivery)?;
        }
        deliver(actor, envelope, delivery)
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

fn deliver<M: Send + 'static>(
    actor: ActorRef<Envelope<M>>,
    envelope: Envelope<M>,
    delivery: Delivery,
) -> Result<(), CallError> {
    match delivery {
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

/// A call that a harness hears of: its end too, should the caller go away.
struct Heard {
    hook: Arc<dyn FaultHook>,
    call: u64,
    how: Called,
}

impl Heard {
    fn new<M: Send + 'static>(
        hook: &Arc<dyn FaultHook>,
        seat: &Place<M>,
        deadline: Duration,
    ) -> Self {
        Self {
            hook: Arc::clone(hook),
            call: hook.call_began(&seat.path(), deadline),
            how: Called::Abandoned,
        }
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.hook.call_ended(self.call, self.how);
    }
}

impl CallError {
    const fn called(&self) -> Called {
        match self {
            Self::Overloaded { .. } => Called::Overloaded,
            Self::Unavailable => Called::Unavailable,
            Self::Timeout { .. } => Called::TimedOut,
        }
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

    fn soil(&self) -> Soil {
        Soil::new(self.hook.get().and_then(|hook| hook.planted()))
    }

    /// What becomes of the next message.
    fn delivery(&self) -> Delivery {
        let hook = self.hook.get();
        hook.map_or(Delivery::Deliver, |hook| hook.before_deliver(&self.path()))
    }

    /// Whether the next message that may come twice does.
    fn repeats(&self) -> bool {
        let hook = self.hook.get();
        hook.is_some_and(|hook| hook.before_repeatable(&self.path()))
    }

    /// A place in flight for a message.
    fn admit(&self) -> Result<InFlight, CallError> {
        let limit = self.ledger.limit();
        let Some(hook) = self.hook.get() else {
            return self.ledger.admit(0).ok_or(CallError::Overloaded { limit });
        };
        let path = self.path();
        let permit = if self.soil().has(Planted::LimitForgotten) {
            self.ledger.admit_anyway()
        } else {
            let permit = self.ledger.admit(hook.crowd(&path));
            permit.ok_or(CallError::Overloaded { limit })?
        };
        let depth = self.ledger.depth() + hook.crowd(&path);
        hook.let_in(&path, depth, limit);
        Ok(permit)
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
