//! From module errors to the one closed problem type: public text only.

use plantao_actors::audit::AuditError;
use plantao_actors::database::DatabaseError;
use plantao_actors::entropy::EntropyError;
use plantao_actors::patient::RecordError;
use plantao_actors::plugin::{LimitKind, PluginError};
use plantao_actors::policy::PermitError;
use plantao_schema::access::{Decision, Reason};
use plantao_schema::audit::Outcome;
use plantao_schema::problem::{Problem, ProblemCode};

/// The policy said no, or not yet. The reason is public; the score is not: it would teach an
/// attacker which signal to forge.
pub(super) fn refusal(decision: &Decision, step_up: bool) -> Problem {
    if step_up {
        let detail = "this access needs a stronger authentication: a second factor, or a managed \
                      device";
        return Problem::new(ProblemCode::StepUpRequired, detail);
    }
    let detail = match decision.reason {
        Reason::RoleLacksGrant => "the role has no grant for this",
        Reason::PurposeNotGranted => "the role has no grant for this purpose",
        Reason::CredentialExpired => "the credential's time is over",
        Reason::SessionRevoked => "the session was ended",
        Reason::ConsentRevoked => "the patient withdrew consent to this purpose",
        Reason::EmergencyNotPossible => {
            "emergency access needs a role that may, a reason of at least 10 characters, and one \
             patient to read"
        }
        Reason::PolicyUnavailable => "decisions cannot be made now, so access is refused",
        Reason::ScoreTooLow | Reason::ScoreNeedsStepUp | Reason::Trusted | Reason::Emergency => {
            "this access is not trusted enough"
        }
    };
    // Whoever's session is over is nobody any more, and may log in again.
    let code = match decision.reason {
        Reason::SessionRevoked | Reason::CredentialExpired => ProblemCode::Unauthenticated,
        _ => ProblemCode::Denied,
    };
    Problem::new(code, detail)
}

/// The trail could not take an entry: nothing may leave.
pub(super) fn audit(error: &AuditError) -> Problem {
    tracing::warn!(%error, "no answer without an audit entry");
    match error {
        AuditError::Overloaded { .. } => {
            Problem::new(ProblemCode::Overloaded, "the audit queue is full")
        }
        AuditError::SpoolFull { .. } => Problem::new(
            ProblemCode::Overloaded,
            "the audit trail is not available, and the emergency spool is full",
        ),
        _ => Problem::new(ProblemCode::Unavailable, "the audit trail is not available"),
    }
}

/// No identifier could be drawn: nothing is done under a weaker one.
pub(super) fn entropy(_: &EntropyError) -> Problem {
    let detail = "no new identifier can be made now";
    Problem::new(ProblemCode::Unavailable, detail)
}

/// The database did not answer.
pub(super) fn database(error: &DatabaseError) -> Problem {
    if error.is_unavailable() {
        return Problem::new(ProblemCode::Unavailable, "the database is not available");
    }
    tracing::error!(%error, "database");
    Problem::new(ProblemCode::Internal, "the database refused the statement")
}

/// What space is left is kept for the trail.
pub(super) fn storage_full() -> Problem {
    let detail = "there is no space for changes; reading goes on, and changes are taken again when \
                  there is more";
    Problem::new(ProblemCode::StorageFull, detail)
}

/// A permit did not hold any more when it was handed in.
pub(super) const fn permit(error: PermitError) -> (ProblemCode, &'static str) {
    match error {
        PermitError::Expired => (
            ProblemCode::DeadlineExceeded,
            "the permit expired before it was used",
        ),
        PermitError::Revoked => (
            ProblemCode::Denied,
            "what allowed this was taken back meanwhile",
        ),
        PermitError::Undecided => (
            ProblemCode::Unavailable,
            "it cannot be told at present whether this is still allowed",
        ),
    }
}

/// A record could not be had or kept.
pub(super) fn record(error: &RecordError) -> Problem {
    let (code, detail, field) = match error {
        RecordError::NotFound => (
            ProblemCode::NotFound,
            "there is no such resource",
            Some("id"),
        ),
        RecordError::UnknownPatient => (
            ProblemCode::Invalid,
            "expected a patient that exists here or is in the same bundle",
            Some("subject.reference"),
        ),
        RecordError::OtherPatient => (
            ProblemCode::Invalid,
            "a record that exists cannot move into another patient's file",
            Some("subject.reference"),
        ),
        RecordError::Conflict => (
            ProblemCode::Conflict,
            "another change got there first; read again",
            None,
        ),
        RecordError::Permit(error) => {
            let (code, detail) = permit(*error);
            (code, detail, None)
        }
        RecordError::Unavailable => (
            ProblemCode::Unavailable,
            "the records are not available",
            None,
        ),
        RecordError::Overloaded => (
            ProblemCode::Overloaded,
            "more requests for this record than are taken",
            None,
        ),
        // Nothing was changed, or it would be in doubt: coming again is right.
        RecordError::Timeout { .. } => (
            ProblemCode::Unavailable,
            "the record did not answer in time",
            None,
        ),
        RecordError::InDoubt => (
            ProblemCode::DeadlineExceeded,
            "it is not known whether the change was made: read before sending it again",
            None,
        ),
        RecordError::ConsentRevoked => (
            ProblemCode::Denied,
            "the patient withdrew consent to this purpose",
            None,
        ),
        RecordError::Erased => (
            ProblemCode::Erased,
            "the patient's data was erased and cannot be brought back",
            None,
        ),
        RecordError::OtherMasterKey => (
            ProblemCode::Unavailable,
            "no record can be opened until an operator brings the right master key back",
            None,
        ),
        RecordError::PermitMismatch | RecordError::Corrupt | RecordError::Internal => {
            tracing::error!(%error, "record");
            (ProblemCode::Internal, "the record cannot be given", None)
        }
    };
    let problem = Problem::new(code, detail);
    match field {
        Some(field) => problem.field(field),
        None => problem,
    }
}

/// What the audit trail says of a change that failed.
pub(super) const fn outcome_of(error: &RecordError) -> Outcome {
    match error {
        RecordError::InDoubt => Outcome::Unknown,
        RecordError::UnknownPatient
        | RecordError::OtherPatient
        | RecordError::Conflict
        | RecordError::Erased
        | RecordError::Permit(PermitError::Revoked) => Outcome::Refused,
        _ => Outcome::Failed,
    }
}

/// A plugin failed on an input.
pub(super) fn plugin(error: &PluginError) -> Problem {
    let code = match error {
        PluginError::Limit {
            limit: LimitKind::TimeoutMs,
            ..
        } => ProblemCode::PluginTimeout,
        PluginError::Limit {
            limit: LimitKind::InputBytes,
            ..
        } => ProblemCode::TooLarge,
        PluginError::Overloaded { .. } => ProblemCode::Overloaded,
        PluginError::Unavailable { .. } | PluginError::Resting { .. } => ProblemCode::Unavailable,
        PluginError::Unknown { .. } | PluginError::NoFunction { .. } => ProblemCode::NotFound,
        PluginError::File { .. }
        | PluginError::NotWasm { .. }
        | PluginError::Module { .. }
        | PluginError::Compiler { .. }
        | PluginError::Manifest { .. }
        | PluginError::Ask { .. }
        | PluginError::Capability { .. }
        | PluginError::NotExported { .. }
        | PluginError::Import { .. } => ProblemCode::PluginRefused,
        PluginError::Forbidden { .. } => ProblemCode::Internal,
        PluginError::Permit { error, .. } => permit(*error).0,
        _ => ProblemCode::PluginFailed,
    };
    // Its texts were redacted where they were made.
    Problem::new(code, error.to_string()).field("plugin")
}
