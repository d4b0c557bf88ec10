//! A script's specifications in the types of the crate.

use plantao_supervisors::{self as supervisors, ChildSpec, DynamicSpec, Intensity};
use std::time::Duration;

use crate::board::{Board, Subject};
use crate::model::*;

/// More dynamic children than any script starts: OTP has no limit.
const DYNAMIC_CHILDREN_MAX: usize = 1000;

/// The specification of the supervisor at `path`.
pub(crate) fn supervisor(
    board: &Board,
    path: &str,
    supervisor: &Supervisor,
) -> supervisors::SupervisorSpec {
    let spec = supervisors::SupervisorSpec::new(
        strategy(supervisor.strategy),
        intensity(supervisor.limit),
    );
    let spec = spec.auto_shutdown(auto_shutdown(supervisor.auto_shutdown));
    let children = supervisor.children.iter();
    children.fold(spec, |spec, one| spec.child(child(board, path, one)))
}

/// The specification of a child of the supervisor at `path`.
pub(crate) fn child(board: &Board, path: &str, child: &Child) -> ChildSpec {
    let below = join(path, &child.id);
    let spec = match &child.body {
        Body::Worker(manner, _) => {
            let (handle, manner, board) = (board.handle(&below), *manner, board.clone());
            let factory = move || {
                let (path, board) = (below.clone(), board.clone());
                (
                    Subject {
                        path,
                        manner,
                        board,
                    },
                    (),
                )
            };
            ChildSpec::worker(&*child.id, &handle, factory)
                .start_timeout(Duration::from_millis(START_TIMEOUT_MS))
        }
        Body::Supervisor(spec) => {
            ChildSpec::supervisor(&*child.id, supervisor(board, &below, spec))
        }
        Body::Dynamic(dynamic) => {
            let spec = DynamicSpec::new(intensity(dynamic.limit), DYNAMIC_CHILDREN_MAX)
                .auto_shutdown(auto_shutdown(dynamic.auto_shutdown));
            ChildSpec::dynamic(&*child.id, &board.dynamic(&below), spec)
        }
    };
    spec.restart(restart(child.restart))
        .shutdown(shutdown(child.shutdown))
        .significant(child.significant)
}

/// What the first starts of all workers in `body`, which is at `path`, do.
pub(crate) fn plan(board: &Board, path: &str, body: &Body) {
    match body {
        Body::Worker(_, outcomes) => board.plan(path, outcomes),
        Body::Supervisor(supervisor) => {
            for child in &supervisor.children {
                plan(board, &join(path, &child.id), &child.body);
            }
        }
        Body::Dynamic(_) => {}
    }
}

fn strategy(strategy: Strategy) -> supervisors::Strategy {
    match strategy {
        Strategy::OneForOne => supervisors::Strategy::OneForOne,
        Strategy::OneForAll => supervisors::Strategy::OneForAll,
        Strategy::RestForOne => supervisors::Strategy::RestForOne,
    }
}

fn intensity(limit: Limit) -> Intensity {
    Intensity::new(limit.restarts, Duration::from_secs(limit.period_s.into()))
}

fn auto_shutdown(auto: AutoShutdown) -> supervisors::AutoShutdown {
    match auto {
        AutoShutdown::Never => supervisors::AutoShutdown::Never,
        AutoShutdown::AnySignificant => supervisors::AutoShutdown::AnySignificant,
        AutoShutdown::AllSignificant => supervisors::AutoShutdown::AllSignificant,
    }
}

fn restart(restart: Restart) -> supervisors::Restart {
    match restart {
        Restart::Permanent => supervisors::Restart::Permanent,
        Restart::Transient => supervisors::Restart::Transient,
        Restart::Temporary => supervisors::Restart::Temporary,
    }
}

fn shutdown(shutdown: Shutdown) -> supervisors::Shutdown {
    match shutdown {
        Shutdown::BrutalKill => supervisors::Shutdown::BrutalKill,
        Shutdown::Infinity => supervisors::Shutdown::Infinity,
        Shutdown::Timeout { ms } => {
            supervisors::Shutdown::Timeout(Duration::from_millis(ms.into()))
        }
    }
}
