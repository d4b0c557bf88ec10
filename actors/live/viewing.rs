//! What a viewer's actor does all day: takes the topic's frames to one connection.
//!
//! Nothing queues for a viewer. It asks the feed for its next step when the last one is written,
//! so that a slow one skips and never holds anybody up. Before each step it looks whether it may
//! still show anything, and whether the patients' trails know. One timer serves heartbeats, pings,
//! the limit on silence, decisions and the limit on sending.

use super::feed::{Feed, Step};
use super::page::{Pages, Patients};
use super::socket::{Said, Socket};
use super::standing::{Halt, Standing};
use super::topics::{Slot, Topics};
use super::viewers::{Farewell, Guest, Seat};
use super::{CloseReason, LiveCounts, wire_frame};
use plantao_schema::audit::Outcome;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

/// A viewer that was sent nothing for so long is told that all is well: it calls the connection
/// lost after two and a half of these.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);

/// How often a viewer is asked for a sign of life.
pub(super) const PING_EVERY: Duration = Duration::from_secs(20);

/// Without one for so long, nobody is there: two pings and their way back.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(45);

/// Frames that a viewer may send between two heartbeats; a browser sends a pong in twenty seconds.
pub(super) const FRAMES_BETWEEN_TICKS_MAX: u32 = 16;

/// How long a topic that fell may take to show its page again.
pub(super) const TOPIC_PATIENCE: Duration = Duration::from_secs(2);

/// Between two attempts to get receipts.
const RETRY: Duration = Duration::from_millis(500);

/// Where a viewer stands in a feed: its epoch and sequence number.
pub(super) type Place = (Arc<str>, u64);

/// All that one viewer is.
pub(super) struct Viewing<P, IO> {
    topics: Arc<Topics<P>>,
    counts: Arc<LiveCounts>,
    seat: Seat,
    slot: watch::Receiver<Slot>,
    /// The topic's incarnation that this viewer follows; nothing before the first.
    feed: Option<Arc<Feed>>,
    /// Where the viewer's page stands when it comes.
    resume: Option<Place>,
    /// The sequence number that this viewer has of the feed; nothing when it has none of it.
    seq: Option<u64>,
    standing: Box<Standing>,
    changes: watch::Receiver<u64>,
    drain: watch::Receiver<bool>,
    socket: Socket<IO>,
    farewell: Farewell,
    tick_at: Instant,
    sent: Instant,
    heard: Instant,
    pinged: Instant,
    decide_at: Instant,
    frames_heard: u32,
    /// What there is to show may not be shown at the moment.
    held: bool,
}

enum Woken {
    Changed,
    News,
    Said(Said),
    Tick,
}

impl<P: Pages, IO: AsyncRead + AsyncWrite + Unpin + Send> Viewing<P, IO> {
    /// A viewer whose connection is there. `resume` is where its page stands.
    pub(super) fn new(
        guest: Guest<P>,
        socket: Socket<IO>,
        resume: Option<Place>,
        farewell: Farewell,
    ) -> Self {
        let now = Instant::now();
        Self {
            slot: guest.seat.watching.0.slot.subscribe(),
            changes: guest.standing.changes(),
            decide_at: guest.standing.next(),
            topics: guest.topics,
            counts: guest.counts,
            seat: guest.seat,
            feed: None,
            resume,
            seq: None,
            standing: guest.standing,
            drain: guest.drain,
            socket,
            farewell,
            tick_at: now,
            // A first word is due: it says that the view is live, and a page that resumes may
            // have missed nothing else.
            sent: now.checked_sub(HEARTBEAT).unwrap_or(now),
            heard: now,
            pinged: now,
            frames_heard: 0,
            held: false,
        }
    }

    /// Shows until there is a reason not to, or until told to stop, and ends. Whatever it waits for
    /// then, a stop is no later for it.
    pub(super) async fn run(mut self: Box<Self>, stop: &mut oneshot::Receiver<()>) {
        let reason = tokio::select! {
            biased;
            _ = stop => CloseReason::Draining,
            Err(reason) = self.show() => reason,
        };
        Box::pin(self.end(reason)).await;
    }

    /// Completes the view's entry and says goodbye, neither waiting for the other: a viewer that
    /// takes nothing must not cost the trail its end. Then gives the seat back.
    async fn end(self: Box<Self>, reason: CloseReason) {
        let mut all = *self;
        all.farewell.reason = reason;
        let outcome = if reason.is_refusal() {
            Outcome::Refused
        } else {
            Outcome::Success
        };
        let finished = all.standing.finish(outcome);
        tokio::join!(finished, all.socket.close(reason));
        drop(all.seat);
        drop(all.farewell);
    }

    async fn show(&mut self) -> Result<Infallible, CloseReason> {
        // What changed while the connection was made was told to nobody.
        self.decide().await?;
        self.advance().await?;
        loop {
            self.socket.wake_at(self.tick_at);
            match self.woken().await {
                Woken::Said(Said::Last(reason)) => return Err(reason),
                Woken::Said(Said::Alive) => self.alive().await?,
                Woken::Changed => self.decide().await?,
                Woken::News => self.advance().await?,
                Woken::Tick => self.tick().await?,
            }
        }
    }

    async fn woken(&mut self) -> Woken {
        tokio::select! {
            biased;
            Ok(()) = self.changes.changed() => Woken::Changed,
            said = self.socket.said_or_tick() => said.map_or(Woken::Tick, Woken::Said),
            Ok(()) = self.slot.changed() => Woken::News,
        }
    }

    /// The viewer is there.
    async fn alive(&mut self) -> Result<(), CloseReason> {
        self.heard = Instant::now();
        self.frames_heard += 1;
        if self.frames_heard > FRAMES_BETWEEN_TICKS_MAX {
            return Err(CloseReason::Flood);
        }
        self.socket.answer().await
    }

    /// What is due by time. Whether the door closes is looked at here, so that a thousand viewers
    /// leave, and come back, spread over a second.
    async fn tick(&mut self) -> Result<(), CloseReason> {
        let now = Instant::now();
        self.frames_heard = 0;
        if *self.drain.borrow() || self.drain.has_changed().is_err() {
            return Err(CloseReason::Draining);
        }
        if now.duration_since(self.heard) >= SILENCE_MAX {
            return Err(CloseReason::Idle);
        }
        if now >= self.decide_at {
            self.decide().await?;
        }
        if self.held {
            self.advance().await?;
        }
        if now.duration_since(self.pinged) >= PING_EVERY {
            self.pinged = now;
            self.socket.ping().await?;
        }
        // Says that what the viewer sees is current, only when it is: silence says the opposite.
        if self.sent.elapsed() >= HEARTBEAT && !self.held && self.is_current() {
            self.sent = Instant::now();
            self.socket.send(&wire_frame::HEARTBEAT).await?;
            self.counts.heartbeat();
        }
        // What the page came with is told before anything changes: a change, and a loss above
        // all, must not wait for receipts.
        let current = self
            .feed
            .as_ref()
            .filter(|_| !self.held && self.seq.is_some());
        if let Some(patients) = current.map(|feed| feed.patients()) {
            self.told(&patients).await?;
        }
        let now = Instant::now();
        let due = self.sent + HEARTBEAT;
        self.tick_at = if self.held || due <= now {
            now + RETRY
        } else {
            due
        };
        Ok(())
    }

    /// Decides anew whether the view goes on.
    async fn decide(&mut self) -> Result<(), CloseReason> {
        self.changes.mark_unchanged();
        let grant = &self.seat.watching.0.key.grant;
        let decided = match self.standing.judge(grant) {
            Err(Halt::Undecided) => Box::pin(self.standing.judge_patiently(grant)).await,
            decided => decided,
        };
        self.decide_at = self.standing.next();
        match decided {
            Ok(_permit) => Ok(()),
            Err(Halt::Over(reason)) => Err(reason),
            Err(Halt::Undecided) => Err(CloseReason::PolicyUnavailable),
        }
    }

    /// Brings the viewer to where the topic is.
    async fn advance(&mut self) -> Result<(), CloseReason> {
        loop {
            self.slot.mark_unchanged();
            self.follow().await?;
            let step = self.feed.as_ref().and_then(|feed| feed.next(self.seq));
            let Some(step) = step else {
                self.held = false;
                return Ok(());
            };
            // Nothing goes out that was decided before the last change.
            if self.changes.has_changed().unwrap_or(true) {
                self.decide().await?;
            }
            self.held = !self.covered(&step).await?;
            if self.held {
                return Ok(());
            }
            self.sent = Instant::now();
            self.socket.send(&step.frame().bytes).await?;
            self.seq = Some(step.frame().seq);
            self.counts.sent();
            match step {
                Step::Next(_) => {}
                Step::Folded(_) => self.counts.coalesced(),
                Step::Whole(_) => self.counts.whole(),
            }
        }
    }

    /// Makes sure that the feed is that of the living topic.
    async fn follow(&mut self) -> Result<(), CloseReason> {
        let live = match &*self.slot.borrow() {
            Slot::Live(feed, _) if self.feed.as_ref().is_some_and(|own| Arc::ptr_eq(own, feed)) => {
                return Ok(());
            }
            Slot::Live(feed, _) => Some(Arc::clone(feed)),
            Slot::Empty | Slot::Refused(..) => None,
        };
        let feed = match live {
            Some(feed) => feed,
            None => Box::pin(self.revived()).await?,
        };
        // Of another epoch the viewer has nothing, and gets the whole tree.
        let resume = self.resume.take();
        let here = resume.filter(|(epoch, _)| **epoch == *feed.epoch());
        self.seq = here.map(|(_, seq)| seq);
        self.feed = Some(feed);
        Ok(())
    }

    /// Whether the topic looks at its page, so that what it last showed is still so.
    fn is_current(&self) -> bool {
        self.feed.as_ref().is_some_and(|feed| feed.is_beating())
    }

    /// The feed of a topic that fell, once it is back.
    async fn revived(&mut self) -> Result<Arc<Feed>, CloseReason> {
        let until = Instant::now() + TOPIC_PATIENCE;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let again = timeout(left, self.topics.feed(&self.seat.watching.0));
            if let Ok(Ok(feed)) = again.await {
                return Ok(feed);
            }
            tokio::time::sleep(RETRY / 10).await;
        }
        Err(CloseReason::TopicLost)
    }

    /// Whether the trails of a step's patients say that this viewer sees them.
    async fn covered(&mut self, step: &Step) -> Result<bool, CloseReason> {
        self.told(&step.frame().patients).await
    }

    /// Makes sure that these patients' trails say that this viewer sees them.
    async fn told(&mut self, patients: &Patients) -> Result<bool, CloseReason> {
        if self.standing.covers(patients) {
            return Ok(true);
        }
        let grant = &self.seat.watching.0.key.grant;
        match Box::pin(self.standing.disclose(grant, patients)).await {
            Ok(disclosed) => Ok(disclosed),
            // Decided with the next tick, with more patience.
            Err(Halt::Undecided) => Ok(false),
            Err(Halt::Over(reason)) => Err(reason),
        }
    }
}
