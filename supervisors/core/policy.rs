//! What is said once about a child: when it comes back, how it is made to end, how long it may
//! take, and what it means to its supervisor.

use serde::Serialize;
use std::time::Duration;

use super::backoff::Backoff;
use crate::exit::ExitReason;

/// When a child that ended by itself is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always.
    Permanent,
    /// Only after an abnormal end: anything but normal and shutdown.
    Transient,
    /// Never, not even when its siblings are restarted as a group.
    Temporary,
}

impl Restart {
    /// Whether an exit of the child's own calls for a restart.
    pub(crate) fn revives(self, reason: &ExitReason) -> bool {
        match self {
            Self::Permanent => true,
            Self::Transient => !reason.is_clean(),
            Self::Temporary => false,
        }
    }
}

/// How a child is made to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shutdown {
    /// Drop its work at the next await point; `post_stop` does not run.
    BrutalKill,
    /// Ask it to stop, wait this long for it to finish, then kill it.
    Timeout(Duration),
    /// Ask it to stop and wait as long as it takes: right for supervisors, whose children have
    /// limits of their own.
    Infinity,
}

/// When a supervisor leaves because significant children of it ended by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoShutdown {
    /// Never; no child may be significant then.
    #[default]
    Never,
    /// With the first significant child that ends and is not restarted.
    AnySignificant,
    /// With the last one.
    AllSignificant,
}

/// Everything the rules need to know of a child; many children share one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    pub(crate) supervisor: bool,
    /// It is up only when it says so, not when its `pre_start` returned.
    pub(crate) awaits_readiness: bool,
    /// Measures handle times for the snapshot.
    pub(crate) metered: bool,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) backoff: Option<Backoff>,
    /// Longest time one message may be handled.
    pub(crate) liveness: Option<Duration>,
    /// Told apart when a specification is compared with the running one.
    pub(crate) version: u64,
}

impl Policy {
    pub(crate) fn new(shutdown: Shutdown) -> Self {
        Self {
            restart: Restart::Permanent,
            shutdown,
            significant: false,
            supervisor: false,
            awaits_readiness: false,
            metered: false,
            start_timeout: None,
            backoff: None,
            liveness: None,
            version: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_classes_answer_each_exit_as_in_otp() {
        let clean = [
            ExitReason::Normal,
            ExitReason::Shutdown,
            ExitReason::ShutdownWith("done".into()),
        ];
        let abnormal = [
            ExitReason::Error("e".into()),
            ExitReason::Panic("p".into()),
            ExitReason::Killed,
            ExitReason::Cancelled,
            ExitReason::Stalled,
            ExitReason::StartFailed("s".into()),
        ];
        for reason in &clean {
            assert!(Restart::Permanent.revives(reason));
            assert!(!Restart::Transient.revives(reason));
        }
        for reason in &abnormal {
            assert!(Restart::Permanent.revives(reason));
            assert!(Restart::Transient.revives(reason));
        }
        assert!(
            clean
                .iter()
                .chain(&abnormal)
                .all(|reason| !Restart::Temporary.revives(reason))
        );
    }
}
