//! What an answer with data needs before it leaves, and how long what allows it is good for.

use super::engine::Engine;
use super::{Findings, Tree};
use crate::history::{Event, History, PermitGiven, Request, RequestEnd, Scope, What};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Frames that were on their way when somebody withdrew.
const IN_FLIGHT: Duration = Duration::from_secs(1);

/// No answer with data left without a used permit for it and a receipt before it.
pub(super) fn proven(history: &History, _tree: &Tree, findings: &mut Findings) {
    let mut requests: BTreeMap<u64, &Request> = BTreeMap::new();
    let mut given: BTreeMap<u64, &PermitGiven> = BTreeMap::new();
    let mut used = BTreeSet::new();
    let mut acknowledged = BTreeSet::new();
    pushed(history, findings);
    for event in history.events() {
        match &event.what {
            What::RequestBegan(request) => {
                requests.insert(request.request, request);
            }
            What::PermitGiven(permit) => {
                given.insert(permit.permit, permit);
            }
            What::PermitUsed { permit } => {
                used.insert(*permit);
            }
            What::EntryAcknowledged { entry, .. } | What::EntrySpooled { entry } => {
                acknowledged.insert(*entry);
            }
            What::RequestEnded(end) if end.data_out => {
                let receipt = end
                    .receipt
                    .is_some_and(|entry| acknowledged.contains(&entry));
                let is_used = end.permit.is_some_and(|permit| used.contains(&permit));
                let permit = end.permit.and_then(|permit| given.get(&permit)).copied();
                let asked = requests.get(&end.request).copied();
                if let Some(what) = lack(end, receipt, permit.filter(|_| is_used), asked) {
                    findings.at(event, what);
                }
            }
            _ => {}
        }
    }
}

/// Nothing was pushed about a patient who had withdrawn and was not asked anew; an agreement that
/// is being given may count already.
fn pushed(history: &History, findings: &mut Findings) {
    let grants = grants(history);
    let mut withdrawn: BTreeMap<&str, Duration> = BTreeMap::new();
    for event in history.events() {
        match &event.what {
            What::Revoked(scope) => {
                if let Some(patient) = &scope.patient {
                    withdrawn.insert(patient, event.at);
                }
            }
            What::Pushed { request, patients } => {
                let is_late = |patient: &&String| {
                    let Some(since) = withdrawn.get(patient.as_str()) else {
                        return false;
                    };
                    let again = grants.iter().any(|(over, grant)| {
                        let is_of = grant.patient.as_ref() == Some(*patient);
                        is_of && over.at >= *since && grant.asked_at <= event.at
                    });
                    !again && event.at > since.saturating_add(IN_FLIGHT)
                };
                if let Some(patient) = patients.iter().find(is_late) {
                    findings.at(
                        event,
                        format!("request {request} was pushed {patient}, who had withdrawn"),
                    );
                }
            }
            _ => {}
        }
    }
}

/// What an answer with data went without.
fn lack(
    end: &RequestEnd,
    has_receipt: bool,
    permit: Option<&PermitGiven>,
    asked: Option<&Request>,
) -> Option<String> {
    let number = end.request;
    let Some(permit) = permit else {
        return Some(format!(
            "request {number} was answered with data and without a permit"
        ));
    };
    if !has_receipt {
        return Some(format!(
            "request {number} was answered with data and without a receipt"
        ));
    }
    let asked = asked.and_then(|asked| asked.patient.as_deref())?;
    let allowed = permit.patient.as_deref()?;
    (asked != allowed).then(|| {
        let permit = permit.permit;
        format!("request {number} was answered under permit {permit}, which is for another patient")
    })
}

/// No permit served twice, after what it rested on was durably taken back, or given by nobody.
pub(super) fn fresh(history: &History, _tree: &Tree, findings: &mut Findings) {
    let grants = grants(history);
    let mut given: BTreeMap<u64, (&Event, &PermitGiven)> = BTreeMap::new();
    let mut revocations: Vec<(&Event, &Scope)> = Vec::new();
    let mut used = BTreeSet::new();
    let mut engine = Engine::default();
    for event in history.events() {
        engine.follow(&event.what);
        match &event.what {
            What::PermitGiven(permit) => {
                given.insert(permit.permit, (event, permit));
                if engine.is_away() {
                    let number = permit.permit;
                    findings.at(
                        event,
                        format!("permit {number} was given with no engine alive"),
                    );
                }
            }
            What::Revoked(scope) => revocations.push((event, scope)),
            What::PermitUsed { permit } => {
                if !used.insert(*permit) {
                    findings.at(event, format!("permit {permit} served twice"));
                }
                let Some((at, permit)) = given.get(permit) else {
                    findings.at(event, format!("permit {permit} served and was never given"));
                    continue;
                };
                let service = Service {
                    given: at,
                    used: event,
                    permit,
                };
                let mut stale = revocations
                    .iter()
                    .filter(|(_, scope)| service.is_after(scope, &grants));
                if let Some((revoked, _)) = stale.next() {
                    let (permit, by) = (permit.permit, revoked.seq);
                    let what = format!("permit {permit} served after event {by} revoked it");
                    findings.at(event, what);
                }
            }
            _ => {}
        }
    }
}

fn grants(history: &History) -> Vec<(&Event, &Scope)> {
    let events = history.events().iter();
    let grants = events.filter_map(|event| match &event.what {
        What::Granted(scope) => Some((event, scope)),
        _ => None,
    });
    grants.collect()
}

/// What a permit was handed in for.
struct Service<'a> {
    given: &'a Event,
    used: &'a Event,
    permit: &'a PermitGiven,
}

impl Service<'_> {
    /// Whether the permit rests on what a revocation, which is over, took back; for sure.
    fn is_after(&self, revoked: &Scope, grants: &[(&Event, &Scope)]) -> bool {
        if !revoked.covers(self.permit) {
            return false;
        }
        // One given before is stale whatever was granted since. One given later is good if
        // something was granted that may have come after the revocation and before the use.
        self.given.at < revoked.asked_at
            || !grants.iter().any(|(over, grant)| {
                grant.covers(self.permit)
                    && over.at >= revoked.asked_at
                    && grant.asked_at <= self.used.at
            })
    }
}

impl Scope {
    /// Whether it is about this permit. One given in an emergency does not rest on consents.
    fn covers(&self, permit: &PermitGiven) -> bool {
        fn agrees(said: Option<&String>, of: Option<&String>) -> bool {
            said.is_none_or(|said| of == Some(said))
        }
        let rests_on_it = self.session.is_some() || !permit.break_glass;
        rests_on_it
            && agrees(self.patient.as_ref(), permit.patient.as_ref())
            && agrees(self.session.as_ref(), permit.session.as_ref())
            && agrees(self.purpose.as_ref(), Some(&permit.purpose))
    }
}

#[cfg(test)]
mod tests;
