//! Whether two traces of one script say the same.
//!
//! They have to, event by event and in the same order over the whole tree, at every step. What is
//! allowed to differ is in the table of divergences and nowhere else; each rule below that sets
//! something aside names its row there.

use std::collections::BTreeSet;

use crate::divergences::Divergence;
use crate::model::{Script, Step, is_below, split};
use crate::roster::Roster;
use crate::trace::{Event, Moment, Trace, side_by_side};

/// The divergences that the traces show, or where they differ otherwise.
pub(crate) fn compare(
    script: &Script,
    otp: &Trace,
    here: &Trace,
) -> Result<BTreeSet<Divergence>, String> {
    let mut found = BTreeSet::new();
    let judge = Judge {
        dynamics: script.dynamics(),
        groups: script.groups(),
    };
    for place in 0..otp.len().max(here.len()) {
        let step = place
            .checked_sub(1)
            .and_then(|place| script.steps.get(place));
        let (Some(otp), Some(here)) = (otp.get(place), here.get(place)) else {
            return Err(format!("one side ends before step {place}"));
        };
        let is_last = judge.moment(step, otp, here, &mut found).map_err(|why| {
            format!(
                "step {place} differs in {why}; OTP on the left:\n{}",
                side_by_side(&otp.lines(), &here.lines())
            )
        })?;
        if is_last {
            break;
        }
    }
    Ok(found)
}

struct Judge {
    dynamics: BTreeSet<String>,
    groups: BTreeSet<String>,
}

/// Events in the form in which they are compared.
#[derive(Debug, PartialEq, Eq)]
struct Account {
    /// In order.
    events: Vec<Event>,
    /// What ended below supervisors that were killed: in any order, whatever the reason.
    torn: Vec<(String, u32)>,
}

impl Judge {
    /// True when nothing after this step can be compared.
    fn moment(
        &self,
        step: Option<&Step>,
        otp: &Moment,
        here: &Moment,
        found: &mut BTreeSet<Divergence>,
    ) -> Result<bool, &'static str> {
        if !self.is_same_answer(step, otp, here, found) {
            return Err("the answer");
        }
        // Before the tree is up nobody can listen to what it says of its supervisors, and what
        // OTP knows about them has to do for both.
        let silent = step.is_none().then(|| killed(&otp.events));
        let account = |moment: &Moment| self.account(step, &moment.events, silent.as_ref());
        let (theirs, ours) = (account(otp), account(here));
        if theirs != ours {
            return Err("the events");
        }
        if !theirs.torn.is_empty() {
            found.insert(Divergence::KilledSupervisor);
        }
        let mut theirs = Vec::new();
        for roster in &otp.children {
            let is_dynamic = self.dynamics.contains(&roster.path);
            theirs.push(roster.as_here(is_dynamic, found));
        }
        if theirs != here.children {
            return Err("the children");
        }
        if otp.left != here.left {
            return Err("how the root ended");
        }
        Ok(otp.children.iter().any(Roster::has_ghosts))
    }

    /// Divergences: a dynamic child that is gone is `ok` to terminate there; what can never be
    /// done is refused here whether or not the supervisor is up.
    fn is_same_answer(
        &self,
        step: Option<&Step>,
        otp: &Moment,
        here: &Moment,
        found: &mut BTreeSet<Divergence>,
    ) -> bool {
        let step = match step {
            Some(Step::During(_, _, step)) => Some(&**step),
            step => step,
        };
        let answers = (otp.answer.as_str(), here.answer.as_str());
        if let Some(Step::WhichChildren(_)) = step {
            let listed: Vec<&str> = otp.answer.split(' ').rev().collect();
            return listed.join(" ") == here.answer;
        }
        let known = match step {
            Some(Step::TerminateChild(path, _)) if self.dynamics.contains(path) => {
                (answers == ("ok", "not_found")).then_some(Divergence::TerminateGoneDynamic)
            }
            Some(Step::RestartChild(path, _) | Step::DeleteChild(path, _))
                if self.dynamics.contains(path) =>
            {
                let refused = answers == ("unavailable", "simple_one_for_one");
                refused.then_some(Divergence::RefusedAtOnce)
            }
            Some(Step::StartChild(..) | Step::CodeChange(..)) => {
                let refused = answers == ("unavailable", "bad_spec");
                refused.then_some(Divergence::RefusedAtOnce)
            }
            _ => None,
        };
        found.extend(known);
        known.is_some() || otp.answer == here.answer
    }

    fn account(
        &self,
        step: Option<&Step>,
        events: &[Event],
        silent: Option<&BTreeSet<String>>,
    ) -> Account {
        let is_torn = |place: usize, path: &str| match silent {
            Some(killed) => killed.iter().any(|above| is_below(path, above)),
            None => is_torn(events, place),
        };
        let (mut kept, mut torn) = (Vec::new(), Vec::new());
        for (place, event) in events.iter().enumerate() {
            match event {
                Event::Up { .. } | Event::Fail { .. } | Event::Down { .. } if silent.is_some() => {}
                Event::Stop { path, number, .. } if is_torn(place, path) => {
                    torn.push((path.clone(), *number));
                }
                Event::Down { path, number, .. } if is_torn(place, path) => {
                    torn.push((path.clone(), *number));
                }
                event => kept.push(event.clone()),
            }
        }
        torn.sort();
        self.sort_concurrent(step, &mut kept);
        if matches!(step, Some(Step::During(..))) {
            // Two supervisors are at work at the same time, or one at two children that do not
            // depend on each other: each keeps its own order.
            kept.sort_by_key(|event| {
                let above = split(event.path()).0;
                let whose = if self.groups.contains(above) {
                    above
                } else {
                    event.path()
                };
                whose.to_owned()
            });
        }
        Account { events: kept, torn }
    }

    /// Dynamic children stop at the same time, on both sides: runs of their ends are sorted by
    /// child. The exit that a step itself causes stays first.
    fn sort_concurrent(&self, step: Option<&Step>, events: &mut [Event]) {
        let cause = match step {
            Some(Step::Exit(path, _) | Step::During(path, _, _)) => Some(path.as_str()),
            _ => None,
        };
        let caused = events
            .first()
            .is_some_and(|event| cause == Some(event.path()));
        let rest = events.get_mut(usize::from(caused)..).unwrap_or_default();
        for run in rest.chunk_by_mut(|one, next| {
            let above = self.stopped_below(one);
            above.is_some() && above == self.stopped_below(next)
        }) {
            run.sort_by_key(|event| self.dynamic_child(event).map(str::to_owned));
        }
    }

    /// The outermost dynamic supervisor below which the event is the end of something.
    fn stopped_below(&self, event: &Event) -> Option<&str> {
        let (Event::Stop { path, .. } | Event::Down { path, .. }) = event else {
            return None;
        };
        let mut above = self.dynamics.iter().filter(|above| is_below(path, above));
        above.next().map(String::as_str)
    }

    /// The id of the dynamic child that the event is about or is below.
    fn dynamic_child<'e>(&self, event: &'e Event) -> Option<&'e str> {
        let above = self.stopped_below(event)?;
        let rest = event.path().get(above.len() + 1..)?;
        rest.split('/').next()
    }
}

fn killed(events: &[Event]) -> BTreeSet<String> {
    let killed = events.iter().filter_map(|event| match event {
        Event::Down { path, reason, .. } if reason == "killed" => Some(path.clone()),
        _ => None,
    });
    killed.collect()
}

/// Whether what ends at `place` was below a supervisor that was killed: the first end of that
/// supervisor after it came up was a kill of its own, not one that it was torn along by.
fn is_torn(events: &[Event], place: usize) -> bool {
    let Some(event) = events.get(place) else {
        return false;
    };
    let since = came_up(events, event).map_or(0, |up| up + 1);
    let mut above = event.path();
    while let Some((parent, _)) = above.rsplit_once('/') {
        above = parent;
        let own_end = (since..events.len()).find_map(|place| match events.get(place)? {
            Event::Down { path, reason, .. } if path == above && !is_torn(events, place) => {
                Some(reason)
            }
            _ => None,
        });
        if own_end.is_some_and(|reason| reason == "killed") {
            return true;
        }
    }
    false
}

/// Where in this step that came up which ends, unless it was up before.
fn came_up(events: &[Event], end: &Event) -> Option<usize> {
    events.iter().position(|event| match (event, end) {
        (
            Event::Start { path, number, .. },
            Event::Stop {
                path: ended,
                number: last,
                ..
            },
        )
        | (
            Event::Up { path, number },
            Event::Down {
                path: ended,
                number: last,
                ..
            },
        ) => path == ended && number == last,
        _ => false,
    })
}
