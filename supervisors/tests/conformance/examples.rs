//! A script for every divergence, in which it is seen: a row that is no longer true is a stale
//! one.

use crate::beam::{Beam, PLAYS_ALONE, Rhythm};
use crate::compare::compare;
use crate::divergences::{Divergence, TABLE};
use crate::model::*;
use crate::runner;
use crate::trace::{Event, Trace};

/// The rows that their scripts do not show.
pub(crate) fn unseen() -> Vec<Divergence> {
    let mut beam = Beam::start("examples");
    let mut unseen = Vec::new();
    for divergence in TABLE.iter().map(|row| row.divergence) {
        let Some(script) = example(divergence) else {
            continue;
        };
        let mut plays = (0..PLAYS_ALONE).map(Rhythm::alone);
        if !plays.any(|rhythm| is_seen(&mut beam, divergence, &script, rhythm)) {
            unseen.push(divergence);
        }
    }
    unseen
}

fn is_seen(beam: &mut Beam, divergence: Divergence, script: &Script, rhythm: Rhythm) -> bool {
    let otp = beam.play(std::slice::from_ref(script), rhythm).remove(0);
    let here = runner::play(script);
    let answers = |trace: &Trace, place: usize| trace[place].answer.clone();
    match divergence {
        // The comparison would not let these pass.
        Divergence::AnswersWhileStarting => {
            answers(&otp, 1) == "ok" && answers(&here, 1) == "restarting"
        }
        Divergence::ValidatedAtOnce => {
            let started = Event::Start {
                path: "root/a".to_owned(),
                number: 1,
                detail: "ok".to_owned(),
            };
            let alike = answers(&otp, 0) == "bad_spec" && answers(&here, 0) == "bad_spec";
            alike && otp[0].events.contains(&started) && here[0].events.is_empty()
        }
        known => compare(script, &otp, &here).is_ok_and(|found| found.contains(&known)),
    }
}

fn example(divergence: Divergence) -> Option<Script> {
    use Strategy::{OneForAll, OneForOne};
    let pair = || vec![worker("a"), worker("b")];
    let dynamic = || vec![named("d", Body::Dynamic(sessions()))];
    let (below, started) = (
        |id: &str| join("root/d", id),
        |plan| start_dynamic("x", plan),
    );
    let (root, steps) = match divergence {
        Divergence::KilledSupervisor => {
            let ward = named("s", Body::Supervisor(supervisor(OneForOne, pair())));
            let steps = vec![Step::KillSupervisor("root/s".to_owned())];
            (supervisor(OneForOne, vec![ward]), steps)
        }
        Divergence::AnswersWhileStarting => {
            let delete = Step::DeleteChild(ROOT.to_owned(), "b".to_owned());
            let during = Step::During("root/a".to_owned(), Leave::Error, Box::new(delete));
            (supervisor(OneForAll, pair()), vec![during])
        }
        Divergence::IgnoredDynamicRestart => {
            let plan = vec![Outcome::Ok, Outcome::Ignore];
            let steps = vec![started(plan), Step::Exit(below("x"), Leave::Error)];
            (supervisor(OneForOne, dynamic()), steps)
        }
        Divergence::ActiveDynamicChildren => {
            let during = Box::new(terminate_dynamic("x"));
            let during = Step::During(below("x"), Leave::Error, during);
            let steps = vec![started(Vec::new()), during];
            (supervisor(OneForOne, dynamic()), steps)
        }
        Divergence::DynamicSpecs => {
            let steps = vec![started(Vec::new()), start_dynamic("y", Vec::new())];
            (supervisor(OneForOne, dynamic()), steps)
        }
        Divergence::TerminateGoneDynamic => {
            let steps = vec![
                started(Vec::new()),
                terminate_dynamic("x"),
                terminate_dynamic("x"),
            ];
            (supervisor(OneForOne, dynamic()), steps)
        }
        Divergence::StartOrder => (supervisor(OneForOne, pair()), Vec::new()),
        Divergence::RefusedAtOnce => {
            let (path, id) = ("root/d".to_owned(), "x".to_owned());
            let down = Step::TerminateChild(ROOT.to_owned(), "d".to_owned());
            let steps = vec![down, Step::RestartChild(path, id)];
            (supervisor(OneForOne, dynamic()), steps)
        }
        Divergence::ValidatedAtOnce => {
            let twice = supervisor(OneForOne, vec![worker("b"), worker("b")]);
            let children = vec![worker("a"), named("s", Body::Supervisor(twice))];
            (supervisor(OneForOne, children), Vec::new())
        }
        // What OTP does hangs on the moment at which a second begins.
        Divergence::ExactWindow => return None,
    };
    let steps = steps.into_iter().chain([Step::Shutdown]).collect();
    Some(Script { root, steps })
}

pub(crate) fn supervisor(strategy: Strategy, children: Vec<Child>) -> Supervisor {
    Supervisor {
        strategy,
        limit: limit(),
        auto_shutdown: AutoShutdown::Never,
        children,
    }
}

fn sessions() -> Dynamic {
    Dynamic {
        limit: limit(),
        auto_shutdown: AutoShutdown::Never,
        template: Box::new(worker("any")),
    }
}

fn limit() -> Limit {
    Limit {
        restarts: LARGE,
        period_s: LONG_PERIOD_S,
    }
}

pub(crate) fn worker(id: &str) -> Child {
    named(id, Body::Worker(Manner::Obey, Vec::new()))
}

pub(crate) fn named(id: &str, body: Body) -> Child {
    Child {
        id: id.to_owned(),
        restart: Restart::Permanent,
        shutdown: Shutdown::Infinity,
        significant: false,
        body,
    }
}

fn start_dynamic(id: &str, plan: Vec<Outcome>) -> Step {
    Step::StartDynamic("root/d".to_owned(), id.to_owned(), plan)
}

fn terminate_dynamic(id: &str) -> Step {
    Step::TerminateChild("root/d".to_owned(), id.to_owned())
}
