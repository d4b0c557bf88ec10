//! What is printed: figures as they come, targets with whether they were reached.

use std::time::Duration;

/// What a figure should be.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// Keeps account of the targets.
#[derive(Default)]
pub(crate) struct Report {
    reached: usize,
    missed: Vec<String>,
}

impl Report {
    pub(crate) fn title(&self, text: &str) {
        println!("\n{text}");
    }

    pub(crate) fn line(&self, name: &str, figures: &str) {
        println!("  {name:<32} {figures}");
    }

    /// A table's row of figures by size.
    pub(crate) fn row(&self, name: &str, cells: &[String]) {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>17}")).collect();
        self.line(name, &cells.join(" "));
    }

    /// A figure that has a target.
    pub(crate) fn target(&mut self, name: &str, figure: f64, unit: &str, target: Target) {
        let (sign, limit, reached) = match target {
            Target::AtMost(limit) => ("<=", limit, figure <= limit),
            Target::AtLeast(limit) => (">=", limit, figure >= limit),
        };
        let verdict = if reached { "reached" } else { "MISSED" };
        let text = format!("{name:<57} {figure:>9.2}{unit}  target {sign} {limit}{unit}");
        println!("  > {text:<92} {verdict}");
        if reached {
            self.reached += 1;
        } else {
            self.missed.push(text);
        }
    }

    /// How many targets were reached, and which were not.
    pub(crate) fn close(&self) {
        let all = self.reached + self.missed.len();
        println!("\n{} of {all} targets reached", self.reached);
        for text in &self.missed {
            println!("  missed: {text}");
        }
    }
}

/// Says on standard error what is being done, for whoever waits.
pub(crate) fn progress(text: &str) {
    eprintln!("  .. {text}");
}

/// The middle one.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Half and 99 of 100 are at most this.
pub(crate) fn quantiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |part: usize| micros(times[times.len() * part / 100]);
    (at(50), at(99))
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// `12345` as `12,345`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
