//! What is wrong with a body, in FHIR's own terms, and the `OperationOutcome` that says so.
//!
//! An issue carries a rule and a place and refuses to carry a value: names that come from the
//! caller are repeated only when they are made of letters alone.

use super::FhirTypeError;
use crate::problem::{Problem, ProblemCode};
use serde_json::{Value, json};

/// Longest caller-given name that is repeated.
const NAME_MAX_BYTES: usize = 64;

/// How bad an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing further could be checked.
    Fatal,
    /// The content cannot be taken.
    Error,
    /// Taken, and something should be known about it.
    Warning,
    /// For information.
    Information,
}

impl Severity {
    /// The code of `issue-severity`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
        }
    }
}

macro_rules! issue_codes {
    ($($(#[$doc:meta])* $name:ident => $code:literal;)*) => {
        /// What kind of issue: the codes of `issue-type` used here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum IssueCode { $($(#[$doc])* $name,)* }

        impl IssueCode {
            /// The code of `issue-type`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

issue_codes! {
    /// The content is not understood.
    Invalid => "invalid";
    /// The structure is wrong: an element that does not exist, an array where one value belongs.
    Structure => "structure";
    /// An element is missing.
    Required => "required";
    /// A value breaks the rule of its type.
    Value => "value";
    /// A rule over several elements is broken.
    Invariant => "invariant";
    /// No credential, or none that is trusted.
    Login => "login";
    /// The policy refused.
    Forbidden => "forbidden";
    /// The interaction, type or option is not supported.
    NotSupported => "not-supported";
    /// The same thing twice.
    Duplicate => "duplicate";
    /// Something referred to is not there.
    NotFound => "not-found";
    /// Something referred to was deleted.
    Deleted => "deleted";
    /// A code is not in the list bound to the element.
    CodeInvalid => "code-invalid";
    /// Longer than the limit.
    TooLong => "too-long";
    /// More work than the limit.
    TooCostly => "too-costly";
    /// A newer state is in the way.
    Conflict => "conflict";
    /// Trying again later is right.
    Transient => "transient";
    /// Too much at once.
    Throttled => "throttled";
    /// A deadline passed.
    Timeout => "timeout";
    /// Something failed inside.
    Exception => "exception";
    /// Processing failed in another part.
    Processing => "processing";
    /// For information.
    Informational => "informational";
}

/// One issue. Holds no value from the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// How bad.
    pub severity: Severity,
    /// What kind.
    pub code: IssueCode,
    /// Where, as FHIRPath: `Patient.birthDate`. Empty when it is about the whole.
    pub expression: String,
    /// The rule that was broken and what was expected.
    pub diagnostics: String,
}

impl Issue {
    /// An error at a place.
    #[must_use]
    pub fn error(
        code: IssueCode,
        expression: impl Into<String>,
        diagnostics: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            code,
            expression: expression.into(),
            diagnostics: diagnostics.into(),
        }
    }

    /// An error that ended the checks.
    #[must_use]
    pub fn fatal(
        code: IssueCode,
        expression: impl Into<String>,
        diagnostics: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Fatal,
            ..Self::error(code, expression, diagnostics)
        }
    }

    /// A resource type that is not taken.
    pub(super) fn unsupported_type(error: &FhirTypeError) -> Self {
        let code = match error {
            FhirTypeError::Unsupported { .. } => IssueCode::NotSupported,
            FhirTypeError::Unknown { .. } => IssueCode::Structure,
        };
        Self::fatal(code, "resourceType", error.to_string())
    }
}

/// A caller-given name as it may be repeated: letters alone, not long, else `?`.
pub(super) fn name_or_mark(name: &str) -> String {
    let plain = name.len() <= NAME_MAX_BYTES && name.bytes().all(|b| b.is_ascii_alphabetic());
    if plain && !name.is_empty() {
        name.to_owned()
    } else {
        "?".to_owned()
    }
}

/// The `OperationOutcome` of these issues; with none, one that says all is well.
#[must_use]
pub fn operation_outcome(issues: &[Issue]) -> Value {
    let list: Vec<Value> = if issues.is_empty() {
        vec![json!({
            "severity": Severity::Information.as_str(),
            "code": IssueCode::Informational.as_str(),
            "diagnostics": "no issues",
        })]
    } else {
        issues.iter().map(issue_json).collect()
    };
    json!({ "resourceType": "OperationOutcome", "issue": list })
}

/// The `OperationOutcome` of a refusal, for answers under `/fhir`.
#[must_use]
pub fn operation_outcome_of(problem: &Problem) -> Value {
    let expression = problem.field.clone().unwrap_or_default();
    let issue = Issue::error(
        issue_code_of(problem.code),
        expression,
        problem.detail.as_str(),
    );
    operation_outcome(&[issue])
}

fn issue_json(issue: &Issue) -> Value {
    let mut body = json!({
        "severity": issue.severity.as_str(),
        "code": issue.code.as_str(),
        "diagnostics": issue.diagnostics,
    });
    if let (false, Some(members)) = (issue.expression.is_empty(), body.as_object_mut()) {
        members.insert("expression".to_owned(), json!([issue.expression]));
    }
    body
}

const fn issue_code_of(code: ProblemCode) -> IssueCode {
    match code {
        ProblemCode::Malformed => IssueCode::Structure,
        ProblemCode::Invalid => IssueCode::Invalid,
        ProblemCode::Unauthenticated | ProblemCode::StepUpRequired => IssueCode::Login,
        ProblemCode::Denied => IssueCode::Forbidden,
        ProblemCode::NotFound => IssueCode::NotFound,
        ProblemCode::Erased => IssueCode::Deleted,
        ProblemCode::MethodNotAllowed | ProblemCode::UnsupportedMediaType => {
            IssueCode::NotSupported
        }
        ProblemCode::Conflict => IssueCode::Conflict,
        ProblemCode::TooLarge => IssueCode::TooLong,
        ProblemCode::RequestTimeout
        | ProblemCode::PluginTimeout
        | ProblemCode::DeadlineExceeded => IssueCode::Timeout,
        ProblemCode::PluginFailed | ProblemCode::PluginRefused => IssueCode::Processing,
        ProblemCode::Unavailable | ProblemCode::StorageFull => IssueCode::Transient,
        ProblemCode::Overloaded => IssueCode::Throttled,
        ProblemCode::Internal => IssueCode::Exception,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_always_has_an_issue() {
        let outcome = operation_outcome(&[]);
        assert_eq!(outcome["issue"][0]["severity"], "information");
    }

    #[test]
    fn an_outcome_names_the_place_and_leaves_an_empty_one_out() {
        let named = Issue::error(IssueCode::Value, "Patient.birthDate", "expected a date");
        let whole = Issue::fatal(IssueCode::Structure, "", "expected a JSON object");
        let outcome = operation_outcome(&[named, whole]);
        assert_eq!(
            outcome["issue"][0]["expression"],
            json!(["Patient.birthDate"])
        );
        assert!(outcome["issue"][1].get("expression").is_none());
    }

    #[test]
    fn every_refusal_has_an_issue_type() {
        for &code in ProblemCode::ALL {
            let outcome = operation_outcome_of(&Problem::new(code, "x").field("Patient.id"));
            assert_eq!(outcome["issue"][0]["expression"][0], "Patient.id");
        }
    }

    #[test]
    fn only_plain_names_are_repeated() {
        assert_eq!(name_or_mark("birthdate"), "birthdate");
        for text in ["", "529.982.247-25", "maria silva", "ção", &"a".repeat(65)] {
            assert_eq!(name_or_mark(text), "?", "{text}");
        }
    }
}
