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
use super::outcome::at;

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
    let list = |pointer: &str| answer.pointer(pointer).and_then(Value::as_array);
    let score = answer
        .pointer("/analysis/risk/score")
        .and_then(Value::as_u64);
    let level = at(answer, "/analysis/risk/level").unwrap_or("unknown");
    writeln!(
        out,
        "LGPD risk {} of 100, {level}",
        score.unwrap_or_default()
    )?;
    for part in list("/analysis/risk/explanation").into_iter().flatten() {
        let points = part
            .get("points")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        writeln!(
            out,
            "  {points:>+4}  {}",
            at(part, "/why").unwrap_or_default()
        )?;
    }
    let findings = list("/analysis/findings")
        .map(Vec::as_slice)
        .unwrap_or_default();
    writeln!(
        out,
        "{} finding{}",
        findings.len(),
        if findings.len() == 1 { "" } else { "s" }
    )?;
    for finding in findings {
        writeln!(out, "  {}", one_line(finding, text))?;
    }
    for basis in list("/analysis/risk/legal_basis").into_iter().flatten() {
        writeln!(out, "{}", basis.as_str().unwrap_or_default())?;
    }
    Ok(())
}

/// Where, what, and how sure.
fn one_line(finding: &Value, text: &str) -> String {
    let category = at(finding, "/category").unwrap_or("unnamed");
    let rule = at(finding, "/rule").unwrap_or("no rule");
    let number = |key: &str| finding.get(key).and_then(Value::as_u64).unwrap_or_default();
    let (start, end) = (number("start"), number("end"));
    let before = usize::try_from(start)
        .ok()
        .and_then(|start| text.as_bytes().get(..start));
    let line = before.map_or_else(
        || "line ?".to_owned(),
        |before| {
            format!(
                "line {}",
                before.iter().filter(|byte| **byte == b'\n').count() + 1
            )
        },
    );
    let sure = number("confidence");
    format!("{line:<9} bytes {start:>5}..{end:<5}  {category:<16} {sure:>3} %  {rule}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn findings_are_told_by_line_and_place() {
        let text = "# Título\n\nO paciente de CPF 529.982.247-25.\n";
        let start = text.find("529").unwrap();
        let answer = json!({ "analysis": {
            "risk": { "score": 40, "level": "medium", "legal_basis": ["LGPD Art. 5, I"],
                "explanation": [{ "points": 39, "why": "the CPF identifies one person" }] },
            "findings": [{ "category": "cpf", "start": start, "end": start + 14,
                "confidence": 99, "rule": "cpf_grouped" }],
        }});
        let mut out = Vec::new();
        report(&answer, text, &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(
            said.contains("LGPD risk 40 of 100, medium\n   +39  the CPF"),
            "{said}"
        );
        assert!(said.contains("line 3") && said.contains("cpf"), "{said}");
        assert!(!said.contains("529.982"), "{said}");
    }

    /// The first block of the README is what this prints of the demonstration's article.
    #[test]
    fn the_readme_shows_what_is_printed_of_the_demonstration_s_article() {
        let article = include_str!("../../config/demo/artigo.md");
        let answer = json!({ "analysis": plantao_schema::phi::analyze(article) });
        let mut out = Vec::new();
        report(&answer, article, &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        let readme = include_str!("../../README.md");
        assert!(readme.contains(&said), "not in the README:\n{said}");
    }

    #[test]
    fn a_place_outside_the_text_is_not_a_crash() {
        let finding = json!({ "category": "cpf", "start": 900, "end": 914 });
        assert!(one_line(&finding, "short").contains("line ?"));
    }
}
