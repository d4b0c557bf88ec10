//! The viewers of this node: how one is started, and how its end is told.

use super::page::Pages;
use super::socket::{RawSocket, Socket};
use super::standing::Standing;
use super::topics::{Topics, Watching};
use super::viewer::{STOP_PATIENCE, Start, Viewer};
use super::viewing::{Place, Viewing};
use super::{CloseReason, LiveCounts, LiveError};
use crate::pump::Pump;
use plantao_schema::audit::Outcome;
use plantao_supervisors::{
    ChildSpec, DynamicHandle, Handle, Limits, Restart, Shutdown, SupervisorError,
};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// How long a connection may take to become a WebSocket after it was promised to.
const UPGRADE_DEADLINE: Duration = Duration::from_secs(10);

/// Longer than a viewer takes to say goodbye.
const STOP_DEADLINE: Duration = STOP_PATIENCE.saturating_add(Duration::from_secs(1));

/// Where the page of a viewer stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The version of the page, as its document said.
    pub version: String,
    /// The epoch and sequence number of what it shows, if it shows anything.
    pub resume: Option<(String, u64)>,
}

/// Room for one viewer, and a topic that is up.
pub struct Seat {
    pub(super) watching: Watching,
    pub(super) _room: Room,
}

/// A viewer's room on this node; dropped, it is free.
pub(super) struct Room(Arc<LiveCounts>);

impl Room {
    pub(super) fn take(counts: &Arc<LiveCounts>, limit: u64) -> Option<Self> {
        counts.viewer_came(limit).then(|| Self(Arc::clone(counts)))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.viewer_left();
    }
}

/// Resolves when a viewer is gone, and says why.
#[derive(Debug)]
pub struct ViewerEnd(oneshot::Receiver<CloseReason>);

impl Future for ViewerEnd {
    type Output = CloseReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let end = Pin::new(&mut self.0).poll(cx);
        end.map(|told| told.unwrap_or(CloseReason::Killed))
    }
}

/// Tells and counts a viewer's end, whichever way it comes.
pub(super) struct Farewell {
    counts: Arc<LiveCounts>,
    pub(super) reason: CloseReason,
    tell: Option<oneshot::Sender<CloseReason>>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.counts.ended(self.reason);
        tracing::debug!(reason = %self.reason, "viewer left");
        if let Some(tell) = self.tell.take() {
            // Nobody waits for it.
            let _ = tell.send(self.reason);
        }
    }
}

/// Who comes to look, with all that a viewer takes along.
pub(super) struct Guest<P> {
    pub(super) topics: Arc<Topics<P>>,
    pub(super) counts: Arc<LiveCounts>,
    pub(super) seat: Seat,
    pub(super) standing: Box<Standing>,
    pub(super) number: u64,
    /// Where the page stands, or why it must not go on.
    pub(super) arrival: Result<Option<Place>, CloseReason>,
    pub(super) drain: watch::Receiver<bool>,
}

/// A guest on the way in. Boxed: it is large, and soon gone.
struct Visit<P, F> {
    guest: Guest<P>,
    io: F,
    farewell: Farewell,
}

/// The viewers and how to start one.
pub(super) struct Viewers {
    supervisor: DynamicHandle,
    number: AtomicU64,
}

impl Viewers {
    pub(super) fn new() -> Self {
        Self {
            supervisor: DynamicHandle::new(),
            number: AtomicU64::new(1),
        }
    }

    pub(super) const fn supervisor(&self) -> &DynamicHandle {
        &self.supervisor
    }

    /// The number of the next viewer.
    pub(super) fn number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// Starts a viewer, whose connection comes from `io` once the answer to its request is sent.
    pub(super) async fn start<P, IO, E>(
        &self,
        guest: Guest<P>,
        io: impl Future<Output = Result<RawSocket<IO>, E>> + Send + 'static,
    ) -> Result<ViewerEnd, LiveError>
    where
        P: Pages,
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        E: Send + 'static,
    {
        let (number, counts) = (guest.number, Arc::clone(&guest.counts));
        let (tell, end) = oneshot::channel();
        let farewell = Farewell {
            counts,
            reason: CloseReason::Killed,
            tell: Some(tell),
        };
        let visit = Visit {
            guest,
            io,
            farewell,
        };
        let left = Arc::new(Mutex::new(Some(Box::new(visit))));
        let taken = Arc::clone(&left);
        let make = move || {
            let visit = lock(&taken).take();
            let start = visit.map(|visit| -> Start {
                Box::new(move |actor, stop| Pump::start(actor, serve(visit, stop)))
            });
            (Viewer, start)
        };
        let handle = Handle::new(Limits::in_flight(1));
        let child = ChildSpec::worker(format!("viewer-{number:x}"), &handle, make)
            .restart(Restart::Temporary)
            .shutdown(Shutdown::Timeout(STOP_DEADLINE));
        let Err(error) = self.supervisor.start_child(child).await else {
            return Ok(ViewerEnd(end));
        };
        let visit = lock(&left).take();
        if let Some(mut visit) = visit {
            visit.farewell.reason = CloseReason::NeverOpened;
            visit.guest.standing.finish(Outcome::Failed).await;
        }
        Err(match error {
            SupervisorError::MaxChildren { .. } => LiveError::Overloaded,
            _ => LiveError::Unavailable,
        })
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A viewer's whole life. What happens once, at its beginning and at its end, is boxed, so that in
/// between no more is kept than is needed.
async fn serve<P, F, IO, E>(visit: Box<Visit<P, F>>, mut stop: oneshot::Receiver<()>)
where
    P: Pages,
    F: Future<Output = Result<RawSocket<IO>, E>> + Send,
    IO: AsyncRead + AsyncWrite + Unpin + Send,
{
    if let Some(viewing) = Box::pin(open(visit, &mut stop)).await {
        viewing.run(&mut stop).await;
    }
}

/// The viewer, once its connection is there.
async fn open<P, F, IO, E>(
    visit: Box<Visit<P, F>>,
    stop: &mut oneshot::Receiver<()>,
) -> Option<Box<Viewing<P, IO>>>
where
    P: Pages,
    F: Future<Output = Result<RawSocket<IO>, E>>,
    IO: AsyncRead + AsyncWrite + Unpin + Send,
{
    let Visit {
        mut guest,
        io,
        mut farewell,
    } = *visit;
    let upgraded = tokio::select! {
        biased;
        _ = stop => None,
        upgraded = timeout(UPGRADE_DEADLINE, io) => upgraded.ok().and_then(Result::ok),
    };
    farewell.reason = match (upgraded, guest.arrival.clone()) {
        (None, _) => {
            guest.standing.finish(Outcome::Failed).await;
            CloseReason::NeverOpened
        }
        (Some(raw), Err(reason)) => {
            let socket = Socket::new(raw).await;
            let finished = guest.standing.finish(Outcome::Success);
            tokio::join!(finished, socket.close(reason));
            reason
        }
        (Some(raw), Ok(resume)) => {
            let socket = Socket::new(raw).await;
            return Some(Box::new(Viewing::new(guest, socket, resume, farewell)));
        }
    };
    None
}
