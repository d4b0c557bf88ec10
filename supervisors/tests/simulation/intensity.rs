//! Restart intensity and budgets, recounted from the lifecycle stream.
//!
//! A restart counts when its supervisor decides on it. Of a child restarted alone, that is when it
//! rests or is restarted after its end. A group is decided on at the exit that takes it along; the
//! exits of its members meanwhile may be swept up with it or come to count later, and a request may
//! get between: those may have counted, and are kept apart from the certain ones.

use plantao_supervisors::{Intensity, Lifecycle, LifecycleEvent, NodeState, Snapshot};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::answers::Answers;
use crate::census::{Census, Last, Plans, Seen, above, revives};
use crate::classes::alone;
use crate::plan::{Body, Node};
use crate::window::{Bounds, Window};

#[derive(Default)]
pub(crate) struct Restarts {
    windows: BTreeMap<String, Window>,
    budgets: BTreeMap<String, Window>,
    groups: BTreeMap<String, Grouping>,
    /// When a supervisor was last seen to be at work, and not leaving.
    at_work: BTreeMap<String, Duration>,
    /// Of the last supervisor that gave up: whether a budget was what ran out.
    pub(crate) budget_spent: bool,
    /// Comparisons with what the crate counts, and those where nothing was in doubt.
    pub(crate) compared: u64,
    pub(crate) exact: u64,
}

/// What is known of a group restart under way.
#[derive(Default)]
struct Grouping {
    under_way: bool,
    /// Exits that may have counted or not.
    in_doubt: u32,
    /// The child that ended last waits before it is restarted, and counts when that is said.
    last_rests: bool,
    /// A start failed at that instant and is about to count, unless another exit is faster.
    retries_at: Option<Duration>,
    /// The group is down until then, however its members look.
    rests_until: Duration,
}

impl Restarts {
    pub(crate) fn hear(
        &mut self,
        census: &Census,
        answers: &Answers,
        plans: &Plans,
        now: Duration,
        event: &Lifecycle,
    ) -> Result<(), String> {
        let path = &event.path;
        if let LifecycleEvent::GaveUp { .. } = event.event {
            return self.gave_up(census, plans, now, path);
        }
        if let Some((above, id)) = above(path)
            && let Some(node) = plans.get(path)
        {
            let touched = answers.concern(above, id)
                || census.member(path).is_some_and(|member| member.touched);
            if alone(plans, above) {
                let last = census
                    .member(path)
                    .map_or(Last::Nothing, |member| member.last);
                self.restarted_alone(plans, now, above, last, touched, &event.event);
            } else {
                let family = census.families.get(above);
                let up = family.is_some_and(|family| family.up);
                // One that was planned may be asked for again, or be started by its group for the
                // first time.
                let new = census.member(path).is_none();
                let fresh = family.is_some_and(|family| family.is_fresh(id));
                let touched = touched || new && answers.start(above, id);
                self.restarted_in_group(plans, now, above, node, (up, fresh, touched), event);
            }
        }
        let over = matches!(
            event.event,
            LifecycleEvent::Exited { .. }
                | LifecycleEvent::Stopped { .. }
                | LifecycleEvent::StartFailed { .. }
        );
        if over && plans.get(path).is_some_and(Node::is_supervisor) {
            self.forget(path);
        }
        Ok(())
    }

    fn restarted_alone(
        &mut self,
        plans: &Plans,
        now: Duration,
        above: &str,
        last: Last,
        touched: bool,
        event: &LifecycleEvent,
    ) {
        match event {
            LifecycleEvent::Resting { .. } => self.count(plans, now, above, true),
            LifecycleEvent::Restarting { .. } if last == Last::Exited(true) => {
                self.count(plans, now, above, !touched);
            }
            LifecycleEvent::Restarting { .. } if last == Last::StartFailed => {
                self.count(plans, now, above, !touched);
            }
            _ => {}
        }
    }

    fn restarted_in_group(
        &mut self,
        plans: &Plans,
        now: Duration,
        above: &str,
        node: &Node,
        (up, fresh, touched): (bool, bool, bool),
        event: &Lifecycle,
    ) {
        let group = self.groups.entry(above.to_owned()).or_default();
        let rests = node.backoff.is_some();
        let swept = group.retries_at.take() == Some(now) && revives(node, &event.event);
        if swept {
            for window in self.windows.values_mut().chain(self.budgets.values_mut()) {
                window.doubt_last(above);
            }
        }
        let certain = match &event.event {
            LifecycleEvent::Resting { wait_ms } => {
                group.rests_until = now + Duration::from_millis(wait_ms + 1);
                true
            }
            LifecycleEvent::StartFailed { .. } if fresh => return,
            LifecycleEvent::StartFailed { .. } => up && !touched && group.in_doubt == 0,
            exited if revives(node, exited) => {
                let certain = up && !group.under_way && group.in_doubt == 0;
                group.under_way = true;
                certain
            }
            _ => return,
        };
        let failed = matches!(event.event, LifecycleEvent::StartFailed { .. });
        group.retries_at = (failed && !rests).then_some(now);
        let resting = matches!(event.event, LifecycleEvent::Resting { .. });
        group.under_way = true;
        group.last_rests = rests;
        if !certain {
            group.in_doubt += 1;
        }
        if resting || !rests {
            self.count(plans, now, above, certain);
        }
    }

    /// One restart of this supervisor, which counts in the budgets above it too.
    fn count(&mut self, plans: &Plans, now: Duration, path: &str, certain: bool) {
        self.windows
            .entry(path.to_owned())
            .or_default()
            .push(now, path, certain);
        for budget in budgets(plans, path) {
            let window = self.budgets.entry(budget.0.to_owned()).or_default();
            window.push(now, path, certain);
        }
    }

    fn gave_up(
        &mut self,
        census: &Census,
        plans: &Plans,
        now: Duration,
        path: &str,
    ) -> Result<(), String> {
        let group = self.groups.entry(path.to_owned()).or_default();
        let certain = alone(plans, path) || group.in_doubt == 0;
        let own = self.windows.entry(path.to_owned()).or_default();
        if alone(plans, path) || group.last_rests || !certain {
            own.push(now, path, certain);
        } else {
            // It was counted when its child ended: refused, it counts in no budget.
            for (budget, _) in budgets(plans, path) {
                self.budgets
                    .entry(budget.to_owned())
                    .or_default()
                    .take_back(path);
            }
        }
        let spent = budgets(plans, path).any(|(budget, limit)| {
            let window = self.budgets.entry(budget.to_owned()).or_default();
            window.bounds(now, limit.period).most >= limit.restarts
        });
        let unclear = census.is_changed(path);
        let Some(limit) = limit(plans, path).filter(|_| !unclear) else {
            return Ok(());
        };
        let counted = self.bounds(path, now, limit);
        self.budget_spent = counted.most <= limit.restarts && spent;
        if counted.most <= limit.restarts && !spent {
            return Err(format!("{path} gave up at {counted:?} of {limit:?}"));
        }
        if counted.least > limit.restarts + 1 {
            return Err(format!(
                "{path} gave up too late, at {counted:?} of {limit:?}"
            ));
        }
        Ok(())
    }

    fn bounds(&mut self, path: &str, now: Duration, limit: Intensity) -> Bounds {
        let window = self.windows.entry(path.to_owned()).or_default();
        window.bounds(now, limit.period)
    }

    /// The incarnation is over: its count is, and its budget and those below it.
    fn forget(&mut self, path: &str) {
        self.windows.remove(path);
        self.groups.remove(path);
        let since = self.at_work.remove(path).unwrap_or_default();
        for budget in self.budgets.values_mut() {
            budget.doubt(path, since);
        }
        let below = format!("{path}/");
        self.budgets.remove(path);
        self.budgets.retain(|budget, _| !budget.starts_with(&below));
    }

    /// Compares with the picture of a supervisor at rest.
    pub(crate) fn compare(
        &mut self,
        census: &Census,
        plans: &Plans,
        now: Duration,
        node: &Snapshot,
    ) -> Result<(), String> {
        let path = &node.path;
        let family = census.families.get(path);
        let (Some(counted), Some(limit)) = (node.restarts_in_window, limit(plans, path)) else {
            return Ok(());
        };
        let leaving = node
            .children
            .iter()
            .any(|child| child.state == NodeState::Stopping);
        let below = is_stopping_below(node);
        let gave_up = family.is_some_and(|family| family.gave_up);
        if node.state != NodeState::Running || gave_up || census.is_changed(path) {
            return Ok(());
        }
        if counted > limit.restarts {
            return Err(format!("{path}: {counted} restarts of {limit:?}"));
        }
        if leaving {
            return Ok(());
        }
        self.at_work.insert(path.clone(), now);
        self.settle(census, now, node);
        let bounds = self.bounds(path, now, limit);
        (self.compared, self.exact) =
            (self.compared + 1, self.exact + u64::from(bounds.is_exact()));
        if !bounds.hold(counted) {
            return Err(format!(
                "{path}: {counted} restarts counted, and here {bounds:?}"
            ));
        }
        if below {
            return Ok(());
        }
        self.compare_budget(census, plans, now, node)
    }

    fn compare_budget(
        &mut self,
        census: &Census,
        plans: &Plans,
        now: Duration,
        node: &Snapshot,
    ) -> Result<(), String> {
        let path = &node.path;
        let own = budgets(plans, path).find(|(budget, _)| budget == path);
        let (Some(left), Some((_, limit))) = (node.budget_left, own) else {
            return Ok(());
        };
        if census.is_unclear_below(path) {
            return Ok(());
        }
        let window = self.budgets.entry(path.clone()).or_default();
        let Bounds { least, most } = window.bounds(now, limit.period);
        let expected = limit.restarts.saturating_sub(most)..=limit.restarts.saturating_sub(least);
        if expected.contains(&left) {
            return Ok(());
        }
        Err(format!(
            "{path}: {left} left of the budget, and here {expected:?}"
        ))
    }

    /// No group restart is under way here: what was in doubt is decided.
    fn settle(&mut self, census: &Census, now: Duration, node: &Snapshot) {
        let at_rest = node.children.iter().all(|child| {
            matches!(
                child.state,
                NodeState::Running | NodeState::Stopped | NodeState::Failed
            )
        });
        let quiet = census.families.get(&node.path).is_none_or(|family| {
            let mut members = family.members.values();
            members.all(|member| member.last != Last::Resting && member.state != Seen::Starting)
        });
        let group = self.groups.get(&node.path);
        let rests = group.is_some_and(|group| now <= group.rests_until);
        if !at_rest || !quiet || rests {
            return;
        }
        self.groups.remove(&node.path);
        for window in self.windows.values_mut().chain(self.budgets.values_mut()) {
            window.settle(now, &node.path);
        }
    }
}

/// Something further down is leaving: exits there may not count.
fn is_stopping_below(node: &Snapshot) -> bool {
    let mut children = node.children.iter();
    children.any(|child| child.state == NodeState::Stopping || is_stopping_below(child))
}

/// The limit of the supervisor at `path`.
fn limit(plans: &Plans, path: &str) -> Option<Intensity> {
    match &plans.get(path)?.body {
        Body::Fixed(fixed) => Some(fixed.intensity),
        Body::Dynamic(dynamic) => Some(dynamic.intensity),
        Body::Worker(_) => None,
    }
}

/// The budgets that the supervisor at `path` shares, its own included.
fn budgets<'a>(
    plans: &'a Plans,
    path: &'a str,
) -> impl Iterator<Item = (&'a str, Intensity)> + use<'a> {
    let mut next = Some(path);
    let paths = std::iter::from_fn(move || {
        let path = next?;
        next = above(path).map(|(above, _)| above);
        Some(path)
    });
    paths.filter_map(|path| match &plans.get(path)?.body {
        Body::Fixed(fixed) => Some((path, fixed.budget?)),
        _ => None,
    })
}
