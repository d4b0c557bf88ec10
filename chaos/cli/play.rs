//! `sim` and `replay`: schedules of known seeds, and single ones.

use super::arguments;
use super::cut::smallest;
use super::files::{self, Directory};
use super::interrupt::Interrupt;
use super::{ABORTED, CliError, HELD, VIOLATED, schedule_of};
use crate::sim::{Outcome, PATHS, SimError, Simulator, UNREACHABLE};
use crate::{Collector, Experiment, Invariant, SeedFile, Sometimes};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

/// Progress is told this often.
const TELL_EVERY: u64 = 100;

pub(super) fn sim(
    out: &mut impl Write,
    asked: &arguments::Sim,
    interrupt: &Interrupt,
) -> Result<u8, CliError> {
    let simulator = Simulator::new()?.with(asked.planted.mutant);
    let report = asked.writes.report.as_deref().map(Directory::open);
    let report = report.transpose()?;
    let failures = asked.failures.as_deref().map(Directory::open).transpose()?;
    let begun = Instant::now();
    let flag = asked.planted.flag();
    let (seeds, from) = seeds(asked)?;
    let mut collector = Collector::new(format!("plantao-chaos sim {from}{flag}"));
    let (mut played, mut violated, mut served) = (0_u64, 0_u64, 0_usize);
    let mut sometimes = Sometimes::default();
    for seed in seeds {
        if interrupt.is_heard() {
            break;
        }
        let outcome = simulator.play(&schedule_of(seed))?;
        played += 1;
        served += outcome.served;
        sometimes.merge(&outcome.sometimes);
        if report.is_some() {
            collector.take(
                &outcome,
                format!("plantao-chaos replay --seed {seed:#x}{flag}"),
            );
        }
        if !outcome.held() {
            violated += 1;
            write!(out, "{outcome}")?;
            if let Some(directory) = &failures {
                keep(out, directory, &simulator, &outcome, interrupt)?;
            }
        }
        if played.is_multiple_of(TELL_EVERY) {
            let seconds = begun.elapsed().as_secs_f64();
            writeln!(io::stderr(), "{played} schedules in {seconds:.1} s")?;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    writeln!(
        out,
        "{played} schedules of {from}, {served} requests served, {seconds:.1} s: \
         {violated} violated"
    )?;
    write!(out, "{sometimes}")?;
    if let Some(directory) = report {
        tell_report(out, &directory, collector)?;
    }
    let mut never = sometimes.never();
    never.retain(|rare| !UNREACHABLE.contains(rare));
    let lacks = asked.require_rare && !never.is_empty();
    Ok(match (interrupt.is_heard(), violated, lacks) {
        (true, ..) => ABORTED,
        (false, 0, false) => HELD,
        (false, ..) => VIOLATED,
    })
}

/// The seeds to play, and the flags that say which.
fn seeds(asked: &arguments::Sim) -> Result<(Box<dyn Iterator<Item = u64>>, String), CliError> {
    let (first, count) = (asked.seed, asked.schedules);
    let Some(path) = &asked.seeds else {
        let seeds = (0..count).map(move |number| first.wrapping_add(number));
        return Ok((
            Box::new(seeds),
            format!("--seed {first:#x} --schedules {count}"),
        ));
    };
    let read: Result<SeedFile, _> = files::read(path)?.parse();
    let file = read.map_err(|error| CliError::Seeds {
        path: path.clone(),
        error,
    })?;
    let from = format!("--seeds {}", quoted(&path.display().to_string()));
    Ok((Box::new(file.seeds.into_iter()), from))
}

pub(super) fn replay(out: &mut impl Write, asked: &arguments::Replay) -> Result<u8, CliError> {
    let simulator = Simulator::new()?.with(asked.planted.mutant);
    let report = asked.writes.report.as_deref().map(Directory::open);
    let report = report.transpose()?;
    let flag = asked.planted.flag();
    let (experiment, command) = match (asked.seed, asked.experiment.as_deref()) {
        (Some(seed), _) => {
            let experiment = Experiment::new(String::new(), schedule_of(seed));
            (
                experiment,
                format!("plantao-chaos replay --seed {seed:#x}{flag}"),
            )
        }
        (None, Some(path)) => (read(path)?, command(path, &flag)),
        (None, None) => return Err(CliError::NothingToPlay),
    };
    let mut outcome = simulator.play(&experiment.schedule)?;
    let judged: &BTreeSet<Invariant> = &experiment.invariants;
    outcome
        .violations
        .retain(|violation| judged.contains(&violation.invariant));
    out.write_all(outcome.history.to_string().as_bytes())?;
    write!(out, "{outcome}")?;
    if let Some(directory) = report {
        let collector = Collector::new(command.clone());
        let mut collector = collector.judging(judged.iter().copied());
        collector.take(&outcome, command);
        tell_report(out, &directory, collector)?;
    }
    Ok(if outcome.held() { HELD } else { VIOLATED })
}

/// The command that plays a file again.
pub(super) fn command(path: &Path, flag: &str) -> String {
    format!(
        "plantao-chaos replay --experiment {}{flag}",
        quoted(&path.display().to_string())
    )
}

/// As a shell takes it for one word.
fn quoted(path: &str) -> String {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "/._-".contains(one);
    if path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

fn read(path: &Path) -> Result<Experiment, CliError> {
    let text = files::read(path)?;
    let parsed: Result<Experiment, _> = text.parse();
    let checked = parsed.and_then(|read| read.check_targets(&PATHS).map(|()| read));
    checked.map_err(|error| CliError::Experiment {
        path: path.to_owned(),
        error: SimError::from(error),
    })
}

fn tell_report(
    out: &mut impl Write,
    directory: &Directory,
    collector: Collector,
) -> Result<(), CliError> {
    directory.write_report(&collector.finish(String::new()))?;
    let path = directory.path().join("report.html");
    writeln!(out, "report in `{}`", path.display())?;
    Ok(())
}

fn keep(
    out: &mut impl Write,
    directory: &Directory,
    simulator: &Simulator,
    outcome: &Outcome,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let minimum = smallest(simulator, outcome, || interrupt.is_heard());
    let name = format!("seed-{:x}", outcome.schedule.seed);
    let path = directory.write_minimum(&name, &minimum)?;
    writeln!(
        out,
        "cut to {} faults in `{}`",
        minimum.schedule.faults.len(),
        path.display()
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_blank_is_one_word_of_the_command_that_is_told() {
        let told = |path: &str| command(Path::new(path), " --mutant write_lost");
        assert_eq!(
            told("chaos-report/seed-1f.toml"),
            "plantao-chaos replay --experiment chaos-report/seed-1f.toml --mutant write_lost"
        );
        assert!(told("my days/it's.toml").contains(r"'my days/it'\''s.toml'"));
    }
}
