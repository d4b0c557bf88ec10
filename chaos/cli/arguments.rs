//! What may stand on the command line, and the help that teaches it.

use crate::{Mutant, seed_file};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Exit codes, as the help of every command tells them.
macro_rules! with_exit_codes {
    ($example:literal) => {
        with_exit_codes!($example, "everything held", "something was violated")
    };
    ($example:literal, $held:literal, $violated:literal) => {
        concat!(
            "Example:\n  ",
            $example,
            "\n\nExit codes:\n  0  ",
            $held,
            "\n  1  ",
            $violated,
            "\n  2  aborted: Ctrl-C, or nobody reads the output any more\
             \n  3  could not run: a bad flag or file"
        )
    };
}

/// Breaks a simulated hospital on purpose and tells what did not hold.
///
/// One seed is one schedule of requests and faults, played on the real supervision tree with a
/// paused clock; the same seed gives the same trace hash on every machine.
#[derive(Debug, Parser)]
#[command(
    name = "plantao-chaos",
    version,
    after_help = with_exit_codes!("plantao-chaos campaign --minutes 10")
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Play schedules of consecutive seeds.
    ///
    /// Each is drawn from its seed alone, so a seed is all that is needed to play it again.
    #[command(after_help = with_exit_codes!(
        "plantao-chaos sim --seed 1 --schedules 10000 --report chaos-report"
    ))]
    Sim(Sim),
    /// Play one schedule and print all that happened.
    #[command(after_help = with_exit_codes!("plantao-chaos replay --seed 0x1f"))]
    Replay(Replay),
    /// Play schedules that are drawn towards what was not struck yet.
    ///
    /// A cell is a kind of fault, a child of the tree and a state of its life; the matrix at the
    /// end counts how often each was struck, as the histories of the runs show it. Every failing
    /// schedule is written to the report directory as an experiment file: as it was played, and
    /// cut to a minimum with a Rust test beside it.
    #[command(after_help = with_exit_codes!(
        "plantao-chaos campaign --minutes 10 --report chaos-report"
    ))]
    Campaign(Campaign),
    /// Cut a failing schedule to a minimum; prints it as an experiment file and as a Rust test.
    ///
    /// A schedule that holds is refused with exit code 3: there is nothing to cut.
    #[command(after_help = with_exit_codes!(
        "plantao-chaos shrink --seed 0x1f",
        "never: a schedule that holds is refused",
        "the schedule fails, and its minimum was printed"
    ))]
    Shrink(Shrink),
    /// Plant each defect there is and tell what caught it, after how many schedules.
    ///
    /// A defect that nothing catches is a hole in the harness, and the exit code is 1. Those in the
    /// code itself are left out of release builds, which refuse this with exit code 3.
    #[command(after_help = with_exit_codes!(
        "plantao-chaos mutants --schedules 300",
        "every defect was caught",
        "some defect was not"
    ))]
    Mutants(Mutants),
}

#[derive(Debug, Args)]
pub(super) struct Sim {
    /// The first seed; decimal or 0x-hexadecimal.
    #[arg(long, default_value = "1", value_parser = seed)]
    pub(super) seed: u64,
    /// How many schedules.
    #[arg(long, default_value_t = 1_000)]
    pub(super) schedules: u64,
    /// Play the seeds of this file instead; its first line is `plantao-chaos seeds v1`, then a seed
    /// on each line.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "schedules"])]
    pub(super) seeds: Option<PathBuf>,
    /// Fail too when some rare state was never reached: such a run has tested little.
    #[arg(long)]
    pub(super) require_rare: bool,
    /// Where each failing schedule goes, cut to a minimum: as an experiment file and a Rust test.
    #[arg(long, value_name = "DIR")]
    pub(super) failures: Option<PathBuf>,
    #[command(flatten)]
    pub(super) writes: Writes,
    #[command(flatten)]
    pub(super) planted: Planted,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The seed of the schedule.
    #[arg(long, value_parser = seed, conflicts_with = "experiment",
        required_unless_present = "experiment")]
    pub(super) seed: Option<u64>,
    /// An experiment file.
    #[arg(long, value_name = "FILE")]
    pub(super) experiment: Option<PathBuf>,
    #[command(flatten)]
    pub(super) writes: Writes,
    #[command(flatten)]
    pub(super) planted: Planted,
}

#[derive(Debug, Args)]
pub(super) struct Campaign {
    /// How long, in minutes of wall time [default: 10, or as long as --schedules takes].
    #[arg(long, value_parser = minutes)]
    pub(super) minutes: Option<f64>,
    /// Stop after so many schedules; the same number from the same seed plays the same ones.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) schedules: Option<u64>,
    /// The first seed [default: another one each time, which is told].
    #[arg(long, value_parser = seed)]
    pub(super) seed: Option<u64>,
    /// How many requests each schedule sends [default: 20 to 200, as drawn].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) requests: Option<u32>,
    /// Where `journal.json`, `junit.xml`, `report.html` and the experiment files go.
    #[arg(long, value_name = "DIR", default_value = "chaos-report")]
    pub(super) report: PathBuf,
    #[command(flatten)]
    pub(super) planted: Planted,
}

#[derive(Debug, Args)]
pub(super) struct Shrink {
    /// The seed of the schedule.
    #[arg(long, value_parser = seed)]
    pub(super) seed: u64,
    /// Write the experiment file and the Rust test there instead of printing them.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) planted: Planted,
}

#[derive(Debug, Args)]
pub(super) struct Mutants {
    /// The first seed.
    #[arg(long, default_value = "1", value_parser = seed)]
    pub(super) seed: u64,
    /// After so many schedules a defect that nothing caught is given up.
    #[arg(long, default_value_t = 300)]
    pub(super) schedules: u64,
}

#[derive(Debug, Args)]
pub(super) struct Writes {
    /// Where `journal.json`, `junit.xml` and `report.html` go: for programs, for continuous
    /// integration, for people.
    #[arg(long, value_name = "DIR")]
    pub(super) report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Planted {
    /// Plant this defect first, to see what a finding looks like; `mutants` lists the names.
    #[arg(long, value_name = "NAME", value_parser = mutant)]
    pub(super) mutant: Option<Mutant>,
}

impl Planted {
    /// What has to stand on a command line that plays the same.
    pub(super) fn flag(self) -> String {
        self.mutant
            .map_or_else(String::new, |mutant| format!(" --mutant {mutant}"))
    }
}

fn seed(text: &str) -> Result<u64, String> {
    let seed = seed_file::seed(text);
    seed.ok_or_else(|| format!("`{text}` is no seed: expected a number, decimal or 0x-hexadecimal"))
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes: Option<f64> = text.parse().ok();
    // A week: beyond it somebody has mistaken the unit.
    let fits = |minutes: &f64| *minutes > 0.0 && *minutes <= 10_080.0;
    let minutes = minutes.filter(fits);
    minutes.ok_or_else(|| format!("`{text}` is no span: expected minutes above 0, at most 10080"))
}

fn mutant(name: &str) -> Result<Mutant, String> {
    let found = Mutant::ALL.into_iter().find(|one| one.name() == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = Mutant::ALL.iter().map(|one| one.name()).collect();
        format!("`{name}` is no defect; there are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn refused(line: &str) -> String {
        let words = std::iter::once("plantao-chaos").chain(line.split(' '));
        Arguments::try_parse_from(words).unwrap_err().to_string()
    }

    #[test]
    fn the_help_of_every_command_has_an_example_that_is_read_and_the_exit_codes() {
        let whole = Arguments::command();
        for command in std::iter::once(&whole).chain(whole.get_subcommands()) {
            let help = command.get_after_help().unwrap().to_string();
            let (before, codes) = help.split_once("\n\n").unwrap();
            let example = before.strip_prefix("Example:\n  ").unwrap();
            assert!(
                Arguments::try_parse_from(example.split(' ')).is_ok(),
                "{example}"
            );
            for code in ["  0  ", "  1  ", "  2  ", "  3  "] {
                assert!(codes.contains(code), "{codes}");
            }
        }
    }

    #[test]
    fn what_is_no_value_is_refused_with_what_was_expected() {
        for (line, told) in [
            ("sim --seed seven", "`seven` is no seed"),
            ("sim --seed +7", "`+7` is no seed"),
            ("campaign --minutes 0", "`0` is no span"),
            ("campaign --minutes NaN", "`NaN` is no span"),
            ("campaign --minutes 99999", "at most 10080"),
            ("campaign --schedules 0", "--schedules"),
            ("campaign --requests 0", "--requests"),
            ("campaign --requests 1000001", "--requests"),
            ("sim --mutant meteor", "write_lost"),
            ("replay", "--seed"),
            ("replay --seed 1 --experiment a.toml", "--experiment"),
        ] {
            let error = refused(line);
            assert!(error.contains(told), "{line}: {error}");
        }
    }

    #[test]
    fn a_planted_defect_is_named_again_where_a_command_is_told() {
        let planted = Planted {
            mutant: mutant("write_lost").ok(),
        };
        assert_eq!(planted.flag(), " --mutant write_lost");
        assert_eq!(Planted { mutant: None }.flag(), "");
    }
}
