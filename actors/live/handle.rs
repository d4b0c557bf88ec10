//! `Live`: what the front door holds of the live pages.

use super::feed::Shown;
use super::page::{PageError, Pages, TopicKey};
use super::socket::RawSocket;
use super::standing::{Admission, Offices, Standing};
use super::topics::{Topics, Watching};
use super::viewers::{Arrival, Guest, Room, Seat, ViewerEnd, Viewers};
use super::{CloseReason, LiveCounts};
use crate::audit::{AuditLog, OpenEntry};
use crate::clock::WallClock;
use crate::entropy::{Entropy, EntropyError};
use crate::policy::{Permit, Policy};
use plantao_supervisors::{ChildSpec, DynamicSpec, Intensity};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

/// Why nothing can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// There is no such page for this viewer.
    #[error("there is no such page")]
    NotFound,
    /// Its topic did not come up.
    #[error("the live page is not available")]
    Unavailable,
    /// There is room for no more viewers, or for no more topics.
    #[error("there is room for no more live pages")]
    Overloaded,
}

impl From<PageError> for LiveError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::NotFound => Self::NotFound,
            PageError::Unavailable => Self::Unavailable,
            PageError::Overloaded => Self::Overloaded,
        }
    }
}

impl From<EntropyError> for LiveError {
    fn from(_: EntropyError) -> Self {
        Self::Unavailable
    }
}

/// How much one node shows at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveLimits {
    /// Viewers.
    pub viewers: u32,
    /// Different pages that they look at.
    pub topics: u32,
}

/// The live pages. Made before the tree; clones share everything.
pub struct Live<P> {
    shared: Arc<Shared<P>>,
}

struct Shared<P> {
    topics: Arc<Topics<P>>,
    viewers: Viewers,
    offices: Arc<Offices>,
    counts: Arc<LiveCounts>,
    version: String,
    limits: LiveLimits,
}

impl<P> Clone for Live<P> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<P: Pages> Live<P> {
    /// Live pages that nobody serves yet. `version` is that of the templates: a page made by
    /// another is told to load itself anew.
    #[must_use]
    pub fn new(
        pages: Arc<P>,
        (policy, audit, clock, entropy): (Policy, AuditLog, WallClock, Entropy),
        version: String,
        limits: LiveLimits,
    ) -> Self {
        let counts = Arc::new(LiveCounts::default());
        let topics = Topics::new(pages, clock.clone(), entropy, Arc::clone(&counts));
        let offices = Offices {
            policy,
            audit,
            clock,
            counts: Arc::clone(&counts),
        };
        Self {
            shared: Arc::new(Shared {
                topics: Arc::new(topics),
                viewers: Viewers::new(),
                offices: Arc::new(offices),
                counts,
                version,
                limits,
            }),
        }
    }

    /// The supervisor of the topics, as a child named `topics`.
    #[must_use]
    pub fn topics_child(&self, intensity: Intensity) -> ChildSpec {
        let spec = DynamicSpec::new(intensity, count(self.shared.limits.topics));
        ChildSpec::dynamic("topics", self.shared.topics.supervisor(), spec)
    }

    /// The supervisor of the viewers, as a child named `viewers`. After the topics: viewers are
    /// to stop first.
    #[must_use]
    pub fn viewers_child(&self, intensity: Intensity) -> ChildSpec {
        let spec = DynamicSpec::new(intensity, count(self.shared.limits.viewers));
        ChildSpec::dynamic("viewers", self.shared.viewers.supervisor(), spec)
    }

    /// What a page shows now, for its document. Starts its topic, or finds it; the viewer that
    /// follows goes on from there.
    ///
    /// # Errors
    /// [`LiveError`], within three seconds.
    pub async fn page(&self, key: &TopicKey) -> Result<Shown, LiveError> {
        let seat = self.shared.topics.seat(key)?;
        Ok(self.shared.topics.feed(&seat).await?.shown())
    }

    /// Room for a viewer and its topic, before the connection is promised to it.
    ///
    /// # Errors
    /// [`LiveError`], within three seconds.
    pub async fn seat(&self, key: &TopicKey) -> Result<Seat, LiveError> {
        let limit = u64::from(self.shared.limits.viewers);
        let room = Room::take(&self.shared.counts, limit).ok_or(LiveError::Overloaded)?;
        let watching = Watching::new(self.shared.topics.seat(key)?);
        self.shared.topics.feed(&watching.0).await?;
        Ok(Seat {
            watching,
            _room: room,
        })
    }

    /// Starts a viewer in its seat. `io` resolves to the connection once the answer to its request
    /// is sent, so call this before sending it, and keep what holds the connection open (its place
    /// among the connections of this node) until the [`ViewerEnd`] resolves. The viewer leaves
    /// when `drain` turns true, or loses its sender.
    ///
    /// # Errors
    /// `Overloaded` or `Unavailable`: no viewer was started, and the view's entry is completed.
    pub async fn attach<IO, E>(
        &self,
        seat: Seat,
        admission: Admission,
        arrival: Arrival,
        drain: watch::Receiver<bool>,
        io: impl Future<Output = Result<RawSocket<IO>, E>> + Send + 'static,
    ) -> Result<ViewerEnd, LiveError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        E: Send + 'static,
    {
        let Admission { permit, peer, open } = admission;
        let viewer = self.guest(seat, (&permit, peer), Some(open), arrival, drain);
        self.shared.viewers.start(viewer, io).await
    }

    pub(super) fn guest(
        &self,
        seat: Seat,
        permit: (&Permit, IpAddr),
        open: Option<OpenEntry>,
        arrival: Arrival,
        drain: watch::Receiver<bool>,
    ) -> Guest<P> {
        let shared = &*self.shared;
        let number = shared.viewers.number();
        let standing = Standing::new(Arc::clone(&shared.offices), permit, open, number);
        let place = arrival.resume.map(|(epoch, seq)| (Arc::from(epoch), seq));
        let same = arrival.version == shared.version;
        Guest {
            topics: Arc::clone(&shared.topics),
            counts: Arc::clone(&shared.counts),
            seat,
            standing: Box::new(standing),
            number,
            arrival: same.then_some(place).ok_or(CloseReason::Version),
            drain,
        }
    }

    #[cfg(test)]
    pub(super) fn viewers(&self) -> &Viewers {
        &self.shared.viewers
    }

    /// The version of the templates.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.shared.version
    }

    /// What is counted, for metrics.
    #[must_use]
    pub fn counts(&self) -> &LiveCounts {
        &self.shared.counts
    }
}

fn count(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
