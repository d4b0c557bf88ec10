//! Whether two traces of one script say the same.
//!
//! They have to, event by event and in the same order over the whole tree, at every step. What is
//! allowed to differ is in the table of divergences and nowhere else; each rule below that sets
//! something aside names its row there.

use std::collections::BTreeSet;

use crate::divergences::Divergence;
use crate::model::{Script, Step, is_below, split};
use crate::roster::Roster;
use crate::torn;
use crate::trace::{Event, Moment, Trace, side_by_side};

/// The divergences that the traces show, or where they differ otherwise.
pub(crate) fn compare(
    script: &Script,
    otp: &Trace,
    here: &Trace,
) -> Result<BTreeSet<Divergence>, String> {
    let mut found = BTreeSet::new();
    let mut judge = Judge {
        dynamics: script.dynamics(),
        groups: BTreeSet::new(),
    };
    for place in 0..otp.len().max(here.len()) {
        let step = place
            .checked_sub(1)
            .and_then(|place| script.steps.get(place));
        let (Some(otp), Some(here)) = (otp.get(place), here.get(place)) else {
            return Err(format!("one side ends before step {place}"));
        };
        judge.groups = script.groups_after(place);
        let is_last = judge.moment(step, otp, here, &mut found).map_err(|why| {
            format!(
                "step {place} differs in {why}; OTP on the left:\n{}",
                side_by_side(&judge.as_here(otp).lines(), &here.lines())
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
    /// Supervisors that restart children as a group, as of the step that is looked at.
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
        let silent = step.is_none().then(|| torn::killed(&otp.events));
        let account = |moment: &Moment| self.account(step, &moment.events, silent.as_ref());
        let (theirs, ours) = (account(otp), account(here));
        if theirs != ours {
            return Err("the events");
        }
        if !theirs.torn.is_empty() {
            found.insert(Divergence::KilledSupervisor);
        }
        if torn::outlives(&here.events) {
            return Err("that something here ends after its supervisor was killed");
        }
        if self.rosters(otp, found) != here.children {
            return Err("the children");
        }
        if otp.left != here.left {
            return Err("how the root ended");
        }
        Ok(otp.children.iter().any(Roster::has_ghosts))
    }

    /// OTP's children as this crate would list them.
    fn rosters(&self, otp: &Moment, found: &mut BTreeSet<Divergence>) -> Vec<Roster> {
        let rosters = otp.children.iter();
        rosters
            .map(|roster| roster.as_here(self.dynamics.contains(&roster.path), found))
            .collect()
    }

    /// For reports, in which only what is a difference is to look like one.
    fn as_here(&self, otp: &Moment) -> Moment {
        let children = self.rosters(otp, &mut BTreeSet::new());
        Moment {
            children,
            ..otp.clone()
        }
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

    /// Divergences: below a supervisor that was killed, OTP keeps neither order nor reasons; while
    /// a start hangs, more than one thing happens at a time here.
    fn account(
        &self,
        step: Option<&Step>,
        events: &[Event],
        silent: Option<&BTreeSet<String>>,
    ) -> Account {
        let is_torn = |place: usize, path: &str| match silent {
            Some(killed) => killed.iter().any(|above| is_below(path, above)),
            None => torn::killer(events, place).is_some(),
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
