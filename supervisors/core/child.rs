//! One child as the rules see it: what is said about it, and where it is in its life.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use super::policy::Policy;
use crate::exit::ExitReason;
use crate::snapshot::NodeState;

/// A child's place in its supervisor's memory; used again when the child is gone.
pub(crate) type Key = u32;
/// Told apart from every other life of every child of the same supervisor.
pub(crate) type Life = u32;
/// Somebody who waits for an answer.
pub(crate) type Ticket = u64;

/// What is kept per child; there may be hundreds of thousands.
#[derive(Debug)]
pub(crate) struct Child<P> {
    pub(crate) id: Arc<str>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) phase: Phase,
    pub(crate) last_exit: Option<Box<ExitReason>>,
    /// Nanoseconds at which it came up, on the supervisor's clock.
    up_ns: Option<NonZeroU64>,
    /// When the timer of its phase fires.
    deadline_ns: Option<NonZeroU64>,
    pub(crate) life: Life,
    pub(crate) starts: u32,
    /// Children in the order in which they were taken in.
    pub(crate) serial: u32,
    /// Restarts in a row, for the backoff.
    pub(crate) attempts: u16,
    /// There is a task that can be asked to stop.
    pub(crate) spawned: bool,
    /// It said that it is ready before its start was through.
    pub(crate) ready: bool,
    /// Terminated by request while its group restarts: that restart leaves it down.
    pub(crate) held: bool,
    /// It failed, and its task is about to be over.
    pub(crate) leaving: bool,
    pub(crate) payload: P,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No task: OTP's `undefined`.
    Down {
        failed: bool,
    },
    Starting(Why),
    Up,
    /// Told to stop; the timer makes it a kill.
    Asked(After),
    /// Told to end at once; the timer makes it a case for quarantine.
    Killed(After),
    /// Its task does not end.
    Stuck(After),
    /// Ended by itself, by its last exit; what follows is not yet decided.
    Fallen,
    /// Did not come up again; the message to self is under way.
    Retrying,
    /// Waits out its backoff.
    Resting,
}

/// What a start is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its group comes up, at boot or again.
    Group,
    /// It alone comes up again.
    Restart,
    /// Somebody asked; `fresh`: for a child that was not there before.
    Asked { fresh: bool },
}

/// What follows the end of a child that was made to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum After {
    /// Its group comes up again.
    Group,
    /// It stays down: by request, or because its supervisor leaves.
    Down,
    /// It counts as ended by itself: for this reason, or for whichever it ends with.
    Fall(Option<Box<ExitReason>>),
    /// Its start failed.
    FailStart(Why, Box<ExitReason>),
}

impl<P> Child<P> {
    pub(crate) fn new(id: Arc<str>, policy: Arc<Policy>, serial: u32, payload: P) -> Self {
        Self {
            id,
            policy,
            phase: Phase::Down { failed: false },
            last_exit: None,
            up_ns: None,
            deadline_ns: None,
            life: 0,
            starts: 0,
            serial,
            attempts: 0,
            spawned: false,
            ready: false,
            held: false,
            leaving: false,
            payload,
        }
    }

    pub(crate) fn restarts(&self) -> u32 {
        self.starts.saturating_sub(1)
    }

    /// When this incarnation came up.
    pub(crate) fn up_since(&self) -> Option<Duration> {
        self.up_ns.map(time)
    }

    pub(crate) fn set_up_since(&mut self, at: Option<Duration>) {
        self.up_ns = at.and_then(nanos);
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.deadline_ns.map(time)
    }

    pub(crate) fn set_deadline(&mut self, at: Option<Duration>) {
        self.deadline_ns = at.and_then(nanos);
    }

    /// It has a task, or may have.
    pub(crate) fn has_task(&self) -> bool {
        matches!(
            self.phase,
            Phase::Starting(_) | Phase::Up | Phase::Asked(_) | Phase::Killed(_) | Phase::Stuck(_)
        )
    }

    /// It is being started because somebody asked for a further child.
    pub(crate) fn is_fresh(&self) -> bool {
        self.phase == Phase::Starting(Why::Asked { fresh: true })
    }

    /// It was told to stop or to end.
    pub(crate) fn is_asked(&self) -> bool {
        matches!(
            self.phase,
            Phase::Asked(_) | Phase::Killed(After::Group | After::Down)
        )
    }

    /// Its last exit calls for no concern.
    pub(crate) fn exited_cleanly(&self) -> bool {
        self.last_exit
            .as_ref()
            .is_none_or(|reason| reason.is_clean())
    }

    /// How operators read it.
    pub(crate) fn state(&self) -> NodeState {
        match &self.phase {
            Phase::Down { failed: false } => NodeState::Stopped,
            Phase::Down { failed: true } => NodeState::Failed,
            Phase::Fallen if self.exited_cleanly() => NodeState::Stopped,
            Phase::Fallen | Phase::Retrying => NodeState::Failed,
            Phase::Starting(_) if self.starts <= 1 => NodeState::Starting,
            Phase::Starting(_) | Phase::Resting => NodeState::Restarting,
            Phase::Up => NodeState::Running,
            Phase::Asked(_) | Phase::Killed(_) => NodeState::Stopping,
            Phase::Stuck(_) => NodeState::Quarantined,
        }
    }
}

/// Nanoseconds since the clock's start, plus one.
fn nanos(at: Duration) -> Option<NonZeroU64> {
    let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    NonZeroU64::new(nanos.saturating_add(1))
}

fn time(nanos: NonZeroU64) -> Duration {
    Duration::from_nanos(nanos.get() - 1)
}
