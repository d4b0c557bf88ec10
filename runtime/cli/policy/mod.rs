//! `plantao policy`: what the rules allow, why, and what other rules would change.
//!
//! Owns three questions that a security office asks before it signs: the table of everything that
//! is allowed, the reasoning behind one decision, and the decisions of the past that a candidate
//! would make otherwise. Refuses to reach a running node: rules and trail are files, and the code
//! that answers is the code that decides.

mod diff;
mod explain;
mod matrix;

use std::io::Write;

use plantao_schema::access::UnknownName;

use super::arguments::{PolicyAsked, PolicyCommand};
use super::context::Context;
use super::error::CliError;

pub(super) fn policy(
    context: &Context,
    asked: &PolicyAsked,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let rules = &context.config.policy.rules;
    match &asked.command {
        PolicyCommand::Matrix { markdown } => matrix::print(rules, *markdown, out),
        PolicyCommand::Explain(request) => explain::explain(context, request, out),
        PolicyCommand::Diff {
            candidate,
            export,
            show,
        } => diff::diff(candidate, export, *show, out),
    }
}

/// A name that is not in its closed set, said with the argument that it came by.
fn named<T>(argument: &str, read: Result<T, UnknownName>) -> Result<T, CliError> {
    read.map_err(|error| CliError::Usage {
        text: format!("{argument}: {error}"),
    })
}
