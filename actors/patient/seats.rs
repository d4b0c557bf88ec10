//! The seats of this node's sessions: one place per patient, kept across incarnations.
//!
//! A session has exactly one handle for as long as anybody may reach it: a second one would find
//! the name taken and never its actor. So a seat leaves only when no incarnation is up and nobody
//! else holds it, and the supervisor holds it with the child's description: through a start, a
//! restart and a stop. How many sessions there may be is the supervisor's to say, not this table's.

use super::card::{CardPlace, HeldCard};
use super::session::Message;
use arc_swap::ArcSwapWeak;
use dashmap::DashMap;
use plantao_schema::id::{PatientId, Tenant};
use plantao_supervisors::{Handle, Limits};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// Most requests that wait for one patient: a ward and its monitors, not a flood.
const IN_FLIGHT: usize = 64;

/// Fewest insertions between two sweeps: a scan of a thousand seats takes tens of microseconds.
const SWEEP_MIN: usize = 1_024;

/// One patient's place. Clones of the [`Arc`] around it keep it in the table.
pub(super) struct Seat {
    /// The way to whichever incarnation is up.
    pub(super) handle: Handle<Message>,
    /// Where it lays its patient's card.
    pub(super) card: CardPlace,
}

impl Default for Seat {
    fn default() -> Self {
        Self {
            handle: Handle::new(Limits::in_flight(IN_FLIGHT)),
            card: Arc::new(ArcSwapWeak::new(Weak::new())),
        }
    }
}

/// The table. After a sweep it is next swept when as many seats were added as were left, at least
/// [`SWEEP_MIN`]: an insertion costs the same however many sessions live, and the table stays
/// within twice of what was in use.
pub(super) struct Seats {
    seats: DashMap<(Tenant, PatientId), Arc<Seat>>,
    until_sweep: AtomicUsize,
}

impl Default for Seats {
    fn default() -> Self {
        Self {
            seats: DashMap::new(),
            until_sweep: AtomicUsize::new(SWEEP_MIN),
        }
    }
}

impl Seats {
    /// The seat of a patient whose session is up.
    pub(super) fn live(&self, tenant: &Tenant, patient: &PatientId) -> Option<Handle<Message>> {
        let seat = self.seats.get(&(tenant.clone(), patient.clone()))?;
        seat.handle.is_up().then(|| seat.handle.clone())
    }

    /// The card that a patient's session holds, if it is up and holds one.
    pub(super) fn card(&self, tenant: &Tenant, patient: &PatientId) -> Option<Arc<HeldCard>> {
        let seat = self.seats.get(&(tenant.clone(), patient.clone()))?;
        let held = seat.card.load().upgrade();
        held.filter(|_| seat.handle.is_up())
    }

    /// The seat of a patient, made when there is none.
    pub(super) fn of(&self, tenant: &Tenant, patient: &PatientId) -> Arc<Seat> {
        let mut made = false;
        let new = || {
            made = true;
            Arc::new(Seat::default())
        };
        let place = (tenant.clone(), patient.clone());
        let seat = Arc::clone(&*self.seats.entry(place).or_insert_with(new));
        // Only whoever takes the count from one sweeps: others go on with their patients.
        if made && self.count_down() {
            self.sweep();
        }
        seat
    }

    fn count_down(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.until_sweep
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less)
            == Ok(1)
    }

    /// Nobody can take up a seat that is given up here: whoever does not hold it yet has to pass
    /// the table, which is locked meanwhile.
    fn sweep(&self) {
        self.seats
            .retain(|_, seat| Arc::strong_count(seat) > 1 || seat.handle.is_up());
        let next = self.seats.len().max(SWEEP_MIN);
        self.until_sweep.store(next, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> Tenant {
        Tenant::parse("demo").unwrap()
    }

    fn patient(number: usize) -> PatientId {
        PatientId::parse(&format!("p-{number}")).unwrap()
    }

    #[test]
    fn a_seat_that_somebody_holds_outlives_every_sweep() {
        let seats = Seats::default();
        let held = seats.of(&tenant(), &patient(0));
        for number in 1..=4 * SWEEP_MIN {
            seats.of(&tenant(), &patient(number));
        }
        assert!(Arc::ptr_eq(&held, &seats.of(&tenant(), &patient(0))));
        assert!(seats.seats.len() <= 2 * SWEEP_MIN, "{}", seats.seats.len());
    }

    #[test]
    fn looking_a_seat_up_again_brings_no_sweep_nearer() {
        let seats = Seats::default();
        for _ in 0..4 * SWEEP_MIN {
            seats.of(&tenant(), &patient(0));
        }
        assert_eq!(seats.until_sweep.load(Ordering::Acquire), SWEEP_MIN - 1);
    }

    #[test]
    fn the_more_seats_are_held_the_rarer_a_sweep() {
        let (seats, many) = (Seats::default(), 20 * SWEEP_MIN);
        let (mut held, mut sweeps) = (Vec::new(), 0);
        for number in 0..many {
            let before = seats.until_sweep.load(Ordering::Acquire);
            held.push(seats.of(&tenant(), &patient(number)));
            sweeps += usize::from(seats.until_sweep.load(Ordering::Acquire) > before);
        }
        assert_eq!(seats.seats.len(), many);
        // At 1, 2, 4, 8 and 16 times the least.
        assert_eq!(sweeps, 5);
    }
}
