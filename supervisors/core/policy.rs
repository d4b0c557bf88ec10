//! When a child comes back, and how it is made to end.

use serde::Serialize;
use std::time::Duration;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_classes_answer_each_exit_as_in_otp() {
        let clean = [ExitReason::Normal, ExitReason::Shutdown];
        let abnormal = [
            ExitReason::Error("e".into()),
            ExitReason::Panic("p".into()),
            ExitReason::Killed,
            ExitReason::Cancelled,
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
