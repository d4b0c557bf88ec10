//! A refusal on its way out: one problem, and under `/fhir` every issue found.

use super::reply::Family;
use plantao_actors::plugin::LimitKind;
use plantao_schema::fhir::{self, Issue, Severity};
use plantao_schema::problem::{Problem, ProblemCode};

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Refused {
    /// What the status and the headers come from.
    pub(super) problem: Problem,
    /// What was wrong with a FHIR body, place by place; empty for any other refusal.
    pub(super) issues: Vec<Issue>,
    /// Whether its audit entry is complete already.
    pub(super) audited: bool,
    /// The plugin that was involved.
    pub(super) plugin: Option<Box<Involved>>,
}

/// What the trail is told of a plugin that did not answer well.
#[derive(Debug)]
pub(super) struct Involved {
    /// SHA-256 of its module.
    pub(super) sha256: Option<String>,
    /// The limit that it passed, and its value.
    pub(super) breach: Option<(LimitKind, u64)>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            issues: Vec::new(),
            audited: false,
            plugin: None,
        }
    }
}

impl From<Vec<Issue>> for Refused {
    /// A body that cannot be read is malformed; one that can and breaks rules is invalid.
    fn from(issues: Vec<Issue>) -> Self {
        let first = issues.first();
        let fatal = first.is_some_and(|issue| issue.severity == Severity::Fatal);
        let code = if fatal {
            ProblemCode::Malformed
        } else {
            ProblemCode::Invalid
        };
        let detail = first.map_or("the body breaks a rule", |issue| issue.diagnostics.as_str());
        let mut problem = Problem::new(code, detail);
        problem.field = first
            .map(|issue| issue.expression.clone())
            .filter(|f| !f.is_empty());
        Self {
            problem,
            issues,
            audited: false,
            plugin: None,
        }
    }
}

impl Refused {
    /// The body, as the family of addresses wants it.
    pub(super) fn body(&self, family: Family, request_id: &str) -> serde_json::Value {
        match family {
            Family::Plain | Family::Page => self.problem.to_json(request_id),
            Family::Fhir if self.issues.is_empty() => fhir::operation_outcome_of(&self.problem),
            Family::Fhir => fhir::operation_outcome(&self.issues),
        }
    }
}
