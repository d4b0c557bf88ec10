//! Restarts never exceed what a supervisor allows, and it gives up when they would, not before.
//!
//! The window is inclusive, as OTP counts: a restart exactly one period old still counts, a group
//! counts once, and every retry again. When a restart was decided is known only to lie between an
//! end and the start that follows; it is held against the supervisor only if it is one too many
//! wherever it lies between them.

use super::reign::{Attempts, Reign, reigns};
use super::{Findings, Tree};
use crate::history::{Change, History};
use plantao_supervisors::Intensity;
use std::time::Duration;

/// See the module.
pub(super) fn obeyed(history: &History, tree: &Tree, findings: &mut Findings) {
    for reign in reigns(history, tree) {
        let attempts = reign.attempts();
        not_exceeded(&reign, &attempts, findings);
        not_before(&reign, findings);
        not_after(&reign, findings);
    }
}

/// No more restarts than allowed within one period.
fn not_exceeded(reign: &Reign<'_>, attempts: &Attempts<'_>, findings: &mut Findings) {
    let Intensity { restarts, period } = reign.plan.intensity;
    let counted: Vec<(Duration, Duration, u64)> = attempts
        .made
        .iter()
        .filter_map(|made| Some((made.decided_from()?, made.decided_until(), made.seq())))
        .collect();
    let too_many = usize::try_from(restarts)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    for window in counted.windows(too_many) {
        let first = window.iter().map(|(from, ..)| *from).min();
        let last = window.iter().map(|(_, until, seq)| (*until, *seq)).max();
        let (Some(first), Some((last, seq))) = (first, last) else {
            continue;
        };
        if last.saturating_sub(first) <= period {
            let path = reign.path;
            let what = format!(
                "`{path}` made {too_many} restarts within {period:?}; {restarts} are allowed"
            );
            findings.when(seq, last, what);
        }
    }
}

/// It gave up only because of one restart too many.
fn not_before(reign: &Reign<'_>, findings: &mut Findings) {
    let Some((seq, at)) = reign.gave_up else {
        return;
    };
    let Intensity { restarts, period } = reign.plan.intensity;
    let before = Reign {
        turns: reign
            .turns
            .iter()
            .filter(|turn| turn.seq < seq)
            .copied()
            .collect(),
        ..*reign
    };
    let attempts = before.attempts();
    let counts = |until: Duration| at.saturating_sub(until) <= period;
    let made = attempts.made.iter();
    let made = made.filter(|made| !made.falls.is_empty() && counts(made.decided_until()));
    // The last of those that no restart answers is what it gave up for; others may wait.
    let waiting = attempts.unanswered.iter().filter(|fall| counts(fall.at));
    let most = made.count() + waiting.count().max(1);
    if u32::try_from(most).is_ok_and(|most| most <= restarts) {
        let path = reign.path;
        let what = format!(
            "`{path}` gave up with {most} restarts within {period:?}; {restarts} are allowed"
        );
        findings.when(seq, at, what);
    }
}

/// Having given up, it restarts nothing.
fn not_after(reign: &Reign<'_>, findings: &mut Findings) {
    let Some((seq, _)) = reign.gave_up else {
        return;
    };
    let mut after = reign.turns.iter().filter(|turn| turn.seq > seq);
    if let Some(turn) = after.find(|turn| turn.change == Change::Restarting) {
        let what = format!(
            "`{}` restarted `{}` after it gave up",
            reign.path, turn.child
        );
        findings.when(turn.seq, turn.at, what);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{change, found, holds, tree, violates};
    use super::super::{Arrangement, Tree};
    use crate::Invariant::IntensityObeyed;
    use crate::history::Change::{Exited, GaveUp, Restarting, StartFailed, Started, Stopped};
    use crate::history::What;
    use plantao_supervisors::{Intensity, Restart, Strategy};
    use proptest::prelude::{Just, prop, prop_assert_eq, prop_oneof, proptest};
    use std::time::Duration;

    /// Exits of `root/a`, each followed at once by its restart.
    fn restarts(at: &[u64]) -> Vec<(u64, What)> {
        let turns = [Exited, Restarting, Started];
        let each = |at: &u64| turns.map(|turn| (*at, change("root/a", turn)));
        at.iter().flat_map(each).collect()
    }

    #[test]
    fn as_many_restarts_as_allowed_hold_and_the_next_makes_it_give_up() {
        let one = tree(Strategy::OneForOne);
        holds(IntensityObeyed, &one, restarts(&[0, 1000]));
        let mut events = restarts(&[0, 500]);
        let last = [
            change("root/a", Exited),
            change("root", GaveUp),
            change("root", Exited),
        ];
        events.extend(last.map(|what| (1000, what)));
        holds(IntensityObeyed, &one, events);
    }

    #[test]
    fn one_restart_too_many_is_found_and_one_just_older_than_the_period_is_not() {
        let one = tree(Strategy::OneForOne);
        violates(
            IntensityObeyed,
            &one,
            restarts(&[0, 400, 1000]),
            "made 3 restarts",
        );
        holds(IntensityObeyed, &one, restarts(&[0, 400, 1001]));
    }

    #[test]
    fn giving_up_too_early_is_found() {
        let one = tree(Strategy::OneForOne);
        let last = [change("root/a", Exited), change("root", GaveUp)];
        let mut events = restarts(&[0, 500]);
        events.extend(last.clone().map(|what| (1001, what)));
        violates(IntensityObeyed, &one, events, "gave up with 2 restarts");
        let mut first = Vec::new();
        first.extend(last.map(|what| (5, what)));
        violates(IntensityObeyed, &one, first, "gave up with 1 restarts");
    }

    #[test]
    fn a_group_counts_once_and_every_retry_again() {
        let all = tree(Strategy::OneForAll);
        let (a, b) = ("root/a", "root/b");
        let group = [
            (0, change(a, Exited)),
            (0, change(b, Stopped)),
            (0, change(a, Restarting)),
            (0, change(a, Started)),
            (0, change(b, Restarting)),
            (0, change(b, StartFailed)),
        ];
        let again = [
            (1, change(a, Stopped)),
            (1, change(a, Restarting)),
            (1, change(b, Restarting)),
        ];
        let twice: Vec<_> = group.into_iter().chain(again).collect();
        holds(IntensityObeyed, &all, twice.clone());
        let failed = [(2, change(b, StartFailed)), (2, change(a, Restarting))];
        violates(
            IntensityObeyed,
            &all,
            twice.into_iter().chain(failed),
            "made 3 restarts",
        );
    }

    #[test]
    fn a_supervisor_that_restarts_a_child_after_giving_up_is_found() {
        let one = tree(Strategy::OneForOne);
        let mut events = restarts(&[0, 100]);
        events.extend([
            (200, change("root/a", Exited)),
            (200, change("root", GaveUp)),
        ]);
        events.push((1500, change("root/a", Restarting)));
        violates(IntensityObeyed, &one, events, "after it gave up");
    }

    #[test]
    fn a_supervisor_that_was_restarted_counts_from_zero() {
        let limits = Intensity::new(1, Duration::from_secs(1));
        let permanent = Restart::Permanent;
        let fixed = Arrangement::Fixed(Strategy::OneForOne);
        let tree = Tree::new()
            .with("root", fixed, limits, &[("s", permanent)])
            .with("root/s", fixed, limits, &[("w", permanent)]);
        let worker =
            |at: u64| [Exited, Restarting, Started].map(|turn| (at, change("root/s/w", turn)));
        let gave_up = [
            (2, change("root/s/w", Exited)),
            (2, change("root/s", GaveUp)),
            (2, change("root/s", Exited)),
            (2, change("root/s", Restarting)),
            (2, change("root/s/w", Started)),
            (2, change("root/s", Started)),
        ];
        let events = worker(1).into_iter().chain(gave_up).chain(worker(3));
        holds(IntensityObeyed, &tree, events);
    }

    #[test]
    fn what_was_counted_before_a_crash_of_the_node_does_not_count_after_it() {
        let mut events = restarts(&[0, 1]);
        events.extend([(2, What::NodeCrashed), (3, What::NodeStarted)]);
        events.extend(restarts(&[4, 5]));
        holds(IntensityObeyed, &tree(Strategy::OneForOne), events);
    }

    proptest! {
        #[test]
        fn a_supervisor_that_counts_as_otp_holds_and_one_that_is_off_by_one_does_not(
            allowed in 0_u32..5,
            period_ms in 1_u64..50,
            gaps_ms in prop::collection::vec(0_u64..20, 1..40),
            off in prop_oneof![Just(-1_i64), Just(0), Just(1)],
        ) {
            let limits = Intensity::new(allowed, Duration::from_millis(period_ms));
            let children = [("a", Restart::Permanent)];
            let fixed = Arrangement::Fixed(Strategy::OneForOne);
            let tree = Tree::new().with("root", fixed, limits, &children);
            let puts_up_with = i64::from(allowed) + off;
            let (mut now, mut kept, mut events) = (0, Vec::new(), Vec::new());
            let (mut gave_up, mut most) = (false, 0);
            for gap in gaps_ms {
                now += gap;
                kept.push(now);
                kept.retain(|at| now - at <= period_ms);
                most = most.max(kept.len());
                events.push((now, change("root/a", Exited)));
                gave_up = i64::try_from(kept.len()).unwrap() > puts_up_with;
                if gave_up {
                    events.push((now, change("root", GaveUp)));
                    events.push((now, change("root", Exited)));
                    break;
                }
                events.extend([Restarting, Started].map(|turn| (now, change("root/a", turn))));
            }
            let exceeded = most > usize::try_from(allowed).unwrap();
            let is_wrong = if gave_up { !exceeded || off > 0 } else { exceeded };
            let found = found(IntensityObeyed, &tree, events);
            prop_assert_eq!(!found.is_empty(), is_wrong, "{:?}", found);
        }
    }
}
