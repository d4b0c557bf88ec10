//! JUnit XML, as continuous integration reads it.
//!
//! A campaign that holds is one suite with a case for each invariant. Each failing schedule adds a
//! suite of its own, named by its seed, so that the seed is what a red build shows.

use super::{Report, ScheduleResult, hex};
use crate::checkers::Violation;
use crate::invariant::Invariant;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Most failing schedules with a suite of their own; the first suite counts all of them.
const SUITES_MAX: usize = 200;
/// Most seeds that a message names.
const SEEDS_SHOWN: usize = 8;

/// The whole file.
pub(super) fn xml(report: &Report) -> String {
    let failing = report.failing().take(SUITES_MAX);
    let suites: Vec<Suite> = std::iter::once(over_all(report))
        .chain(failing.map(|schedule| of_schedule(report, schedule)))
        .collect();
    let tests: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    let failures: usize = suites.iter().map(Suite::failures).sum();
    let seconds = seconds(report.virtual_ms());
    let name = escaped(&report.title);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        xml,
        "<testsuites name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" \
         time=\"{seconds:.3}\">"
    );
    for suite in &suites {
        suite.write(&mut xml);
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// Cases that belong together.
struct Suite {
    name: String,
    class: String,
    seconds: f64,
    cases: Vec<Case>,
}

struct Case {
    name: &'static str,
    failure: Option<Failure>,
}

struct Failure {
    message: String,
    text: String,
}

fn over_all(report: &Report) -> Suite {
    let violated = report.violated_by();
    let of = report.played();
    let judged = judged(report, violated.keys().copied());
    let cases = judged.into_iter().map(|invariant| Case {
        name: invariant.name(),
        failure: violated.get(&invariant).map(|seeds| {
            let shown: Vec<String> = seeds
                .iter()
                .take(SEEDS_SHOWN)
                .map(|one| hex(*one))
                .collect();
            let more = if seeds.len() > SEEDS_SHOWN {
                ", …"
            } else {
                ""
            };
            Failure {
                message: format!("violated in {} of {of} schedules", seeds.len()),
                text: format!("seeds {}{more}", shown.join(", ")),
            }
        }),
    });
    Suite {
        name: format!("{of} schedules"),
        class: "plantao_chaos.all".to_owned(),
        seconds: seconds(report.virtual_ms()),
        cases: cases.collect(),
    }
}

fn of_schedule(report: &Report, schedule: &ScheduleResult) -> Suite {
    let mut found: BTreeMap<Invariant, Vec<&Violation>> = BTreeMap::new();
    for violation in &schedule.violations {
        found
            .entry(violation.invariant)
            .or_default()
            .push(violation);
    }
    let seed = hex(schedule.seed);
    let judged = judged(report, found.keys().copied());
    let cases = judged.into_iter().map(|invariant| Case {
        name: invariant.name(),
        failure: found.get(&invariant).map(|found| {
            let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
            let faults = schedule.faults.join("\n");
            Failure {
                message: found
                    .first()
                    .map_or_else(String::new, |first| first.what.clone()),
                text: format!(
                    "{}\n\nagain: {}\ntrace {}\n{faults}",
                    lines.join("\n"),
                    schedule.again,
                    schedule.hash
                ),
            }
        }),
    });
    Suite {
        name: format!("seed {seed}"),
        class: format!("plantao_chaos.seed_{seed}"),
        seconds: seconds(schedule.virtual_ms),
        cases: cases.collect(),
    }
}

/// What was judged, and whatever was found beside it, in the order of the report.
fn judged(report: &Report, found: impl Iterator<Item = Invariant>) -> Vec<Invariant> {
    let mut judged = report.invariants.clone();
    judged.extend(found);
    judged.sort_unstable();
    judged.dedup();
    judged
}

/// Virtual: a schedule takes as long on every machine.
fn seconds(virtual_ms: u64) -> f64 {
    std::time::Duration::from_millis(virtual_ms).as_secs_f64()
}

impl Suite {
    fn failures(&self) -> usize {
        self.cases
            .iter()
            .filter(|case| case.failure.is_some())
            .count()
    }

    fn write(&self, xml: &mut String) {
        let (name, class) = (escaped(&self.name), escaped(&self.class));
        let (tests, failures, seconds) = (self.cases.len(), self.failures(), self.seconds);
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" \
             skipped=\"0\" time=\"{seconds:.3}\">"
        );
        for case in &self.cases {
            let _ = write!(
                xml,
                "    <testcase classname=\"{class}\" name=\"{}\"",
                case.name
            );
            match &case.failure {
                None => xml.push_str("/>\n"),
                Some(failure) => {
                    let (message, text) = (escaped(&failure.message), escaped(&failure.text));
                    let _ = writeln!(
                        xml,
                        ">\n      <failure message=\"{message}\" type=\"violation\">{text}\
                         </failure>\n    </testcase>"
                    );
                }
            }
        }
        xml.push_str("  </testsuite>\n");
    }
}

/// Text as it may stand in an element and in an attribute: XML knows no way to write most control
/// characters at all.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' => safe.push_str("&#10;"),
            '\t' => safe.push_str("&#9;"),
            '\u{FFFE}' | '\u{FFFF}' => safe.push('\u{FFFD}'),
            control if control < ' ' => safe.push('\u{FFFD}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::testing::report;
    use super::*;

    #[test]
    fn a_failing_schedule_is_a_suite_of_its_own_and_counts_in_the_first() {
        let xml = xml(&report());
        let totals = "tests=\"4\" failures=\"2\" errors=\"0\" time=\"50.000\">";
        assert!(xml.contains(totals), "{xml}");
        assert_eq!(xml.matches("<testsuite ").count(), 2);
        assert!(xml.contains("name=\"seed 0xffffffffffffffff\""), "{xml}");
        assert!(
            xml.contains("message=\"violated in 1 of 2 schedules\""),
            "{xml}"
        );
        assert_eq!(xml.matches("<testcase ").count(), 4);
        assert!(xml.contains("name=\"recovers\"/>"), "{xml}");
    }

    #[test]
    fn a_campaign_that_held_has_a_green_case_for_each_invariant() {
        let mut report = report();
        report.schedules.truncate(1);
        let xml = xml(&report);
        assert!(xml.contains("tests=\"2\" failures=\"0\""), "{xml}");
        assert!(!xml.contains("<failure"), "{xml}");
    }

    #[test]
    fn what_was_found_beside_what_was_judged_is_told_as_well() {
        let mut report = report();
        report.invariants = vec![Invariant::Recovers];
        assert!(xml(&report).contains("name=\"no_overlap\""));
    }

    #[test]
    fn no_text_can_leave_its_place() {
        let xml = xml(&report());
        assert!(xml.contains("One night &amp; &lt;more&gt;"), "{xml}");
        assert!(
            xml.contains("with &quot;quotes&quot; &amp; &lt;marks&gt;\u{FFFD}"),
            "{xml}"
        );
        assert_eq!(
            escaped("a\u{0}\u{1F}\u{FFFE}'\n"),
            "a\u{FFFD}\u{FFFD}\u{FFFD}&apos;&#10;"
        );
    }
}
