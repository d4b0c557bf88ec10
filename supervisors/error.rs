//! Why a supervisor did not do what it was asked: OTP's answers as one type, and what is wrong
//! with a specification.

use crate::exit::ExitReason;

/// What a request to a supervisor ended in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupervisorError {
    /// A child of this id has a task: it is up, starting, stopping or quarantined.
    #[error("child `{id}` is already started")]
    AlreadyStarted {
        /// The id asked for.
        id: String,
    },
    /// There is a specification of this id, and no task: restart the child or delete it.
    #[error("child `{id}` is already present")]
    AlreadyPresent {
        /// The id asked for.
        id: String,
    },
    /// There is no such child.
    #[error("no child `{id}`")]
    NotFound {
        /// The id asked for.
        id: String,
    },
    /// It has to be terminated first.
    #[error("child `{id}` is running")]
    Running {
        /// The id asked for.
        id: String,
    },
    /// The supervisor is about to start it again by itself.
    #[error("child `{id}` is restarting")]
    Restarting {
        /// The id asked for.
        id: String,
    },
    /// The operation is for fixed children: those of a dynamic supervisor are forgotten when
    /// they end. OTP's `simple_one_for_one`.
    #[error("`{operation}` is not possible with dynamic children")]
    Dynamic {
        /// The operation asked for.
        operation: &'static str,
    },
    /// The supervisor has as many children as it may.
    #[error("limit of `{limit}` children reached")]
    MaxChildren {
        /// The limit.
        limit: usize,
    },
    /// The child did not come up; nothing of it is left running.
    #[error("child `{id}` did not start: {reason}")]
    StartFailed {
        /// The id asked for.
        id: String,
        /// Why it did not come up.
        reason: ExitReason,
    },
    /// It was told to end, and its task does not.
    #[error("child `{id}` does not end; it is quarantined")]
    Quarantined {
        /// The id asked for.
        id: String,
    },
    /// The specification asked for is not one.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The supervisor is not up, is leaving, or died before it answered.
    #[error("unavailable")]
    Unavailable,
}

/// What is wrong with a specification; nothing was started or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// An id that cannot be a part of a path.
    #[error("`{path}` has no valid id: {detail}")]
    Id {
        /// Path of the child.
        path: String,
        /// What is wrong with its id.
        detail: &'static str,
    },
    /// Two children of one supervisor have the same id.
    #[error("`{path}` is there twice; expected ids that are unique among siblings")]
    DuplicateId {
        /// Path of the second one.
        path: String,
    },
    /// A limit of restarts that cannot be counted.
    #[error("`{path}` has no valid `{field}`: {detail}")]
    Limits {
        /// Path of the supervisor.
        path: String,
        /// `intensity` or `budget`.
        field: &'static str,
        /// What is wrong with it.
        detail: &'static str,
    },
    /// A significant child that is always restarted would never end its supervisor.
    #[error("`{path}` is significant and permanent; expected transient or temporary")]
    SignificantPermanent {
        /// Path of the child.
        path: String,
    },
    /// A significant child of a supervisor that never shuts down by itself.
    #[error("`{path}` is significant, but its supervisor's `auto_shutdown` is never")]
    SignificantNever {
        /// Path of the child.
        path: String,
    },
    /// A child that is given the handle of one that does not start before it.
    #[error("`{path}` needs a handle, number `{need}` of those it is given, of no earlier child")]
    Needs {
        /// Path of the child.
        path: String,
        /// Which of the handles it needs, counted from 1.
        need: usize,
    },
    /// Two children would be met at one handle.
    #[error("`{path}` has the handle of an earlier child; expected one of its own")]
    SharedHandle {
        /// Path of the second one.
        path: String,
    },
    /// A partition supervisor without a partition.
    #[error("`{path}` has no partition; expected at least one")]
    Partitions {
        /// Path of the supervisor.
        path: String,
    },
    /// A supervisor of another kind, which cannot be made of the running one.
    #[error("`{path}` is another kind of child than the one running")]
    Kind {
        /// Path of the child.
        path: String,
    },
    /// A child that the new specification leaves out without saying that it goes.
    #[error("`{path}` is running and not in the new specification; name it as removed")]
    Unlisted {
        /// Path of the child.
        path: String,
    },
    /// A child that is to go and to stay.
    #[error("`{path}` is named as removed and is in the new specification")]
    RemovedAndListed {
        /// Path of the child.
        path: String,
    },
    /// A child that is to go and is not there.
    #[error("`{path}` is named as removed and is not there")]
    RemovedUnknown {
        /// Path of the child.
        path: String,
    },
}
