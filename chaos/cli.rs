//! The command line of the harness.
//!
//! Exit codes: 0 everything held, 1 something was violated, 2 the run was aborted, 3 it could not
//! be made at all.

mod arguments;
mod campaign;
mod cut;
mod files;
mod interrupt;
mod play;

use crate::report::ReportError;
use crate::sim::SimError;
use crate::{Schedule, SeedFileError};
use arguments::{Arguments, Command};
use clap::Parser;
use interrupt::Interrupt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELD: u8 = 0;
const VIOLATED: u8 = 1;
const ABORTED: u8 = 2;
const IMPOSSIBLE: u8 = 3;

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
    let interrupt = Interrupt::listen();
    let code = answer(&arguments.command, &mut out, &interrupt).unwrap_or_else(|error| {
        let _nobody_reads = writeln!(io::stderr(), "plantao-chaos: {error}");
        error.exit_code()
    });
    ExitCode::from(code)
}

fn answer(command: &Command, out: &mut impl Write, interrupt: &Interrupt) -> Result<u8, CliError> {
    match command {
        Command::Sim(asked) => play::sim(out, asked, interrupt),
        Command::Replay(asked) => play::replay(out, asked),
        Command::Campaign(asked) => campaign::campaign(out, asked, interrupt),
        Command::Shrink(asked) => cut::cut(out, asked, interrupt),
        Command::Mutants(asked) => cut::mutants(out, asked, interrupt),
    }
}

/// Why a command did not come to an end.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Sim(#[from] SimError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("`{path}`: {kind}", path = .path.display())]
    File { path: PathBuf, kind: io::ErrorKind },
    #[error("`{path}`: {error}", path = .path.display())]
    Experiment { path: PathBuf, error: SimError },
    #[error("`{path}`: {error}", path = .path.display())]
    Seeds { path: PathBuf, error: SeedFileError },
    #[error("nobody reads the output any more: {0}")]
    Output(#[from] io::Error),
    #[error("the schedule of seed {0:#x} holds: there is nothing to cut")]
    Holds(u64),
    #[error("expected `--seed` or `--experiment`")]
    NothingToPlay,
}

impl CliError {
    fn file(path: &Path, error: &io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            kind: error.kind(),
        }
    }

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

#[cfg(test)]
mod tests;
