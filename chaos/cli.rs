//! The command line of the harness.
//!
//! Exit codes: 0 everything held, 1 something was violated, 2 the run was aborted, 3 it could not
//! be made at all.

use crate::sim::{Outcome, SimError, Simulator};
use crate::{Experiment, Mutant, Schedule, Sometimes, shrink};
use clap::{Parser, Subcommand};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const HELD: u8 = 0;
const VIOLATED: u8 = 1;
const ABORTED: u8 = 2;
const IMPOSSIBLE: u8 = 3;

/// Most runs that a shrinker makes.
const SHRINK_TRIES: usize = 400;
/// Progress is told this often.
const TELL_EVERY: u64 = 100;

/// Breaks a simulated hospital on purpose and tells what did not hold.
///
/// One seed is one schedule of requests and faults, played on the real supervision tree with a
/// paused clock; the same seed gives the same trace hash on every machine.
#[derive(Parser)]
#[command(name = "plantao-chaos", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play schedules of consecutive seeds.
    Sim {
        /// The first seed; decimal or 0x-hexadecimal.
        #[arg(long, default_value = "1", value_parser = seed)]
        seed: u64,
        /// How many schedules.
        #[arg(long, default_value_t = 1_000)]
        schedules: u64,
        /// Where the experiment file of each failing schedule goes, cut to a minimum.
        #[arg(long, value_name = "DIR")]
        failures: Option<PathBuf>,
    },
    /// Play one schedule and print its trace.
    Replay {
        /// The seed of the schedule.
        #[arg(long, value_parser = seed, conflicts_with = "experiment")]
        seed: Option<u64>,
        /// An experiment file.
        #[arg(long, value_name = "FILE")]
        experiment: Option<PathBuf>,
    },
    /// Cut a failing schedule to a minimum; prints it as an experiment file and as a Rust test.
    Shrink {
        /// The seed of the schedule.
        #[arg(long, value_parser = seed)]
        seed: u64,
    },
    /// Plant each defect there is and tell what caught it, after how many schedules.
    Mutants {
        /// The first seed.
        #[arg(long, default_value = "1", value_parser = seed)]
        seed: u64,
        /// After so many schedules a defect that nothing caught is given up.
        #[arg(long, default_value_t = 300)]
        schedules: u64,
    },
}

fn seed(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is no seed: expected a number, decimal or 0x-hexadecimal"))
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _unprintable = error.print();
            let code = if error.use_stderr() { IMPOSSIBLE } else { HELD };
            return ExitCode::from(code);
        }
    };
    let mut out = io::stdout().lock();
    let done = match arguments.command {
        Command::Sim {
            seed,
            schedules,
            failures,
        } => sim(&mut out, seed, schedules, failures.as_deref()),
        Command::Replay { seed, experiment } => replay(&mut out, seed, experiment.as_deref()),
        Command::Shrink { seed } => cut(&mut out, seed),
        Command::Mutants { seed, schedules } => mutants(&mut out, seed, schedules),
    };
    let code = done.unwrap_or_else(|error| {
        let _nobody_reads = writeln!(io::stderr(), "plantao-chaos: {error}");
        error.exit_code()
    });
    ExitCode::from(code)
}

/// Why a command did not come to an end.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Sim(#[from] SimError),
    #[error("`{path}`: {kind}", path = .path.display())]
    File { path: PathBuf, kind: io::ErrorKind },
    #[error("nobody reads the output any more: {0}")]
    Output(#[from] io::Error),
    #[error("the schedule of seed {0:#x} holds: there is nothing to cut")]
    Holds(u64),
    #[error("expected `--seed` or `--experiment`")]
    NothingToPlay,
}

impl CliError {
    const fn exit_code(&self) -> u8 {
        match self {
            Self::Output(_) => ABORTED,
            _ => IMPOSSIBLE,
        }
    }
}

fn schedule_of(seed: u64) -> Schedule {
    Schedule::from_seed(seed, &crate::sim::PATHS)
}

fn sim(
    out: &mut impl Write,
    first: u64,
    schedules: u64,
    failures: Option<&Path>,
) -> Result<u8, CliError> {
    let simulator = Simulator::new()?;
    let begun = Instant::now();
    let (mut violated, mut served) = (0_u64, 0_usize);
    let mut sometimes = Sometimes::default();
    for number in 0..schedules {
        let schedule = schedule_of(first.wrapping_add(number));
        let outcome = simulator.play(&schedule)?;
        served += outcome.served;
        sometimes.merge(&outcome.sometimes);
        if !outcome.held() {
            violated += 1;
            write!(out, "{outcome}")?;
            if let Some(dir) = failures {
                keep(out, dir, &simulator, &outcome)?;
            }
        }
        if (number + 1) % TELL_EVERY == 0 {
            let seconds = begun.elapsed().as_secs_f64();
            writeln!(io::stderr(), "{} schedules in {seconds:.1} s", number + 1)?;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    writeln!(
        out,
        "{schedules} schedules from seed {first}, {served} requests served, {seconds:.1} s: \
         {violated} violated"
    )?;
    write!(out, "{sometimes}")?;
    Ok(if violated == 0 { HELD } else { VIOLATED })
}

fn replay(
    out: &mut impl Write,
    seed: Option<u64>,
    experiment: Option<&Path>,
) -> Result<u8, CliError> {
    let outcome = match (seed, experiment) {
        (Some(seed), _) => Simulator::new()?.play(&schedule_of(seed))?,
        (None, Some(path)) => {
            let read = std::fs::read_to_string(path);
            let text = read.map_err(|error| file(path, &error))?;
            crate::sim::play_text(&text)?
        }
        (None, None) => return Err(CliError::NothingToPlay),
    };
    out.write_all(outcome.history.to_string().as_bytes())?;
    write!(out, "{outcome}")?;
    Ok(if outcome.held() { HELD } else { VIOLATED })
}

fn cut(out: &mut impl Write, seed: u64) -> Result<u8, CliError> {
    let simulator = Simulator::new()?;
    let outcome = simulator.play(&schedule_of(seed))?;
    if outcome.held() {
        return Err(CliError::Holds(seed));
    }
    let minimum = smallest(&simulator, &outcome);
    writeln!(out, "{}", minimum.to_toml())?;
    writeln!(out, "{}", minimum.to_rust_test(&format!("seed_{seed:x}")))?;
    Ok(VIOLATED)
}

/// The least of a failing schedule that still violates something that it violated.
fn smallest(simulator: &Simulator, outcome: &Outcome) -> Experiment {
    let fails = |schedule: &Schedule| {
        let again = simulator.play(schedule);
        let same = |one: &crate::Violation| {
            let mut before = outcome.violations.iter();
            before.any(|violation| violation.invariant == one.invariant)
        };
        again.is_ok_and(|again| again.violations.iter().any(same))
    };
    let shrunk = shrink(&outcome.schedule, fails, SHRINK_TRIES);
    let title = outcome
        .violations
        .first()
        .map_or_else(String::new, |one| one.invariant.to_string());
    Experiment::new(title, shrunk.schedule)
}

fn mutants(out: &mut impl Write, first: u64, schedules: u64) -> Result<u8, CliError> {
    let mut missed = 0;
    let names = Mutant::ALL.iter().map(|mutant| mutant.name().len());
    let width = names.max().unwrap_or_default();
    for mutant in Mutant::ALL {
        let simulator = Simulator::new()?.with(Some(mutant));
        let mut caught = None;
        for number in 0..schedules {
            let outcome = simulator.play(&schedule_of(first.wrapping_add(number)))?;
            let expected = |one: &crate::Violation| one.invariant == mutant.breaks();
            if outcome.violations.iter().any(expected) {
                caught = Some((number + 1, outcome));
                break;
            }
        }
        match caught {
            Some((after, outcome)) => {
                let faults = smallest(&simulator, &outcome).schedule.faults.len();
                let by = mutant.breaks();
                writeln!(
                    out,
                    "{mutant:width$}  {by} after {after} schedules, cut to {faults} faults"
                )?;
            }
            None => {
                missed += 1;
                writeln!(out, "{mutant:width$}  NOT CAUGHT in {schedules} schedules")?;
            }
        }
    }
    Ok(if missed == 0 { HELD } else { VIOLATED })
}

fn keep(
    out: &mut impl Write,
    dir: &Path,
    simulator: &Simulator,
    outcome: &Outcome,
) -> Result<(), CliError> {
    std::fs::create_dir_all(dir).map_err(|error| file(dir, &error))?;
    let path = dir.join(format!("seed-{:x}.toml", outcome.schedule.seed));
    let minimum = smallest(simulator, outcome);
    std::fs::write(&path, minimum.to_toml()).map_err(|error| file(&path, &error))?;
    writeln!(
        out,
        "cut to {} faults in `{}`",
        minimum.schedule.faults.len(),
        path.display()
    )?;
    Ok(())
}

fn file(path: &Path, error: &io::Error) -> CliError {
    CliError::File {
        path: path.to_owned(),
        kind: error.kind(),
    }
}
