//! The kinds of event that a history knows.
//!
//! Each says what a checker needs and no more. The names are those of the journal: a change of one
//! is a change of its version.

use super::change::Lifecycle;
use super::micros;
use plantao_schema::audit::{Outcome, Phase};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// A node of the tree changed, as its supervisor tells.
    Lifecycle(Lifecycle),
    /// An incarnation began, as a probe within it tells.
    LifeBegan {
        /// Where.
        path: String,
        /// Its number.
        life: u64,
    },
    /// Nothing of an incarnation is left, as a probe within it tells.
    LifeEnded {
        /// Where.
        path: String,
        /// Its number.
        life: u64,
    },
    /// A supervisor's own task is over.
    SupervisorEnded {
        /// Where.
        path: String,
    },
    /// Something was broken on purpose.
    FaultInjected {
        /// What kind of fault.
        kind: String,
        /// What it struck, where it strikes one thing.
        target: Option<String>,
        /// What else there is to say, without anybody's data.
        detail: String,
    },
    /// Nothing is broken any more.
    FaultsOver,
    /// A call to an actor began.
    CallBegan {
        /// Its number.
        call: u64,
        /// Whom.
        actor: String,
        /// How long it may take.
        deadline_ms: u64,
    },
    /// A call ended.
    CallEnded {
        /// Its number.
        call: u64,
        /// `answered`, or the name of a typed error.
        outcome: String,
    },
    /// Somebody asked the system for something.
    RequestBegan(Request),
    /// A request was answered, or its connection broke.
    RequestEnded(RequestEnd),
    /// Something about these patients was pushed through a WebSocket.
    Pushed {
        /// The request that opened it.
        request: u64,
        /// Whom it is about, by the run's labels.
        patients: Vec<String>,
    },
    /// The policy allowed something.
    PermitGiven(PermitGiven),
    /// A permit was handed in for what it allows.
    PermitUsed {
        /// Its number.
        permit: u64,
    },
    /// What was allowed is not any more: durable, and acknowledged.
    Revoked(Scope),
    /// What may allow again was asked for, and is over, heard or not: it may have been done.
    Granted(Scope),
    /// The receipt of an entry was given.
    EntryAcknowledged {
        /// The entry's number.
        entry: u64,
        /// Its chain.
        chain: String,
        /// Its place in the chain.
        seq: u64,
    },
    /// An entry of an emergency is on the node's own disk, for the trail.
    EntrySpooled {
        /// The entry's number.
        entry: u64,
    },
    /// An entry that opens a change was acknowledged.
    EntryOpened {
        /// The entry's number.
        entry: u64,
    },
    /// The completion of a change was acknowledged.
    EntryCompleted {
        /// The number of the entry that opened it.
        entry: u64,
        /// What became of the change.
        outcome: Outcome,
    },
    /// A change of a resource was acknowledged.
    WriteAcknowledged {
        /// Which resource, by the run's label.
        resource: String,
        /// The version that it has since.
        version: u64,
    },
    /// The trail as it was read when all was over.
    FinalTrail {
        /// All of its entries.
        entries: Vec<TrailRow>,
    },
    /// A resource as it was read when all was over.
    FinalRecord {
        /// Which resource, by the run's label.
        resource: String,
        /// Its version; nothing when it is not there.
        version: Option<u64>,
        /// The entries that opened the changes which it holds.
        changes: Vec<u64>,
    },
    /// How many messages were in flight.
    Depth(Depth),
    /// The node ended as in a power cut.
    NodeCrashed,
    /// The node was started from what is durable.
    NodeStarted,
    /// Somebody asked whether the system serves.
    Served {
        /// Whether it did.
        ok: bool,
    },
}

/// Something asked of the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Its number.
    pub request: u64,
    /// Who asks, by the run's label.
    pub principal: String,
    /// To do what.
    pub action: String,
    /// With what kind of thing.
    pub resource: String,
    /// Of whom, by the run's label.
    pub patient: Option<String>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RequestEnd {
    /// Its number.
    pub request: u64,
    /// How it was answered.
    pub status: Status,
    /// Whether anybody's data left with the answer.
    pub data_out: bool,
    /// The entry whose receipt came with it.
    pub receipt: Option<u64>,
    /// The permit under which it was answered.
    pub permit: Option<u64>,
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// With what was asked for.
    Answered,
    /// It is not allowed.
    Refused,
    /// It was not understood, or asks for what is not there.
    Invalid,
    /// It contradicts what was done meanwhile.
    Conflict,
    /// Nobody is there to do it.
    Unavailable,
    /// Too much is asked at once.
    Overloaded,
    /// It took too long.
    TimedOut,
    /// It was tried and failed.
    Failed,
    /// The connection broke: what became of it is not known.
    Lost,
}

/// A permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PermitGiven {
    /// Its number.
    pub permit: u64,
    /// For whose data, by the run's label.
    pub patient: Option<String>,
    /// In which session, by the run's label.
    pub session: Option<String>,
    /// What for.
    pub purpose: String,
    /// It was given in an emergency, against what consents say.
    pub break_glass: bool,
}

/// Which permits a revocation or a grant is about: those that agree with all that it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// Those for this patient, who said so.
    pub patient: Option<String>,
    /// Those in this session, which was ended.
    pub session: Option<String>,
    /// Those for this purpose.
    pub purpose: Option<String>,
    /// When it was asked for; the event tells when that was over.
    #[serde(rename = "asked_at_us", serialize_with = "micros")]
    pub asked_at: Duration,
}

/// An entry of the trail, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrailRow {
    /// The entry's number.
    pub entry: u64,
    /// Its chain.
    pub chain: String,
    /// Its place in the chain.
    pub seq: u64,
    /// What part of an action it tells.
    pub phase: Phase,
    /// Of a completion: the number of the entry that opened the change.
    pub opens: Option<u64>,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether its hash is that of its content and the entry before it.
    pub hash_holds: bool,
}

/// A look at a handle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Whose.
    pub actor: String,
    /// Messages in flight.
    pub depth: u64,
    /// Most that the handle lets in.
    pub limit: u64,
}

impl Status {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::TimedOut => "timed_out",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl What {
    /// What a tree told, without the texts of reasons.
    #[must_use]
    pub fn of_lifecycle(told: &plantao_supervisors::Lifecycle) -> Self {
        Self::Lifecycle(Lifecycle::of(told))
    }
}
