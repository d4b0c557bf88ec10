//! `plantao plugin bench`: what a plugin costs, beside its own native build, and its budget.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use plantao_actors::plugin::PluginError;

use super::super::arguments::Bench;
use super::super::error::CliError;
use super::build::kilobytes;
use super::case::{self, Case};
use super::meter::Meter;
use super::stand::Stand;
use super::subject::Plugin;
use super::{native, refused};

/// What was measured, by the name that a budget has for it, with its unit.
type Measured = (&'static str, u64);

pub(super) async fn bench(order: &Bench, out: &mut impl Write) -> Result<(), CliError> {
    let plugin = Plugin::open(&order.subject.path).await?;
    let Some(dir) = &plugin.dir else {
        let text = "inputs are those of a crate's cases: name its folder".into();
        return Err(CliError::Usage { text });
    };
    // Only what answers is work; a refusal is over before it has begun.
    let mut cases = case::of(dir)?;
    cases.retain(|case| case.expect.error.is_none());
    if cases.is_empty() {
        return Err(refused(
            "no case expects an answer, so that there is nothing to measure",
        ));
    }
    if cfg!(debug_assertions) {
        writeln!(
            out,
            "this `plantao` is a development build: the host's own work is slow in it"
        )?;
    }
    let mut measured: Vec<Measured> = vec![("module_bytes", plugin.bytes as u64)];
    writeln!(out, "module      {}", kilobytes(plugin.bytes))?;
    let compiled = plugin.compiled.elapsed;
    writeln!(out, "compile     {}", plain(compiled))?;
    measured.push(("compile_ms", millis(compiled)));
    let began = Instant::now();
    let stand = Stand::of(&plugin, &BTreeMap::new())?;
    let loaded = began.elapsed();
    writeln!(out, "load        {}", plain(loaded))?;
    measured.push(("load_us", micros(loaded)));
    let first = calls(&stand, &cases, 1).await?;
    let first = first.first().copied().unwrap_or_default();
    writeln!(out, "first call  {}", plain(first))?;
    measured.push(("first_us", micros(first)));
    let hot = calls(&stand, &cases, order.calls).await?;
    let (p50, p99) = (quantile(&hot, 50), quantile(&hot, 99));
    writeln!(
        out,
        "hot         p50 {}  p99 {}  ({} calls of {} cases, each in an instance of its own)",
        plain(p50),
        plain(p99),
        hot.len(),
        cases.len()
    )?;
    measured.push(("hot_p50_us", micros(p50)));
    measured.push(("hot_p99_us", micros(p99)));
    metered(&plugin, &cases, &mut measured, out).await?;
    match native::measured(&plugin, &cases, order.calls)? {
        Ok(bare) => {
            let ratio = p50.as_secs_f64() / quantile(&bare, 50).as_secs_f64().max(1e-9);
            let bare = plain(quantile(&bare, 50));
            writeln!(
                out,
                "native      p50 {bare}  (the sandbox, its guard included: {ratio:.1}×)"
            )?;
        }
        Err(why) => writeln!(out, "native      not measured: {why}")?,
    }
    budget(&plugin, &measured, out)
}

/// What the dearest case takes where instructions are counted: the same on every machine.
async fn metered(
    plugin: &Plugin,
    cases: &[Case],
    measured: &mut Vec<Measured>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let mut meter = Meter::of(plugin);
    let (mut instructions, mut memory_bytes) = (0, 0);
    for case in cases {
        let took = meter.measure(&plugin.spec(&case.config), case).await?;
        let took = took.map_err(|error| does_not_answer(case, &error))?;
        instructions = instructions.max(took.instructions);
        memory_bytes = memory_bytes.max(took.memory_bytes);
    }
    let memory = kilobytes(memory_bytes);
    writeln!(
        out,
        "metered     {instructions} instructions, {memory} of memory, at most"
    )?;
    measured.push(("instructions", instructions));
    measured.push(("memory_bytes", memory_bytes as u64));
    Ok(())
}

fn does_not_answer(case: &Case, error: &PluginError) -> CliError {
    refused(format!("case `{}` does not answer: {error}", case.name))
}

/// Calls the cases in turn.
async fn calls(stand: &Stand<'_>, cases: &[Case], count: u32) -> Result<Vec<Duration>, CliError> {
    let mut taken = Vec::new();
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    for case in cases.iter().cycle().take(count) {
        let heard = stand.call(&case.function, &case.input).await;
        if let Err(error) = heard.answer {
            return Err(does_not_answer(case, &error));
        }
        taken.push(heard.elapsed);
    }
    taken.sort_unstable();
    Ok(taken)
}

/// The value that this many percent of sorted ones do not pass.
fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let index = sorted.len().saturating_mul(percent) / 100;
    let last = sorted.len().saturating_sub(1);
    sorted.get(index.min(last)).copied().unwrap_or_default()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn plain(duration: Duration) -> String {
    match micros(duration) {
        0 => format!("{} ns", duration.as_nanos()),
        micros if micros < 10_000 => format!("{micros} µs"),
        micros => format!("{} ms", micros / 1_000),
    }
}

/// Fails when the crate's budget is passed; a budget for what is not measured is a mistake.
fn budget(plugin: &Plugin, measured: &[Measured], out: &mut impl Write) -> Result<(), CliError> {
    let asked = plugin
        .made_from
        .as_ref()
        .and_then(|made| made.budget.as_object());
    let mut over = Vec::new();
    for key in asked.into_iter().flat_map(|budget| budget.keys()) {
        let Some((name, value)) = measured.iter().find(|(name, _)| name == key) else {
            let names: Vec<&str> = measured.iter().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            return Err(refused(format!(
                "budget `{key}` is not measured: expected {names}"
            )));
        };
        let most = plugin.budget(key);
        let Some(most) = most else {
            return Err(refused(format!("budget `{key}` is no whole number")));
        };
        let verdict = if *value > most { "OVER" } else { "ok" };
        writeln!(out, "budget      {verdict:<4}  {name} {value} of {most}")?;
        if *value > most {
            over.push(format!("{name} {value} of {most}"));
        }
    }
    if over.is_empty() {
        return Ok(());
    }
    Err(refused(format!("over its budget: {}", over.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let taken: Vec<Duration> = (1..=100).map(Duration::from_micros).collect();
        assert_eq!(quantile(&taken, 50), Duration::from_micros(51));
        assert_eq!(quantile(&taken, 99), Duration::from_micros(100));
        assert_eq!(quantile(&[], 99), Duration::ZERO);
    }

    #[test]
    fn durations_are_told_in_the_unit_that_fits() {
        let told = [300, 4_200, 42_000_000].map(|ns| plain(Duration::from_nanos(ns)));
        assert_eq!(told, ["300 ns", "4 µs", "42 ms"]);
    }
}
