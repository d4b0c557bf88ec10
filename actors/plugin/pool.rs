//! Which instance takes a call, and how many calls may wait for one.
//!
//! Owns the slots of one plugin. Refuses more calls than there are slots and places to wait, and
//! never queues a call behind another one in a mailbox: when an actor crashes, the call that
//! crashed it is the only one it takes along. A slot belongs to a [`Lease`] that travels with the
//! call, so that it comes back when the guest has ended and not when the caller has gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use plantao_supervisors::{Handle, Limits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, sleep, timeout};

use super::brake::Brake;
use super::instance_actor::Message;

/// How long a call waits for an instance that is being restarted; restarts take microseconds.
const RESTART_PATIENCE: Duration = Duration::from_secs(1);
/// How often it looks.
const RESTART_POLL: Duration = Duration::from_millis(1);
/// A leased slot has one call; the second place is for one whose caller's lease just ended.
const MESSAGES_PER_INSTANCE: usize = 2;

/// Why no slot was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSlot {
    /// Every place is taken, or the wait for one was too long.
    Full,
    /// The plugin crashed too often.
    Resting,
    /// No instance is up.
    Down,
}

/// The instances of one plugin.
pub(super) struct Pool {
    slots: Vec<Slot>,
    brake: Brake,
    admitted: Arc<Semaphore>,
    idle: Arc<Semaphore>,
    places: usize,
}

struct Slot {
    handle: Handle<Message>,
    leased: AtomicBool,
    /// Set before a crash is answered, cleared by the next incarnation: between the two the
    /// handle still finds an actor, but one that takes no more calls.
    crashing: AtomicBool,
}

impl Pool {
    pub(super) fn new(instances: usize, queue: usize) -> Self {
        let slot = || Slot {
            handle: Handle::new(Limits::in_flight(MESSAGES_PER_INSTANCE)),
            leased: AtomicBool::new(false),
            crashing: AtomicBool::new(false),
        };
        let places = instances.saturating_add(queue);
        Self {
            slots: std::iter::repeat_with(slot).take(instances).collect(),
            brake: Brake::default(),
            admitted: Arc::new(Semaphore::new(places)),
            idle: Arc::new(Semaphore::new(instances)),
            places,
        }
    }

    /// Calls admitted at once, running and waiting.
    pub(super) fn places(&self) -> usize {
        self.places
    }

    pub(super) fn instances(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn instances_up(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_ready()).count()
    }

    pub(super) fn handle(&self, index: usize) -> Option<&Handle<Message>> {
        self.slots.get(index).map(|slot| &slot.handle)
    }

    /// The actor of this slot has just started.
    pub(super) fn started(&self, index: usize) {
        if let Some(slot) = self.slots.get(index) {
            slot.crashing.store(false, Ordering::Release);
        }
    }

    /// The actor of this slot is about to crash.
    pub(super) fn crashing(&self, index: usize) {
        self.brake.crashed();
        if let Some(slot) = self.slots.get(index) {
            slot.crashing.store(true, Ordering::Release);
        }
    }

    /// Takes a free instance, waiting in line for at most `patience`.
    pub(super) async fn lease(self: &Arc<Self>, patience: Duration) -> Result<Lease, NoSlot> {
        if self.brake.is_on() {
            return Err(NoSlot::Resting);
        }
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
        let admitted = admitted.map_err(|_| NoSlot::Full)?;
        let turn = timeout(patience, Arc::clone(&self.idle).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(NoSlot::Full);
        };
        if self.brake.is_on() {
            return Err(NoSlot::Resting);
        }
        let slot = timeout(RESTART_PATIENCE, self.ready_slot()).await;
        let index = slot.map_err(|_| NoSlot::Down)?;
        Ok(Lease {
            pool: Arc::clone(self),
            index,
            _turn: turn,
            _admitted: admitted,
        })
    }

    /// A turn is held, so a slot is free; it may still be restarting.
    async fn ready_slot(&self) -> usize {
        loop {
            for (index, slot) in self.slots.iter().enumerate() {
                if slot.is_ready() && !slot.leased.swap(true, Ordering::AcqRel) {
                    return index;
                }
            }
            sleep(RESTART_POLL).await;
        }
    }
}

impl Slot {
    fn is_ready(&self) -> bool {
        !self.crashing.load(Ordering::Acquire) && self.handle.is_up()
    }
}

/// One slot, taken for one call. Dropping it gives the slot back.
pub(super) struct Lease {
    pool: Arc<Pool>,
    index: usize,
    _turn: OwnedSemaphorePermit,
    _admitted: OwnedSemaphorePermit,
}

impl Lease {
    /// The way to the instance.
    pub(super) fn handle(&self) -> Option<Handle<Message>> {
        self.pool.handle(self.index).cloned()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Before the turn, which the fields give back after this.
        if let Some(slot) = self.pool.slots.get(self.index) {
            slot.leased.store(false, Ordering::Release);
        }
    }
}
