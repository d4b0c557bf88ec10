//! `plantao plugin attack`: the gallery against every function, and what broke.
//!
//! A refusal is an answer. What is not: a trap, a limit passed, an answer that is not text, an
//! identifier in an output or a log line, and two answers to one input.

use std::collections::BTreeMap;
use std::io::Write;

use plantao_actors::plugin::PluginError;
use plantao_schema::phi;
use serde_json::Value;

use super::super::arguments::Attack;
use super::super::error::CliError;
use super::gallery::{self, IDENTIFIERS};
use super::stand::{Heard, Stand};
use super::subject::Plugin;
use super::{case, refused};

/// More of one kind teaches nothing.
const TOLD_MAX: usize = 20;

pub(super) async fn attack(order: &Attack, out: &mut impl Write) -> Result<(), CliError> {
    let plugin = Plugin::open(&order.subject.path)?;
    let told = plugin.told();
    let samples = samples(&plugin);
    let stand = Stand::of(&plugin, &BTreeMap::new())?;
    // What depends on the clock may answer twice in two ways.
    let is_pure = !told.capabilities.contains("clock");
    let pieces = gallery::texts(order.seed, told.limits().input_bytes);
    let (mut inputs, mut answers, mut broken) = (0_usize, 0_usize, Vec::new());
    for function in &told.functions {
        for (name, text) in &pieces {
            for input in gallery::dressed(text, samples.get(function)) {
                let heard = stand.call(function, &input).await;
                inputs += 1;
                answers += usize::from(heard.answer.is_ok());
                if let Some(what) = wrong(&input, &heard) {
                    broken.push(format!("`{function}` on {name}: {what}"));
                } else if is_pure && stand.call(function, &input).await.answer != heard.answer {
                    broken.push(format!("`{function}` on {name}: two answers to one input"));
                }
            }
        }
    }
    let refusals = inputs - answers - broken.len().min(inputs - answers);
    writeln!(
        out,
        "{inputs} hostile inputs: {answers} answered, {refusals} refused"
    )?;
    for line in broken.iter().take(TOLD_MAX) {
        writeln!(out, "  BROKE  {line}")?;
    }
    if broken.is_empty() {
        writeln!(out, "it holds (seed {})", order.seed)?;
        return Ok(());
    }
    let text = format!("{} of {inputs} hostile inputs broke it", broken.len());
    Err(refused(text))
}

/// One input in JSON for each function that has such a case.
fn samples(plugin: &Plugin) -> BTreeMap<String, Value> {
    let cases = plugin.dir.as_ref().and_then(|dir| case::of(dir).ok());
    let read = cases.into_iter().flatten().filter_map(|case| {
        let sample = serde_json::from_str(&case.input).ok()?;
        case.expect
            .error
            .is_none()
            .then_some((case.function, sample))
    });
    read.collect()
}

/// What is wrong with how a call ended.
fn wrong(input: &str, heard: &Heard) -> Option<String> {
    let redacted = phi::redact(input);
    // What the rules do not recognise where it stands is not the plugin's to keep back.
    let is_kept_back = |known: &&str| input.contains(*known) && !redacted.as_str().contains(*known);
    let hidden: Vec<&str> = IDENTIFIERS.into_iter().filter(is_kept_back).collect();
    let leaks = |text: &str| hidden.iter().any(|identifier| text.contains(identifier));
    if heard.lines.iter().any(|line| leaks(line)) {
        return Some("an identifier is in its log".into());
    }
    match &heard.answer {
        Ok(answer) if leaks(answer) => Some("an identifier is in its answer".into()),
        Ok(_) => None,
        Err(error) if error.is_crash() => Some(error.to_string()),
        Err(error @ PluginError::NotText { .. }) => Some(error.to_string()),
        Err(error) if leaks(&error.to_string()) => Some("an identifier is in its error".into()),
        Err(_) => None,
    }
}
