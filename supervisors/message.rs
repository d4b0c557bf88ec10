//! What travels in a supervised actor's mailbox: the envelope, its permit and its reply.
//!
//! A permit belongs to the message, not to the sender: it is returned when the handler is done
//! with the message, or when the message is dropped unread with a dying actor.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::sync::lock;

/// The mailbox entry of a supervised actor: `impl Actor { type Msg = Envelope<Message>; … }`.
#[derive(Debug)]
pub struct Envelope<M> {
    message: M,
    permit: InFlight,
}

/// In a cluster an envelope stays on its node: its reply and its permit mean nothing elsewhere.
#[cfg(feature = "cluster")]
impl<M: Send + 'static> ractor::Message for Envelope<M> {}

impl<M> Envelope<M> {
    pub(crate) fn new(message: M, permit: InFlight) -> Self {
        Self { message, permit }
    }

    /// Takes the message out. Keep the guard alive while the message is being handled: it is
    /// what bounds and measures the work in flight.
    pub fn open(self) -> (M, InFlight) {
        (self.message, self.permit)
    }
}

/// One message's place among those in flight; dropping it gives the place back.
#[derive(Debug)]
pub struct InFlight {
    ledger: Arc<Ledger>,
    ticket: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.ledger.entries).waiting.remove(&self.ticket);
    }
}

/// The messages accepted by one handle and not yet done with, oldest first.
#[derive(Debug)]
pub(crate) struct Ledger {
    limit: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    waiting: BTreeMap<u64, Instant>,
}

impl Ledger {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            entries: Mutex::default(),
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// A place in flight, or `None` when all are taken.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<InFlight> {
        let mut entries = lock(&self.entries);
        if entries.waiting.len() >= self.limit {
            return None;
        }
        let ticket = entries.next;
        entries.next += 1;
        entries.waiting.insert(ticket, Instant::now());
        Some(InFlight {
            ledger: Arc::clone(self),
            ticket,
        })
    }

    pub(crate) fn depth(&self) -> usize {
        lock(&self.entries).waiting.len()
    }

    pub(crate) fn oldest_age(&self) -> Option<Duration> {
        lock(&self.entries)
            .waiting
            .first_key_value()
            .map(|(_, since)| since.elapsed())
    }
}

/// Where a handler puts its answer. Dropped unused, the caller reads `Unavailable`.
#[derive(Debug)]
pub struct Reply<T>(oneshot::Sender<T>);

impl<T> Reply<T> {
    pub(crate) fn channel() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Answers the caller. A caller that is no longer waiting is no error.
    pub fn send(self, value: T) {
        // The caller's deadline passed; there is nobody left to tell.
        let _ = self.0.send(value);
    }

    /// True when the caller stopped waiting, so that costly work can be skipped.
    pub fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_oldest_message_in_flight_gives_the_age() {
        let ledger = Arc::new(Ledger::new(2));
        let first = ledger.admit();
        tokio::time::advance(Duration::from_secs(2)).await;
        let second = ledger.admit();
        assert!(ledger.admit().is_none());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(ledger.oldest_age(), Some(Duration::from_secs(5)));
        drop(first);
        assert_eq!(ledger.oldest_age(), Some(Duration::from_secs(3)));
        drop(second);
        assert_eq!((ledger.depth(), ledger.oldest_age()), (0, None));
    }

    #[tokio::test]
    async fn an_envelope_dropped_unread_gives_its_place_back() {
        let ledger = Arc::new(Ledger::new(1));
        drop(ledger.admit().map(|permit| Envelope::new("unread", permit)));
        assert_eq!(ledger.depth(), 0);
    }
}
