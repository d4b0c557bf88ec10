//! A script: a supervision tree and what is done to it, said so that both OTP and this crate can
//! play it.
//!
//! Nothing here depends on either side. Times are chosen far enough apart that no outcome hangs
//! on a few milliseconds.

use std::collections::{BTreeMap, BTreeSet};

/// Path of every script's root supervisor.
pub(crate) const ROOT: &str = "root";
/// A start that is told to hang is given up after this long, on both sides.
pub(crate) const START_TIMEOUT_MS: u64 = 15;
/// How long a slow stop takes.
pub(crate) const SLOW_MS: u64 = 5;
/// Time to stop that a child which hangs overruns.
pub(crate) const SHORT_MS: u32 = 40;
/// Time to stop that a child which obeys never needs, short enough to wait for one that hangs.
pub(crate) const LONG_MS: u32 = 400;
/// Time to stop of a supervisor: one child of its may overrun `SHORT_MS`, two may, three may not.
pub(crate) const SUPERVISOR_SHORT_MS: u32 = 106;
/// More restarts than any script has.
pub(crate) const LARGE: u32 = 1000;
/// The period of a window that never closes while a script runs.
pub(crate) const LONG_PERIOD_S: u32 = 3600;
/// The period of a window that closes between two steps.
pub(crate) const SHORT_PERIOD_S: u32 = 1;
/// Closes a window of `SHORT_PERIOD_S` on both sides: OTP counts in whole seconds.
pub(crate) const BETWEEN_STEPS_MS: u32 = 2200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    OneForOne,
    OneForAll,
    RestForOne,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    Permanent,
    Transient,
    Temporary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shutdown {
    BrutalKill,
    Timeout { ms: u32 },
    Infinity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AutoShutdown {
    Never,
    AnySignificant,
    AllSignificant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) restarts: u32,
    pub(crate) period_s: u32,
}

/// What a worker does when its supervisor tells it to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Obey,
    /// Ends with an error instead.
    Fail,
    /// Takes `SLOW_MS`.
    Slow,
    /// Never stops by itself.
    Hang,
}

/// What one start of a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Ignore,
    Error,
    Crash,
    /// Does not come up until `START_TIMEOUT_MS` are over.
    Hang,
}

/// Why a worker leaves by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    Normal,
    Shutdown,
    /// `{shutdown, why}`.
    ShutdownWith,
    Error,
    Crash,
    /// It does not leave, it is killed.
    Kill,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) id: String,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    pub(crate) body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// How it stops, and what its first starts do; later ones succeed.
    Worker(Manner, Vec<Outcome>),
    Supervisor(Supervisor),
    Dynamic(Dynamic),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Supervisor {
    pub(crate) strategy: Strategy,
    pub(crate) limit: Limit,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) children: Vec<Child>,
}

/// A supervisor whose children all are as one template says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dynamic {
    pub(crate) limit: Limit,
    pub(crate) auto_shutdown: AutoShutdown,
    /// Its id means nothing.
    pub(crate) template: Box<Child>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// What the next starts of a worker do.
    Plan(String, Vec<Outcome>),
    Exit(String, Leave),
    KillSupervisor(String),
    StartChild(String, Child),
    /// A child of a dynamic supervisor: its id, and what its first starts do.
    StartDynamic(String, String, Vec<Outcome>),
    TerminateChild(String, String),
    RestartChild(String, String),
    DeleteChild(String, String),
    ChildSpec(String, String),
    WhichChildren(String),
    CountChildren(String),
    CodeChange(String, Supervisor),
    /// The step is taken while the restart that follows the exit hangs.
    During(String, Leave, Box<Step>),
    Wait {
        ms: u32,
    },
    Shutdown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) root: Supervisor,
    pub(crate) steps: Vec<Step>,
}

impl Body {
    /// Whether this or something below it is as `wanted`.
    pub(crate) fn any(&self, wanted: &impl Fn(&Self) -> bool) -> bool {
        let mut below = match self {
            Self::Supervisor(supervisor) => supervisor.children.iter(),
            Self::Worker(..) | Self::Dynamic(_) => [].iter(),
        };
        wanted(self) || below.any(|child| child.body.any(wanted))
    }
}

impl Script {
    /// What is at every path that the script ever names in a specification.
    pub(crate) fn bodies(&self) -> BTreeMap<String, Body> {
        let mut bodies = BTreeMap::new();
        collect(ROOT, &Body::Supervisor(self.root.clone()), &mut bodies);
        for step in &self.steps {
            step.collect(&mut bodies);
        }
        bodies
    }

    /// Every specification that a fixed supervisor ever has, by path.
    pub(crate) fn supervisors(&self) -> Vec<(String, Supervisor)> {
        self.supervisors_after(self.steps.len())
    }

    /// Those that it has had after the first `steps`.
    fn supervisors_after(&self, steps: usize) -> Vec<(String, Supervisor)> {
        let (bodies, mut found) = (self.bodies(), Vec::new());
        collect_supervisors(ROOT, &Body::Supervisor(self.root.clone()), &mut found);
        for step in self.steps.iter().take(steps) {
            step.collect_supervisors(&bodies, &mut found);
        }
        found
    }

    /// Paths of supervisors that restart children as a group, whichever of the specifications
    /// that they have had after the first `steps` they run under.
    pub(crate) fn groups_after(&self, steps: usize) -> BTreeSet<String> {
        let all = self.supervisors_after(steps);
        let (alone, groups): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|(_, supervisor)| supervisor.strategy == Strategy::OneForOne);
        let alone: BTreeSet<String> = alone.into_iter().map(|(path, _)| path).collect();
        let groups = groups.into_iter().map(|(path, _)| path);
        groups.filter(|path| !alone.contains(path)).collect()
    }

    /// Paths of dynamic supervisors.
    pub(crate) fn dynamics(&self) -> BTreeSet<String> {
        let bodies = self.bodies().into_iter();
        bodies
            .filter(|(_, body)| matches!(body, Body::Dynamic(_)))
            .map(|(path, _)| path)
            .collect()
    }
}

/// Adds the fixed supervisors at `path` and below it.
fn collect_supervisors(path: &str, body: &Body, found: &mut Vec<(String, Supervisor)>) {
    let Body::Supervisor(supervisor) = body else {
        return;
    };
    found.push((path.to_owned(), supervisor.clone()));
    for child in &supervisor.children {
        collect_supervisors(&join(path, &child.id), &child.body, found);
    }
}

impl Step {
    /// The same for what the step brings in; `bodies` is what there is by then.
    fn collect_supervisors(
        &self,
        bodies: &BTreeMap<String, Body>,
        found: &mut Vec<(String, Supervisor)>,
    ) {
        match self {
            Self::StartChild(path, child) => {
                collect_supervisors(&join(path, &child.id), &child.body, found);
            }
            Self::CodeChange(path, new) => {
                collect_supervisors(path, &Body::Supervisor(new.clone()), found);
            }
            Self::StartDynamic(path, id, _) => {
                if let Some(body) = bodies.get(&join(path, id)) {
                    collect_supervisors(&join(path, id), body, found);
                }
            }
            Self::During(_, _, step) => step.collect_supervisors(bodies, found),
            _ => {}
        }
    }

    /// The supervisor that the step asks for something.
    pub(crate) fn asks(&self) -> Option<&str> {
        match self {
            Self::StartChild(path, _)
            | Self::StartDynamic(path, _, _)
            | Self::TerminateChild(path, _)
            | Self::RestartChild(path, _)
            | Self::DeleteChild(path, _)
            | Self::ChildSpec(path, _)
            | Self::WhichChildren(path)
            | Self::CountChildren(path)
            | Self::CodeChange(path, _) => Some(path),
            _ => None,
        }
    }

    /// Adds what the step brings into the tree.
    pub(crate) fn collect(&self, bodies: &mut BTreeMap<String, Body>) {
        match self {
            Self::StartChild(path, child) => {
                collect(&join(path, &child.id), &child.body, bodies);
            }
            Self::StartDynamic(path, id, _) => {
                let template = match bodies.get(path) {
                    Some(Body::Dynamic(dynamic)) => dynamic.template.body.clone(),
                    _ => return,
                };
                collect(&join(path, id), &template, bodies);
            }
            Self::CodeChange(path, supervisor) => {
                collect(path, &Body::Supervisor(supervisor.clone()), bodies);
            }
            Self::During(_, _, step) => step.collect(bodies),
            _ => {}
        }
    }
}

/// Everything at `path` and below it. What is there already stays: a refused start changes
/// nothing.
fn collect(path: &str, body: &Body, bodies: &mut BTreeMap<String, Body>) {
    bodies
        .entry(path.to_owned())
        .or_insert_with(|| body.clone());
    if let Body::Supervisor(supervisor) = body {
        for child in &supervisor.children {
            collect(&join(path, &child.id), &child.body, bodies);
        }
    }
}

pub(crate) fn join(path: &str, id: &str) -> String {
    format!("{path}/{id}")
}

/// The path above, and the id.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Whether `path` is somewhere below `above`.
pub(crate) fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.starts_with('/'))
}
