//! The kinds of fault, and the states of a life in which one may strike.
//!
//! What a kind needs is told here once: whether it is aimed at an actor, lasts, is counted, or
//! waits at a named place. Names are what experiment files, tables and reports call them.

use std::fmt;
use std::str::FromStr;

/// One way to break something on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// An actor's task is aborted. Counted in lives.
    Kill,
    /// An actor panics over a message. Counted in messages.
    Panic,
    /// An actor takes that long over a message, and whatever is behind it waits.
    Hang,
    /// A message arrives that much later; others overtake it.
    Delay,
    /// A message is lost.
    Drop,
    /// A message arrives twice.
    Duplicate,
    /// A start fails. Counted in starts.
    StartFailure,
    /// A start takes that much longer. Counted in starts.
    StartHang,
    /// So many messages arrive at once.
    Flood,
    /// The store refuses a change and keeps nothing of it. Counted in commits.
    StoreErrorBeforeCommit,
    /// The store keeps a change and reports an error. Counted in commits.
    StoreErrorAfterCommit,
    /// The store answers nobody for that long.
    StoreOutage,
    /// The whole node is gone at once; what was durable is there when it comes back.
    NodeCrash,
    /// The wall clock is that much further at once.
    ClockJump,
    /// The system gives no entropy. Counted in draws.
    EntropyFailure,
}

/// Where a child is in its life while a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LifeState {
    /// Coming up for the first time.
    Starting,
    /// Up.
    Running,
    /// Ended, and coming up again.
    Restarting,
    /// Ordered to stop, not yet ended.
    Stopping,
}

/// A name that is no fault's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fault `{name}` is not known; there are {known}", known = names(&FaultKind::ALL))]
pub struct UnknownFault {
    /// The name.
    pub name: String,
}

/// A name that is no state's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("state `{name}` is not known; there are {known}", known = names(&LifeState::ALL))]
pub struct UnknownState {
    /// The name.
    pub name: String,
}

impl FaultKind {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 15] = [
        Self::Kill,
        Self::Panic,
        Self::Hang,
        Self::Delay,
        Self::Drop,
        Self::Duplicate,
        Self::StartFailure,
        Self::StartHang,
        Self::Flood,
        Self::StoreErrorBeforeCommit,
        Self::StoreErrorAfterCommit,
        Self::StoreOutage,
        Self::NodeCrash,
        Self::ClockJump,
        Self::EntropyFailure,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Panic => "panic",
            Self::Hang => "hang",
            Self::Delay => "delay",
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::StartFailure => "start_failure",
            Self::StartHang => "start_hang",
            Self::Flood => "flood",
            Self::StoreErrorBeforeCommit => "store_error_before_commit",
            Self::StoreErrorAfterCommit => "store_error_after_commit",
            Self::StoreOutage => "store_outage",
            Self::NodeCrash => "node_crash",
            Self::ClockJump => "clock_jump",
            Self::EntropyFailure => "entropy_failure",
        }
    }

    /// Whether it is aimed at an actor. The others strike the store, the node or the system.
    #[must_use]
    pub const fn is_aimed(self) -> bool {
        !matches!(
            self,
            Self::StoreErrorBeforeCommit
                | Self::StoreErrorAfterCommit
                | Self::StoreOutage
                | Self::NodeCrash
                | Self::ClockJump
                | Self::EntropyFailure
        )
    }

    /// Whether it has a span: how long it lasts, or how far the clock jumps.
    #[must_use]
    pub const fn lasts(self) -> bool {
        matches!(
            self,
            Self::Hang | Self::Delay | Self::StartHang | Self::StoreOutage | Self::ClockJump
        )
    }

    /// Whether it may hit more than once.
    #[must_use]
    pub const fn is_counted(self) -> bool {
        !matches!(self, Self::StoreOutage | Self::NodeCrash | Self::ClockJump)
    }

    /// Whether it may wait until a named place is reached. What befalls a mailbox, a start or the
    /// clock has no such place.
    #[must_use]
    pub const fn waits_at_failpoints(self) -> bool {
        matches!(
            self,
            Self::Kill
                | Self::Panic
                | Self::Hang
                | Self::StoreErrorBeforeCommit
                | Self::StoreErrorAfterCommit
                | Self::NodeCrash
                | Self::EntropyFailure
        )
    }

    /// Whether it can strike a child that is in `state`: nothing starts while it runs, and no
    /// message is handled before the start is over.
    #[must_use]
    pub const fn strikes_in(self, state: LifeState) -> bool {
        let is_coming_up = matches!(state, LifeState::Starting | LifeState::Restarting);
        match self {
            Self::StartFailure | Self::StartHang => is_coming_up,
            Self::Panic | Self::Hang => !is_coming_up,
            _ => self.is_aimed(),
        }
    }
}

impl LifeState {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 4] = [
        Self::Starting,
        Self::Running,
        Self::Restarting,
        Self::Stopping,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Stopping => "stopping",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for LifeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let known = Self::ALL.into_iter().find(|one| one.name() == name);
        known.ok_or_else(|| UnknownFault {
            name: name.to_owned(),
        })
    }
}

impl FromStr for LifeState {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, UnknownState> {
        let known = Self::ALL.into_iter().find(|one| one.name() == name);
        known.ok_or_else(|| UnknownState {
            name: name.to_owned(),
        })
    }
}

/// Names one after the other, as errors list them.
pub(super) fn names<T: ToString>(all: &[T]) -> String {
    let names: Vec<String> = all.iter().map(T::to_string).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name_and_a_strange_name_is_told_the_known_ones() {
        for one in FaultKind::ALL {
            assert_eq!(one.name().parse(), Ok(one));
        }
        for one in LifeState::ALL {
            assert_eq!(one.name().parse(), Ok(one));
        }
        let error = "explode".parse::<FaultKind>().unwrap_err().to_string();
        assert!(error.contains("`explode`") && error.contains("kill, panic, hang"));
        let error = "Running".parse::<LifeState>().unwrap_err().to_string();
        assert!(error.contains("`Running`") && error.contains("starting, running"));
    }

    #[test]
    fn what_is_aimed_can_strike_in_some_state_and_nothing_else_can() {
        for kind in FaultKind::ALL {
            let strikes = LifeState::ALL.into_iter().any(|one| kind.strikes_in(one));
            assert_eq!(strikes, kind.is_aimed(), "{kind}");
        }
    }
}
