//! `plantao plugin attack`: the gallery against every function, and what broke.
//!
//! A refusal is an answer. What is not: a trap, a limit passed, an answer that is not text, an
//! identifier in an output or a log line, two answers to one input, and a function that is declared
//! and cannot be called. Refuses to attack nothing: a plugin without functions does not hold.

use std::collections::BTreeMap;
use std::io::Write;

use plantao_actors::plugin::PluginError;
use plantao_schema::phi;
use plantao_schema::plugin::Capability;
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
    let plugin = Plugin::open(&order.subject.path).await?;
    let told = plugin.told();
    if told.functions.is_empty() {
        return Err(refused("it has no function that could be attacked"));
    }
    let samples = samples(&plugin)?;
    let stand = Stand::of(&plugin, &BTreeMap::new())?;
    // What depends on the clock may answer twice in two ways.
    let is_pure = !told.capabilities.contains(&Capability::Clock);
    let pieces = gallery::texts(order.seed, plugin.spec(&BTreeMap::new()).limits.input_bytes);
    let mut tally = Tally::default();
    for function in &told.functions {
        for (name, text) in &pieces {
            for input in gallery::dressed(text, samples.get(function)) {
                let heard = stand.call(function, &input).await;
                let mut ended = Ended::of(&input, &heard);
                if is_pure && !matches!(ended, Ended::Broke(_)) {
                    let again = stand.call(function, &input).await;
                    if again.answer != heard.answer {
                        ended = Ended::Broke("two answers to one input".into());
                    }
                }
                tally.count(ended, || format!("`{function}` on {name}"));
            }
        }
    }
    tally.tell(order.seed, out)
}

/// One input in JSON for each function that has such a case; none where there are no cases. A case
/// that cannot be read is an error: inputs that were meant would be missing.
fn samples(plugin: &Plugin) -> Result<BTreeMap<String, Value>, CliError> {
    let Some(dir) = plugin.dir.as_ref().filter(|dir| case::are_in(dir)) else {
        return Ok(BTreeMap::new());
    };
    let cases = case::of(dir)?.into_iter().filter_map(|case| {
        let sample = serde_json::from_str(&case.input).ok()?;
        let is_answered = case.expect.error.is_none();
        is_answered.then_some((case.function, sample))
    });
    Ok(cases.collect())
}

/// How one input ended: one of three, so that they add up.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Answered,
    Refused,
    Broke(String),
}

impl Ended {
    fn of(input: &str, heard: &Heard) -> Self {
        let redacted = phi::redact(input);
        // What the rules do not recognise where it stands is not the plugin's to keep back.
        let is_kept_back =
            |known: &&str| input.contains(*known) && !redacted.as_str().contains(*known);
        let hidden: Vec<&str> = IDENTIFIERS.into_iter().filter(is_kept_back).collect();
        let leaks = |text: &str| hidden.iter().any(|identifier| text.contains(identifier));
        if heard.lines.iter().any(|line| leaks(line)) {
            return Self::Broke("an identifier is in its log".into());
        }
        match &heard.answer {
            Ok(answer) if leaks(answer) => Self::Broke("an identifier is in its answer".into()),
            Ok(_) => Self::Answered,
            Err(error) if leaks(&error.to_string()) => {
                Self::Broke("an identifier is in its error".into())
            }
            // What the plugin said no to, or the host before it.
            Err(PluginError::Failed { .. }) => Self::Refused,
            Err(error @ PluginError::Limit { .. }) if !error.is_crash() => Self::Refused,
            Err(error) => Self::Broke(error.to_string()),
        }
    }
}

/// How they all ended.
#[derive(Default)]
struct Tally {
    answered: usize,
    refused: usize,
    broken: Vec<String>,
}

impl Tally {
    fn count(&mut self, ended: Ended, place: impl FnOnce() -> String) {
        match ended {
            Ended::Answered => self.answered += 1,
            Ended::Refused => self.refused += 1,
            Ended::Broke(what) => self.broken.push(format!("{}: {what}", place())),
        }
    }

    fn tell(&self, seed: u64, out: &mut impl Write) -> Result<(), CliError> {
        let (answered, refusals, broken) = (self.answered, self.refused, self.broken.len());
        let inputs = answered + refusals + broken;
        write!(
            out,
            "{inputs} hostile inputs: {answered} answered, {refusals} refused"
        )?;
        if broken == 0 {
            writeln!(out, "\nit holds (seed {seed})")?;
            return Ok(());
        }
        writeln!(out, ", {broken} broke it")?;
        for line in self.broken.iter().take(TOLD_MAX) {
            writeln!(out, "  BROKE  {line}")?;
        }
        let text = format!("{broken} of {inputs} hostile inputs broke it");
        Err(refused(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ended(answer: Result<String, PluginError>) -> Ended {
        let heard = Heard {
            answer,
            lines: Vec::new(),
            elapsed: Duration::ZERO,
        };
        let [cpf, ..] = IDENTIFIERS;
        Ended::of(&format!("Paciente: CPF {cpf}"), &heard)
    }

    #[test]
    fn only_a_plugin_s_own_no_is_a_refusal() {
        let plugin = || "p".to_owned();
        let failed = PluginError::Failed {
            plugin: plugin(),
            code: 2,
            message: String::new(),
        };
        assert_eq!(ended(Err(failed)), Ended::Refused);
        let missing = PluginError::NoFunction {
            plugin: plugin(),
            function: "f".into(),
        };
        let gone = PluginError::Unavailable { plugin: plugin() };
        for error in [missing, gone] {
            assert_eq!(ended(Err(error.clone())), Ended::Broke(error.to_string()));
        }
    }

    #[test]
    fn an_answer_that_leaks_is_counted_once_and_not_as_an_answer() {
        let [cpf, ..] = IDENTIFIERS;
        let mut tally = Tally::default();
        for answer in ["ok", cpf, cpf] {
            tally.count(ended(Ok(answer.to_owned())), String::new);
        }
        let failed = PluginError::Failed {
            plugin: "p".into(),
            code: 1,
            message: String::new(),
        };
        tally.count(ended(Err(failed)), String::new);
        let mut out = Vec::new();
        assert!(tally.tell(7, &mut out).is_err());
        let told = String::from_utf8(out).unwrap();
        let first = "4 hostile inputs: 1 answered, 1 refused, 2 broke it\n";
        assert!(told.starts_with(first), "{told}");
    }
}
