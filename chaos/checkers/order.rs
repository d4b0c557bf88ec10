//! Children start in their order and stop in its reverse: at boot, in a group, and on the way out.
//!
//! One whose task did not end in time is left out: it is waited for, and not stood in line for.

use super::reign::{Reign, Turn, reigns};
use super::{Findings, Tree};
use crate::history::{Change, History};
use std::collections::{BTreeMap, BTreeSet};

/// See the module.
pub(super) fn kept(history: &History, tree: &Tree, findings: &mut Findings) {
    for reign in reigns(history, tree) {
        booted(&reign, findings);
        regrouped(&reign, findings);
        stopped(&reign, findings);
    }
}

/// First starts come in order.
fn booted(reign: &Reign<'_>, findings: &mut Findings) {
    let mut known = BTreeSet::new();
    let mut last: Option<Turn<'_>> = None;
    for turn in &reign.turns {
        let is_first = known.insert(turn.child);
        let is_start = matches!(turn.change, Change::Started | Change::Ignored);
        if !is_first || !is_start || reign.plan.place(turn.child).is_none() {
            continue;
        }
        if let Some(last) = last
            && reign.plan.place(turn.child) < reign.plan.place(last.child)
        {
            let (path, child, before) = (reign.path, turn.child, last.child);
            let what = format!("`{path}/{child}` was started after `{before}`");
            findings.when(turn.seq, turn.at, what);
        }
        last = Some(*turn);
    }
}

/// Groups come up in order, each member once the one before it is up.
fn regrouped(reign: &Reign<'_>, findings: &mut Findings) {
    if !reign.plan.is_grouped() {
        return;
    }
    let path = reign.path;
    for attempt in reign.attempts().made {
        for turn in &attempt.disordered {
            let what = format!("`{path}/{}` was restarted out of its order", turn.child);
            findings.when(turn.seq, turn.at, what);
        }
        for (before, next) in attempt.members.iter().zip(attempt.members.iter().skip(1)) {
            let between = before.seq + 1..next.seq;
            let is_through = reign.turns.iter().any(|turn| {
                turn.child == before.child
                    && between.contains(&turn.seq)
                    && (turn.change.is_end()
                        || matches!(turn.change, Change::Started | Change::Ignored))
            });
            if !is_through {
                let (child, before) = (next.child, before.child);
                let what = format!("`{path}/{child}` was restarted before `{before}` was up");
                findings.when(next.seq, next.at, what);
            }
        }
    }
}

/// Stops without a restart between them come in reverse.
fn stopped(reign: &Reign<'_>, findings: &mut Findings) {
    let mut late = BTreeMap::new();
    let mut last: Option<Turn<'_>> = None;
    for turn in &reign.turns {
        match turn.change {
            Change::Restarting => last = None,
            Change::Quarantined => {
                late.insert(turn.child, turn.seq);
            }
            Change::Stopped if late.remove(turn.child).is_none() => {
                let place = reign.plan.place(turn.child);
                if place.is_none() {
                    continue;
                }
                if let Some(last) = last
                    && place > reign.plan.place(last.child)
                {
                    let (path, child, before) = (reign.path, turn.child, last.child);
                    let what = format!("`{path}/{child}` was stopped after `{before}`");
                    findings.when(turn.seq, turn.at, what);
                }
                last = Some(*turn);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{change, holds, tree, violates};
    use crate::Invariant::OrderKept;
    use crate::history::Change::{Exited, Quarantined, Restarting, Started, Stopped};
    use crate::history::{Change, What};
    use plantao_supervisors::Strategy;

    fn each(turns: &[(&str, Change)]) -> Vec<(u64, What)> {
        let timed = (1..).zip(turns);
        timed
            .map(|(at, (id, turn))| (at, change(&format!("root/{id}"), *turn)))
            .collect()
    }

    #[test]
    fn a_boot_in_order_and_a_shutdown_in_reverse_hold() {
        let boot = [("a", Started), ("b", Started), ("c", Started)];
        let shutdown = [("c", Stopped), ("b", Stopped), ("a", Stopped)];
        let events = each(&[boot, shutdown].concat());
        holds(OrderKept, &tree(Strategy::OneForOne), events);
    }

    #[test]
    fn a_boot_out_of_order_is_found() {
        let events = each(&[("b", Started), ("a", Started), ("c", Started)]);
        violates(
            OrderKept,
            &tree(Strategy::OneForOne),
            events,
            "`root/a` was started after `b`",
        );
    }

    #[test]
    fn a_shutdown_out_of_order_is_found() {
        let events = each(&[("b", Stopped), ("c", Stopped), ("a", Stopped)]);
        violates(
            OrderKept,
            &tree(Strategy::OneForOne),
            events,
            "`root/c` was stopped after `b`",
        );
    }

    #[test]
    fn a_group_that_stops_in_reverse_and_starts_in_order_holds_again_and_again() {
        let group = [
            ("a", Exited),
            ("c", Stopped),
            ("b", Stopped),
            ("a", Restarting),
            ("a", Started),
            ("b", Restarting),
            ("b", Started),
            ("c", Restarting),
            ("c", Started),
        ];
        let events = each(&[group, group].concat());
        holds(OrderKept, &tree(Strategy::OneForAll), events);
    }

    #[test]
    fn a_group_that_starts_in_reverse_is_found() {
        let events = each(&[
            ("b", Exited),
            ("c", Stopped),
            ("c", Restarting),
            ("c", Started),
            ("b", Restarting),
            ("b", Started),
        ]);
        let words = "`root/b` was restarted out of its order";
        violates(OrderKept, &tree(Strategy::RestForOne), events, words);
    }

    #[test]
    fn a_member_that_is_restarted_before_the_one_before_it_is_up_is_found() {
        let events = each(&[
            ("b", Exited),
            ("c", Stopped),
            ("b", Restarting),
            ("c", Restarting),
        ]);
        violates(
            OrderKept,
            &tree(Strategy::RestForOne),
            events,
            "before `b` was up",
        );
    }

    #[test]
    fn a_lone_restart_while_others_start_is_no_disorder() {
        let events = each(&[
            ("c", Exited),
            ("c", Restarting),
            ("a", Exited),
            ("a", Restarting),
            ("c", Started),
            ("a", Started),
        ]);
        holds(OrderKept, &tree(Strategy::OneForOne), events);
    }

    #[test]
    fn one_whose_task_ends_late_is_not_stood_in_line_for() {
        let events = each(&[
            ("c", Quarantined),
            ("b", Stopped),
            ("a", Stopped),
            ("c", Stopped),
        ]);
        holds(OrderKept, &tree(Strategy::OneForOne), events);
    }
}
