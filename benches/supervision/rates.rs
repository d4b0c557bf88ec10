//! `Rates`: restarts a second and processor time of each, by who made them and at which size.

use serde_json::Value;
use std::collections::BTreeMap;

use crate::beam::number;
use crate::report::{Report, grouped, median, micros};
use crate::ward::Run;

/// The figures of every round.
#[derive(Default)]
pub(crate) struct Rates(BTreeMap<(String, usize), Vec<Figures>>);

struct Figures {
    per_second: f64,
    cpu_us: f64,
}

impl Rates {
    pub(crate) fn add(&mut self, name: &str, size: usize, run: Run) {
        let restarts = run.restarts as f64;
        let figures = Figures {
            per_second: restarts / run.wall.as_secs_f64(),
            cpu_us: micros(run.cpu) / restarts,
        };
        self.insert(name, size, figures);
    }

    /// A line of OTP's; `size` names what it varies.
    pub(crate) fn add_otp(&mut self, size: &str, line: &Value) {
        let restarts = number(line, "count");
        let figures = Figures {
            per_second: restarts * 1e9 / number(line, "wall_ns"),
            cpu_us: number(line, "cpu_ns") / 1e3 / restarts,
        };
        let name = otp(line["kind"].as_str().expect("a kind"));
        self.insert(&name, number(line, size) as usize, figures);
    }

    fn insert(&mut self, name: &str, size: usize, figures: Figures) {
        let rounds = self.0.entry((name.to_owned(), size)).or_default();
        rounds.push(figures);
    }

    fn rounds(&self, name: &str, size: usize) -> &[Figures] {
        let rounds = self.0.get(&(name.to_owned(), size));
        rounds.map_or(&[], Vec::as_slice)
    }

    /// How many times the other's rate, in the median of the rounds.
    pub(crate) fn ratio(&self, one: (&str, usize), other: (&str, usize)) -> f64 {
        let one = self.rounds(one.0, one.1).iter();
        let pairs = one.zip(self.rounds(other.0, other.1));
        median(
            pairs
                .map(|(one, other)| one.per_second / other.per_second)
                .collect(),
        )
    }

    /// The farthest that a size is from the mean of all sizes, percent.
    pub(crate) fn unevenness(&self, name: &str, sizes: &[usize]) -> f64 {
        let first = (name, sizes[0]);
        let relative = sizes.iter().map(|&size| self.ratio((name, size), first));
        let relative: Vec<f64> = relative.collect();
        let mean = relative.iter().sum::<f64>() / relative.len() as f64;
        let off = relative.iter().map(|rate| (rate / mean - 1.0).abs());
        off.fold(0.0, f64::max) * 100.0
    }

    /// Those that have figures, a row for each.
    pub(crate) fn show(&self, report: &Report, names: &[String], sizes: &[usize]) {
        let head: Vec<String> = sizes.iter().map(|&size| grouped(size)).collect();
        report.row("", &head);
        for name in names {
            let cells = sizes.iter().map(|&size| self.cell(name, size));
            let cells: Option<Vec<String>> = cells.collect();
            if let Some(cells) = cells {
                report.row(name, &cells);
            }
        }
    }

    fn cell(&self, name: &str, size: usize) -> Option<String> {
        let rounds = self.rounds(name, size);
        if rounds.is_empty() {
            return None;
        }
        let of = |part: fn(&Figures) -> f64| median(rounds.iter().map(part).collect());
        let rate = grouped(of(|figures| figures.per_second) as usize);
        Some(format!(
            "{rate:>7} {:>6.1} us",
            of(|figures| figures.cpu_us)
        ))
    }
}

/// How OTP's supervisor of this strategy is called in the tables.
pub(crate) fn otp(kind: &str) -> String {
    format!("OTP, {kind}")
}
