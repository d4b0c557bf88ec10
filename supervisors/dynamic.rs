//! Dynamic children.
use crate::exit::ExitReason;
use crate::spec::ChildSpec;
/// Starts and stops dynamic children.
#[derive(Debug, Clone, Default)]
pub struct DynamicHandle {}
impl DynamicHandle {
    /// Without a supervisor yet.
    pub fn new() -> Self { Self {} }
    /// Starts a child.
    pub async fn start_child(&self, spec: ChildSpec) -> Result<(), StartChildError> { let _ = spec; Err(StartChildError::Unavailable) }
    /// Stops a child.
    pub async fn terminate_child(&self, id: &str) -> Result<(), TerminateError> { let _ = id; Err(TerminateError::Unavailable) }
    /// Children.
    pub fn len(&self) -> usize { 0 }
    /// None.
    pub fn is_empty(&self) -> bool { self.len() == 0 }
}
/// Why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartChildError {
    /// Same id.
    #[error("child `{id}` is already started")]
    AlreadyStarted {
        /// The id.
        id: String
    },
    /// Full.
    #[error("limit of `{limit}` children reached")]
    MaxChildren {
        /// The limit.
        limit: usize
    },
    /// Failed.
    #[error("child `{id}` did not start: {reason}")]
    Failed {
        /// The id.
        id: String,
        /// Why.
        reason: ExitReason
    },
    /// Not up.
    #[error("unavailable")]
    Unavailable,
}
/// Why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TerminateError {
    /// No such child.
    #[error("no child `{id}`")]
    NotFound {
        /// The id.
        id: String
    },
    /// Not up.
    #[error("unavailable")]
    Unavailable,
}
