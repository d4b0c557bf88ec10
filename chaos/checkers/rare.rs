//! The rare states themselves, and those that a single event tells of.

use crate::history::{Change, Reason, What};
use std::fmt;

/// A rare state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rare {
    /// A change was completed by somebody else than who made it.
    EntryReconciled,
    /// A supervisor saw too many restarts.
    SupervisorGaveUp,
    /// A restart failed and was tried again.
    StartRetried,
    /// A failed child took siblings along.
    GroupRestarted,
    /// A child was killed for handling one message too long.
    ChildStalled,
    /// A task did not end in time.
    ChildQuarantined,
    /// Somebody asked for what had been taken back, and was refused.
    PermitRefusedAfterRevoke,
    /// A permit was given in an emergency.
    BreakGlassGranted,
    /// An entry is in the trail whose receipt nobody got.
    LostReply,
    /// A call was not answered in time.
    CallTimedOut,
    /// Something was turned away because too much was asked at once.
    OverloadShed,
    /// The node served after a crash.
    NodeRecovered,
    /// The root itself gave up: the node is started again from outside.
    RootGaveUp,
    /// Somebody was told to come back later.
    UnavailableTold,
    /// A connection broke before its answer.
    ConnectionBroken,
}

impl Rare {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::EntryReconciled,
        Self::SupervisorGaveUp,
        Self::StartRetried,
        Self::GroupRestarted,
        Self::ChildStalled,
        Self::ChildQuarantined,
        Self::PermitRefusedAfterRevoke,
        Self::BreakGlassGranted,
        Self::LostReply,
        Self::CallTimedOut,
        Self::OverloadShed,
        Self::NodeRecovered,
        Self::RootGaveUp,
        Self::UnavailableTold,
        Self::ConnectionBroken,
    ];

    /// Its name in journals and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EntryReconciled => "entry_reconciled",
            Self::SupervisorGaveUp => "supervisor_gave_up",
            Self::StartRetried => "start_retried",
            Self::GroupRestarted => "group_restarted",
            Self::ChildStalled => "child_stalled",
            Self::ChildQuarantined => "child_quarantined",
            Self::PermitRefusedAfterRevoke => "permit_refused_after_revoke",
            Self::BreakGlassGranted => "break_glass_granted",
            Self::LostReply => "lost_reply",
            Self::CallTimedOut => "call_timed_out",
            Self::OverloadShed => "overload_shed",
            Self::NodeRecovered => "node_recovered",
            Self::RootGaveUp => "root_gave_up",
            Self::UnavailableTold => "unavailable_told",
            Self::ConnectionBroken => "connection_broken",
        }
    }
}

impl fmt::Display for Rare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Rare {
    /// The state that an event tells of by itself.
    pub(super) fn of_one(what: &What) -> Option<Self> {
        match what {
            What::Lifecycle(told) => match (told.change, told.reason) {
                (Change::GaveUp, _) if !told.path.contains('/') => Some(Self::RootGaveUp),
                (Change::GaveUp, _) => Some(Self::SupervisorGaveUp),
                (Change::Exited, Some(Reason::Stalled)) => Some(Self::ChildStalled),
                (Change::Quarantined, _) => Some(Self::ChildQuarantined),
                _ => None,
            },
            What::PermitGiven(permit) => permit.break_glass.then_some(Self::BreakGlassGranted),
            What::CallEnded { outcome, .. } => match outcome.as_str() {
                "timeout" => Some(Self::CallTimedOut),
                "overloaded" => Some(Self::OverloadShed),
                _ => None,
            },
            _ => None,
        }
    }
}
