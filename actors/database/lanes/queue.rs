//! The flights that wait for a lane, in the order of their first reads.
//!
//! A read joins the first flight of its tenant that has a seat. Refuses to hold more reads than it
//! was made for, and any once its owner has gone.

use super::super::DatabaseError;
use super::flight::{Answer, Flight};
use super::query::{PointQuery, Value};
use plantao_schema::id::Tenant;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// Most reads that wait, of all tenants: what two lanes work off in about a tenth of the time that
/// anybody would wait for a page. More are refused, which costs less than to be late.
pub(super) const WAITING_MAX: usize = 4_096;

/// See the module.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    came: Notify,
}

#[derive(Default)]
struct Waiting {
    flights: VecDeque<Flight>,
    reads: usize,
    closed: bool,
}

impl Queue {
    /// Adds a read to a flight.
    pub(super) fn push(
        &self,
        tenant: &Tenant,
        query: &'static PointQuery,
        key: Arc<[Value]>,
    ) -> Result<oneshot::Receiver<Answer>, DatabaseError> {
        let (reply, answer) = oneshot::channel();
        let mut waiting = self.locked();
        if waiting.closed {
            return Err(DatabaseError::Unavailable);
        }
        if waiting.reads >= WAITING_MAX {
            return Err(DatabaseError::Overloaded { limit: WAITING_MAX });
        }
        waiting.reads = waiting.reads.saturating_add(1);
        let mut flights = waiting.flights.iter_mut();
        match flights.find(|flight| flight.has_seat(tenant, query)) {
            Some(flight) => flight.board(query, key, reply),
            None => {
                let mut flight = Flight::of(tenant.clone());
                flight.board(query, key, reply);
                waiting.flights.push_back(flight);
            }
        }
        drop(waiting);
        self.came.notify_one();
        Ok(answer)
    }

    /// The flight that waits longest.
    pub(super) fn take(&self) -> Option<Flight> {
        let mut waiting = self.locked();
        let flight = waiting.flights.pop_front()?;
        waiting.reads = waiting.reads.saturating_sub(flight.reads());
        Some(flight)
    }

    /// Until there is a flight, which another lane may still take first.
    pub(super) async fn filled(&self) {
        while self.locked().flights.is_empty() {
            self.came.notified().await;
        }
    }

    /// Nobody takes anything any more: who waits reads that its answer will not come.
    pub(super) fn close(&self) {
        let mut waiting = self.locked();
        waiting.closed = true;
        waiting.flights.clear();
        waiting.reads = 0;
    }

    fn locked(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::flight::{READS_MAX, STATEMENTS_MAX};
    use super::super::query::KeyPart;
    use super::*;

    const fn named(sql: &'static str) -> PointQuery {
        PointQuery {
            sql,
            key: &[KeyPart::Integer],
        }
    }
    const ONE: PointQuery = named("one");
    const OTHER: PointQuery = named("other");

    fn tenant(number: usize) -> Tenant {
        Tenant::parse(&format!("t{number}")).unwrap()
    }

    fn push(
        queue: &Queue,
        of: usize,
        query: &'static PointQuery,
    ) -> Result<oneshot::Receiver<Answer>, DatabaseError> {
        queue.push(&tenant(of), query, Arc::new([1_i32.into()]))
    }

    fn shape(queue: &Queue) -> Option<(String, usize, usize)> {
        let flight = queue.take()?;
        let (reads, statements) = (flight.reads(), flight.statements());
        Some((flight.tenant().to_string(), reads, statements))
    }

    #[test]
    fn reads_of_one_tenant_leave_together_and_tenants_in_the_order_they_came() {
        let queue = Queue::default();
        for (of, query) in [(2, &ONE), (1, &ONE), (2, &OTHER), (2, &ONE), (1, &ONE)] {
            push(&queue, of, query).unwrap();
        }
        assert_eq!(shape(&queue), Some(("t2".into(), 3, 2)));
        assert_eq!(shape(&queue), Some(("t1".into(), 2, 1)));
        assert_eq!(shape(&queue), None);
    }

    #[test]
    fn a_full_flight_is_followed_by_another() {
        let queue = Queue::default();
        for _ in 0..=READS_MAX {
            push(&queue, 1, &ONE).unwrap();
        }
        assert_eq!(shape(&queue), Some(("t1".into(), READS_MAX, 1)));
        assert_eq!(shape(&queue), Some(("t1".into(), 1, 1)));
        for number in 0..=STATEMENTS_MAX {
            let query = Box::leak(Box::new(named(format!("{number}").leak())));
            push(&queue, 1, query).unwrap();
        }
        push(&queue, 1, Box::leak(Box::new(named("0")))).unwrap();
        let full = ("t1".into(), STATEMENTS_MAX + 1, STATEMENTS_MAX);
        assert_eq!(shape(&queue), Some(full));
        assert_eq!(shape(&queue), Some(("t1".into(), 1, 1)));
    }

    #[test]
    fn too_many_that_wait_are_refused_and_room_comes_back() {
        let queue = Queue::default();
        for number in 0..WAITING_MAX {
            push(&queue, number % 3, &ONE).unwrap();
        }
        let refused = push(&queue, 1, &ONE).err().unwrap();
        assert_eq!(refused, DatabaseError::Overloaded { limit: WAITING_MAX });
        assert!(refused.is_unavailable());
        assert!(queue.take().is_some());
        push(&queue, 1, &ONE).unwrap();
    }

    #[tokio::test]
    async fn who_waits_when_the_owner_goes_is_told_and_who_comes_later_is_refused() {
        let queue = Queue::default();
        let answer = push(&queue, 1, &ONE).unwrap();
        queue.close();
        assert!(answer.await.is_err());
        let refused = push(&queue, 1, &ONE).err();
        assert_eq!(refused, Some(DatabaseError::Unavailable));
    }
}
