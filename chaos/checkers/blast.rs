//! The children that the strategy names went down with a failed one and came up again, and no
//! others.
//!
//! A child that was stopped has a reason if its supervisor is on its way out, or if a sibling's end
//! takes it along. A supervisor that restarts anything after a stop is not on its way out.

use super::reign::{Attempt, Reign, Turn, reigns};
use super::{Findings, Tree};
use crate::history::{Change, History};
use plantao_supervisors::Restart;
use std::collections::BTreeMap;
use std::time::Duration;

/// Between the start of one of a group and the next: a supervisor that goes on takes none.
const GROUP_PAUSE: Duration = Duration::from_secs(1);

/// See the module.
pub(super) fn contained(history: &History, tree: &Tree, findings: &mut Findings) {
    for reign in reigns(history, tree) {
        let attempts = reign.attempts();
        complete(&reign, &attempts.made, findings);
        let mut from = 0;
        for attempt in &attempts.made {
            stopped(&reign, attempt, from, findings);
            restarted(&reign, attempt, findings);
            from = attempt.seq();
        }
    }
}

/// Each group was started again to its end, where its supervisor had the time for it.
fn complete(reign: &Reign<'_>, made: &[Attempt<'_>], findings: &mut Findings) {
    let is_quarantined = |turn: &Turn<'_>| turn.change == Change::Quarantined;
    if !reign.plan.is_grouped() || reign.turns.iter().any(is_quarantined) {
        return;
    }
    for attempt in made {
        let (Some(fall), Some(last)) = (attempt.falls.first(), attempt.members.last()) else {
            continue;
        };
        let after = |turn: &&Turn<'_>| turn.seq > last.seq;
        let mut came = reign.turns.iter().filter(after);
        let up = came.find(|turn| turn.child == last.child && turn.change == Change::Started);
        let Some(up) = up else {
            // It failed to start: the group is begun again.
            continue;
        };
        // A supervisor that was itself struck in between had none.
        let later = |turn: &Turn<'_>| turn.at > up.at.saturating_add(GROUP_PAUSE);
        let fell_again = reign.turns.iter().any(|turn| {
            turn.seq > attempt.seq() && turn.at <= up.at + GROUP_PAUSE && turn.change.is_end()
        });
        if fell_again || !reign.turns.iter().any(later) {
            continue;
        }
        let started = |id: &str| attempt.members.iter().any(|member| member.child == id);
        for child in &reign.plan.children {
            let is_named = reign.plan.takes_along(fall.child, &child.id);
            if is_named && child.restart == Restart::Permanent && !started(&child.id) {
                let (path, id) = (reign.path, &child.id);
                let what = format!(
                    "`{path}/{id}` was not restarted; the end of `{}` takes it along",
                    fall.child
                );
                findings.when(up.seq, up.at, what);
            }
        }
    }
}

/// Each child that was stopped since the last restart is taken along by one that fell.
fn stopped(reign: &Reign<'_>, attempt: &Attempt<'_>, from: u64, findings: &mut Findings) {
    let since = reign
        .turns
        .iter()
        .filter(|turn| turn.change == Change::Stopped && from < turn.seq)
        .filter(|turn| turn.seq < attempt.seq());
    for turn in since {
        // Whoever comes and goes may be told to go.
        let is_asked = reign.plan.place(turn.child).is_none();
        if !is_asked && !attempt.explains(reign.plan, turn.child, turn.seq) {
            findings.when(turn.seq, turn.at, told(reign, turn, attempt, "stopped"));
        }
    }
}

/// Each child that was started again fell, or is taken along by one that did.
fn restarted(reign: &Reign<'_>, attempt: &Attempt<'_>, findings: &mut Findings) {
    for member in &attempt.members {
        let is_reasoned = attempt.explains(reign.plan, member.child, member.seq);
        // One stopped without a reason is told of already.
        let was_stopped = reign.plan.place(member.child).is_some()
            && last_ends(reign, member.seq).get(member.child) == Some(&Change::Stopped);
        if !is_reasoned && !was_stopped {
            findings.when(
                member.seq,
                member.at,
                told(reign, member, attempt, "restarted"),
            );
        }
    }
}

/// How each child last ended before an event.
fn last_ends<'a>(reign: &Reign<'a>, seq: u64) -> BTreeMap<&'a str, Change> {
    let before = reign.turns.iter().filter(|turn| turn.seq < seq);
    let ends = before.filter(|turn| turn.change.is_end());
    ends.map(|turn| (turn.child, turn.change)).collect()
}

fn told(reign: &Reign<'_>, turn: &Turn<'_>, attempt: &Attempt<'_>, how: &str) -> String {
    let (path, child) = (reign.path, turn.child);
    let mut fell: Vec<&str> = attempt.falls.iter().map(|fall| fall.child).collect();
    fell.dedup();
    if fell.is_empty() {
        return format!("`{path}/{child}` was {how} and nothing called for it");
    }
    let fell = fell.join("`, `");
    format!("`{path}/{child}` was {how}; the end of `{fell}` does not reach it")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{change, ended, found, history, holds, tree, violates};
    use super::super::{Arrangement, Tree, check};
    use crate::Invariant::BlastContained;
    use crate::history::Change::{Exited, GaveUp, Restarting, Started, Stopped};
    use crate::history::{Reason, What};
    use plantao_supervisors::{Intensity, Restart, Strategy};
    use proptest::prelude::{Just, prop, prop_assert_eq, prop_oneof, proptest};
    use std::time::Duration;

    const IDS: [&str; 3] = ["a", "b", "c"];

    /// `failed` exits, those in `group` are stopped in reverse and all are started again in order.
    fn disturbance(failed: usize, group: &[usize]) -> Vec<(u64, What)> {
        let path = |place: usize| format!("root/{}", IDS[place]);
        let mut events = vec![(1, change(&path(failed), Exited))];
        for place in (0..IDS.len()).rev().filter(|place| group.contains(place)) {
            events.push((2, change(&path(place), Stopped)));
        }
        for place in (0..IDS.len()).filter(|place| *place == failed || group.contains(place)) {
            events.push((3, change(&path(place), Restarting)));
            events.push((4, change(&path(place), Started)));
        }
        events
    }

    proptest! {
        #[test]
        fn a_group_holds_only_if_the_strategy_names_all_of_it(
            (strategy, named) in prop_oneof![
                Just((Strategy::OneForOne, 0)),
                Just((Strategy::OneForAll, 1)),
                Just((Strategy::RestForOne, 2)),
            ],
            failed in 0..IDS.len(),
            members in prop::collection::vec(0..IDS.len(), 0..3),
        ) {
            let group: Vec<usize> = members.into_iter().filter(|one| *one != failed).collect();
            let is_named = |place: &usize| match named {
                0 => false,
                1 => true,
                _ => *place > failed,
            };
            let found = found(BlastContained, &tree(strategy), disturbance(failed, &group));
            prop_assert_eq!(found.is_empty(), group.iter().all(is_named), "{:?}", found);
        }
    }

    #[test]
    fn a_group_that_was_left_half_down_names_who_stayed_there() {
        let half = |strategy, failed: usize, group: &[usize], words: &str| {
            let mut events = disturbance(failed, group);
            events.push((9_000, change("root/c", Stopped)));
            violates(BlastContained, &tree(strategy), events, words);
        };
        let words = "`root/c` was not restarted; the end of `b` takes it along";
        half(Strategy::RestForOne, 1, &[], words);
        let words = "`root/a` was not restarted; the end of `b` takes it along";
        half(Strategy::OneForAll, 1, &[2], words);
        // Struck down in the middle of it, the supervisor had no time.
        let mut cut = disturbance(1, &[]);
        cut.push((10, change("root/b", Stopped)));
        holds(BlastContained, &tree(Strategy::RestForOne), cut);
    }

    #[test]
    fn an_innocent_sibling_that_is_taken_along_is_named_with_the_one_that_fell() {
        let words = "`root/a` was stopped; the end of `b` does not reach it";
        violates(
            BlastContained,
            &tree(Strategy::RestForOne),
            disturbance(1, &[0]),
            words,
        );
    }

    #[test]
    fn the_stops_of_a_supervisor_that_leaves_need_no_fallen_child() {
        let stops = ["root/c", "root/b", "root/a"].map(|path| (5, change(path, Stopped)));
        let gave_up = [(4, change("root/b", Exited)), (4, change("root", GaveUp))];
        let left = [(6, change("root", Exited)), (7, What::NodeStarted)];
        let next = [
            (8, change("root/a", Exited)),
            (8, change("root/a", Restarting)),
        ];
        let one = tree(Strategy::OneForOne);
        let whole: Vec<_> = stops.clone().into_iter().chain(left.clone()).collect();
        holds(BlastContained, &one, whole.into_iter().chain(next.clone()));
        let given_up = gave_up
            .into_iter()
            .chain([stops[0].clone(), stops[2].clone()]);
        holds(BlastContained, &one, given_up.chain(left).chain(next));
    }

    #[test]
    fn a_supervisor_that_gave_up_counts_as_an_exit_one_level_up() {
        let limits = Intensity::new(0, Duration::from_secs(1));
        let permanent = Restart::Permanent;
        let rest = Arrangement::Fixed(Strategy::RestForOne);
        let children = ["x", "s", "y"].map(|id| (id, permanent));
        let tree = Tree::new().with("root", rest, limits, &children).with(
            "root/s",
            rest,
            limits,
            &[("v", permanent), ("w", permanent)],
        );
        let events = |stopped: &str| {
            vec![
                (1, change("root/s/w", Exited)),
                (1, change("root/s", GaveUp)),
                (2, change("root/s/v", Stopped)),
                (2, change("root/s", Exited)),
                (3, change(stopped, Stopped)),
                (4, change("root/s", Restarting)),
                (4, change("root/s/v", Started)),
                (4, change("root/s/w", Started)),
                (4, change("root/s", Started)),
            ]
        };
        holds(BlastContained, &tree, events("root/y"));
        violates(
            BlastContained,
            &tree,
            events("root/x"),
            "the end of `s` does not reach it",
        );
    }

    #[test]
    fn a_restart_that_nothing_calls_for_is_found() {
        let clean = vec![
            (1, ended("root/t", Exited, Reason::Normal)),
            (1, change("root/t", Restarting)),
        ];
        let limits = Intensity::new(9, Duration::from_secs(1));
        let fixed = Arrangement::Fixed(Strategy::OneForOne);
        let children = [("t", Restart::Transient)];
        let tree = Tree::new().with("root", fixed, limits, &children);
        violates(BlastContained, &tree, clean, "nothing called for it");
    }

    #[test]
    fn a_dynamic_child_that_was_told_to_go_disturbs_nobody() {
        let limits = Intensity::new(9, Duration::from_secs(1));
        let children = [("*", Restart::Transient)];
        let tree = Tree::new().with("root", Arrangement::Dynamic, limits, &children);
        let events = [
            (1, change("root/s-1", Stopped)),
            (1, change("root/s-2", Exited)),
            (1, change("root/s-2", Restarting)),
            (2, change("root/s-1", Started)),
        ];
        holds(BlastContained, &tree, events.clone());
        let taken_along = events
            .into_iter()
            .chain([(3, change("root/s-1", Restarting))]);
        let found = check(BlastContained, &history(taken_along), &tree);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].seq, 5);
    }
}
