//! Puts the faults of a schedule into a node that runs.

use super::hook::{Act, Charge, Hook, life_state};
use super::node::Site;
use super::recorder::Recorder;
use crate::history::What;
use crate::twin::Side;
use crate::{ActorKind, Fault, FaultKind, LifeState, Selector};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{NodeKind, Snapshot, Tree};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Between two looks for somebody in the state that a fault asks for.
const LOOK: Duration = Duration::from_millis(2);
/// How long a fault waits for somebody to come by its failpoint.
const PASSING: Duration = Duration::from_secs(10);
/// How long a flood lasts at least.
const FLOOD: Duration = Duration::from_secs(1);
/// How long a fault waits for its occasion.
const OCCASION: Duration = Duration::from_secs(2);

/// What a fault works with.
#[derive(Clone)]
pub(super) struct Nemesis {
    pub(super) tree: Tree,
    pub(super) hook: Hook,
    pub(super) recorder: Recorder,
    pub(super) begun: Instant,
}

impl Nemesis {
    /// Waits for a fault's time and strikes. `from` is what of the run was over before this node.
    pub(super) async fn strike(&self, site: &Site, fault: &Fault, from: Duration) {
        sleep_until(self.begun + fault.at.saturating_sub(from)).await;
        if let Some(point) = &fault.failpoint {
            let reached = site.disk.wait_at(point, side(fault.kind));
            if timeout(PASSING, reached).await.is_err() {
                return;
            }
        }
        if !fault.kind.is_aimed() {
            self.recorder.struck_apart(fault.kind);
        }
        tell(&self.recorder, fault);
        match (fault.kind, &fault.target) {
            (FaultKind::Kill, Some(target)) => self.kill(target, fault).await,
            (FaultKind::StoreErrorBeforeCommit, _) => {
                site.disk.disturb(|next| next.before_commit += fault.count);
            }
            (FaultKind::StoreErrorAfterCommit, _) => {
                site.disk.disturb(|next| next.after_commit += fault.count);
            }
            (FaultKind::StoreOutage, _) => {
                site.disk.disturb(|next| next.is_out = true);
                sleep(fault.span).await;
                site.disk.disturb(|next| next.is_out = false);
            }
            (FaultKind::ClockJump, _) => {
                let jump = i64::try_from(fault.span.as_micros()).unwrap_or(i64::MAX);
                let now = site.clock.now().micros().saturating_add(jump);
                site.clock.set(Timestamp::from_micros(now));
            }
            (FaultKind::Flood, Some(target)) => {
                let messages = usize::try_from(fault.count).unwrap_or(usize::MAX);
                self.hook.flood(target, messages, fault.state);
                sleep(fault.span.max(FLOOD)).await;
                self.hook.drain(target);
            }
            (FaultKind::EntropyFailure, _) => {
                site.entropy.fail_next(fault.count);
                sleep(OCCASION).await;
                site.entropy.heal();
            }
            (_, Some(target)) => lay(&self.hook, target, fault),
            (_, None) => {}
        }
    }

    /// Ends as many lives as the fault counts, each in the state that it asks for.
    async fn kill(&self, target: &Selector, fault: &Fault) {
        let until = Instant::now() + OCCASION;
        let mut left = fault.count;
        while left > 0 && Instant::now() < until {
            let state = fault.state.unwrap_or(LifeState::Running);
            match found(&self.tree.snapshot(), target, state) {
                Some(path) if self.tree.kill(&path).is_ok() => {
                    left -= 1;
                    self.recorder.struck(FaultKind::Kill, &path, state);
                }
                _ => {}
            }
            sleep(LOOK).await;
        }
    }
}

/// Lays a charge, which strikes at its occasion.
fn lay(hook: &Hook, target: &Selector, fault: &Fault) {
    let act = match fault.kind {
        FaultKind::Panic => Act::Panic,
        FaultKind::Hang => Act::Hang(fault.span),
        FaultKind::Delay => Act::Delay(fault.span),
        FaultKind::Drop => Act::Drop,
        FaultKind::Duplicate => Act::Duplicate,
        FaultKind::StartFailure => Act::FailStart,
        FaultKind::StartHang => Act::HangStart(fault.span),
        _ => return,
    };
    hook.lay(Charge {
        target: target.clone(),
        act,
        state: fault.state,
        left: fault.count,
    });
}

/// Whether it is laid before anything runs, so that the very first starts meet it.
pub(super) fn is_of_boot(fault: &Fault) -> bool {
    fault.at.is_zero() && matches!(fault.kind, FaultKind::StartFailure | FaultKind::StartHang)
}

/// Lays what the first starts are to meet.
pub(super) fn before_boot(hook: &Hook, recorder: &Recorder, faults: &[Fault]) {
    for fault in faults.iter().filter(|fault| is_of_boot(fault)) {
        if let Some(target) = &fault.target {
            tell(recorder, fault);
            lay(hook, target, fault);
        }
    }
}

fn tell(recorder: &Recorder, fault: &Fault) {
    recorder.record(What::FaultInjected {
        kind: fault.kind.name().to_owned(),
        target: fault.target.as_ref().map(ToString::to_string),
        detail: fault.to_string(),
    });
}

/// A store's own failure is laid before the change; all else strikes where the change is made and
/// nobody was told.
const fn side(kind: FaultKind) -> Side {
    match kind {
        FaultKind::StoreErrorBeforeCommit | FaultKind::StoreErrorAfterCommit => Side::Before,
        _ => Side::After,
    }
}

/// The first actor of the tree that is named and in that state.
fn found(node: &Snapshot, target: &Selector, state: LifeState) -> Option<String> {
    let kind = match node.kind {
        NodeKind::Worker => ActorKind::Worker,
        NodeKind::Supervisor | NodeKind::Dynamic => ActorKind::Supervisor,
    };
    let is_named = target.takes(kind) && target.matches(&node.path);
    if is_named && life_state(node.state) == Some(state) {
        return Some(node.path.clone());
    }
    node.children
        .iter()
        .find_map(|child| found(child, target, state))
}
