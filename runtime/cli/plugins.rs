//! `plantao plugins`: what runs, as the front door tells it.

use std::io::Write;

use serde_json::Value;

use super::client::Ask;
use super::context::Context;
use super::error::CliError;
use super::outcome::at;

/// Who looks at plugins in a demonstration.
const USUAL: &str = "auditora";

pub(super) async fn plugins(context: &Context, out: &mut impl Write) -> Result<(), CliError> {
    let client = context.front_door(USUAL)?;
    let answer = client.ask_json(Ask::get("/v1/plugins")).await?;
    let plugins = answer.get("plugins").and_then(Value::as_array);
    let plugins = plugins.ok_or_else(|| client.unexpected("no list of plugins"))?;
    if plugins.is_empty() {
        writeln!(
            out,
            "no plugin is configured; a section [plugins.NAME] makes one"
        )?;
    }
    for plugin in plugins {
        writeln!(out, "{}", at(plugin, "/name").unwrap_or("unnamed"))?;
        for (key, value) in plugin.as_object().into_iter().flatten() {
            if key != "name" {
                writeln!(out, "  {key:<16} {}", plain(value))?;
            }
        }
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".into(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => "none".into(),
        other => other.to_string(),
    }
}
