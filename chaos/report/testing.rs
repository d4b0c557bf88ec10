//! A report to test with: one schedule that held and one that did not.

use super::{LeftOut, Report, ScheduleResult};
use crate::checkers::{Rare, Sometimes, Violation};
use crate::history::{Change, History, Lifecycle, Reason, Request, RequestEnd, Status, What};
use crate::invariant::Invariant;
use std::time::Duration;

fn request(request: u64) -> What {
    What::RequestBegan(Request {
        request,
        principal: "ana.sousa".to_owned(),
        action: "read".to_owned(),
        resource: "observation".to_owned(),
        patient: Some("maria-silva".to_owned()),
    })
}

fn answer(request: u64, status: Status) -> What {
    What::RequestEnded(RequestEnd {
        request,
        status,
        data_out: status == Status::Answered,
        receipt: None,
        permit: None,
    })
}

fn change(path: &str, change: Change, reason: Option<Reason>) -> What {
    What::Lifecycle(Lifecycle {
        path: path.to_owned(),
        change,
        reason,
    })
}

fn fault(kind: &str, target: Option<&str>) -> What {
    What::FaultInjected {
        kind: kind.to_owned(),
        target: target.map(str::to_owned),
        detail: "one < two & \"three\"".to_owned(),
    }
}

/// A day with everything that a timeline shows.
pub(super) fn history() -> History {
    let session = "plantao/records/sessions/maria-silva";
    let mut events = vec![
        (10, request(1)),
        (14, answer(1, Status::Answered)),
        (3000, fault("panic", Some(session))),
        (3000, change(session, Change::Exited, Some(Reason::Panic))),
        (3001, change(session, Change::Restarting, None)),
        (3002, change(session, Change::Started, None)),
        (5000, fault("store_outage", None)),
    ];
    for number in 2..60 {
        let at = number * 300;
        let (status, took) = match at {
            5000..9000 => (Status::Unavailable, 1 + number % 7),
            _ => (Status::Answered, 2 + number * number % 190),
        };
        events.push((at, request(number)));
        events.push((at + took, answer(number, status)));
    }
    events.push((
        9100,
        change("plantao/storage", Change::GaveUp, Some(Reason::Error)),
    ));
    events.push((12_000, What::NodeCrashed));
    events.push((13_000, What::NodeStarted));
    events.push((18_000, What::FaultsOver));
    events.push((18_400, What::Served { ok: true }));
    events.sort_by_key(|(at, _)| *at);
    let timed = events.into_iter();
    timed
        .map(|(ms, what)| (Duration::from_millis(ms), what))
        .collect()
}

pub(super) fn report() -> Report {
    let mut sometimes = Sometimes::default();
    sometimes.mark(Rare::LostReply);
    let history = history();
    let violation = |ms, seq, what: &str| Violation {
        invariant: Invariant::NoOverlap,
        at: Duration::from_millis(ms),
        seq,
        what: what.to_owned(),
    };
    let held = ScheduleResult {
        seed: 1,
        hash: "aa".repeat(32),
        virtual_ms: 30_000,
        faults: vec!["@3000 kill plantao/trust/policy".to_owned()],
        ..ScheduleResult::default()
    };
    let failed = ScheduleResult {
        seed: u64::MAX,
        hash: history.hash(),
        violations: vec![
            violation(
                3002,
                6,
                "`plantao/records/sessions/*` was started while it was up",
            ),
            violation(9100, 40, "again, with \"quotes\" & <marks>\u{1}"),
        ],
        faults: vec!["@3000 panic plantao/records/sessions/*".to_owned()],
        virtual_ms: 20_000,
        again: "plantao-chaos replay --seed 0xffffffffffffffff".to_owned(),
        history: Some(history),
    };
    Report {
        title: "One night & <more>".to_owned(),
        seeds: (1, u64::MAX),
        invariants: vec![Invariant::NoOverlap, Invariant::Recovers],
        schedules: vec![held, failed],
        left_out: LeftOut::default(),
        sometimes,
        coverage: "child   kill  panic\npolicy     1      0\n".to_owned(),
    }
}
