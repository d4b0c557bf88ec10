//! Scripts in which this crate once did something else than OTP, made as small as they go.

use crate::beam::{Beam, PLAYS_ALONE, Rhythm};
use crate::compare::compare;
use crate::examples::{named, supervisor, worker};
use crate::model::*;
use crate::runner;

/// The scripts that still or again differ, and how.
pub(crate) fn differing() -> Vec<String> {
    let mut beam = Beam::start("regressions");
    let mut found = Vec::new();
    for (name, script) in scripts() {
        let here = runner::play(&script);
        let mut verdict = Ok(());
        for play in 0..PLAYS_ALONE {
            let otp = beam.play(std::slice::from_ref(&script), Rhythm::alone(play));
            verdict = compare(&script, &otp[0], &here).map(|_| ());
            if verdict.is_ok() {
                break;
            }
        }
        found.extend(verdict.err().map(|why| format!("{name}: {why}")));
    }
    found
}

fn scripts() -> Vec<(&'static str, Script)> {
    let (at, below) = (|path: &str| path.to_owned(), Strategy::OneForOne);
    let pair = || vec![worker("a"), worker("b")];
    let temporary = || Child {
        restart: Restart::Temporary,
        ..worker("b")
    };
    // A child that a code change brings is down.
    let with_temporary = |strategy| {
        let children = vec![worker("a"), temporary()];
        Step::CodeChange(at(ROOT), supervisor(strategy, children))
    };
    let alone = || supervisor(below, vec![worker("a")]);
    let ward = |children| named("s", Body::Supervisor(supervisor(below, children)));
    let wards = || named("h", Body::Supervisor(supervisor(below, vec![ward(pair())])));
    let empty = Step::CodeChange(at("root/h/s"), supervisor(below, Vec::new()));
    let again = Step::CodeChange(at(ROOT), supervisor(below, vec![wards()]));
    let script = |root, steps: Vec<Step>| Script {
        root,
        steps: steps.into_iter().chain([Step::Shutdown]).collect(),
    };
    let kill = || Step::KillSupervisor(at("root/h"));
    vec![
        (
            "a first start that is ignored is not tried again",
            script(supervisor(below, vec![ignoring("a")]), Vec::new()),
        ),
        (
            "a supervisor whose time to stop is over leaves as killed",
            script(supervisor(below, vec![hurried()]), Vec::new()),
        ),
        (
            "a temporary child that is down is forgotten when it is terminated",
            script(
                alone(),
                vec![
                    with_temporary(below),
                    Step::TerminateChild(at(ROOT), at("b")),
                ],
            ),
        ),
        (
            "a temporary child whose start by request fails stays",
            script(
                alone(),
                vec![
                    with_temporary(below),
                    Step::Plan(at("root/b"), vec![Outcome::Error, Outcome::Ignore]),
                    Step::RestartChild(at(ROOT), at("b")),
                    Step::RestartChild(at(ROOT), at("b")),
                ],
            ),
        ),
        (
            "a temporary child that is down is not started with its group",
            script(
                alone(),
                vec![
                    with_temporary(Strategy::RestForOne),
                    Step::Exit(at("root/a"), Leave::Error),
                ],
            ),
        ),
        (
            "a nested supervisor is reached after a code change above it",
            script(supervisor(below, vec![wards()]), vec![again.clone()]),
        ),
        (
            "a code change outlives the supervisor above",
            script(
                supervisor(below, vec![wards()]),
                vec![empty.clone(), kill()],
            ),
        ),
        (
            "a code change outlives the supervisor above, which was changed before",
            script(
                supervisor(below, vec![wards()]),
                vec![again.clone(), empty.clone(), kill()],
            ),
        ),
        (
            "a code change takes the place of one that was made below it before",
            script(supervisor(below, vec![wards()]), vec![empty, again, kill()]),
        ),
        (
            "a child leaves while another hangs in its restart",
            script(
                supervisor(below, vec![worker("a"), refusing("b")]),
                vec![
                    Step::During(
                        at("root/a"),
                        Leave::Normal,
                        Box::new(Step::Exit(at("root/b"), Leave::Normal)),
                    ),
                    Step::CodeChange(at(ROOT), supervisor(Strategy::RestForOne, Vec::new())),
                ],
            ),
        ),
        (
            "a child that is restarting is present and not started",
            script(
                supervisor(below, pair()),
                vec![Step::During(
                    at("root/a"),
                    Leave::Error,
                    Box::new(Step::StartChild(at(ROOT), worker("a"))),
                )],
            ),
        ),
    ]
}

fn ignoring(id: &str) -> Child {
    named(id, Body::Worker(Manner::Obey, vec![Outcome::Ignore]))
}

/// It comes up, and then fails once to come back.
fn refusing(id: &str) -> Child {
    let plan = vec![Outcome::Ok, Outcome::Error];
    named(id, Body::Worker(Manner::Obey, plan))
}

/// A supervisor that is given less time than its child takes.
fn hurried() -> Child {
    let slow = Child {
        shutdown: Shutdown::Timeout { ms: LONG_MS },
        ..named("a", Body::Worker(Manner::Hang, Vec::new()))
    };
    let body = Body::Supervisor(supervisor(Strategy::OneForOne, vec![slow]));
    Child {
        shutdown: Shutdown::Timeout {
            ms: SUPERVISOR_SHORT_MS,
        },
        ..named("s", body)
    }
}
