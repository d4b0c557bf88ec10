//! A supervisor's reign: what happened to its children from one start of it to its next end, and
//! which restarts it made meanwhile.
//!
//! Events tell starts and ends, not decisions. What is derived here is what can be told for sure:
//! when a decision was made is known only to lie between an exit and the restart that follows it.

use super::tree::{SupervisorPlan, Tree};
use crate::History;
use crate::history::{Change, Lifecycle, Reason, What};
use plantao_supervisors::Restart;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Something that happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn<'a> {
    pub(super) seq: u64,
    pub(super) at: Duration,
    pub(super) child: &'a str,
    pub(super) change: Change,
    pub(super) reason: Option<Reason>,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Reign<'a> {
    pub(super) path: &'a str,
    pub(super) plan: &'a SupervisorPlan,
    pub(super) turns: Vec<Turn<'a>>,
    /// When it gave up, and the event that tells it.
    pub(super) gave_up: Option<(u64, Duration)>,
}

/// A restart that was decided: of one child, or of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempt<'a> {
    /// The ends that it answers; none when nothing called for it.
    pub(super) falls: Vec<Turn<'a>>,
    /// Who was started again, as they were.
    pub(super) members: Vec<Turn<'a>>,
    /// Members that were started before one that they stand before.
    pub(super) disordered: Vec<Turn<'a>>,
}

/// The restarts of a reign, and the ends that none of them answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts<'a> {
    pub(super) made: Vec<Attempt<'a>>,
    pub(super) unanswered: Vec<Turn<'a>>,
}

/// All reigns of supervisors that the tree knows, in the order in which they end or are cut off.
pub(super) fn reigns<'a>(history: &'a History, tree: &'a Tree) -> Vec<Reign<'a>> {
    let mut over = Vec::new();
    let mut current: BTreeMap<&str, Reign<'_>> = BTreeMap::new();
    for event in history.events() {
        match &event.what {
            What::Lifecycle(told) => {
                if let Some((parent, child)) = told.path.rsplit_once('/')
                    && let Some(reign) = reign_at(&mut current, tree, parent)
                {
                    reign.turns.push(Turn {
                        seq: event.seq,
                        at: event.at,
                        child,
                        change: told.change,
                        reason: told.reason,
                    });
                }
                if told.change == Change::GaveUp
                    && let Some(reign) = reign_at(&mut current, tree, &told.path)
                {
                    reign.gave_up.get_or_insert((event.seq, event.at));
                }
                if ends_reigns(told) {
                    let ended = current.extract_if(.., |path, _| is_within(path, &told.path));
                    over.extend(ended.map(|(_, reign)| reign));
                }
            }
            What::NodeCrashed | What::NodeStarted => {
                over.extend(std::mem::take(&mut current).into_values());
            }
            _ => {}
        }
    }
    over.extend(current.into_values());
    over
}

/// Whether `path` is at `top` or below it.
pub(super) fn is_within(path: &str, top: &str) -> bool {
    path.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn reign_at<'r, 'a>(
    current: &'r mut BTreeMap<&'a str, Reign<'a>>,
    tree: &'a Tree,
    path: &'a str,
) -> Option<&'r mut Reign<'a>> {
    let plan = tree.supervisor(path)?;
    Some(current.entry(path).or_insert_with(|| Reign {
        path,
        plan,
        turns: Vec::new(),
        gave_up: None,
    }))
}

fn ends_reigns(told: &Lifecycle) -> bool {
    told.change.is_end() || told.change == Change::Restarting
}

impl<'a> Reign<'a> {
    /// Whether the end of a child calls for a restart, as far as its plan is known.
    fn calls_for_restart(&self, turn: &Turn<'_>) -> bool {
        let is_clean = turn.reason.is_some_and(Reason::is_clean);
        match (turn.change, self.plan.restart(turn.child)) {
            (Change::Exited | Change::StartFailed | Change::Quarantined, restart) => {
                match restart {
                    Some(Restart::Temporary) => false,
                    Some(Restart::Transient) => !is_clean,
                    Some(Restart::Permanent) | None => true,
                }
            }
            _ => false,
        }
    }

    /// The restarts that were made.
    pub(super) fn attempts(&self) -> Attempts<'a> {
        let mut attempts = Attempts::default();
        let mut quarantined = BTreeSet::new();
        for turn in &self.turns {
            if turn.change == Change::Quarantined {
                quarantined.insert(turn.child);
            }
            if self.calls_for_restart(turn) {
                attempts.unanswered.push(*turn);
            }
            if turn.change == Change::Restarting {
                // One whose task ended late is started whenever that was, out of any order.
                let is_late = quarantined.remove(turn.child);
                if !self.plan.is_grouped() {
                    attempts.alone(*turn);
                } else if !is_late {
                    attempts.in_group(self.plan, *turn);
                }
            }
        }
        attempts
    }
}

impl<'a> Attempts<'a> {
    fn alone(&mut self, turn: Turn<'a>) {
        let own = |fall: &mut Turn<'_>| fall.child == turn.child;
        let falls = self.unanswered.extract_if(.., own).collect();
        self.made.push(Attempt {
            falls,
            members: vec![turn],
            disordered: Vec::new(),
        });
    }

    /// A group comes up in order: whoever stands before the last that was started begins the
    /// next group, if there was any reason for one. One that fell and stands before a group is
    /// not answered by it.
    fn in_group(&mut self, plan: &SupervisorPlan, turn: Turn<'a>) {
        let place = plan.place(turn.child);
        let reached = |fall: &mut Turn<'_>| plan.place(fall.child) >= place;
        if let Some(last) = self.made.last_mut() {
            let before = last.members.last();
            if before.is_some_and(|before| place > plan.place(before.child)) {
                last.members.push(turn);
                return;
            }
            if !self.unanswered.iter_mut().any(reached) {
                last.disordered.push(turn);
                return;
            }
        }
        let mut falls: Vec<Turn<'_>> = self.unanswered.extract_if(.., reached).collect();
        if falls.is_empty() {
            // It is somebody's group still, and begins at the wrong end.
            falls = std::mem::take(&mut self.unanswered);
        }
        self.made.push(Attempt {
            falls,
            members: vec![turn],
            disordered: Vec::new(),
        });
    }
}

impl Attempt<'_> {
    /// It was decided at this time or later.
    pub(super) fn decided_from(&self) -> Option<Duration> {
        self.falls.iter().map(|fall| fall.at).min()
    }

    /// It was decided at this time or earlier.
    pub(super) fn decided_until(&self) -> Duration {
        self.members
            .first()
            .map_or(Duration::MAX, |member| member.at)
    }

    /// The event of its first start.
    pub(super) fn seq(&self) -> u64 {
        self.members.first().map_or(0, |member| member.seq)
    }

    /// Whether one of the ends that it answers, if it came before `seq`, takes `child` along.
    pub(super) fn explains(&self, plan: &SupervisorPlan, child: &str, seq: u64) -> bool {
        self.falls
            .iter()
            .any(|fall| fall.seq < seq && plan.takes_along(fall.child, child))
    }
}
