//! One schedule on the page: its timeline, what it violated, what was broken in it, and how it is
//! played again.

use super::words::both;
use super::{ScheduleResult, hex, timeline};
use crate::checkers::Violation;
use crate::invariant::Invariant;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Most violations of one invariant that are listed: what broke a thousand times broke once.
const VIOLATIONS_SHOWN: usize = 5;
/// Most faults of one schedule that are listed.
const FAULTS_SHOWN: usize = 50;

/// Folded, it is one line.
pub(super) fn section(schedule: &ScheduleResult, is_open: bool) -> Markup {
    let violated = by_invariant(schedule);
    html! {
        details open[is_open] {
            summary {
                h3 { (both("Semente", "Seed")) " " code { (hex(schedule.seed)) } }
                @for (invariant, found) in &violated {
                    span.badge { (invariant.name()) " × " (found.len()) }
                }
                span.note {
                    (both("falhas:", "faults:")) " " (schedule.faults.len())
                }
            }
            @if !schedule.again.is_empty() {
                p.again { (both("Repetir:", "Play again:")) " " code { (schedule.again) } }
            }
            @if let Some(history) = &schedule.history { (timeline::svg(schedule, history)) }
            @for (invariant, found) in &violated { (violations(*invariant, found)) }
            (faults(schedule))
            p.note {
                (both("Hash do traço", "Trace hash")) " " code.hash { (schedule.hash) }
            }
        }
    }
}

fn by_invariant(schedule: &ScheduleResult) -> BTreeMap<Invariant, Vec<&Violation>> {
    let mut found: BTreeMap<Invariant, Vec<&Violation>> = BTreeMap::new();
    for one in &schedule.violations {
        found.entry(one.invariant).or_default().push(one);
    }
    found
}

fn violations(invariant: Invariant, found: &[&Violation]) -> Markup {
    let more = found.len().saturating_sub(VIOLATIONS_SHOWN);
    html! {
        h4 { (both("Violação de", "Violation of")) " " code { (invariant.name()) } }
        ul.violations lang="en" {
            @for one in found.iter().take(VIOLATIONS_SHOWN) {
                li {
                    span.time { (format!("{:.3} s", one.at.as_secs_f64())) }
                    span { (one.what) }
                }
            }
        }
        @if more > 0 {
            p.note { "+ " (more) " " (both("em journal.json", "in journal.json")) }
        }
    }
}

/// Numbered as on the timeline.
fn faults(schedule: &ScheduleResult) -> Markup {
    let more = schedule.faults.len().saturating_sub(FAULTS_SHOWN);
    html! {
        @if !schedule.faults.is_empty() {
            h4 { (both("Falhas injetadas", "Faults injected")) }
            ol.faults lang="en" {
                @for fault in schedule.faults.iter().take(FAULTS_SHOWN) {
                    li { code { (fault) } }
                }
            }
        }
        @if more > 0 { p.note { "+ " (more) } }
    }
}

/// What the signs of every timeline mean.
pub(super) fn legend() -> Markup {
    let entries = [
        (
            "fault",
            "▲",
            both(
                "falha, com seu número na lista",
                "fault, with its number in the list",
            ),
        ),
        ("restart", "○", both("reinício", "restart")),
        (
            "gave-up",
            "◆",
            both("supervisor desistiu", "supervisor gave up"),
        ),
        ("error", "✕", both("fim anormal", "abnormal end")),
        (
            "error",
            "◇",
            both("pedido não respondido", "request not answered"),
        ),
        (
            "error",
            "○",
            both("chamada não respondida", "call not answered"),
        ),
        (
            "served",
            "•",
            both("latência, respondido", "latency, answered"),
        ),
        (
            "unserved",
            "◦",
            both("latência, sem resposta útil", "latency, not answered"),
        ),
        ("violation", "┆", both("violação", "violation")),
    ];
    html! {
        ul.legend {
            @for (class, sign, name) in entries {
                li { span class={ "key " (class) } aria-hidden="true" { (sign) } " " (name) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::report;
    use super::*;

    fn shown(schedule: &ScheduleResult) -> String {
        section(schedule, true).into_string()
    }

    #[test]
    fn a_schedule_says_how_it_is_played_again_and_what_it_violated_how_often() {
        let page = shown(&report().schedules[1]);
        assert!(
            page.contains("plantao-chaos replay --seed 0xffffffffffffffff"),
            "{page}"
        );
        assert!(page.contains("no_overlap × 2"), "{page}");
    }

    #[test]
    fn a_list_that_is_too_long_says_how_much_more_there_is() {
        let mut schedule = report().schedules.remove(1);
        let violation = schedule.violations[0].clone();
        schedule.violations = vec![violation; VIOLATIONS_SHOWN + 7];
        schedule.faults = vec!["5 ms: node_crash".to_owned(); FAULTS_SHOWN + 9];
        let page = shown(&schedule);
        assert!(page.contains("+ 7 ") && page.contains("+ 9<"), "{page}");
        assert_eq!(page.matches("5 ms: node_crash").count(), FAULTS_SHOWN);
    }
}
