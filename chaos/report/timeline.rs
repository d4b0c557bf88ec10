//! A schedule's timeline as an inline drawing: virtual time from left to right, and a lane each for
//! faults, restarts, errors and latency.

use super::ScheduleResult;
use super::labels::{self, Row};
use super::points::{Lane, Latency, Mark, Point, Points, Shape};
use super::words::{Both, both};
use crate::history::History;
use maud::{Markup, html};
use std::time::Duration;

pub(super) const WIDTH: f64 = 1160.0;
/// Room for the lanes' names.
const LEFT: f64 = 108.0;
const RIGHT: f64 = 14.0;
/// Room for the names of lines across, which stand in rows.
const TOP: f64 = 10.0 + ROW * labels::ROWS as f64;
const ROW: f64 = 15.0;
const LANE: f64 = 44.0;
const LATENCY: f64 = 120.0;
const HEIGHT: f64 = TOP + 3.0 * LANE + LATENCY + 34.0;
/// For whoever hears the page.
const WHAT: &str = "faults, restarts, errors and latency over virtual time";
/// Half of a point's width.
const HALF: f64 = 6.0;
/// Latencies are drawn over four powers of ten, from a millisecond up.
const DECADES: [(f64, &str); 5] = [
    (0.0, "1 ms"),
    (1.0, "10 ms"),
    (2.0, "100 ms"),
    (3.0, "1 s"),
    (4.0, "10 s"),
];
/// Lines of the time's scale, at most.
const TICKS_MAX: f64 = 8.0;
/// What one step of the time's scale may be.
const STEPS_S: [f64; 10] = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0];

/// The drawing.
pub(super) fn svg(schedule: &ScheduleResult, history: &History) -> Markup {
    let shown = Points::of(history);
    let whole = Duration::from_millis(schedule.virtual_ms).max(history.lasted());
    let scale = Scale {
        whole_s: whole.as_secs_f64().max(0.001),
    };
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    let left_out = shown.left_out;
    html! {
        div.drawing tabindex="0" role="group" aria-label="timeline" {
            svg viewBox=(view) role="img" aria-label=(WHAT) {
                (ticks(&scale))
                (lanes())
                @for (mark, row) in rows(&scale, &shown.marks) { (across(&scale, mark, row)) }
                @for violation in &schedule.violations {
                    @let x = scale.x(violation.at);
                    line.violation x1=(x) x2=(x) y1=(TOP) y2=(bottom()) {
                        title { (violation.invariant.name()) }
                    }
                }
                @for latency in &shown.latencies { (dot(&scale, latency)) }
                @for point in &shown.points { (drawn(&scale, point)) }
                @for (x, text) in numbers(&scale, schedule, &shown.points) {
                    text.number x=(place(x)) y=(place(middle(Lane::Faults) - 9.0))
                        text-anchor="middle" { (text) }
                }
            }
        }
        @if left_out > 0 {
            p.note { (left_out) " " (both("pontos não mostrados", "points not shown")) }
        }
    }
}

/// Where a time stands.
struct Scale {
    whole_s: f64,
}

impl Scale {
    fn x(&self, at: Duration) -> String {
        place(self.along(at.as_secs_f64()))
    }

    fn along(&self, seconds: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (seconds / self.whole_s).clamp(0.0, 1.0)
    }

    /// The least step that does not crowd the scale.
    fn step_s(&self) -> f64 {
        let fits = |step: &&f64| self.whole_s / **step <= TICKS_MAX;
        STEPS_S.iter().find(fits).copied().unwrap_or(self.whole_s)
    }

    fn ticks_s(&self) -> impl Iterator<Item = f64> {
        let (step, whole) = (self.step_s(), self.whole_s);
        (0_u32..)
            .map(move |number| f64::from(number) * step)
            .take_while(move |at| *at <= whole)
    }
}

fn place(units: f64) -> String {
    format!("{units:.1}")
}

const fn bottom() -> f64 {
    TOP + 3.0 * LANE + LATENCY
}

const fn middle(lane: Lane) -> f64 {
    let above = match lane {
        Lane::Faults => 0.0,
        Lane::Restarts => LANE,
        Lane::Errors => 2.0 * LANE,
    };
    TOP + above + LANE / 2.0
}

/// Where a latency stands: by its power of ten.
fn height(took: Duration) -> f64 {
    let powers = (took.as_secs_f64() * 1_000.0).max(1.0).log10().min(4.0);
    bottom() - 8.0 - (LATENCY - 20.0) * powers / 4.0
}

fn ticks(scale: &Scale) -> Markup {
    html! {
        @for at in scale.ticks_s() {
            @let x = place(scale.along(at));
            line.tick x1=(x) x2=(x) y1=(TOP) y2=(bottom()) {}
            text.tick x=(x) y=(place(bottom() + 20.0)) text-anchor="middle" { (at) " s" }
        }
    }
}

fn lanes() -> Markup {
    let named = [
        (Lane::Faults, both("falhas", "faults")),
        (Lane::Restarts, both("reinícios", "restarts")),
        (Lane::Errors, both("erros", "errors")),
    ];
    html! {
        @for (lane, name) in named {
            @let under = place(middle(lane) + LANE / 2.0);
            line.lane x1="0" x2=(WIDTH) y1=(under) y2=(under) {}
            (named_at(4.0, middle(lane) + 5.0, "lane", name))
        }
        (named_at(4.0, TOP + 3.0 * LANE + 18.0, "lane", both("latência", "latency")))
        @for (powers, text) in DECADES {
            @let y = bottom() - 8.0 - (LATENCY - 20.0) * powers / 4.0;
            line.decade x1=(LEFT) x2=(WIDTH - RIGHT) y1=(place(y)) y2=(place(y)) {}
            text.decade x=(LEFT - 4.0) y=(place(y + 4.0)) text-anchor="end" { (text) }
        }
    }
}

/// Text in both languages, of which the page shows one.
fn named_at(x: f64, y: f64, class: &str, name: Both) -> Markup {
    html! {
        @for (lang, own, words) in [("pt-BR", "pt", name.pt), ("en", "en", name.en)] {
            text x=(place(x)) y=(place(y)) class={ (class) " " (own) } lang=(lang) { (words) }
        }
    }
}

/// The lines across, each with the row that its name stands in; of those that find no room the
/// name is told when they are pointed at.
fn rows<'a>(scale: &Scale, marks: &'a [Mark]) -> Vec<(&'a Mark, Option<Row>)> {
    let wide = |mark: &Mark| {
        mark.label
            .pt
            .chars()
            .count()
            .max(mark.label.en.chars().count())
    };
    let places = marks.iter().map(|mark| {
        let x = scale.along(mark.at.as_secs_f64());
        (x, wide(mark))
    });
    let rows = labels::rows(places);
    marks.iter().zip(rows).collect()
}

fn across(scale: &Scale, mark: &Mark, row: Option<Row>) -> Markup {
    let x = place(scale.along(mark.at.as_secs_f64()));
    let class = format!("mark {}", mark.class);
    html! {
        @match row {
            Some(row) => {
                @let y = 12.0 + ROW * row.number;
                line class=(class) x1=(x) x2=(x) y1=(place(y - 10.0)) y2=(bottom()) {}
                (named_at(row.x, y, "mark", mark.label))
            }
            None => {
                line class=(class) x1=(x) x2=(x) y1=(TOP) y2=(bottom()) {
                    title { (mark.label.pt) " / " (mark.label.en) }
                }
            }
        }
    }
}

/// The numbers of faults in their schedule's list, over where they struck.
fn numbers(scale: &Scale, schedule: &ScheduleResult, points: &[Point]) -> Vec<(f64, String)> {
    let mut left: Vec<Option<&str>> = schedule.faults.iter().map(|one| Some(&**one)).collect();
    let numbered = points.iter().filter_map(|point| {
        let listed = point.listed.as_deref()?;
        let is_it = |one: &str| {
            let (_, what) = one.split_once(": ").unwrap_or(("", one));
            one == listed || what.split(' ').next() == Some(listed)
        };
        let index = left.iter().position(|one| one.is_some_and(is_it))?;
        if let Some(taken) = left.get_mut(index) {
            *taken = None;
        }
        Some((scale.along(point.at.as_secs_f64()), index + 1))
    });
    labels::clusters(numbered)
}

fn dot(scale: &Scale, latency: &Latency) -> Markup {
    let class = if latency.is_served {
        "served"
    } else {
        "unserved"
    };
    let (x, y) = (scale.x(latency.at), place(height(latency.took)));
    html! { circle class=(class) cx=(x) cy=(y) r="2.5" {} }
}

fn drawn(scale: &Scale, point: &Point) -> Markup {
    let class = match point.lane {
        Lane::Faults => "fault",
        Lane::Restarts if point.shape == Shape::Diamond => "gave-up",
        Lane::Restarts => "restart",
        Lane::Errors => "error",
    };
    let under_number = if point.lane == Lane::Faults { 6.0 } else { 0.0 };
    let x = scale.along(point.at.as_secs_f64());
    let y = middle(point.lane) + under_number;
    let path = match point.shape {
        Shape::Triangle => format!("M0 {}L{HALF} {HALF}L-{HALF} {HALF}Z", -HALF),
        Shape::Diamond => format!("M0 {}L{HALF} 0L0 {HALF}L-{HALF} 0Z", -HALF),
        Shape::Cross => format!("M-{HALF} -{HALF}L{HALF} {HALF}M-{HALF} {HALF}L{HALF} -{HALF}"),
        Shape::Circle => "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z".to_owned(),
    };
    let title = format!("{:.3} s  {}", point.at.as_secs_f64(), point.label);
    html! {
        path class=(class) d=(path) transform={ "translate(" (place(x)) " " (place(y)) ")" } {
            title { (title) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::report;
    use super::*;
    use crate::history::What;

    #[test]
    fn the_scale_is_never_crowded_and_reaches_from_left_to_right() {
        for whole_s in [0.001, 0.4, 3.0, 42.0, 600.0, 30_000.0, 1e9] {
            let scale = Scale { whole_s };
            let ticks = scale.ticks_s().count();
            assert!((1..=9).contains(&ticks), "{whole_s}: {ticks}");
            assert!((scale.along(whole_s) - (WIDTH - RIGHT)).abs() < 1e-6);
        }
    }

    #[test]
    fn a_latency_beyond_the_scale_stays_on_it() {
        let (none, ages) = (Duration::ZERO, Duration::from_secs(9_999));
        assert!(height(none) < bottom());
        assert!(height(ages) > TOP + 3.0 * LANE);
        assert!(height(Duration::from_millis(10)) > height(Duration::from_millis(11)));
    }

    #[test]
    fn faults_bear_their_numbers_in_the_list_and_a_crash_is_known_by_its_kind() {
        let fault = |at_s, kind: &str, detail: &str| {
            let (kind, detail) = (kind.to_owned(), detail.to_owned());
            let target = None;
            let what = What::FaultInjected {
                kind,
                target,
                detail,
            };
            (Duration::from_secs(at_s), what)
        };
        let history = History::from_iter([
            fault(5, "node_crash", ""),
            fault(20, "kill", "6000 ms: kill a/b"),
            fault(40, "kill", "6000 ms: kill a/b"),
        ]);
        let faults = [
            "4000 ms: node_crash at audit.commit",
            "6000 ms: kill a/b",
            "6000 ms: kill a/b",
        ];
        let schedule = ScheduleResult {
            faults: faults.map(str::to_owned).into(),
            ..ScheduleResult::default()
        };
        let points = Points::of(&history).points;
        let scale = Scale { whole_s: 60.0 };
        let numbers = numbers(&scale, &schedule, &points).into_iter();
        let texts: Vec<String> = numbers.map(|(_, text)| text).collect();
        assert_eq!(texts, ["1", "2", "3"]);
    }

    #[test]
    fn everything_that_happened_is_drawn() {
        let report = report();
        let failed = &report.schedules[1];
        let drawing = svg(failed, failed.history.as_ref().unwrap()).into_string();
        for class in ["fault", "restart", "gave-up", "error", "served", "unserved"] {
            assert!(
                drawing.contains(&format!("class=\"{class}\"")),
                "{class}: {drawing}"
            );
        }
        assert_eq!(drawing.matches("class=\"violation\"").count(), 2);
        assert!(drawing.contains("nó caiu") && drawing.contains("node crashed"));
    }
}
