//! The topics of this node: how one is started and found.
//!
//! A topic is started by the first who needs it and found by everyone else through its seat, which
//! outlives its incarnations. Its name in the tree is drawn from a salt that lives as long as this
//! process: the tree is shown to operators, and even a pseudonym of a patient is not for them.

use super::feed::Feed;
use super::page::{PageError, Pages, TopicKey};
use super::topic::{Message, Topic};
use super::{LiveCounts, LiveError};
use crate::clock::WallClock;
use crate::entropy::{Entropy, EntropyError, Salt};
use plantao_supervisors::{
    ChildSpec, DynamicHandle, Handle, Limits, Restart, Shutdown, SupervisorError,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long a caller waits for a topic to show its page.
pub(super) const OPEN_DEADLINE: Duration = Duration::from_secs(3);

/// How long a caller waits before it looks again at a topic that is between two lives.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How often one caller starts a topic that falls before it has shown anything.
const STARTS_MAX: usize = 3;

/// How long a topic that had viewers stays without: a reload takes a second, a network that is back
/// somewhat more.
pub const IDLE_STOP: Duration = Duration::from_mins(1);

/// How long a topic stays of which only documents were asked: whoever loads them and never looks
/// must not fill the node's room for topics. A viewer that comes later starts it again.
pub(super) const UNSEEN_STOP: Duration = Duration::from_secs(5);

/// What a topic gets to stop: it has nothing to finish.
const STOP_DEADLINE: Duration = Duration::from_secs(2);

/// Fewest seats between two sweeps of those that nobody holds.
const SWEEP_MIN: usize = 256;

/// What is known of a topic right now.
#[derive(Clone)]
pub(super) enum Slot {
    /// It shows nothing.
    Empty,
    /// It could not open its page, for the so many-th time.
    Refused(PageError, u64),
    /// It shows this. The number only says that there is something new.
    Live(Arc<Feed>, u64),
}

/// The place of one topic, kept for as long as anybody may reach it.
pub(super) struct TopicSeat {
    pub(super) key: TopicKey,
    name: String,
    handle: Handle<Message>,
    pub(super) slot: watch::Sender<Slot>,
    watching: AtomicUsize,
    /// Whether anybody ever looked.
    was_watched: AtomicBool,
    refusals: AtomicU64,
    used: Mutex<Instant>,
    starting: tokio::sync::Mutex<()>,
}

impl TopicSeat {
    fn new(key: TopicKey, name: String) -> Self {
        Self {
            key,
            name,
            handle: Handle::new(Limits::in_flight(1)),
            slot: watch::Sender::new(Slot::Empty),
            watching: AtomicUsize::new(0),
            was_watched: AtomicBool::new(false),
            refusals: AtomicU64::new(0),
            used: Mutex::new(Instant::now()),
            starting: tokio::sync::Mutex::new(()),
        }
    }

    /// Whether anybody looks.
    pub(super) fn is_watched(&self) -> bool {
        self.watching.load(Ordering::Acquire) > 0
    }

    /// Whether nobody has looked for so long that nobody is about to.
    pub(super) fn is_deserted(&self) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = if self.was_watched.load(Ordering::Acquire) {
            IDLE_STOP
        } else {
            UNSEEN_STOP
        };
        !self.is_watched() && used.elapsed() >= stays
    }

    /// The topic could not open its page.
    pub(super) fn refuse(&self, error: PageError) {
        let number = self.refusals.fetch_add(1, Ordering::AcqRel) + 1;
        self.slot.send_replace(Slot::Refused(error, number));
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// The answer that is there for a caller who came after `refusals`.
    fn answer(&self, refusals: u64) -> Option<Result<Arc<Feed>, LiveError>> {
        match &*self.slot.borrow() {
            Slot::Live(feed, _) => Some(Ok(Arc::clone(feed))),
            Slot::Refused(error, number) if *number > refusals => Some(Err((*error).into())),
            Slot::Empty | Slot::Refused(..) => None,
        }
    }
}

/// Somebody who looks at a topic: it stays for as long.
pub(super) struct Watching(pub(super) Arc<TopicSeat>);

impl Watching {
    pub(super) fn new(seat: Arc<TopicSeat>) -> Self {
        seat.watching.fetch_add(1, Ordering::AcqRel);
        seat.was_watched.store(true, Ordering::Release);
        Self(seat)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.touch();
        self.0.watching.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The topics and how to start one.
pub(super) struct Topics<P> {
    pages: Arc<P>,
    clock: WallClock,
    counts: Arc<LiveCounts>,
    supervisor: DynamicHandle,
    entropy: Entropy,
    salt: Salt,
    seats: Mutex<Seats>,
}

#[derive(Default)]
struct Seats {
    by_key: HashMap<TopicKey, Weak<TopicSeat>>,
    sweep_at: usize,
}

impl<P: Pages> Topics<P> {
    pub(super) fn new(
        pages: Arc<P>,
        clock: WallClock,
        entropy: Entropy,
        counts: Arc<LiveCounts>,
    ) -> Self {
        Self {
            pages,
            clock,
            counts,
            supervisor: DynamicHandle::new(),
            salt: Salt::new(entropy.clone()),
            entropy,
            seats: Mutex::default(),
        }
    }

    pub(super) const fn supervisor(&self) -> &DynamicHandle {
        &self.supervisor
    }

    /// The seat of a topic, made when there is none. Two callers never hold two seats of one
    /// topic: one that anybody holds is found here, the supervisor's description included.
    ///
    /// # Errors
    /// `Unavailable` when there is no name for it.
    pub(super) fn seat(&self, key: &TopicKey) -> Result<Arc<TopicSeat>, LiveError> {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seat) = seats.by_key.get(key).and_then(Weak::upgrade) {
            return Ok(seat);
        }
        if seats.by_key.len() >= seats.sweep_at {
            seats.by_key.retain(|_, seat| seat.strong_count() > 0);
            seats.sweep_at = (seats.by_key.len() * 2).max(SWEEP_MIN);
        }
        let seat = Arc::new(TopicSeat::new(key.clone(), self.name(key)?));
        seats.by_key.insert(key.clone(), Arc::downgrade(&seat));
        Ok(seat)
    }

    /// What the topic shows, which is started when it is not live.
    ///
    /// # Errors
    /// [`LiveError`], within [`OPEN_DEADLINE`].
    pub(super) async fn feed(&self, seat: &Arc<TopicSeat>) -> Result<Arc<Feed>, LiveError> {
        seat.touch();
        // Why others got no page before does not answer this caller.
        let refusals = seat.refusals.load(Ordering::Acquire);
        if let Some(Ok(feed)) = seat.answer(refusals) {
            return Ok(feed);
        }
        timeout(OPEN_DEADLINE, self.started(seat, refusals))
            .await
            .unwrap_or(Err(LiveError::Unavailable))
    }

    async fn started(&self, seat: &Arc<TopicSeat>, refusals: u64) -> Result<Arc<Feed>, LiveError> {
        let mut slot = seat.slot.subscribe();
        // A thousand viewers that lost their topic start it once.
        let _turn = seat.starting.lock().await;
        let mut starts_left = STARTS_MAX;
        loop {
            slot.mark_unchanged();
            if let Some(answer) = seat.answer(refusals) {
                return answer;
            }
            if seat.handle.is_up() {
                // Opening its page, or on its way out: the seat holds the sender, so that this
                // ends with a change or a look at the handle.
                let _changed = timeout(LOOK_AGAIN, slot.changed()).await;
                continue;
            }
            match self.supervisor.start_child(self.child(seat)).await {
                Ok(_) if starts_left > 0 => starts_left -= 1,
                // It is between two lives.
                Err(SupervisorError::AlreadyStarted { .. }) => sleep(LOOK_AGAIN).await,
                Err(SupervisorError::MaxChildren { .. }) => return Err(LiveError::Overloaded),
                Ok(_) | Err(_) => return Err(LiveError::Unavailable),
            }
        }
    }

    /// The description holds the seat for as long as the supervisor knows the child. Temporary:
    /// whoever looks starts it again, within the same milliseconds, and a page that cannot be
    /// drawn wears out its own viewers' patience and no supervisor's.
    fn child(&self, seat: &Arc<TopicSeat>) -> ChildSpec {
        let (pages, clock) = (Arc::clone(&self.pages), self.clock.clone());
        let (counts, own) = (Arc::clone(&self.counts), Arc::clone(seat));
        let entropy = self.entropy.clone();
        let make = move || {
            let (pages, own) = (Arc::clone(&pages), Arc::clone(&own));
            let (clock, entropy) = (clock.clone(), entropy.clone());
            let topic = Topic::new(pages, clock, entropy, Arc::clone(&counts), own);
            (topic, ())
        };
        ChildSpec::worker(seat.name.as_str(), &seat.handle, make)
            .restart(Restart::Temporary)
            .shutdown(Shutdown::Timeout(STOP_DEADLINE))
    }

    /// Its kind, and sixteen hexadecimal digits that mean nothing outside this process.
    fn name(&self, key: &TopicKey) -> Result<String, EntropyError> {
        let name = self.salt.name(&format!("{key:?}"))?;
        Ok(format!("{}-{name}", key.subject.kind()))
    }
}
