//! Rare states that a campaign has to reach at times: one that never met them tested little.
//!
//! Invariants say what never happens. These say what has to: a run in which no supervisor ever gave
//! up shows nothing about giving up.

use super::rare::Rare;
use super::reign::reigns;
use super::tree::Tree;
use crate::history::{Change, History, RequestEnd, Status, What};
use plantao_schema::audit::{Outcome, Phase};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How often each rare state was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sometimes {
    counts: BTreeMap<Rare, u64>,
}

impl Sometimes {
    /// What one history reached.
    #[must_use]
    pub fn of(history: &History, tree: &Tree) -> Self {
        let mut reached = Self::default();
        let mut asking = Asking::default();
        for event in history.events() {
            let rare = Rare::of_one(&event.what).or_else(|| asking.follow(&event.what));
            reached.add(rare);
        }
        reached.see_trail(history);
        let reigns = reigns(history, tree);
        for attempt in reigns.iter().flat_map(|reign| reign.attempts().made) {
            let mut falls = attempt.falls.iter();
            let is_retried = falls.any(|fall| fall.change == Change::StartFailed);
            reached.add(is_retried.then_some(Rare::StartRetried));
            reached.add((attempt.members.len() > 1).then_some(Rare::GroupRestarted));
        }
        reached
    }

    /// A state was reached that no event tells of.
    pub fn mark(&mut self, rare: Rare) {
        let count = self.counts.entry(rare).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes in what another run reached.
    pub fn merge(&mut self, other: &Self) {
        for (rare, times) in &other.counts {
            let count = self.counts.entry(*rare).or_default();
            *count = count.saturating_add(*times);
        }
    }

    /// How often a state was reached.
    #[must_use]
    pub fn count(&self, rare: Rare) -> u64 {
        self.counts.get(&rare).copied().unwrap_or_default()
    }

    /// What was never reached.
    #[must_use]
    pub fn never(&self) -> Vec<Rare> {
        let all = Rare::ALL.into_iter();
        all.filter(|rare| self.count(*rare) == 0).collect()
    }

    fn add(&mut self, rare: Option<Rare>) {
        if let Some(rare) = rare {
            self.mark(rare);
        }
    }

    fn see_trail(&mut self, history: &History) {
        let mut acknowledged = BTreeSet::new();
        let mut completed = BTreeSet::new();
        for event in history.events() {
            match &event.what {
                What::EntryAcknowledged { entry, .. } => acknowledged.insert(*entry),
                What::EntryCompleted { entry, .. } => completed.insert(*entry),
                _ => continue,
            };
        }
        for row in history
            .final_trail()
            .map(|(_, rows)| rows)
            .unwrap_or_default()
        {
            let rare = match (row.phase, row.opens) {
                (Phase::Completed, Some(opened))
                    if row.outcome == Outcome::Unknown || !completed.contains(&opened) =>
                {
                    Some(Rare::EntryReconciled)
                }
                (Phase::Completed, _) => None,
                _ => (!acknowledged.contains(&row.entry)).then_some(Rare::LostReply),
            };
            self.add(rare);
        }
    }
}

/// What has to be remembered to see the others.
#[derive(Default)]
struct Asking<'a> {
    revoked: BTreeSet<&'a str>,
    /// Requests about patients who had withdrawn.
    withdrawn: BTreeSet<u64>,
    has_crashed: bool,
}

impl<'a> Asking<'a> {
    fn follow(&mut self, what: &'a What) -> Option<Rare> {
        match what {
            What::Revoked(scope) => self.revoked.extend(scope.patient.as_deref()),
            What::Granted(scope) => match scope.patient.as_deref() {
                Some(patient) => drop(self.revoked.remove(patient)),
                None => self.revoked.clear(),
            },
            What::RequestBegan(request) => {
                let patient = request.patient.as_deref();
                if patient.is_some_and(|patient| self.revoked.contains(patient)) {
                    self.withdrawn.insert(request.request);
                }
            }
            What::RequestEnded(end) => return self.end(end),
            What::NodeCrashed => self.has_crashed = true,
            What::Served { ok: true } if std::mem::take(&mut self.has_crashed) => {
                return Some(Rare::NodeRecovered);
            }
            _ => {}
        }
        None
    }

    fn end(&mut self, end: &RequestEnd) -> Option<Rare> {
        let had_withdrawn = self.withdrawn.remove(&end.request);
        match end.status {
            Status::Refused if had_withdrawn => Some(Rare::PermitRefusedAfterRevoke),
            Status::Overloaded => Some(Rare::OverloadShed),
            Status::Unavailable => Some(Rare::UnavailableTold),
            Status::Lost => Some(Rare::ConnectionBroken),
            _ => None,
        }
    }
}

impl Serialize for Sometimes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(Rare::ALL.len()))?;
        for rare in Rare::ALL {
            map.serialize_entry(rare.name(), &self.count(rare))?;
        }
        map.end()
    }
}

impl fmt::Display for Sometimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = Rare::ALL.iter().map(|rare| rare.name().len()).max();
        let width = width.unwrap_or_default();
        for rare in Rare::ALL {
            match self.count(rare) {
                0 => writeln!(f, "{rare:width$}  never")?,
                times => writeln!(f, "{rare:width$}  {times}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{change, history, tree};
    use super::*;
    use crate::history::{PermitGiven, Request, Scope, TrailRow};
    use plantao_supervisors::Strategy;
    use std::time::Duration;

    fn reached(events: &[(u64, What)]) -> Vec<Rare> {
        let events = events.iter().cloned();
        let sometimes = Sometimes::of(&history(events), &tree(Strategy::OneForAll));
        let all = Rare::ALL.into_iter();
        all.filter(|rare| sometimes.count(*rare) > 0).collect()
    }

    #[test]
    fn a_day_on_which_nothing_happened_reached_nothing() {
        assert_eq!(reached(&[]), []);
        assert_eq!(Sometimes::default().never(), Rare::ALL);
    }

    #[test]
    fn a_group_that_restarts_after_a_failed_start_is_seen_as_both() {
        let (a, b) = ("root/a", "root/b");
        let turns = [
            (a, Change::StartFailed),
            (a, Change::Restarting),
            (b, Change::Restarting),
        ];
        let events = turns.map(|(path, turn)| (1, change(path, turn)));
        assert_eq!(reached(&events), [Rare::StartRetried, Rare::GroupRestarted]);
    }

    #[test]
    fn an_entry_that_nobody_heard_of_is_a_lost_reply_and_its_completion_a_reconciliation() {
        let row = |entry, phase, opens, outcome| TrailRow {
            entry,
            chain: "main".to_owned(),
            seq: entry,
            phase,
            opens,
            outcome,
            hash_holds: true,
        };
        let trail = |outcome| {
            let opened = row(1, Phase::Opened, None, Outcome::Pending);
            let entries = vec![opened, row(2, Phase::Completed, Some(1), outcome)];
            (9, What::FinalTrail { entries })
        };
        let lost = [Rare::EntryReconciled, Rare::LostReply];
        assert_eq!(reached(&[trail(Outcome::Unknown)]), lost);
        let outcome = Outcome::Success;
        let chain = "main".to_owned();
        let heard = [
            (
                1,
                What::EntryAcknowledged {
                    entry: 1,
                    chain,
                    seq: 1,
                },
            ),
            (2, What::EntryCompleted { entry: 1, outcome }),
            trail(outcome),
        ];
        assert_eq!(reached(&heard), []);
    }

    #[test]
    fn a_refusal_counts_only_after_the_patient_withdrew() {
        let patient = Some("p1".to_owned());
        let asked = What::RequestBegan(Request {
            request: 1,
            principal: "nurse".to_owned(),
            action: "read".to_owned(),
            resource: "observation".to_owned(),
            patient: patient.clone(),
        });
        let refused = What::RequestEnded(RequestEnd {
            request: 1,
            status: Status::Refused,
            data_out: false,
            receipt: None,
            permit: None,
        });
        let events = [(1, asked), (2, refused)];
        assert_eq!(reached(&events), []);
        let asked_at = Duration::ZERO;
        let scope = Scope {
            patient,
            session: None,
            purpose: None,
            asked_at,
        };
        let withdrew = [(0, What::Revoked(scope))];
        let after = [withdrew.as_slice(), events.as_slice()].concat();
        assert_eq!(reached(&after), [Rare::PermitRefusedAfterRevoke]);
    }

    #[test]
    fn what_events_tell_of_is_seen() {
        let emergency = PermitGiven {
            permit: 1,
            patient: None,
            session: None,
            purpose: "treatment".to_owned(),
            break_glass: true,
        };
        let call = |outcome: &str| What::CallEnded {
            call: 1,
            outcome: outcome.to_owned(),
        };
        for (what, rare) in [
            (change("root/a", Change::GaveUp), Rare::SupervisorGaveUp),
            (change("root", Change::GaveUp), Rare::RootGaveUp),
            (
                change("root/a", Change::Quarantined),
                Rare::ChildQuarantined,
            ),
            (What::PermitGiven(emergency), Rare::BreakGlassGranted),
            (call("timeout"), Rare::CallTimedOut),
            (call("overloaded"), Rare::OverloadShed),
        ] {
            assert_eq!(reached(&[(1, what)]), [rare]);
        }
        let back = [
            What::NodeCrashed,
            What::NodeStarted,
            What::Served { ok: true },
        ];
        assert_eq!(reached(&back.map(|what| (1, what))), [Rare::NodeRecovered]);
    }

    #[test]
    fn counts_of_runs_add_up_and_the_rest_is_told_to_be_missing() {
        let mut one = Sometimes::default();
        one.mark(Rare::LostReply);
        let mut both = one.clone();
        both.merge(&one);
        assert_eq!(both.count(Rare::LostReply), 2);
        assert!(!both.never().contains(&Rare::LostReply));
        let text = both.to_string();
        assert!(text.contains("lost_reply                   2\n"), "{text}");
        assert!(
            text.contains("node_recovered               never\n"),
            "{text}"
        );
    }
}
