//! How a draft becomes a script: its numbers are looked up among what the script has brought into
//! the tree up to that step.
//!
//! Requests that a supervisor must refuse are left in: refusals are part of what is compared.

use std::collections::BTreeMap;

use crate::draft::{Move, Named};
use crate::model::*;
use crate::valid::{IDS, Repair};

/// An id that no child ever has.
const UNKNOWN_ID: &str = "z";
/// One target in so many is none.
const ODD_ONE: u16 = 12;

/// What is known while a draft is made a script.
pub(crate) struct Desk {
    repair: Repair,
    script: Script,
    bodies: BTreeMap<String, Body>,
    /// Dynamic children that were started.
    serial: u32,
}

impl Desk {
    pub(crate) fn new(short: bool, root: Supervisor) -> Self {
        let repair = Repair { short };
        let script = Script {
            root: repair.supervisor(root),
            steps: Vec::new(),
        };
        let bodies = script.bodies();
        Self {
            repair,
            script,
            bodies,
            serial: 0,
        }
    }

    pub(crate) fn finish(mut self) -> Script {
        self.push(Step::Shutdown);
        self.script
    }

    fn push(&mut self, step: Step) {
        if self.repair.short {
            self.script.steps.push(Step::Wait {
                ms: BETWEEN_STEPS_MS,
            });
        }
        step.collect(&mut self.bodies);
        self.script.steps.push(step);
    }

    pub(crate) fn take(&mut self, one: Move) {
        if let Move::Exit(whom, _, plan) = &one
            && !plan.is_empty()
            && let Some(path) = self.worker(*whom)
        {
            self.script.steps.push(Step::Plan(path, plan.clone()));
        }
        if let Some(step) = self.step(one, None) {
            self.push(step);
        }
    }

    /// `beside`: the worker whose start hangs meanwhile; most requests are to its supervisor.
    fn step(&mut self, one: Move, beside: Option<&str>) -> Option<Step> {
        let at = beside.map(|path| split(path).0);
        Some(match one {
            Move::Plan(whom, plan) => Step::Plan(self.worker(whom)?, plan),
            Move::Exit(whom, leave, _) => Step::Exit(self.worker_below(whom, at)?, leave),
            Move::KillSupervisor(whom) => Step::KillSupervisor(self.killable(whom)?),
            Move::Start(whom, id, child) => {
                let path = self.fixed(whom, at)?;
                let own = beside.filter(|beside| split(beside).0 == path && id.is_multiple_of(2));
                let known = own.map(|beside| split(beside).1.to_owned());
                let child = self.newcomer(&path, id, known, child);
                Step::StartChild(path, child)
            }
            Move::StartDynamic(whom, plan) => {
                let path = pick(self.dynamics(), whom)?;
                self.serial += 1;
                Step::StartDynamic(path, format!("x{}", self.serial), plan)
            }
            Move::Named(what, whom, id) => self.named(what, whom, id, beside)?,
            Move::Which(whom) => Step::WhichChildren(self.fixed(whom, at)?),
            Move::Count(whom) => Step::CountChildren(self.fixed(whom, at)?),
            Move::Change(whom, new) => {
                let path = self.fixed(whom, None)?;
                Step::CodeChange(path.clone(), self.changed(&path, new))
            }
            Move::During(whom, leave, then) => {
                let path = self.hanging(whom)?;
                let then = self.step(*then, Some(&path))?;
                if self.is_unclear(&path, &then) {
                    return None;
                }
                Step::During(path, leave, Box::new(then))
            }
            Move::Shutdown => Step::Shutdown,
        })
    }

    /// Whether a step that is taken while the start of the worker at `path` hangs has an outcome
    /// of its own on each side, OTP's supervisor being deaf meanwhile: see the table of
    /// divergences.
    fn is_unclear(&self, path: &str, then: &Step) -> bool {
        // A supervisor that is told to stop meanwhile waits for such a start there.
        let hangs = match then {
            Step::StartDynamic(_, _, plan) => plan.contains(&Outcome::Hang),
            Step::StartChild(_, child) => child.body.any(
                &|body| matches!(body, Body::Worker(_, plan) if plan.contains(&Outcome::Hang)),
            ),
            _ => false,
        };
        let ends = match then {
            Step::Shutdown => true,
            Step::KillSupervisor(_) => true,
            Step::TerminateChild(above, id) => is_below(path, &join(above, id)),
            _ => false,
        };
        // What ends slowly may go on with its restart here and not there, or the reverse.
        let is_slow = |body: &Body| matches!(body, Body::Worker(Manner::Slow | Manner::Hang, _));
        let slow = self.bodies.values().any(is_slow);
        // Nor is a supervisor that comes up again told of as failed when it is called off.
        if hangs || ends && (slow || !self.is_steady(split(path).0, true)) {
            return true;
        }
        let asked = match then {
            Step::KillSupervisor(path) => split(path).0,
            then => then.asks().unwrap_or_default(),
        };
        let reads = matches!(then, Step::WhichChildren(_) | Step::CountChildren(_));
        is_below(path, asked) && !self.is_steady(asked, reads)
    }

    /// Whether the supervisor at `path` neither ends by itself, to come up again with its
    /// children as a group, nor, unless `even_groups`, restarts them as one.
    fn is_steady(&self, path: &str, even_groups: bool) -> bool {
        let all = self.script.supervisors();
        let mut own = all.iter().filter(|(at, _)| at == path);
        own.all(|(_, supervisor)| {
            let alone = even_groups || supervisor.strategy == Strategy::OneForOne;
            let stays = supervisor.auto_shutdown == AutoShutdown::Never;
            alone && stays && supervisor.limit.restarts == LARGE
        })
    }

    /// A worker whose start is to hang; mostly one whose supervisor can be asked things then.
    fn hanging(&self, whom: u16) -> Option<String> {
        let mut workers = self.workers();
        if !whom.is_multiple_of(8) {
            let steady = |path: &String| self.is_steady(split(path).0, false);
            let near: Vec<String> = workers
                .iter()
                .filter(|path| steady(path))
                .cloned()
                .collect();
            workers = if near.is_empty() { workers } else { near };
        }
        pick(workers, whom)
    }

    fn named(&self, what: Named, whom: u16, id: u16, beside: Option<&str>) -> Option<Step> {
        let path = match beside {
            Some(beside) if !whom.is_multiple_of(4) => split(beside).0.to_owned(),
            _ => pick(self.supervisors(), whom)?,
        };
        let below = self.bodies.keys().filter(|child| split(child).0 == path);
        let ids = below.map(|child| split(child).1.to_owned()).collect();
        let odd = id % ODD_ONE == ODD_ONE - 1;
        let known = match beside {
            Some(beside) if id.is_multiple_of(2) && split(beside).0 == path => {
                Some(split(beside).1.into())
            }
            _ if odd => None,
            _ => pick(ids, id),
        };
        let id = known.unwrap_or_else(|| UNKNOWN_ID.to_owned());
        let is_dynamic = matches!(self.bodies.get(&path), Some(Body::Dynamic(_)));
        match what {
            Named::Terminate => Some(Step::TerminateChild(path, id)),
            Named::Restart => Some(Step::RestartChild(path, id)),
            Named::Delete => Some(Step::DeleteChild(path, id)),
            Named::Spec if is_dynamic => None,
            Named::Spec => Some(Step::ChildSpec(path, id)),
        }
    }

    /// A child for `start_child`, which may well be there already, as one of the `known` id is,
    /// or not be allowed.
    fn newcomer(&self, path: &str, id: u16, known: Option<String>, child: Child) -> Child {
        let invalid = id % ODD_ONE == ODD_ONE - 1;
        let auto = match self.bodies.get(path) {
            Some(Body::Supervisor(supervisor)) => supervisor.auto_shutdown,
            _ => AutoShutdown::Never,
        };
        let drawn = IDS.get(usize::from(id) % IDS.len()).copied();
        let id = known.as_deref().or(drawn).unwrap_or(UNKNOWN_ID);
        let child = self.repair.named_child(id, child, auto);
        let significant = child.significant || invalid;
        // What is at a path stays of its kind, so that the script knows what it is.
        let body = match self.bodies.get(&join(path, id)) {
            Some(known) => known.clone(),
            None => child.body,
        };
        let shutdown = self.repair.late_patience(path, child.shutdown, &body);
        Child {
            significant,
            shutdown,
            body,
            ..child
        }
    }

    /// Other flags and children for the supervisor at `path`.
    fn changed(&self, path: &str, new: Supervisor) -> Supervisor {
        let mut new = self.repair.supervisor(new);
        // Other ids than those of a fresh list, so that children are left out and others come.
        let skip = usize::from(new.limit.restarts % 3 == 1);
        for (place, child) in new.children.iter_mut().enumerate() {
            IDS.get(place + skip)
                .copied()
                .unwrap_or(UNKNOWN_ID)
                .clone_into(&mut child.id);
            if let Some(known) = self.bodies.get(&join(path, &child.id)) {
                child.body = known.clone();
            }
            child.shutdown = self.repair.late_patience(path, child.shutdown, &child.body);
        }
        if new.limit.restarts == 2
            && let Some(first) = new.children.first().cloned()
        {
            new.children.push(first);
        }
        new
    }

    /// The first worker below `at`, if there is one, or any.
    fn worker_below(&self, whom: u16, at: Option<&str>) -> Option<String> {
        let near: Vec<String> = self.workers().into_iter().collect();
        let near = near
            .into_iter()
            .filter(|path| at.is_some_and(|at| split(path).0 == at));
        pick(near.collect(), whom).or_else(|| self.worker(whom))
    }

    fn worker(&self, whom: u16) -> Option<String> {
        pick(self.workers(), whom)
    }

    fn workers(&self) -> Vec<String> {
        self.paths(|body| matches!(body, Body::Worker(..)))
    }

    fn dynamics(&self) -> Vec<String> {
        self.paths(|body| matches!(body, Body::Dynamic(_)))
    }

    fn supervisors(&self) -> Vec<String> {
        self.paths(|body| !matches!(body, Body::Worker(..)))
    }

    /// A fixed supervisor whose code is its own: those that come from a template share theirs.
    fn fixed(&self, whom: u16, at: Option<&str>) -> Option<String> {
        let paths = self.paths(|body| matches!(body, Body::Supervisor(_)));
        let own = |path: &String| !self.is_from_template(path);
        match at {
            Some(at) if !whom.is_multiple_of(4) && paths.iter().any(|path| path == at) => {
                Some(at.to_owned())
            }
            _ => pick(paths.into_iter().filter(own).collect(), whom),
        }
    }

    fn is_from_template(&self, path: &str) -> bool {
        self.dynamics()
            .iter()
            .any(|above| path.starts_with(&format!("{above}/")))
    }

    /// A supervisor; rarely the root, whose end ends the script.
    fn killable(&self, whom: u16) -> Option<String> {
        let below: Vec<String> = self
            .supervisors()
            .into_iter()
            .filter(|path| path != ROOT)
            .collect();
        if whom % ODD_ONE == ODD_ONE - 1 {
            return Some(ROOT.to_owned());
        }
        pick(below, whom)
    }

    fn paths(&self, wanted: impl Fn(&Body) -> bool) -> Vec<String> {
        let found = self.bodies.iter().filter(|(_, body)| wanted(body));
        found.map(|(path, _)| path.clone()).collect()
    }
}

fn pick(paths: Vec<String>, number: u16) -> Option<String> {
    let place = usize::from(number).checked_rem(paths.len())?;
    paths.into_iter().nth(place)
}
