//! `plantao plugin test`: every case, on the real host.

use std::io::Write;
use std::path::Path;

use plantao_actors::plugin::Grant;
use serde_json::Value;

use super::super::error::CliError;
use super::case::{self, Case};
use super::stand::{Heard, Stand};
use super::subject::Plugin;
use super::{difference, refused};

pub(super) async fn test(path: &Path, out: &mut impl Write) -> Result<(), CliError> {
    let plugin = Plugin::open(path)?;
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
    let mut spec = plugin.told().spec(&case.config);
    if case
        .grants
        .as_ref()
        .is_some_and(|granted| !granted.contains("phi:raw"))
    {
        spec.grants.remove(&Grant::PhiRaw);
    }
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
