//! Texts in, plugins' answers out: articles to be checked, and calls of plugins by name.
//!
//! A text may hold PHI. It is held for the call alone, reaches a plugin through the data guard, and
//! is never logged; what a plugin answers is untrusted until it has been read as what it must be.

use super::super::problems;
use super::super::refused::{Involved, Refused};
use super::super::reply::{Answer, JSON};
use super::super::services::Services;
use super::Handled;
use crate::telemetry::PluginCall;
use bytes::Bytes;
use http::StatusCode;
use plantao_actors::plugin::{LimitKind, PluginError, PluginOutput};
use plantao_actors::policy::Permit;
use plantao_schema::phi::Analysis;
use plantao_schema::problem::{Problem, ProblemCode};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// The plugin that checks submitted content, and its function.
const ANALYZER: (&str, &str) = ("lgpd-analyzer", "analyze");

/// Checks an article.
pub(super) async fn content(
    services: &Services,
    permit: Permit,
    body: Bytes,
) -> Result<Handled, Refused> {
    let text = text(body)?;
    let (plugin, function) = ANALYZER;
    let output = run(services, permit, plugin, function, &text).await?;
    // The plugin's answer is untrusted: it leaves only as the type it has to be.
    let analysis: Analysis = serde_json::from_str(&output.text).map_err(|_| {
        let detail = format!("plugin `{plugin}` answered something else than an analysis");
        let problem = Problem::new(ProblemCode::PluginFailed, detail).field("plugin");
        Refused {
            plugin: Some(Box::new(Involved {
                sha256: Some(output.sha256.clone()),
                breach: None,
            })),
            ..Refused::from(problem)
        }
    })?;
    let answer = serde_json::json!({ "analysis": analysis, "plugin": about(&output) });
    let answer = Answer::json(StatusCode::OK, JSON, &answer);
    Ok(Handled::Read {
        answer,
        plugin: Some(output.sha256),
        patients: BTreeSet::new(),
    })
}

/// Calls one function of one plugin by name.
pub(super) async fn call(
    services: &Services,
    permit: Permit,
    plugin: &str,
    function: &str,
    body: Bytes,
) -> Result<Handled, Refused> {
    let output = run(services, permit, plugin, function, &text(body)?).await?;
    let answer = serde_json::json!({
        "output": output.text,
        "redacted": output.redacted,
        "restored": output.restored,
        "plugin": about(&output),
    });
    let answer = Answer::json(StatusCode::OK, JSON, &answer);
    Ok(Handled::Read {
        answer,
        plugin: Some(output.sha256),
        patients: BTreeSet::new(),
    })
}

/// The body as UTF-8 that says something.
fn text(body: Bytes) -> Result<String, Problem> {
    let text = String::from_utf8(body.into()).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let detail = format!("expected UTF-8 text; byte {at} is not");
        Problem::new(ProblemCode::Malformed, detail).field("body")
    })?;
    if text.trim().is_empty() {
        return Err(Problem::new(ProblemCode::Invalid, "expected a text").field("body"));
    }
    Ok(text)
}

/// One call of a plugin, counted; its hash goes into the trail whether it answered or not.
async fn run(
    services: &Services,
    permit: Permit,
    plugin: &str,
    function: &str,
    text: &str,
) -> Result<PluginOutput, Refused> {
    let started = Instant::now();
    let called = services.plugins.call(permit, plugin, function, text).await;
    services
        .metrics
        .plugin_call(outcome(&called), started.elapsed());
    called.map_err(|error| {
        let hash = services
            .plugins
            .list()
            .into_iter()
            .find(|status| status.name == plugin);
        let involved = Involved {
            sha256: hash.and_then(|status| status.sha256),
            breach: error.breach(),
        };
        Refused {
            plugin: Some(Box::new(involved)),
            ..Refused::from(problems::plugin(&error))
        }
    })
}

const fn outcome(called: &Result<PluginOutput, PluginError>) -> PluginCall {
    match called {
        Ok(_) => PluginCall::Answered,
        Err(PluginError::Limit {
            limit: LimitKind::TimeoutMs,
            ..
        }) => PluginCall::TimedOut,
        Err(
            PluginError::Overloaded { .. }
            | PluginError::Resting { .. }
            | PluginError::Unavailable { .. }
            | PluginError::Unknown { .. }
            | PluginError::Forbidden { .. }
            | PluginError::Permit { .. },
        ) => PluginCall::Refused,
        Err(_) => PluginCall::Failed,
    }
}

fn about(output: &PluginOutput) -> serde_json::Value {
    let elapsed_us = u64::try_from(output.elapsed.as_micros()).unwrap_or(u64::MAX);
    serde_json::json!({
        "name": output.plugin, "sha256": output.sha256, "elapsed_us": elapsed_us,
    })
}
