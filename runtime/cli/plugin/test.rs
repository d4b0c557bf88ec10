//! `plantao plugin test`: every case, on the real host.

use std::io::Write;
use std::path::Path;

use plantao_actors::plugin::{Grant, PluginSpec};
use serde_json::Value;

use super::super::error::CliError;
use super::case::{self, Case};
use super::declared::Declared;
use super::stand::{Heard, Stand};
use super::subject::Plugin;
use super::{difference, refused};

pub(super) async fn test(path: &Path, out: &mut impl Write) -> Result<(), CliError> {
    let plugin = Plugin::open(path).await?;
    let Some(dir) = &plugin.dir else {
        let text = "cases are read from a crate's folder: name that".into();
        return Err(CliError::Usage { text });
    };
    let cases = case::of(dir)?;
    let mut failed = 0_usize;
    for case in &cases {
        let wrong = differences(&plugin, case).await?;
        let verdict = if wrong.is_empty() { "ok    " } else { "FAILED" };
        writeln!(out, "{verdict}  {}", case.name)?;
        for line in &wrong {
            writeln!(out, "          {line}")?;
        }
        failed += usize::from(!wrong.is_empty());
    }
    if failed > 0 {
        return Err(refused(format!("{failed} of {} cases failed", cases.len())));
    }
    writeln!(out, "{} cases passed", cases.len())?;
    Ok(())
}

/// What is not as the case says; nothing when all is.
async fn differences(plugin: &Plugin, case: &Case) -> Result<Vec<String>, CliError> {
    let spec = under(&plugin.told(), case).map_err(|what| {
        let name = &case.name;
        refused(format!("case `{name}`: {what}"))
    })?;
    let stand = Stand::under(plugin, &spec)?;
    let heard = stand.call(&case.function, &case.input).await;
    let mut wrong = of_answer(case, &heard);
    if let Some(expected) = &case.expect.log {
        let (expected, got) = (expected.join("\n"), heard.lines.join("\n"));
        let lines = difference::of_texts(&expected, &got);
        wrong.extend(lines.into_iter().map(|line| format!("log: {line}")));
    }
    Ok(wrong)
}

/// The plugin as an operator has it who grants what the case says.
fn under(told: &Declared, case: &Case) -> Result<PluginSpec, String> {
    let mut spec = told.spec(&case.config);
    let Some(granted) = &case.grants else {
        return Ok(spec);
    };
    if let Some(grant) = granted.difference(&told.capabilities).next() {
        return Err(format!(
            "`grants` has `{grant}`, which the manifest does not ask for"
        ));
    }
    for withheld in told.capabilities.difference(granted) {
        if withheld == "phi:raw" {
            spec.grants.remove(&Grant::PhiRaw);
        } else if let Some(key) = withheld.strip_prefix("config:") {
            spec.config.remove(key);
        } else {
            return Err(format!(
                "`grants` lacks `{withheld}`, which the host has for every plugin that asks"
            ));
        }
    }
    Ok(spec)
}

fn of_answer(case: &Case, heard: &Heard) -> Vec<String> {
    let expect = &case.expect;
    match (&heard.answer, &expect.error) {
        (Err(error), Some(part)) if error.to_string().contains(part.as_str()) => Vec::new(),
        (Err(error), Some(part)) => vec![format!("- an error with `{part}`"), format!("+ {error}")],
        (Ok(answer), Some(part)) => {
            let answer: String = answer.chars().take(160).collect();
            vec![format!("- an error with `{part}`"), format!("+ {answer}")]
        }
        (Err(error), None) => vec!["- an answer".into(), format!("+ {error}")],
        (Ok(answer), None) => match (&expect.json, &expect.output) {
            (Some(json), _) => match serde_json::from_str::<Value>(answer) {
                Ok(got) => difference::of(json, &got),
                Err(_) => vec!["- an answer in JSON".into(), format!("+ {answer}")],
            },
            (None, Some(output)) => difference::of_texts(output, answer),
            (None, None) => Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(capabilities: &str, grants: &str) -> Result<PluginSpec, String> {
        let told = format!(
            "name = \"p\"\nversion = \"1.0.0\"\nfunctions = [\"f\"]\n\
             capabilities = {capabilities}\n"
        );
        let case = format!(
            "name = \"n\"\nfunction = \"f\"\ngrants = {grants}\n\
             config = {{ a = \"1\", b = \"2\" }}\nexpect = {{ output = \"\" }}\n"
        );
        under(
            &Declared::read(&told).unwrap(),
            &toml::from_str(&case).unwrap(),
        )
    }

    #[test]
    fn what_a_case_withholds_is_withheld() {
        let asked = r#"["config:a", "config:b", "log", "phi:raw"]"#;
        let spec = said(asked, r#"["config:b", "log"]"#).unwrap();
        assert!(spec.grants.is_empty());
        assert_eq!(spec.config.keys().collect::<Vec<_>>(), ["b"]);
        let all = said(asked, asked).unwrap();
        assert!(all.grants.contains(&Grant::PhiRaw));
        assert_eq!(all.config.len(), 2);
    }

    #[test]
    fn a_grant_nobody_asked_for_and_one_that_cannot_be_withheld_are_named() {
        let refused = said(r#"["log"]"#, r#"["clock", "log"]"#).unwrap_err();
        assert_eq!(
            refused,
            "`grants` has `clock`, which the manifest does not ask for"
        );
        let refused = said(r#"["log"]"#, "[]").unwrap_err();
        assert!(refused.starts_with("`grants` lacks `log`"), "{refused}");
    }
}
