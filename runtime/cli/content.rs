//! `plantao content submit`: hands an article to the pipeline and prints what it found.
//!
//! The findings carry places and kinds, never the text found: the file is on this machine, the
//! terminal's scrollback may not be.

use std::io::Write;
use std::path::Path;

use serde_json::Value;

use super::arguments::{Content, ContentCommand};
use super::client::Ask;
use super::context::Context;
use super::error::CliError;

const MARKDOWN: &str = "text/markdown; charset=utf-8";

/// Who submits content in a demonstration.
const USUAL: &str = "autora";

pub(super) async fn content(
    context: &Context,
    content: &Content,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let ContentCommand::Submit { file, json } = &content.command;
    let text = read_text(file)?;
    let client = context.front_door(USUAL)?;
    let answer = client
        .ask_json(Ask::post("/v1/content", MARKDOWN, text.clone()))
        .await?;
    if *json {
        writeln!(out, "{answer:#}")?;
        return Ok(());
    }
    report(&answer, &text, out)
}

fn read_text(file: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(file).map_err(|error| CliError::Input {
        path: file.into(),
        reason: error.to_string(),
    })
}

fn report(answer: &Value, text: &str, out: &mut impl Write) -> Result<(), CliError> {
    // The plugin's answer may stand alone or under the item's own envelope.
    let analysis = ["analysis", "result"]
        .iter()
        .find_map(|key| answer.get(key))
        .unwrap_or(answer);
    let risk = analysis.get("risk").unwrap_or(analysis);
    let score = risk
        .get("score")
        .or_else(|| analysis.get("score"))
        .unwrap_or(&Value::Null);
    writeln!(out, "LGPD risk {score} of 100")?;
    if let Some(explanation) = explanation(risk).or_else(|| explanation(analysis)) {
        writeln!(out, "  {explanation}")?;
    }
    let findings = analysis.get("findings").and_then(Value::as_array);
    let findings = findings.map(Vec::as_slice).unwrap_or_default();
    writeln!(
        out,
        "{} finding{}",
        findings.len(),
        if findings.len() == 1 { "" } else { "s" }
    )?;
    for finding in findings {
        writeln!(out, "  {}", one_line(finding, text))?;
    }
    if let Some(id) = answer.get("id").and_then(Value::as_str) {
        writeln!(out, "content {id}")?;
    }
    Ok(())
}

fn explanation(value: &Value) -> Option<String> {
    match value.get("explanation")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => {
            let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
            Some(lines.join("; "))
        }
        other => Some(other.to_string()),
    }
}

/// Line, kind and place of one finding, and whatever else the plugin says of it.
fn one_line(finding: &Value, text: &str) -> String {
    let kind = finding
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or("unnamed");
    let place = |key: &str| finding.get(key).and_then(Value::as_u64);
    let (start, end) = (place("start"), place("end"));
    let line = start
        .and_then(|start| text.as_bytes().get(..usize::try_from(start).ok()?))
        .map(|before| before.iter().filter(|byte| **byte == b'\n').count() + 1);
    let mut said = match line {
        Some(line) => format!("line {line:<4} {kind:<16}"),
        None => format!("{kind:<16}"),
    };
    if let (Some(start), Some(end)) = (start, end) {
        said.push_str(&format!(" bytes {start}..{end}"));
    }
    let rest = finding.as_object().into_iter().flatten();
    for (key, value) in rest.filter(|(key, _)| !["kind", "start", "end"].contains(&key.as_str())) {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        said.push_str(&format!("  {key} {value}"));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn findings_are_told_by_line_and_place() {
        let text = "# Título\n\nO paciente de CPF 529.982.247-25.\n";
        let start = text.find("529").unwrap();
        let answer = json!({
            "score": 40, "explanation": "one document number",
            "findings": [{ "kind": "cpf", "start": start, "end": start + 14, "valid": true }],
        });
        let mut out = Vec::new();
        report(&answer, text, &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(said.contains("LGPD risk 40 of 100"), "{said}");
        assert!(said.contains("line 3") && said.contains("cpf"), "{said}");
        assert!(!said.contains("529.982"), "{said}");
    }

    #[test]
    fn a_place_outside_the_text_is_not_a_crash() {
        let finding = json!({ "kind": "cpf", "start": 900, "end": 914 });
        assert!(one_line(&finding, "short").contains("bytes 900..914"));
    }
}
