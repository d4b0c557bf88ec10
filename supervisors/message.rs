//! What travels in a supervised actor's mailbox: the envelope, its permit and its reply.
//!
//! A permit belongs to the message, not to the sender: it is returned when the handler is done
//! with the message, or when the message is dropped unread with a dying actor.

use smallvec::SmallVec;
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
    ticket: usize,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.ledger.entries).done(self.ticket);
    }
}

/// The messages accepted by one handle and not yet done with, oldest first.
#[derive(Debug)]
pub(crate) struct Ledger {
    limit: usize,
    entries: Mutex<Entries>,
}

/// A list through the places of a vector, oldest first: neither taking a place nor giving it
/// back moves another or allocates, once as many were in flight before.
#[derive(Debug)]
struct Entries {
    /// Most actors have one message in flight.
    places: SmallVec<[Entry; 1]>,
    free: usize,
    oldest: usize,
    newest: usize,
    depth: usize,
}

#[derive(Debug)]
struct Entry {
    since: Instant,
    older: usize,
    newer: usize,
}

/// No place.
const NONE: usize = usize::MAX;

impl Default for Entries {
    fn default() -> Self {
        Self {
            places: SmallVec::new(),
            free: NONE,
            oldest: NONE,
            newest: NONE,
            depth: 0,
        }
    }
}

impl Entries {
    fn admit(&mut self) -> usize {
        let entry = Entry {
            since: Instant::now(),
            older: self.newest,
            newer: NONE,
        };
        let ticket = match self.places.get_mut(self.free) {
            Some(place) => {
                let ticket = std::mem::replace(&mut self.free, place.newer);
                *place = entry;
                ticket
            }
            None => {
                self.places.push(entry);
                self.places.len() - 1
            }
        };
        match self.places.get_mut(self.newest) {
            Some(last) => last.newer = ticket,
            None => self.oldest = ticket,
        }
        self.newest = ticket;
        self.depth += 1;
        ticket
    }

    fn done(&mut self, ticket: usize) {
        let Some(place) = self.places.get_mut(ticket) else {
            return;
        };
        let (older, newer) = (place.older, place.newer);
        place.newer = std::mem::replace(&mut self.free, ticket);
        match self.places.get_mut(older) {
            Some(before) => before.newer = newer,
            None => self.oldest = newer,
        }
        match self.places.get_mut(newer) {
            Some(after) => after.older = older,
            None => self.newest = older,
        }
        self.depth -= 1;
    }
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

    /// A place in flight, or `None` when all are taken; so many as `beside` are taken by others.
    pub(crate) fn admit(self: &Arc<Self>, beside: usize) -> Option<InFlight> {
        let mut entries = lock(&self.entries);
        if entries.depth.saturating_add(beside) >= self.limit {
            return None;
        }
        let ticket = entries.admit();
        drop(entries);
        Some(self.permit(ticket))
    }

    /// A place in flight, taken or not.
    pub(crate) fn admit_anyway(self: &Arc<Self>) -> InFlight {
        let ticket = lock(&self.entries).admit();
        self.permit(ticket)
    }

    fn permit(self: &Arc<Self>, ticket: usize) -> InFlight {
        InFlight {
            ledger: Arc::clone(self),
            ticket,
        }
    }

    pub(crate) fn depth(&self) -> usize {
        lock(&self.entries).depth
    }

    pub(crate) fn oldest_age(&self) -> Option<Duration> {
        let entries = lock(&self.entries);
        let oldest = entries.places.get(entries.oldest);
        oldest.map(|entry| entry.since.elapsed())
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
    use proptest::prelude::*;

    #[tokio::test(start_paused = true)]
    async fn the_oldest_message_in_flight_gives_the_age() {
        let ledger = Arc::new(Ledger::new(2));
        let first = ledger.admit(0);
        tokio::time::advance(Duration::from_secs(2)).await;
        let second = ledger.admit(0);
        assert!(ledger.admit(0).is_none());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(ledger.oldest_age(), Some(Duration::from_secs(5)));
        drop(first);
        assert_eq!(ledger.oldest_age(), Some(Duration::from_secs(3)));
        drop(second);
        assert_eq!((ledger.depth(), ledger.oldest_age()), (0, None));
    }

    proptest! {
        #[test]
        fn the_ledger_agrees_with_keeping_a_map(
            limit in 1usize..6,
            steps in prop::collection::vec((any::<bool>(), 0usize..8), 1..100),
        ) {
            let ledger = Arc::new(Ledger::new(limit));
            let mut held = Vec::new();
            for (admit, which) in steps {
                if admit {
                    let permit = ledger.admit(0);
                    prop_assert_eq!(permit.is_some(), held.len() < limit);
                    held.extend(permit);
                } else if !held.is_empty() {
                    held.remove(which % held.len());
                }
                prop_assert_eq!(ledger.depth(), held.len());
                prop_assert_eq!(ledger.oldest_age().is_some(), !held.is_empty());
            }
        }
    }

    #[tokio::test]
    async fn an_envelope_dropped_unread_gives_its_place_back() {
        let ledger = Arc::new(Ledger::new(1));
        drop(
            ledger
                .admit(0)
                .map(|permit| Envelope::new("unread", permit)),
        );
        assert_eq!(ledger.depth(), 0);
    }
}
