//! Why an actor ended, typed at the moment it ended.
//!
//! ractor tells exits apart by strings, and a panic and a returned error arrive alike. Restart
//! decisions hang on the difference, so every actor here runs inside a guard that types its end.

use serde::Serialize;
use std::fmt;

/// Reason of an exit, as restart decisions and operators see it.
///
/// The texts come from the actors themselves and reach logs and snapshots: an actor must not put
/// personal data into its errors or panics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "detail", rename_all = "snake_case")]
pub enum ExitReason {
    /// The actor stopped itself, having finished.
    Normal,
    /// A supervisor ordered the stop, or gave up after too many restarts.
    Shutdown,
    /// The actor stopped itself as part of an orderly shutdown, saying why: OTP's
    /// `{shutdown, Term}`. It is as clean as `Shutdown`.
    ShutdownWith(String),
    /// A callback returned an error, or the actor stopped itself with a reason of its own.
    Error(String),
    /// A callback panicked.
    Panic(String),
    /// The actor was killed: its work was dropped at an await point.
    Killed,
    /// The task was aborted by the executor or by the guard against orphans.
    Cancelled,
    /// It handled one message for longer than its liveness limit allows, and was killed for it.
    Stalled,
    /// The actor did not come up.
    StartFailed(String),
}

/// Stop reasons that travel through ractor as text.
pub(crate) const SHUTDOWN: &str = "shutdown";
pub(crate) const KILLED: &str = "killed";
const CANCELLED: &str = "actor_task_cancelled";
const DRAINED: &str = "Drained";
const NORMAL: &str = "normal";
/// What follows is the term of OTP's `{shutdown, Term}`.
const SHUTDOWN_WITH: &str = "shutdown: ";

impl ExitReason {
    /// True for an exit after which a transient child stays down.
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith(_))
    }

    /// Types the text of a graceful end. A reason of the actor's own counts as a failure, as any
    /// reason but `normal` and `shutdown` does in OTP.
    pub(crate) fn of_stop(reason: Option<&str>) -> Self {
        match reason {
            None | Some(NORMAL | DRAINED) => Self::Normal,
            Some(SHUTDOWN) => Self::Shutdown,
            Some(KILLED) => Self::Killed,
            Some(CANCELLED) => Self::Cancelled,
            Some(other) => match other.strip_prefix(SHUTDOWN_WITH) {
                Some(term) => Self::ShutdownWith(term.to_owned()),
                None => Self::Error(other.to_owned()),
            },
        }
    }

    /// Types the error with which an actor ended; the guard marks panics with [`Panicked`].
    pub(crate) fn of_failure(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Self {
        match error.downcast_ref::<Panicked>() {
            Some(Panicked(message)) => Self::Panic(message.clone()),
            None => Self::Error(error.to_string()),
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ShutdownWith(term) => write!(f, "shutdown: {term}"),
            Self::Stalled => f.write_str("stalled"),
            Self::Error(text) => write!(f, "error: {text}"),
            Self::Panic(text) => write!(f, "panic: {text}"),
            Self::Killed => f.write_str("killed"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::StartFailed(text) => write!(f, "start failed: {text}"),
        }
    }
}

/// Answered from `pre_start`, OTP's `ignore`: there is nothing to start. That is no failure; the
/// child stays down and its siblings go on.
///
/// ```
/// use plantao_supervisors::Ignore;
/// use ractor::ActorProcessingErr;
///
/// fn configured(port: Option<u16>) -> Result<u16, ActorProcessingErr> {
///     port.ok_or_else(|| Ignore.into())
/// }
/// assert!(configured(None).is_err_and(|error| error.is::<Ignore>()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ignored")]
pub struct Ignore;

/// A panic caught by the guard, carried through ractor as the actor's error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Panicked(pub(crate) String);

impl Panicked {
    /// Keeps the message of a panic payload when it is text.
    pub(crate) fn of(payload: Box<dyn std::any::Any + Send>) -> Self {
        let text = match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => match payload.downcast::<&'static str>() {
                Ok(text) => (*text).to_owned(),
                Err(_) => "panic without a text".to_owned(),
            },
        };
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_texts_are_typed() {
        let cases = [
            (None, ExitReason::Normal),
            (Some("normal"), ExitReason::Normal),
            (Some("Drained"), ExitReason::Normal),
            (Some("shutdown"), ExitReason::Shutdown),
            (Some("killed"), ExitReason::Killed),
            (Some("actor_task_cancelled"), ExitReason::Cancelled),
            (
                Some("shutdown: done"),
                ExitReason::ShutdownWith("done".to_owned()),
            ),
            (Some("full"), ExitReason::Error("full".to_owned())),
        ];
        for (text, expected) in cases {
            assert_eq!(ExitReason::of_stop(text), expected);
        }
    }

    #[test]
    fn a_marked_panic_is_told_from_an_error() {
        let panic: Box<dyn std::error::Error + Send + Sync> = Box::new(Panicked("boom".into()));
        let error: Box<dyn std::error::Error + Send + Sync> = "refused".into();
        assert_eq!(
            ExitReason::of_failure(panic.as_ref()),
            ExitReason::Panic("boom".into())
        );
        assert_eq!(
            ExitReason::of_failure(error.as_ref()),
            ExitReason::Error("refused".into())
        );
    }

    #[test]
    fn panic_payloads_keep_their_text() {
        assert_eq!(Panicked::of(Box::new("static")).0, "static");
        assert_eq!(Panicked::of(Box::new(String::from("owned"))).0, "owned");
        assert_eq!(Panicked::of(Box::new(7_u8)).0, "panic without a text");
    }
}
