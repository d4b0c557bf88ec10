//! This side: plays a script on the crate, in virtual time, and writes the trace.

use plantao_supervisors::{
    ChildCounts, ChildKind, ChildStatus, ChildSummary, ExitReason, Presence, Restart, Shutdown,
    StartError, Started, SupervisorError, Tree,
};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::board::{Board, name};
use crate::build;
use crate::model::{Body, LONG_MS, Leave, ROOT, Script, Step, join};
use crate::roster::Roster;
use crate::trace::{Event, Moment, Trace};

/// Virtual time in which anything that is still to happen does: longer than every time in a
/// script taken together in one step.
const REST: Duration = Duration::from_secs(2);
/// Stretches of `REST` after which a tree that is not at rest never will be.
const RESTS_MAX: u32 = 50;
/// Pause between two looks whether a start hangs.
const LOOK: Duration = Duration::from_millis(1);
/// A tree in which nothing happens for longer than the longest time to stop does not start what
/// was to hang.
const NO_HANG: Duration = Duration::from_millis(LONG_MS as u64 + 50);

/// Plays `script` and returns what happened.
pub(crate) fn play(script: &Script) -> Trace {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(Run::default().play(script))
}

#[derive(Default)]
struct Run {
    board: Board,
    tree: Option<Tree>,
    /// What is at every path so far.
    bodies: BTreeMap<String, Body>,
}

impl Run {
    async fn play(mut self, script: &Script) -> Trace {
        let root = Body::Supervisor(script.root.clone());
        self.bodies = Script {
            root: script.root.clone(),
            steps: Vec::new(),
        }
        .bodies();
        build::plan(&self.board, ROOT, &root);
        let spec = build::supervisor(&self.board, ROOT, &script.root);
        let answer = match Tree::start(ROOT, spec).await {
            Ok(tree) => {
                let up = self
                    .bodies
                    .keys()
                    .filter(|path| roster(&tree, path).is_some());
                self.board.listen(tree.subscribe(), up.cloned().collect());
                self.tree = Some(tree);
                "ok".to_owned()
            }
            Err(StartError::Child { path, reason }) => failure(&path, &reason),
            Err(StartError::Spec(_)) => "bad_spec".to_owned(),
        };
        let mut trace = vec![self.observe(answer).await];
        for step in &script.steps {
            step.collect(&mut self.bodies);
            let answer = self.step(step).await;
            trace.push(self.observe(answer).await);
        }
        trace
    }

    async fn step(&self, step: &Step) -> String {
        match step {
            Step::Plan(path, outcomes) => {
                self.board.plan(path, outcomes);
                "ok".to_owned()
            }
            Step::Exit(path, leave) => self.leave(path, *leave),
            Step::KillSupervisor(path) => self.leave(path, Leave::Kill),
            Step::During(path, leave, step) => self.during(path, *leave, step).await,
            Step::Wait { ms } => {
                tokio::time::sleep(Duration::from_millis((*ms).into())).await;
                "ok".to_owned()
            }
            Step::Shutdown => match &self.tree {
                Some(tree) if self.left().await.is_none() => {
                    tree.shutdown().await;
                    "ok".to_owned()
                }
                _ => unavailable(),
            },
            request => self.request(request).await.unwrap_or_else(unavailable),
        }
    }

    /// A request to a supervisor; `None` when there is none at the path.
    async fn request(&self, step: &Step) -> Option<String> {
        match step {
            Step::StartChild(path, child) => {
                build::plan(&self.board, &join(path, &child.id), &child.body);
                let spec = build::child(&self.board, path, child);
                let started = self.tree()?.supervisor(path)?.start_child(spec).await;
                Some(begun(&join(path, &child.id), started))
            }
            Step::StartDynamic(path, id, outcomes) => {
                self.board.plan(&join(path, id), outcomes);
                let dynamic = self.tree()?.dynamic(path)?;
                let Some(Body::Dynamic(spec)) = self.bodies.get(path) else {
                    return None;
                };
                let mut child = (*spec.template).clone();
                child.id.clone_from(id);
                let spec = build::child(&self.board, path, &child);
                Some(begun(&join(path, id), dynamic.start_child(spec).await))
            }
            Step::TerminateChild(path, id) => Some(match self.tree()?.dynamic(path) {
                Some(dynamic) => done(dynamic.terminate_child(id).await),
                None => done(self.tree()?.supervisor(path)?.terminate_child(id).await),
            }),
            Step::RestartChild(path, id) => Some(match self.tree()?.dynamic(path) {
                Some(dynamic) => begun(&join(path, id), dynamic.restart_child(id)),
                None => {
                    let supervisor = self.tree()?.supervisor(path)?;
                    begun(&join(path, id), supervisor.restart_child(id).await)
                }
            }),
            Step::DeleteChild(path, id) => Some(match self.tree()?.dynamic(path) {
                Some(dynamic) => done(dynamic.delete_child(id)),
                None => done(self.tree()?.supervisor(path)?.delete_child(id).await),
            }),
            Step::ChildSpec(path, id) => {
                let spec = self.tree()?.supervisor(path)?.child_spec(id);
                Some(spec.map_or_else(|error| refusal(path, &error), specification))
            }
            Step::WhichChildren(path) => {
                let children = self.tree()?.supervisor(path)?.which_children().ok()?;
                Some(children.iter().map(presence).collect::<Vec<_>>().join(" "))
            }
            Step::CountChildren(path) => self
                .tree()?
                .supervisor(path)?
                .count_children()
                .ok()
                .map(counts),
            Step::CodeChange(path, supervisor) => {
                build::plan(&self.board, path, &Body::Supervisor(supervisor.clone()));
                let spec = build::supervisor(&self.board, path, supervisor);
                Some(done(self.tree()?.supervisor(path)?.code_change(spec).await))
            }
            _ => None,
        }
    }

    fn tree(&self) -> Option<&Tree> {
        self.tree.as_ref()
    }

    fn leave(&self, path: &str, leave: Leave) -> String {
        let told = match leave {
            Leave::Kill => self.tree().is_some_and(|tree| tree.kill(path).is_ok()),
            leave => self.board.handle(path).cast(leave).is_ok(),
        };
        if told { "ok" } else { "none" }.to_owned()
    }

    /// A step taken while the restart of the worker at `path` hangs.
    async fn during(&self, path: &str, leave: Leave, step: &Step) -> String {
        use crate::model::Outcome;
        self.board.plan(path, &[Outcome::Hang]);
        let told = self.leave(path, leave);
        if told != "ok" {
            return told;
        }
        let (mut last, mut quiet) = (self.board.total(), Duration::ZERO);
        while !self.board.is_plan_done(path) && quiet < NO_HANG {
            tokio::time::sleep(LOOK).await;
            let now = self.board.total();
            quiet = if now == last { quiet + LOOK } else { LOOK };
            last = now;
        }
        Box::pin(self.step(step)).await
    }

    async fn observe(&mut self, answer: String) -> Moment {
        self.rest().await;
        let mut events = self.board.take();
        let left = self.left().await;
        if let Some(reason) = left.clone() {
            let path = ROOT.to_owned();
            events.push(Event::Down {
                path,
                number: 1,
                reason,
            });
        }
        let Some(tree) = &self.tree else {
            return Moment {
                answer,
                events,
                left,
                ..Moment::default()
            };
        };
        let children = self
            .bodies
            .keys()
            .filter_map(|path| roster(tree, path))
            .collect();
        if left.is_some() {
            self.tree = None;
        }
        Moment {
            answer,
            events,
            children,
            left,
        }
    }

    /// Lets virtual time pass until it changes nothing any more.
    async fn rest(&self) {
        for _ in 0..RESTS_MAX {
            let before = self.board.total();
            tokio::time::sleep(REST).await;
            if self.board.total() == before {
                return;
            }
        }
        panic!("the tree does not come to rest");
    }

    /// How the root ended, once, in the step in which it did.
    async fn left(&self) -> Option<String> {
        let exited = tokio::time::timeout(Duration::ZERO, self.tree.as_ref()?.exited()).await;
        exited.ok().map(|reason| name(&reason))
    }
}

fn unavailable() -> String {
    "unavailable".to_owned()
}

/// Counts and children of the supervisor at `path`, if one lives there.
fn roster(tree: &Tree, path: &str) -> Option<Roster> {
    let (children, counted, is_dynamic) = match tree.dynamic(path) {
        Some(dynamic) => (dynamic.which_children(), dynamic.count_children(), true),
        None => {
            let supervisor = tree.supervisor(path)?;
            let counted = supervisor.count_children();
            (supervisor.which_children(), counted, false)
        }
    };
    let mut children: Vec<String> = children.ok()?.iter().map(presence).collect();
    if is_dynamic {
        children.sort();
    }
    let counted = counted.ok()?;
    Some(Roster {
        path: path.to_owned(),
        specs: counted.specs as i64,
        active: counted.active as i64,
        supervisors: counted.supervisors as i64,
        workers: counted.workers as i64,
        children,
    })
}

fn counts(counted: ChildCounts) -> String {
    let ChildCounts {
        specs,
        active,
        supervisors,
        workers,
    } = counted;
    format!("{specs} {active} {supervisors} {workers}")
}

fn presence(child: &ChildStatus) -> String {
    let presence = match child.presence {
        Presence::Up => "up",
        Presence::Undefined => "undefined",
        Presence::Restarting => "restarting",
    };
    format!("{}:{presence}:{}", child.id, kind(child.kind))
}

fn kind(kind: ChildKind) -> &'static str {
    match kind {
        ChildKind::Worker => "worker",
        ChildKind::Supervisor => "supervisor",
    }
}

fn specification(spec: ChildSummary) -> String {
    let restart = match spec.restart {
        Restart::Permanent => "permanent",
        Restart::Transient => "transient",
        Restart::Temporary => "temporary",
    };
    let shutdown = match spec.shutdown {
        Shutdown::BrutalKill => "brutal_kill".to_owned(),
        Shutdown::Infinity => "infinity".to_owned(),
        Shutdown::Timeout(time) => time.as_millis().to_string(),
    };
    format!(
        "spec {restart} {shutdown} {} {}",
        kind(spec.kind),
        spec.significant
    )
}

fn begun(path: &str, result: Result<Started, SupervisorError>) -> String {
    match result {
        Ok(Started::Up) => "ok".to_owned(),
        Ok(Started::Ignored) => "ignored".to_owned(),
        Err(error) => refusal(path, &error),
    }
}

fn done(result: Result<(), SupervisorError>) -> String {
    result.map_or_else(|error| refusal("", &error), |()| "ok".to_owned())
}

/// An error in OTP's words.
fn refusal(path: &str, error: &SupervisorError) -> String {
    match error {
        SupervisorError::AlreadyStarted { .. } => "already_started".to_owned(),
        SupervisorError::AlreadyPresent { .. } => "already_present".to_owned(),
        SupervisorError::NotFound { .. } => "not_found".to_owned(),
        SupervisorError::Running { .. } => "running".to_owned(),
        SupervisorError::Restarting { .. } => "restarting".to_owned(),
        SupervisorError::Dynamic { .. } => "simple_one_for_one".to_owned(),
        SupervisorError::StartFailed { reason, .. } => failure(path, reason),
        SupervisorError::Spec(_) => "bad_spec".to_owned(),
        SupervisorError::Unavailable => unavailable(),
        other => format!("{other:?}"),
    }
}

/// Which start failed, however deep, and why.
fn failure(path: &str, reason: &ExitReason) -> String {
    let ExitReason::StartFailed(text) = reason else {
        return format!("failed {path} {reason:?}");
    };
    let below = text
        .strip_prefix('`')
        .and_then(|text| text.split_once("`: "));
    let (path, text) = below.unwrap_or((path, text));
    let why = match text {
        "error: refused" => "refused",
        "panic: crashed" => "crashed",
        text if text.starts_with("not up after") => "timeout",
        other => other,
    };
    format!("failed {path} {why}")
}
