//! `campaign`: biased schedules until the time is over, and all that they found.

use super::arguments;
use super::cut::{smallest, title};
use super::files::Directory;
use super::interrupt::Interrupt;
use super::{ABORTED, CliError, HELD, VIOLATED, play};
use crate::sim::{Outcome, Simulator};
use crate::{Campaign, Collector, Experiment, Invariant, Rare, Sometimes};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long, when nobody says.
const MINUTES: f64 = 10.0;
/// Progress is told this often.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// Failing schedules that violate the same: so many are cut to a minimum, which takes hundreds of
/// runs each, and of more nobody learns more.
const CUT_OF_A_KIND: u32 = 2;
/// Failing schedules that are written down and listed; the journal has the seeds of all.
const FINDINGS_MAX: usize = 100;

pub(super) fn campaign(
    out: &mut impl Write,
    asked: &arguments::Campaign,
    interrupt: &Interrupt,
) -> Result<u8, CliError> {
    let directory = Directory::open(&asked.report)?;
    let simulator = Simulator::new()?.with(asked.planted.mutant);
    let mut night = Night::new(simulator, directory, asked, interrupt);
    writeln!(io::stderr(), "{}", night.command)?;
    while !night.is_over(asked.schedules) {
        night.play_one()?;
        night.tell_progress()?;
    }
    night.tell(out)
}

/// A campaign under way.
struct Night<'a> {
    simulator: Simulator,
    directory: Directory,
    asked: &'a arguments::Campaign,
    command: String,
    first: u64,
    campaign: Campaign,
    collector: Collector,
    interrupt: &'a Interrupt,
    sometimes: Sometimes,
    findings: Vec<Finding>,
    /// How many failing schedules violated the same.
    of_a_kind: BTreeMap<BTreeSet<Invariant>, u32>,
    played: u64,
    violated: u64,
    served: usize,
    begun: Instant,
    /// No limit of time when there is none of the clock's own.
    until: Option<Instant>,
    told: Instant,
}

/// A failing schedule that was written down.
struct Finding {
    seed: u64,
    what: String,
    again: String,
    /// The least that still fails, and how many faults that are.
    cut: Option<(PathBuf, usize)>,
}

impl<'a> Night<'a> {
    fn new(
        simulator: Simulator,
        directory: Directory,
        asked: &'a arguments::Campaign,
        interrupt: &'a Interrupt,
    ) -> Self {
        let begun = Instant::now();
        let first = asked.seed.unwrap_or_else(|| fastrand::u64(..));
        let minutes = match (asked.minutes, asked.schedules) {
            (None, Some(_)) => None,
            (minutes, _) => Some(minutes.unwrap_or(MINUTES)),
        };
        let mut command = format!("plantao-chaos campaign --seed {first:#x}");
        let limits = [
            minutes.map(|minutes| format!(" --minutes {minutes}")),
            asked.schedules.map(|count| format!(" --schedules {count}")),
            asked.requests.map(|count| format!(" --requests {count}")),
        ];
        command.extend(limits.into_iter().flatten());
        command.push_str(&asked.planted.flag());
        Self {
            simulator,
            directory,
            asked,
            first,
            campaign: Campaign::new(asked.requests),
            collector: Collector::new(command.clone()),
            command,
            interrupt,
            sometimes: Sometimes::default(),
            findings: Vec::new(),
            of_a_kind: BTreeMap::new(),
            played: 0,
            violated: 0,
            served: 0,
            begun,
            until: minutes
                .and_then(|minutes| begun.checked_add(Duration::from_secs_f64(minutes * 60.0))),
            told: begun,
        }
    }

    fn is_over(&self, schedules: Option<u64>) -> bool {
        self.interrupt.is_heard()
            || schedules.is_some_and(|schedules| self.played >= schedules)
            || self.until.is_some_and(|until| Instant::now() >= until)
    }

    fn play_one(&mut self) -> Result<(), CliError> {
        let schedule = self.campaign.next(self.first.wrapping_add(self.played));
        let outcome = self.simulator.play(&schedule)?;
        self.campaign.learn(&outcome.struck);
        self.played += 1;
        self.served += outcome.served;
        self.sometimes.merge(&outcome.sometimes);
        let again = if outcome.held() {
            // Nobody needs it again; with the same campaign it comes again.
            self.command.clone()
        } else {
            self.find(&outcome)?
        };
        self.collector.take(&outcome, again);
        Ok(())
    }

    /// Writes a failing schedule down: as it was played, and where it is the first of its kind cut
    /// to a minimum. Answers the command that plays it again.
    fn find(&mut self, outcome: &Outcome) -> Result<String, CliError> {
        self.violated += 1;
        if self.findings.len() >= FINDINGS_MAX {
            return Ok(self.command.clone());
        }
        let seed = outcome.schedule.seed;
        let name = format!("seed-{seed:x}");
        let whole = Experiment::new(title(outcome), outcome.schedule.clone());
        let path = self.directory.write_experiment(&name, &whole)?;
        let kinds = outcome.violations.iter().map(|one| one.invariant);
        let kinds: BTreeSet<Invariant> = kinds.collect();
        let names: Vec<&str> = kinds.iter().map(|one| one.name()).collect();
        let what = names.join(", ");
        writeln!(io::stderr(), "seed {seed:#x} violates {what}")?;
        let before = self.of_a_kind.entry(kinds).or_default();
        *before += 1;
        let mut cut = None;
        if *before <= CUT_OF_A_KIND {
            let interrupt = self.interrupt;
            let minimum = smallest(&self.simulator, outcome, || interrupt.is_heard());
            let path = self.directory.write_minimum(&name, &minimum)?;
            cut = Some((path, minimum.schedule.faults.len()));
        }
        let again = play::command(&path, &self.asked.planted.flag());
        self.findings.push(Finding {
            seed,
            what,
            again: again.clone(),
            cut,
        });
        Ok(again)
    }

    fn tell_progress(&mut self) -> Result<(), CliError> {
        if self.told.elapsed() < TELL_EVERY {
            return Ok(());
        }
        self.told = Instant::now();
        let elapsed = self.begun.elapsed();
        let (minutes, seconds) = (elapsed.as_secs() / 60, elapsed.as_secs() % 60);
        let (covered, all) = self.covered();
        writeln!(
            io::stderr(),
            "{minutes:02}:{seconds:02}  {} schedules, {:.1}/s, {covered} of {all} cells covered, \
             {} violated",
            self.played,
            self.rate(),
            self.violated
        )?;
        Ok(())
    }

    fn rate(&self) -> f64 {
        let played = u32::try_from(self.played).unwrap_or(u32::MAX);
        f64::from(played) / self.begun.elapsed().as_secs_f64().max(0.001)
    }

    fn covered(&self) -> (usize, usize) {
        let coverage = self.campaign.coverage();
        let all = coverage.size();
        (all.saturating_sub(coverage.uncovered().len()), all)
    }

    /// All that was found.
    fn tell(self, out: &mut impl Write) -> Result<u8, CliError> {
        let is_aborted = self.interrupt.is_heard();
        let coverage = self.campaign.coverage().to_string();
        let holes = self.campaign.holes();
        writeln!(out, "{coverage}")?;
        if !holes.is_empty() {
            writeln!(out, "Not covered:\n{holes}")?;
        }
        tell_rare(out, &self.sometimes)?;
        self.tell_findings(out)?;
        let (covered, all) = self.covered();
        let stopped = if is_aborted { "stopped early: " } else { "" };
        writeln!(
            out,
            "{stopped}{} schedules from seed {:#x}, {} requests served, {:.1} s, {covered} of \
             {all} cells covered: {} violated",
            self.played,
            self.first,
            self.served,
            self.begun.elapsed().as_secs_f64(),
            self.violated
        )?;
        let table = match holes.as_str() {
            "" => coverage,
            holes => format!("{coverage}\n{holes}"),
        };
        self.directory.write_report(&self.collector.finish(table))?;
        let page = self.directory.path().join("report.html");
        writeln!(out, "report in `{}`", page.display())?;
        Ok(match (is_aborted, self.violated) {
            (true, _) => ABORTED,
            (false, 0) => HELD,
            (false, _) => VIOLATED,
        })
    }

    fn tell_findings(&self, out: &mut impl Write) -> Result<(), CliError> {
        for Finding {
            seed,
            what,
            again,
            cut,
        } in &self.findings
        {
            writeln!(out, "seed {seed:#x} violates {what}\n  {again}")?;
            if let Some((path, faults)) = cut {
                writeln!(out, "  cut to {faults} faults in `{}`", path.display())?;
            }
        }
        let written = u64::try_from(self.findings.len()).unwrap_or(u64::MAX);
        let more = self.violated.saturating_sub(written);
        if more > 0 {
            writeln!(out, "and {more} more, whose seeds `journal.json` lists")?;
        }
        Ok(())
    }
}

/// The rare states that were reached, and those that never were.
fn tell_rare(out: &mut impl Write, sometimes: &Sometimes) -> Result<(), CliError> {
    let reached = Rare::ALL.into_iter().filter_map(|rare| {
        let times = sometimes.count(rare);
        (times > 0).then(|| format!("{rare} {times}"))
    });
    let reached: Vec<String> = reached.collect();
    let never: Vec<&str> = sometimes.never().iter().map(|rare| rare.name()).collect();
    let or_none = |names: String| {
        if names.is_empty() {
            "none".to_owned()
        } else {
            names
        }
    };
    writeln!(out, "Rare states reached: {}", or_none(reached.join(", ")))?;
    writeln!(out, "Never reached: {}\n", or_none(never.join(", ")))?;
    Ok(())
}
