//! `Topic`: one page that somebody looks at, drawn once for all who look.
//!
//! Owns the page. Draws it when it changed, and every second because time alone changes what is
//! current; numbers each difference and leaves it where viewers take it. Lost on restart: the
//! page's own state and the frames kept for resuming; the next incarnation has another epoch, and
//! its viewers get the whole tree. Stops by itself a minute after the last viewer left, and after
//! seconds when none ever came. Restart class: temporary under a dynamic supervisor, because its
//! viewers start it again.
//!
//! PHI: the tree that its viewers see. Purpose: care (LGPD Art. 11 II f); retention: until the
//! stop, in memory; access: viewers of the same grant; encryption: none in memory, TLS on the
//! way; audit: by each viewer, before it sends.

use super::LiveCounts;
use super::feed::Feed;
use super::page::{Page, PageError, Pages};
use super::topics::{OPEN_DEADLINE, Slot, TopicSeat};
use crate::clock::WallClock;
use crate::entropy::Entropy;
use crate::pump::Pump;
use plantao_supervisors::Envelope;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

/// How often a page is drawn when nothing has changed: ages and staleness are shown to the second.
const TICK: Duration = Duration::from_secs(1);

/// The least time between two renders: whatever changes in between goes out as one.
const RENDER_GAP: Duration = Duration::from_millis(20);

/// Between two attempts to open a page that viewers wait for.
const RETRY: Duration = Duration::from_millis(250);

/// A topic is asked nothing: what it shows lies open.
pub(super) enum Message {}

/// The actor.
pub(super) struct Topic<P> {
    pages: Arc<P>,
    clock: WallClock,
    entropy: Entropy,
    counts: Arc<LiveCounts>,
    seat: Arc<TopicSeat>,
}

impl<P> Topic<P> {
    pub(super) const fn new(
        pages: Arc<P>,
        clock: WallClock,
        entropy: Entropy,
        counts: Arc<LiveCounts>,
        seat: Arc<TopicSeat>,
    ) -> Self {
        Self {
            pages,
            clock,
            entropy,
            counts,
            seat,
        }
    }
}

impl<P: Pages> Actor for Topic<P> {
    type Msg = Envelope<Message>;
    type State = Pump;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Pump, ActorProcessingErr> {
        let (pages, seat) = (Arc::clone(&self.pages), Arc::clone(&self.seat));
        let (clock, counts) = (self.clock.clone(), Arc::clone(&self.counts));
        let entropy = self.entropy.clone();
        Ok(Pump::start(myself, async move {
            let Some(page) = opened(&*pages, &seat).await else {
                return;
            };
            match entropy.uuid_v4() {
                Ok(epoch) => show(epoch, page, &seat, &clock, &counts).await,
                Err(_) => seat.refuse(PageError::Unavailable),
            }
        }))
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        _state: &mut Pump,
    ) -> Result<(), ActorProcessingErr> {
        match envelope.open().0 {}
    }
}

/// The page; nothing when there is none, or none while anybody waits for it.
async fn opened<P: Pages>(pages: &P, seat: &TopicSeat) -> Option<P::Page> {
    loop {
        let opening = tokio::time::timeout(OPEN_DEADLINE, pages.open(&seat.key)).await;
        let error = match opening.unwrap_or(Err(PageError::Unavailable)) {
            Ok(page) => return Some(page),
            Err(error) => error,
        };
        seat.refuse(error);
        if error == PageError::NotFound || !seat.is_watched() {
            return None;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Shows the page until nobody looks.
async fn show(
    epoch: Uuid,
    mut page: impl Page,
    seat: &Arc<TopicSeat>,
    clock: &WallClock,
    counts: &Arc<LiveCounts>,
) {
    let now = clock.now();
    let feed = Arc::new(Feed::new(epoch, page.render(now), now));
    let on_show = OnShow::new(feed, seat, counts);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut drawn = Instant::now();
    while !seat.is_deserted() {
        tokio::select! {
            biased;
            () = page.changed() => {}
            _ = tick.tick() => {}
        }
        let earliest = drawn + RENDER_GAP;
        if earliest > Instant::now() {
            tokio::time::sleep_until(earliest).await;
        }
        drawn = Instant::now();
        let now = clock.now();
        on_show.publish(page.render(now), now);
    }
}

/// A feed that viewers find, until this is dropped, however that comes about.
struct OnShow<'a> {
    feed: Arc<Feed>,
    seat: &'a TopicSeat,
    counts: &'a LiveCounts,
}

impl<'a> OnShow<'a> {
    fn new(feed: Arc<Feed>, seat: &'a TopicSeat, counts: &'a LiveCounts) -> Self {
        counts.topic_came();
        seat.slot.send_replace(Slot::Live(Arc::clone(&feed), 0));
        Self { feed, seat, counts }
    }

    fn publish(&self, view: super::View, now: plantao_schema::time::Timestamp) {
        if !self.feed.publish(view, now) {
            return;
        }
        self.seat.slot.send_if_modified(|slot| match slot {
            Slot::Live(feed, news) if Arc::ptr_eq(feed, &self.feed) => {
                *news = news.wrapping_add(1);
                true
            }
            // The next incarnation shows already.
            _ => false,
        });
    }
}

impl Drop for OnShow<'_> {
    fn drop(&mut self) {
        self.counts.topic_left();
        self.seat.slot.send_if_modified(|slot| match slot {
            Slot::Live(feed, _) if Arc::ptr_eq(feed, &self.feed) => {
                *slot = Slot::Empty;
                true
            }
            _ => false,
        });
    }
}
