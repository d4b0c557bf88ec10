//! `shrink` and `mutants`: the least that still fails, and whether planted defects are caught.

use super::arguments;
use super::files::Directory;
use super::interrupt::Interrupt;
use super::{ABORTED, CliError, HELD, VIOLATED, schedule_of};
use crate::sim::{Caught, Outcome, SimError, Simulator, hunt};
use crate::{Experiment, Mutant, Schedule, Violation, shrink};
use std::io::Write;

/// Most runs that a shrinker makes.
const SHRINK_TRIES: usize = 400;

pub(super) fn cut(
    out: &mut impl Write,
    asked: &arguments::Shrink,
    interrupt: &Interrupt,
) -> Result<u8, CliError> {
    let simulator = Simulator::new()?.with(asked.planted.mutant);
    let outcome = simulator.play(&schedule_of(asked.seed))?;
    if outcome.held() {
        return Err(CliError::Holds(asked.seed));
    }
    let minimum = smallest(&simulator, &outcome, || interrupt.is_heard());
    let seed = asked.seed;
    match &asked.out {
        None => {
            writeln!(out, "{}", minimum.to_toml())?;
            writeln!(out, "{}", minimum.to_rust_test(&format!("seed_{seed:x}")))?;
        }
        Some(path) => {
            let directory = Directory::open(path)?;
            let path = directory.write_minimum(&format!("seed-{seed:x}"), &minimum)?;
            let faults = minimum.schedule.faults.len();
            writeln!(out, "cut to {faults} faults in `{}`", path.display())?;
        }
    }
    Ok(if interrupt.is_heard() {
        ABORTED
    } else {
        VIOLATED
    })
}

/// The least of a failing schedule that still violates something that it violated; the least found
/// so far as soon as `is_enough`.
pub(super) fn smallest(
    simulator: &Simulator,
    outcome: &Outcome,
    is_enough: impl Fn() -> bool,
) -> Experiment {
    let fails = |schedule: &Schedule| {
        if is_enough() {
            return false;
        }
        let again = simulator.play(schedule);
        let same = |one: &Violation| {
            let mut before = outcome.violations.iter();
            before.any(|violation| violation.invariant == one.invariant)
        };
        again.is_ok_and(|again| again.violations.iter().any(same))
    };
    let shrunk = shrink(&outcome.schedule, fails, SHRINK_TRIES);
    Experiment::new(title(outcome), shrunk.schedule)
}

/// What an experiment that failed is called: by what it violates.
pub(super) fn title(outcome: &Outcome) -> String {
    let first = outcome.violations.first();
    first.map_or_else(String::new, |one| one.invariant.to_string())
}

pub(super) fn mutants(
    out: &mut impl Write,
    asked: &arguments::Mutants,
    interrupt: &Interrupt,
) -> Result<u8, CliError> {
    if let Some(left_out) = Mutant::ALL.iter().find(|mutant| !mutant.is_built()) {
        return Err(SimError::NotBuilt(left_out.name()).into());
    }
    let mut missed = 0;
    let schedules = asked.schedules;
    let names = Mutant::ALL.iter().map(|mutant| mutant.name().len());
    let width = names.max().unwrap_or_default();
    for mutant in Mutant::ALL {
        let limits = (asked.seed, schedules);
        let caught = hunt(mutant, limits, || interrupt.is_heard())?;
        if interrupt.is_heard() {
            return Ok(ABORTED);
        }
        match caught {
            Some(Caught {
                outcome,
                schedules: after,
            }) => {
                let simulator = Simulator::new()?.with(Some(mutant));
                let minimum = smallest(&simulator, &outcome, || interrupt.is_heard());
                let faults = minimum.schedule.faults.len();
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
