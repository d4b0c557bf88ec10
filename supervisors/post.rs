//! Where one incarnation of a supervisor is told about its children.

use ractor::ActorRef;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::station::Station;
use crate::supervisor::Message;

/// See the module. Shared by the supervisor and everything that belongs to its children's lives.
pub(crate) struct Post {
    pub(crate) mailbox: ActorRef<Message>,
    pub(crate) station: Arc<Station>,
    /// Messages that were sent and of which nothing was decided yet.
    waiting: AtomicUsize,
    /// Nanoseconds on the tree's clock at which the supervisor's timer fires; the greatest number
    /// when none is set.
    timer_ns: AtomicU64,
}

impl Post {
    pub(crate) fn new(mailbox: ActorRef<Message>, station: Arc<Station>) -> Arc<Self> {
        Arc::new(Self {
            mailbox,
            station,
            waiting: AtomicUsize::new(0),
            timer_ns: AtomicU64::new(u64::MAX),
        })
    }

    /// False when the supervisor has gone.
    pub(crate) fn send(&self, message: Message) -> bool {
        let waits = usize::from(message.waits());
        self.waiting.fetch_add(waits, Ordering::SeqCst);
        let sent = self.mailbox.send_message(message).is_ok();
        if !sent {
            self.waiting.fetch_sub(waits, Ordering::SeqCst);
        }
        sent
    }

    /// What was sent here was decided about.
    pub(crate) fn taken_in(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// All that was sent was decided about.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
    }

    /// The supervisor's timer was set, or is none.
    pub(crate) fn set_timer(&self, at: Option<Duration>) {
        let at = at.map_or(u64::MAX, nanos);
        self.timer_ns.store(at, Ordering::SeqCst);
    }

    /// Whether the supervisor looks at its deadlines by then without being told.
    pub(crate) fn looks_by(&self, deadline: Duration) -> bool {
        self.timer_ns.load(Ordering::SeqCst) <= nanos(deadline)
    }
}

fn nanos(at: Duration) -> u64 {
    u64::try_from(at.as_nanos()).unwrap_or(u64::MAX - 1)
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").finish_non_exhaustive()
    }
}
