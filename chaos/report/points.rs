//! What a timeline shows of a history: when, what, and nothing of whom.

use super::words::{Both, both};
use crate::coverage::collapsed;
use crate::history::{Change, Event, History, Status, What};
use std::collections::BTreeMap;
use std::time::Duration;

/// Most points of one lane: more than that are a smear, and a page of megabytes.
pub(super) const POINTS_MAX: usize = 1_500;

/// Where a point stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Faults,
    Restarts,
    Errors,
}

/// Told apart by shape, not by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Triangle,
    Circle,
    Diamond,
    Cross,
}

/// One thing on a lane.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) at: Duration,
    pub(super) lane: Lane,
    pub(super) shape: Shape,
    /// What is told when it is pointed at.
    pub(super) label: String,
    /// Of a fault: how a schedule lists it, with its time or without.
    pub(super) listed: Option<String>,
}

/// A request: when it ended, and after how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latency {
    pub(super) at: Duration,
    pub(super) took: Duration,
    pub(super) is_served: bool,
}

/// A line across all lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) at: Duration,
    pub(super) class: &'static str,
    pub(super) label: Both,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Points {
    pub(super) points: Vec<Point>,
    pub(super) latencies: Vec<Latency>,
    pub(super) marks: Vec<Mark>,
    /// How many more there were than are shown.
    pub(super) left_out: usize,
}

impl Points {
    pub(super) fn of(history: &History) -> Self {
        let mut shown = Self::default();
        let mut began: BTreeMap<u64, Duration> = BTreeMap::new();
        let mut counts: BTreeMap<Lane, usize> = BTreeMap::new();
        for event in history.events() {
            match &event.what {
                What::RequestBegan(request) => {
                    began.insert(request.request, event.at);
                }
                What::RequestEnded(end) => {
                    if let Some(began) = began.remove(&end.request) {
                        shown.latency(event, began, end.status);
                    }
                }
                _ => {}
            }
            if let Some(point) = point(event) {
                let count = counts.entry(point.lane).or_default();
                *count += 1;
                if *count <= POINTS_MAX {
                    shown.points.push(point);
                } else {
                    shown.left_out += 1;
                }
            }
            shown.marks.extend(mark(event));
        }
        shown
    }

    fn latency(&mut self, event: &Event, began: Duration, status: Status) {
        if self.latencies.len() >= POINTS_MAX {
            self.left_out += 1;
            return;
        }
        self.latencies.push(Latency {
            at: event.at,
            took: event.at.saturating_sub(began),
            // A refusal is an answer: the system was there to give it.
            is_served: is_served(status),
        });
    }
}

const fn is_served(status: Status) -> bool {
    match status {
        Status::Answered | Status::Refused | Status::Invalid | Status::Conflict => true,
        Status::Unavailable
        | Status::Overloaded
        | Status::TimedOut
        | Status::Failed
        | Status::Lost => false,
    }
}

fn point(event: &Event) -> Option<Point> {
    let (lane, shape, label) = match &event.what {
        What::FaultInjected { kind, target, .. } => {
            let target = target.as_deref().map(collapsed).unwrap_or_default();
            (Lane::Faults, Shape::Triangle, format!("{kind} {target}"))
        }
        What::Lifecycle(told) => {
            let path = collapsed(&told.path);
            let reason = told.reason.map(|reason| reason.name()).unwrap_or_default();
            match told.change {
                Change::Restarting => (Lane::Restarts, Shape::Circle, format!("restart {path}")),
                Change::GaveUp => (Lane::Restarts, Shape::Diamond, format!("gave up {path}")),
                Change::StartFailed => (
                    Lane::Errors,
                    Shape::Cross,
                    format!("start failed {path} {reason}"),
                ),
                Change::Exited if told.reason.is_some_and(|reason| !reason.is_clean()) => {
                    (Lane::Errors, Shape::Cross, format!("exit {path} {reason}"))
                }
                _ => return None,
            }
        }
        What::RequestEnded(end) if !is_served(end.status) => {
            let status = format!("request {:?}", end.status).to_lowercase();
            (Lane::Errors, Shape::Diamond, status)
        }
        What::CallEnded { outcome, .. } if outcome != "answered" => {
            (Lane::Errors, Shape::Circle, format!("call {outcome}"))
        }
        _ => return None,
    };
    let label = label.trim_end().to_owned();
    Some(Point {
        at: event.at,
        lane,
        shape,
        label,
        listed: listed(&event.what),
    })
}

/// A crash is told by its kind alone.
fn listed(what: &What) -> Option<String> {
    match what {
        What::FaultInjected { kind, detail, .. } if detail.is_empty() => Some(kind.clone()),
        What::FaultInjected { detail, .. } => Some(detail.clone()),
        _ => None,
    }
}

fn mark(event: &Event) -> Option<Mark> {
    let (class, label) = match event.what {
        What::NodeCrashed => ("crash", both("nó caiu", "node crashed")),
        What::NodeStarted => ("up", both("nó iniciou", "node started")),
        What::FaultsOver => ("up", both("fim das falhas", "faults over")),
        _ => return None,
    };
    Some(Mark {
        at: event.at,
        class,
        label,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::history;
    use super::*;

    #[test]
    fn faults_restarts_errors_and_latencies_are_shown_and_dynamic_children_are_not_named() {
        let shown = Points::of(&history());
        let on = |lane| {
            shown
                .points
                .iter()
                .filter(move |point| point.lane == lane)
                .count()
        };
        assert_eq!((on(Lane::Faults), on(Lane::Restarts)), (2, 2));
        assert_eq!(on(Lane::Errors), 14);
        assert_eq!(shown.latencies.len(), 59);
        assert_eq!(shown.marks.len(), 3);
        let first = &shown.points[0];
        assert_eq!(first.label, "panic plantao/records/sessions/*");
    }

    #[test]
    fn a_lane_that_is_too_full_says_how_many_it_leaves_out() {
        let many = (0..POINTS_MAX + 7).map(|_| {
            let outcome = "timeout".to_owned();
            (Duration::ZERO, What::CallEnded { call: 1, outcome })
        });
        let shown = Points::of(&many.collect());
        assert_eq!((shown.points.len(), shown.left_out), (POINTS_MAX, 7));
    }
}
