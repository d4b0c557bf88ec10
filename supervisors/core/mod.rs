//! The rules of supervision, with no runtime in them: events go in, actions come out.
//!
//! Nothing here spawns, sends, waits or reads a clock: whoever runs the rules says what time it
//! is and when the next deadline is due. So every rule can be checked against a naive model in
//! virtual time, and a run is repeated by repeating its events.

mod backoff;
mod child;
mod closing;
mod ending;
mod falling;
mod group;
mod intensity;
mod policy;
mod requests;
mod revival;
mod roster;
mod rules;
mod starting;
mod strategy;

pub use backoff::Backoff;
pub use intensity::Intensity;
pub use policy::{AutoShutdown, Restart, Shutdown};
pub use strategy::Strategy;

pub(crate) use child::{Child, Key, Life, Phase, Ticket};
pub(crate) use intensity::Budget;
pub(crate) use policy::Policy;
pub(crate) use requests::{Answer, Newcomer, Request};
pub(crate) use revival::Revival;
pub(crate) use rules::{Flags, Payload, Rules};

use std::sync::Arc;
use std::time::Duration;

use crate::error::SupervisorError;
use crate::exit::ExitReason;
use crate::lifecycle::LifecycleEvent;

/// How long a killed child may take for its task to be gone. Killing works at await points, and
/// a handler that reaches none for a second is what quarantine is for.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// What happened, as a supervisor's rules see it. Every event names the life it is about: what
/// comes late, about a life that is over, means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The child has a task that can be asked to stop; it is still coming up.
    Spawned(Key, Life),
    /// The child is up.
    Started(Key, Life),
    /// The child has nothing to do, and nothing of it is left running.
    Ignored(Key, Life),
    /// Nothing of the child is left. Before it was up, this is a start that failed.
    Ended(Key, Life, ExitReason),
    /// The child's own task is over, something below it is not. `orderly`: it left by its own
    /// rules, having waited for what is left as long as they allow.
    Lingers {
        key: Key,
        life: Life,
        reason: ExitReason,
        orderly: bool,
    },
    /// The message to self that follows a failed restart.
    Retry(Key, Life),
    /// Somebody outside wants it killed.
    Kill(Key, Life),
    /// The answer to [`Action::Probe`]: since when it has been handling one message.
    Probed(Key, Life, Option<Duration>),
    /// Time passed; a deadline may be due.
    Tick,
    /// The supervisor itself is to stop.
    Stop(ExitReason),
}

/// What the adapter has to do, in order.
#[derive(Debug)]
pub(crate) enum Action {
    /// Start the child; answer `Spawned` or `Started`, and in the end `Ended` or `Ignored`.
    Start(Key, Life),
    /// Ask the child to stop.
    Ask(Key),
    /// Make the child end at the next await point, or give up its start.
    Kill(Key),
    /// Send `Retry` through the supervisor's own mailbox, so that a request can interleave.
    Retry(Key, Life),
    /// Look since when the child has been handling one message; answer `Probed`.
    Probe(Key, Life),
    /// The child failed a while ago and its task is not over; answer `Lingers`.
    Late(Key, Life),
    /// All children came up for the first time.
    Ready,
    /// Tell whoever waits.
    Answer(Ticket, Result<Answer, SupervisorError>),
    /// Tell whoever watches the child of this id; or, without one, the supervisor.
    Note(Option<(Arc<str>, bool)>, LifecycleEvent),
    /// Leave: nothing is left but what does not end.
    Exit(ExitReason),
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod simulation_tests;
