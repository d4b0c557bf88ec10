//! What is asked ends in time, and no more is asked at once than a handle lets in.

use super::{Findings, Tree};
use crate::history::{Event, History, Request, What};
use std::collections::BTreeMap;
use std::time::Duration;

/// Deadlines are kept by a timer of whole milliseconds, which rounds up.
const TIMER_STEP: Duration = Duration::from_millis(1);

/// Every call ends by its deadline, with an answer or a typed error, and every request ends.
pub(super) fn ended(history: &History, _tree: &Tree, findings: &mut Findings) {
    let mut open = Open::default();
    for event in history.events() {
        match &event.what {
            What::CallBegan {
                call,
                actor,
                deadline_ms,
            } => {
                let limit = Duration::from_millis(*deadline_ms).saturating_add(TIMER_STEP);
                let until = event.at.saturating_add(limit);
                open.calls.insert(
                    *call,
                    Call {
                        began: event,
                        actor,
                        until,
                    },
                );
            }
            What::CallEnded { call, outcome } => match open.calls.remove(call) {
                None => findings.at(event, format!("call {call} ended and was not under way")),
                Some(began) => {
                    if let Some(what) = began.defect(*call, event, outcome) {
                        findings.at(event, what);
                    }
                }
            },
            What::RequestBegan(request) => {
                open.requests.insert(request.request, (event, request));
            }
            What::RequestEnded(end) if open.requests.remove(&end.request).is_none() => {
                let number = end.request;
                findings.at(
                    event,
                    format!("request {number} ended and was not under way"),
                );
            }
            // Who called lived on the node. Who asked over a connection hears that it broke.
            What::NodeCrashed => open.calls.clear(),
            _ => {}
        }
    }
    open.tell(history.lasted(), findings);
}

/// What was asked and has not ended.
#[derive(Default)]
struct Open<'a> {
    calls: BTreeMap<u64, Call<'a>>,
    requests: BTreeMap<u64, (&'a Event, &'a Request)>,
}

struct Call<'a> {
    began: &'a Event,
    actor: &'a str,
    until: Duration,
}

impl Open<'_> {
    /// What is still open when all is over will not end any more.
    fn tell(self, over: Duration, findings: &mut Findings) {
        for (number, call) in self.calls {
            if call.until < over {
                let what = format!("call {number} to `{}` never ended", call.actor);
                findings.at(call.began, what);
            }
        }
        for (number, (began, request)) in self.requests {
            let what = format!(
                "request {number} to `{}` was never answered",
                request.action
            );
            findings.at(began, what);
        }
    }
}

impl Call<'_> {
    /// Why the end of the call is none, if so.
    fn defect(&self, number: u64, ended: &Event, outcome: &str) -> Option<String> {
        let actor = self.actor;
        if ended.at > self.until {
            let late = ended.at.saturating_sub(self.until);
            return Some(format!(
                "call {number} to `{actor}` ended {late:?} after its deadline"
            ));
        }
        let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        let is_typed = !outcome.is_empty() && outcome.chars().all(is_name);
        (!is_typed).then(|| format!("call {number} to `{actor}` ended without a typed error"))
    }
}

/// No more messages are in flight than a handle lets in.
pub(super) fn bounded(history: &History, _tree: &Tree, findings: &mut Findings) {
    for event in history.events() {
        if let What::Depth(look) = &event.what
            && look.depth > look.limit
        {
            let (actor, depth, limit) = (&look.actor, look.depth, look.limit);
            let what = format!("`{actor}` had {depth} messages in flight; it lets in {limit}");
            findings.at(event, what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{holds, violates};
    use super::*;
    use crate::Invariant::{CallsEnd, QueuesBounded};
    use crate::history::{Depth, RequestEnd, Status};

    fn began(call: u64) -> What {
        let actor = "root/a".to_owned();
        What::CallBegan {
            call,
            actor,
            deadline_ms: 50,
        }
    }

    fn ended(call: u64, outcome: &str) -> What {
        What::CallEnded {
            call,
            outcome: outcome.to_owned(),
        }
    }

    fn asked() -> What {
        What::RequestBegan(Request {
            request: 1,
            principal: "nurse".to_owned(),
            action: "read".to_owned(),
            resource: "observation".to_owned(),
            patient: None,
        })
    }

    fn answered(status: Status) -> What {
        What::RequestEnded(RequestEnd {
            request: 1,
            status,
            data_out: false,
            receipt: None,
            permit: None,
        })
    }

    fn depth(depth: u64) -> What {
        let actor = "root/a".to_owned();
        What::Depth(Depth {
            actor,
            depth,
            limit: 8,
        })
    }

    #[test]
    fn calls_that_end_by_their_deadline_hold_with_an_answer_or_a_typed_error() {
        let events = [
            (0, began(1)),
            (0, began(2)),
            (3, ended(2, "answered")),
            (51, ended(1, "timeout")),
        ];
        holds(CallsEnd, &Tree::new(), events);
    }

    #[test]
    fn a_call_that_ends_late_or_without_a_typed_error_is_found() {
        let late = [(0, began(1)), (52, ended(1, "timeout"))];
        violates(CallsEnd, &Tree::new(), late, "1ms after its deadline");
        for outcome in ["", "it broke"] {
            let untyped = [(0, began(1)), (1, ended(1, outcome))];
            violates(CallsEnd, &Tree::new(), untyped, "without a typed error");
        }
    }

    #[test]
    fn a_call_that_never_ends_is_found_unless_the_run_was_over_before_its_deadline() {
        let never = [(0, began(1)), (99, What::FaultsOver)];
        violates(CallsEnd, &Tree::new(), never, "never ended");
        holds(
            CallsEnd,
            &Tree::new(),
            [(0, began(1)), (40, What::FaultsOver)],
        );
    }

    #[test]
    fn a_call_that_ends_twice_is_found() {
        let events = [
            (0, began(1)),
            (1, ended(1, "answered")),
            (2, ended(1, "answered")),
        ];
        violates(CallsEnd, &Tree::new(), events, "was not under way");
    }

    #[test]
    fn a_crash_of_the_node_ends_its_calls_and_breaks_the_connections_of_requests() {
        let call = [
            (0, began(1)),
            (1, What::NodeCrashed),
            (99, What::NodeStarted),
        ];
        holds(CallsEnd, &Tree::new(), call);
        let asked = [(0, asked()), (1, What::NodeCrashed)];
        violates(CallsEnd, &Tree::new(), asked.clone(), "never answered");
        let broke = asked.into_iter().chain([(1, answered(Status::Lost))]);
        holds(CallsEnd, &Tree::new(), broke);
    }

    #[test]
    fn a_request_ends_with_an_answer_or_with_its_connection_and_not_with_nothing() {
        for status in [Status::Answered, Status::Unavailable, Status::Lost] {
            holds(
                CallsEnd,
                &Tree::new(),
                [(0, asked()), (1, answered(status))],
            );
        }
        violates(CallsEnd, &Tree::new(), [(0, asked())], "never answered");
    }

    #[test]
    fn a_queue_at_its_limit_holds_and_one_beyond_it_is_found() {
        holds(QueuesBounded, &Tree::new(), [(0, depth(0)), (1, depth(8))]);
        violates(
            QueuesBounded,
            &Tree::new(),
            [(1, depth(9))],
            "had 9 messages in flight",
        );
    }
}
