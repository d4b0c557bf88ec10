//! Puts the faults of a schedule into a node that runs.

use super::hook::{Act, Charge, Hook, life_state};
use super::node::Site;
use super::recorder::Recorder;
use crate::history::What;
use crate::twin::Side;
use crate::{Fault, FaultKind, LifeState, Selector};
use plantao_schema::time::Timestamp;
use plantao_supervisors::{Snapshot, Tree};
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
        self.recorder.record(What::FaultInjected {
            kind: fault.kind.name().to_owned(),
            target: fault.target.as_ref().map(ToString::to_string),
            detail: fault.to_string(),
        });
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
                self.hook.flood(target, messages);
                self.flooded(target);
                sleep(fault.span.max(FLOOD)).await;
                self.hook.drain(target);
            }
            (FaultKind::EntropyFailure, _) => {
                site.entropy.fail_next(fault.count);
                sleep(OCCASION).await;
                site.entropy.heal();
            }
            (kind, Some(target)) => self.lay(kind, target, fault),
            (_, None) => {}
        }
    }

    /// Whose mailboxes are full now.
    fn flooded(&self, target: &Selector) {
        let mut left = vec![self.tree.snapshot()];
        while let Some(node) = left.pop() {
            if let Some(state) = life_state(node.state).filter(|_| target.matches(&node.path)) {
                self.recorder.struck(FaultKind::Flood, &node.path, state);
            }
            left.extend(node.children);
        }
    }

    fn lay(&self, kind: FaultKind, target: &Selector, fault: &Fault) {
        let act = match kind {
            FaultKind::Panic => Act::Panic,
            FaultKind::Hang => Act::Hang(fault.span),
            FaultKind::Delay => Act::Delay(fault.span),
            FaultKind::Drop => Act::Drop,
            FaultKind::Duplicate => Act::Duplicate,
            FaultKind::StartFailure => Act::FailStart,
            FaultKind::StartHang => Act::HangStart(fault.span),
            _ => return,
        };
        self.hook.lay(Charge {
            target: target.clone(),
            act,
            state: fault.state,
            left: fault.count,
        });
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

/// A store's own failure is laid before the change; all else strikes where the change is made and
/// nobody was told.
const fn side(kind: FaultKind) -> Side {
    match kind {
        FaultKind::StoreErrorBeforeCommit | FaultKind::StoreErrorAfterCommit => Side::Before,
        _ => Side::After,
    }
}

/// The first worker of the tree that is named and in that state.
fn found(node: &Snapshot, target: &Selector, state: LifeState) -> Option<String> {
    if life_state(node.state) == Some(state) && target.matches(&node.path) {
        return Some(node.path.clone());
    }
    node.children
        .iter()
        .find_map(|child| found(child, target, state))
}
