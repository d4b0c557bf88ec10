//! `plantao plugin test`: every case, on the real host.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use plantao_actors::plugin::PluginSpec;
use plantao_schema::plugin::Capability;
use serde_json::Value;

use super::super::error::CliError;
use super::case::{self, Case};
use super::meter::Meter;
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
    let mut meter = Meter::of(&plugin);
    let mut failed = 0_usize;
    for case in &cases {
        let wrong = differences(&plugin, &mut meter, case).await?;
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
async fn differences(
    plugin: &Plugin,
    meter: &mut Meter<'_>,
    case: &Case,
) -> Result<Vec<String>, CliError> {
    let spec = under(plugin.spec(&case.config), case).map_err(|what| {
        let name = &case.name;
        refused(format!("case `{name}`: {what}"))
    })?;
    let stand = match (Stand::under(plugin, &spec), &case.expect.error) {
        (Ok(stand), _) => stand,
        // A plugin that is not given all it asks for is refused, and a case may say so.
        (Err(error), Some(part)) if error.to_string().contains(part.as_str()) => {
            return Ok(Vec::new());
        }
        (Err(error), _) => return Err(error),
    };
    let heard = stand.call(&case.function, &case.input).await;
    let mut wrong = of_answer(case, &heard);
    if let Some(expected) = &case.expect.log {
        let (expected, got) = (expected.join("\n"), heard.lines.join("\n"));
        let lines = difference::of_texts(&expected, &got);
        wrong.extend(lines.into_iter().map(|line| format!("log: {line}")));
    }
    if let (Some(most), true) = (case.expect.instructions_max, heard.answer.is_ok()) {
        match meter.measure(&spec, case).await? {
            Ok(took) if took.instructions <= most => {}
            Ok(took) => {
                wrong.push(format!("- at most {most} instructions"));
                wrong.push(format!("+ {} instructions", took.instructions));
            }
            Err(error) => wrong.push(format!("+ on the meter: {error}")),
        }
    }
    Ok(wrong)
}

/// The plugin as an operator has it who grants what the case says; `spec` grants all of it.
fn under(mut spec: PluginSpec, case: &Case) -> Result<PluginSpec, String> {
    let Some(granted) = &case.grants else {
        return Ok(spec);
    };
    // Read with the case, so that each is one.
    let granted: BTreeSet<Capability> = granted.iter().flat_map(|grant| grant.parse()).collect();
    if let Some(grant) = granted.difference(&spec.grants).next() {
        return Err(format!(
            "`grants` has `{grant}`, which the manifest does not ask for"
        ));
    }
    spec.grants = granted;
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
    use plantao_actors::plugin::read_manifest;

    fn said(capabilities: &str, grants: &str) -> Result<PluginSpec, String> {
        let told = format!(
            "name = \"p\"\nversion = \"1.0.0\"\nfunctions = [\"f\"]\n\
             capabilities = {capabilities}\n"
        );
        let case = format!(
            "name = \"n\"\nfunction = \"f\"\ngrants = {grants}\nexpect = {{ output = \"\" }}\n"
        );
        let spec = PluginSpec::granting(&read_manifest(&told).unwrap());
        under(spec, &toml::from_str(&case).unwrap())
    }

    #[test]
    fn what_a_case_withholds_is_not_granted() {
        let asked = r#"["config:a", "config:b", "log", "phi:raw"]"#;
        let spec = said(asked, r#"["config:b", "log"]"#).unwrap();
        let granted: Vec<_> = spec.grants.iter().map(ToString::to_string).collect();
        assert_eq!(granted, ["log", "config:b"]);
        assert_eq!(said(asked, asked).unwrap().grants.len(), 4);
    }

    #[test]
    fn a_grant_nobody_asked_for_is_named() {
        let refused = said(r#"["log"]"#, r#"["clock", "log"]"#).unwrap_err();
        assert_eq!(
            refused,
            "`grants` has `clock`, which the manifest does not ask for"
        );
    }
}
